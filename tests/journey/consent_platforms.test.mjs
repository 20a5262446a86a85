// Consent platforms, by `data-consent="auto"`: every row of the table in docs/privacy.md with the platform's own interface, in a real
// browser. Seen from outside: what the test's own server in front of the proxy was asked for, and what the browser keeps. Also a
// change of the answer, the page's own calls beside it, a platform that comes late, and a page that is left early.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { sections, tables } from '../docs/support/pages.mjs';
import { freshPage, launch, patiently } from './support/browser.mjs';
import { brought, click, touches } from './support/effects.mjs';
import { EVERYTHING, kept, privately } from './support/outside.mjs';
import { passage } from './support/passage.mjs';
import { google, gpp, tcf } from './support/platforms.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

let between, product, browser;
before(async () => {
  between = await passage();
  const files = (snippet) => {
    const auto = snippet.replace('data-consent="pending"', 'data-consent="auto"');
    return {
      'auto.html': `${PLAIN}${auto}<h1>Shop</h1>`,
      'asks.html': `${PLAIN}${snippet}<h1>Shop that asks</h1>`,
      'named.html': `${PLAIN}<form id="google_tag_data"><input name="ics"></form><object id="__tcfapi"></object><embed name="__gpp">
        <img name="dataLayer">${auto}<h1>Shop with odd names</h1>`,
      'plain.html': `${PLAIN}<h1>Without Trailmark</h1>`,
    };
  };
  product = await Product.start({ files, consent: 'required', pages: between.url });
  between.to(product.site);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  between?.close();
  await product?.stop();
});

const at = (name, query = '') => `${between.url}/${name}.html?${query}`;
const ready = (page) => page.evaluate(() => trailmark.ready);

/** What the proxy's routes for pages were asked for from now on. */
function recorder() {
  const from = between.asked.length;
  return () => between.asked.slice(from).filter((line) => line.includes('/v1/'));
}
const REPORTED = 'POST /tm/v1/clicks';
const WITHDRAWN = 'DELETE /tm/v1/clicks';

/** A partner's visitor on a page with these platforms; the page is loaded, and the module runs. */
async function arrived(on, { control = false, name = 'auto', prepare = async () => {} } = {}) {
  const came = await click(product, 'ada');
  const { context, page, said } = await freshPage(browser);
  if (control) await privately(context);
  for (const platform of on) await context.addInitScript(platform);
  await prepare(context);
  const asked = recorder();
  await page.goto(at(name, came.query));
  assert.equal((await ready(page)).mode, 'wasm');
  return { came, context, page, said, asked };
}

/** What a page says to its platform: each of these gives a step, which takes the page. */
const steps = {
  tcf: (data) => (page) => page.evaluate((data) => platforms.tcf.say(data), data),
  gpp: (applicableSections, parsedSections) => (page) =>
    page.evaluate((ping) => platforms.gpp.say(ping), { applicableSections, parsedSections, sectionList: applicableSections }),
  changes: () => (page) => page.evaluate(() => platforms.gpp.change()),
  gtag: (...command) => (page) => page.evaluate((command) => gtag(...command), command),
  googleLoads: (region) => (page) => page.evaluate((region) => platforms.google.load(region), region),
  waitIsOver: () => (page) => page.evaluate(() => platforms.google.isOver()),
};

const both = { 1: true, 7: true };
const tc = (consents, more = {}) => ({
  gdprApplies: true, eventStatus: 'useractioncomplete', isServiceSpecific: true,
  purpose: { consents, legitimateInterests: { 7: true } }, vendor: { consents: {}, disclosedVendors: {} }, publisher: { consents: {} }, ...more,
});
const dialog = steps.tcf(tc({}, { eventStatus: 'cmpuishown' }));
const tcfGrants = steps.tcf(tc(both));
const tcfRefuses = steps.tcf(tc({}));

const us = (more = {}, gpc = false) => ({
  usnat: [{ SaleOptOut: 2, SharingOptOut: 2, TargetedAdvertisingOptOut: 2, KnownChildSensitiveDataConsents: [0, 0], ...more }, { SubsectionType: 1, Gpc: gpc }],
});
const gppGrants = steps.gpp([7], us());
const gppRefuses = steps.gpp([7], us({ SaleOptOut: 1 }));

const [granted, denied] = [{ ad_storage: 'granted' }, { ad_storage: 'denied' }];
const byDefault = (values) => steps.gtag('consent', 'default', values);
const update = (values) => steps.gtag('consent', 'update', values);

