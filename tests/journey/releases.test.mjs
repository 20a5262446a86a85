// Two releases at once, as during an upgrade: SDK and stub of the release before with this proxy, this SDK with a server that reads
// and answers as the proxy before, and files of two builds in one page. tests/previous has that release. Each time a click, a
// signup and a sale are what they are without an upgrade.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch, patiently } from './support/browser.mjs';
import { markOf, ofOtherBuild } from './support/builds.mjs';
import { brought, click, effects, one } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const FOLDER = new URL('../previous/', import.meta.url);
const read = (name) => readFileSync(new URL(name, FOLDER));
const previous = Object.fromEntries(
  readdirSync(FOLDER).filter((name) => name.endsWith('.bin')).map((name) => [name.replace('.bin', ''), read(name)]),
);
const wire = JSON.parse(read('wire.json'));
const hashed = Object.keys(previous).filter((name) => name.startsWith('sdk-'));

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';
const tag = (html) => html.match(/<script async[^>]*><\/script>/)[0];
const type = (name) => (name.endsWith('.wasm') ? 'application/wasm' : 'text/javascript');

let whole, entry, current, product, browser, files;
before(async () => {
  // `whole` has all files of the release before, as its proxy had; `entry` its sdk.js alone, as a cache may; `current` none.
  [whole, entry, current] = await Promise.all([passage(), passage(), passage()]);
  const fronts = [whole, entry, current];
  const pages = (snippet) => ({
    'index.html': PLAIN + snippet,
    'old_stub.html': `${PLAIN}<script>${previous['stub.js']}</script>${tag(snippet)}`,
  });
  product = await Product.start({ files: pages, pages: current.url, origins: fronts.map(({ url }) => url) });
  fronts.forEach((front) => front.to(product.site));
  for (const front of [whole, entry]) front.serve('/tm/sdk.js', 'text/javascript', previous['sdk.js']);
  for (const name of hashed) whole.serve(`/tm/${name}`, type(name), previous[name]);
  ({ files } = JSON.parse(product.cli('snippet', '--manifest').stdout));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  [whole, entry, current].forEach((front) => front?.close());
  await product?.stop();
});

/** A click, a signup and a sale; gives what the calls heard. */
async function customer(page, origin, name, key) {
  const from = await click(product, 'ada');
  await page.goto(`${origin}/${name}.html?${from.query}`);
  await brought(page, 'ada');
  const heard = await page.evaluate(async (key) => {
    const signup = await trailmark.signup({ customerKey: key, email: `${key}@example.org` });
    const sale = { customerKey: key, orderKey: `of_${key}`, amountMinor: 100, currency: 'EUR' };
    return [signup, await trailmark.sale(sale), await trailmark.ready];
  }, key);
  return { from, heard };
}

/** Each heard what it hears without an upgrade, and the partner has this one customer. */
async function isWhole({ from, heard: [signup, sale, ready] }, key) {
  assert.deepEqual([signup.status, signup.attribution], ['accepted', [{ program: 'main', partner: 'ada' }]]);
  assert.deepEqual([sale.status, sale.code], ['held', 'money_unsigned']);
  assert.deepEqual(ready, { attributed: true, mode: 'wasm' });
  const { ledger, vendor, made } = await effects(product, key);
  assert.deepEqual({ ledger: ledger.filter((row) => row.startsWith('signup')), vendor, made }, one(from));
}

for (const { name, fresh } of browsers) {
  test(`the SDK of the release before reports to this proxy, in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.prepare(`(${patiently})()`);
    const key = `previous_${name}`;
    await isWhole(await customer(page, whole.url, 'index', key), key);
    const asked = page.said.requests.map(({ url }) => new URL(url).pathname);
    for (const pattern of [/\/sdk-[0-9a-f]+\.js$/, /_bg\.wasm$/])
      assert.ok(asked.some((path) => pattern.test(path) && hashed.includes(path.slice('/tm/'.length))), asked.join('\n'));
    assert.deepEqual(page.said.errors, []);
  });

  test(`a cached sdk.js of the release before runs this release's module, in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.prepare(`(${patiently})()`);
    const key = `cached_${name}`;
    await isWhole(await customer(page, entry.url, 'index', key), key);
    assert.deepEqual(page.said.errors, []);
  });
}

