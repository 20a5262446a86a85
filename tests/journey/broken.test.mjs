// A page in which one thing is broken: the SDK throws nothing, says nothing, and keeps nobody waiting.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch } from './support/browser.mjs';
import { Product } from './support/product.mjs';

/** A page of its own beside the shop, whose script is not under test here and uses fetch itself. */
const BARE = `<!doctype html><title>bare</title><link rel="icon" href="data:,">
<script src="/tm/sdk.js" data-site="acme" data-consent="granted"></script>`;

let product;
before(async () => {
  product = await Product.start();
  writeFileSync(join(product.folder, 'www', 'bare.html'), BARE);
});
after(() => product?.stop());

/** By how many milliseconds more than the page's own timer a call may miss its promise of 300 ms. */
const SLACK_MS = 1_000;

const throwing = (name) => `Object.defineProperty(window, '${name}', { configurable: true, get() { throw new DOMException('denied', 'SecurityError'); } });`;
const BROKEN = {
  'localStorage throws on access': throwing('localStorage'),
  'localStorage is full': `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };`,
  'sessionStorage throws on access': throwing('sessionStorage'),
  'cookies throw on access': `Object.defineProperty(document, 'cookie', { get() { throw new DOMException('denied', 'SecurityError'); }, set() { throw new DOMException('denied', 'SecurityError'); } });`,
  // field-faults row 64
  'the cookies are an object': `Object.defineProperty(document, 'cookie', { get: () => ({ split: 1 }) });`,
  'the cookies are undefined': `Object.defineProperty(document, 'cookie', { get: () => undefined });`,
  'the cookies are a function': `Object.defineProperty(document, 'cookie', { get: () => () => '' });`,
  'an image is named cookie': `new MutationObserver(() => document.head && !document.images.cookie && document.head.append(Object.assign(new Image(), { name: 'cookie' }))).observe(document, { childList: true, subtree: true });`,
  'localStorage gives objects': `Storage.prototype.getItem = () => ({ length: {} });`,
  'localStorage gives numbers': `Storage.prototype.getItem = () => 7;`,
  'localStorage gives promises': `Storage.prototype.getItem = async () => null;`,
  'localStorage is another object': `Object.defineProperty(window, 'localStorage', { value: { getItem: () => [], setItem: () => {}, removeItem: () => {} } });`,
  'an answer reads as an object': `Response.prototype.text = async () => ({});`,
  'a header reads as a number': `Headers.prototype.get = () => 5;`,
  'IndexedDB throws on access': throwing('indexedDB'),
  'IndexedDB is absent': `Object.defineProperty(window, 'indexedDB', { value: undefined });`,
  'IndexedDB never opens': `indexedDB.open = () => ({});`,
  'IndexedDB cannot clone a key': `IDBObjectStore.prototype.add = IDBObjectStore.prototype.put = () => { throw new DOMException('no', 'DataCloneError'); };`,
  'WebCrypto has no subtle': `Object.defineProperty(crypto, 'subtle', { value: undefined });`,
  'WebCrypto refuses to sign': `SubtleCrypto.prototype.sign = () => Promise.reject(new DOMException('no', 'OperationError'));`,
  'fetch throws at once': `window.fetch = () => { throw new Error('patched'); };`,
  'fetch rejects': `window.fetch = () => Promise.reject(new TypeError('blocked'));`,
  'fetch never answers': `window.fetch = () => new Promise(() => {});`,
  'fetch answers nonsense': `window.fetch = async () => new Response('<html>', { status: 200 });`,
  'WebAssembly is absent': `delete window.WebAssembly;`,
  'WebAssembly refuses': `WebAssembly.instantiateStreaming = WebAssembly.instantiate = () => Promise.reject(new WebAssembly.CompileError('no')); WebAssembly.Module = function () { throw new WebAssembly.CompileError('no'); };`,
  'getRandomValues is absent': `Object.defineProperty(crypto, 'getRandomValues', { value: undefined });`,
  'Promise.prototype.finally is absent': `delete Promise.prototype.finally;`,
  'performance has no entries': `performance.getEntriesByType = () => [];`,
  'Web Locks are absent': `Object.defineProperty(navigator, 'locks', { value: undefined });`,
};

