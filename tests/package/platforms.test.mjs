// What each answer of a consent platform means, in the built file that pages with `consent: 'auto'` load: the pure functions for IAB
// TCF, IAB GPP and Google Consent Mode, what is in force of several answers, and how long a platform is looked for.
// tests/journey/consent_platforms.test.mjs shows what follows in a page.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const sdk = process.env.TRAILMARK_SDK;
const { platforms } = JSON.parse(readFileSync(join(sdk, 'manifest.json')));
const { consentMode, entriesOf, follow, gpp, inForce, tcf } = await import(pathToFileURL(join(sdk, platforms)));

/** Compares a function with a table: what stands for the row, the arguments, the word. */
const table = (read, rows) => {
  for (const [name, args, word] of rows) assert.equal(read(...args), word, name);
};

const both = { 1: true, 7: true };
const tc = (consents, more = {}) => ({
  gdprApplies: true, eventStatus: 'tcloaded', isServiceSpecific: true, purpose: { consents, legitimateInterests: { 7: true } },
  publisher: { consents: {} }, ...more,
});

test('TCF: the purposes decide, once the visitor has answered', () => {
  table(tcf, [
    ['both purposes', [tc(both)], 'granted'],
    ['both, by an answer on this page', [tc(both, { eventStatus: 'useractioncomplete' })], 'granted'],
    ['both, for the site itself', [tc({}, { publisher: { consents: both } })], 'granted'],
    ['one for vendors, one for the site', [tc({ 1: true }, { publisher: { consents: { 7: true } } })], 'granted'],
    ['no storage', [tc({ 7: true })], 'denied'],
    ['no measurement, though a legitimate interest', [tc({ 1: true })], 'denied'],
    ['none', [tc({})], 'denied'],
    ['no object of consents', [tc(undefined, { publisher: undefined })], 'denied'],
    ['a text is no consent', [tc({ 1: 'true', 7: 'true' })], 'denied'],
    ['the GDPR does not apply', [{ gdprApplies: false, tcfPolicyVersion: 5 }], 'granted'],
    ['whether it applies is unknown, and the answer is there', [tc(both, { gdprApplies: undefined })], 'granted'],
    ['a string for all sites', [tc(both, { isServiceSpecific: false })], 'pending'],
  ]);
});

test('TCF: without an answer, what was said before counts', () => {
  table(tcf, [
    ['the first dialog', [tc(both, { eventStatus: 'cmpuishown' })], 'pending'],
    ['loading', [{ gdprApplies: true, cmpStatus: 'loading' }], 'pending'],
    ['the dialog again after a grant', [tc({}, { eventStatus: 'cmpuishown' }), 'granted'], 'granted'],
    ['the dialog again after a refusal', [tc(both, { eventStatus: 'cmpuishown' }), 'denied'], 'denied'],
    ['a status that nobody knows', [tc(both, { eventStatus: 'odd' })], 'pending'],
    ['nothing', [null], 'pending'],
    ['a text', ['tcloaded'], 'pending'],
  ]);
});

const ready = (applicableSections, parsedSections) => [{ signalStatus: 'ready', applicableSections, parsedSections }];
const sold = { SaleOptOutNotice: 1, SaleOptOut: 2, SharingOptOut: 2, TargetedAdvertisingOptOut: 2, KnownChildSensitiveDataConsents: [0, 0], MspaOptOutOptionMode: 1 };
const usnat = (more, gpc = false) => ready([7], { usnat: [{ ...sold, ...more }, { SubsectionType: 1, Gpc: gpc }] });

