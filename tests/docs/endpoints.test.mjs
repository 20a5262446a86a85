// Holds docs/endpoints.md and the pages of docs/vendors to the seeds, to what `trailmark vendors` says and to the tests.
// The calls of the seeds stand here once more, since the seeds are not part of the project. Asks only the built binary.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { BINARY } from '../journey/support/product.mjs';
import { ROOT, names, read, sections, tables } from './support/pages.mjs';

const VENDORS = JSON.parse(spawnSync(BINARY, ['vendors', '--json'], { encoding: 'utf8' }).stdout);
const OF_SEED = {
  '000': 'partnerstack',
  '001': 'partnerize',
  '002': 'partnerstack',
  '003': 'introw',
  '004': 'partnero',
};
const FOLDERS = { vendors: 'crates/trailmark-vendors/tests/it', proxy: 'crates/trailmark-proxy/tests/it' };

/** Every call of the seeds, and SCIM and the team where a seed says that there is none. */
const CALLS = {
  '000': [
    'GET /api/v2/partners',
    'GET /api/v2/partners/{partner_key}',
    'POST /api/v2/customers',
    'PUT /api/v2/customers/{customer_key}',
    'GET /api/v2/customers',
    'POST /api/v2/transactions',
    'GET /api/v2/groups/{group_key}',
    'GET /api/v2/partnerships',
    ...'partner.created partner.updated customer.created customer.updated'.split(' '),
    ...'transaction.created transaction.updated reward.created'.split(' '),
    'SCIM',
    'users of your own team',
  ],
  '001': [
    'GET /user',
    'GET /user/{user_id}',
    'POST /user',
    'PUT /user/{user_id}',
    'DELETE /user/{user_id}',
    'GET /user/self',
    ...'X-Application-Key X-User-Api-Key application_key user_api_key'.split(' '),
    ...'conversion.approved conversion.rejected conversion.pending'.split(' '),
    'SCIM',
  ],
  '003': ['GET /api/v1/partners', 'x-api-key', 'x-ratelimit-limit-minute', 'x-ratelimit-remaining-minute'],
  '004': ['POST /v1/partners', 'POST /v1/partners:invite'],
};

/** How many numbered workflows each seed has. */
const WORKFLOWS = { '000': 3, '001': 3 };

const ROWS = sections('docs/endpoints.md').flatMap(({ text }) => tables(text).flat());

/** The words of all commands of a vendor, in both dialects; `member` is `commands` or `lacking`. */
const words = (vendor, member) =>
  new Set(VENDORS.filter((row) => row.vendor === vendor).flatMap((row) => row[member].map(({ command }) => command)));

test('every call, event and workflow of the seeds has a row', () => {
  for (const [seed, calls] of Object.entries(CALLS)) {
    const cells = ROWS.filter(([of]) => of === seed).map(([, cell]) => cell);
    for (const call of calls) {
      const is = (cell) => cell === call || names(cell).includes(call) || cell.endsWith(call);
      assert.ok(cells.some(is), `seed ${seed}: ${call} has a row`);
    }
    const workflows = cells.filter((cell) => cell.startsWith('workflow:'));
    assert.equal(workflows.length, WORKFLOWS[seed] ?? 0, `workflows of seed ${seed}`);
  }
  assert.ok(ROWS.filter(([seed]) => seed === '002').length >= 20, 'the paragraphs of seed 002');
});

test('every row says what makes the call, or why nothing does', () => {
  for (const [seed, call, current, command, tests] of ROWS) {
    assert.ok(OF_SEED[seed] && call && current && command && tests, `${seed} ${call}: no cell is empty`);
    const known = ['commands', 'lacking'].flatMap((member) => [...words(OF_SEED[seed], member)]);
    const nouns = new Set(known.map((command) => command.split(' ')[0]));
    for (const name of names(command)) {
      const [noun, verb] = name.split(' ');
      if (!nouns.has(noun) || !verb || name.startsWith('trailmark ')) continue;
      assert.ok(known.includes(`${noun} ${verb}`), `${seed} ${call}: \`${name}\` exists`);
    }
  }
});

test('every test that a row names exists', () => {
  for (const [seed, call, , , cell] of ROWS.filter(([, , , , cell]) => cell !== '-'))
    for (const name of names(cell)) {
      const [, folder, file, claim] = name.match(/^([a-z]+)\/([a-z_/]+\.rs)::(\w+)$/) ?? [];
      assert.ok(FOLDERS[folder], `${seed} ${call}: ${name}`);
      assert.match(read(`${FOLDERS[folder]}/${file}`), new RegExp(`\\bfn ${claim}\\(`), name);
    }
});

test("every vendor's page has the same sections, and names its settings and commands", () => {
  const titles = (vendor) => sections(`docs/vendors/${vendor}.md`).map(({ title }) => title);
  const pages = readdirSync(join(ROOT, 'docs/vendors')).map((name) => name.replace('.md', ''));
  assert.deepEqual(pages.sort(), [...new Set(VENDORS.map(({ vendor }) => vendor))].sort());
  // The default file has what all programs share, then the settings of each vendor in the order of the vendors' table.
  const file = spawnSync(BINARY, ['config', 'print', '--default'], { encoding: 'utf8' }).stdout;
  const [shared, ...accounts] = file.split(/^# (?:The account|A program) at .*$/m);
  const order = [...new Set(VENDORS.map(({ vendor }) => vendor))];
  for (const vendor of pages) {
    assert.deepEqual(titles(vendor).slice(1), titles('partnerstack').slice(1), vendor);
    const section = (title) => sections(`docs/vendors/${vendor}.md`).find((section) => section.title === title).text;
    const told = tables(section('Commands'))[0].flatMap(([cell]) => names(cell));
    assert.deepEqual(told.sort(), [...words(vendor, 'commands')].sort(), `the commands of ${vendor}`);
    const settings = tables(section('Settings and secrets'))[0].flatMap(([cell]) => names(cell));
    const own = settings.filter((name) => !shared.includes(`\n#${name} = `));
    const known = [...accounts[order.indexOf(vendor)].matchAll(/^# `([a-z_]+)`: /gm)].map(([, name]) => name);
    assert.deepEqual(own.sort(), known.sort(), `the settings of ${vendor}`);
  }
});
