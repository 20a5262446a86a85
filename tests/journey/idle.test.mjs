// What a page costs, recorded by the test's own server in front of the proxy: a page without a click asks for sdk.js alone until a
// call needs more, and a click brings glue and module side by side. What leaves a page is in leaks.test.mjs.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch, patiently } from './support/browser.mjs';
import { brought } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';
const ADA = 'ps_partner_key=YWRh';

let between, product, browser;
before(async () => {
  between = await passage();
  const files = (snippet) => {
    const granted = snippet.replace('data-consent="pending"', 'data-consent="granted"');
    return {
      'index.html': `${PLAIN}${granted}<h1>Shop</h1>`,
      'asks.html': `${PLAIN}${snippet}<h1>Shop that asks</h1>`,
      'slow.html': `${PLAIN}${granted}<h1>Shop with an image that never comes</h1><img alt="" src="/never.png">`,
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
const IDLE = { attributed: false, mode: 'idle' };

/** Records what is asked for from now on, without hashes; in any order, since glue and module come side by side. */
function recorder() {
  const from = between.asked.length;
  return () => between.asked.slice(from).map((line) => line.replace(/sdk-.*?(?=_bg|\.js)/, 'sdk-hash')).sort();
}
const MODULE = ['GET /tm/sdk-hash.js', 'GET /tm/sdk-hash_bg.wasm'];

for (const { name, fresh } of browsers) {
  test(`a page without a click asks for sdk.js alone, and calls that need no more are answered in ${name}`, async (t) => {
    const asked = recorder();
    const page = await fresh(t);
    await page.goto(at('asks', 'utm_source=friend'));
    assert.deepEqual(await ready(page), IDLE);
    const told = await page.evaluate(async () => [
      await trailmark.touch(), await trailmark.reference(), await trailmark.consent('granted'), await trailmark.touch(),
    ]);
    assert.deepEqual(told, [null, null, 'granted', null]);
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
    assert.deepEqual(asked(), ['GET /asks.html', 'GET /tm/sdk.js']);
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });

  test(`a page with a click asks for glue and module, once each, in ${name}`, async (t) => {
    const asked = recorder();
    const page = await fresh(t);
    await page.goto(at('index', ADA));
    await until('ada is who brought the visitor', () => page.evaluate(async () => (await trailmark.touch())?.partner === 'ada'));
    assert.equal((await ready(page)).mode, 'wasm');
    assert.deepEqual(asked(), ['GET /index.html', ...MODULE, 'GET /tm/sdk.js', 'POST /tm/v1/clicks'].sort());
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });
}

test('the module is asked for while the glue is still on its way', async () => {
  const glue = between.asked.find((line) => /sdk-.*\.js$/.test(line));
  const release = between.hold(glue);
  const asked = recorder();
  const { context, page } = await freshPage(browser);
  await page.goto(at('index', ADA));
  await until('both are asked for', () => MODULE.every((line) => asked().includes(line)));
  release();
  await brought(page, 'ada');
  await context.close();
});

test('a click counts on a page that is never loaded, since an image of it never comes', async () => {
  const release = between.hold('GET /never.png');
  const { context, page } = await freshPage(browser);
  await page.goto(at('slow', ADA), { waitUntil: 'commit' });
  await brought(page, 'ada');
  assert.equal(await page.evaluate(() => document.readyState), 'interactive');
  release();
  await context.close();
});

test('idle, then consent, then a signup on the same page: the signup loads the module and hears no_touch', async () => {
  const asked = recorder();
  const { context, page } = await freshPage(browser);
  await page.addInitScript(patiently);
  await page.goto(at('asks'));
  assert.deepEqual(await ready(page), IDLE);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
  const { status, code } = await page.evaluate(() => trailmark.signup({ customerKey: 'idle' }));
  assert.deepEqual([status, code], ['unattributed', 'no_touch']);
  assert.deepEqual(asked(), ['GET /asks.html', ...MODULE, 'GET /tm/sdk.js'].sort());
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  await context.close();
});

test('a withdrawal on an idle page is told to the proxy, and takes a key that was left alone', async () => {
  const { context, page } = await freshPage(browser);
  const names = () => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  await page.goto(at('index', ADA));
  await brought(page, 'ada');
  await page.goto(at('plain'));
  await page.evaluate(() => localStorage.clear());
  await context.clearCookies();
  assert.deepEqual(await names(), ['trailmark']);
  const asked = recorder();
  await page.goto(at('index'));
  assert.deepEqual(await ready(page), IDLE);
  assert.equal(await page.evaluate(() => trailmark.consent('denied')), 'denied');
  await until('the key is gone', async () => (await names()).length === 0);
  assert.deepEqual(asked().filter((line) => line.includes('/v1/')), ['DELETE /tm/v1/clicks']);
  await context.close();
});
