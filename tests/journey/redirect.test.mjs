// A partner's link on the merchant's own host, in real browsers: recorded on the navigation, never ahead of it and
// never from within a page, and nothing kept where consent is missing. Also the beacon with which a page is left.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch } from './support/browser.mjs';
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
  return (await answer.json()).items.filter((touch) => touch.partner === partner);
};
const asked = (said) => said.requests.filter(({ url }) => url.includes('/tm/v1/'));
const stored = (page) => page.evaluate(async () => [...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await indexedDB.databases())]);

/** A page of somebody else's on a host of their own, until the test ends: its origin. */
const foreign = (t, body) =>
  new Promise((resolve) => {
    const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(body));
    t.after(() => new Promise((closed) => (server.close(closed), server.closeAllConnections())));
    server.listen(0, '127.0.0.1', () => resolve(`http://blog.localhost:${server.address().port}`));
  });

for (const { name, fresh } of browsers) {
  test(`a link on somebody else's page becomes a touch, a token and exactly one customer in ${name}`, async (t) => {
    const email = `${name.toLowerCase()}@example.org`;
    const landing = `/pricing.html?utm_source=${name}`;
    const earlier = await touches(free, 'ada');
    const unsafe = '<!doctype html><meta name="referrer" content="unsafe-url">';
    const blog = await foreign(t, `${unsafe}<a href="${link(free, 'ada', landing)}">Acme Notes</a>`);
    const page = await fresh(t);
    await page.goto(`${blog}/review?reader=private`);
    await page.click('a', 'Acme Notes');
    await page.sees('ada brought you');
    assert.equal(page.url(), free.site + landing, 'no parameter of ours in the address');
    assert.equal(await page.evaluate(() => document.referrer), `${blog}/`);
    const [visitor] = (await page.cookies()).filter((cookie) => cookie.name === 'tm_acme_v');
    assert.ok(visitor.httpOnly && visitor.sameSite === 'Lax', JSON.stringify({ ...visitor, value: '' }));
    const made = (await touches(free, 'ada')).filter(({ id }) => !earlier.some((touch) => touch.id === id));
    assert.deepEqual(made.map((touch) => touch.landing_url), [free.site + landing]);

    await page.click('nav a', 'Sign up');
    await page.fill('Name', 'Link Reader');
    await page.fill('E-mail', email);
    await page.click('button', 'Create account');
    const words = (await page.text('[data-result] code')).split(' · ');
    const [status, id] = [words.at(0), words.at(-1)];
    assert.match(status, /^(accepted|queued)$/, 'queued where the machine took longer than 300 ms');
    await until('the delivery is recorded', () => {
      const { code, stdout } = free.cli('conversions', 'show', id, '--json');
      return code === 0 && JSON.parse(stdout).deliveries[0]?.state === 'recorded';
    });
    const { customers } = await free.control('state/partnerstack');
    assert.equal(customers.filter((customer) => customer.email === email).length, 1);
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });
}

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
  await page.getByText('You came by a partner’s link').waitFor();
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