/** The rows of the table by their first two cells: the ways to come to each, as platforms on the page and steps. */
const ROWS = {
  'TCF 2.3: it is loading, or its first dialog is open': [[[tcf]], [[tcf], dialog]],
  'TCF 2.3: the GDPR does not apply': [[[tcf], steps.tcf({ gdprApplies: false })]],
  'TCF 2.3: consent to purposes 1 and 7, for vendors or for the site itself': [
    [[tcf], dialog, tcfGrants],
    [[tcf], steps.tcf(tc({}, { eventStatus: 'tcloaded', publisher: { consents: both } }))],
  ],
  'TCF 2.3: no consent to purpose 1 or 7; a legitimate interest does not count': [
    [[tcf], dialog, tcfRefuses], [[tcf], steps.tcf(tc({ 1: true }))], [[tcf], steps.tcf(tc({ 7: true }, { eventStatus: 'tcloaded' }))],
  ],
  'TCF 2.3: the visitor opens the dialog again': [
    { state: 'granted', way: [[tcf], tcfGrants, dialog] }, { state: 'denied', way: [[tcf], tcfRefuses, dialog] },
  ],
  'TCF 2.3: the answer is one for all sites, which the TCF no longer accepts': [[[tcf], steps.tcf(tc(both, { isServiceSpecific: false }))]],
  'GPP: its signal is not ready, also while the visitor changes the answer': [[[gpp]], [[gpp], gppRefuses, steps.changes()]],
  'GPP: no section applies to this visitor': [[[gpp], steps.gpp([-1], {})]],
  'GPP: a section of the United States, without an opt-out': [[[gpp], gppGrants]],
  'GPP: an opt-out of sale, sharing or targeted advertising': [
    [[gpp], gppRefuses], [[gpp], steps.gpp([7], us({ SharingOptOut: 1 }))], [[gpp], steps.gpp([7], us({ TargetedAdvertisingOptOut: 1 }))],
  ],
  'GPP: Global Privacy Control in a section of the United States': [[[gpp], steps.gpp([7], us({}, true))]],
  'GPP: a child without consent': [[[gpp], steps.gpp([7], us({ KnownChildSensitiveDataConsents: [0, 1] }))]],
  'GPP: consent to purposes 1 and 7 in `tcfeuv2` or `tcfcav1`': [
    [[gpp], steps.gpp([2], { tcfeuv2: [{ PurposeConsent: [1, 7] }] })],
    [[gpp], steps.gpp([5], { tcfcav1: [{ PurposesExpressConsent: [1], PurposesImpliedConsent: [7] }] })],
  ],
  'GPP: no consent to purpose 1 or 7 in `tcfeuv2` or `tcfcav1`': [
    [[gpp], steps.gpp([2], { tcfeuv2: [{ PurposeConsent: [1] }] })],
    [[gpp], steps.gpp([5], { tcfcav1: [{ PurposesExpressConsent: [], PurposesImpliedConsent: [7] }] })],
  ],
  'GPP: a section applies that is missing or unknown': [[[gpp], steps.gpp([8], us())], [[gpp], steps.gpp([99], us())]],
  'Google Consent Mode: a default denies, and nobody has answered': [
    [[google], byDefault(denied)], [[google], steps.googleLoads(), byDefault(denied)],
  ],
  'Google Consent Mode: a default grants, and nobody has answered': [
    [[google], byDefault(granted)], [[google], byDefault(granted), steps.googleLoads()],
    // Elsewhere it is denied, which Google's script knows.
    [[google], byDefault({ ...denied, region: ['DE'] }), byDefault(granted), steps.googleLoads('US'), update({ analytics_storage: 'denied' })],
  ],
  'Google Consent Mode: a default grants, and `wait_for_update` is not over': [
    [[google], byDefault({ ...granted, wait_for_update: 500 })],
    [[google], steps.googleLoads(), byDefault({ ...granted, wait_for_update: 500 })],
  ],
  'Google Consent Mode: an update grants `ad_storage`, and `ad_user_data` where it is stated': [
    [[google], byDefault(denied), update(granted)],
    [[google], byDefault({ ...denied, ad_user_data: 'denied' }), steps.googleLoads(), update({ ...granted, ad_user_data: 'granted' })],
  ],
  'Google Consent Mode: an update denies `ad_storage` or `ad_user_data`': [
    [[google], byDefault(denied), steps.googleLoads(), update(denied)], [[google], update({ ...granted, ad_user_data: 'denied' })],
  ],
  'Google Consent Mode: nothing about `ad_storage`': [
    { state: 'pending', way: [[google], byDefault({ analytics_storage: 'granted' })] },
    { state: 'granted', way: [[google, tcf], byDefault({ analytics_storage: 'denied' }), tcfGrants] },
  ],
  'any: it never answers': [[[tcf]], [[gpp]], [[google]]],
  'several: one has not answered, another grants': [[[tcf, gpp], gppGrants], [[tcf, google], byDefault(denied), tcfGrants]],
  'several: one refuses, another grants': [[[tcf, gpp], gppRefuses, tcfGrants], [[gpp, google], update(denied), gppGrants]],
  'none: there is none on the page': [[[]]],
  'any: whatever it says, the browser sends Global Privacy Control': [
    [[tcf], tcfGrants], [[gpp], gppGrants], [[google], update(granted)],
  ],
};

