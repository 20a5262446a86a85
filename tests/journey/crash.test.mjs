// The proxy is killed a hundred times at random moments while signups arrive and deliveries are under way, and the
// vendor cuts every tenth connection after it has done the work. What was receipted must all be recorded, and nothing
// twice.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Caller, uuidv7 } from './support/caller.mjs';
import { chance, drain, killAgainAndAgain, patient, tallies } from './support/crash.mjs';
import { Product } from './support/product.mjs';

const KILLS = 100;
const CALLERS = 8;
/** Of each caller: without a bound a fast machine piles up more than the vendor's pace works off in the test's time. */
const CUSTOMERS = 200;

let product;
before(async () => {
  const extra = 'signups_per_visitor = 1000000';
  // The settling time must outlast the vendor's delay (3 s), from the moment at which a call reaches it. The steps of the
  // clock add nothing to it: the proxy reads the simulator's own clock, and no step overtakes a call that was sent.
  product = await Product.start({ www: false, confirmAfter: '90s', extra, server: 'trusted_proxies = ["127.0.0.1"]' });
});
after(() => product?.stop());

/** Signs up one customer after the other over the time of the killing, each with the same id until its receipt has come. */
async function load(number, kills, receipts) {
  const address = { 'x-forwarded-for': `10.0.${number}.1` };
  const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
  const caller = await Caller.create(product.site);
  const arrival = { site: 'acme', id: uuidv7().replaceAll('-', ''), url: `${product.site}/?ps_xid=${xid}`, jwk: caller.jwk };
  caller.token = (await patient(() => caller.post('v1/clicks', JSON.stringify(arrival), address))).click_token;
  for (let count = 0; count < CUSTOMERS && kills() < KILLS; count += 1) {
    while (kills() < (count * KILLS) / CUSTOMERS - 1) await new Promise((resolve) => setTimeout(resolve, 20));
    const customer = `c${number}_${count}`;
    const envelope = await caller.sign(caller.payload({ kind: 'signup', customer: { key: customer, email: `${customer}@example.org` } }));
    const receipt = await patient(() => caller.post('v1/conversions', envelope, address));
    assert.equal(receipt.status, 'accepted');
    receipts.set(customer, receipt.conversion_id);
  }
}

test(`${KILLS} kills under load: every receipt ends recorded, no customer key has two effects`, async () => {
  // With dedupe off the double would count a second send as a second effect.
  await product.control('partnerstack/settings', { dedupe: false });
  await product.control('faults', { vendor: 'partnerstack', kind: 'reset_after', probability: 0.1, seed: 7 });
  const receipts = new Map();
  let kills = 0;
  const loads = Array.from({ length: CALLERS }, (_, number) => load(number, () => kills, receipts));
  await killAgainAndAgain(product, KILLS, chance(20261121), (count) => (kills = count));
  await Promise.all(loads);
  await product.control('faults', undefined, 'DELETE');
  await drain(product, (open) => open.every(({ state }) => ['recorded', 'uncertain'].includes(state)));

  assert.ok(receipts.size >= KILLS, `only ${receipts.size} signups were receipted`);
  const states = new Map();
  for (const [customer, id] of receipts) {
    const answer = await fetch(`${product.operator}/v1/conversions/${id}`);
    assert.equal(answer.status, 200, `the receipt of ${customer} is in the ledger`);
    const { deliveries } = await answer.json();
    assert.equal(deliveries.length, 1);
    states.set(deliveries[0].state, (states.get(deliveries[0].state) ?? 0) + 1);
  }
  // conversion/xid has a look-up, so nothing may stay uncertain.
  assert.deepEqual([...states.keys()], ['recorded'], JSON.stringify([...states]));

  const made = await tallies(product, 'partnerstack');
  const doubled = [...made].filter(([, tally]) => tally.effects > 1);
  assert.deepEqual(doubled, [], 'customer keys with two effects');
  for (const customer of receipts.keys()) assert.equal(made.get(customer)?.effects, 1, `${customer} has its one effect`);
  assert.equal(product.json('store', 'check').violations.length, 0);
  console.log(`${receipts.size} receipts over ${KILLS} kills, all recorded once`);
});
