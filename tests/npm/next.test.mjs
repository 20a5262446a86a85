// The npm package in a Next application (App Router) whose rewrites lead to the proxy: imported on the server, where there is no
// window, hydrated in the browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browsers } from '../journey/support/browser.mjs';
import { signsUp, start } from './support.mjs';

let app;
before(async () => {
  app = await start('next', {
    build: ['next', 'build'],
    serve: (port) => ['next', 'start', '--hostname', '127.0.0.1', '--port', port],
  });
});
after(() => app?.stop());

for (const browser of browsers) {
  test(`a visitor of a Next build behind rewrites signs up, and the partner has one customer, in ${browser.name}`, async (t) => {
    await signsUp(t, app, browser);
  });
}

test('the page that imports the package is rendered on the server', async () => {
  const html = await (await fetch(`${app.origin}/signup`)).text();
  assert.match(html, /<h1>Create your account<\/h1>/);
});
