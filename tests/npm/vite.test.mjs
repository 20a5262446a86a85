// The npm package in a single-page application of React Router, built by Vite: the module in chunks of its own, the arrival kept
// although the router cleans the address at once.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { browsers } from '../journey/support/browser.mjs';
import { APPS, PACKAGE, signsUp, start } from './support.mjs';

let built;
before(async () => {
  built = await start('vite', {
    build: ['vite', 'build'],
    serve: (port) => ['vite', 'preview', '--host', '127.0.0.1', '--strictPort', '--port', port],
  });
});
after(() => built?.stop());

for (const browser of browsers) {
  test(`a visitor of a Vite build signs up after client-side route changes, in ${browser.name}`, async (t) => {
    const { requests } = await signsUp(t, built, browser);

    const assets = join(APPS, 'vite', 'dist', 'assets');
    const names = readdirSync(assets);
    const [module, ...more] = names.filter((name) => name.endsWith('.wasm'));
    assert.deepEqual(more, []);
    assert.deepEqual(readFileSync(join(assets, module)), readFileSync(join(PACKAGE, 'sdk_bg.wasm')));
    const text = (name) => readFileSync(join(assets, name), 'utf8');
    const holders = names.filter((name) => name.endsWith('.js') && text(name).includes('WebAssembly.instantiate'));
    assert.match(holders.join(), /^module-[^,]+\.js$/, 'what loads the module is a chunk of its own');
    assert.deepEqual(names.filter((name) => name.startsWith('inlined')), [], 'the module stands in no script');
    const asked = (name) => requests.filter(({ url }) => url.endsWith(name)).length;
    assert.deepEqual([asked(module), asked(holders[0])], [1, 1]);
  });
}

test('the same application signs up under the development server, which bundles in advance', async (t) => {
  const app = await start('vite', {
    serve: (port) => ['vite', '--host', '127.0.0.1', '--strictPort', '--port', port],
  });
  t.after(app.stop);
  await signsUp(t, app, browsers[0]);
});
