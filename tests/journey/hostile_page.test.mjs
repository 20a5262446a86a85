// What stands in a page beside the snippet and is not the site's own: elements that somebody else's text brought in, a changed
// Object.prototype, settings that are no text, and mistakes of whoever pasted the snippet. Nothing of it decides where the SDK
// comes from, what it may do, or where it reports to; and mistakes are told.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { brought, effects, one, signUp } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';
const ADA = { partner: 'ada', query: 'ps_partner_key=YWRh' };

/** A policy under which what a trusted script imports is trusted, too. */
const STRICT = `<meta http-equiv="content-security-policy" content="script-src 'nonce-n' 'strict-dynamic' 'wasm-unsafe-eval'">`;

let stranger, between, product, browser;
before(async () => {
  [stranger, between] = await Promise.all([passage(), passage()]);
  stranger.serve('/x/sdk.png', 'text/javascript', 'window.stolen = true');
  const files = (snippet) => {
    const granted = snippet.replace('data-consent="pending"', 'data-consent="granted"');
    const nonce = (html) => html.replaceAll('<script', '<script nonce="n"');
    const image = (more) => `<img ${more} data-site="acme" data-consent="granted" data-endpoint="${stranger.url}/leak" src="${stranger.url}/x/sdk.png">`;
    const debug = (change) => PLAIN + change(granted).replace('data-site', 'data-debug data-site');
    return {
      'index.html': PLAIN + granted,
      'asks.html': PLAIN + snippet,
      'plain.html': `${PLAIN}<h1>Without Trailmark</h1>`,
      'current.html': PLAIN + image('name="currentScript"') + granted,
      'current_strict.html': PLAIN + STRICT + image('name="currentScript"') + nonce(granted),
      'currents.html': PLAIN + image('name="currentScript"').repeat(2) + granted,
      'drawn.html': `${PLAIN}<svg><script data-site="acme" data-consent="granted" data-endpoint="${stranger.url}/leak" src="sdk"></script></svg>${snippet}`,
      'pictured.html': PLAIN + image('') + snippet,
      'query.html': `${PLAIN}<img name="querySelector"><img name="getElementsByTagName"><img name="scripts">${granted}`,
      'well.html': debug((html) => html),
      'unsaid.html': debug((html) => html.replace(' data-consent="granted"', '')),
      'wrong_site.html': debug((html) => html.replace('data-site="acme"', 'data-site="acmee"')),
      'no_site.html': debug((html) => html.replace('data-site="acme"', 'data-site="Acme Inc"')),
      'wrong_path.html': debug((html) => html.replace('/tm/sdk.js', '/tn/sdk.js')),
      'copied.html': debug((html) => html.replace('/tm/sdk.js', '/assets/sdk.js')),
      'wrong_endpoint.html': debug((html) => html.replace('data-site', 'data-endpoint="/assets" data-site')),
    };
  };
  product = await Product.start({ files, consent: 'required', pages: between.url });
  between.to(product.site);
  between.serve('/assets/sdk.js', 'text/javascript', await (await fetch(`${product.site}/tm/sdk.js`)).text());
  browser = await launch();
});
after(async () => {
  await browser?.close();
  stranger?.close();
  between?.close();
  await product?.stop();
});

const at = (name, { query = '' } = {}) => `${between.url}/${name}.html?${query}`;

const landings = async () => (await (await fetch(`${product.operator}/v1/touches`)).json()).items.map((touch) => touch.landing_url);

for (const name of ['current', 'current_strict', 'currents']) {
  // field-faults row 61
  test(`an image named currentScript (${name}) is no script: the SDK comes from the site and counts`, async () => {
    const { context, page } = await freshPage(browser);
    await page.goto(at(name, ADA));
    await brought(page, 'ada');
    assert.equal(await page.evaluate(() => window.stolen), undefined);
    const key = name;
    await signUp(page, key);
    assert.deepEqual(await effects(product, key), one(ADA));
    assert.deepEqual(stranger.posted, []);
    await context.close();
  });
}

