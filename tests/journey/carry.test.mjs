// A visit that passes from one host of a site to another that shares no cookie with it, in real browsers: links however they are
// followed, forms, consent, and what a stranger gets from the same link. `www.shop.localhost` and `app.other.localhost` have as little
// in common as example.com and example.net. The hops to other companies are in tests/docs/carry.test.mjs.

import assert from 'node:assert/strict';
import { createServer, request as ask } from 'node:http';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch, patiently } from './support/browser.mjs';
import { brought, click, effects, one, signUp, touches } from './support/effects.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** A carrier of long ago. */
const STALE = '019a9c2e-9a00-7abc-8def-0123456789ab.1795248062';

/** Each kind of product, and the snippet for its pages, by the first segment of their paths. */
const products = {}, snippets = {};

let pages, chromium;
before(async () => {
  pages = await pageServer();
  const origins = [pages.at('www.shop'), pages.at('app.other')];
  const apart = { host: 'tm.shop.localhost', origins, www: false };
  [products.apart, products.asks, products.routed] = await Promise.all([
    Product.start(apart),
    Product.start({ ...apart, consent: 'required' }),
    // Both hosts pass /tm on to the proxy.
    Product.start({ pages: pages.at('www.shop'), origins, www: false }),
  ]);
  for (const [kind, product] of Object.entries(products)) snippets[kind] = product.snippet();
  chromium = await launch();
});
after(async () => {
  await chromium?.close();
  pages?.close();
  await Promise.all(Object.values(products).map((product) => product.stop()));
});

/** What is on every page: links and forms to the other host and elsewhere. */
function body(kind) {
  const to = `${pages.at('app.other')}/${kind}/welcome`;
  return `<p>
<a id="plain" href="${to}?plan=a#top">plain</a> <a id="blank" target="_blank" href="${to}">blank</a>
<a id="noreferrer" rel="noreferrer" href="${to}">noreferrer</a> <a id="stale" href="${to}?_tm=${STALE}&plan=a">stale</a>
<a id="changed" href="/nowhere" onclick="this.href = '${to}?plan=b'">changed</a>
<a id="stopped" href="${to}" onclick="event.stopPropagation()">stopped</a>
<a id="read" href="${to}" onclick="event.preventDefault(); location.href = this.href">read</a>
<a id="hasty" href="${pages.at('app.other')}/${kind}/hasty">hasty</a>
<a id="own" href="/${kind}/own">own</a> <a id="third" href="${pages.at('www.third')}/${kind}/third">third</a>
<form id="get" action="${to}"><input type="hidden" name="_tm"><input name="plan" value="a"><button>get</button></form>
<form id="post" method="post" action="${pages.at('app.other')}/${kind}/register"><input type="hidden" name="_tm"><button>post</button></form>
<form id="none" action="${to}"><button>none</button></form>
<div id="shadow"></div>
<script>document.querySelector('#shadow').attachShadow({ mode: 'open' }).innerHTML = '<a href="${to}">shadow</a>'</script>`;
}

/** The server of all hosts' pages. What it was asked for is in `asked`, with the host. */
async function pageServer() {
  const result = { asked: [], at: (name) => `http://${name}.localhost:${server.address().port}` };
  const server = createServer(async (request, answer) => {
    if (request.url.startsWith('/tm/')) return pass(request, answer);
    result.asked.push(request.headers.host.split('.localhost')[0] + request.url);
    const [, kind, name] = new URL(request.url, 'http://localhost').pathname.split('/');
    if (name === 'register') {
      let form = '';
      for await (const chunk of request) form += chunk;
      return answer.writeHead(303, { location: `/${kind}/welcome?${form}` }).end();
    }
    const rest = name === 'hasty' ? `<script>location.replace('/${kind}/welcome')</script>` : body(kind);
    answer.writeHead(200, { 'content-type': 'text/html' }).end(PLAIN + snippets[kind] + rest);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  result.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return result;
}

/** Passes a request on to the proxy, as a host's web server does. */
function pass(request, answer) {
  const { hostname, port } = new URL(products.routed.site);
  const { method, headers, url } = request;
  const outgoing = ask({ hostname, port, method, headers, path: url }, (reply) => {
    answer.writeHead(reply.statusCode, reply.rawHeaders);
    reply.pipe(answer);
  });
  outgoing.on('error', () => answer.destroy());
  request.pipe(outgoing);
}

const landing = (kind, { query }) => `${pages.at('www.shop')}/${kind}/?${query}`;

/** Waits until the page has a carrier for the next link: the module hands it over as soon as carry.js is there. */
async function equipped(page) {
  const loaded = () => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('_carry.js'));
  await (page.waitFor ? page.waitFor(loaded) : page.waitForFunction(loaded));
  await page.evaluate(async () => {
    const { name } = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('_carry.js'));
    await import(name);
  });
}

