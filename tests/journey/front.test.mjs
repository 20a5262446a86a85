// The product as it is deployed: a real nginx or Caddy with TLS in front, by the blocks of docs/deploy.md, a proxy by
// the configuration of that page, and browsers that see https://www.example.com/. What the cookies are then, and that
// addresses, limits and answers come through as they are.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { browsersBehind } from './support/browser.mjs';
import { brought, click, effects, one, signUp, touches } from './support/effects.mjs';
import { Front, block } from './support/front.mjs';
import { Product, freePort } from './support/product.mjs';

const SITE = 'https://www.example.com';
const APP = 'https://app.example.com';
const KINDS = ['nginx', 'caddy'];
const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** Requests a minute of one client: few, so that a test gets there, and more than the browsers need. */
const LIMIT = 60;

const KIB = 1024;
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'user-agent': 'Mozilla/5.0' };

/** The last part of the webhooks' address, which is a secret. */
const SECRET = 'a-path-that-nobody-is-to-read';
const WEBHOOK = `/tm/v1/webhooks/main/${SECRET}`;
process.env.PARTNERSTACK_WEBHOOK_PATH = SECRET;

/** The address of a CDN, which one of the proxies knows. */
const CDN = '127.0.0.9';

/** The configuration of docs/deploy.md on this machine: a double in the vendor's place, and other addresses. */
const deployed = (site, more) => (at) => {
  const here = [
    ['127.0.0.1:8787', at.site],
    ['127.0.0.1:8788', at.operator],
    ['admin_key = "env:TRAILMARK_ADMIN_KEY"\n', ''],
    ['sqlite:/var/lib/trailmark/trailmark.db', 'sqlite:trailmark.db'],
    ['consent = "required"', `consent = "not_required"\n${site}`],
  ];
  return `${block('Build and configure', 'toml', [...here, ...more])}
webhook_path = "env:PARTNERSTACK_WEBHOOK_PATH"
base_url = "http://${at.simulator}/partnerstack"
tracking_url = "http://${at.simulator}/partnerlinks"
confirm_after = "4s"
[limits]
requests_per_minute = ${LIMIT}
`;
};

const start = (site = '', more = []) => Product.start({ config: deployed(site, more), www: false });
const address = (product) => new URL(product.site).host;

let product, sisters;
/** By kind: the front of `product`, and that of `sisters`, which has pages on two hosts and a CDN. */
const narrow = {};
const wide = {};
before(async () => {
  const two = [`"${SITE}"]`, `"${SITE}", "${APP}"]`];
  const known = ['"::1"]', `"::1", "${CDN}"]`];
  [product, sisters] = await Promise.all([start(), start('cookie_domain = "example.com"', [two, known])]);
  const open = async (kind) => {
    narrow[kind] = await inFront(kind, product, ['www.example.com']);
    wide[kind] = await inFront(kind, sisters, ['www.example.com', 'app.example.com']);
  };
  await Promise.all(KINDS.map(open));
});
after(async () => {
  await Promise.all([...Object.values(narrow), ...Object.values(wide)].map((front) => front.stop()));
  await Promise.all([product?.stop(), sisters?.stop()]);
});

/** A front with a shop's two pages. */
const inFront = (kind, product, names) => {
  const page = (title) => `${PLAIN}${product.snippet()}<h1>${title}</h1>`;
  const pages = { 'index.html': page('Shop'), 'signup.html': page('Sign up') };
  return Front.start(kind, { names, proxy: address(product), pages });
};

/** The site's cookies without their values, as the browser holds them. */
const cookies = async (page) =>
  (await page.cookies())
    .map(({ name, domain, path, httpOnly, secure, sameSite }) => ({ name, domain, path, httpOnly, secure, sameSite }))
    .sort((a, b) => a.name.localeCompare(b.name));

const SHOWN = { path: '/', httpOnly: false, secure: true, sameSite: 'Lax' };
const HIDDEN = { ...SHOWN, httpOnly: true };

const ALONE = [
  { name: '__Host-tm_acme', domain: 'www.example.com', ...HIDDEN },
  { name: 'tm_acme', domain: 'www.example.com', ...SHOWN },
];
const SHARED = [
  { name: '__Secure-tm_acme', domain: '.example.com', ...HIDDEN },
  { name: 'tm_acme', domain: '.example.com', ...SHOWN },
];

