// The demo's pages as a visitor has them: phone and desktop, light and dark, by keyboard alone, with and without
// consent. Pictures of every page go to target/screenshots, for people to look at.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { Caller } from './support/caller.mjs';
import { DESKTOP, LOOKS, PHONE, sound, tabTo, watchShifts } from './support/looks.mjs';
import { BINARY, Product, until } from './support/product.mjs';

/** What the proxy is told about the key of the demo's shop. */
const PRINTED = execFileSync(BINARY, ['simulate', '--print-config'], { encoding: 'utf8' });
const [ORDER_KEYS] = PRINTED.match(/^order_keys = .*$/m);

let product, browser;
before(async () => {
  product = await Product.start({ consent: 'required', extra: ORDER_KEYS });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

const asked = (said) => said.requests.filter(({ url }) => url.includes('/tm/v1/')).map(({ method }) => method);
const stored = (page) =>
  page.evaluate(async () => [...Object.keys({ ...localStorage, ...sessionStorage }), ...(await indexedDB.databases())]);
/** The parameters with which a partner's link sends a visitor to the shop. */
const clicked = async (partner) => {
  const { xid } = await product.control('partnerstack/clicks', { partner_key: partner });
  return `ps_xid=${xid}&ps_partner_key=${Buffer.from(partner).toString('base64url')}`;
};
const arrival = async (partner) => `${product.site}/?${await clicked(partner)}`;

test('every page is readable in light and dark, on phone and desktop, fits, has names and stands still', async () => {
  for (const [index, look] of LOOKS.entries()) {
    const { context, page, said } = await freshPage(browser, look);
    await page.addInitScript(watchShifts);
    await page.goto(await arrival('ada'));
    await page.getByText('it waits for your answer').waitFor();
    await sound(page, 'pages-landing-asked', look);
    await page.getByRole('button', { name: 'Accept' }).click();
    await page.getByText('ada brought you').waitFor();
    await sound(page, 'pages-landing', look);
    for (const name of ['pricing', 'signup', 'checkout']) {
      await page.goto(`${product.site}/${name}.html`);
      await page.getByText('ada brought you').waitFor();
      await sound(page, `pages-${name}`, look);
    }
    await page.goto(`${product.site}/signup.html?plan=garden`);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('What shall we call you?').waitFor();
    await sound(page, 'pages-signup-errors', look);
    await page.getByLabel('Name').fill('Hedda Rowe');
    await page.getByLabel('E-mail').fill(`hedda${index}@example.org`);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Welcome, Hedda Rowe' }).waitFor();
    await sound(page, 'pages-signup-done', look);
    await page.getByRole('link', { name: 'Go to checkout' }).click();
    await page.getByRole('button', { name: 'Place the order' }).click();
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    await sound(page, 'pages-checkout-done', look);
    assert.deepEqual([...said.errors, ...said.console], []);
    await context.close();
  }
});

/** Says at each second frame that the browser has painted. */
function tellPaints() {
  const tell = () => requestAnimationFrame(() => requestAnimationFrame(() => fetch('/painted').then(tell)));
  tell();
}

/** Serves the shop, and hands each page on in pieces: the next once the browser has painted the last. */
async function slowly() {
  let painted = () => {};
  const server = createServer(async ({ url }, answer) => {
    if (url === '/painted') return answer.end('', painted);
    const whole = await fetch(product.site + url);
    const type = whole.headers.get('content-type');
    answer.writeHead(whole.status, { 'content-type': type });
    const body = Buffer.from(await whole.arrayBuffer());
    if (!type.startsWith('text/html')) return answer.end(body);
    // Nothing is painted before the page's head has come.
    const start = body.indexOf('<main');
    answer.write(body.subarray(0, start));
    for (let from = start; from < body.length; from += 300) {
      await new Promise((resolve) => (painted = resolve));
      answer.write(body.subarray(from, from + 300));
    }
    answer.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, site: `http://127.0.0.1:${server.address().port}` };
}

test('a page that arrives slowly does not move what it has shown', async () => {
  for (const viewport of [PHONE, DESKTOP]) {
    const { context, page } = await freshPage(browser, { viewport });
    await page.addInitScript(watchShifts);
    await page.addInitScript(tellPaints);
    const { server, site } = await slowly();
    for (const path of ['/', '/pricing.html', '/signup.html', '/checkout.html']) {
      await page.goto(site + path);
      assert.ok((await page.evaluate(() => window.shifted)) < 0.01, `${path} at ${viewport.width} px`);
    }
    await context.close();
    server.closeAllConnections();
    server.close();
  }
});

test('the walk from landing over pricing and signup to a placed order needs no mouse', async () => {
  for (const viewport of [PHONE, DESKTOP]) {
    const { context, page, said } = await freshPage(browser, { viewport });
    await page.goto(await arrival('grace'));
    await page.getByText('it waits for your answer').waitFor();
    const covered = ['Skip to the page', 'Start for free', 'A neighbour', 'Watch the ledger'];
    for (const name of covered) await tabTo(page, name);
    await page.goto(await arrival('grace'));
    await tabTo(page, 'Accept');
    await page.keyboard.press('Enter');
    await page.getByText('grace brought you').waitFor();
    await tabTo(page, 'See what it costs');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Pricing' }).waitFor();
    await tabTo(page, 'Choose Garden');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Create your account' }).waitFor();
    assert.equal(await page.getByLabel('Garden').isChecked(), true, 'the plan came along');
    await tabTo(page, 'Garden');
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.getByLabel('Allotment').isChecked(), true);
    await tabTo(page, 'Name');
    await page.keyboard.press('Enter');
    await page.getByText('What shall we call you?').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), 'name', 'the first that lacks something');
    await page.keyboard.type('Grace Listener');
    await tabTo(page, 'E-mail');
    await page.keyboard.type('no address');
    await page.keyboard.press('Enter');
    await page.getByText('it needs a name, an @ and a host').waitFor();
    await page.keyboard.press('Control+A');
    await page.keyboard.type(`listener${viewport.width}@example.org`);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Welcome, Grace Listener' }).waitFor();
    assert.match(await page.evaluate(() => document.activeElement.textContent), /^Welcome/);
    await tabTo(page, 'Go to checkout');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Checkout' }).waitFor();
    assert.equal(await page.getByLabel('Allotment').isChecked(), true);
    await tabTo(page, 'Spring seed box');
    await page.keyboard.press('Space');
    assert.equal(await page.locator('[data-total]').textContent(), '€97.00');
    await tabTo(page, 'Place the order');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    await page.getByText('€97.00, and no money was taken').waitFor();
    assert.deepEqual([...said.errors, ...said.console], []);
    await context.close();
  }
});

