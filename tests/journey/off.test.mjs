// Pages on which neither the module nor its twin can run, because their files do not come or the page has no origin: every call is
// answered, what the stub has stored is bounded and ages, and a withdrawal leaves nothing of it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch, patiently } from './support/browser.mjs';
import { brought, click, signUp } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

let between, product, browser;
before(async () => {
  between = await passage();
  const files = (snippet) => {
    const stated = (word) => `${PLAIN}${snippet.replace('data-consent="pending"', `data-consent="${word}"`)}<h1>Shop</h1>`;
    between.serve('/sandbox.html', 'text/html', stated('granted'), { headers: { 'content-security-policy': 'sandbox allow-scripts' } });
    return { 'index.html': stated('granted'), 'denied.html': stated('denied'), 'plain.html': `${PLAIN}<h1>Without Trailmark</h1>` };
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
const keys = (page) => page.evaluate(() => Object.keys(localStorage).sort());
const block = (context) => context.route('**/tm/sdk-*', (route) => route.abort());
const OFF = { attributed: false, mode: 'off' };

test('a withdrawal removes what is stored, and a later page tells the proxy', async () => {
  const { context, page } = await freshPage(browser);
  await page.goto(at('index', (await click(product, 'ada')).query));
  await brought(page, 'ada');
  await block(context);
  await page.goto(at('index'));
  assert.deepEqual(await ready(page), OFF);
  const { status, code } = await signUp(page, 'regretted');
  assert.deepEqual([status, code], ['queued', 'not_loaded']);
  assert.match((await keys(page)).join(), /^tm_acme_click,tm_acme_queue_/);
  assert.equal(await page.evaluate(() => trailmark.consent('denied')), 'denied');
  assert.deepEqual(await keys(page), []);
  assert.equal((await signUp(page, 'after')).status, 'failed');
  assert.deepEqual(await keys(page), []);
  await context.unroute('**/tm/sdk-*');
  await page.goto(at('denied'));
  await until('the cookies are gone', async () => (await context.cookies()).length === 0);
  assert.ok(product.json('conversions', 'list').every(({ external_id: key }) => !['regretted', 'after'].includes(key)));
  await context.close();
});

test('a conversion stays for seven days, and what is not ours stays', async () => {
  const { context, page } = await freshPage(browser);
  const entry = (site, days) => {
    const time = `0${(Date.now() - days * 86_400_000).toString(16)}`;
    return `tm_${site}_queue_${time.slice(0, 8)}-${time.slice(8)}-7aaa-8aaa-aaaaaaaaaaaa`;
  };
  const stay = [entry('acme', 6), entry('acme2', 8), 'tm_acme_click', 'tm_acme_due'].sort();
  await page.goto(at('plain'));
  await page.evaluate((names) => names.forEach((name) => localStorage.setItem(name, '{}')), [...stay, entry('acme', 8)]);
  await block(context);
  await page.goto(at('index'));
  assert.deepEqual(await ready(page), OFF);
  assert.deepEqual(await keys(page), stay);
  await context.close();
});

test('however many conversions a page reports, sixteen kilobytes of them are stored', async () => {
  const { context, page } = await freshPage(browser);
  await block(context);
  await page.goto(at('index', (await click(product, 'ada')).query));
  const told = await page.evaluate(async () => {
    const customers = Array.from({ length: 40 }, (_, number) => ({ customerKey: `many_${number}`, name: 'x'.repeat(1_000) }));
    const results = await Promise.all(customers.map((customer) => trailmark.signup(customer)));
    const size = Object.values(localStorage).reduce((sum, text) => sum + text.length, 0);
    return { size, codes: [...new Set(results.map(({ status, code }) => `${status} ${code}`))].sort() };
  });
  assert.deepEqual(told.codes, ['failed not_loaded', 'queued not_loaded']);
  assert.ok(told.size > 8_000 && told.size < 16_384, `${told.size}`);
  await context.close();
});

test('consent is answered with the state in force, under Global Privacy Control too', async () => {
  for (const control of [false, true]) {
    const { context, page } = await freshPage(browser);
    if (control) await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
    await block(context);
    await page.goto(at('index', (await click(product, 'ada')).query));
    assert.deepEqual(await ready(page), OFF);
    const told = await page.evaluate(async () => [
      await trailmark.consent('nonsense'), await trailmark.consent('pending'), await trailmark.consent('granted'),
      await trailmark.touch(), await trailmark.reference(), await trailmark.config({}),
    ]);
    const states = control ? ['denied', 'denied', 'denied'] : ['granted', 'pending', 'granted'];
    assert.deepEqual(told, [...states, null, null, true]);
    await context.close();
  }
});

test('a withdrawal that the module did not hear of binds the conversion that brings it', async () => {
  const { context, page } = await freshPage(browser);
  await page.addInitScript(patiently);
  await block(context);
  await page.goto(at('index'));
  assert.deepEqual(await ready(page), { attributed: false, mode: 'idle' });
  assert.equal(await page.evaluate(() => trailmark.consent('denied')), 'denied');
  await context.unroute('**/tm/sdk-*');
  const { status, code } = await signUp(page, 'withdrawn');
  assert.deepEqual([status, code], ['ignored', 'consent']);
  assert.ok(product.json('conversions', 'list').every(({ external_id: key }) => key !== 'withdrawn'));
  await context.close();
});

test('in a sandbox without an origin every call is answered, and nothing is sent', async () => {
  const before = between.posted.length;
  const { context, page, said } = await freshPage(browser);
  await page.goto(at('sandbox', (await click(product, 'ada')).query));
  assert.deepEqual(await ready(page), OFF);
  const told = await page.evaluate(async () => {
    const { status, code } = await trailmark.signup({ customerKey: 'nowhere' });
    return [status, code, await trailmark.touch(), await trailmark.reference(), await trailmark.consent('denied')];
  });
  assert.deepEqual(told, ['failed', 'not_loaded', null, null, 'denied']);
  assert.deepEqual([between.posted.slice(before), said.errors], [[], []]);
  await context.close();
});