// field-faults row 61
test('images named as methods of the document cost no call an exception', async () => {
  const { context, page, said } = await freshPage(browser);
  await page.goto(at('query', ADA));
  await brought(page, 'ada');
  await signUp(page, 'query');
  assert.deepEqual(await effects(product, 'query'), one(ADA));
  assert.deepEqual(said.errors, []);
  await context.close();
});

for (const name of ['pictured', 'drawn']) {
  // field-faults row 62
  test(`no element but a script grants consent (${name}): a landing left early reports nothing and keeps nothing`, async () => {
    const { context, page } = await freshPage(browser);
    const [ours, theirs] = [between.posted.length, stranger.posted.length];
    await context.route('**/tm/sdk*', (route) => route.abort());
    await page.goto(at(name, { query: `${ADA.query}&reset=secret` }));
    await page.evaluate(() => void trailmark.signup({ customerKey: 'unasked' }));
    await page.goto(at('plain'));
    assert.deepEqual([between.posted.slice(ours), stranger.posted.slice(theirs)], [[], []]);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
    await context.close();
  });
}

// field-faults row 62
test('what a landing that is left early reports holds recognised parameters alone', async () => {
  const { context, page } = await freshPage(browser);
  const before = between.posted.length;
  await context.route('**/tm/sdk-*', (route) => route.abort());
  const query = 'reset=secret&email=a%40example.org&ps_partner_key=YWRh&token=secret&gspk=YWRh';
  await page.goto(at('plain', { query: 'from=secret' }));
  await page.evaluate((url) => void (location.href = url), at('index', { query }));
  await page.waitForURL('**/index.html?*');
  await page.goto(at('plain'));
  await until('the report has come', () => between.posted.length > before);
  const body = JSON.parse(between.posted[before].body);
  assert.deepEqual(Object.keys(body).sort(), ['again', 'at', 'id', 'site', 'url']);
  const url = `${between.url}/index.html?ps_partner_key=YWRh&gspk=YWRh`;
  assert.equal(body.url.replace('?&', '?').replace('&&', '&'), url);
  await until('it is a touch', async () => (await landings()).includes(url));
  await context.close();
});

// field-faults row 68
test('consent takes texts alone: nothing else grants, and nothing makes a call reject', async () => {
  const { context, page, said } = await freshPage(browser);
  const before = between.posted.length;
  await context.route('**/tm/sdk-*', (route) => route.abort());
  await page.goto(at('asks', ADA));
  const tried = () => page.evaluate(async () => {
    const odd = [Object.create(null), ['granted'], new String('granted'), { toString: () => 'granted' }, Symbol('granted'), null, 7, 'Granted', 'yes'];
    const told = [];
    for (const word of odd) {
      const [state, { code }] = await Promise.all([trailmark.consent(word), trailmark.signup({ customerKey: 'odd' })]);
      if (code !== 'timeout') told.push(`${state} ${code}`);
    }
    return [...new Set(told)];
  });
  assert.deepEqual(await tried(), ['pending not_loaded'], 'before the module is there');
  await context.unroute('**/tm/sdk-*');
  await page.goto(at('asks', ADA));
  await page.evaluate(() => trailmark.ready);
  assert.deepEqual(await tried(), ['pending consent_pending']);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  assert.deepEqual([between.posted.slice(before), said.errors], [[], []]);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
  assert.equal(await page.evaluate(() => trailmark.consent(Object.create(null))), 'granted', 'and what was granted stays so');
  await brought(page, 'ada');
  await context.close();
});

