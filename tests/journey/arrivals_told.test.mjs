// Whether an arrival was told already, and what a page knows of touches that came after it, as browsers really behave: a consent
// platform that reloads, a landing that is left before it has reported, a second tab, a stranger's cookie. What counts is what
// is there, never how the browser calls the navigation.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch } from './support/browser.mjs';
import { brought, effects, one, signUp } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** A consent platform: it remembers the answer, states it on every page, and reloads the page after it. */
const PLATFORM = `<script>
  if (localStorage.answer) trailmark.consent(localStorage.answer);
  const answers = (word) => {
    localStorage.answer = word;
    location.reload();
  };
  // A page that listens to this is not kept when it is left: the back button loads it.
  addEventListener('unload', () => {});
</script>`;

/** Without a click id, so that each report may become a touch of its own. */
const ADA = { partner: 'ada', query: 'ps_partner_key=YWRh' };
const GRACE = { partner: 'grace', query: 'ps_partner_key=Z3JhY2U' };

let between, product, browser;
before(async () => {
  between = await passage();
  const files = (snippet) => {
    const granted = snippet.replace('data-consent="pending"', 'data-consent="granted"');
    return {
      'index.html': `${PLAIN}${granted}<h1>Landing</h1>`,
      'asks.html': `${PLAIN}${snippet}${PLATFORM}<h1>Landing that asks</h1>`,
      'qr.html': `${PLAIN}${granted}<script>location.replace('/en.html')</script>`,
      'pays.html': `${PLAIN}${granted}<script>
        trailmark.signup({ customerKey: 'paid', email: 'paid@example.org' });
        location.replace('/en.html');
      </script>`,
      'en.html': `${PLAIN}${granted}<h1>English</h1>`,
      'plain.html': `${PLAIN}<h1>Without Trailmark</h1>`,
    };
  };
  product = await Product.start({ files, consent: 'required', pages: between.url });
  between.to(product.site);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  between?.close();
  await product?.stop();
});

const at = (name, { query } = {}) => `${between.url}/${name}.html${query ? `?${query}` : ''}`;

/** Partners of all touches of a page's visitor, the first one first. */
async function partners(page) {
  const reference = await page.evaluate(() => trailmark.reference());
  const { items: rows } = await (await fetch(`${product.operator}/v1/touches`)).json();
  const own = rows.filter(({ visitor }) => visitor === reference).sort((a, b) => a.at.localeCompare(b.at));
  return own.map(({ partner }) => partner);
}

/** Does what loads another document, and waits until that one's SDK is ready. */
async function loads(page, work, arg) {
  await page.evaluate(([work, arg]) => {
    window.isBefore = true;
    setTimeout(() => (0, eval)(work)(arg));
  }, [String(work), arg]);
  await page.waitFor(() => !window.isBefore && document.readyState === 'complete' && window.trailmark);
  await page.evaluate(() => trailmark.ready);
}

/** Presses the platform's button, and waits for the page that it loads. */
const answers = (page, word) => loads(page, (word) => answers(word), word);
const goes = (page, steps) => loads(page, (steps) => history.go(steps), steps);

/** Whether the browser has the flag cookie; of a page of either kind. */
const flagged = ({ cookies }) =>
  until('the flag cookie is there', async () => (await cookies()).some(({ name }) => name === 'tm_acme'));

