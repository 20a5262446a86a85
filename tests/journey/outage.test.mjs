// A vendor that fails in each of the ways that vendors fail, and what the operator sees of it.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { Caller, travel } from './support/caller.mjs';
import { Product, until } from './support/product.mjs';

const MINUTE = 60_000;

let product, caller;
before(async () => {
  product = await Product.start({ www: false });
});
// A test that fails leaves its fault behind, which would fail the next.
beforeEach(() => product.control('faults', undefined, 'DELETE'));
after(() => product?.stop());

const now = async () => (await product.control('clock')).now_ms;
const sends = async (key) => (await product.control(`requests?vendor=partnerstack&path=conversion/xid&key=${key}`)).requests;
const lookUps = async (key) => (await product.control(`requests?vendor=partnerstack&path=/customers/${key}`)).requests;
const effects = async (key) => {
  const { effects: rows } = await product.control(`effects?vendor=partnerstack&key=${key}`);
  return rows.reduce((sum, row) => sum + row.effects, 0);
};
const delivery = (id) => product.json('conversions', 'show', id).deliveries[0];
/**
 * Waits until a request of the delivery has this outcome. Time must not move before that: a request under way would time
 * out, and a late answer's hint would count from the new time.
 */
const outcome = (id, word) => until(`an outcome is ${word}`, () => delivery(id).tries.some((one) => one.outcome === word));
const becomes = (id, state) => until(`the delivery is ${state}`, () => delivery(id).state === state && delivery(id));

/** A fresh touch and a signup under `key`; gives the conversion's id. */
async function signUp(key) {
  const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
  const time = await now();
  caller = await (await Caller.create(product.site, { now: () => time })).arrive(`ps_xid=${xid}`);
  const { status, body } = await caller.signup(key, { email: `${key}@example.org` });
  assert.equal(status, 202, JSON.stringify(body));
  return body.conversion_id;
}

test('503 with Retry-After for an hour: delivered once, and not before the hint', async () => {
  const until_ms = (await now()) + 60 * MINUTE;
  // Every call: a probe that is answered would let one signup try again.
  await product.control('faults', { vendor: 'partnerstack', kind: 'status', status: 503, retry_after_s: 3600, until_ms });
  const id = await signUp('patient');
  await outcome(id, 'throttled');
  for (let step = 0; step < 5; step += 1) {
    await travel(product, 11 * MINUTE);
  }
  assert.equal((await sends('patient')).length, 1, 'nothing is sent within the hour');
  await travel(product, 6 * MINUTE);
  await becomes(id, 'recorded');
  const [first, second, ...more] = await sends('patient');
  assert.ok(second.at_ms - first.at_ms >= 60 * MINUTE, 'the hint is kept');
  assert.deepEqual(more, []);
  assert.equal(await effects('patient'), 1);
});

test('401: the lane pauses, says so in outbox list, and resumes once the credential is right again', async () => {
  await product.control('partnerstack/settings', { accept_credentials: { private_key: 'rotated', tracking_token: 'rotated' } });
  const id = await signUp('locked_out');
  await until('the lane is paused', () => product.json('outbox', 'list').lanes.some(({ state }) => state === 'paused'));
  const { stdout } = product.cli('outbox', 'list');
  assert.match(stdout, /paused/);
  assert.match(stdout, /401|credential/i, 'and says why');
  assert.equal(delivery(id).state, 'due', 'the delivery stays due');
  const tried = (await sends('locked_out')).length;
  await travel(product, 4 * MINUTE);
  assert.equal((await sends('locked_out')).length, tried, 'nothing is sent while it is paused');
  await product.control('partnerstack/settings', { accept_credentials: { private_key: 'sk_sim_private', tracking_token: 'tt_sim_tracking' } });
  await travel(product, 2 * MINUTE);
  await becomes(id, 'recorded');
  assert.equal(await effects('locked_out'), 1);
});

test('400: kept as a dead letter with the vendor’s message, and sent no second time', async () => {
  await product.control('faults', { vendor: 'partnerstack', path_contains: 'conversion/xid', kind: 'status', status: 400, message: 'xid is not active', times: 1 });
  const id = await signUp('refused');
  assert.match((await becomes(id, 'rejected')).reason, /xid is not active/);
  await travel(product, 60 * MINUTE);
  assert.equal((await sends('refused')).length, 1);
  assert.match(product.cli('outbox', 'list', '--state', 'rejected').stdout, /xid is not\s+active/);
});

test('a reset after processing is looked up, and never sent twice', async () => {
  await product.control('faults', { vendor: 'partnerstack', path_contains: 'conversion/xid', kind: 'reset_after', times: 1 });
  const id = await signUp('cut_off');
  await outcome(id, 'unknown');
  await travel(product, 5_000);
  await becomes(id, 'recorded');
  assert.equal((await sends('cut_off')).length, 1);
  assert.ok((await lookUps('cut_off')).length >= 1);
  assert.equal(await effects('cut_off'), 1);
});

test('a reset before processing is looked up, found absent, and sent again', async () => {
  await product.control('faults', { vendor: 'partnerstack', path_contains: 'conversion/xid', kind: 'reset_before', times: 1 });
  const id = await signUp('unheard');
  await outcome(id, 'unknown');
  await until('it is recorded', async () => {
    await travel(product, 30_000);
    return delivery(id).state === 'recorded';
  });
  assert.equal((await sends('unheard')).length, 2);
  assert.equal(await effects('unheard'), 1);
});

test('a 200 that made nothing is found out, sent again, and given up with the reason', async () => {
  const time = await now();
  caller = await (await Caller.create(product.site, { now: () => time })).arrive('ps_xid=neverminted0001');
  const { status, body } = await caller.signup('ghost', { email: 'ghost@example.org' });
  assert.equal(status, 202, JSON.stringify(body));
  const ended = await until('it is given up', async () => {
    await travel(product, 60 * MINUTE);
    const row = delivery(body.conversion_id);
    return ['ignored', 'dead'].includes(row.state) && row;
  });
  assert.ok(ended.reason, 'the reason is told');
  assert.equal(await effects('ghost'), 0);
  const { stdout } = product.cli('conversions', 'explain', body.conversion_id);
  assert.match(stdout, /POST conversion\/xid/);
});
