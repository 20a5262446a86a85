// A partner's link on the merchant's own host, in a real Chromium: recorded on the navigation, never ahead of it and never
// from within a page, and nothing kept where consent is missing. Also the beacon with which a page is left.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { Product, until } from './support/product.mjs';

let free, asking, browser;
before(async () => {
  [free, asking] = await Promise.all([Product.start(), Product.start({ consent: 'required' })]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all([free?.stop(), asking?.stop()]);
});

const link = (product, partner, to) => `${product.site}/tm/r/main/${partner}?to=${encodeURIComponent(to)}`;
const touches = async (product, partner) => {
  const answer = await fetch(`${product.operator}/v1/touches`);
  return (await answer.json()).filter((touch) => touch.partner === partner);
};
const asked = (said) => said.requests.filter(({ url }) => url.includes('/tm/v1/'));
const stored = (page) => page.evaluate(async () => [...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await indexedDB.databases())]);

test('a link on somebody else\'s page becomes a touch, a token and exactly one customer', async () => {
  const { context, page, said } = await freshPage(browser);
  const blog = `<meta name="referrer" content="unsafe-url"><a href="${link(free, 'ada', '/pricing.html?utm_source=blog')}">Acme Notes</a>`;
  await context.route('http://blog.example/**', (route) => route.fulfill({ contentType: 'text/html', body: blog }));
  await page.goto('http://blog.example/review?reader=private');
  await page.getByRole('link').click();
  await page.getByText('ada brought you').waitFor();
  assert.equal(page.url(), `${free.site}/pricing.html?utm_source=blog`, 'no parameter of ours in the address');
  assert.equal(await page.evaluate(() => document.referrer), 'http://blog.example/');
  const [visitor] = (await context.cookies()).filter(({ name }) => name === 'tm_acme_v');
  assert.ok(visitor.httpOnly && visitor.sameSite === 'Lax', JSON.stringify({ ...visitor, value: '' }));
  const [touch, ...more] = await touches(free, 'ada');
  assert.deepEqual(more, []);
  assert.equal(touch.landing_url, `${free.site}/pricing.html?utm_source=blog`);

  await page.getByRole('navigation').getByRole('link', { name: 'Sign up' }).click();
  await page.getByLabel('Name').fill('Link Reader');
  await page.getByLabel('E-mail').fill('link@example.org');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.locator('[data-result]').waitFor();
  const [status, id] = (await page.locator('[data-result] code').textContent()).split(' · ');
  assert.equal(status, 'accepted');
  await until('the delivery is recorded', () => free.json('conversions', 'show', id).deliveries.every(({ state }) => state === 'recorded'));
  const made = (await free.control('state/partnerstack')).customers.filter(({ email }) => email === 'link@example.org');
  assert.equal(made.length, 1);
  assert.deepEqual([...said.errors, ...said.console], []);
  await context.close();
});

test('what a page loads by itself is no visit, and a prefetch does not take the place of one', async () => {
  const { context, page } = await freshPage(browser);
  const seen = [];
  page.on('response', (answer) => answer.url().includes('/tm/r/') && seen.push(answer.status()));
  await page.goto(`${free.site}/`);
  await page.evaluate(async (url) => {
    await fetch(url);
    await new Promise((resolve) => Object.assign(new Image(), { onload: resolve, onerror: resolve, src: url }));
    const frame = Object.assign(document.createElement('iframe'), { src: url });
    await new Promise((resolve) => (frame.onload = resolve, document.body.append(frame)));
  }, link(free, 'stuffer', '/pricing.html'));
  assert.deepEqual(seen.splice(0), [302, 302, 302]);
  const prefetched = link(free, 'hedy', '/pricing.html');
  await page.evaluate((href) => document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href })), prefetched);
  await until('the prefetch is answered', () => seen.length);
  assert.deepEqual(seen, [503]);
  assert.deepEqual([...(await touches(free, 'stuffer')), ...(await touches(free, 'hedy')), ...(await context.cookies())], []);
  await page.goto(prefetched);
  await page.getByText('hedy brought you').waitFor();
  assert.equal((await touches(free, 'hedy')).length, 1);
  await context.close();
});

test('with Global Privacy Control a link keeps nothing and the page asks nothing', async () => {
  const { context, page, said } = await freshPage(browser, { extraHTTPHeaders: { 'sec-gpc': '1' } });
  await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
  await page.goto(link(free, 'private', '/pricing.html'));
  await page.getByText('no partner brought you here').waitFor();
  assert.deepEqual([asked(said), await context.cookies(), await stored(page), await touches(free, 'private')], [[], [], [], []]);
  await context.close();
});

test('where consent is required the page keeps the partner in memory until the visitor agrees', async () => {
  const { context, page, said } = await freshPage(browser);
  await page.goto(link(asking, 'ada', '/'));
  await page.getByText('no partner brought you here').waitFor();
  await page.getByRole('navigation').getByRole('link', { name: 'Pricing' }).click();
  await page.getByRole('heading', { name: 'Pricing' }).waitFor();
  assert.deepEqual([asked(said), await context.cookies(), await stored(page), await touches(asking, 'ada')], [[], [], [], []]);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
  const touch = await until('the touch is there', () => page.evaluate(() => trailmark.touch()));
  assert.equal(touch.partner, 'ada');
  assert.equal((await touches(asking, 'ada')).length, 1);
  assert.equal((await context.cookies()).length, 2);
  await context.close();
});

test('a beacon sent as the page is left loses no touch, and the next page has its token', async () => {
  const { context, page } = await freshPage(browser);
  const { xid } = await free.control('partnerstack/clicks', { partner_key: 'grace' });
  // The module never comes; the page is left before it could, and the stub says so.
  await context.route('**/tm/sdk-*', (route) => route.abort());
  await page.goto(`${free.site}/?ps_xid=${xid}&ps_partner_key=Z3JhY2U`);
  await page.goto(`${free.site}/pricing.html`);
  await until('the browser has kept the cookies of the answer', async () => (await context.cookies()).length === 2);
  await context.unroute('**/tm/sdk-*');
  await page.goto(`${free.site}/signup.html`);
  await page.getByText('grace brought you').waitFor();
  const [touch, ...more] = await touches(free, 'grace');
  assert.deepEqual([touch.click_id, more], [xid, []]);
  await context.close();
});
