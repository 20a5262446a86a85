// Nothing secret or personal leaves the places where it belongs: after a whole journey, logs, error bodies, URLs and the
// browser's files are searched for every known secret and address, as text and as base64 in all three alignments.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { freshPage, launch } from './support/browser.mjs';
import { Caller } from './support/caller.mjs';
import { Product, ROOT, SECRETS, until } from './support/product.mjs';

let product, browser;
before(async () => {
  product = await Product.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

const PERSONAL = ['private.person@example.org', 'Private Person Name'];

/** A text, and its base64 whatever bytes stand before it; the first and last letters depend on neighbours, so they go. */
function spellings(text) {
  const shifted = [0, 1, 2].map((shift) => Buffer.from('x'.repeat(shift) + text).toString('base64'));
  const inner = shifted.map((base64, shift) => base64.replace(/=+$/, '').slice(shift && shift + 1, -2));
  return [text, encodeURIComponent(text), ...inner, ...inner.map((b) => b.replaceAll('+', '-').replaceAll('/', '_'))];
}

/** Which of the secrets a text holds. */
const found = (text, secrets) => secrets.filter((secret) => spellings(secret).some((spelling) => text.includes(spelling)));

test('the search itself finds a secret in every spelling', () => {
  const secret = PERSONAL[0];
  for (const before of ['', 'a', 'ab', 'abc']) {
    const base64 = Buffer.from(`${before}${secret}after`).toString('base64url');
    assert.deepEqual(found(`x ${base64} y`, [secret]), [secret], before);
  }
});

test('no secret and no personal datum shows in logs, error bodies, our URLs or the bundle', async () => {
  const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
  const { context, page, said } = await freshPage(browser);
  await page.goto(`${product.site}/?ps_xid=${xid}&ps_partner_key=YWRh`);
  await page.getByText('ada brought you').waitFor();
  await page.getByRole('link', { name: 'Start for free' }).click();
  await page.getByLabel('Name').fill(PERSONAL[1]);
  await page.getByLabel('E-mail').fill(PERSONAL[0]);
  await page.getByRole('button', { name: 'Create account' }).click();
  const conversionId = (await page.locator('[data-result] code').textContent()).split(' · ').at(-1);

  // Everything that can go wrong on the way, with the personal data in it.
  const caller = await (await Caller.create(product.site)).arrive(`ps_xid=${xid}`);
  const person = { key: 'u_private', email: PERSONAL[0], name: PERSONAL[1] };
  const payload = caller.payload({ kind: 'signup', customer: person });
  const errors = [];
  const attempt = async (body, headers) => errors.push(await (await caller.post('v1/conversions', body, headers)).text());
  await attempt(JSON.stringify(payload));
  await attempt(await caller.sign({ ...payload, aud: 'other' }));
  await attempt(await caller.sign({ ...payload, data: { ...payload.data, [PERSONAL[0]]: 1 } }));
  await attempt(await caller.sign({ ...payload, data: { kind: 'signup', customer: { ...person, key: `${PERSONAL[0]}\u0007x` } } }));
  await attempt(await caller.sign({ ...payload, data: { kind: 'refund', customer: person } }));
  await attempt(JSON.stringify(payload), { authorization: `Bearer ${SECRETS.PARTNERSTACK_PRIVATE_KEY}` });
  await attempt(PERSONAL[0]);
  assert.ok(errors.every((body) => JSON.parse(body).code), 'each of them was refused with a code');
  for (const fault of [{ kind: 'status', status: 400, message: `bad e-mail ${PERSONAL[0]}` }, { kind: 'reset_after' }, { kind: 'html' }]) {
    await product.control('faults', { vendor: 'partnerstack', path_contains: 'conversion/xid', times: 1, ...fault });
    assert.equal((await caller.signup(`u_${fault.kind}`, { email: PERSONAL[0], name: PERSONAL[1] })).status, 202);
    const met = async () => (await product.control(`requests?path=conversion/xid&key=u_${fault.kind}`)).requests.length > 0;
    await until('the fault was met', met);
  }
  await until('the first delivery is settled', () => product.json('conversions', 'show', conversionId).deliveries.every((d) => d.state === 'recorded'));

  const { id: ledgerId } = product.json('conversions', 'show', conversionId).conversion;
  const token = caller.token;
  const secrets = [...Object.values(SECRETS).filter((text) => text !== 'pk_sim'), ...PERSONAL, token.split('.')[2]];
  const cookies = (await context.cookies()).map(({ value }) => value).filter((value) => value.length > 20);
  await context.close();
  await product.kill('SIGTERM');
  assert.deepEqual(found(product.log('proxy'), [...secrets, ...cookies]), [], 'the log of the proxy');
  assert.ok(product.log('proxy').includes(ledgerId), 'the log that was searched is the right one');
  errors.forEach((body, index) => assert.deepEqual(found(body, secrets), [], `error body ${index}: ${body}`));
  assert.deepEqual(found(said.requests.map(({ url }) => url).join('\n'), secrets), [], 'URLs that the browser asked for');

  const folder = join(ROOT, 'crates', 'trailmark-proxy', 'sdk');
  const files = readdirSync(folder);
  assert.ok(files.some((file) => file.endsWith('.wasm')), 'the bundle is there');
  const unpack = { br: brotliDecompressSync, gz: gunzipSync };
  for (const file of files) {
    const bytes = readFileSync(join(folder, file));
    const text = (unpack[file.split('.').pop()]?.(bytes) ?? bytes).toString('latin1');
    assert.deepEqual(found(text, [...Object.values(SECRETS), ...PERSONAL]), [], file);
    assert.ok(!/\/root\/|\/home\/|\/work\/|\.cargo\/registry/.test(text), `${file} holds a path of the machine that built it`);
  }
});
