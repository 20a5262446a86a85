// Whatever happens between a partner's link and a signup, it ends in exactly one right effect at the platform: a form
// that leaves the page, storage or key or token lost, a module that comes late, a proxy that is down, two tabs at once.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch } from './support/browser.mjs';
import { travel } from './support/caller.mjs';
import { brought, click, effects, one, signUp, touches } from './support/effects.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';
const HOUR = 3_600_000;

let accounts, product, short, browser;
before(async () => {
  accounts = await accountsServer();
  const files = (snippet) => ({
    'index.html': `${PLAIN}${snippet}<h1>Landing</h1>`,
    'welcome.html': `${PLAIN}${snippet}<h1>Welcome</h1>`,
    'plain.html': `${PLAIN}<h1>Without Trailmark</h1>`,
    'signup.html': `${PLAIN}${snippet}<form data-trailmark="signup" method="post" action="${accounts.url}">
      <label>Account <input name="customerKey"></label>
      <label>E-mail <input name="email"></label>
      <label>Plan <input name="data.plan"></label>
      <label>Password <input name="password"></label>
      <button>Create account</button></form>`,
    // Signs up as the page is read and leaves at once, as a page does after a payment.
    'leaving.html': `${PLAIN}${snippet}<script>
      const key = location.hash.slice(1);
      trailmark.signup({ customerKey: key, email: key + '@example.org' });
      location.href = '/welcome.html';
    </script>`,
  });
  [product, short] = await Promise.all([Product.start({ files }), Product.start({ files, extra: 'window_days = 1' })]);
  accounts.onwards = `${product.publicUrl}/welcome.html`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  accounts?.close();
  await Promise.all([product?.stop(), short?.stop()]);
});

/** The shop's backend, on an address of its own: keeps what a form posts and sends the browser on. */
async function accountsServer() {
  const posted = [];
  const server = createServer(async (request, answer) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    posted.push(Object.fromEntries(new URLSearchParams(body)));
    answer.writeHead(303, { location: result.onwards }).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  const result = { posted, close, url: `http://127.0.0.1:${server.address().port}/accounts` };
  return result;
}

/** Opens a landing page and waits until its touch is known. */
async function land(page, { query, partner }, { site } = product) {
  await page.goto(`${site}/?${query}`);
  await brought(page, partner);
}

/** What the page has under the SDK's keys. */
const kept = (page) =>
  page.evaluate(async () => {
    const databases = (await indexedDB.databases()).map(({ name }) => name);
    return [...Object.keys(localStorage), ...databases].sort();
  });

/** The keys of conversions that wait in the storage of a page. */
const waiting = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('tm_acme_queue_')));

/** Takes storage away as a browser does that runs short of space. */
async function evict(context, page, storageTypes) {
  const session = await context.newCDPSession(page);
  await session.send('Storage.clearDataForOrigin', { origin: product.site, storageTypes });
  await session.detach();
}

/** Statuses of the proxy's answers on a route, as they come. */
function answers(context, route) {
  const seen = [];
  context.on('response', (answer) => answer.url().includes(route) && seen.push(answer.status()));
  return seen;
}

for (const { name, fresh } of browsers) {
  test(`a bound form that is natively submitted and leaves the page makes one customer in ${name}`, async (t) => {
    const came = await click(product, 'ada');
    const key = `form_${name}`;
    const page = await fresh(t);
    await land(page, came);
    await page.goto(`${product.site}/signup.html`);
    await page.fill('Account', key);
    await page.fill('E-mail', `${key}@example.org`);
    await page.fill('Plan', 'garden');
    await page.fill('Password', 'secret-password');
    await page.click('button', 'Create account');
    await page.sees('Welcome');
    assert.deepEqual(await effects(product, key), one(came));
    assert.equal(accounts.posted.at(-1).password, 'secret-password', 'the form itself went where it should');
    const held = JSON.stringify(await product.control('state/partnerstack'));
    assert.ok(!held.includes('secret-password'), 'and no field that is not named');
  });
}

test('a bound form that is submitted before the module is there makes one customer', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await land(page, came);
  await context.route('**/tm/sdk-*', (route) => route.abort());
  await page.goto(`${product.site}/signup.html`);
  await page.getByLabel('Account').fill('form_early');
  await page.getByLabel('E-mail').fill('form_early@example.org');
  await page.getByRole('button').click();
  await page.getByText('Welcome').waitFor();
  await context.unroute('**/tm/sdk-*');
  await page.reload();
  assert.deepEqual(await effects(product, 'form_early'), one(came));
  await context.close();
});

