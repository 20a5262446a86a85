// What a page's argument becomes in the wire's words, and what is refused with which words (src/browser/body.js). That the wire
// takes what this gives is shown in tests/browser.rs, where both run; what it makes of flaws in crates/trailmark-wire/tests/it/repairs.rs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { body } from '../../src/browser/body.js';

const read = (kind, input) => JSON.parse(body(kind, JSON.stringify(input)));
const ada = { customerKey: 'u_1', email: 'a@b.c', name: 'Ada Ü' };
const order = { orderKey: 'o_1', amountMinor: 4900, currency: 'EUR' };
const items = [{ sku: 's', category: 'c', unitAmountMinor: 2450, quantity: 2 }, { sku: 7, unitAmountMinor: 0, quantity: 1 }];
const lines = [{ sku: 's', category: 'c', unit_amount_minor: 2450, quantity: 2 }, { sku: '7', unit_amount_minor: 0, quantity: 1 }];

test('every member has its place in the wire', () => {
  const data = { plan: 'pro', seats: 3, none: null, odd: {} };
  assert.deepEqual(read('signup', { ...ada, customerKey: 7, data, unknown: 1 }), {
    kind: 'signup', customer: { key: '7', email: 'a@b.c', name: 'Ada Ü' }, data,
  });
  assert.deepEqual(read('lead', { customer: 'a.b.c' }), { kind: 'lead', signed_customer: 'a.b.c' });
  assert.deepEqual(read('sale', { ...ada, ...order, items: items.map((item) => ({ ...item, note: 'own' })) }), {
    kind: 'sale', customer: { key: 'u_1', email: 'a@b.c', name: 'Ada Ü' },
    order: { key: 'o_1', amount_minor: 4900, currency: 'EUR', items: lines },
  });
  assert.deepEqual(read('sale', { order: 'a.b.c' }), { kind: 'sale', signed_order: 'a.b.c' });
});

// field-faults rows 1 to 3: the proxy repairs, and its receipt says so.
test('what is optional is passed on as it is', () => {
  const odd = { email: 'a@x.org ', name: '', data: { note: 'a\nb', ua: 'x'.repeat(501) } };
  assert.deepEqual(read('signup', { customerKey: ' u ', ...odd }), {
    kind: 'signup', customer: { key: ' u ', email: 'a@x.org ', name: '' }, data: odd.data,
  });
  // An empty key beside a signed customer is none.
  assert.deepEqual(read('signup', { customerKey: '', customer: 'a.b.c' }), { kind: 'signup', signed_customer: 'a.b.c' });
  assert.deepEqual(read('sale', { ...ada, ...order, items: null, currency: 'usd' }).order, { key: 'o_1', amount_minor: 4900, currency: 'usd' });
});

// field-faults row 4
test('half an emoji becomes U+FFFD, and what only looks like one stays', () => {
  const name = (text) => read('signup', { ...ada, name: text, data: { [text]: text } });
  for (const [text, whole] of [
    ['Jo \ud83d', 'Jo \ufffd'], ['\ude00 Jo', '\ufffd Jo'], ['\ud83d\ud83d\ude00', '\ufffd\u{1f600}'], ['\u{1f600}', '\u{1f600}'],
    ['\\ud83d', '\\ud83d'], ['\\\ud83d', '\\\ufffd'], ['\u001b"', '\u001b"'],
  ]) {
    const { customer, data } = name(text);
    assert.equal(customer.name, whole, JSON.stringify(text));
    assert.deepEqual(data, { [whole]: whole });
  }
});

// field-faults row 7: what Prototype.js 1.6 adds has JSON.stringify write lists as texts.
test('lists are lists on a page whose Array.prototype has toJSON', () => {
  Array.prototype.toJSON = function () {
    return `[${this.map((item) => JSON.stringify(item)).join(', ')}]`;
  };
  try {
    const text = body('sale', JSON.stringify({ ...ada, ...order, items }));
    delete Array.prototype.toJSON;
    assert.deepEqual(JSON.parse(text).order.items, lines);
  } finally {
    delete Array.prototype.toJSON;
  }
});

// field-faults row 6: two customers can become one.
test('a number that JavaScript has rounded is malformed, and is to be passed as text', () => {
  for (const key of [12345678901234567890, 2 ** 53, -(2 ** 53), 1.5, 1e21, 0.1]) {
    assert.throws(() => read('signup', { customerKey: key }), (problem) => /^customerKey is a number.*pass it as text$/.test(problem));
    assert.throws(() => read('sale', { ...ada, ...order, orderKey: key }), (problem) => /^orderKey is a number.*pass it as text$/.test(problem));
  }
  assert.equal(read('signup', { customerKey: 2 ** 53 - 1 }).customer.key, '9007199254740991');
});

test('what is wrong is named as the page knows it, and no value is repeated', () => {
  for (const [kind, input, field] of [
    ['signup', null, 'customerKey'], ['signup', [], 'customerKey'], ['signup', 'secret', 'customerKey'],
    ['signup', { email: 'a@b.c' }, 'customerKey'],
    ['signup', { ...ada, customerKey: ' ' }, 'customerKey'], ['signup', { ...ada, customerKey: '' }, 'customerKey'],
    ['signup', { ...ada, customerKey: NaN }, 'customerKey'], ['signup', { ...ada, customerKey: undefined }, 'customerKey'],
    ['signup', { ...ada, customerKey: { id: 'secret' } }, 'customerKey'], ['signup', { ...ada, customer: 'jws' }, 'customerKey'],
    ['signup', { ...ada, ...order }, 'orderKey'], ['sale', ada, 'orderKey'],
    ['sale', { ...ada, ...order, amountMinor: 49.5 }, 'orderKey'], ['sale', { ...ada, ...order, amountMinor: -1 }, 'orderKey'],
    ['sale', { ...ada, ...order, amountMinor: '4900' }, 'orderKey'], ['sale', { ...ada, ...order, amountMinor: 2 ** 53 }, 'orderKey'],
    ['sale', { ...ada, ...order, currency: undefined }, 'orderKey'], ['sale', order, 'customerKey'],
  ]) {
    assert.throws(() => read(kind, input), (problem) => {
      assert.equal(typeof problem, 'string');
      assert.ok(problem.startsWith(field), `${JSON.stringify(input)}: ${problem}`);
      assert.ok(!problem.includes('secret'), problem);
      return true;
    });
  }
  assert.throws(() => body('signup', ''), /^customerKey/, 'an argument that has no JSON');
});
