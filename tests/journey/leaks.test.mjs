// What leaves a page, as the proxy sees it, in Chromium and Firefox: of an address with other people's secrets in path, query and fragment,
// and of a referrer with the same, only origin, path, recognised parameters and campaign parameters; in every mode, and however
// early the page is left. The proxy has a host of its own, so that the browsers themselves tell it no address either.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { browsers, patiently } from './support/browser.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** Parameters with which sites hand out other people's secrets. */
const SENSITIVE = [
  'access_token', 'id_token', 'refresh_token', 'code', 'state', 'session', 'sid', 'token', 'reset', 'email', 'phone', 'password',
  'api_key', 'secret', 'jwt', 'ssn', 'iban', 'card', 'invite', 'signature',
].map((name) => `${name}=leak-${name}`).join('&');
const [USED, ADA] = ['utm_source=news', 'ps_partner_key=YWRh'];

/** A site whose addresses have a session in the path, as old servers write it. */
const SESSION = `<script>
  history.replaceState(null, '', '/shop;jsessionid=leak-path' + location.search + location.hash);
</script>`;

let between, pages, product, glue;
before(async () => {
  between = await passage();
  pages = await pageServer();
  const { port } = new URL(between.url);
  product = await Product.start({
    www: false,
    consent: 'required',
    host: 'tm.leaks.localhost',
    pages: `http://tm.leaks.localhost:${port}`,
    origins: [pages.origin],
    extra: 'cookie_domain = "leaks.localhost"',
  });
  between.to(product.site);
  const sdk = await (await fetch(`${product.site}/tm/sdk.js`)).text();
  glue = sdk.match(/sdk-[0-9a-f]+\.js/)[0];
  // A copy of sdk.js without its module: the mode is `off`.
  between.serve('/alone/sdk.js', 'text/javascript', sdk);
  const asks = product.snippet(), granted = asks.replace('data-consent="pending"', 'data-consent="granted"');
  const off = granted.replace('/tm/sdk.js"', `/alone/sdk.js" data-endpoint="${product.publicUrl}/tm"`);
  pages.texts = {
    '/asks': SESSION + asks,
    '/granted': SESSION + granted,
    '/off': SESSION + off,
    '/hasty': `${SESSION}${granted}<script>location.replace('/plain')</script>`,
    // A policy under which a beacon has no origin, which the proxy would refuse.
    '/silent': `<meta name="referrer" content="no-referrer">${SESSION}${granted}<script>location.replace('/plain')</script>`,
    '/plain': '<h1>Without Trailmark</h1>',
  };
});
after(async () => {
  between?.close();
  pages?.close();
  await product?.stop();
});