test('storage evicted between click and signup: the visitor cookie brings the touch back', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await land(page, came);
  await page.goto(`${product.site}/plain.html`);
  assert.deepEqual(await kept(page), ['tm_acme_click', 'trailmark']);
  await evict(context, page, 'local_storage,indexeddb');
  assert.deepEqual(await kept(page), []);
  await page.goto(`${product.site}/signup.html`);
  await signUp(page, 'evicted');
  assert.deepEqual(await effects(product, 'evicted'), one(came));
  assert.equal((await touches(product, came)).length, 1);
  await context.close();
});

test('key lost between click and signup: the token is bound anew', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await land(page, came);
  await page.goto(`${product.site}/plain.html`);
  await evict(context, page, 'indexeddb');
  assert.deepEqual(await kept(page), ['tm_acme_click']);
  // No token is to be had as the page loads, so the signup is signed for the one that names the lost key.
  await context.route('**/v1/clicks', (route) => route.abort());
  await page.goto(`${product.site}/signup.html`);
  await page.evaluate(() => trailmark.ready);
  await context.unroute('**/v1/clicks');
  const said = answers(context, '/v1/conversions');
  await signUp(page, 'lost_key');
  assert.deepEqual(await effects(product, 'lost_key'), one(came));
  assert.deepEqual(said, [401, 202]);
  await context.close();
});

test('a kept token that no longer verifies is replaced while the visitor cookie lives', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await land(page, came);
  await page.goto(`${product.site}/plain.html`);
  await page.evaluate(() => {
    const click = JSON.parse(localStorage.tm_acme_click);
    const parts = click.click_token.split('.');
    parts[2] = [...parts[2]].reverse().join('');
    localStorage.tm_acme_click = JSON.stringify({ ...click, click_token: parts.join('.') });
  });
  await context.route('**/v1/clicks', (route) => route.abort());
  await page.goto(`${product.site}/signup.html`);
  await page.evaluate(() => trailmark.ready);
  await context.unroute('**/v1/clicks');
  const said = answers(context, '/v1/conversions');
  await signUp(page, 'tampered');
  assert.deepEqual(await effects(product, 'tampered'), one(came));
  assert.deepEqual(said, [401, 202]);
  await context.close();
});

test('a token whose key was revoked while the page stood open is replaced', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await land(page, came);
  const token = await page.evaluate(() => JSON.parse(localStorage.tm_acme_click).click_token);
  const { kid } = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
  assert.equal(product.cli('keys', 'revoke', kid, '--site', 'acme').code, 0);
  const said = answers(context, '/v1/conversions');
  await signUp(page, 'revoked');
  assert.deepEqual(await effects(product, 'revoked'), one(came));
  assert.deepEqual(said, [401, 202]);
  assert.equal((await touches(product, came)).length, 1);
  await context.close();
});

test('token expired in an open tab and visitor cookie alive: the newer touch behind it is credited', async () => {
  const { context, page } = await freshPage(browser);
  await land(page, await click(short, 'ada'), short);
  await travel(short, 20 * HOUR);
  const second = await context.newPage();
  await second.goto(`${short.site}/tm/r/main/grace?to=/plain.html`);
  await second.getByText('Without Trailmark').waitFor();
  await travel(short, 5 * HOUR);
  const said = answers(context, '/v1/conversions');
  await signUp(page, 'expired');
  assert.deepEqual(await effects(short, 'expired'), one({ partner: 'grace' }));
  assert.deepEqual(said, [401, 202]);
  await context.close();
});

test('landing left before the module loaded: the signup of the next page has its touch', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await context.route('**/tm/sdk-*', (route) => route.abort());
  await page.goto(`${product.site}/?${came.query}`);
  await page.goto(`${product.site}/plain.html`);
  await until('the beacon was answered', async () => (await context.cookies()).length === 2);
  await context.unroute('**/tm/sdk-*');
  await page.goto(`${product.site}/signup.html`);
  await signUp(page, 'left_early');
  assert.deepEqual(await effects(product, 'left_early'), one(came));
  await context.close();
});