for (const { name, fresh } of browsers) {
  // field-faults row 28
  test(`a landing that the consent platform reloads after Yes is an arrival, and further reloads are none, in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.goto(at('asks', ADA));
    await page.evaluate(() => trailmark.ready);
    assert.equal(await page.evaluate(() => trailmark.touch()), null);
    await answers(page, 'granted');
    await brought(page, 'ada');
    for (const _ of [1, 2]) {
      await page.reload();
      await brought(page, 'ada');
    }
    assert.deepEqual(await partners(page), ['ada']);
    await signUp(page, `reloaded_${name}`);
    assert.deepEqual(await effects(product, `reloaded_${name}`), one(ADA));
  });

  // field-faults row 28
  test(`a platform that asks again reloads a second partner’s landing: that touch counts too, in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.goto(at('asks', ADA));
    await answers(page, 'granted');
    await brought(page, 'ada');
    await page.evaluate(() => delete localStorage.answer);
    await page.goto(at('asks', GRACE));
    await page.evaluate(() => trailmark.ready);
    await answers(page, 'granted');
    await brought(page, 'grace');
    await goes(page, -1);
    await goes(page, 1);
    await brought(page, 'grace');
    assert.deepEqual(await partners(page), ['ada', 'grace']);
    await signUp(page, `again_${name}`);
    assert.deepEqual(await effects(product, `again_${name}`), one(GRACE));
  });

  // field-faults row 28
  test(`back to a landing that was never told, with consent by then, is its arrival in ${name}`, async (t) => {
    const page = await fresh(t);
    await page.goto(at('asks', ADA));
    await page.evaluate(() => trailmark.ready);
    await page.goto(at('asks'));
    await answers(page, 'granted');
    assert.equal(await page.evaluate(() => trailmark.touch()), null);
    await goes(page, -1);
    await brought(page, 'ada');
    assert.deepEqual(await partners(page), ['ada']);
  });

  // field-faults row 28
  test(`a reload after No, and whatever was answered before, tells nothing in ${name}`, async (t) => {
    const page = await fresh(t);
    const before = between.posted.length;
    await page.goto(at('asks', ADA));
    await answers(page, 'denied');
    await page.reload();
    assert.equal(await page.evaluate(() => trailmark.touch()), null);
    assert.deepEqual([between.posted.slice(before), await page.cookies()], [[], []]);
  });

  // field-faults row 29
  test(`a touch whose report is answered after the next page was ready counts on that page in ${name}`, async (t) => {
    const page = await fresh(t);
    const release = between.hold('POST /tm/v1/clicks');
    await page.goto(at('plain'));
    await page.evaluate((url) => void setTimeout(() => (location.href = url)), at('qr', ADA));
    await page.waitFor(() => location.pathname === '/en.html' && window.trailmark);
    const early = await page.evaluate(async () => [(await trailmark.ready).attributed, await trailmark.touch()]);
    assert.deepEqual(early, [false, null]);
    release();
    await flagged({ cookies: () => page.cookies() });
    // Queued where the machine took longer than 300 ms.
    assert.match((await signUp(page, `late_${name}`)).status, /^(accepted|queued)$/);
    await brought(page, 'ada');
    assert.deepEqual(await partners(page), ['ada']);
    assert.deepEqual(await effects(product, `late_${name}`), one(ADA));
  });

  // field-faults row 30
  test(`a click in another tab counts for a signup in the tab that stood open in ${name}`, async (t) => {
    const first = await fresh(t);
    await first.goto(at('en'));
    assert.deepEqual(await first.evaluate(() => trailmark.ready), { attributed: false, mode: 'idle' });
    const second = await first.another();
    await second.goto(at('index', ADA));
    await brought(second, 'ada');
    // The first call loads the module.
    await brought(first, 'ada');
    assert.equal(typeof (await first.evaluate(() => trailmark.reference())), 'string');
    assert.match((await signUp(first, `tab_${name}`)).status, /^(accepted|queued)$/);
    assert.deepEqual(await effects(product, `tab_${name}`), one(ADA));
  });

  // field-faults row 30
  test(`a withdrawal in another tab binds the tab that stood open in ${name}`, async (t) => {
    const first = await fresh(t);
    await first.goto(at('index', ADA));
    await brought(first, 'ada');
    const second = await first.another();
    await second.goto(at('asks'));
    await answers(second, 'denied');
    await until('the cookies are gone', async () => (await first.cookies()).length === 0);
    const told = await first.evaluate(async () => [await trailmark.touch(), (await trailmark.signup({ customerKey: 'regretted' })).code]);
    assert.deepEqual(told, [null, 'no_touch']);
  });

  // field-faults row 34
  test(`a stranger’s cookie that is no ASCII hides no visitor in ${name}: the touch comes back after storage was cleared`, async (t) => {
    const page = await fresh(t);
    await page.goto(at('index', ADA));
    await brought(page, 'ada');
    await page.goto(at('plain'));
    await page.evaluate(async () => {
      document.cookie = 'city=Zürich; path=/';
      localStorage.clear();
      await new Promise((resolve) => (indexedDB.deleteDatabase('trailmark').onsuccess = resolve));
    });
    await page.goto(at('en'));
    await brought(page, 'ada');
    assert.match(between.posted.at(-1).headers.cookie, /Z.+rich/);
    await signUp(page, `zurich_${name}`);
    assert.deepEqual(await effects(product, `zurich_${name}`), one(ADA));
    assert.deepEqual(await partners(page), ['ada']);
  });
}

// field-faults row 29
test('a signup on the landing itself waits on the next page until its touch was answered for', async () => {
  const { context, page } = await freshPage(browser);
  const release = between.hold('POST /tm/v1/clicks');
  await page.goto(at('pays', ADA)).catch(() => {});
  await page.waitForURL(at('en'));
  await page.evaluate(() => trailmark.ready);
  release();
  await flagged({ cookies: () => context.cookies() });
  assert.deepEqual(await effects(product, 'paid'), one(ADA));
  await context.close();
});

// field-faults row 29
test('a signup on the next page while the landing’s report is under way repeats the report, and counts', async () => {
  const { context, page } = await freshPage(browser);
  const before = between.posted.length;
  const release = between.hold('POST /tm/v1/clicks');
  await page.goto(at('index', ADA));
  await until('the report is under way', () => between.posted.slice(before).some(({ path }) => path === '/tm/v1/clicks'));
  await page.goto(at('en'));
  await page.evaluate(() => trailmark.ready);
  const { status, code } = await signUp(page, 'hasty');
  assert.equal(`${status} ${code}`, 'queued timeout', 'the repeated report waits, too');
  release();
  // Before the commands of `effects`, each of which blocks the passage while it runs.
  const isConversion = ({ path }) => path === '/tm/v1/conversions';
  await until('the signup is sent', () => between.posted.slice(before).some(isConversion));
  await brought(page, 'ada');
  assert.deepEqual(await effects(product, 'hasty'), one(ADA));
  assert.deepEqual(await partners(page), ['ada']);
  await context.close();
});

/** Ahead of a page's own scripts: the browser takes half a second to make a key. */
const slowKeys = () => {
  const { generateKey } = SubtleCrypto.prototype;
  SubtleCrypto.prototype.generateKey = async function (...words) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return generateKey.apply(this, words);
  };
};

for (const ms of [0, 5]) {
  test(`a landing that is left ${ms} ms after the grant keeps its touch for the signup of the next page`, async () => {
    const { context, page } = await freshPage(browser);
    await context.addInitScript(slowKeys);
    await page.goto(at('asks', ADA));
    await page.evaluate(() => trailmark.ready);
    const left = page.waitForURL(at('en'));
    await page.evaluate(([url, ms]) => {
      const leave = () => void (location.href = url);
      trailmark.consent('granted');
      if (ms) setTimeout(leave, ms);
      else leave();
    }, [at('en'), ms]);
    await left;
    assert.match((await signUp(page, `left_${ms}`)).status, /^(accepted|queued)$/);
    assert.deepEqual(await effects(product, `left_${ms}`), one(ADA));
    await context.close();
  });
}
