// Consent, seen from outside the page: what the browser has under the shop's origin and in its cookie jar, and every
// request that leaves it. Without a grant that is nothing; after a withdrawal it is nothing again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch, patiently } from './support/browser.mjs';
import { brought, click, effects, one, touches } from './support/effects.mjs';
import { EVERYTHING, kept as keptBy, privately } from './support/outside.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** A page that does all that a page can do, as soon as it is read. */
const EVERYTHING_CALLED = `
  <form data-trailmark="signup" action="/plain.html">
    <input name="customerKey" value="bound"><button>Join</button>
  </form>
  <script>
    const calls = [
      trailmark.touch(),
      trailmark.signup({ customerKey: 'early', email: 'early@example.org' }),
      trailmark.lead({ customerKey: 'early' }),
      trailmark.sale({ customerKey: 'early', orderKey: 'o_1', amountMinor: 100, currency: 'EUR' }),
      trailmark.reference(),
    ];
  </script>`;

let product, browser;
before(async () => {
  const files = (snippet) => {
    const stated = (word) => PLAIN + snippet.replace(' data-consent="pending"', word && ` data-consent="${word}"`);
    return {
      'plain.html': `${PLAIN}<h1>Without Trailmark</h1>`,
      'index.html': stated('granted'),
      'ask.html': stated('pending'),
      'all_granted.html': stated('granted') + EVERYTHING_CALLED,
      'all_denied.html': stated('denied') + EVERYTHING_CALLED,
      'all_pending.html': stated('pending') + EVERYTHING_CALLED,
      'all_unsaid.html': stated('') + EVERYTHING_CALLED,
    };
  };
  product = await Product.start({ files, consent: 'required' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/** A fresh visitor with everything recorded that leaves any of its pages. */
async function visitor() {
  const { context, page } = await freshPage(browser);
  const requests = [];
  context.on('request', (request) => requests.push(`${request.method()} ${request.url().replace(product.site, '')}`));
  // The SDK's own files, the pages of the shop, and what a test has seen already do not count.
  const left = () => requests.splice(0).filter((line) => !/^GET \/(tm\/sdk[^/]*|[a-z_]*\.html\S*|\?\S*)?$/.test(line));
  return { context, page, left };
}

const kept = (context, page) => keptBy(context, page, product.site);

const REFUSED = { denied: 'ignored consent', pending: 'failed consent_pending' };

// What the tag says, whether the browser states GPC, the state in force, what the page says then, and what follows.
const CASES = [
  ['denied', 'all_denied', false, 'denied', 'denied', 'denied'],
  ['Global Privacy Control', 'all_unsaid', true, 'denied', 'granted', 'denied'],
  ['Global Privacy Control over a granted tag', 'all_granted', true, 'denied', 'granted', 'denied'],
  ['pending', 'all_pending', false, 'pending', 'pending', 'pending'],
  ['nothing stated', 'all_unsaid', false, 'pending', 'pending', 'pending'],
  ['pending, then denied', 'all_pending', false, 'pending', 'denied', 'denied'],
];
for (const [name, file, control, first, word, then] of CASES) {
  test(`${name}: after the SDK's own files no request leaves and nothing is kept`, async () => {
    const came = await click(product, 'ada');
    const { context, page, left } = await visitor();
    if (control) await privately(context);
    await page.goto(`${product.site}/${file}.html?${came.query}`);
    const said = await page.evaluate(async () => ({ ready: await trailmark.ready, calls: await Promise.all(calls) }));
    assert.deepEqual(said.ready, { attributed: false, mode: 'wasm' });
    const [touch, ...rest] = said.calls;
    assert.deepEqual([touch, rest.pop()], [null, null]);
    assert.deepEqual(rest.map(({ status, code }) => `${status} ${code}`), Array(3).fill(REFUSED[first]));
    // The page's word, a route change, one more signup, and a form that leaves the page.
    assert.equal(await page.evaluate((word) => trailmark.consent(word), word), then);
    await page.evaluate(() => history.pushState(null, '', '/all_elsewhere.html'));
    const late = await page.evaluate(() => trailmark.signup({ customerKey: 'late' }));
    assert.equal(`${late.status} ${late.code}`, REFUSED[then]);
    await page.getByRole('button').click();
    await page.getByText('Without Trailmark').waitFor();
    assert.deepEqual(await kept(context, page), []);
    assert.deepEqual(left(), []);
    assert.deepEqual(await touches(product, came), []);
    await context.close();
  });
}

test('pending across route changes until granted: the first page’s touch is there, and earns', async () => {
  const came = await click(product, 'ada');
  const { context, page, left } = await visitor();
  await page.goto(`${product.site}/ask.html?${came.query}`);
  await page.evaluate(() => trailmark.ready);
  for (const path of ['/pricing', '/pricing?plan=garden', '/signup']) {
    await page.evaluate((path) => history.pushState(null, '', path), path);
    assert.equal(await page.evaluate(() => trailmark.touch()), null);
  }
  const { code } = await page.evaluate(() => trailmark.signup({ customerKey: 'patient', email: 'p@example.org' }));
  assert.equal(code, 'consent_pending');
  assert.deepEqual([left(), await kept(context, page), await touches(product, came)], [[], [], []]);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
  assert.deepEqual(await effects(product, 'patient'), one(came));
  const [touch, ...more] = await touches(product, came);
  assert.deepEqual([new URL(touch.landing_url).pathname, more], ['/ask.html', []]);
  assert.deepEqual(await kept(context, page), EVERYTHING);
  assert.deepEqual(left(), ['POST /tm/v1/clicks', 'POST /tm/v1/conversions']);
  await context.close();
});

test('pending and a full load: what the first page had in memory is forgotten', async () => {
  const came = await click(product, 'ada');
  const { context, page, left } = await visitor();
  // The signup loads the module.
  await context.addInitScript(patiently);
  await page.goto(`${product.site}/ask.html?${came.query}`);
  await page.evaluate(() => trailmark.ready);
  await page.goto(`${product.site}/ask.html`);
  await page.evaluate(() => trailmark.ready);
  assert.equal(await page.evaluate(() => trailmark.consent('granted')), 'granted');
  const { status, code } = await page.evaluate(() => trailmark.signup({ customerKey: 'forgotten' }));
  assert.deepEqual([status, code], ['unattributed', 'no_touch']);
  assert.deepEqual([left(), await kept(context, page), await touches(product, came)], [[], [], []]);
  await context.close();
});

test('of several words that a page says before the module runs, only the last counts', async () => {
  for (const [words, sent] of [[['denied', 'granted'], ['POST /tm/v1/clicks']], [['granted', 'denied'], []]]) {
    const came = await click(product, 'ada');
    const { context, page, left } = await visitor();
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await context.route('**/tm/sdk-*', (route) => released.then(() => route.continue()));
    await page.goto(`${product.site}/ask.html?${came.query}`);
    await page.evaluate((words) => void (window.heard = words.map((word) => trailmark.consent(word))), words);
    release();
    const last = words.at(-1);
    assert.deepEqual(await page.evaluate(() => Promise.all(heard)), [last, last]);
    if (last === 'granted') await brought(page, 'ada');
    await page.goto(`${product.site}/plain.html`);
    assert.deepEqual([left(), (await touches(product, came)).length], [sent, sent.length]);
    await context.close();
  }
});

/** A visitor with a touch, a token, a key and a signup that waits because the proxy does not answer. */
async function known() {
  const came = await click(product, 'ada');
  const fresh = await visitor();
  await fresh.page.goto(`${product.site}/?${came.query}`);
  await brought(fresh.page, 'ada');
  await fresh.context.route('**/v1/conversions', (route) => route.abort());
  const { status } = await fresh.page.evaluate(() => trailmark.signup({ customerKey: 'regretted' }));
  assert.equal(status, 'queued');
  // `queued` follows the write of the signup; on a busy machine the token of the touch may be written later.
  const names = async () => (await kept(fresh.context, fresh.page)).map((name) => name.replace(/^(tm_acme_queue_).*/, '$1'));
  assert.ok((await names()).includes('tm_acme_queue_'));
  await until('the touch is stored too', async () => (await names()).length > EVERYTHING.length);
  assert.deepEqual(await names(), [...EVERYTHING, 'tm_acme_queue_'].sort());
  await fresh.context.unroute('**/v1/conversions');
  fresh.left();
  return { came, ...fresh };
}

/** What was sent from the withdrawal on. Until then the queue may try again what the visitor still wants sent. */
const sinceWithdrawal = (sent) => sent.slice(sent.findIndex((line) => line.startsWith('DELETE')));

const forgotten = (context, page) => until('nothing is left', async () => (await kept(context, page)).length === 0);

test('withdrawal sends exactly one DELETE and leaves nothing', async () => {
  const { context, page, left } = await known();
  assert.equal(await page.evaluate(() => trailmark.consent('denied')), 'denied');
  await forgotten(context, page);
  const after = await page.evaluate(async () => {
    const { status } = await trailmark.signup({ customerKey: 'after' });
    return [await trailmark.touch(), status, await trailmark.consent('denied')];
  });
  assert.deepEqual(after, [null, 'ignored', 'denied']);
  assert.deepEqual(sinceWithdrawal(left()), ['DELETE /tm/v1/clicks?site=acme']);
  await page.goto(`${product.site}/all_denied.html`);
  await page.evaluate(() => trailmark.ready);
  await page.goto(`${product.site}/plain.html`);
  assert.deepEqual([left(), await kept(context, page)], [[], []]);
  assert.ok(product.json('conversions', 'list').every(({ external_id: key }) => key !== 'regretted'));
  await context.close();
});

test('Global Privacy Control after a grant withdraws it: one DELETE, nothing left, nothing more', async () => {
  const { context, page, left } = await known();
  await privately(context);
  await page.goto(`${product.site}/all_granted.html`);
  await forgotten(context, page);
  assert.deepEqual(sinceWithdrawal(left()), ['DELETE /tm/v1/clicks?site=acme']);
  await page.goto(`${product.site}/all_granted.html`);
  await page.evaluate(() => Promise.all(calls));
  await page.goto(`${product.site}/plain.html`);
  assert.deepEqual([left(), await kept(context, page)], [[], []]);
  await context.close();
});

test('a withdrawal while the touch is being reported is not overtaken by the answer', async () => {
  const came = await click(product, 'ada');
  const { context, page, left } = await visitor();
  let answered;
  const reported = new Promise((resolve) => {
    context.route('**/v1/clicks', async (route) => {
      const answer = await route.fetch();
      answered = () => route.fulfill({ response: answer });
      resolve();
    }, { times: 1 });
  });
  await page.goto(`${product.site}/?${came.query}`);
  await reported;
  const cleared = page.waitForResponse((answer) => answer.request().method() === 'DELETE');
  assert.equal(await page.evaluate(() => trailmark.consent('denied')), 'denied');
  // Waits as long as a page does for what is under way, which is time enough for a DELETE to overtake.
  assert.equal(await page.evaluate(() => trailmark.touch()), null);
  assert.deepEqual(left(), ['POST /tm/v1/clicks']);
  await answered();
  await (await cleared).finished();
  await page.goto(`${product.site}/plain.html`);
  assert.deepEqual(left(), ['DELETE /tm/v1/clicks?site=acme']);
  assert.deepEqual(await kept(context, page), []);
  await context.close();
});
