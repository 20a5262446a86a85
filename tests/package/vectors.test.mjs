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

test('a carrier is announced in an envelope of its own type, and read from an address', () => {
  const { jwk, payload, signing_input: input, envelope, read, none } = vectors('carriers');
  const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  assert.equal(`${base64url({ alg: 'ES256', typ: 'carrier+jwt', jwk })}.${base64url(payload)}`, input);
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  assert.ok(verify('sha256', Buffer.from(input), key, Buffer.from(envelope.slice(input.length + 1), 'base64url')));
  const carrier = /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.(\d{1,12})$/;
  const found = ({ url }) => {
    const values = [...url.matchAll(/[?&;#]_tm=([^?&;#]*)/gi)].map(([, value]) => value.match(carrier)).filter(Boolean);
    return values[0] && { id: values[0][1], seconds: Number(values[0][2]) };
  };
  assert.ok(read.length > 4 && none.length > 9);
  for (const one of read) assert.deepEqual(found(one), { id: one.id, seconds: Date.parse(one.at) / 1000 }, one.name);
  for (const one of none) assert.equal(found(one), undefined, one.name);
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

// The capture rules once more, written from docs/links.md, with the platform's own base64, UTF-8 and character classes.
const NAMES = {
  partnerstack: { click: ['ps_xid', 'gsxid'], encoded: ['ps_partner_key', 'gspk'], jarClick: ['ps_xid', 'gsxid'], jarPartner: ['growSumoPartnerKey', 'ps_partner_key'], lower: true },
  partnerize: { click: ['clickref'], jarClick: ['partnerizeClickReference', 'clickref'], genericIsClick: true },
  introw: { click: ['irw_id'], jarClick: ['_introw_aff'] },
  partnero: { jarPartner: ['partnero_partner'], inPath: true },
};
const BLANK = '\\p{White_Space}\\p{Cc}\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffd\\u{e0000}-\\u{e007f}';
const GLUED = `${BLANK}/.,;:!?\\\\'"\`()\\[\\]<>*|@«»‹›“”„‘’‚…。、`;
const without = (set) => (text) => text.replace(new RegExp(`^[${set}]+|[${set}]+$`, 'gu'), '');
const [trimmed, bared, baredKey] = [BLANK, GLUED, `${GLUED}=`].map(without);
const utf8 = (bytes) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
const percent = (text) => utf8(Buffer.concat(text.split(/(%[0-9a-f]{2})/i).map((part, i) => (i % 2 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part)))));
const attempt = (work) => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

/** What a value says: nothing (undefined), { value, raw } or { unusable }. */
function reading(raw, parse) {
  if (Buffer.byteLength(raw) > 1024) return { unusable: 'too_long' };
  const text = attempt(() => trimmed(percent(percent(percent(percent(raw))))));
  if (text === undefined) return { unusable: 'characters' };
  return saysNothing(text) ? undefined : parse(text);
}
const saysNothing = (text) => /^$|^\[[^]*\]$|^<[^]*>$|^%[^]*%$|^\*[^]*\*$|[{}]|^\$|^(null|undefined)$/iu.test(text) && text !== '*' && text !== '%';
function checked(text, most, fits) {
  if (text.includes('@')) return { unusable: 'email' };
  if ([...text].length > most) return { unusable: 'too_long' };
  return bared(text) === text && fits.test(text) ? { value: text } : { unusable: 'characters' };
}
const keyOf = (text, lower) => {
  const key = checked(text, 255, new RegExp(`^[^${BLANK}"#%&(),/;<=>?\\[\\\\\\]^\`{|}]+$`, 'u'));
  return key.value && lower ? { value: key.value.toLowerCase() } : key;
};
const clickOf = (text) => (bared(text) ? checked(bared(text), 256, /^[\w.~+/=:-]+$/) : undefined);
const plainOf = (lower) => (text) => (baredKey(text) ? { ...keyOf(baredKey(text), lower), raw: text } : undefined);
const behindBase64 = (text) => {
  const raw = text.replaceAll(' ', '+');
  if (!/^([\w-]+|[A-Za-z0-9+/]+)={0,2}$/.test(raw) || raw.replace(/=+$/, '').length % 4 === 1) return undefined;
  if (/=/.test(raw) && raw.length % 4) return undefined;
  return attempt(() => utf8(Buffer.from(raw, 'base64')).replace(/[\r\n]+$/, ''));
};
const encodedOf = (lower) => (text) => {
  const bare = baredKey(text);
  if (!bare) return undefined;
  const documented = (key) => /^[a-z0-9._-]+$/.test(key);
  const texts = [bare, text].map(behindBase64).filter((text) => text !== undefined);
  if (!documented(bare) && texts.some(saysNothing)) return undefined;
  const behind = texts.filter((text) => !saysNothing(text)).map((text) => keyOf(text, lower).value).filter(Boolean);
  const value = behind.find(documented) ?? (documented(bare) ? undefined : behind[0]);
  return value ? { value, raw: text } : plainOf(lower)(text);
};

/** Bytes of a path that leave the page; none is read from a longer one. */
const PATH_BYTES = 1024;

function captured({ vendor, params = [], url, cookies = {} }) {
  const { lower, genericIsClick, inPath, ...names } = { click: [], encoded: [], jarClick: [], jarPartner: [], ...(vendor ? NAMES[vendor] : { inPath: true }) };
  const [, rest] = url.match(/^https?:\/\/[^/?#]+([^]*)$/);
  const end = rest.search(/[?&;#]|%3f|$/i);
  const segments = inPath && end < PATH_BYTES ? rest.slice(0, end).split('/') : [];
  const pieces = rest.slice(end).split(/[&?;#]/).filter((piece) => piece.includes('='));
  const pairs = pieces.map((piece) => [piece.slice(0, piece.indexOf('=')), piece.slice(piece.indexOf('=') + 1)]);
  const refused = [];
  const usable = (raws, parse) => {
    const read = raws.map((raw) => reading(raw, parse)).filter(Boolean);
    const found = read.findIndex(({ value }) => value);
    refused.push(...read.slice(0, found < 0 ? read.length : found).map(({ unusable }) => unusable));
    return read[found];
  };
  const first = (parse) => (name) => {
    const named = pairs.filter(([own]) => attempt(() => percent(own.replaceAll('+', ' ')).toLowerCase().split(/[&?;/ ]/).at(-1)) === name.toLowerCase());
    return usable(named.map(([, raw]) => raw.replaceAll('+', ' ')), parse);
  };
  const clicks = names.click.map(first(clickOf)).filter(Boolean);
  const partners = names.encoded.map(first(encodedOf(lower))).filter(Boolean);
  const generic = () => params.map(first(genericIsClick ? clickOf : plainOf(lower))).find(Boolean);
  const behind = (name) => segments[segments.findIndex((one, at) => at > 0 && one.toLowerCase() === name.toLowerCase()) + 1 || segments.length];
  const inSegment = () => usable(params.map(behind).filter(Boolean), plainOf(lower));
  const click = clicks[0] ?? (genericIsClick ? generic() : undefined);
  const partner = partners[0] ?? (genericIsClick ? undefined : generic() ?? inSegment());
  const differ = (list) => list.some(({ value }) => value !== list[0].value);
  const found = {
    click_id: click?.value,
    partner: partner?.value,
    raw_partner: partner && partner.raw !== partner.value ? partner.raw : undefined,
    source: 'url',
    twins_differ: differ(clicks) || differ(partners) || undefined,
  };
  const jar = (list, parse) => list.map((name) => cookies[name] && reading(cookies[name], parse)?.value).find(Boolean);
  const fromJar = { click_id: jar(names.jarClick, clickOf), partner: jar(names.jarPartner, plainOf(lower)), source: 'cookie' };
  const best = [found, fromJar].find(({ click_id, partner }) => click_id || partner);
  const unusable = refused[0] && { source: 'url', unusable: refused[0] };
  return JSON.parse(JSON.stringify(best ?? unusable ?? null));
}

test('capture reads every vector as written', () => {
  const all = vectors('capture');
  assert.ok(all.length > 80);
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
