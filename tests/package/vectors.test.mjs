// Checks the golden vectors of crates/trailmark-wire/vectors in plain JavaScript, with Node's crypto and its URL parser:
// what Rust and the WebAssembly module agree on is what any other language can reproduce. It reads nothing that was built.

import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { canonical } from './canonical.mjs';
import { repair } from './repair.mjs';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../crates/trailmark-wire/vectors/${name}.json`, import.meta.url)));
const sha256 = (bytes, encoding) => createHash('sha256').update(bytes).digest(encoding);
const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));

test('the canonical encoding of every vector is the same to the byte', () => {
  const all = vectors('canonical');
  assert.ok(all.length > 0);
  for (const { name, site, body, canonical_hex, sha256_hex } of all) {
    assert.equal(canonical(site, body).toString('hex'), canonical_hex, name);
    assert.equal(sha256(canonical(site, body), 'hex'), sha256_hex, name);
  }
});

// field-faults § 1
test('every flawed body is repaired to the same content, with the same warnings', () => {
  const all = vectors('repairs');
  assert.ok(all.length > 30);
  for (const { name, body, repaired, warnings } of all) {
    const found = repair(body);
    assert.deepEqual(found.warnings, warnings, name);
    assert.deepEqual(canonical('acme', found.repaired), canonical('acme', repaired), name);
  }
});

test('both tokens verify under the published key, and no invalid one does', () => {
  const { jwk, click, visit, invalid_click: invalid } = vectors('tokens');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const claims = (token, typ) => {
    const parts = token.split('.');
    if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return null;
    const header = json(parts[0]);
    const exact = { alg: 'EdDSA', typ, kid: jwk.kid };
    if (JSON.stringify(header) !== JSON.stringify(exact)) return null;
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    return verify(null, signed, key, Buffer.from(parts[2], 'base64url')) ? json(parts[1]) : null;
  };
  assert.deepEqual(claims(click.token, 'click+jwt'), click.claims);
  assert.deepEqual(claims(visit.token, 'visit+jwt'), visit.claims);
  assert.ok(invalid.length > 10);
  for (const { name, token } of invalid) assert.equal(claims(token, 'click+jwt'), null, name);
});

test('the envelope is the JWS of its payload, bound to key and token by their hashes', () => {
  const { jwk, thumbprint, token, ath, payload, signing_input: input, envelope } = vectors('envelopes');
  const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  assert.equal(`${base64url({ alg: 'ES256', typ: 'conversion+jwt', jwk })}.${base64url(payload)}`, input);
  assert.equal(sha256(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }), 'base64url'), thumbprint);
  assert.equal(sha256(token, 'base64url'), ath);
  const signature = Buffer.from(envelope.slice(input.length + 1), 'base64url');
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  assert.ok(verify('sha256', Buffer.from(input), key, signature));
  assert.ok(!verify('sha256', Buffer.from(`${input}A`), key, signature));
});

test('what a merchant signed verifies under its key and algorithm, and no invalid order does', () => {
  const { valid, lower_case_currency: lower, invalid_order: invalid } = vectors('merchant');
  const said = (jws, typ, jwk) => {
    const parts = jws.split('.');
    if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return null;
    const { kid = jwk.kid, ...rest } = json(parts[0]);
    const alg = jwk.kty === 'EC' ? 'ES256' : 'EdDSA';
    if (kid !== jwk.kid || JSON.stringify(rest) !== JSON.stringify({ alg, typ })) return null;
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    return verify(alg === 'ES256' ? 'sha256' : null, signed, key, Buffer.from(parts[2], 'base64url')) ? json(parts[1]) : null;
  };
  assert.equal(valid.length, 4);
  for (const { name, typ, jwk, claims, jws } of valid) assert.deepEqual(said(jws, typ, jwk), claims, name);
  assert.equal(said(lower, 'order+jwt', valid[0].jwk).order.currency, 'eur');
  // Those whose shape alone is wrong verify; Rust refuses them by their types.
  const shapes = ['without an end', 'without a customer', 'an unknown member in the order', 'an amount as a fraction', 'several audiences'];
  for (const { name, jws } of invalid) assert.equal(said(jws, 'order+jwt', valid[0].jwk) !== null, shapes.includes(name), name);
});

// The capture rules once more, by the platform's own URL parser and base64.
const NAMES = {
  partnerstack: { click: ['ps_xid', 'gsxid'], encoded: ['ps_partner_key', 'gspk'], jarClick: ['ps_xid', 'gsxid'], jarPartner: ['growSumoPartnerKey', 'ps_partner_key'] },
  partnerize: { click: ['clickref'], jarClick: ['partnerizeClickReference', 'clickref'], genericIsClick: true },
  introw: { click: ['irw_id'], jarClick: ['_introw_aff'], genericIsClick: true },
  partnero: { jarPartner: ['partnero_partner'] },
};
const usable = (most) => (value) => value && [...value].length <= most && !/[\p{Cc}\p{White_Space}\uFFFD]/u.test(value);
const decoded = (raw) => {
  if (!/^([\w-]+|[A-Za-z0-9+/]+)={0,2}$/.test(raw)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(raw, 'base64'));
  } catch {
    return null;
  }
};
const partnerOf = (raw) => {
  const text = decoded(raw);
  if (usable(255)(text)) return { partner: text, raw };
  return usable(255)(raw) ? { partner: raw } : undefined;
};

function captured({ vendor, params = [], url, cookies = {} }) {
  const names = NAMES[vendor] ?? {};
  const query = new URL(url).searchParams;
  const first = (list, read) => (list ?? []).map(read).filter((value) => value !== undefined);
  const clicks = first(names.click, (name) => query.getAll(name).find(usable(256)));
  const partners = first(names.encoded, (name) => query.getAll(name).map(partnerOf).find(Boolean));
  const fit = usable(names.genericIsClick ? 256 : 255);
  const generic = [...query].filter(([name, value]) => params.includes(name) && fit(value)).map(([, value]) => value)[0];
  const found = {
    click_id: clicks[0] ?? (names.genericIsClick ? generic : undefined),
    partner: partners[0]?.partner ?? (names.genericIsClick ? undefined : generic),
    raw_partner: partners[0]?.raw,
    source: 'url',
    twins_differ: clicks.some((c) => c !== clicks[0]) || partners.some((p) => p.partner !== partners[0].partner) || undefined,
  };
  const fromJar = {
    click_id: first(names.jarClick, (name) => cookies[name])[0],
    partner: first(names.jarPartner, (name) => cookies[name])[0],
    source: 'cookie',
  };
  const best = [found, fromJar].find(({ click_id, partner }) => click_id || partner);
  return best ? JSON.parse(JSON.stringify(best)) : null;
}

test('capture reads every vector as written', () => {
  const all = vectors('capture');
  assert.ok(all.length > 20);
  for (const vector of all) assert.deepEqual(captured(vector), vector.expect, vector.name);
});

test('money prints every vector exactly', () => {
  const exponents = { JPY: 0, KWD: 3, CLF: 4 };
  const source = readFileSync(new URL('../../crates/trailmark-wire/vectors/money.json', import.meta.url), 'utf8');
  const rows = [...source.matchAll(/"amount_minor": (-?\d+), "currency": "(\w+)", "decimal": "([^"]+)"/g)];
  assert.ok(rows.length > 5);
  for (const [, minor, currency, decimal] of rows) {
    const digits = exponents[currency] ?? 2;
    const magnitude = minor.replace('-', '').padStart(digits + 1, '0');
    const cut = magnitude.length - digits;
    const text = digits ? `${magnitude.slice(0, cut)}.${magnitude.slice(cut)}` : magnitude;
    assert.equal((minor.startsWith('-') ? '-' : '') + text, decimal);
  }
});
