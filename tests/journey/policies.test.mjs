// Pages with a Content-Security-Policy, from a partner's link to a recorded signup: where the policy forbids WebAssembly, the module's
// JavaScript twin does the same, and a visitor's session posts one report of a violation at most, seen by the test's own server in
// front of the proxy, which serves the pages with their policy in a header.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch, patientPage } from './support/browser.mjs';
import { brought, click, effects, one, signUp } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

let between, snippet, product, browser;
before(async () => {
  between = await passage();
  between.serve('/reports', 'text/plain', '');
  const files = (printed) => {
    snippet = printed.replaceAll('<script', '<script nonce="n"');
    return { 'plain.html': `${PLAIN}<h1>Without Trailmark</h1>` };
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

/** The address of a page with this policy that says `word` of consent. */
function under(name, policy, word = 'granted') {
  const path = `/${name}.html`;
  const html = `${PLAIN}${snippet.replace('data-consent="pending"', `data-consent="${word}"`)}<h1>Shop</h1>`;
  const whole = `default-src 'none'; img-src data:; connect-src 'self'; ${policy}; report-uri /reports`;
  between.serve(path, 'text/html', html, { headers: { 'content-security-policy': whole } });
  return between.url + path;
}

/** Gives the violations that are reported from now on. */
function reporter() {
  const from = between.posted.length;
  const reports = () => between.posted.slice(from).filter(({ path }) => path === '/reports');
  return () => reports().map(({ body }) => JSON.parse(body)['csp-report']);
}

const mode = (page) => page.evaluate(async () => (await trailmark.ready).mode);
const stored = (page) => page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)].sort());

const NONCE = "script-src 'nonce-n'";
const STRICT = "script-src 'nonce-n' 'strict-dynamic'";
const TYPES = "require-trusted-types-for 'script'; trusted-types 'none'";
const SANDBOX = 'sandbox allow-scripts allow-same-origin allow-forms';
const POLICIES = [
  ['nonce', NONCE, 'js'],
  ['nonce_wasm', `${NONCE} 'wasm-unsafe-eval'`, 'wasm'],
  ['strict', STRICT, 'js'],
  ['strict_wasm', `${STRICT} 'wasm-unsafe-eval'`, 'wasm'],
  ['types', `${NONCE}; ${TYPES}`, 'js'],
  ['types_wasm', `${NONCE} 'wasm-unsafe-eval'; ${TYPES}`, 'wasm'],
  ['sandbox', `${NONCE}; ${SANDBOX}`, 'js'],
  ['sandbox_wasm', `${NONCE} 'wasm-unsafe-eval'; ${SANDBOX}`, 'wasm'],
];
for (const [name, policy, expected] of POLICIES) {
  const most = expected === 'js' ? 1 : 0;
  test(`${policy}: the mode is ${expected}, a signup counts, and a session reports ${most} violations`, async () => {
    const came = await click(product, 'ada');
    const address = under(name, policy);
    const reports = reporter();
    const { context, page, said } = await patientPage(browser);
    await page.goto(`${address}?${came.query}`);
    await brought(page, 'ada');
    for (const _ of [2, 3]) {
      assert.equal(await mode(page), expected);
      await page.goto(address);
      await brought(page, 'ada');
    }
    assert.equal((await signUp(page, name)).status, 'accepted');
    assert.deepEqual(await effects(product, name), one(came));
    await until('what is violated is reported', () => reports().length >= most);
    assert.equal(reports().length, most, JSON.stringify(reports()));
    assert.deepEqual(said.errors, []);
    await context.close();
  });
}

/** Calls everything under a key, and gives what does not differ from call to call. */
const callEverything = async (key) => {
  const customer = { customerKey: key, email: `${key}@example.org`, name: 'Jo \ud83d' };
  const items = [{ sku: 'a', unitAmountMinor: 1_200, quantity: 1 }];
  const results = [
    await trailmark.signup(customer),
    await trailmark.signup(customer),
    await trailmark.lead(customer),
    await trailmark.sale({ ...customer, orderKey: key, amountMinor: 1_200, currency: 'jpy', items }),
    await trailmark.sale(customer),
    await trailmark.signup({ customerKey: 12345678901234567890 }),
  ];
  const { program, partner } = await trailmark.touch();
  const answers = [program, partner, typeof (await trailmark.reference()), await trailmark.consent('nonsense'), await trailmark.config({})];
  return [...results.map(({ status, code, attribution, warnings }) => ({ status, code, attribution, warnings })), ...answers];
};

test('the twin answers every call as the module does', async () => {
  const told = [];
  for (const [name, policy] of [['all', NONCE], ['all_wasm', `${NONCE} 'wasm-unsafe-eval'`]]) {
    const { context, page } = await patientPage(browser);
    await page.goto(`${under(name, policy)}?${(await click(product, 'ada')).query}`);
    await brought(page, 'ada');
    told.push(await page.evaluate(callEverything, name));
    await context.close();
  }
  const [twin, module] = told;
  assert.deepEqual(twin, module);
  assert.deepEqual(twin.slice(0, 2).map(({ status }) => status), ['accepted', 'duplicate']);
});

test('without a touch or consent no refusal is remembered, and a withdrawal forgets it', async () => {
  const came = await click(product, 'ada');
  const stranger = await patientPage(browser);
  await stranger.page.goto(under('strangers', NONCE));
  assert.equal((await signUp(stranger.page, 'stranger')).code, 'no_touch');
  assert.deepEqual(await stored(stranger.page), []);
  await stranger.context.close();
  const address = under('asks', NONCE, 'pending');
  const reports = reporter();
  const { context, page } = await freshPage(browser);
  await page.goto(`${address}?${came.query}`);
  assert.equal(await mode(page), 'js');
  assert.deepEqual(await stored(page), []);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
  await brought(page, 'ada');
  assert.deepEqual(await stored(page), ['tm_acme_click', 'tm_js']);
  await page.goto(address);
  assert.equal(await mode(page), 'js');
  assert.equal(await page.evaluate(() => trailmark.consent('denied')), 'denied');
  await until('nothing is left', async () => (await stored(page)).length === 0);
  await until('the refusal is reported', () => reports().length > 0);
  assert.equal(reports().length, 1);
  await context.close();
});
