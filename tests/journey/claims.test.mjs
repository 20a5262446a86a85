// What a page may claim, looked at where it counts, in the vendor's own state: a thousand signups under other people's
// keys bring at most what is configured, tell nothing of anybody and block no word of the backend; and money that the
// merchant has not signed, or has signed for somebody else or for another time, is held and never paid.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Backend, Caller, Merchant } from './support/caller.mjs';
import { Product, until } from './support/product.mjs';

const KNOWN = 100;
const CLAIMED = 1000;
const LIMIT = 3;
/** What one visitor may have held in a day. */
const HELD = 100;

let product, backend, merchant, stranger;
before(async () => {
  merchant = await Merchant.create();
  stranger = await Merchant.create();
  const server = '[limits]\nrequests_per_minute = 1000000\nserver_requests_per_minute = 1000000';
  // Longer than the vendor's delay (3 s) and a step of the clock (20 s) together.
  product = await Product.start({
    www: false,
    confirmAfter: '30s',
    extra: `signups_per_visitor = ${LIMIT}\n${merchant.orderKeys}`,
    server,
  });
  backend = Backend.create(product);
});
after(() => product?.stop());

/** A page of a visitor whom this partner has sent. */
async function visitor(partner) {
  const { xid } = await product.control('partnerstack/clicks', { partner_key: partner });
  return (await Caller.create(product.site)).arrive(`ps_xid=${xid}`);
}

/** Moves time until nothing is under way. */
const settled = () =>
  until(
    'nothing is under way',
    async () => {
      await product.control('clock', { advance_ms: 20_000 });
      const { deliveries } = product.json('outbox', 'list', '--limit', '1000');
      return deliveries.every(({ state }) => !['due', 'unverified', 'waiting'].includes(state));
    },
    120_000,
  );

const vendor = () => product.control('state/partnerstack');

/** So many at once as a browser holds connections. */
async function inTurns(items, work) {
  const results = [];
  for (let start = 0; start < items.length; start += 20)
    results.push(...(await Promise.all(items.slice(start, start + 20).map(work))));
  return results;
}

/** All that a page sees of an answer: status, headers and body, but for the new id and the date. */
async function seen(answer) {
  const body = await answer.text();
  const { conversion_id: id, status, code } = JSON.parse(body);
  const headers = [...answer.headers].filter(([name]) => name !== 'date').map((pair) => pair.join(': '));
  return { status: answer.status === 429 ? code : status, text: [answer.status, ...headers, body.replace(id, 'ID')].join('\n') };
}

test(`${CLAIMED} signups with foreign keys bring ${LIMIT} customers, tell nothing, block nothing`, async () => {
  const [attacker, honest] = [await visitor('grace'), await visitor('ada')];
  const keys = Array.from({ length: CLAIMED }, (_, number) => `person_${number}`);
  const known = new Set(keys.filter((_, number) => number % (CLAIMED / KNOWN) === 5));
  const state = (key) => ({
    kind: 'signup',
    customer: { key, email: `${key}@example.org` },
    click_token: honest.token,
  });
  for (const { body } of await inTurns([...known], (key) => backend.report(state(key))))
    assert.equal(body.status, 'accepted');

  const claim = async (key) =>
    attacker.post(
      'v1/conversions',
      await attacker.sign(attacker.payload({ kind: 'signup', customer: { key, email: 'farm@example.org' } })),
    );
  const ask = async (key) => ({ key, ...(await seen(await claim(key))) });
  const answers = [...(await inTurns(keys.slice(0, LIMIT), ask)), ...(await inTurns(keys.slice(LIMIT), ask))];
  const of = (status) => answers.filter((answer) => answer.status === status);
  assert.deepEqual(
    ['accepted', 'held', 'duplicate', 'too_many_requests'].map((status) => of(status).length),
    [LIMIT, HELD, 0, CLAIMED - LIMIT - HELD],
    'once its limit is spent, a page is not told who is known, and soon nothing more is kept of what it says',
  );
  for (const status of ['accepted', 'held', 'too_many_requests']) {
    assert.equal(new Set(of(status).map(({ text }) => text)).size, 1, `all that are ${status} read the same`);
  }
  const held = product.json('conversions', 'list', '--status', 'held', '--limit', '1000');
  const taken = of('held').filter(({ key }) => known.has(key)).length;
  assert.ok(taken > 0);
  assert.equal(held.length, HELD - taken, 'what is held of somebody known is closed at once');
  // Another one, which signs nobody up, hears no more.
  const asking = await visitor('grace');
  const heard = await inTurns([...known], async (key) => {
    const signup = { kind: 'signup', customer: { key } };
    const answer = await asking.post('v1/conversions', await asking.sign(asking.payload(signup)));
    return (await answer.json()).status;
  });
  assert.equal(heard.filter((status) => status === 'duplicate').length, LIMIT);
  assert.equal(heard.filter((status) => status === 'held').length, KNOWN - LIMIT);
  assert.doesNotMatch(answers.map(({ text }) => text).join(), /ada|person_/, 'nobody else is named');

  await settled();
  const stolen = of('accepted').map(({ key }) => key);
  const before = (await vendor()).customers;
  assert.equal(before.length, KNOWN + LIMIT);
  assert.deepEqual(
    before
      .filter(({ partner_key: partner }) => partner === 'grace')
      .map(({ customer_key: key }) => key)
      .sort(),
    stolen.sort(),
  );

  // The backend states every one of them; what was held is in nobody's way, and what was stolen is so no longer.
  for (const { key, body } of await inTurns(keys, async (key) => ({ key, ...(await backend.report(state(key))) }))) {
    assert.equal(body.status, known.has(key) ? 'duplicate' : 'accepted', key);
    assert.equal(body.code, stolen.includes(key) ? 'claimed_by_page' : undefined, key);
  }
  await settled();
  const after = (await vendor()).customers;
  assert.equal(after.length, CLAIMED, 'every person is a customer once');
  assert.equal(new Set(after.map(({ customer_key: key }) => key)).size, CLAIMED);
  assert.equal(after.filter(({ partner_key: partner }) => partner === 'grace').length, LIMIT);
  assert.deepEqual(product.json('conversions', 'list', '--status', 'held'), [], 'the backend has closed what was held');
});