test('a stub of the release before, which pages keep inline, is taken over with its calls', async (t) => {
  const { context, page, said } = await freshPage(browser);
  t.after(() => context.close());
  await page.addInitScript(patiently);
  await isWhole(await customer(page, current.url, 'old_stub', 'old_stub'), 'old_stub');
  assert.deepEqual(said.errors, []);
});

test('another release’s hash is answered with this release’s file, uncached, and its own is cached for ever', async () => {
  const get = async (path) => {
    const answer = await fetch(`${product.site}/tm/${path}`);
    return { cache: answer.headers.get('cache-control'), bytes: Buffer.from(await answer.arrayBuffer()) };
  };
  for (const { name } of files.filter((file) => file.name.startsWith('sdk-'))) {
    const [ours, theirs, again] = await Promise.all([name, name.replace(/[0-9a-f]{16}/, '0'.repeat(16)), `${name}?1`].map(get));
    assert.match(ours.cache, /immutable/);
    assert.deepEqual([theirs.cache, again.cache], ['no-store', 'no-store']);
    assert.deepEqual([ours.bytes.equals(theirs.bytes), ours.bytes.equals(again.bytes)], [true, true]);
  }
});

// A cache, or two releases behind one balancer: one of the two files is of another build.
for (const [what, pattern] of [['glue', /\/sdk-[0-9a-f]+\.js$/], ['module', /_bg\.wasm$/]])
  test(`a ${what} of another build does not run with the rest of this one: both are asked for again`, async (t) => {
    const get = async (name) => Buffer.from(await (await fetch(`${product.site}/tm/${name}`)).arrayBuffer());
    const named = (end) => files.find(({ name }) => end.test(`/${name}`)).name;
    const body = ofOtherBuild(await get(named(pattern)), await markOf(await get(named(/_bg\.wasm$/))));
    const { context, page, said } = await freshPage(browser);
    t.after(() => context.close());
    await page.addInitScript(patiently);
    await context.route(({ pathname, search }) => pattern.test(pathname) && !search, (route) =>
      route.fulfill({ contentType: type(named(pattern)), body }));
    const key = `mixed_${what}`;
    await isWhole(await customer(page, current.url, 'index', key), key);
    const asked = said.requests.map(({ url }) => new URL(url)).filter(({ pathname }) => /\/sdk-/.test(pathname));
    assert.deepEqual(asked.map(({ search }) => search), ['', '', '?1', '?1']);
    assert.deepEqual(said.errors, []);
  });

