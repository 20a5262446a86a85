// What a page's argument becomes in the wire's words, and what is refused with which words (src/browser/body.js). That the wire
// accepts what this accepts is shown in tests/browser.rs, where both run.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { body } from '../../src/browser/body.js';

const read = (kind, input) => JSON.parse(body(kind, JSON.stringify(input)));
const ada = { customerKey: 'u_1', email: 'a@b.c', name: 'Ada Ü' };
const order = { orderKey: 'o_1', amountMinor: 4900, currency: 'EUR' };

test('every member has its place in the wire', () => {
  assert.deepEqual(read('signup', { ...ada, customerKey: 7, data: { plan: 'pro', seats: 3, none: null, odd: {} } }), {
    kind: 'signup', customer: { key: '7', email: 'a@b.c', name: 'Ada Ü' }, data: { plan: 'pro', seats: '3', none: '', odd: '' },
  });
  assert.deepEqual(read('lead', { customer: 'a.b.c' }), { kind: 'lead', signed_customer: 'a.b.c' });
  const items = [{ sku: 's', category: 'c', unitAmountMinor: 2450, quantity: 2 }, { sku: 't', unitAmountMinor: 0, quantity: 1 }];
  assert.deepEqual(read('sale', { ...ada, ...order, items }), {
    kind: 'sale', customer: { key: 'u_1', email: 'a@b.c', name: 'Ada Ü' },
    order: {
      key: 'o_1', amount_minor: 4900, currency: 'EUR',
      items: [{ sku: 's', category: 'c', unit_amount_minor: 2450, quantity: 2 }, { sku: 't', unit_amount_minor: 0, quantity: 1 }],
    },
  });
  assert.deepEqual(read('sale', { order: 'a.b.c' }), { kind: 'sale', signed_order: 'a.b.c' });
});

test('what is wrong is named as the page knows it, and no value is repeated', () => {
  const many = Object.fromEntries(Array.from({ length: 26 }, (_, n) => [n, '']));
  for (const [kind, input, field] of [
    ['signup', null, 'customerKey'], ['signup', [], 'customerKey'], ['signup', 'secret', 'customerKey'],
    ['signup', { email: 'a@b.c' }, 'customerKey'],
    ['signup', { ...ada, customerKey: ' ' }, 'customerKey'], ['signup', { ...ada, customerKey: '' }, 'customerKey'],
    ['signup', { ...ada, customerKey: { id: 'secret' } }, 'customerKey'], ['signup', { ...ada, customerKey: 'x'.repeat(256) }, 'customerKey'],
    ['signup', { ...ada, customerKey: 'a\u0000b' }, 'customerKey'], ['signup', { ...ada, customer: 'jws' }, 'customerKey'],
    ['signup', { ...ada, email: 'secret.b.c' }, 'email'], ['signup', { ...ada, email: 'secret @b.c' }, 'email'], ['signup', { ...ada, email: '@b.c' }, 'email'],
    ['signup', { ...ada, name: '\n' }, 'name'], ['signup', { ...ada, name: 'x'.repeat(201) }, 'name'],
    ['signup', { ...ada, data: many }, 'data'], ['signup', { ...ada, data: { a: 'x'.repeat(501) } }, 'data'], ['signup', { ...ada, data: { ['x'.repeat(65)]: '' } }, 'data'],
    ['signup', { ...ada, ...order }, 'orderKey'], ['sale', ada, 'orderKey'],
    ['sale', { ...ada, ...order, amountMinor: 49.5 }, 'orderKey'], ['sale', { ...ada, ...order, amountMinor: -1 }, 'orderKey'],
    ['sale', { ...ada, ...order, amountMinor: '4900' }, 'orderKey'], ['sale', { ...ada, ...order, currency: 'eur' }, 'orderKey'],
    ['sale', order, 'customerKey'],
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