/** A visitor of Ada's on the first host, whose next link carries the visit. */
async function visitor(t, kind) {
  const came = await click(products[kind], 'ada');
  const { context, page, said } = await freshPage(chromium);
  t.after(() => context.close());
  await page.goto(landing(kind, came));
  if (kind === 'asks') await page.evaluate(() => trailmark.consent('granted'));
  await brought(page, 'ada');
  await equipped(page);
  return { came, context, page, said };
}

/** Another browser, whose calls wait for the proxy's word. */
async function stranger(t, address, prepare = () => {}) {
  const { context, page } = await freshPage(chromium);
  t.after(() => context.close());
  await page.addInitScript(patiently);
  await prepare(page);
  await page.goto(address);
  await page.evaluate(() => trailmark.ready);
  return page;
}

const touch = (page) => page.evaluate(() => trailmark.touch());
const onApp = (page) => page.waitForURL(({ host }) => host.startsWith('app.'));

/** The visit has come along, and the address bar hands on nothing. */
async function carried(page) {
  await onApp(page);
  await brought(page, 'ada');
  assert.ok(!page.url().includes('_tm'), page.url());
}

/** The addresses with a carrier that a browser navigates to. */
function decorated(context) {
  const addresses = [];
  context.on('request', (request) => {
    if (request.isNavigationRequest() && request.url().includes('_tm=')) addresses.push(request.url());
  });
  return addresses;
}

for (const { name, fresh } of browsers) {
  test(`a link to a host that shares no cookie: a signup there makes one customer of that touch in ${name}`, async (t) => {
    const came = await click(products.apart, 'ada');
    const page = await fresh(t);
    await page.goto(landing('apart', came));
    await brought(page, 'ada');
    await equipped(page);
    await page.click('#plain');
    await page.waitFor(() => location.host.startsWith('app.'));
    await brought(page, 'ada');
    assert.equal(page.url(), `${pages.at('app.other')}/apart/welcome?plan=a#top`);
    await signUp(page, `carried_${name}`);
    assert.deepEqual(await effects(products.apart, `carried_${name}`), one(came));
    assert.equal((await touches(products.apart, came)).length, 1);
    // Firefox names the cookies that it does not take from another site.
    const said = [...page.said.errors, ...page.said.console].filter((line) => !/cookie/i.test(line));
    assert.deepEqual(said, []);
  });
}

test('where each host passes /tm on, the other host has its own cookies, and the next visit needs no link', async (t) => {
  const { came, context, page } = await visitor(t, 'routed');
  await page.locator('#plain').click();
  await carried(page);
  const own = (await context.cookies()).filter(({ domain }) => domain === 'app.other.localhost').map(({ name }) => name);
  assert.deepEqual(own.sort(), ['tm_acme', 'tm_acme_v']);
  await page.evaluate(() => localStorage.clear());
  await page.goto(`${pages.at('app.other')}/routed/later`);
  await brought(page, 'ada');
  await signUp(page, 'carried_later');
  assert.deepEqual(await effects(products.routed, 'carried_later'), one(came));
});

const WAYS = {
  'the middle button': (page) => page.locator('#plain').click({ button: 'middle' }),
  'the Control key': (page) => page.locator('#plain').click({ modifiers: ['ControlOrMeta'] }),
  'the Shift key': (page) => page.locator('#plain').click({ modifiers: ['Shift'] }),
  'target=_blank': (page) => page.locator('#blank').click(),
  'the keyboard': (page) => page.locator('#plain').press('Enter'),
  'rel=noreferrer': (page) => page.locator('#noreferrer').click(),
  'a link that has an old carrier': (page) => page.locator('#stale').click(),
  'a link whose address changes at the click': (page) => page.locator('#changed').click(),
  'a link whose page stops the event': (page) => page.locator('#stopped').click(),
  'a script that reads the address of its link': (page) => page.locator('#read').click(),
  'a link in a shadow root': (page) => page.locator('#shadow a').click(),
  'a form by GET': (page) => page.locator('#get button').click(),
  'a form by POST, whose server leads on': (page) => page.locator('#post button').click(),
  'a click by a script': (page) => page.evaluate(() => document.querySelector('#plain').click()),
};
for (const [way, follow] of Object.entries(WAYS))
  test(`the visit comes along by ${way}`, async (t) => {
    const { context, page } = await visitor(t, 'apart');
    const hrefs = () => page.evaluate(() => [...document.links].map((link) => link.getAttribute('href')));
    const before = await hrefs();
    const opened = new Promise((resolve) => context.once('page', resolve));
    await follow(page);
    const tab = await Promise.race([opened, onApp(page).then(() => page)]);
    await carried(tab);
    if (tab === page) return;
    assert.deepEqual(await hrefs(), before, 'what is copied from the page is as it was');
    assert.equal((await touch(page)).partner, 'ada');
  });

test('a page that is left at once hands the visit to the next one, where there are cookies', async (t) => {
  const { page } = await visitor(t, 'routed');
  await page.locator('#hasty').click();
  await page.waitForURL(({ pathname }) => pathname === '/routed/welcome');
  await brought(page, 'ada');
});