test("an order or customer that is forged, swapped, expired or another site's is held and never paid", async () => {
  const page = await visitor('ada');
  const now = Math.floor(page.now() / 1000);
  const day = 86_400;
  const order = (key, extra = {}) => ({
    aud: 'acme',
    iat: now,
    exp: now + day,
    customer: { key: 'buyer' },
    order: { key, amount_minor: 4900, currency: 'EUR' },
    ...extra,
  });
  const sign = (...args) => merchant.sign('order+jwt', order(...args));
  const tampered = async (key) => {
    const [header, , signature] = (await sign(key)).split('.');
    return [
      header,
      Buffer.from(JSON.stringify(order(key, { order: { key, amount_minor: 490_000, currency: 'EUR' } }))).toString(
        'base64url',
      ),
      signature,
    ].join('.');
  };
  const sale = (jws, extra = {}) => ({ kind: 'sale', signed_order: jws, ...extra });
  assert.equal(
    (
      await backend.report({
        kind: 'signup',
        customer: { key: 'buyer', email: 'buyer@example.org' },
        click_token: page.token,
      })
    ).body.status,
    'accepted',
  );

  const customer = (typ, extra) =>
    merchant.sign(typ, { aud: 'acme', iat: now, exp: now + day, customer: { key: 'signed_up' }, ...extra });
  const signup = (jws) => ({ kind: 'signup', signed_customer: jws });
  const past = { iat: now - 2 * day, exp: now - day };
  const cases = [
    ['signed by nobody', sale('e30.e30.AAAA'), 'order_malformed'],
    ['signed by a stranger', sale(await stranger.sign('order+jwt', order('forged'))), 'order_signature_invalid'],
    ['changed after signing', sale(await tampered('tampered')), 'order_signature_invalid'],
    [
      'of another customer than the page names',
      sale(await sign('swapped'), { customer: { key: 'somebody' } }),
      'order_customer_mismatch',
    ],
    ['for another site', sale(await sign('elsewhere', { aud: 'zeta' })), 'order_audience_mismatch'],
    ['expired', sale(await sign('stale', past)), 'order_expired'],
    ['of tomorrow', sale(await sign('tomorrow', { iat: now + day, exp: now + 2 * day })), 'order_from_the_future'],
    ['a customer in the place of an order', sale(await customer('customer+jwt')), 'order_malformed'],
    ['unsigned', { kind: 'sale', customer: { key: 'buyer' }, order: order('unsigned').order }, 'money_unsigned'],
    [
      "a stranger's customer",
      signup(await stranger.sign('customer+jwt', { ...order('x'), customer: { key: 'signed_up' } })),
      'customer_signature_invalid',
    ],
    ['an expired customer', signup(await customer('customer+jwt', past)), 'customer_expired'],
    ["another site's customer", signup(await customer('customer+jwt', { aud: 'zeta' })), 'customer_audience_mismatch'],
    ['an order in the place of a customer', signup(await sign('typed')), 'customer_malformed'],
  ];
  const held = new Map();
  for (const [what, data, code] of cases) {
    const { status, body } = await page.convert(data);
    assert.deepEqual([status, body.status, body.code, body.deliveries], [202, 'held', code, []], what);
    held.set(code, body.conversion_id);
  }
  await settled();
  const { transactions, customers } = await vendor();
  assert.deepEqual([transactions, customers.filter(({ customer_key: key }) => key === 'signed_up')], [[], []]);
  // Not even an operator pays what no key verifies.
  const { code, stderr } = product.cli(
    'conversions',
    'release',
    held.get('order_signature_invalid'),
    '--reason',
    'trusted',
  );
  assert.equal(code, 1, stderr);
  assert.match(stderr, /none of the site's `order_keys` verifies/);

  // The right ones count, once, however often the page passes them on; and what was held has not taken their keys.
  for (const [number, status] of [
    [0, 'accepted'],
    [1, 'duplicate'],
  ]) {
    for (const key of ['forged', 'tampered', 'stale'])
      assert.equal((await page.convert(sale(await sign(key)))).body.status, status, `${key} ${number}`);
    assert.equal((await page.convert(signup(await customer('customer+jwt')))).body.status, status);
  }
  await settled();
  const paid = await vendor();
  assert.deepEqual(paid.transactions.map(({ key, amount }) => `${key} ${amount}`).sort(), [
    'forged 4900',
    'stale 4900',
    'tampered 4900',
  ]);
  assert.equal(paid.customers.filter(({ customer_key: key }) => key === 'signed_up').length, 1);
});
