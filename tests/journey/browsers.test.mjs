// The face that both browsers show to the journey tests: a browser that hears nothing would find every page silent, so
// what the tests rely on is held against pages of which all is known.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { browsers } from './support/browser.mjs';

const PAGE = `<!doctype html><title>known</title><link rel="icon" href="data:,">
<p>Hello</p><p style="display: none">Hidden</p>
<button hidden>Send</button><button>Do not</button><button onclick="sent = mail.value">Send
  it</button>
<label for="mail">E-mail</label><input id="mail"><script>early = window.prepared</script>`;
const SLOW = '<!doctype html><title>slow</title><link rel="icon" href="data:,"><img src="/hangs"><p>Wait</p>';
const COOKIES = ['own=1; Path=/; HttpOnly; SameSite=Lax', 'shared=1; Path=/; Domain=acme.localhost'];

let server;
before(() => {
  server = createServer((request, answer) => {
    if (request.url === '/hangs') return;
    if (request.url === '/') answer.setHeader('set-cookie', COOKIES);
    answer.setHeader('content-type', 'text/html').end(request.url === '/slow' ? SLOW : PAGE);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const at = (host, path = '/') => `http://${host}:${server.address().port}${path}`;
const names = async (page) => (await page.cookies()).map(({ name, domain }) => `${name} ${domain}`).sort();

for (const { name, fresh } of browsers) {
  test(`what a page says, throws and asks for is heard in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.goto(at('www.acme.localhost'));
    const requests = [{ method: 'GET', url: at('www.acme.localhost') }];
    assert.deepEqual(page.said, { console: [], errors: [], requests });
    await page.evaluate(async () => {
      console.warn('a word');
      setTimeout(() => { throw new Error('thrown'); });
      Promise.reject(new Error('refused'));
      navigator.sendBeacon('/beacon', '1');
      await fetch('/kept', { method: 'POST', keepalive: true });
      await new Promise((resolve) => setTimeout(resolve));
    });
    await page.reload();
    assert.deepEqual(page.said.console.map((line) => line.replace(/^warn(ing)?/, 'warn')), ['warn: a word']);
    assert.match(page.said.errors.join(), /thrown.*refused|refused.*thrown/);
    const asked = page.said.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`);
    assert.deepEqual(asked.sort(), ['GET /', 'GET /', 'POST /beacon', 'POST /kept']);
  });

  test(`clicks and typing reach what can be seen, and a prepared script comes first in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.prepare('window.prepared = "yes"');
    await page.goto(at('127.0.0.1'));
    assert.equal(await page.evaluate((suffix) => early + suffix, '!'), 'yes!');
    await page.sees('Hello');
    assert.equal(await page.text('p'), 'Hello');
    await page.fill('E-mail', 'a@example.org');
    await page.click('button', 'Send it');
    await page.waitFor((text) => window.sent === text, 'a@example.org');
  });

  test(`a page that never finishes loading is followed and left in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.goto(at('127.0.0.1'));
    await page.follow(at('127.0.0.1', '/slow'));
    await page.waitFor(() => document.readyState === 'interactive');
    await page.sees('Wait');
    await page.follow(at('127.0.0.1'));
    await page.sees('Hello');
  });

  test(`tabs and hosts of one site share cookies, and another test has none in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.goto(at('www.acme.localhost'));
    assert.equal(await page.evaluate(() => isSecureContext && document.cookie), 'shared=1');
    const second = await page.another();
    await second.goto(at('tm.acme.localhost', '/without'));
    assert.equal(await second.evaluate(() => document.cookie), 'shared=1');
    assert.deepEqual(await names(second), ['own www.acme.localhost', 'shared .acme.localhost']);
    assert.deepEqual(await names(await fresh(t)), []);
  });
}
