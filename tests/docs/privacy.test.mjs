// docs/privacy.md, seen from outside a page in a real Chromium: what is stored is what the table says; nothing is
// stored or sent before consent or under Global Privacy Control; a full page load forgets a pending touch; a
// withdrawal leaves nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch } from '../journey/support/browser.mjs';
import { Product, until } from '../journey/support/product.mjs';
import { sections, tables } from './support/pages.mjs';

const LANDING = '/?ps_partner_key=YWRh';

let product, browser;
before(async () => {
  product = await Product.start({ consent: 'required' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/** Every name that this page's origin keeps, of any kind. */
async function stored(context, page) {
  const cookies = (await context.cookies()).map(({ name }) => name);
  const names = await page.evaluate(async () => {
    const databases = (await indexedDB.databases()).map(({ name }) => name);
    return [...Object.keys(localStorage), ...Object.keys(sessionStorage), ...databases];
  });
  return [...cookies, ...names].sort();
}

const calls = (said) =>
  said.requests
    .filter(({ url }) => url.includes('/tm/v1/'))
    .map(({ method, url }) => `${method} ${new URL(url).pathname}`);

const ready = (page) => page.evaluate(() => trailmark.ready);
const consent = (page, state) => page.evaluate((state) => trailmark.consent(state), state);
const touch = (page) => page.evaluate(() => trailmark.touch());

/** A page at an address of the shop, with the module running and consent not stated by the shop itself. */
async function visit(address, options) {
  const visited = await freshPage(browser, options);
  await visited.page.goto(product.site + address);
  await ready(visited.page);
  return visited;
}

test('after a touch and a grant exactly what the table names is stored', async () => {
  const { context, page } = await visit(LANDING);
  await consent(page, 'granted');
  assert.equal((await touch(page)).partner, 'ada');
  const [table] = tables(sections('docs/privacy.md').find(({ title }) => title === 'What is stored').text);
  const told = table.map(([name]) => name.replaceAll('`', '').replace('{site}', 'acme'));
  // https names have no place at loopback, the queue is empty once the proxy has answered, and this page allows WebAssembly.
  const here = told.filter((name) => !/^(__.*|tm_acme_queue_.*|tm_acme_due|tm_js)$/.test(name)).sort();
  assert.deepEqual(await stored(context, page), here);
  await context.close();
});

test('without consent nothing is sent and nothing stored, and the same under Global Privacy Control', async () => {
  for (const state of ['pending', 'denied', 'granted']) {
    const { context, page, said } = await freshPage(browser);
    if (state === 'granted')
      await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
    await page.goto(product.site + LANDING);
    await ready(page);
    await consent(page, state);
    assert.equal(await touch(page), null);
    const { status } = await page.evaluate(() => trailmark.signup({ customerKey: 'nobody' }));
    assert.notEqual(status, 'accepted');
    assert.deepEqual([calls(said), await stored(context, page)], [[], []], state);
    await context.close();
  }
});

test('a route change keeps a pending touch, a full page load forgets it', async () => {
  const kept = await visit(LANDING);
  await kept.page.evaluate(() => history.pushState(null, '', '/pricing'));
  await consent(kept.page, 'granted');
  assert.equal((await touch(kept.page)).partner, 'ada');
  await kept.context.close();
  const lost = await visit(LANDING);
  await lost.page.goto(`${product.site}/pricing`);
  await ready(lost.page);
  await consent(lost.page, 'granted');
  assert.equal(await touch(lost.page), null);
  await lost.context.close();
});

test('a withdrawal sends one DELETE and leaves nothing', async () => {
  const { context, page, said } = await visit(LANDING);
  await consent(page, 'granted');
  assert.ok(await touch(page));
  await consent(page, 'denied');
  await until('nothing is left', async () => (await stored(context, page)).length === 0);
  assert.deepEqual(calls(said), ['POST /tm/v1/clicks', 'DELETE /tm/v1/clicks']);
  await context.close();
});