test('the question about consent keeps nothing unanswered, remembers the answer, and can be asked again', async () => {
  const { context, page, said } = await freshPage(browser);
  const question = page.getByRole('region', { name: 'May we remember who sent you?' });
  await page.goto(await arrival('ada'));
  await question.getByRole('button', { name: 'Decide later' }).click();
  await question.waitFor({ state: 'hidden' });
  await page.getByRole('navigation').getByRole('link', { name: 'Pricing' }).click();
  await page.getByRole('heading', { name: 'Pricing' }).waitFor();
  assert.deepEqual([asked(said), await context.cookies(), await stored(page)], [[], [], []], 'later is no yes');

  await page.goto(await arrival('ada'));
  await question.getByRole('button', { name: 'Accept' }).click();
  await page.getByText('ada brought you').waitFor();
  await page.reload();
  await page.getByText('ada brought you').waitFor();
  assert.equal(await question.isVisible(), false, 'an answer is remembered');

  said.requests.length = 0;
  await page.getByRole('button', { name: 'Privacy choices' }).click();
  await question.getByRole('button', { name: 'Decline' }).click();
  await page.getByText('You declined').waitFor();
  await until('the cookies are gone', async () => (await context.cookies()).length === 0);
  assert.deepEqual(asked(said), ['DELETE']);
  await until('the browser key is gone', async () => (await stored(page)).every((name) => name === 'furrow-consent'));
  await page.goto(await arrival('ada'));
  await page.getByText('You declined').waitFor();
  assert.equal(await question.isVisible(), false);
  assert.deepEqual([asked(said), await context.cookies(), await stored(page)], [['DELETE'], [], ['furrow-consent']]);
  await context.close();
});

