// How a page is reached and how the SDK comes into it (field-faults § 3), in Chromium and Firefox: a page that takes long to load, a tag
// manager that keeps the address of a script alone, a form in a frame, a template that prints the snippet. What was told
// before is in arrivals_told.test.mjs, forms are in forms.test.mjs.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { browsers, patiently } from './support/browser.mjs';
import { brought, click, effects, one, signUp, touches } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** A page that holds what it is given in a template literal, and prints it. */
const printed = (text) => new Function(`return \`${text}\``)();

/** Puts a script into the page by its address alone, as a tag manager does. */
const managed = (address) => `<script>
  document.head.append(Object.assign(document.createElement('script'), { async: true, src: '${address}' }));
</script>`;

/** A signup page that is made to be framed: does what it is told to, and tells what came of it. */
const FRAMED = `<form data-trailmark="signup" action="/done"><input name="customerKey"><input name="email"></form><script>
  addEventListener('message', async ({ data: [what, key], source }) => {
    if (what === 'call') {
      source.postMessage([await trailmark.ready, await trailmark.signup({ customerKey: key, email: key + '@example.org' })], '*');
    } else {
      const form = document.forms[0];
      form.customerKey.focus();
      form.customerKey.value = key;
      form.email.value = key + '@example.org';
      form.requestSubmit();
    }
  });
</script>`;

let between, pages, product;
before(async () => {
  between = await passage();
  pages = await pageServer();
  const { port } = new URL(between.url);
  // The proxy's own host and the pages' hosts are one site, in the browser's sense too.
  product = await Product.start({
    www: false,
    host: 'tm.reached.localhost',
    pages: `http://tm.reached.localhost:${port}`,
    origins: [pages.at('www'), pages.at('app')],
    extra: 'cookie_domain = "reached.localhost"',
  });
  between.to(product.site);
  const snippet = product.snippet(), [stub] = snippet.match(/<script>.*?<\/script>/s);
  pages.texts = {
    '/': `${snippet}<h1>Landing</h1>`,
    '/slow': `${snippet}<h1>Landing</h1><img src="/hangs" alt="">`,
    '/plain': '<h1>Without Trailmark</h1>',
    '/literal': `${printed(snippet)}<h1>Landing</h1>`,
    '/managed': `${managed(`${product.publicUrl}/tm/sdk.js?site=acme&consent=granted`)}<h1>Landing</h1>`,
    '/managed_stub': `${stub}${managed(`${product.publicUrl}/tm/sdk.js?site=acme&consent=granted&params=via`)}<h1>Landing</h1>`,
    '/asked': `${managed(`${product.publicUrl}/tm/sdk.js?site=acme`)}<h1>Landing</h1>`,
    '/framed': `${snippet}${FRAMED}`,
    // Sends what was left by then.
    '/done': `${snippet}<h1>Done</h1>`,
  };
});
after(async () => {
  between?.close();
  pages?.close();
  await product?.stop();
});

/** The server of the site's pages; an image of its never comes before `release`. */
async function pageServer() {
  const result = { texts: {}, at: (host) => `http://${host}.reached.localhost:${server.address().port}` };
  const waiting = [];
  const server = createServer((request, answer) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname === '/hangs') return waiting.push(answer);
    answer.setHeader('content-type', 'text/html').end(PLAIN + (result.texts[pathname] ?? ''));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  result.release = () => waiting.splice(0).forEach((answer) => answer.end());
  result.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return result;
}

const at = (path, { query = '' } = {}) => `${pages.at('www')}${path}?${query}`;

/** Ahead of a page's scripts: the five seconds of the stub and of core.js are over when the test says so. */
const hurried = () => {
  const set = window.setTimeout, held = [];
  window.setTimeout = (run, ms, ...more) => (ms > 1_500 ? held.push([ms, () => run(...more)]) : set(run, ms, ...more));
  window.hurry = () => held.filter(([ms]) => ms > 4_000).map(([, run]) => run()).length;
};

/** Frames a page and waits for its load; of its messages, `heard` is the last. */
const frame = (src) =>
  new Promise((resolve) => {
    addEventListener('message', ({ data }) => (window.heard = data));
    window.framed = Object.assign(document.createElement('iframe'), { src, onload: resolve });
    document.body.append(window.framed);
  });

