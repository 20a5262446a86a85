// Every exchange of Introw's list of partners in the whole test run, of whichever test, against the OpenAPI of seed 003. The
// simulators of all steps wrote them into one file, which `cargo xtask test` names. The steps `rust` and `journey` must have
// run before.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { exchangesOf, faultsOfAnswer, faultsOfRequest } from '../journey/support/openapi.mjs';

const FILE = process.env.TRAILMARK_EXCHANGES;
const exchanges = exchangesOf(readFileSync(FILE, 'utf8'));
const isOurs = ({ headers }) => headers['user-agent']?.startsWith('trailmark/');
const shown = ({ method, path, query, status, text }) => `${method} ${path}?${new URLSearchParams(query)}: ${status} ${text.slice(0, 500)}`;

test('the run had lists of partners of both accounts, asked by the adapter and by others', () => {
  for (const account of ['introw', 'introw-guide']) {
    const count = exchanges.filter((one) => one.account === account && isOurs(one)).length;
    console.log(`${account}: ${count} exchanges of the adapter, ${exchanges.filter((one) => one.account === account).length} in all`);
    assert.ok(count > 0, `${account}: run the steps rust and journey first`);
  }
});

test('every request of the adapter is as the document says', () => {
  for (const exchange of exchanges.filter(isOurs)) assert.deepEqual(faultsOfRequest(exchange), [], shown(exchange));
});

test('every answer of the double is as the document says, and a wrong request is refused', () => {
  // A fault that a test ordered is no answer of the double. 402 stands in the vendor's other documents alone.
  const isBeyond = ({ account, status }) => account === 'introw' && status === 402;
  const own = exchanges.filter(({ fault, status }) => fault === null && status !== null);
  for (const exchange of own.filter((one) => !isBeyond(one))) {
    assert.deepEqual(faultsOfAnswer(exchange), [], shown(exchange));
    if (faultsOfRequest(exchange).length > 0) assert.ok(exchange.status >= 400, shown(exchange));
  }
});
