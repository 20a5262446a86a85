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

// A test may take the double's limit away; then it has nothing to say of it. Its usual headers are judged in `journey`.
const UNLIMITED = { 'x-ratelimit-limit-minute': '120', 'x-ratelimit-remaining-minute': '120' };

// 402 stands in the vendor's other documents alone, and 406 is for a header that only the double's own tests send.
const isBeyond = (exchange) => (exchange.account === 'introw' && exchange.status === 402) || (!isOurs(exchange) && exchange.status === 406);

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
  // A fault that a test ordered is no answer of the double.
  for (const exchange of exchanges.filter(({ fault, status }) => fault === null && status !== null)) {
    if (faultsOfRequest(exchange).length > 0) assert.ok(exchange.status >= 400, shown(exchange));
    if (isBeyond(exchange)) assert.match(JSON.parse(exchange.text).error.code, /^[A-Z_]+$/, shown(exchange));
    else assert.deepEqual(faultsOfAnswer({ ...exchange, answered: { ...UNLIMITED, ...exchange.answered } }), [], shown(exchange));
  }
});
