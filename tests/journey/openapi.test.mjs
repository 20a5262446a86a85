// Every exchange of `trailmark partners list` with Introw against the OpenAPI of seed 003, in both dialects: the real command
// line asks the real double, which writes down what both said. Here each documented status and each parameter is provoked;
// `tests/openapi` judges what all other tests exchanged.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { exchangesOf, faultsOfAnswer, faultsOfRequest, fixture, OPERATION, validator } from './support/openapi.mjs';
import { BINARY, Product, SECRETS, until } from './support/product.mjs';

const ACCOUNTS = { current: 'introw', guide: 'introw-guide' };
const folder = mkdtempSync(join(tmpdir(), 'trailmark-openapi-'));
process.env.TRAILMARK_EXCHANGES = join(folder, 'exchanges.jsonl');

const exchanges = () => exchangesOf(readFileSync(process.env.TRAILMARK_EXCHANGES, 'utf8'));
const faults = (exchange) => [...faultsOfRequest(exchange), ...faultsOfAnswer(exchange)];

/** A configuration with one account. */
const configuration = (dialect, key) => `
[[sites]]
id = "acme"
origins = ["http://127.0.0.1:8787"]
[[sites.programs]]
id = "main"
vendor = "introw"
dialect = "${dialect}"
api_key = "env:${key}"
base_url = "${product.simulator}/${ACCOUNTS[dialect]}"
`;

let product;

before(async () => {
  product = await Product.start({ www: false });
  for (const dialect of Object.keys(ACCOUNTS)) {
    writeFileSync(join(product.folder, `${dialect}.toml`), configuration(dialect, 'INTROW_API_KEY'));
    writeFileSync(join(product.folder, `${dialect}-locked.toml`), configuration(dialect, 'PARTNERO_API_KEY'));
  }
});

after(async () => {
  await product?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the command line. */
function started(config, ...args) {
  const env = { ...process.env, ...SECRETS };
  const child = spawn(BINARY, ['partners', 'list', '--json', '--config', `${config}.toml`, ...args], { cwd: product.folder, env });
  const said = { out: '', err: '' };
  child.stdout.on('data', (text) => (said.out += text));
  child.stderr.on('data', (text) => (said.err += text));
  return { child, ended: once(child, 'close').then(([code]) => ({ code, ...said })) };
}

for (const [dialect, account] of Object.entries(ACCOUNTS)) {
  test(`every exchange of the list of partners is as the document says, dialect ${dialect}`, async () => {
    const since = exchanges().length;
    const ran = async (code, ...args) => {
      const { code: is, out, err } = await started(dialect, ...args).ended;
      assert.equal(is, code, `${args.join(' ')}: ${err}`);
      return out.split('\n').filter(Boolean).map((line) => JSON.parse(line).id);
    };
    const all = await ran(0);
    assert.equal(new Set(all).size, 68, 'the usual page size');
    assert.deepEqual(await ran(0, '--page-size', '25'), all, 'several pages');
    assert.deepEqual(await ran(0, '--page-size', '1', '--limit', '3'), all.slice(0, 3), 'the smallest pages');
    const [cursor] = exchanges().map(({ text }) => JSON.parse(text).pagination?.nextCursor).filter(Boolean).slice(-1);
    assert.ok(all.includes((await ran(0, '--cursor', cursor, '--limit', '1'))[0]), 'from a cursor on');

    assert.equal((await started(`${dialect}-locked`).ended).code, 3, '401');
    await ran(3, '--cursor', 'nonsense');
    await product.control('introw/settings', { scopes: ['partners:write'] });
    await ran(3);
    await product.control('introw/settings', { scopes: ['partners:read'] });
    await product.control('faults', { vendor: account, kind: 'status', status: 500, times: 1 });
    assert.deepEqual(await ran(0), all, 'a server error is waited for');
    // The command waits for the next minute after this one.
    await product.control('introw/settings', { rate_limit_per_minute: 1 });
    const limited = started(dialect);
    await until('the limit is reached', () => exchanges().at(-1).status === 429);
    limited.child.kill('SIGKILL');
    await limited.ended;
    await product.control('introw/settings', { rate_limit_per_minute: 120 });

    const judged = exchanges().slice(since);
    for (const exchange of judged) {
      assert.equal(exchange.account, account);
      assert.deepEqual(faults(exchange), [], `${exchange.method} ${exchange.path}: ${exchange.status} ${exchange.text.slice(0, 500)}`);
    }
    const statuses = new Set(judged.map(({ status }) => String(status)));
    assert.deepEqual([...statuses].sort(), Object.keys(OPERATION.responses).sort(), 'every documented status was there');
    const asked = new Set(judged.flatMap(({ query }) => query.map(([name]) => name)));
    assert.deepEqual([...asked].sort(), OPERATION.parameters.map(({ name }) => name).sort(), 'every parameter was there');
    assert.ok(judged.length > 12, `${judged.length} exchanges were judged`);
  });
}

test('an exchange with one broken field is found', () => {
  const sound = exchanges().find(({ status }) => status === 200);
  const refused = exchanges().find(({ status }) => status === 422);
  const changed = (exchange, change) => {
    const body = JSON.parse(exchange.text);
    change(body);
    return { ...exchange, text: JSON.stringify(body) };
  };
  const { 'x-api-key': _, ...keyless } = sound.headers;
  const { 'x-ratelimit-remaining-minute': __, ...unlimited } = sound.answered;
  const broken = {
    'a limit of 0': { ...sound, query: [['limit', '0']] },
    'a limit that is no number': { ...sound, query: [['limit', 'all']] },
    'an unknown parameter': { ...sound, query: [['limit', '5'], ['page', '2']] },
    'no key': { ...sound, headers: keyless },
    'a header of the answer is missing': { ...sound, answered: unlimited },
    'an undocumented status': { ...sound, status: 404 },
    'an HTML page': { ...sound, answered: { ...sound.answered, 'content-type': 'text/html' } },
    'no cursor': changed(sound, (body) => delete body.pagination.nextCursor),
    'no time of creation': changed(sound, (body) => delete body.data[0].createdAt),
    'a time that is none': changed(sound, (body) => (body.data[0].createdAt = '2026-02-30T00:00:00.000Z')),
    'a name that is a number': changed(sound, (body) => (body.data[0].name = 5)),
    'an unknown status of a partner': changed(sound, (body) => (body.data[0].status = 'gone')),
    'an unknown member of a partner': changed(sound, (body) => (body.data[0].email = 'a@b.example')),
    'an unknown member of the page': changed(sound, (body) => (body.total = 68)),
    'an error without its code': changed(refused, (body) => delete body.error.code),
    'an error that is a text': changed(refused, (body) => (body.error = 'no')),
  };
  assert.deepEqual(faults(sound), []);
  assert.deepEqual(faults(refused), []);
  const unfound = Object.entries(broken).filter(([, exchange]) => faults(exchange).length === 0);
  assert.deepEqual(unfound.map(([what]) => what), []);
});

test("what the adapter's own tests read is as the document says", () => {
  const names = ['200_partners_first', '200_partners_last', '401', '403', '422', '429', '500'];
  for (const name of names) {
    const status = Number(name.slice(0, 3));
    const { errors } = validator.validateResponse(fixture(`${name}.json`), 'listPartners', status);
    assert.equal(errors, null, `${name}: ${JSON.stringify(errors)}`);
  }
});
