// The click token under any JWT library: here `jose`, from our JWKS, through rotation and revocation.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createLocalJWKSet, jwtVerify } from 'jose';

import { Caller, claims, travel } from './support/caller.mjs';
import { Product } from './support/product.mjs';

let product;
before(async () => {
  product = await Product.start({ www: false });
});
after(() => product?.stop());

const DAY = 24 * 60 * 60 * 1000;
const clock = async () => (await product.control('clock')).now_ms;

/** Verifies as a customer's backend would, at the simulated time. */
async function verify(token) {
  const jwks = await (await fetch(`${product.site}/tm/.well-known/jwks.json`)).json();
  const options = { issuer: product.site, audience: 'acme', typ: 'click+jwt', algorithms: ['EdDSA'], currentDate: new Date(await clock()) };
  return jwtVerify(token, createLocalJWKSet(jwks), options);
}

const touched = async () => {
  const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
  const now = await clock();
  return (await Caller.create(product.site, { now: () => now })).arrive(`ps_xid=${xid}&ps_partner_key=YWRh`);
};

test('a click token verifies with jose from our JWKS, also after rotation, until it expires, and not after revocation', async () => {
  const caller = await touched();
  const { payload, protectedHeader } = await verify(caller.token);
  assert.equal(payload.program, 'main');
  assert.equal(payload.partner, 'ada');
  assert.equal(payload.exp - payload.iat <= 90 * 24 * 60 * 60, true);
  assert.ok(payload.cnf.jkt);

  assert.equal(product.cli('keys', 'rotate', '--site', 'acme').code, 0);
  await travel(product, DAY);
  const newer = await touched();
  assert.notEqual((await verify(newer.token)).protectedHeader.kid, protectedHeader.kid, 'the new key signs by now');
  const { exp } = claims(caller.token);
  await travel(product, exp * 1000 - (await clock()) - 60_000);
  assert.equal((await verify(caller.token)).payload.jti, payload.jti, 'the old token verifies in jose until it expires');
  assert.equal((await caller.signup('rotated')).status, 202, 'and at the proxy');

  await travel(product, 61_000);
  await assert.rejects(verify(caller.token), /"exp" claim|no applicable key/);
  const expired = await caller.signup('too_late');
  assert.deepEqual([expired.status, expired.body.code], [401, 'token_expired']);

  const fresh = await touched();
  const { protectedHeader: current } = await verify(fresh.token);
  const revoked = product.cli('keys', 'revoke', current.kid, '--site', 'acme');
  assert.equal(revoked.code, 0, revoked.stderr);
  await assert.rejects(verify(fresh.token), { code: 'ERR_JWKS_NO_MATCHING_KEY' });
  const refused = await fresh.signup('revoked');
  assert.deepEqual([refused.status, refused.body.code], [401, 'token_invalid']);
  const after = await touched();
  assert.equal((await after.signup('after_revocation')).status, 202, 'a new key has taken over');
});