test('GPP: an opt-out, GPC or a child refuses in the United States', () => {
  table(gpp, [
    ['no opt-out', usnat(), 'granted'],
    ['no notice was needed', usnat({ SaleOptOut: 0, SharingOptOut: 0, TargetedAdvertisingOptOut: 0 }), 'granted'],
    ['sale', usnat({ SaleOptOut: 1 }), 'denied'],
    ['sharing', usnat({ SharingOptOut: 1 }), 'denied'],
    ['targeted advertising', usnat({ TargetedAdvertisingOptOut: 1 }), 'denied'],
    ['GPC', usnat({}, true), 'denied'],
    ['a child without consent', usnat({ KnownChildSensitiveDataConsents: [0, 1] }), 'denied'],
    ['a child with consent', usnat({ KnownChildSensitiveDataConsents: [2, 0] }), 'granted'],
    ['a child in Virginia, a number', ready([9], { usva: [{ SaleOptOut: 2, KnownChildSensitiveDataConsents: 1 }] }), 'denied'],
    ['one object, as the library of the IAB gives it', ready([8], { usca: { SaleOptOut: 2, SharingOptOut: 1, Gpc: false } }), 'denied'],
    ['the old privacy string', ready([6], { uspv1: [{ Version: 1, Notice: 'Y', OptOutSale: 'N', LspaCovered: 'N' }] }), 'granted'],
    ['the old privacy string, opted out', ready([6], { uspv1: [{ Version: 1, Notice: 'Y', OptOutSale: 'Y', LspaCovered: 'N' }] }), 'denied'],
    ['a section without any of it', ready([7], { usnat: [{ Version: 1 }] }), 'pending'],
  ]);
  const states = 'usca usva usco usut usct usfl usmt usor ustx usde usia usne usnh usnj ustn usmn usmd usin usky usri'.split(' ');
  states.forEach((name, index) => {
    assert.equal(gpp(...ready([8 + index], { [name]: [{ SaleOptOut: 2 }] })), 'granted', name);
    assert.equal(gpp(...ready([8 + index], { [name]: [{ SaleOptOut: 1 }] })), 'denied', name);
  });
});

const bits = (...ids) => Array.from({ length: 24 }, (_, index) => ids.includes(index + 1));

test('GPP: the purposes decide in Europe and Canada, as ids or as bits', () => {
  table(gpp, [
    ['Europe, ids', ready([2], { tcfeuv2: [{ PurposeConsent: [1, 2, 7] }] }), 'granted'],
    ['Europe, bits', ready([2], { tcfeuv2: { PurposeConsents: bits(1, 7) } }), 'granted'],
    ['Europe, the site itself', ready([2], { tcfeuv2: [{ PurposeConsent: [] }, { SegmentType: 3, PubPurposesConsent: [1, 7] }] }), 'granted'],
    ['Europe, the library’s word for the site itself', ready([2], { tcfeuv2: { PurposeConsents: bits(), PublisherConsents: bits(1, 7) } }), 'granted'],
    ['Europe, no measurement', ready([2], { tcfeuv2: [{ PurposeConsent: [1, 2], PurposesLITransparency: [7] }] }), 'denied'],
    ['Europe, bits without storage', ready([2], { tcfeuv2: { PurposeConsents: bits(2, 7) } }), 'denied'],
    ['Europe, vendors and custom purposes are no purposes', ready([2], { tcfeuv2: { PurposeConsents: bits(), VendorConsents: [1, 7], PublisherCustomConsents: bits(1, 7) } }), 'denied'],
    ['Europe, no purposes', ready([2], { tcfeuv2: [{ Version: 2 }] }), 'pending'],
    ['Canada, express', ready([5], { tcfcav1: [{ PurposesExpressConsent: [1, 7], PurposesImpliedConsent: [] }] }), 'granted'],
    ['Canada, implied', ready([5], { tcfcav1: [{ PurposesExpressConsent: [1], PurposesImpliedConsent: [7] }] }), 'granted'],
    ['Canada, the site itself', ready([5], { tcfcav1: [{ PurposesExpressConsent: [] }, { PubPurposesExpressConsent: [1, 7] }] }), 'granted'],
    ['Canada, neither', ready([5], { tcfcav1: [{ PurposesExpressConsent: [2], PurposesImpliedConsent: [] }] }), 'denied'],
  ]);
});