test('a page that pins the script by its hash runs it, and runs no other', async (t) => {
  const [head] = product.cli('snippet', '--site', 'acme', '--integrity').stdout.split('\n\n');
  const pages = { pinned: head, changed: head.replace(/"sha256-(.)/, (_, first) => `"sha256-${first === 'A' ? 'B' : 'A'}`) };
  for (const [name, html] of Object.entries(pages)) writeFileSync(join(product.folder, 'www', `${name}.html`), PLAIN + html);
  const { context, page, said } = await freshPage(browser);
  t.after(() => context.close());
  await page.addInitScript(patiently);
  await page.goto(`${current.url}/changed.html?ps_partner_key=YWRh`);
  assert.deepEqual(await page.evaluate(() => trailmark.ready), { attributed: false, mode: 'off' });
  assert.deepEqual(said.requests.filter(({ url }) => url.includes('/sdk-')), []);
  await page.goto(`${current.url}/pinned.html?ps_partner_key=YWRh`);
  await brought(page, 'ada');
  assert.deepEqual(said.errors, []);
});

/** A server that reads and answers as the proxy of the release before, by wire.json, and serves this release's SDK; it is strict. */
async function proxyBefore() {
  const [refused, told] = [[], []];
  const check = (what, object) => {
    for (const member of Object.keys(object ?? {})) if (!wire.requests[what].includes(member)) refused.push(`${what}.${member}`);
  };
  const part = (text) => JSON.parse(Buffer.from(text, 'base64url'));
  const now = () => Math.floor(Date.now() / 1000);
  const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const click = (body) => {
    const request = JSON.parse(body);
    check('click', request);
    check('jwk', request.jwk);
    const [at, expires] = [now(), now() + 86_400];
    const claims = { iss: 'https://acme.example', aud: request.site, iat: at, exp: expires, jti: 'a', sub: 'visitor', program: 'main', partner: 'ada' };
    const token = `${encoded({ alg: 'EdDSA', typ: 'click+jwt', kid: 'k' })}.${encoded(claims)}.${'A'.repeat(86)}`;
    const [from, to] = [at, expires].map((seconds) => new Date(seconds * 1000).toISOString());
    return { ...wire.answers.click, more: { click_token: token, at: from, expires_at: to } };
  };
  const conversion = (body) => {
    const parts = body.split('.');
    const payload = body.startsWith('{') ? JSON.parse(body) : part(parts[1]);
    if (parts.length === 3 && !body.startsWith('{')) {
      check('header', part(parts[0]));
      check('jwk', part(parts[0]).jwk);
    }
    check('payload', payload);
    check('data', payload.data);
    check('customer', payload.data.customer);
    check('order', payload.data.order);
    for (const item of payload.data.order?.items ?? []) check('item', item);
    return { ...wire.answers[payload.data.kind], more: { conversion_id: payload.jti } };
  };
  const server = createServer(async (request, answer) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname } = new URL(request.url, 'http://localhost');
    if (request.method === 'POST') {
      told.push(pathname);
      const read = { '/tm/v1/clicks': click, '/tm/v1/conversions': conversion }[pathname];
      const { status, body, more } = read(Buffer.concat(chunks).toString());
      answer.writeHead(status, { 'content-type': 'application/json', 'set-cookie': 'tm_acme=1; Path=/' });
      return answer.end(JSON.stringify({ ...body, ...more }));
    }
    const file = await fetch(product.site + pathname);
    answer.writeHead(file.status, { 'content-type': file.headers.get('content-type') });
    answer.end(Buffer.from(await file.arrayBuffer()));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, refused, told, close };
}

test('this SDK says to a proxy of the release before only what that one reads, and takes its answers', async (t) => {
  const before = await proxyBefore();
  t.after(before.close);
  const { context, page, said } = await freshPage(browser);
  t.after(() => context.close());
  await page.addInitScript(patiently);
  await page.goto(`${before.url}/index.html?ps_partner_key=YWRh`);
  await brought(page, 'ada');
  const heard = await page.evaluate(async () => {
    const key = { customerKey: 'u_1', email: 'u_1@example.org', name: 'Ada', data: { plan: 'pro' } };
    const items = [{ sku: 'pro', category: 'plans', unitAmountMinor: 50, quantity: 2 }];
    const sale = { customerKey: 'u_1', orderKey: 'o_1', amountMinor: 100, currency: 'EUR', items };
    return [await trailmark.signup(key), await trailmark.sale(sale), await trailmark.ready];
  });
  assert.deepEqual(before.refused, []);
  assert.deepEqual(heard.map(({ status, mode }) => status ?? mode), ['accepted', 'held', 'wasm']);
  // The next page shows the kept token; what it says of itself is read, too.
  await page.goto(`${before.url}/index.html`);
  await until('the touch is known', async () => (await page.evaluate(() => trailmark.touch()))?.partner === 'ada');
  assert.deepEqual(before.refused, []);
  assert.ok(before.told.includes('/tm/v1/clicks') && before.told.includes('/tm/v1/conversions'), before.told.join());
  assert.deepEqual(said.errors, []);
});