const HURRIED = [['after a landing', true], ['on the landing itself', false]];
for (const [where, landed] of HURRIED) {
  test(`location.href set right after signup with the module delayed by 3 s, ${where}: one customer`, async () => {
    const came = await click(product, 'ada');
    const key = landed ? 'hurried' : 'hurried_landing';
    const { context, page } = await freshPage(browser);
    if (landed) await land(page, came);
    // A request whose page has gone has nobody to be continued for.
    await context.route('**/tm/sdk-*.js', (route) => setTimeout(() => route.continue().catch(() => {}), 3_000));
    const left = page.waitForURL('**/welcome.html');
    await page.goto(`${product.site}/leaving.html?${landed ? '' : came.query}#${key}`).catch(() => {});
    await left;
    assert.deepEqual(await effects(product, key), one(came));
    assert.deepEqual(await waiting(page), [], 'nothing waits any more');
    await context.close();
  });
}

test('proxy down at signup and back after a reload: one customer', async () => {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await land(page, came);
  await product.kill('SIGKILL');
  const { status } = await signUp(page, 'down');
  assert.equal(status, 'queued');
  await product.startProxy();
  await page.reload();
  assert.deepEqual(await effects(product, 'down'), one(came));
  await until('nothing waits', async () => (await waiting(page)).length === 0);
  await context.close();
});

test('two tabs at once, both with the same waiting signup: the one waits while the other sends, and it counts once', async () => {
  const came = await click(product, 'ada');
  const { context, page: first } = await freshPage(browser);
  await land(first, came);
  const second = await context.newPage();
  await second.goto(`${product.site}/plain.html`);
  await context.route('**/v1/conversions', (route) => route.abort());
  assert.equal((await signUp(first, 'both_tabs')).status, 'queued');
  await first.goto(`${product.site}/plain.html`);
  await context.unroute('**/v1/conversions');

  const said = answers(context, '/v1/conversions');
  let release;
  const released = new Promise((resolve) => (release = resolve));
  let asked = 0;
  await context.route('**/v1/conversions', (route) => {
    asked += 1;
    return released.then(() => route.continue());
  });
  await Promise.all([first, second].map((tab) => tab.goto(`${product.site}/welcome.html`)));
  await until('one tab waits for the other', async () => {
    const { held, pending } = await second.evaluate(() => navigator.locks.query());
    return held.length === 1 && pending.length === 1;
  });
  assert.equal(asked, 1, 'only one has sent anything');
  release();
  assert.deepEqual(await effects(product, 'both_tabs'), one(came));
  await until('nothing waits', async () => (await waiting(second)).length === 0);
  // A removal reaches the other tab's process some time later, lock or no lock; what it then sends once more is a repeat.
  const [accepted, ...repeated] = said;
  assert.deepEqual([accepted, repeated.filter((status) => status !== 200)], [202, []]);
  await context.close();
});

test('two tabs at once, each with signups that wait: none is lost', async () => {
  const came = await click(product, 'ada');
  const { context, page: first } = await freshPage(browser);
  const second = await context.newPage();
  await Promise.all([land(first, came), land(second, came)]);
  await context.route('**/v1/conversions', (route) => route.abort());
  const keys = ['first', 'second'].map((tab) => Array.from({ length: 20 }, (_, number) => `${tab}_tab_${number}`));
  const results = await Promise.all([first, second].map((tab, index) =>
    tab.evaluate(async (keys) => {
      const called = [];
      for (const key of keys) {
        called.push(trailmark.lead({ customerKey: key }));
        await new Promise((resolve) => setTimeout(resolve));
      }
      return Promise.all(called);
    }, keys[index])));
  for (const { status } of results.flat()) assert.equal(status, 'queued');
  await until('both see all of them', async () => (await waiting(first)).length === 40);
  await context.unroute('**/v1/conversions');
  await Promise.all([first, second].map((tab) => tab.reload()));
  await until('nothing waits', async () => (await waiting(first)).length + (await waiting(second)).length === 0);
  const known = product.json('conversions', 'list', '--limit', '1000').map((row) => row.external_id);
  assert.deepEqual(keys.flat().filter((key) => !known.includes(key)), []);
  await context.close();
});

test('two tabs at once sign up the same customer: one is accepted, one a duplicate', async () => {
  const came = await click(product, 'ada');
  const { context, page: first } = await freshPage(browser);
  const second = await context.newPage();
  await Promise.all([land(first, came), land(second, came)]);
  const results = await Promise.all([signUp(first, 'twice'), signUp(second, 'twice')]);
  const { ledger, ...rest } = await effects(product, 'twice');
  const { ledger: accepted, ...expected } = one(came);
  assert.deepEqual(rest, expected);
  assert.deepEqual(ledger.sort(), [...accepted, 'signup duplicate']);
  for (const { status } of results) assert.match(status, /^(accepted|duplicate|queued)$/);
  await context.close();
});