const told = tables(sections('docs/privacy.md').find(({ title }) => title === 'Consent platforms').text)[0]
  .map(([platform, says, state]) => ({ row: `${platform}: ${says}`, state: state.replaceAll('`', '') }));

test('every row of the table is tested, and no other', () => {
  assert.deepEqual(told.map(({ row }) => row).sort(), Object.keys(ROWS).sort());
});

/** What a signup hears in a state without a grant. */
const HEARD = { denied: 'ignored consent', pending: 'failed consent_pending' };

/** The state, seen from outside: with a grant one report and what is kept, otherwise nothing, not even once the page is left. */
async function shows(state, { came, context, page, asked }) {
  if (state === 'granted') {
    await brought(page, 'ada');
    await until('all is stored', async () => (await kept(context, page, between.url)).length === EVERYTHING.length);
    assert.deepEqual(await kept(context, page, between.url), EVERYTHING);
    assert.deepEqual([asked(), (await touches(product, came)).length], [[REPORTED], 1]);
    return;
  }
  const { status, code } = await page.evaluate(() => trailmark.signup({ customerKey: 'unasked', email: 'u@example.org' }));
  assert.equal(`${status} ${code}`, HEARD[state]);
  assert.equal(await page.evaluate(() => trailmark.touch()), null);
  await page.goto(at('plain'));
  await page.reload();
  assert.deepEqual([asked(), await kept(context, page, between.url), await touches(product, came)], [[], [], []]);
}

for (const { row, state: inTable } of told) {
  (ROWS[row] ?? []).forEach((one, index) => {
    const { state, way: [on, ...says] } = Array.isArray(one) ? { state: inTable, way: one } : one;
    test(`${row} (${index + 1}): ${state}`, async () => {
      const visitor = await arrived(on, { control: row.includes('the browser sends Global Privacy Control') });
      for (const say of says) await say(visitor.page);
      await shows(state, visitor);
      assert.deepEqual(visitor.said.errors, []);
      await visitor.context.close();
    });
  });
}

test('an answer of an earlier visit, which the platform has before the SDK comes, counts at once', async () => {
  const answer = JSON.stringify(tc(both, { eventStatus: 'tcloaded' }));
  const prepare = (context) => context.addInitScript(`(${tcf})(); if (window.top === window) platforms.tcf.say(${answer});`);
  const visitor = await arrived([], { prepare });
  await shows('granted', visitor);
  await visitor.context.close();
});

// How each platform hears a grant, a withdrawal, and a grant again.
const CHANGES = [
  ['TCF', [tcf], tcfGrants, tcfRefuses],
  ['GPP', [gpp], gppGrants, gppRefuses],
  ['Consent Mode without Google’s script', [google], update(granted), update(denied)],
  ['Consent Mode with Google’s script', [google], async (page) => {
    await steps.googleLoads()(page);
    await update(granted)(page);
  }, update(denied)],
];
for (const [name, on, grants, refuses] of CHANGES) {
  test(`a withdrawal in the platform’s dialog is followed, and a grant after it (${name})`, async () => {
    const visitor = await arrived(on);
    const { context, page, asked } = visitor;
    await grants(page);
    await shows('granted', visitor);
    await refuses(page);
    await until('nothing is left', async () => (await kept(context, page, between.url)).length === 0);
    assert.deepEqual(asked(), [REPORTED, WITHDRAWN]);
    const { status, code } = await page.evaluate(() => trailmark.signup({ customerKey: 'regretted' }));
    assert.equal(`${status} ${code}`, HEARD.denied);
    await (name.startsWith('Consent Mode') ? update(granted) : grants)(page);
    await brought(page, 'ada');
    assert.deepEqual(asked(), [REPORTED, WITHDRAWN, REPORTED]);
    await context.close();
  });
}

test('when Google’s wait for an update is over, a default that grants counts', async () => {
  const visitor = await arrived([google]);
  await steps.googleLoads()(visitor.page);
  await byDefault({ ...granted, wait_for_update: 500 })(visitor.page);
  const { code } = await visitor.page.evaluate(() => trailmark.signup({ customerKey: 'waits' }));
  assert.equal(code, 'consent_pending');
  await steps.waitIsOver()(visitor.page);
  await brought(visitor.page, 'ada');
  await visitor.context.close();
});

