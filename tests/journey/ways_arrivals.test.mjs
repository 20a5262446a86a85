// What is an arrival and what is not, as a browser really behaves: reload, the back button with and without the
// back/forward cache, a page rendered ahead, addresses that a router makes up. And what a page may say of money. Frames are in
// reached.test.mjs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freshPage, launch, patiently } from './support/browser.mjs';
import { Merchant, uuidv7 } from './support/caller.mjs';
import { brought, click, effects, one, settled, signUp, touches } from './support/effects.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** Has `rendered.html` rendered ahead, and goes there when told to. */
const ahead = (ear) => `${PLAIN}<script>
  const url = '/rendered.html' + location.search;
  const rules = Object.assign(document.createElement('script'), { type: 'speculationrules' });
  rules.textContent = JSON.stringify({ prerender: [{ urls: [url], eagerness: 'immediate' }] });
  document.head.append(rules);
  fetch('${ear}/go').then(() => location.assign(url));
</script>`;

/** Tells what becomes of it. Before it is shown its timers are fast, so that it is old when that happens. */
const rendered = (ear, snippet) => `${PLAIN}<script>
  const tell = (word) => fetch('${ear}/' + encodeURIComponent(word));
  const timer = setTimeout;
  window.setTimeout = (task, ms) => timer(task, document.prerendering ? ms / 20 : ms);
  if (document.prerendering) setTimeout(() => tell('ahead'), 10_000);
  document.addEventListener('prerenderingchange', async () => {
    await tell('shown');
    tell('ready ' + JSON.stringify(await trailmark.ready));
    trailmark.signup({ customerKey: 'rendered', email: 'rendered@example.org' });
  });
</script>${snippet}`;

