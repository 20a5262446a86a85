// The npm package in a Next application (App Router) whose rewrites lead to the proxy: imported on the server, where there is no
// window, hydrated in the browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from '../journey/support/browser.mjs';
import { signsUp, start } from './support.mjs';

let app, browser;
before(async () => {
  browser = await launch();
  app = await start('next', {
    build: ['next', 'build'],
    serve: (port) => ['next', 'start', '--hostname', '127.0.0.1', '--port', port],
  });
});
after(async () => {
  await app?.stop();
  await browser?.close();
});

test('a visitor of a Next build behind rewrites signs up, and the partner has one customer', async () => {
  await signsUp(app, browser, 'next@example.org');
});

test('the page that imports the package is rendered on the server', async () => {
  const html = await (await fetch(`${app.origin}/signup`)).text();
  assert.match(html, /<h1>Create your account<\/h1>/);
});
