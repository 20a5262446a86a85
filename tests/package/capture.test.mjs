// Capture in the module that the browser loads, and in its JavaScript twin: fed with the addresses and cookie jars of the fuzzer's
// corpus, each tells the proxy what crates/trailmark-proxy/tests/fuzz/links.rs expects, which links.rs compares with what the
// proxy captures. Node stands in for the page: `document.cookie` and `fetch` are all that capture uses of one. The corpus is
// $TRAILMARK_CORPUS, module and twin stand in $TRAILMARK_SDK.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const { TRAILMARK_SDK: sdk, TRAILMARK_CORPUS: corpus } = process.env;

// The page. No timer ends, so that only the module's own work decides when it is ready.
const { glue, wasm, twin } = JSON.parse(readFileSync(join(sdk, 'manifest.json')));
const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
let sent, fail;
crypto.subtle.generateKey = async () => pair;
globalThis.document = { cookie: '', baseURI: 'https://acme.example/' };
globalThis.setTimeout = () => 0;
globalThis.fetch = async (request) => {
  sent.push(await request.json());
  return new Response(null, { status: 204 });
};
// What the module throws ends the reaction to a promise.
process.on('unhandledRejection', (error) => fail(error));

/** A fresh instance of what this file starts, the glue the module, the twin itself. */
const instance = async (file, number) => {
  const module = await import(`${pathToFileURL(join(sdk, file))}?${number}`);
  const started = await module.load(readFileSync(join(sdk, wasm)));
  assert.equal(started !== undefined, file === twin, 'the module is not replaced by its twin');
  return started ?? module;
};

/** What the module tells of an arrival; `null` where nothing. Throws what the module throws. */
const told = async ({ start, call }, { url, jar, params }) => {
  sent = [];
  document.cookie = jar;
  await new Promise((done, failed) => {
    fail = failed;
    const values = ['fuzz', 'https://acme.example/tm', 'granted', params, '', '0'.repeat(32), '2026-11-28T12:00:00Z', '', url];
    const site = start(values.join('\0'));
    call(site, '').then(done, failed);
  });
  assert.ok(sent.length < 2, `${sent.length} requests`);
  return sent.length ? { url: sent[0].url, cookies: sent[0].cookies ?? {} } : null;
};

/** Keeps the input as the fuzzer keeps its findings, and says how to see it again. */
const keep = ({ input }) => {
  const file = join(dirname(corpus), `module-${createHash('sha256').update(input).digest('hex').slice(0, 16)}`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `capture\n${input}`);
  return `cargo xtask fuzz --replay ${file}`;
};

for (const [name, file] of [['the module', glue], ['its twin', twin]]) {
  test(`${name} tells of each address and cookie jar of the corpus what the proxy expects`, async () => {
    const inputs = readFileSync(corpus, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
    const wrong = [];
    let module, touches = 0;
    for (const [number, input] of inputs.entries()) {
      // A site lives as long as its document, so that an instance would only grow; one that trapped is broken.
      if (number % 500 === 0 || !module) module = await instance(file, number);
      const given = await told(module, input).catch((error) => {
        module = undefined;
        return String(error);
      });
      touches += given !== null;
      try {
        assert.deepEqual(given, input.told);
      } catch {
        wrong.push({ given, ...input });
      }
    }
    console.log(`${inputs.length} inputs, ${touches} with a touch, ${wrong.length} told otherwise than the proxy expects`);
    const [shortest] = wrong.sort((a, b) => a.input.length - b.input.length);
    assert.ok(!shortest, shortest && [
      'the page tells what the proxy expects', `input: ${JSON.stringify(shortest.input)}`, `expected: ${JSON.stringify(shortest.told)}`,
      `told: ${JSON.stringify(shortest.given)}`, `replay: ${keep(shortest)}`,
    ].join('\n  '));
    assert.ok(inputs.length === 1 || (touches > inputs.length / 4 && touches < inputs.length), `${touches} touches`);
  });
}
