// Holds docs/workflows.md to the tests that run the workflows of the seeds, and to what `trailmark vendors` says. How many
// workflows each seed has stands here once more, since the seeds are not part of the project.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { BINARY } from '../journey/support/product.mjs';
import { names, read, sections, tables } from './support/pages.mjs';

/** The seeds number three each of 000 and 001; 002 has numbered steps and paragraphs; 003 and 004 are one page each. */
const WORKFLOWS = { '000': 3, '001': 3, '002': 3, '003': 1, '004': 1 };

const trailmark = (...words) => spawnSync(BINARY, words, { encoding: 'utf8' });
const section = (title) => sections('docs/workflows.md').find((section) => section.title === title).text;
const ROWS = tables(section('Workflows'))[0];
// As the compiler reads it: a line that ends with a backslash goes on with the next one.
const SOURCE = read('crates/trailmark-proxy/tests/it/workflows.rs').replace(/\\\n\s*/g, '');

test('every workflow of the seeds has a row with a test, and every test has a row', () => {
  for (const [seed, count] of Object.entries(WORKFLOWS))
    assert.equal(ROWS.filter(([of]) => of === seed).length, count, `workflows of seed ${seed}`);
  const tests = [...SOURCE.matchAll(/\bfn (seed_\w+)\(/g)].map((match) => match[1]);
  assert.deepEqual(ROWS.map(([, , , cell]) => names(cell)[0]).sort(), tests.sort());
  for (const [seed, workflow, , cell] of ROWS) {
    const [number] = workflow.match(/^\d+/) ?? [];
    const begins = ['seed', seed, number].filter(Boolean).join('_');
    assert.ok(names(cell)[0].startsWith(begins), `${seed} ${workflow}: ${cell}`);
  }
});

test('every command of a workflow is run by its test', () => {
  for (const [, workflow, steps, cell] of ROWS) {
    const [, body] = SOURCE.split(`fn ${names(cell)[0]}(`);
    const own = body.split('#[tokio::test')[0];
    const commands = names(steps).filter((name) => /^[a-z]+ [a-z-]+( |$)/.test(name));
    assert.ok(commands.length > 0, `${workflow} has commands`);
    for (const command of commands.filter((name) => name !== 'conversions show'))
      assert.ok(own.includes(command), `${workflow}: its test runs \`${command}\``);
  }
});

test('what is in no API is a row of the capability table', () => {
  const answers = (name) =>
    JSON.parse(trailmark('vendors', '--json').stdout).map(({ vendor, cells }) => {
      const [, { support }] = cells.find(([operation]) => operation === name);
      return `${vendor} ${support}`;
    });
  assert.ok(answers('scim').every((answer) => answer.endsWith(' unsupported')));
  const lacking = answers('team').filter((answer) => answer.endsWith(' unsupported'));
  assert.deepEqual([...new Set(lacking)].sort(), ['introw', 'partnero', 'partnerstack'].map((name) => `${name} unsupported`));
});

test('import, audit and watch exist, and the page has every word of a report', () => {
  for (const words of ['partners import', 'partners audit', 'partners watch', 'users audit', 'users watch'])
    assert.equal(trailmark(...words.split(' '), '--help').status, 0, words);
  const source = read('crates/trailmark-proxy/src/cli/import/report.rs');
  const told = [...source.matchAll(/^ {12}Self::\w+ => "([a-z_]+)",$/gm)].map((match) => match[1]);
  assert.deepEqual(tables(section('Import'))[0].map(([cell]) => names(cell)[0]).sort(), told.sort());
});
