// Callers without a browser, for load and for what no honest one would send, by the wire's description alone: a page,
// which reports an arrival, keeps the click token and signs conversions as the SDK does; a site's backend, which shows
// an API key; and the key with which that backend signs orders and customers. Holds no assertions.

import { createHash, randomBytes, randomUUID, webcrypto } from 'node:crypto';

const { subtle } = webcrypto;
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');
const encode = (value) => base64url(JSON.stringify(value));

/** A UUIDv7 of now. */
export function uuidv7(now = Date.now()) {
  const time = now.toString(16).padStart(12, '0');
  const rest = randomUUID();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(15)}`;
}

/** One browser: its key, its cookies, its click token. */
export class Caller {
  /** `keepCookies` sends back what the proxy has set, as a same-site page does. */
  static async create(site, { now = Date.now } = {}) {
    const caller = new Caller();
    const pair = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const { x, y } = await subtle.exportKey('jwk', pair.publicKey);
    Object.assign(caller, { site, now, key: pair.privateKey, jwk: { crv: 'P-256', kty: 'EC', x, y }, cookies: '' });
    return caller;
  }

  /** Posts text as a page of the site would. */
  async post(path, body, headers = {}) {
    const own = { 'content-type': 'text/plain', origin: this.site, ...(this.cookies && { cookie: this.cookies }) };
    return fetch(`${this.site}/tm/${path}`, { method: 'POST', headers: { ...own, ...headers }, body });
  }

  /** Reports an arrival and keeps token and cookies. */
  async arrive(query, fields = {}) {
    const request = { site: 'acme', id: randomBytes(16).toString('hex'), url: `${this.site}/?${query}`, jwk: this.jwk, ...fields };
    const answer = await this.post('v1/clicks', JSON.stringify(request));
    if (answer.status > 201) throw new Error(`v1/clicks answered ${answer.status}: ${await answer.text()}`);
    this.cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; ');
    const { click_token: token } = await answer.json();
    this.token = token;
    return this;
  }

  /** The payload of an envelope for a conversion. */
  payload(data, jti = uuidv7(this.now())) {
    const ath = createHash('sha256').update(this.token).digest('base64url');
    return { jti, iat: Math.floor(this.now() / 1000), aud: 'acme', ath, token: this.token, data };
  }

  /** The signed envelope of a payload. */
  async sign(payload) {
    const input = `${encode({ alg: 'ES256', typ: 'conversion+jwt', jwk: this.jwk })}.${encode(payload)}`;
    const signature = await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.key, Buffer.from(input));
    return `${input}.${base64url(signature)}`;
  }

  /** Posts a signed conversion: `{ status, body }`. */
  async convert(data, jti) {
    const answer = await this.post('v1/conversions', await this.sign(this.payload(data, jti)));
    return { status: answer.status, body: await answer.json() };
  }

  /** Posts a signup. */
  signup(key, extra = {}) {
    return this.convert({ kind: 'signup', customer: { key, ...extra } });
  }
}

/** A site's backend. */
export class Backend {
  /** With a new API key of the product's site. */
  static create(product) {
    const { key } = product.json('apikeys', 'add', '--site', 'acme', '--name', 'a test');
    return Object.assign(new Backend(), { site: product.site, key });
  }

  /** The header that shows the key. */
  get authorization() {
    return { authorization: `Bearer ${this.key}` };
  }

  /** Reports a conversion: the answer as it came. */
  post(body, idempotencyKey = randomUUID()) {
    const headers = { ...this.authorization, 'content-type': 'application/json', 'idempotency-key': idempotencyKey };
    return fetch(`${this.site}/tm/v1/conversions`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** The same, read: `{ status, body }`. */
  async report(body, idempotencyKey) {
    const answer = await this.post(body, idempotencyKey);
    return { status: answer.status, body: await answer.json() };
  }

  /** Reads a conversion back. */
  async read(id) {
    const answer = await fetch(`${this.site}/tm/v1/conversions/${id}`, { headers: this.authorization });
    return { status: answer.status, body: await answer.json() };
  }
}

/** What a backend signs for a page to pass on, with a key of its own. */
export class Merchant {
  static async create(kid = 'shop') {
    const pair = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const { kty, crv, x, y } = await subtle.exportKey('jwk', pair.publicKey);
    return Object.assign(new Merchant(), { kid, key: pair.privateKey, jwk: { kty, crv, x, y, kid } });
  }

  /** The line of a site's configuration that knows this key. */
  get orderKeys() {
    const members = Object.entries(this.jwk).map(([name, value]) => `${name} = "${value}"`);
    return `order_keys = [{ ${members.join(', ')} }]`;
  }

  /** A JWS of `typ` `order+jwt` or `customer+jwt` over these claims. */
  async sign(typ, payload) {
    const input = `${encode({ alg: 'ES256', typ, kid: this.kid })}.${encode(payload)}`;
    const signature = await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.key, Buffer.from(input));
    return `${input}.${base64url(signature)}`;
  }
}

/** The claims of a token, unverified. */
export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

/** Moves the simulated time, and has the proxy answer once at the new one, which the `iat` of a fresh token shows. */
export async function travel(product, ms) {
  const { now_ms: target } = await product.control('clock', { advance_ms: ms });
  const traveller = await Caller.create(product.site);
  const { iat } = claims((await traveller.arrive('ps_xid=traveller')).token);
  if (iat * 1000 <= target - 2_000) throw new Error(`the proxy is at ${iat} s and the simulator at ${target} ms`);
}