test('with Global Privacy Control the shop does not ask', async () => {
  const { context, page, said } = await freshPage(browser);
  await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
  await page.goto(await arrival('ada'));
  await page.getByText('Your browser asks for privacy').waitFor();
  assert.equal(await page.getByRole('region', { name: 'May we remember' }).isVisible(), false);
  assert.deepEqual([asked(said), await context.cookies(), await stored(page)], [[], [], []]);
  await context.close();
});

test('a signup before the answer is told of as unreported, and goes out once the visitor agrees', async () => {
  const { context, page } = await freshPage(browser);
  await page.goto(await arrival('ada'));
  await page.getByRole('navigation').getByRole('link', { name: 'Sign up' }).click();
  await page.getByLabel('Name').fill('Slow Decider');
  await page.getByLabel('E-mail').fill('slow@example.org');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.locator('[data-step=signup]').getByText('waits for your answer').waitFor();
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.locator('[data-step=signup]').getByText('On its way since you agreed').waitFor();
  await page.locator('[data-said]', { hasText: 'On its way since you agreed' }).waitFor();
  const made = async () => {
    const { customers } = await product.control('state/partnerstack');
    return customers.some(({ email }) => email === 'slow@example.org');
  };
  await until('the signup has reached the vendor', made);
  await context.close();
});

test('a till that does not answer orders nothing and says so; the same cart is then one order', async () => {
  const { context, page } = await freshPage(browser);
  const carts = [];
  await context.route('**/shop/orders', async (route) => {
    carts.push(route.request().postDataJSON().cart);
    return carts.length === 1 ? route.abort() : route.continue();
  });
  await page.goto(`${product.site}/checkout.html?plan=allotment`);
  await page.getByRole('button', { name: 'Decline' }).click();
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByText('The address that you signed up with.').waitFor();
  await page.getByLabel('E-mail').fill('buyer@example.org');
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByRole('alert').getByText('Nothing was ordered').waitFor();
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByRole('heading', { name: 'Thank you' }).waitFor();
  assert.equal(carts.length, 2);
  assert.equal(carts[0], carts[1]);
  await context.close();
});

test('an order that the shop\'s backend has signed is believed, and reaches the vendor once in cents', async () => {
  const caller = await Caller.create(product.site);
  await caller.arrive(await clicked('ada'));
  const key = `u_${randomUUID().slice(0, 8)}`;
  assert.equal((await caller.signup(key, { email: 'sale@example.org' })).status, 202);
  const items = [{ sku: 'garden', quantity: 1 }, { sku: 'seed-box', quantity: 1 }];
  const body = JSON.stringify({ cart: randomUUID(), customer_key: key, items });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${product.simulator}/shop/orders`, { method: 'POST', headers, body });
  const order = await answer.json();
  const { body: receipt } = await caller.convert({ kind: 'sale', signed_order: order.order });
  assert.equal(receipt.status, 'accepted', JSON.stringify(receipt));
  const sold = async () => {
    const { transactions } = await product.control('state/partnerstack');
    const ours = transactions.filter((one) => one.key === order.key);
    return ours.length > 0 && ours;
  };
  const [sale, ...more] = await until('the vendor has the transaction', sold);
  assert.deepEqual([sale.amount, sale.currency.toUpperCase(), sale.customer_key, more], [4700, 'EUR', key, []]);
  const [head, claims, signature] = order.order.split('.');
  const longer = { ...JSON.parse(Buffer.from(claims, 'base64url')), exp: 9_999_999_999 };
  const altered = [head, Buffer.from(JSON.stringify(longer)).toString('base64url'), signature].join('.');
  const { body: forged } = await caller.convert({ kind: 'sale', signed_order: altered });
  assert.deepEqual([forged.status, forged.code], ['held', 'order_signature_invalid']);
});