// field-faults row 74
test('what stands on Object.prototype is no setting, no answer and no form’s attribute', async () => {
  const { context, page, said } = await freshPage(browser);
  const [ours, theirs] = [between.posted.length, stranger.posted.length];
  await page.addInitScript((endpoint) => {
    const odd = { consent: 'granted', endpoint, debug: '', params: 'q', s: 'granted', trailmark: 'signup', code: 'odd', again: 1 };
    for (const [name, value] of Object.entries(odd)) Object.defineProperty(Object.prototype, name, { value, writable: true, configurable: true });
  }, `${stranger.url}/leak`);
  await page.goto(at('unsaid', ADA));
  assert.equal((await page.evaluate(() => trailmark.signup({ customerKey: 'polluted' }))).code, 'consent_pending');
  await page.evaluate(() => {
    const form = document.body.appendChild(document.createElement('form'));
    form.target = form.appendChild(Object.assign(document.createElement('iframe'), { name: 'away' })).name;
    form.requestSubmit();
  });
  assert.deepEqual([between.posted.slice(ours), stranger.posted.slice(theirs)], [[], []]);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
  await brought(page, 'ada');
  assert.deepEqual([stranger.posted.slice(theirs), said.errors], [[], []]);
  await context.close();
});

// What the tag says wrongly, what a signup hears, and what the console says with data-debug.
const MISTAKES = [
  ['wrong_site', 'queued site_unknown', /v1\/clicks: `site` \(`data-site` on the page\) must be an `id` under \[\[sites\]\] in trailmark\.toml/],
  ['no_site', 'queued not_loaded', /site is missing or not 1 to 32 of a-z, 0-9 and -/],
  ['wrong_path', 'queued not_loaded', /trailmark: not_loaded/],
  ['copied', 'queued not_loaded', /assets\/sdk-.*; load sdk\.js from the proxy/],
  ['wrong_endpoint', 'queued refused', /\/assets\/v1\/clicks: no Trailmark proxy answered: check data-endpoint/],
];
/**
 * What a signup hears once the module is loaded or given up: before, it is `not_loaded` after 290 ms. On a busy machine it
 * is `timeout` after 300 ms: then the same is asked again.
 */
const hears = async (page) => {
  await page.evaluate(() => trailmark.ready);
  return until('a signup hears the cause', async () => {
    const { status, code } = await page.evaluate(() => trailmark.signup({ customerKey: 'mistaken' }));
    return code !== 'timeout' && `${status} ${code}`;
  });
};

for (const [name, heard, explained] of MISTAKES) {
  // field-faults row 58
  test(`${name}: a signup hears ${heard}, and data-debug names the cure`, async () => {
    const { context, page, said } = await freshPage(browser);
    await page.goto(at(name, ADA));
    assert.equal(await hears(page), heard);
    await until('the console says so', () => explained.test(said.console.join('\n')));
    await context.close();
  });
}

// field-faults row 58
test('an origin that is not the site’s: a signup hears its code, and data-debug names origin and cure', async () => {
  const { context, page, said } = await freshPage(browser);
  const { port } = new URL(between.url);
  await page.goto(at('well', ADA).replace('127.0.0.1', 'localhost'));
  assert.equal(await hears(page), 'queued origin_not_allowed');
  const cure = `\`http://localhost:${port}\` is not in \`origins\` of site \`acme\`: add it in trailmark.toml, exactly`;
  await until('the console says so', () => said.console.some((line) => line.includes(cure)));
  await context.close();
});

// field-faults row 58
test('data-debug says when all is well, when there is no touch, and when consent is missing', async () => {
  for (const [name, from, line] of [
    ['well', ADA, 'warning: trailmark: acme at ' + between.url + '/tm/: consent granted, touch in main, all is well'],
    ['well', {}, 'warning: trailmark: acme at ' + between.url + '/tm/: consent granted, no touch'],
    ['unsaid', ADA, 'warning: trailmark: acme at ' + between.url + '/tm/: consent pending, no touch'],
  ]) {
    const { context, page, said } = await freshPage(browser);
    await page.goto(at(name, from));
    await page.evaluate(() => trailmark.ready);
    await until(`the console says ${line}`, () => said.console.length > 0);
    assert.deepEqual(said.console, [line]);
    await context.close();
  }
});
