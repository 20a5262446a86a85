// The browser's own key, in real browsers: it lies in IndexedDB where no script can read it out, and signs again after
// the page was loaded again. What happens where it cannot be kept is told by broken.test.mjs.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';

import { browsers } from './support/browser.mjs';
import { claims } from './support/caller.mjs';
import { Product, until } from './support/product.mjs';

let product;
before(async () => {
  product = await Product.start();
});
after(() => product?.stop());

/** Runs in the page: every key pair in the SDK's database, and what an attempt to take the private half away comes to. */
const storedKeys = async () => {
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const database = await done(indexedDB.open('trailmark', 1));
  const pairs = await done(database.transaction('keys').objectStore('keys').getAll());
  database.close();
  const tell = async ({ privateKey, publicKey }) => {
    const take = (form) =>
      crypto.subtle.exportKey(form, privateKey).then(() => `${form} was taken`, ({ name }) => name);
    const taken = await Promise.all(['jwk', 'pkcs8'].map(take));
    const { x, y } = await crypto.subtle.exportKey('jwk', publicKey);
    return { extractable: privateKey.extractable, taken, x, y };
  };
  return Promise.all(pairs.map(tell));
};

/** Runs before the page's own scripts: the first read from a database is answered after a second. */
const answerLate = () => {
  const { get } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.get = function (key) {
    IDBObjectStore.prototype.get = get;
    const [request, late] = [get.call(this, key), {}];
    request.onsuccess = () => setTimeout(() => late.onsuccess(late.result = request.result), 1_000);
    return late;
  };
};

/** The RFC 7638 thumbprint of a P-256 key. */
const thumbprint = ({ x, y }) =>
  createHash('sha256').update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y })).digest('base64url');

/** The thumbprint that the page's stored click token names. The page knows its touch before the proxy has answered. */
const boundTo = async (page) => {
  const stored = () => page.evaluate(() => JSON.parse(localStorage.getItem('tm_acme_click'))?.click_token);
  return claims(await until('the token is stored', stored)).cnf.jkt;
};

for (const { name, fresh } of browsers) {
  test(`a key that no script can read out is kept across a reload and signs the signup in ${name}`, async (t) => {
    const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
    const page = await fresh(t);
    await page.goto(`${product.site}/?ps_xid=${xid}&ps_partner_key=YWRh`);
    await page.sees('ada brought you');
    const named = await boundTo(page);
    const [key, ...more] = await page.evaluate(storedKeys);
    assert.deepEqual(more, []);
    assert.equal(key.extractable, false);
    assert.deepEqual(key.taken, ['InvalidAccessError', 'InvalidAccessError']);
    assert.equal(named, thumbprint(key), 'the token names this key');

    await page.goto(`${product.site}/signup.html`);
    await page.reload();
    await page.sees('ada brought you');
    await page.fill('Name', 'Key Keeper');
    await page.fill('E-mail', `${name.toLowerCase()}@example.org`);
    await page.click('button', 'Create account');
    const id = (await page.text('[data-result] code')).split(' · ').at(-1);
    const conversion = await until('the conversion is in the ledger', () => {
      const { code, stdout } = product.cli('conversions', 'show', id, '--json');
      return code === 0 && JSON.parse(stdout).conversion;
    });
    assert.equal(conversion.assurance, 'bound', 'signed by the key that the token names');
    assert.deepEqual(await page.evaluate(storedKeys), [key], 'which is the one from before the reload');
    assert.equal(await boundTo(page), thumbprint(key), 'which the token names still');
  });
  test(`a database that answers late keeps the key that the token names in ${name}`, async (t) => {
    const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
    const page = await fresh(t);
    await page.prepare(`(${answerLate})()`);
    await page.goto(`${product.site}/?ps_xid=${xid}&ps_partner_key=YWRh`);
    const named = await boundTo(page);
    const [key] = await until('the key is stored', async () => {
      const keys = await page.evaluate(storedKeys);
      return keys.length > 0 && keys;
    });
    assert.equal(named, thumbprint(key));
  });
}
