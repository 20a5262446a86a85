// Holds the table of docs/links.md against the golden vectors of the capture rules: every row has a vector with its example
// and its reading, and every vector is an example of a row.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { read, sections, tables } from './support/pages.mjs';

const vectors = JSON.parse(read('crates/trailmark-wire/vectors/capture.json'));
const [rows] = sections('docs/links.md').flatMap(({ text }) => tables(text));
const HOST = 'https://acme.example';

/** What the page says of an expectation. */
function said(expect) {
  if (!expect) return 'no touch';
  const { click_id: click, partner, unusable } = expect;
  const parts = [click && `click id \`${click}\``, partner && `partner \`${partner}\``].filter(Boolean);
  return parts.join(', ') || `\`${unusable}\``;
}

/** Whether an address is the example of a row, which may leave out the end of a long part. */
function isExample(url, cell) {
  const example = cell.replace(/^`|`$/g, '');
  const whole = example.startsWith('/') ? HOST + example : example;
  const [start, ...rest] = whole.split('…');
  return rest.length ? url.startsWith(start) && url.endsWith(rest.join('…')) : url === whole;
}

test('every row of the table of links has a vector with its example and its reading', () => {
  assert.ok(rows.length > 20);
  for (const [rule, , example, reading] of rows) {
    const found = vectors.filter((vector) => vector.rule === rule && isExample(vector.url, example));
    assert.ok(found.length, `${rule}: ${example} is no vector of that rule`);
    for (const { name, expect } of found) assert.equal(reading, said(expect), `${rule}: ${name}`);
  }
});

test('every vector is an example of a row of the table of links', () => {
  const told = new Map(rows.map(([rule, what]) => [rule, what]));
  assert.equal(told.size, rows.length, 'no rule stands there twice');
  for (const { name, rule, expect } of vectors) {
    assert.ok(told.has(rule), `${name}: the table has no row "${rule}"`);
    if (expect?.unusable) assert.equal(told.get(rule), 'not credited', name);
    else if (told.get(rule) === 'not credited') assert.fail(`${name} is credited`);
  }
});