test('GPP: only sections that apply count, and one that is not understood grants nothing', () => {
  const refused = { usnat: [{ SaleOptOut: 1 }] };
  table(gpp, [
    ['none applies', ready([-1], refused), 'granted'],
    ['another applies', ready([8], { ...refused, usca: [{ SaleOptOut: 2 }] }), 'granted'],
    ['two apply, the strictest counts', ready([7, 8], { ...refused, usca: [{ SaleOptOut: 2 }] }), 'denied'],
    ['two apply, one is missing', ready([7, 8], { usca: [{ SaleOptOut: 2 }] }), 'pending'],
    ['none is named', ready([], {}), 'pending'],
    ['none is named at all', ready(undefined, undefined), 'pending'],
    ['not yet known', ready([0], {}), 'pending'],
    ['a part of the string', ready([3], {}), 'pending'],
    ['a section of later years', ready([99], { usxx: [{ SaleOptOut: 2 }] }), 'pending'],
    ['not ready', [{ ...ready([-1], {})[0], signalStatus: 'not ready' }], 'pending'],
    ['of version 1.0, without a status', [{ applicableSections: [-1] }], 'pending'],
    ['nothing', [undefined], 'pending'],
  ]);
});

test('Consent Mode: an update is an answer, a default that denies is none', () => {
  const stored = (entry, data) => [{ ad_storage: entry, ...(data && { ad_user_data: data }) }];
  table(consentMode, [
    ['granted', stored({ default: false, update: true }), 'granted'],
    ['denied', stored({ default: true, update: false }), 'denied'],
    ['storage granted, data denied', stored({ update: true }, { update: false }), 'denied'],
    ['storage granted, data waits', stored({ update: true }, { default: false }), 'pending'],
    ['both granted', stored({ update: true }, { update: true }), 'granted'],
    ['default denies', stored({ default: false }), 'pending'],
    ['default grants', stored({ default: true }), 'granted'],
    ['default grants, waits', stored({ default: true, quiet: true }), 'pending'],
    ['waits without a default', stored({ quiet: true }), 'pending'],
    ['the answer came while it waited', stored({ default: false, update: true, quiet: true }), 'granted'],
    ['a value of later years', stored({ default: true, update: 'granted' }), 'pending'],
    ['an entry that says nothing', stored({ implicit: true }), undefined],
    ['only analytics', [{ analytics_storage: { update: true } }], undefined],
    ['only data', [{ ad_user_data: { update: true } }], undefined],
    ['no entries', [undefined], undefined],
  ]);
});

/** What `gtag` of a page puts into `dataLayer`. */
const layer = (...calls) => calls.map((call) => (function () { return arguments; })(...call));

test('Consent Mode: without Google’s script, the commands of dataLayer are read, the strictest default first', () => {
  const says = (...calls) => [entriesOf([{ event: 'gtm.js' }, null, ...layer(['js', new Date()], ...calls)])];
  const [granted, denied] = [{ ad_storage: 'granted' }, { ad_storage: 'denied' }];
  table(consentMode, [
    ['nothing', says(), undefined],
    ['a default that denies', says(['consent', 'default', denied]), 'pending'],
    ['a default that grants', says(['consent', 'default', granted]), 'granted'],
    ['a default of another region', says(['consent', 'default', { ...denied, region: ['DE'] }], ['consent', 'default', granted]), 'pending'],
    ['the same, the other way round', says(['consent', 'default', granted], ['consent', 'default', { ...denied, region: ['DE'] }]), 'pending'],
    ['a default that waits', says(['consent', 'default', { ...granted, wait_for_update: 500 }]), 'pending'],
    ['an update', says(['consent', 'default', { ...denied, wait_for_update: 500 }], ['consent', 'update', granted]), 'granted'],
    ['two updates', says(['consent', 'update', granted], ['consent', 'update', denied]), 'denied'],
    ['an update of analytics alone', says(['consent', 'default', denied], ['consent', 'update', { analytics_storage: 'granted' }]), 'pending'],
    ['an update of the data', says(['consent', 'update', granted], ['consent', 'update', { ad_user_data: 'denied' }]), 'denied'],
    ['a slip', says(['consent', 'update', { ad_storage: 'yes' }]), undefined],
    ['a list is no command', [entriesOf([['consent', 'update', granted]])], undefined],
  ]);
});

