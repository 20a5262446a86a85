// What the demo's first screen shows without scrolling, and that the two buttons of the simulator's page do what they say.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { sound, watchShifts } from './support/looks.mjs';
import { Product, until } from './support/product.mjs';

const SCREENS = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
];

let product, browser;
before(async () => {
  product = await Product.start({ consent: 'required' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/** Runs in the page: whether all of an element is on the screen, with nothing before it. */
const isSeen = (element) => {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && right > left && bottom > top;
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  return inside && element.contains(document.elementFromPoint(x, y));
};

for (const viewport of SCREENS)
  test(`the first screen at ${viewport.width}x${viewport.height} says that it is a demo and shows a link of each vendor, without scrolling`, async () => {
    const { context, page } = await freshPage(browser, { viewport });
    await page.goto(product.site);
    const heading = page.getByRole('heading', { name: 'This is a demo of Trailmark' });
    const [link, ...others] = ['Follow Ada’s link', 'Partnerize', 'Introw', 'Partnero'].map((name) =>
      page.locator('.demo').getByRole('link', { name, exact: true }));
    // The question about privacy covers the foot of the screen by then.
    await page.getByRole('button', { name: 'Accept' }).waitFor();
    await until('the links have their addresses', () => others[2].getAttribute('href'));
    for (const element of [heading, link, ...others]) assert.ok(await element.evaluate(isSeen), await element.textContent());
    assert.equal(await page.evaluate(() => scrollY), 0);
    await link.click();
    const next = page.getByText('You followed a partner’s link.');
    await next.waitFor();
    assert.ok(await next.evaluate(isSeen), 'what to do next is seen at once');
    await context.close();
  });

test('the first button of the simulator’s page makes PartnerStack answer 503 with an hour to wait, and ends that again', async () => {
  const { context, page, said } = await freshPage(browser, { viewport: SCREENS[0] });
  await page.goto(product.simulator);
  await page.getByText('PartnerStack answers.').waitFor();
  const asked = async () => {
    const authorization = `Basic ${btoa('pk_sim:sk_sim_private')}`;
    const answer = await fetch(`${product.simulator}/partnerstack/api/v2/customers`, { headers: { authorization } });
    return [answer.status, answer.headers.get('retry-after')];
  };
  await page.getByRole('button', { name: 'Make PartnerStack fail' }).click();
  await page.getByText('every call gets 503').waitFor();
  assert.deepEqual(await asked(), [503, '3600']);
  await page.reload();
  await page.getByRole('button', { name: 'Let PartnerStack answer again' }).click();
  await page.getByText('PartnerStack answers.').waitFor();
  assert.deepEqual(await asked(), [200, null]);
  assert.deepEqual([...said.errors, ...said.console], []);
  await context.close();
});

/** The proxy's time, from a click token. */
async function signedAt() {
  const body = JSON.stringify({ site: 'acme', id: '0'.repeat(31) + '7', url: `${product.site}/?ps_partner_key=YWRh` });
  const headers = { 'content-type': 'text/plain', origin: product.site };
  const answer = await fetch(`${product.site}/tm/v1/clicks`, { method: 'POST', headers, body });
  const [, claims] = (await answer.json()).click_token.split('.');
  return JSON.parse(Buffer.from(claims, 'base64url')).iat * 1000;
}

test('the second button of the simulator’s page moves its time and the proxy’s one hour forward', async () => {
  const { context, page } = await freshPage(browser, { viewport: SCREENS[1] });
  await page.addInitScript(watchShifts);
  await page.goto(product.simulator);
  const told = page.locator('#time-said');
  await told.getByText('Simulated time').waitFor();
  const before = await told.textContent();
  const { offset_ms: offset } = await product.control('clock');
  await page.getByRole('button', { name: 'Move time one hour forward' }).click();
  await until('the page shows the new time', async () => {
    const text = await told.textContent();
    return text !== before && text.startsWith('Simulated time');
  });
  assert.equal((await product.control('clock')).offset_ms, offset + 3_600_000);
  const ahead = (await signedAt()) - Date.now();
  assert.ok(Math.abs(ahead - offset - 3_600_000) < 600_000, `the proxy is ${ahead} ms ahead`);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await sound(page, 'simulator', { viewport: SCREENS[1], colorScheme });
  }
  await context.close();
});