for (const { name, fresh } of browsers) {
  // field-faults row 31
  test(`a page that loads for more than five seconds is ready once the module is, and keeps no call waiting, in ${name}`, async (t) => {
    const came = await click(product, 'ada');
    const page = await fresh(t);
    await page.prepare(`(${hurried})()`);
    await page.goto(at('/plain'));
    await page.follow(at('/slow', came));
    await page.waitFor(() => window.trailmark?._.l);
    const told = await page.evaluate(async () => {
      const asked = trailmark.touch(), waits = new Promise((resolve) => setTimeout(resolve, 50, 'waits'));
      // The stub's timer, and that of the call.
      return [window.hurry() > 1, await asked, await Promise.race([trailmark.ready, waits])];
    });
    assert.deepEqual(told, [true, null, 'waits']);
    pages.release();
    assert.deepEqual(await page.evaluate(() => trailmark.ready), { attributed: true, mode: 'wasm' });
    await brought(page, 'ada');
  });

  for (const path of ['/managed', '/managed_stub']) {
    // field-faults row 32
    test(`a tag manager that keeps the script's address alone (${path}): one customer in ${name}`, async (t) => {
      const came = await click(product, 'ada'), key = `managed${path.slice(8)}_${name}`;
      const page = await fresh(t);
      await page.goto(at(path, came));
      await page.waitFor(() => window.trailmark);
      await brought(page, 'ada');
      await signUp(page, key);
      assert.deepEqual(await effects(product, key), one(came));
      assert.deepEqual([...page.said.errors, ...page.said.console], []);
    });
  }

  // field-faults row 32
  test(`the page's own address holds no setting in ${name}`, async (t) => {
    const page = await fresh(t);
    const before = between.posted.length;
    await page.goto(at('/asked', { query: 'ps_partner_key=YWRh&consent=granted&site=other&endpoint=/leak' }));
    await page.waitFor(() => window.trailmark?._.l);
    assert.equal((await page.evaluate(() => trailmark.ready)).attributed, false);
    assert.deepEqual(between.posted.slice(before), []);
    assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
    await brought(page, 'ada');
  });

  for (const host of ['www', 'app']) {
    // field-faults row 33
    test(`a signup in a frame of the same site (${host}.) makes one customer, by a call and by a form, in ${name}`, async (t) => {
      const came = await click(product, 'ada');
      const page = await fresh(t);
      await page.prepare(`(${patiently})()`);
      await page.goto(at('/', came));
      await brought(page, 'ada');
      await page.evaluate(frame, `${pages.at(host)}/framed`);
      await page.evaluate((key) => framed.contentWindow.postMessage(['call', key], '*'), `call_${host}_${name}`);
      await page.waitFor(() => window.heard);
      const [ready, result] = await page.evaluate(() => window.heard);
      assert.deepEqual([ready.mode, result.status], ['wasm', 'accepted'], JSON.stringify(result));
      assert.deepEqual(await effects(product, `call_${host}_${name}`), one(came));
      await page.evaluate((key) => framed.contentWindow.postMessage(['form', key], '*'), `form_${host}_${name}`);
      assert.deepEqual(await effects(product, `form_${host}_${name}`), one(came));
      assert.equal((await touches(product, came)).length, 1);
    });
  }

  // field-faults row 33
  test(`the address of a frame is no arrival: it reports nothing and leaves nothing, however it is left, in ${name}`, async (t) => {
    const came = await click(product, 'ada');
    const page = await fresh(t);
    await page.prepare(`(${patiently})()`);
    const before = between.posted.length;
    await page.goto(at('/plain'));
    await page.evaluate(frame, `${pages.at('www')}/framed?${came.query}`);
    await page.evaluate(() => framed.contentWindow.postMessage(['call', 'framed'], '*'));
    await page.waitFor(() => window.heard);
    const [ready, { status, code }] = await page.evaluate(() => window.heard);
    assert.deepEqual([ready, status, code], [{ attributed: false, mode: 'idle' }, 'unattributed', 'no_touch']);
    await page.goto(at('/plain'));
    assert.deepEqual([between.posted.slice(before), await touches(product, came), await page.cookies()], [[], [], []]);
  });

  // field-faults row 35
  test(`a snippet that a template literal prints is the snippet, and makes one customer in ${name}`, async (t) => {
    assert.equal(printed(product.snippet()), product.snippet());
    const came = await click(product, 'ada'), key = `literal_${name}`;
    const page = await fresh(t);
    await page.goto(at('/literal', came));
    await brought(page, 'ada');
    await signUp(page, key);
    assert.deepEqual(await effects(product, key), one(came));
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });
}

// field-faults row 35
test('the snippet holds no mark of a template language', () => {
  // Every `<script>` ends with the one `</` that HTML itself reads.
  const code = product.snippet().replaceAll('</script>', '');
  for (const mark of ['`', '\\', '${', '</', '{{', '{%', '<%']) assert.ok(!code.includes(mark), mark);
});
