// The oldest browsers that docs/deploy.md names can read what they are served: the syntax of each script, and the WebAssembly
// features of the module. A stub that a browser cannot read would leave the page without `trailmark`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const { TRAILMARK_SDK: sdk } = process.env;
const { glue, wasm, twin } = JSON.parse(readFileSync(join(sdk, 'manifest.json')));

/** Runs a script of an installed package; rejects with what it said where that ends badly. */
const run = (path, ...args) =>
  promisify(execFile)(process.execPath, [fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url)), ...args], { maxBuffer: 1 << 26 });
const esCheck = (level, name, ...more) => run('es-check/lib/cli/index.js', level, join(sdk, name), ...more);

for (const [what, name, level, older, ...more] of [
  // Chrome 60, Firefox 55, Safari 11.1.
  ['the stub', 'stub.js', 'es2018', 'es2017'],
  // `import()`: Chrome 63, Firefox 67, Safari 11.1.
  ['sdk.js', 'sdk.js', 'es2020', 'es2019'],
  // Chrome 85, Firefox 79, Safari 14: older than what the module needs.
  ['the glue', glue, 'es2021', 'es2020', '--module'],
  ['the twin', twin, 'es2021', 'es2020', '--module'],
])
  test(`${what} is ${level}, and es-check notices newer syntax`, async () => {
    await esCheck(level, name, ...more);
    await assert.rejects(esCheck(older, name, ...more));
  });

/** What Chrome 75, Firefox 79 and Safari 15 have, the oldest with all of it (https://webassembly.org/features). */
const FEATURES = ['mutable-globals', 'sign-ext', 'nontrapping-float-to-int', 'bulk-memory'];

test('the module uses no WebAssembly feature that Chrome 75, Firefox 79 or Safari 15 lacks', async () => {
  const validated = (features) => run('binaryen/bin/wasm-opt', '--mvp-features', ...features.map((name) => `--enable-${name}`), join(sdk, wasm));
  await validated(FEATURES);
  await assert.rejects(validated([]), /bulk memory/i);
});
