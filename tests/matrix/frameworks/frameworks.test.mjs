// An application of each framework in its usual set-up, followed from a partner's link to a signup. React and Next are in tests/npm.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browsers } from '../../journey/support/browser.mjs';
import { signsUp, start } from '../../npm/support.mjs';
import { PLAIN, built } from '../support.mjs';

const here = (name) => new URL(`${name}/`, import.meta.url);

for (const [name, command] of [['vue', 'vite'], ['svelte', 'vite'], ['astro', 'astro']]) {
  test(`a visitor of a build of ${name} signs up, and the partner has one customer`, async (t) => {
    const app = await built(t, name, { from: [PLAIN, here(name)], build: [command, 'build'] });
    await signsUp(t, app, browsers[0]);
  });
}

test('a visitor of SvelteKit, which renders on the server, signs up, and the partner has one customer', async (t) => {
  const app = await start('sveltekit', {
    from: [PLAIN, here('svelte'), here('sveltekit')],
    build: ['vite', 'build'],
    serve: (port) => ['vite', 'preview', '--host', '127.0.0.1', '--strictPort', '--port', port],
  });
  t.after(app.stop);
  assert.match(await (await fetch(app.origin)).text(), /Acme Notes\. <a href="#signup">/);
  await signsUp(t, app, browsers[0]);
});