test('links to the own host and elsewhere, and a form without the field, stay as they are', async (t) => {
  for (const [selector, path] of [['#own', 'www.shop/apart/own'], ['#third', 'www.third/apart/third'], ['#none button', 'app.other/apart/welcome?']]) {
    const { context, page } = await visitor(t, 'apart');
    const addresses = decorated(context);
    await page.locator(selector).click();
    await page.waitForURL((url) => !url.search.includes('ps_xid'));
    assert.deepEqual(addresses, [], selector);
    assert.ok(pages.asked.includes(path), `${path} in ${pages.asked}`);
  }
});

test('a link that was used carries nothing to whoever it is shared with', async (t) => {
  const { context, page } = await visitor(t, 'apart');
  const addresses = decorated(context);
  await page.locator('#plain').click();
  await carried(page);
  const [shared] = addresses;
  const other = await stranger(t, shared);
  assert.equal(await touch(other), null);
  const { status, code } = await signUp(other, 'stranger_late');
  assert.deepEqual([status, code], ['unattributed', 'no_touch']);
  assert.equal((await touch(page)).partner, 'ada', 'and takes nothing from the visitor');
});

test('a link that nobody used carries nothing after a minute, and works for one browser before', async (t) => {
  const { context, page } = await visitor(t, 'apart');
  const addresses = decorated(context);
  // The page behind the link never loads.
  await context.route(`${pages.at('app.other')}/**`, (route) => route.abort());
  await page.locator('#plain').click();
  const unused = await until('the link is followed', () => addresses[0]);
  const late = await stranger(t, unused, (page) => page.clock.setFixedTime(Date.now() + 61_000));
  assert.equal(await touch(late), null);
  const first = await stranger(t, unused);
  await brought(first, 'ada');
  assert.equal(await touch(await stranger(t, unused)), null);
});

test('a robot that fetches the link uses nothing up', async (t) => {
  const { context, page } = await visitor(t, 'apart');
  let fetched;
  await context.route(`${pages.at('app.other')}/**`, async (route) => {
    const { host, port, pathname, search } = new URL(route.request().url());
    const options = { hostname: '127.0.0.1', port, path: pathname + search, headers: { host } };
    // Node does not know the names below localhost.
    if (search.includes('_tm=')) fetched = await new Promise((resolve) => ask(options, (reply) => resolve(reply.resume().statusCode)).end());
    await route.continue();
  });
  await page.locator('#plain').click();
  await carried(page);
  assert.equal(fetched, 200);
});

test('back, forward and a reload keep what came along', async (t) => {
  const { page } = await visitor(t, 'apart');
  await page.locator('#plain').click();
  await carried(page);
  await page.reload();
  await brought(page, 'ada');
  await page.goto(`${pages.at('app.other')}/apart/next`);
  await page.goBack();
  await brought(page, 'ada');
  await page.goBack();
  await brought(page, 'ada');
  assert.ok(page.url().startsWith(pages.at('www.shop')));
  await page.goForward();
  await carried(page);
});

test('without consent a link carries nothing', async (t) => {
  const came = await click(products.asks, 'ada');
  const { context, page, said } = await freshPage(chromium);
  t.after(() => context.close());
  const addresses = decorated(context);
  await page.goto(landing('asks', came));
  await page.evaluate(() => trailmark.ready);
  await page.locator('#plain').click();
  await onApp(page);
  assert.deepEqual(addresses, []);
  assert.deepEqual(said.requests.filter(({ url }) => url.includes('/v1/')), []);
});

test('the other host asks for its own consent, and the visitor may take longer than a minute', async (t) => {
  const { page, said } = await visitor(t, 'asks');
  await page.locator('#plain').click();
  await onApp(page);
  await page.evaluate(() => trailmark.ready);
  await page.waitForURL((url) => !url.search.includes('_tm'));
  const before = said.requests.length;
  assert.equal(await touch(page), null);
  const own = async () => Object.keys(await page.evaluate(() => ({ ...localStorage })));
  assert.deepEqual([await own(), said.requests.slice(before)], [[], []], 'nothing is stored or sent before');
  await products.asks.control('clock', { advance_ms: 10 * 60_000 });
  await page.evaluate(() => trailmark.consent('granted'));
  await brought(page, 'ada');
});

test('a withdrawal in another tab ends what links carry', async (t) => {
  const { context, page, said } = await visitor(t, 'apart');
  const addresses = decorated(context);
  const tab = await context.newPage();
  await tab.goto(`${pages.at('www.shop')}/apart/`);
  await tab.evaluate(() => trailmark.consent('denied'));
  await tab.waitForFunction(() => !localStorage.tm_acme_click);
  const before = said.requests.length;
  await page.locator('#plain').click();
  await onApp(page);
  assert.deepEqual(addresses, []);
  assert.deepEqual(said.requests.slice(before).filter(({ url }) => url.includes('/v1/carriers')), []);
});