test('of several answers the strictest counts; a refusal counts, whoever says it; otherwise the page', () => {
  table(inForce, [
    ['nobody says anything', [undefined, []], undefined],
    ['a platform that is silent', [undefined, [undefined]], undefined],
    ['one grants', [undefined, ['granted', undefined]], 'granted'],
    ['one has not answered', [undefined, ['granted', 'pending']], 'pending'],
    ['one refuses', [undefined, ['granted', 'denied', 'pending']], 'denied'],
    ['the page grants before the platform answers', ['granted', ['pending']], 'granted'],
    ['the page grants without a platform', ['granted', []], 'granted'],
    ['the page grants, the platform refuses', ['granted', ['denied']], 'denied'],
    ['the page refuses, the platform grants', ['denied', ['granted']], 'denied'],
    ['the page waits, the platform grants', ['pending', ['granted']], 'pending'],
    ['the page waits, the platform refuses', ['pending', ['denied']], 'denied'],
  ]);
});

test('what stands on Object.prototype is no answer', (t) => {
  const odd = {
    gdprApplies: false, purpose: { consents: both }, 1: true, 7: true, signalStatus: 'ready', applicableSections: [-1], usnat: [{ SaleOptOut: 2 }],
    ad_storage: { update: true }, update: true, default: true,
  };
  t.after(() => Object.keys(odd).forEach((name) => delete Object.prototype[name]));
  for (const [name, value] of Object.entries(odd)) Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
  assert.deepEqual([tcf({}), tcf({ gdprApplies: true, eventStatus: 'tcloaded', purpose: {} })], ['pending', 'denied']);
  assert.deepEqual([gpp({}), gpp({ signalStatus: 'ready', applicableSections: [7], parsedSections: {} })], ['pending', 'pending']);
  assert.deepEqual([consentMode({}), consentMode({ ad_storage: {} }), consentMode(entriesOf([]))], [undefined, undefined, undefined]);
});

/** Follows the platforms of an empty page, where `brings` runs before each look; time passes at once. */
function followed(t, brings) {
  const [real, timers, said, calls] = [globalThis.setTimeout, [], [], []];
  globalThis.window = {};
  globalThis.setTimeout = (work, ms, ...rest) => timers.push([() => work(...rest), ms]);
  t.after(() => {
    globalThis.setTimeout = real;
    delete globalThis.window;
  });
  let waited = 0;
  follow({ __proto__: null, q: { push: ([name, word]) => calls.push(`${name} ${word}`) } }, (error) => said.push(error));
  while (timers.length > 0) {
    const [look, ms] = timers.shift();
    waited += ms;
    brings(window, waited);
    look();
  }
  return { waited, said, calls };
}

test('a platform that comes within a minute and a half is found', (t) => {
  const { calls, said } = followed(t, (page, waited) => {
    if (waited > 50_000) page.__tcfapi = (command, version, callback) => callback(tc(both), true);
  });
  assert.deepEqual([calls, said.length], [['consent granted'], 1]);
});

test('where no platform comes, the search ends, and debug says what to do', (t) => {
  const { calls, said, waited } = followed(t, () => {});
  assert.ok(waited > 90_000 && waited < 120_000, `${waited} ms`);
  assert.deepEqual([calls, said.length], [[], 1]);
  assert.match(said[0], /no consent platform that speaks TCF, GPP or Consent Mode; call trailmark\.consent\(\)/);
});

test('a platform that throws, or has lost its parts, grants nothing and throws at nobody', (t) => {
  const { calls, said } = followed(t, (page) => {
    Object.assign(page, { __tcfapi() { throw Error('broken'); }, __gpp: (command, callback) => callback(null, false) });
    Object.assign(page, { google_tag_data: { ics: { active: true, entries: {} } }, dataLayer: 'odd' });
  });
  assert.deepEqual([calls, said.length > 0], [[], true]);
});
