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
const FOLDERS = {
  vendors: 'crates/trailmark-vendors/tests/it',
  wire: 'crates/trailmark-wire/tests/it',
  proxy: 'crates/trailmark-proxy/tests/it',
};

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

/** Every call of the vendors' own documents. */
const CURRENT = {
  '000': [
    'GET /api/v2/partnerships',
    'GET /api/v2/partnerships/{unique_identifier}',
    'POST conversion/xid',
    'POST /api/v2/customers',
    'GET /api/v2/customers',
    'GET /api/v2/customers/{customer_key}',
    'PATCH /api/v2/customers/{customer_key}',
    'DELETE /api/v2/customers/{customer_key}',
    'POST /api/v2/transactions',
    'GET /api/v2/transactions',
    'DELETE /api/v2/transactions/{key}',
    'GET /api/v2/groups',
    'POST /api/v2/actions',
    'GET /api/v2/rewards',
    'POST /api/v2/webhooks',
    'GET /api/v2/webhooks',
    'DELETE /api/v2/webhooks/{key}',
  ],
  '001': [
    'GET /user',
    'POST /user',
    'POST /user/{user_id}',
    'PATCH /v3/brand/user',
    'GET /network',
    'POST prf.hn/conversion/…',
    'GET /reporting/report_advertiser/campaign/{id}/conversion.json',
    'POST /v3/brand/analytics/conversions/filter',
    'POST /v3/brand/campaigns/{id}/conversions/bulk',
    'GET /v3/jobs/{id}',
    'GET /campaign/{id}/publisher',
    'POST /campaign/{id}/publisher',
    'GET /campaign/{id}/publisher/{pid}',
  ],
  '002': [
    'POST /api/v2/partnerships',
    'PATCH /api/v2/partnerships/{key}',
    'DELETE /api/v2/partnerships/{key}',
    'POST /api/v2/partnerships/{partner_key}/member',
  ],
  '003': [
    'GET /api/v1/partners',
    'POST /api/v1/partners',
    'GET /api/v1/partners/{id}',
    'PATCH /api/v1/partners/{id}',
    'GET /api/v1/payouts',
    'GET /api/v1/payouts/{id}',
    'PATCH /api/v1/payouts/{id}',
    'POST /api/v1/commission-lines',
    'GET /api/v1/commission-lines',
    'GET /api/v1/commission-lines/{id}',
    'PATCH /api/v1/commission-lines/{id}',
    'POST /api/v1/commission-lines/{id}/decline',
    'POST /api/v1/commission-lines/{id}/detach',
    'POST /api/v1/auth/session',
    'POST /api/v1/affiliate/conversions',
  ],
  '004': [
    'POST /v1/partners',
    'POST /v1/partners:invite',
    'GET /v1/partners',
    'GET /v1/partner',
    ...'GET PUT DELETE'.split(' ').map((method) => `${method} /v1/partners/{id}`),
    ...'archive revoke-archive'.split(' ').map((verb) => `POST /v1/partners/{id}/${verb}`),
    'POST /v1/customers',
    'GET /v1/customers',
    ...'GET PUT DELETE'.split(' ').map((method) => `${method} /v1/customers/{key}`),
    ...'archive revoke-archive'.split(' ').map((verb) => `POST /v1/customers/{key}/${verb}`),
    'POST /v1/transactions',
    'GET /v1/transactions',
    ...'GET DELETE'.split(' ').map((method) => `${method} /v1/transactions/{key}`),
    ...'archive revoke-archive'.split(' ').map((verb) => `POST /v1/transactions/{key}/${verb}`),
    'POST /v1/webhooks',
    'GET /v1/webhooks',
    'DELETE /v1/webhooks/{key}',
    'GET /v1/test',
  ],
};