/** The server of the site's pages, which knows nothing of the proxy. */
async function pageServer() {
  const result = { texts: {} };
  const server = createServer((request, answer) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    answer.setHeader('content-type', 'text/html').end(PLAIN + (result.texts[pathname] ?? ''));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  result.origin = `http://www.leaks.localhost:${server.address().port}`;
  result.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return result;
}

/** Comes from a page of the site with the secrets in its address to another one with them. */
async function comes(t, fresh, path, click) {
  const page = await fresh(t);
  await page.prepare(`(${patiently})()`);
  await page.goto(`${pages.origin}/plain?${SENSITIVE}`);
  const url = `${pages.origin}${path}?${SENSITIVE}&${USED}${click && `&${click}`}&next=leak-next#${SENSITIVE}&utm_term=leak`;
  await page.evaluate((url) => void setTimeout(() => (location.href = url)), url);
  await page.waitFor(() => location.pathname.startsWith('/shop') || location.pathname === '/plain' && !location.search);
  return page;
}

/** Everything that has come to the proxy's host since; `reports` are the bodies of reports of an arrival. */
function recorder() {
  const [from, first] = [between.seen.length, between.posted.length];
  const reports = () => between.posted.slice(first).filter(({ path }) => path === '/tm/v1/clicks').map(({ body }) => JSON.parse(body));
  return { seen: () => between.seen.slice(from).join('\n\n'), asked: between.asked.length, reports };
}

/** What a report says of the address, whatever its separators. */
const said = ({ url }) => {
  const [address, ...pieces] = url.split(/[?&]/);
  return [address, ...pieces.filter(Boolean)];
};
const TOLD = () => [`${pages.origin}/shop`, USED, ADA];

const signUp = (page, key) => page.evaluate((key) => trailmark.signup({ customerKey: key, email: `${key}@example.org` }), key);

for (const { name, fresh } of browsers) {
  test(`the module tells recognised parameters alone, of a touch and of a signup, in ${name}`, async (t) => {
    const { seen, reports } = recorder();
    const page = await comes(t, fresh, '/granted', ADA);
    assert.equal((await page.evaluate(() => trailmark.ready)).mode, 'wasm');
    await until('ada is who brought the visitor', () => page.evaluate(async () => (await trailmark.touch())?.partner === 'ada'));
    assert.equal((await signUp(page, `touched_${name}`)).status, 'accepted');
    await page.goto(`${pages.origin}/plain`);
    assert.deepEqual(reports().map(said), [TOLD()]);
    assert.doesNotMatch(seen(), /leak-/);
  });

  test(`an idle page tells nothing, whenever it is left, and a signup there nothing of its address, in ${name}`, async (t) => {
    const { seen, reports, asked } = recorder();
    const page = await comes(t, fresh, '/granted', '');
    assert.equal((await page.evaluate(() => trailmark.ready)).mode, 'idle');
    assert.deepEqual(between.asked.slice(asked), ['GET /tm/sdk.js']);
    assert.equal((await signUp(page, `idle_${name}`)).code, 'no_touch');
    await page.goto(`${pages.origin}/plain`);
    assert.deepEqual(reports(), []);
    assert.doesNotMatch(seen(), /leak-/);
  });

  test(`in mode off a page that is left tells recognised parameters alone in ${name}`, async (t) => {
    const { seen, reports } = recorder();
    const page = await comes(t, fresh, '/off', ADA);
    assert.equal((await page.evaluate(() => trailmark.ready)).mode, 'off');
    await page.goto(`${pages.origin}/plain`);
    await until('the touch is reported', () => reports().length > 0);
    assert.deepEqual(reports().map(said), [TOLD()]);
    assert.doesNotMatch(seen(), /leak-/);
  });

  for (const [when, path] of [
    ['before sdk.js runs', '/hasty'],
    ['before sdk.js runs, under Referrer-Policy: no-referrer,', '/silent'],
    ['before the module runs', '/granted'],
  ])
    test(`a page that is left ${when} tells recognised parameters alone in ${name}`, async (t) => {
      const { seen, reports } = recorder();
      const release = between.hold(`GET /tm/${glue}`);
      const page = await comes(t, fresh, path, ADA);
      await page.goto(`${pages.origin}/plain`);
      await until('the touch is reported', () => reports().length > 0);
      release();
      assert.deepEqual(reports().map(said), [TOLD()]);
      assert.doesNotMatch(seen(), /leak-/);
      assert.equal(between.posted.at(-1).headers.origin, pages.origin);
      // The report counts: the next page of the site knows its touch.
      await until('the flag cookie is there', async () => (await page.cookies()).some(({ name }) => name === 'tm_acme'));
    });

  test(`without consent nothing of the address leaves, whenever the page is left, in ${name}`, async (t) => {
    const { seen, reports } = recorder();
    const page = await comes(t, fresh, '/asks', ADA);
    assert.equal((await page.evaluate(() => trailmark.ready)).mode, 'wasm');
    await page.goto(`${pages.origin}/plain`);
    assert.deepEqual(reports(), []);
    assert.doesNotMatch(seen(), /leak-|YWRh/);
  });
}
