// The demo's pages as a visitor has them: phone and desktop, light and dark, by keyboard alone, with and without
// consent, and the ledger view beside them. Pictures of every page go to target/screenshots, for people to look at.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import { freshPage, launch, screenshot } from './support/browser.mjs';
import { Caller } from './support/caller.mjs';
import { BINARY, Product, until } from './support/product.mjs';

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };
const SCHEMES = ['light', 'dark'];
const LOOKS = [PHONE, DESKTOP].flatMap((viewport) => SCHEMES.map((colorScheme) => ({ viewport, colorScheme })));

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

/** Adds up what moved without having been touched, from the first paint on. */
function watchShifts() {
  window.shifted = 0;
  const add = (list) => {
    for (const entry of list.getEntries()) window.shifted += entry.hadRecentInput ? 0 : entry.value;
  };
  new PerformanceObserver(add).observe({ type: 'layout-shift', buffered: true });
}

/** Every text on the page whose contrast with what lies behind it is below WCAG's 4.5:1, as the browser paints both. */
function faintTexts() {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const paint = (...colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => getComputedStyle(element).backgroundColor;
  const grounds = (element) => (element ? [...grounds(element.parentElement), ground(element)] : ['Canvas']);
  const faint = [];
  let looked = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || element.closest('script, style, [disabled]')) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    looked += 1;
    const behind = grounds(element);
    const painted = [paint(...behind), paint(...behind, getComputedStyle(element).color)].map(luminance);
    const ratio = (Math.max(...painted) + 0.05) / (Math.min(...painted) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)}: ${text.data.trim().slice(0, 40)}`);
  }
  return { faint, looked };
}

/** Whether the page fits its window, and every control has a name and fits a finger or its line. */
function flaws() {
  const found = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`it scrolls sideways: ${scrollWidth} px in ${innerWidth}`);
  for (const control of document.querySelectorAll('input, select, textarea')) {
    const named = control.labels?.length || control.ariaLabel || control.getAttribute('aria-labelledby');
    if (!named) found.push(`${control.outerHTML} has no label`);
  }
  for (const control of document.querySelectorAll('a[href], button')) {
    if (!(control.textContent.trim() || control.ariaLabel)) found.push(`${control.outerHTML} has no name`);
  }
  const levels = [...document.querySelectorAll('h1')].filter((heading) => heading.checkVisibility());
  if (levels.length !== 1) found.push(`${levels.length} headings of the first level`);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  found.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `the id ${id} stands twice`));
  return found;
}

async function sound(page, name, { viewport, colorScheme }) {
  const where = `${name} at ${viewport.width} px, ${colorScheme}`;
  const { faint, looked } = await page.evaluate(faintTexts);
  assert.ok(looked > 10, `${where}: texts were looked at`);
  assert.deepEqual(faint, [], `${where}: contrast`);
  assert.deepEqual(await page.evaluate(flaws), [], where);
  assert.ok((await page.evaluate(() => window.shifted)) < 0.01, `${where}: nothing moves by itself`);
  await screenshot(page, `pages-${name}-${viewport.width}-${colorScheme}`);
}

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
    await sound(page, 'landing-asked', look);
    await page.getByRole('button', { name: 'Accept' }).click();
    await page.getByText('ada brought you').waitFor();
    await sound(page, 'landing', look);
    for (const name of ['pricing', 'signup', 'checkout']) {
      await page.goto(`${product.site}/${name}.html`);
      await page.getByText('ada brought you').waitFor();
      await sound(page, name, look);
    }
    await page.goto(`${product.site}/signup.html?plan=garden`);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('What shall we call you?').waitFor();
    await sound(page, 'signup-errors', look);
    await page.getByLabel('Name').fill('Hedda Rowe');
    await page.getByLabel('E-mail').fill(`hedda${index}@example.org`);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Welcome, Hedda Rowe' }).waitFor();
    await sound(page, 'signup-done', look);
    await page.getByRole('link', { name: 'Go to checkout' }).click();
    await page.getByRole('button', { name: 'Place the order' }).click();
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    await sound(page, 'checkout-done', look);
    await page.goto(product.ledger());
    await page.getByText('ada, by the last touch').first().waitFor();
    await sound(page, 'ledger', look);
    assert.deepEqual([...said.errors, ...said.console], []);
    await context.close();
  }
});

test('an empty ledger view tells what to do, and is readable too', async () => {
  const empty = await Product.start();
  try {
    for (const look of LOOKS) {
      const { context, page } = await freshPage(browser, look);
      await page.addInitScript(watchShifts);
      await page.goto(empty.ledger());
      for (const cure of ['Open the site through one', 'Sign up on the site', 'One appears once']) {
        await page.getByText(cure).waitFor();
      }
      await sound(page, 'ledger-empty', look);
      await context.close();
    }
  } finally {
    await empty.stop();
  }
});

/** Presses Tab until the control of that name has the focus, which must be visible and under nothing. */
async function tabTo(page, name) {
  const seen = [];
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const control = document.activeElement;
      const { left, top, width, height } = control.getBoundingClientRect();
      const hit = document.elementFromPoint(left + width / 2, top + height / 2);
      // A radio button's label is its body.
      const bodies = [control, control.closest('label')].filter(Boolean);
      const ringed = bodies.some((body) => getComputedStyle(body).outlineStyle !== 'none');
      const text = (control.labels?.[0] ?? control).textContent.trim().replace(/\s+/g, ' ');
      return { text, ringed, free: bodies.some((body) => body.contains(hit)) };
    });
    seen.push(at.text);
    if (!at.text.startsWith(name)) continue;
    assert.ok(at.ringed, `the focus on ${name} shows`);
    assert.ok(at.free, `${name} lies under nothing`);
    return;
  }
  assert.fail(`no way by Tab to ${name}: ${seen.join(' > ')}`);
}

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

  const { context, page } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(product.ledger());
  await page.getByText('No key in order_keys verifies the order').waitFor();
  await page.getByText('€47.00').waitFor();
  await screenshot(page, 'pages-ledger-order');
  await context.close();
});

test('a long ledger shows its newest rows, and the older ones on demand', async () => {
  const visits = Array.from({ length: 9 }, async () => {
    const caller = await Caller.create(product.site);
    await caller.arrive(await clicked('ada'));
    return caller.signup(`u_${randomUUID()}`);
  });
  await Promise.all(visits);
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(product.ledger());
  const section = page.locator('#conversions');
  await section.getByRole('button', { name: /^Show \d+ older$/ }).click();
  await until('all rows are there', async () => (await section.locator('tbody tr').count()) > 8);
  assert.equal(await section.locator('tr.fresh').count(), 0, 'what is older is no news');
  await section.getByRole('button', { name: 'Show the newest alone' }).click();
  await until('eight are left', async () => (await section.locator('tbody tr').count()) === 8);
  assert.deepEqual([...said.errors, ...said.console], []);
  await context.close();
});

test('the ledger view says why a conversion was refused, without a commission, and counts all that the vendor has', async () => {
  const caller = await Caller.create(product.site);
  // A customer without a click id needs an e-mail address at the vendor.
  await caller.arrive('ps_partner_key=YWRh');
  const key = `u_refused_${randomUUID().slice(0, 8)}`;
  assert.equal((await caller.signup(key)).body.status, 'accepted');
  const { context, page, said } = await freshPage(browser, { viewport: PHONE });
  await page.goto(product.ledger());
  const conversion = page.locator('#conversions tbody tr', { hasText: key });
  await conversion.getByText('Every delivery of it was refused').waitFor();
  const delivery = page.locator('#deliveries tbody tr', { hasText: key });
  await delivery.getByText('rejected', { exact: true }).waitFor();
  assert.equal(await delivery.locator('[data-name=Commission]').textContent(), '–');
  const { customers, transactions } = await product.control('state/partnerstack');
  assert.ok(customers.length > 0 && transactions.length > 0);
  const all = (customers.length + transactions.length).toLocaleString('en-US');
  await page.locator('#tally').getByText(`${all} At the vendor`).waitFor();
  await conversion.getByRole('button').click();
  await page.getByText('The way here').waitFor();
  const wrapped = await page.locator('#way pre span').evaluateAll((lines) => {
    const hanging = lines.filter((line) => line.offsetHeight > 1.5 * parseFloat(getComputedStyle(line).lineHeight));
    return hanging.map((line) => parseFloat(getComputedStyle(line).paddingInlineStart));
  });
  assert.ok(wrapped.some((padding) => padding > 0), 'a line that is wrapped keeps its indent');
  await screenshot(page, 'pages-ledger-refused');
  assert.deepEqual([...said.errors, ...said.console], []);
  await context.close();
});

const hasFocus = (locator) => locator.evaluate((element) => document.activeElement === element);

test('the ledger view changes cells and keeps rows, focus and an open dialog', async () => {
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(product.ledger());
  await page.locator('#deliveries tbody tr').first().waitFor();
  const caller = await Caller.create(product.site);
  await caller.arrive(await clicked('ada'));
  const key = `u_view_${randomUUID().slice(0, 8)}`;
  await caller.signup(key, { email: 'view@example.org' });
  const row = page.locator('#deliveries tbody tr', { hasText: key });
  await row.waitFor();
  assert.doesNotMatch(await row.textContent(), /recorded/, 'it has been seen before it was recorded');
  await row.evaluate((element) => (element.mark = 'the same'));
  const opener = page.locator('#conversions tbody tr', { hasText: key }).getByRole('button');
  await opener.focus();
  await row.getByText('recorded').waitFor({ timeout: 30_000 });
  assert.equal(await row.evaluate((element) => element.mark), 'the same');
  assert.equal(await hasFocus(opener), true);
  await page.keyboard.press('Enter');
  await page.getByText('The way here').waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await hasFocus(opener), true, 'closing gives the focus back');
  assert.deepEqual([...said.errors, ...said.console], []);
  await context.close();
});