/** A part of the row of every paragraph of seed 002, in the seed's order. */
const PARAGRAPHS = [
  'bypass the application process',
  'the main contact is the first member',
  'add a new partner, with the email of the main contact',
  'name, program manager, tags of a new partner',
  'company logo, custom fields',
  'confirm which existing organization',
  'adding members',
  'access levels owner, admin, finance, member',
  'the partner team owner approves',
  'customize the invite email',
  'invites can be resent or deleted',
  'viewing invited partners',
  'owner or admin approves',
  'viewing invited members',
  'group join link',
  'application form',
  'importing partners',
  'adding partners via api',
  'managing inbound applications',
  'seeing applications',
  'inbound from the marketplace',
  'the network declined',
  'verified network profiles',
  'removing partners',
  'historical activity of a removed partner',
  'cannot rejoin; re-adding creates a second partnership',
  'deactivate partner links',
  "updating a partner's group",
  'running commissions',
  "changing a partner's name or email",
  'updating a partner key',
  'utms',
  'keys are alphanumeric',
];

/** How many workflows each seed has. */
const WORKFLOWS = { '000': 3, '001': 3, '002': 1 };

const ROWS = sections('docs/endpoints.md').flatMap(({ text }) => tables(text).flat());

/** The calls that a cell names. A method alone belongs to the next path. */
function calls(cell) {
  const [found, methods] = [[], []];
  for (const name of names(cell)) {
    const [, method, path] = name.match(/^(GET|POST|PUT|PATCH|DELETE)(?: (\S+))?$/) ?? [];
    if (method) methods.push(method);
    if (path) found.push(...methods.splice(0).map((one) => `${one} ${path}`));
  }
  return found;
}

/** The words of all commands of a vendor, in both dialects; `member` is `commands` or `lacking`. */
const words = (vendor, member) =>
  new Set(VENDORS.filter((row) => row.vendor === vendor).flatMap((row) => row[member].map(({ command }) => command)));

test('every call, event and workflow of the seeds has a row', () => {
  for (const seed of Object.keys(OF_SEED)) {
    const cells = ROWS.filter(([of]) => of === seed).map(([, cell]) => cell);
    for (const call of CALLS[seed] ?? []) {
      const is = (cell) => cell === call || names(cell).includes(call) || cell.endsWith(call);
      assert.ok(cells.some(is), `seed ${seed}: ${call} has a row`);
    }
    const workflows = cells.filter((cell) => cell.startsWith('workflow:'));
    assert.equal(workflows.length, WORKFLOWS[seed] ?? 0, `workflows of seed ${seed}`);
  }
  const cells = ROWS.filter(([seed]) => seed === '002').map(([, cell]) => cell.toLowerCase());
  for (const part of PARAGRAPHS) assert.ok(cells.some((cell) => cell.includes(part)), `seed 002: ${part} has a row`);
});

test("every call of the vendors' own documents has a row", () => {
  for (const [seed, documented] of Object.entries(CURRENT)) {
    const rows = ROWS.filter(([of]) => of === seed);
    const known = rows.flatMap(([, call, current]) => calls(current.startsWith('the same') ? call : current));
    for (const call of documented) assert.ok(known.includes(call), `seed ${seed}: ${call} has a row`);
    for (const call of known) assert.ok(documented.includes(call), `seed ${seed}: ${call} stands in this test`);
  }
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

test('every row has a test unless the dashboard alone does it, and every call that is made has one over HTTP', () => {
  for (const [seed, call, current, command, cell] of ROWS) {
    const isNobodys = command.startsWith('dashboard only') && names(command).length === 0;
    assert.ok(names(cell).length > 0 || (cell === '-' && isNobodys), `${seed} ${call}: has a test`);
    const isMade = !/^(?:dashboard only(?! in `)|unsupported by the vendor)/.test(command);
    if (!isMade || [call, current].flatMap(calls).length === 0) continue;
    assert.ok(
      names(cell).some((name) => name.startsWith('proxy/')),
      `${seed} ${call}: has a test over HTTP`,
    );
  }
});

test('every test that a row names exists', () => {
  for (const [seed, call, , , cell] of ROWS)
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
