// Every exchange of `trailmark partners list` with Introw against the OpenAPI of seed 003: the real command line and the real
// double talk over HTTP through a recorder, in both dialects, and the validator of openapi-backend judges both sides. The
// document is `crates/trailmark-vendors/fixtures/introw/openapi.json`; a test beside the adapter holds it to the seed's text.
//
// The validator leaves two things to servers, so they are looked at here: the security scheme, and statuses that the
// document does not have.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { OpenAPIBackend } from 'openapi-backend';

import { BINARY, Product, ROOT, SECRETS, until } from './support/product.mjs';

const FIXTURES = join(ROOT, 'crates/trailmark-vendors/fixtures/introw');
const fixture = (name) => JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'));
const DOCUMENT = fixture('openapi.json');
const OPERATION = DOCUMENT.paths['/api/v1/partners'].get;
const ACCOUNTS = { current: 'introw', guide: 'introw-guide' };

/** Passes every call on to the simulator, and keeps what both sides said. */
class Recorder {
  exchanges = [];
  #server = createServer((call, answer) => this.#pass(call, answer));

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.address = `127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #pass({ method, url, headers }, answer) {
    const [, account, path] = /^\/([^/]+)(\/.*)$/.exec(url);
    const ahead = request(`${this.simulator}${url}`, { method, headers }, async (said) => {
      const chunks = [];
      for await (const chunk of said) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      this.exchanges.push({ account, method, path, headers, status: said.statusCode, answered: said.headers, text });
      answer.writeHead(said.statusCode, said.headers).end(text);
    });
    ahead.once('error', () => answer.destroy());
    ahead.end();
  }
}

/** A configuration with one account, which is reached through the recorder. */
const configuration = (dialect, key) => `
[[sites]]
id = "acme"
origins = ["http://127.0.0.1:8787"]
[[sites.programs]]
id = "main"
vendor = "introw"
dialect = "${dialect}"
api_key = "env:${key}"
base_url = "http://${recorder.address}/${ACCOUNTS[dialect]}"
`;

const recorder = new Recorder();
let product;
let validator;

before(async () => {
  await recorder.listen();
  product = await Product.start({ www: false });
  for (const dialect of Object.keys(ACCOUNTS)) {
    writeFileSync(join(product.folder, `${dialect}.toml`), configuration(dialect, 'INTROW_API_KEY'));
    writeFileSync(join(product.folder, `${dialect}-locked.toml`), configuration(dialect, 'PARTNERO_API_KEY'));
  }
  recorder.simulator = product.simulator;
  // What the library's own reading of the document refuses is right in 3.1 (`propertyNames`), so it only validates exchanges.
  const formats = { 'date-time': (text) => !Number.isNaN(Date.parse(text)) };
  const api = new OpenAPIBackend({ definition: DOCUMENT, quick: true, coerceTypes: true, ajvOpts: { formats } });
  await api.init();
  validator = api.validator;
});

after(async () => {
  recorder.close();
  await product?.stop();
});

/** Starts the command line; the recorder answers in this process, which must not block. */
function started(config, ...args) {
  const env = { ...process.env, ...SECRETS };
  const child = spawn(BINARY, ['partners', 'list', '--json', '--config', `${config}.toml`, ...args], { cwd: product.folder, env });
  const said = { out: '', err: '' };
  child.stdout.on('data', (text) => (said.out += text));
  child.stderr.on('data', (text) => (said.err += text));
  return { child, ended: once(child, 'close').then(([code]) => ({ code, ...said })) };
}

/** What the document says against an exchange. */
function faults({ method, path, headers, status, answered, text }) {
  const found = [];
  const judge = (side, { errors }) => found.push(...(errors ?? []).map((one) => `${side}${one.instancePath}: ${one.message}`));
  judge('request', validator.validateRequest({ method, path, headers }, 'listPartners'));
  for (const scheme of DOCUMENT.security.flatMap(Object.keys)) {
    const { in: place, name } = DOCUMENT.components.securitySchemes[scheme];
    if (place !== 'header' || !headers[name]) found.push(`request: no ${name} in the ${place}`);
  }
  const documented = OPERATION.responses[status];
  if (!documented) return [...found, `answer: status ${status} is not documented`];
  const [type] = (answered['content-type'] ?? '').split(';');
  if (!documented.content[type]) return [...found, `answer: content type ${type} is not documented`];
  judge('answer', validator.validateResponse(JSON.parse(text), 'listPartners', status));
  judge('answer', validator.validateResponseHeaders(answered, 'listPartners', { statusCode: status, setMatchType: 'superset' }));
  return found;
}

for (const [dialect, account] of Object.entries(ACCOUNTS)) {
  test(`every exchange of the list of partners is as the document says, dialect ${dialect}`, async () => {
    const since = recorder.exchanges.length;
    const ran = async (code, ...args) => {
      const { code: is, out, err } = await started(dialect, ...args).ended;
      assert.equal(is, code, `${args.join(' ')}: ${err}`);
      return out.split('\n').filter(Boolean).map((line) => JSON.parse(line).id);
    };
    const all = await ran(0);
    assert.equal(new Set(all).size, 68, 'the usual page size');
    assert.deepEqual(await ran(0, '--page-size', '25'), all, 'several pages');
    assert.deepEqual(await ran(0, '--page-size', '1', '--limit', '3'), all.slice(0, 3), 'the smallest pages');
    const [cursor] = recorder.exchanges.map(({ text }) => JSON.parse(text).pagination?.nextCursor).filter(Boolean).slice(-1);
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
    await until('the limit is reached', () => recorder.exchanges.at(-1).status === 429);
    limited.child.kill('SIGKILL');
    await limited.ended;
    await product.control('introw/settings', { rate_limit_per_minute: 120 });

    const exchanges = recorder.exchanges.slice(since);
    for (const exchange of exchanges) {
      assert.equal(exchange.account, account);
      assert.deepEqual(faults(exchange), [], `${exchange.method} ${exchange.path}: ${exchange.status} ${exchange.text.slice(0, 500)}`);
    }
    const statuses = new Set(exchanges.map(({ status }) => String(status)));
    assert.deepEqual([...statuses].sort(), Object.keys(OPERATION.responses).sort(), 'every documented status was there');
    const asked = new Set(exchanges.flatMap(({ path }) => [...new URL(path, 'http://x').searchParams.keys()]));
    assert.deepEqual([...asked].sort(), OPERATION.parameters.map(({ name }) => name).sort(), 'every parameter was there');
    assert.ok(exchanges.length > 12, `${exchanges.length} exchanges were judged`);
  });
}

test('an exchange with one broken field is found', () => {
  const sound = recorder.exchanges.find(({ status }) => status === 200);
  const refused = recorder.exchanges.find(({ status }) => status === 422);
  const changed = (exchange, change) => {
    const body = JSON.parse(exchange.text);
    change(body);
    return { ...exchange, text: JSON.stringify(body) };
  };
  const { 'x-api-key': _, ...keyless } = sound.headers;
  const { 'x-ratelimit-remaining-minute': __, ...unlimited } = sound.answered;
  const broken = {
    'a limit of 0': { ...sound, path: '/api/v1/partners?limit=0' },
    'a limit that is no number': { ...sound, path: '/api/v1/partners?limit=all' },
    'an unknown parameter': { ...sound, path: '/api/v1/partners?limit=5&page=2' },
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