test('while a platform has not answered, and where there is none, the page’s own grant counts', async () => {
  for (const on of [[], [tcf]]) {
    const visitor = await arrived(on);
    assert.equal(await visitor.page.evaluate(() => trailmark.consent('granted')), 'granted');
    await shows('granted', visitor);
    await visitor.context.close();
  }
});

test('a platform’s refusal after the page’s own grant is a withdrawal', async () => {
  const { context, page, asked } = await arrived([tcf]);
  await page.evaluate(() => trailmark.consent('granted'));
  await brought(page, 'ada');
  await tcfRefuses(page);
  await until('nothing is left', async () => (await kept(context, page, between.url)).length === 0);
  assert.deepEqual(asked(), [REPORTED, WITHDRAWN]);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'denied');
  assert.deepEqual(asked(), [REPORTED, WITHDRAWN]);
  await context.close();
});

test('the page’s own refusal, or its wait, holds against a platform’s grant', async () => {
  for (const state of ['denied', 'pending']) {
    const visitor = await arrived([tcf]);
    assert.equal(await visitor.page.evaluate((state) => trailmark.consent(state), state), state);
    await tcfGrants(visitor.page);
    await shows(state, visitor);
    await visitor.context.close();
  }
});

test('a call that a page took off the object before is bound by a refusal, too', async () => {
  const visitor = await arrived([tcf], { prepare: (context) => context.addInitScript(() => {
    document.addEventListener('DOMContentLoaded', () => ({ consent: window.say } = window.trailmark ?? {}));
  }) });
  await tcfRefuses(visitor.page);
  assert.equal(await visitor.page.evaluate(() => say('granted')), 'denied');
  await shows('denied', visitor);
  await visitor.context.close();
});

test('a platform that a tag manager brings late is found', async () => {
  const visitor = await arrived([]);
  await visitor.page.evaluate(tcf);
  await until('the platform is asked', () => visitor.page.evaluate(() => platforms.tcf.isAsked()));
  await tcfGrants(visitor.page);
  await shows('granted', visitor);
  await visitor.context.close();
});

test('elements that are named as platforms grant nothing and cost nobody an exception', async () => {
  const visitor = await arrived([], { name: 'named' });
  await shows('pending', visitor);
  assert.deepEqual(visitor.said.errors, []);
  await visitor.context.close();
});

/** Glue and module, by their hashed names; not the file that reads platforms. */
const MODULE = /\/tm\/sdk-[0-9a-f]+(\.js|_bg\.wasm)$/;

for (const [what, answer, reports] of [
  ['has not answered', undefined, 0],
  ['has refused', tcfRefuses, 0],
  ['has granted', tcfGrants, 1],
]) {
  test(`a page that is left before the module runs, where the platform ${what}, reports ${reports ? 'its touch' : 'nothing'}`, async () => {
    const came = await click(product, 'ada');
    const { context, page } = await freshPage(browser);
    await context.addInitScript(tcf);
    await context.route(MODULE, (route) => route.abort());
    const asked = recorder();
    await page.goto(at('auto', came.query));
    await until('the platform is asked', () => page.evaluate(() => platforms.tcf.isAsked()));
    await answer?.(page);
    await page.evaluate(() => void trailmark.signup({ customerKey: 'leaves' }));
    await page.goto(at('plain'));
    if (reports) await until('the touch is there', async () => (await touches(product, came)).length === 1);
    await page.reload();
    assert.deepEqual(asked(), Array(reports).fill(REPORTED));
    if (!reports) assert.deepEqual(await kept(context, page, between.url), []);
    await context.close();
  });
}

test('a page without a click asks for sdk.js alone, whatever the platform says; its own call loads what knows the answer', async () => {
  const { context, page } = await freshPage(browser);
  await context.addInitScript(patiently);
  await context.addInitScript(tcf);
  const from = between.asked.length;
  await page.goto(at('auto'));
  assert.deepEqual(await ready(page), { attributed: false, mode: 'idle' });
  await tcfRefuses(page);
  assert.equal(await page.evaluate(() => trailmark.touch()), null);
  assert.deepEqual(between.asked.slice(from), ['GET /auto.html', 'GET /tm/sdk.js']);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'denied');
  await page.goto(at('plain'));
  assert.deepEqual([between.asked.slice(from).filter((line) => line.includes('/v1/')), await kept(context, page, between.url)], [[], []]);
  await context.close();
});
