// A partner of each vendor brings a visitor, who signs up in Chromium: the vendor whose link it was has the signup
// once, under its own click id or partner, and the others have nothing. A link of two vendors makes one effect at each.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { settled, signUp } from './support/effects.mjs';
import { CLICKS } from './support/clicks.mjs';
import { Product, VENDORS, programOf, until } from './support/product.mjs';

/** What each vendor keeps of the signup under `key` that followed the click `id`. */
const KEPT = {
  partnerstack: ({ customers }, { id }) => customers.filter(({ xid }) => xid === id).length,
  partnerize: ({ conversions }, { id }) => conversions.filter(({ clickref }) => clickref === id).length,
  introw: ({ clicks }, { id }) => clicks.filter(({ irw_id, converted }) => irw_id === id && converted).length,
  partnero: ({ customers }, { id, key }) => customers.filter((one) => one.customer_key === key && one.partner_key === id).length,
};

let product, browser;
before(async () => {
  const files = (snippet) => ({ 'index.html': `<!doctype html><title>shop</title><link rel="icon" href="data:,">${snippet}` });
  product = await Product.start({ files, vendors: VENDORS, extra: 'credit = "each"' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/** How often anything was made at each vendor. */
async function made() {
  const counts = VENDORS.map(async (vendor) => {
    const { effects } = await product.control(`effects?vendor=${vendor}`);
    return [vendor, effects.reduce((sum, row) => sum + row.effects, 0)];
  });
  return Object.fromEntries(await Promise.all(counts));
}

/** Lands with the clicks of these vendors and signs up under `key`: what it made, and what each of them keeps of it. */
async function brought(key, names) {
  const clicks = await Promise.all(names.map((name) => CLICKS[name](product)));
  const clickref = clicks[names.indexOf('partnerize')]?.id;
  if (clickref) assert.notEqual(clickref, clickref.toLowerCase(), 'the click reference has capitals');
  const before = await made();
  const { context, page, said } = await freshPage(browser);
  await page.goto(`${product.site}/?${clicks.map(({ query }) => query).join('&')}`);
  await page.evaluate(() => trailmark.ready);
  await signUp(page, key);
  const own = () => product.json('conversions', 'list', '--limit', '1000').filter((row) => row.external_id === key);
  await until('the signup is in the ledger', () => own().length === 1);
  await settled(product);
  assert.deepEqual(said.errors, []);
  await context.close();
  const { deliveries } = product.json('conversions', 'show', own()[0].id);
  const states = Object.fromEntries(deliveries.map(({ program, state }) => [program, state]));
  const after = await made();
  const more = Object.fromEntries(VENDORS.map((name) => [name, after[name] - before[name]]).filter(([, count]) => count));
  const kept = await Promise.all(
    names.map(async (name, index) => KEPT[name](await product.control(`state/${name}`), { key, ...clicks[index] })),
  );
  return { states, more, kept };
}

const recorded = (names) => Object.fromEntries(names.map((name) => [programOf(name), 'recorded']));
const each = (names, value) => Object.fromEntries(names.map((name) => [name, value]));

for (const name of VENDORS) {
  test(`a signup after a click of ${name} is recorded there once, under that click, and nowhere else`, async () => {
    const { states, more, kept } = await brought(`by_${name}`, [name]);
    assert.deepEqual([states, more, kept], [recorded([name]), each([name], 1), [1]]);
  });
}

test('a signup after a link of two vendors is recorded once at each', async () => {
  const both = ['partnerstack', 'partnerize'];
  const { states, more, kept } = await brought('by_two', both);
  assert.deepEqual([states, more, kept], [recorded(both), each(both, 1), [1, 1]]);
});

test('the doubles saw no call that a document of its vendor does not allow', async () => {
  assert.deepEqual((await product.control('violations')).violations, []);
});
