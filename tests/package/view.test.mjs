// How the ledger view hides e-mail addresses: what it hides, and that a long text costs no more than its length. The view itself is shown in the journeys.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { masked } from '../../crates/trailmark-proxy/src/admin/view/say.js';

const hidden = (text) => masked(text).replaceAll('(an e-mail address)', '#');

test('the view hides e-mail addresses and nothing else', () => {
  assert.equal(hidden('Signup of customer ada@lovelace.org, by (grace@hopper.example).'), 'Signup of customer #, by (#).');
  assert.equal(hidden('https://acme.example/u/ada@lovelace.org?x=1 and ada'), '# and ada');
  assert.equal(hidden('at @ nobody'), 'at @ nobody');
});

// field-faults row 69
test('sixty addresses of 8 KB, with or without an @, are read once', () => {
  const long = (end) => Array(60).fill(`https://acme.example/${'a/'.repeat(4_096)}${end}`).join('\n');
  assert.equal(hidden(long('')), long(''));
  assert.equal(hidden(long('@')), long('@'));
  assert.equal(hidden(long('@....')), long('@....'));
  assert.equal(hidden(long('@x')), Array(60).fill('#').join('\n'));
});
