// One site on several hosts: pages on `www.` and `app.`, which somebody else serves, and the proxy on `tm.`. What the
// shared cookies bring across, and what is missing without them. Browsers reach every name below localhost on this
// machine (RFC 6761 § 6.3) and treat it as a secure context.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch, patiently } from './support/browser.mjs';
import { brought, click, effects, one, signUp, touches } from './support/effects.mjs';
import { Product } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

let pages, shared, apart, chromium;
before(async () => {
  pages = await pageServer();
  const origins = [pages.at('www'), pages.at('app')];
  const settings = { host: 'tm.shop.localhost', origins, www: false };
  const redirect = `redirect_to = ["${pages.at('www')}"]`;
  [shared, apart] = await Promise.all([
    Product.start({ ...settings, extra: `cookie_domain = "shop.localhost"\n${redirect}` }),
    Product.start(settings),
  ]);
  const own = shared.snippet().replace(/src="[^"]*"/, `src="/assets/sdk.js" data-endpoint="${shared.publicUrl}/tm"`);
  pages.texts = { '/': shared.snippet(), '/apart': apart.snippet(), '/own': own };
  pages.assets = `${shared.site}/tm`;
  chromium = await launch();
});
after(async () => {
  await chromium?.close();
  pages?.close();
  await Promise.all([shared?.stop(), apart?.stop()]);
});

/** The server of the shop's pages, which knows nothing of the proxy; it has a copy of the SDK's files to hand out. */
async function pageServer() {
  const result = { texts: {}, at: (host) => `http://${host}.shop.localhost:${server.address().port}` };
  const server = createServer(async (request, answer) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname.startsWith('/assets/')) {
      const file = await fetch(`${result.assets}/${pathname.slice('/assets/'.length)}`);
      answer.setHeader('content-type', file.headers.get('content-type'));
      return answer.end(Buffer.from(await file.arrayBuffer()));
    }
    answer.setHeader('content-type', 'text/html');
    answer.end(`${PLAIN}${result.texts[pathname]}<h1>${request.headers.host.split('.')[0]}</h1>`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  result.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return result;
}

const landing = ({ query }, path = '/') => `${pages.at('www')}${path}?${query}`;

for (const { name, fresh } of browsers) {
  test(`page on www. and proxy on tm.: a click and a signup make one customer in ${name}`, async (t) => {
    const came = await click(shared, 'ada');
    const page = await fresh(t);
    await page.goto(landing(came));
    await brought(page, 'ada');
    const cookies = (await page.cookies()).map(({ name, domain }) => `${name} ${domain}`).sort();
    assert.deepEqual(cookies, ['tm_acme .shop.localhost', 'tm_acme_v .shop.localhost']);
    await page.goto(`${pages.at('www')}/`);
    await brought(page, 'ada');
    await signUp(page, `www_${name}`);
    assert.deepEqual(await effects(shared, `www_${name}`), one(came));
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });

  test(`signup on app. after a click on www.: one customer of that touch in ${name}`, async (t) => {
    const came = await click(shared, 'ada');
    const page = await fresh(t);
    await page.goto(landing(came));
    await brought(page, 'ada');
    await page.goto(`${pages.at('app')}/`);
    await brought(page, 'ada');
    await signUp(page, `app_${name}`);
    assert.deepEqual(await effects(shared, `app_${name}`), one(came));
    assert.equal((await touches(shared, came)).length, 1);
  });

  test(`a link on tm. leads to www., and the signup there makes one customer in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.goto(`${shared.publicUrl}/tm/r/main/grace?to=${encodeURIComponent(`${pages.at('www')}/`)}`);
    assert.equal(page.url(), `${pages.at('www')}/`);
    await brought(page, 'grace');
    await signUp(page, `link_${name}`);
    assert.deepEqual(await effects(shared, `link_${name}`), one({ partner: 'grace' }));
  });
}

test('the SDK’s files on www. and data-endpoint on tm.: one customer', async () => {
  const came = await click(shared, 'ada');
  const { context, page, said } = await freshPage(chromium);
  await page.goto(landing(came, '/own'));
  await brought(page, 'ada');
  await signUp(page, 'endpoint');
  assert.deepEqual(await effects(shared, 'endpoint'), one(came));
  const elsewhere = said.requests.filter(({ url }) => !url.startsWith(pages.at('www')) && !url.startsWith('data:'));
  assert.deepEqual(elsewhere.map(({ method, url }) => `${method} ${url}`), [
    `POST ${shared.publicUrl}/tm/v1/clicks`,
    `POST ${shared.publicUrl}/tm/v1/conversions`,
  ]);
  await context.close();
});

test('a withdrawal on app. takes the cookies of every host', async () => {
  const { context, page } = await freshPage(chromium);
  await page.goto(landing(await click(shared, 'ada')));
  await brought(page, 'ada');
  await page.goto(`${pages.at('app')}/`);
  await brought(page, 'ada');
  const cleared = page.waitForResponse((answer) => answer.request().method() === 'DELETE');
  await page.evaluate(() => trailmark.consent('denied'));
  await (await cleared).finished();
  assert.deepEqual(await context.cookies(), []);
  await context.close();
});

test('without cookie_domain www. keeps its touch, and app. has none', async () => {
  const came = await click(apart, 'ada');
  const { context, page, said } = await freshPage(chromium);
  // The signup on app. loads the module.
  await page.addInitScript(patiently);
  await page.goto(landing(came, '/apart'));
  await brought(page, 'ada');
  assert.deepEqual([...new Set((await context.cookies()).map(({ domain }) => domain))], ['tm.shop.localhost']);
  await page.goto(`${pages.at('app')}/apart`);
  const before = said.requests.length;
  const { status, code } = await signUp(page, 'apart_app');
  assert.deepEqual([status, code], ['unattributed', 'no_touch']);
  assert.deepEqual(said.requests.slice(before).filter(({ url }) => url.includes('/v1/')), []);
  await page.goto(`${pages.at('www')}/apart`);
  await signUp(page, 'apart_www');
  assert.deepEqual(await effects(apart, 'apart_www'), one(came));
  await context.close();
});