for (const kind of KINDS) {
  const [chromium, firefox] = browsersBehind(() => narrow[kind]);
  const [onTwoHosts] = browsersBehind(() => wide[kind]);
  // Firefox starts slowly, and what it would see of the second front is what Chromium sees.
  for (const { name, fresh } of kind === 'nginx' ? [chromium, firefox] : [chromium]) {
    test(`a partner's link and a signup through ${kind} with TLS make one customer in ${name}`, async (t) => {
      const came = await click(product, 'ada');
      const key = `${kind}_${name}`;
      const page = await fresh(t);
      await page.goto(`${SITE}/?${came.query}`);
      await brought(page, 'ada');
      assert.deepEqual(await cookies(page), ALONE);
      assert.equal(await page.evaluate(() => document.cookie), 'tm_acme=1', 'all that a script can read');
      assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol), 'h2');
      await page.goto(`${SITE}/signup.html`);
      await brought(page, 'ada');
      await signUp(page, key);
      assert.deepEqual(await effects(product, key), one(came));
      assert.equal((await touches(product, came)).length, 1);
      assert.deepEqual([...page.said.errors, ...page.said.console], []);
    });

    test(`a link on the site's own host leads through ${kind} to a touch and one customer in ${name}`, async (t) => {
      const key = `${kind}_link_${name}`;
      const page = await fresh(t);
      await page.goto(`${SITE}/tm/r/main/grace?to=/signup.html`);
      assert.equal(page.url(), `${SITE}/signup.html`);
      assert.deepEqual(await cookies(page), ALONE);
      await brought(page, 'grace');
      await signUp(page, key);
      assert.deepEqual(await effects(product, key), one({ partner: 'grace' }));
    });
  }

  test(`with cookie_domain, a click on www. and a signup on app. through ${kind} are one customer`, async (t) => {
    const came = await click(sisters, 'ada');
    const page = await onTwoHosts.fresh(t);
    await page.goto(`${SITE}/?${came.query}`);
    await brought(page, 'ada');
    assert.deepEqual(await cookies(page), SHARED);
    await page.goto(`${APP}/signup.html`);
    await brought(page, 'ada');
    await signUp(page, `${kind}_app`);
    assert.deepEqual(await effects(sisters, `${kind}_app`), one(came));
    assert.equal((await touches(sisters, came)).length, 1);
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });

  const call = (front, from, headers) => {
    const body = JSON.stringify({ site: 'acme', id: '0123456789abcdef0123456789abcdef', url: `${SITE}/` });
    const own = { 'content-type': 'text/plain', origin: SITE };
    return front.ask('/tm/v1/clicks', { from, method: 'POST', headers: { ...own, ...headers }, body });
  };

  /** Calls until the rate is used up, which it must be in time; `header` is that of each call by its number. */
  const spend = async (front, from, header = () => ({})) => {
    const statuses = [];
    while (!statuses.includes(429) && statuses.length < 2 * LIMIT)
      statuses.push((await call(front, from, header(statuses.length))).status);
    assert.deepEqual([...new Set(statuses)], [204, 429]);
  };

  /** Calls until it is refused again: time may have given back a call or two, but `headers` give no rate of their own. */
  const refusedAgain = async (front, from, headers) => {
    for (let number = 0; number < LIMIT / 2; number += 1) {
      const answer = await call(front, from, headers);
      if (answer.status === 429) return answer;
    }
    return assert.fail(`a rate of its own: ${JSON.stringify(headers)}`);
  };

  test(`clients behind ${kind} have a rate each, and a header of their own gives them no other`, async () => {
    const [busy, other] = { nginx: ['127.0.0.2', '127.0.0.3'], caddy: ['127.0.0.4', '127.0.0.5'] }[kind];
    await spend(narrow[kind], busy);
    for (const address of ['203.0.113.7', '127.0.0.1', '203.0.113.7, 127.0.0.1']) {
      const forged = { 'x-forwarded-for': address, 'x-real-ip': address, forwarded: `for=${address}` };
      const refused = await refusedAgain(narrow[kind], busy, forged);
      assert.match(refused.headers['retry-after'], /^\d+$/);
    }
    assert.equal((await call(narrow[kind], other)).status, 204);
  });

  test(`visitors of a CDN before ${kind} have a rate each, and who goes round it is not believed`, async (t) => {
    const front = await Front.start(kind, { proxy: address(sisters), cdn: CDN });
    t.after(() => front.stop());
    const [busy, other, round] = {
      nginx: ['203.0.113.1', '203.0.113.2', '127.0.0.6'],
      caddy: ['203.0.113.3', '203.0.113.4', '127.0.0.7'],
    }[kind];
    const named = (addresses) => ({ 'x-forwarded-for': addresses });
    await spend(front, CDN, () => named(busy));
    // Only the last was the CDN.
    await refusedAgain(front, CDN, named(`198.51.100.1, ${busy}`));
    assert.equal((await call(front, CDN, named(other))).status, 204);
    await spend(front, round, (number) => named(`198.51.100.${number}`));
  });

  test(`no header of a client's makes a host of its own behind ${kind}`, async () => {
    const headers = { ...NAVIGATION, 'x-forwarded-host': 'elsewhere.example' };
    const answer = await narrow[kind].ask('/tm/r/main/ada?to=/signup.html', { headers });
    assert.deepEqual([answer.status, answer.headers.location], [302, `${SITE}/signup.html`]);
  });

  test(`a site on a port of its own has its links behind ${kind} too`, async (t) => {
    const port = await freePort();
    const own = await start('', [[SITE, `${SITE}:${port}`]]);
    t.after(() => own.stop());
    const front = await Front.start(kind, { proxy: address(own), port });
    t.after(() => front.stop());
    const headers = { ...NAVIGATION, host: `www.example.com:${port}` };
    const answer = await front.ask('/tm/r/main/ada?to=/', { headers });
    assert.deepEqual([answer.status, answer.headers.location], [302, `${SITE}:${port}/`]);
  });

  test(`the SDK's files come through ${kind} as the proxy keeps them, compressed once`, async () => {
    const kept = process.env.TRAILMARK_SDK;
    const taken = { 'accept-encoding': 'gzip, br' };
    const files = readdirSync(kept).filter((name) => /^sdk.*\.(js|wasm)$/.test(name));
    assert.equal(files.length, 7);
    for (const name of files) {
      const { status, headers, body } = await narrow[kind].ask(`/tm/${name}`, { headers: taken });
      assert.deepEqual([status, headers['content-encoding']], [200, 'br'], name);
      assert.ok(body.equals(readFileSync(join(kept, `${name}.br`))), name);
    }
  });

  const post = (path, bytes) => {
    const headers = { 'content-type': 'text/plain', origin: SITE };
    return narrow[kind].ask(path, { method: 'POST', headers, body: Buffer.alloc(bytes, kind) });
  };

  test(`a body that is too large is answered 413 through ${kind}, every time`, async () => {
    for (const bytes of [64 * KIB + 1, 256 * KIB, 1024 * KIB])
      for (let round = 0; round < 8; round += 1) {
        const { status, headers, body } = await post('/tm/v1/conversions', bytes);
        assert.equal(status, 413, `${bytes} bytes, round ${round}`);
        assert.equal(headers['access-control-allow-origin'], SITE);
        assert.equal(JSON.parse(body).code, 'body_too_large');
      }
    if (kind === 'nginx')
      assert.equal((await post('/tm/v1/conversions', 2 * 1024 * KIB)).status, 413, 'beyond what it passes on');
  });

  if (kind === 'nginx')
    test('nginx writes no body to a file that the proxy would read', async () => {
      const written = () => narrow.nginx.log().split('buffered to a temporary file').length - 1;
      const before = written();
      assert.equal((await post('/tm/v1/conversions', 64 * KIB)).status, 400);
      assert.equal(written(), before);
      assert.equal((await post('/tm/v1/conversions', 128 * KIB)).status, 413);
      assert.equal(written(), before + 1, 'of a larger one it would say so');
    });

  test(`a webhook that is too large comes through ${kind} into quarantine, its path into no access log`, async () => {
    const before = product.json('webhooks', 'list', '--quarantined').length;
    assert.equal((await post(WEBHOOK, 128 * KIB)).status, 413);
    assert.equal(product.json('webhooks', 'list', '--quarantined').length, before + 1);
    assert.ok(!narrow[kind].requests().includes(SECRET));
  });

  test(`a signup while the proxy behind ${kind} is away waits, and becomes one customer`, async (t) => {
    const came = await click(product, 'ada');
    const key = `${kind}_away`;
    const page = await chromium.fresh(t);
    await page.goto(`${SITE}/?${came.query}`);
    await brought(page, 'ada');
    await product.kill('SIGKILL');
    assert.equal((await narrow[kind].ask('/tm/sdk.js')).status, 502);
    assert.equal((await signUp(page, key)).status, 'queued');
    await product.startProxy();
    await page.reload();
    assert.deepEqual(await effects(product, key), one(came));
  });
}