/** Listens to what pages tell that nobody drives, and holds them until they may go. */
async function ear() {
  const told = [];
  const result = { told };
  const gone = new Promise((resolve) => (result.go = resolve));
  const server = createServer(async (request, answer) => {
    const word = decodeURIComponent(request.url.slice(1));
    if (word === 'go') await gone;
    else told.push(word);
    answer.setHeader('access-control-allow-origin', '*').end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  result.url = `http://127.0.0.1:${server.address().port}`;
  result.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return result;
}

/** A Chromium on its own, without a debugger. */
function alone(url) {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  const profile = `--user-data-dir=${join(product.folder, 'profile')}`;
  const child = spawn(process.env.CHROMIUM, [...flags, profile, url], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const end = () => {
    child.kill();
    return ended;
  };
  return { end };
}

let merchant, heard, product, browser;
before(async () => {
  [merchant, heard] = await Promise.all([Merchant.create(), ear()]);
  const files = (snippet) => ({
    'index.html': `${PLAIN}${snippet}<h1>Landing</h1>`,
    'pricing.html': `${PLAIN}${snippet}<h1>Pricing</h1>`,
    'ahead.html': ahead(heard.url),
    'rendered.html': rendered(heard.url, snippet),
    'plain.html': `${PLAIN}<h1>Without Trailmark</h1>`,
  });
  product = await Product.start({ files, extra: merchant.orderKeys });
  // Without the switch Playwright turns the back/forward cache off.
  browser = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
});
after(async () => {
  await browser?.close();
  heard?.close();
  await product?.stop();
});

const landing = ({ query }) => `${product.site}/?${query}`;

const reports = (said) => said.requests.filter(({ url }) => url.endsWith('/v1/clicks')).length;

/** A partner's key alone, without a click that could be known again: each report of it would be a touch of its own. */
const ADA = { partner: 'ada', query: 'ps_partner_key=YWRh' };
const GRACE = { partner: 'grace', query: 'ps_partner_key=Z3JhY2U' };

/** Partners of all touches of a page's visitor, the first one first. */
async function partners(page) {
  const reference = await page.evaluate(() => trailmark.reference());
  const { items: rows } = await (await fetch(`${product.operator}/v1/touches`)).json();
  const own = rows.filter(({ visitor }) => visitor === reference).sort((a, b) => a.at.localeCompare(b.at));
  return own.map(({ partner }) => partner);
}

/** Waits until a page holds no lock: a page that does is not kept when it is left. */
const resting = (page) =>
  until('the page holds no lock', async () => {
    const { held, pending } = await page.evaluate(() => navigator.locks.query());
    return held.length + pending.length === 0;
  });

test('a reload is no arrival: one touch, and the signup after it counts once', async () => {
  const { context, page } = await freshPage(browser);
  await page.goto(landing(ADA));
  await brought(page, 'ada');
  await page.reload();
  await brought(page, 'ada');
  await signUp(page, 'reloaded');
  assert.deepEqual(await effects(product, 'reloaded'), one(ADA));
  assert.deepEqual(await partners(page), ['ada']);
  await context.close();
});

for (const cached of [false, true]) {
  const how = cached ? 'from the back/forward cache' : 'loaded anew';
  test(`the back button after a second partner, ${how}: the second stays the touch and is credited`, async () => {
    const key = cached ? 'back_cached' : 'back_loaded';
    const { context, page } = await freshPage(browser);
    await page.addInitScript(() => addEventListener('pageshow', ({ persisted }) => (window.shown = { persisted })));
    // A page that listens to this is not kept.
    if (!cached) await page.addInitScript(() => addEventListener('unload', () => {}));
    await page.goto(landing(ADA));
    await brought(page, 'ada');
    await resting(page);
    await page.goto(landing(GRACE));
    await brought(page, 'grace');
    // A page that is shown again does not load, so its load is not waited for.
    await page.goBack({ waitUntil: 'commit' });
    assert.equal(page.url(), landing(ADA));
    const shown = () => page.evaluate(() => window.shown?.persisted);
    await until('the first page is shown again', async () => (await shown()) === cached);
    await brought(page, 'grace');
    await signUp(page, key);
    assert.deepEqual(await effects(product, key), one(GRACE));
    assert.deepEqual(await partners(page), ['ada', 'grace']);
    await context.close();
  });
}

test('a page without a click that comes back from the cache knows the touch of the page after it', async () => {
  const { context, page } = await freshPage(browser);
  await page.addInitScript(() => addEventListener('pageshow', ({ persisted }) => (window.shown = { persisted })));
  await page.goto(`${product.site}/pricing.html`);
  assert.deepEqual(await page.evaluate(() => trailmark.ready), { attributed: false, mode: 'idle' });
  await page.goto(landing(ADA));
  await brought(page, 'ada');
  await page.goBack({ waitUntil: 'commit' });
  await until('the first page is shown again', () => page.evaluate(() => window.shown?.persisted));
  await brought(page, 'ada');
  await signUp(page, 'back_idle');
  assert.deepEqual(await effects(product, 'back_idle'), one(ADA));
  assert.deepEqual(await partners(page), ['ada']);
  await context.close();
});

test('a page that is rendered ahead is an arrival once somebody looks at it, and not before', async () => {
  const came = await click(product, 'ada');
  // Chromium renders nothing ahead while a debugger is attached, so these pages steer themselves.
  const visit = alone(`${product.site}/ahead.html?${came.query}`);
  try {
    await until('the landing page was rendered ahead', () => heard.told.includes('ahead'));
    assert.deepEqual(await touches(product, came), []);
    heard.go();
    await until('it was shown', () => heard.told.includes('shown'));
    assert.deepEqual(await effects(product, 'rendered'), one(came));
    assert.deepEqual(heard.told, ['ahead', 'shown', 'ready {"attributed":true,"mode":"wasm"}']);
    assert.equal((await touches(product, came)).length, 1);
  } finally {
    await visit.end();
  }
});

test('an address that a router pushes, replaces or goes back to is no arrival', async () => {
  const [came, made] = [await click(product, 'ada'), await click(product, 'grace')];
  const { context, page, said } = await freshPage(browser);
  await page.goto(landing(came));
  await brought(page, 'ada');
  assert.equal(reports(said), 1);
  await page.evaluate(async (query) => {
    history.pushState(null, '', `/pricing.html?${query}`);
    history.pushState(null, '', '/pricing.html');
    history.replaceState(null, '', `/signup.html?${query}&again`);
    const back = new Promise((resolve) => addEventListener('popstate', resolve, { once: true }));
    history.back();
    await back;
  }, made.query);
  assert.equal(page.url(), `${product.site}/pricing.html?${made.query}`);
  await signUp(page, 'routed');
  assert.deepEqual(await effects(product, 'routed'), one(came));
  assert.deepEqual([reports(said), await touches(product, made)], [1, []]);
  await context.close();
});

test('a sale counts when the merchant has signed the order, and is held when the page alone says it', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await page.addInitScript(patiently);
  await page.goto(landing(came));
  await brought(page, 'ada');
  await signUp(page, 'buyer');
  assert.deepEqual(await effects(product, 'buyer'), one(came));
  const iat = Math.floor((await product.control('clock')).now_ms / 1000);
  const order = { key: 'order_1', amount_minor: 2900, currency: 'EUR' };
  const claims = { aud: 'acme', iat, exp: iat + 600, jti: uuidv7(), customer: { key: 'buyer' }, order };
  const signed = await merchant.sign('order+jwt', claims);
  const sell = (sale) => page.evaluate((sale) => trailmark.sale(sale), sale);
  const said = [
    await sell({ customerKey: 'buyer', orderKey: 'order_2', amountMinor: 990_000, currency: 'EUR' }),
    await sell({ order: signed }),
    await sell({ order: signed }),
  ];
  const words = said.map(({ status, code }) => [status, code].join(' ').trim());
  assert.deepEqual(words, ['held money_unsigned', 'accepted', 'duplicate']);
  await settled(product);
  const { transactions } = await product.control('state/partnerstack');
  const own = transactions.filter(({ customer_key: key }) => key === 'buyer');
  assert.deepEqual(own.map(({ amount, currency }) => `${amount} ${currency}`), ['2900 EUR']);
  await context.close();
});