/**
 * Runs in the page: calls everything, before and after `ready`, and tells by how much the slowest call missed its promise,
 * less what a timer of the page missed beside it, since a starved machine delays both.
 */
const callAll = async () => {
  const timed = (call) => {
    const start = performance.now();
    return call().then((value) => ({ value, start, end: performance.now() }), (error) => ({ rejected: String(error), start, end: performance.now() }));
  };
  const calls = () => [
    timed(() => trailmark.touch()),
    timed(() => trailmark.signup({ customerKey: 'u_1', email: 'a@example.org', name: 'Ada' })),
    timed(() => trailmark.lead({ customerKey: 'u_1' })),
    timed(() => trailmark.signup()),
    timed(() => trailmark.consent('granted')),
    timed(() => new Promise((resolve) => setTimeout(resolve, 300))),
  ];
  const early = calls();
  const ready = await timed(() => trailmark.ready);
  const late = calls();
  const [first, second] = await Promise.all([Promise.all(early), Promise.all(late)]);
  const timers = [first.pop(), second.pop()];
  const settled = [...first, ...second];
  const missed = Math.max(...timers.map(({ start, end }) => end - start - 300));
  const over = ({ start, end }) => end - Math.max(start, ready.end) - 300 - missed;
  return { mode: ready.value?.mode, rejected: settled.filter((s) => s.rejected), over: Math.max(...settled.map(over)), results: settled.map((s) => s.value) };
};

/**
 * What leans on the browser's own databases, cryptography and compiler is broken in both. What the SDK meets in its own
 * code alike everywhere is broken in Chromium only, since each page costs the run time.
 */
const IN_BOTH = /^(localStorage throws|cookies|IndexedDB|WebCrypto|WebAssembly)/;

for (const browser of browsers) {
  const broken = Object.entries(BROKEN).filter(([what]) => browser.name === 'Chromium' || IN_BOTH.test(what));
  for (const [what, script] of broken) {
    test(`${what}: no exception, no console output, every promise settles in time in ${browser.name}`, async (t) => {
      const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
      const page = await browser.fresh(t);
      await page.prepare(script);
      await page.goto(`${product.site}/bare.html?ps_xid=${xid}&ps_partner_key=YWRh`);
      const told = await page.evaluate(callAll);
      assert.deepEqual(told.rejected, []);
      const modes = what.startsWith('WebAssembly') ? ['js'] : ['wasm', 'js', 'off'];
      assert.ok(modes.includes(told.mode), `mode is ${told.mode}`);
      assert.ok(told.over < SLACK_MS, `a promise settled ${told.over} ms late`);
      const words = ['accepted', 'duplicate', 'held', 'unattributed', 'rejected', 'queued', 'ignored', 'failed'];
      for (const index of [1, 2, 3, 6, 7, 8]) {
        assert.ok(words.includes(told.results[index]?.status), JSON.stringify(told.results[index]));
      }
      assert.deepEqual([...page.said.errors, ...page.said.console], []);
    });
  }
}

test('the proxy is gone: every promise settles in time', async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const { page, said } = await freshPage(browser);
  await page.route('**/v1/**', (route) => route.abort());
  await page.goto(`${product.site}/bare.html?ps_xid=x&ps_partner_key=YWRh`);
  const told = await page.evaluate(callAll);
  assert.deepEqual(told.rejected, []);
  assert.ok(told.over < SLACK_MS, `a promise settled ${told.over} ms late`);
  assert.deepEqual(said.errors, []);
  // The browser itself reports the aborted requests; nothing else may be said.
  assert.deepEqual(said.console.filter((line) => !line.includes('net::ERR_')), []);
});
