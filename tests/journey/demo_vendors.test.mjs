// The demo's shop entered by a partner of each vendor, with that vendor's own link: signup and order end at that vendor and at
// no other, the strip says in its words what it has, and the simulator's page shows the same.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { settled } from './support/effects.mjs';
import { LOOKS, sound, watchShifts } from './support/looks.mjs';
import { BINARY, Product, SECRETS, VENDORS, programOf } from './support/product.mjs';

/** What `--print-config` prints for these addresses, as it stands; the operator's is the one that it cannot be told. */
function printed({ site, operator, simulator }) {
  const words = ['simulate', '--print-config', '--pace', 'demo', '--listen', simulator, '--landing-url', `http://${site}/`];
  const text = execFileSync(BINARY, words, { encoding: 'utf8' });
  const exports = [...text.matchAll(/^# {3}export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
  assert.deepEqual(Object.fromEntries(exports), SECRETS);
  return text.replace(/^admin_listen = .*$/m, `admin_listen = "${operator}"`);
}

/** By vendor: the entrance's link, the address to which it leads, what the strip says, and the money that the vendor has. */
const VISITS = {
  partnerstack: {
    link: 'Follow Ada’s link',
    landing: /[?&]ps_xid=\w+/,
    arrival: 'ada brought you, in program main',
    signup: 'PartnerStack has the customer, brought by ada.',
    order: 'PartnerStack has the transaction of €29.00, brought by ada.',
    commission: 'ada earns €5.80: “pending” at PartnerStack.',
    money: '29.00 EUR',
  },
  partnerize: {
    link: 'Partnerize',
    landing: /\?clickref=1011l\w*[A-Z]/,
    arrival: 'A partner known only to the vendor brought you, in program partnerize',
    signup: 'Partnerize has the conversion, brought by Amber Media.',
    order: 'Partnerize has the conversion of €29.00, brought by Amber Media.',
    commission: 'Amber Media earns €2.90: “pending” at Partnerize.',
    money: '29.00 EUR',
  },
  introw: {
    link: 'Introw',
    landing: /\?via=ptn_\w+&irw_id=\w+/,
    arrival: /ptn_\w+ brought you, in program introw/,
    signup: 'Introw has the conversion, brought by Alder Advisory.',
    order: 'Introw has the commission line of €2.90, brought by Alder Advisory.',
    commission: 'Alder Advisory earns €2.90: “PENDING” at Introw.',
    money: '2.90 EUR',
  },
  partnero: {
    link: 'Partnero',
    landing: /\?aff=amiraito/,
    arrival: 'amiraito brought you, in program partnero',
    signup: 'Partnero has the customer, brought by amiraito.',
    order: 'Partnero has the transaction of €29.00, brought by amiraito.',
    commission: 'amiraito earns €8.70: “ok” at Partnero.',
    money: '29.00 EUR',
  },
};

let product, browser;
before(async () => {
  product = await Product.start({ config: printed });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/** How often anything was made at each vendor, less the clicks. */
async function made() {
  const { effects } = await product.control('effects');
  const of = (vendor) => effects.filter((row) => row.vendor === vendor && row.operation !== 'click');
  return Object.fromEntries(VENDORS.map((vendor) => [vendor, of(vendor).reduce((sum, row) => sum + row.effects, 0)]));
}

const step = (page, name) => page.locator(`[data-step=${name}]`);

/** From the entrance to a placed order, with what the strip says of each step. Who was asked for consent is not asked again. */
async function visits(page, { link, arrival, signup, order, commission }, email, isAsked = true) {
  await page.goto(product.site);
  await page.locator('.demo').getByRole('link', { name: link }).click();
  await page.getByText('You followed a partner’s link.').waitFor();
  if (isAsked) await page.getByRole('button', { name: 'Accept' }).click();
  await step(page, 'arrival').getByText(arrival).waitFor();
  await page.getByRole('link', { name: 'Next: sign up' }).click();
  await page.getByLabel('Name').fill('Robin Visitor');
  await page.getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Create account' }).click();
  await step(page, 'signup').getByText(signup).waitFor();
  await page.getByRole('link', { name: 'Go to checkout' }).click();
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByRole('heading', { name: 'Thank you' }).waitFor();
  await step(page, 'order').getByText(order).waitFor();
  await step(page, 'commission').getByText(commission).waitFor();
}

for (const vendor of VENDORS) {
  test(`a visitor by a partner's link of ${vendor} signs up and orders, and both end there and nowhere else`, async () => {
    const visit = VISITS[vendor];
    const before = await made();
    const { context, page, said } = await freshPage(browser);
    await visits(page, visit, `by-${vendor}@example.org`);
    assert.ok(said.requests.some(({ url }) => visit.landing.test(url)), 'the link is in the vendor’s own form');
    const href = await page.getByRole('link', { name: 'See this order in the ledger' }).getAttribute('href');
    await settled(product);
    const { conversion, deliveries } = product.json('conversions', 'show', href.split('/').at(-1));
    assert.equal(conversion.kind, 'sale');
    assert.deepEqual(deliveries.map(({ program, state }) => [program, state]), [[programOf(vendor), 'recorded']]);
    const after = await made();
    const more = VENDORS.map((name) => [name, after[name] - before[name]]).filter(([, count]) => count > 0);
    assert.deepEqual(more, [[vendor, 2]], 'what was made, where');
    await page.goto(href);
    await page.getByText('sale').first().waitFor();
    assert.deepEqual([...said.errors, ...said.console], []);
    await context.close();
  });
}

test('one browser that comes by all four vendors, one after the other, makes signup and order at each', async () => {
  const before = await made();
  const { context, page, said } = await freshPage(browser);
  for (const [index, vendor] of VENDORS.entries()) {
    await visits(page, VISITS[vendor], `all-${vendor}@example.org`, index === 0);
  }
  await settled(product);
  const after = await made();
  const more = Object.fromEntries(VENDORS.map((vendor) => [vendor, after[vendor] - before[vendor]]));
  assert.deepEqual(more, { partnerstack: 2, partnerize: 2, introw: 2, partnero: 2 });
  assert.deepEqual([...said.errors, ...said.console], []);
  await context.close();
});

test('the simulator’s page and the ledger view show what each vendor has, readable on phone and desktop', async () => {
  for (const look of LOOKS) {
    const { context, page, said } = await freshPage(browser, look);
    await page.addInitScript(watchShifts);
    await page.goto(product.simulator);
    await page.getByText('Simulated time').waitFor();
    for (const [vendor, { money }] of Object.entries(VISITS)) {
      await page.locator(`#${vendor}-has`).getByText(money).first().waitFor();
    }
    await sound(page, 'demo-simulator', look);
    await page.goto(product.ledger());
    for (const name of ['PartnerStack: rewards', 'Partnerize: commissions', 'Introw: commission lines', 'Partnero: rewards']) {
      await page.getByRole('heading', { name }).waitFor();
    }
    // What a visitor of the demo does needs nobody.
    await page.getByText('Live · all is well').waitFor();
    await sound(page, 'demo-vendors-ledger', look);
    assert.deepEqual([...said.errors, ...said.console], []);
    await context.close();
  }
});

test('what happens at a vendor shows on the simulator’s open page', async () => {
  const { context, page } = await freshPage(browser);
  await page.goto(product.simulator);
  const has = page.locator('#partnero-has');
  await has.getByText('29.00 EUR').first().waitFor();
  const { vendors } = await product.control('listings');
  const { rows } = vendors.find(({ vendor }) => vendor === 'partnero').listings[1];
  await product.control(`partnero/transactions/${rows[0].key}/archive`, {});
  await has.getByText('archived').waitFor();
  await context.close();
});

test('the thank-you page is readable after an order at each vendor, on phone and desktop', async () => {
  for (const [index, vendor] of VENDORS.entries()) {
    const look = LOOKS[index];
    const { context, page } = await freshPage(browser, look);
    await page.addInitScript(watchShifts);
    // Long enough after the click that the browser counts what moves then as moving by itself.
    await page.route('**/shop/orders', async (route) => {
      await page.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), 600);
      await route.continue();
    });
    await visits(page, VISITS[vendor], `looks-${vendor}@example.org`);
    await sound(page, `demo-thanks-${vendor}`, look);
    await context.close();
  }
});

test('no vendor saw a call that its documents do not allow', async () => {
  assert.deepEqual((await product.control('violations')).violations, []);
});
