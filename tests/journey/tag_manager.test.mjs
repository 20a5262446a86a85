// The SDK as a tag manager loads it: by an address with the settings in its query, long after the page has begun, without the
// snippet. What gtm/template.tpl makes this address of is in tests/package/tag_manager.test.mjs.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch } from './support/browser.mjs';
import { brought, click, effects, one, signUp } from './support/effects.mjs';
import { Product } from './support/product.mjs';

const HEAD = '<!doctype html><title>Shop</title><link rel="icon" href="data:,">';

/** As `injectScript` of the tag manager does. */
const injected = (address) => `<script>
  addEventListener('load', () => {
    const script = document.createElement('script');
    script.async = true;
    script.src = '${address}';
    document.head.append(script);
  });
</script>`;

let product, chromium;
before(async () => {
  const files = () => ({
    'index.html': HEAD + injected('/tm/sdk.js?site=acme&consent=granted'),
    'asks.html': HEAD + injected('/tm/sdk.js?site=acme&consent=pending&params=via%2Cref'),
    'tag.html': `${HEAD}<script async src="/tm/sdk.js" data-site="acme" data-consent="pending"></script>`,
    'none.html': HEAD + injected('/tm/sdk.js'),
  });
  product = await Product.start({ files });
  chromium = await launch();
});
after(async () => {
  await chromium?.close();
  await product?.stop();
});

/** A page, once its script has made `trailmark`. */
async function opened(t, path) {
  const { context, page, said } = await freshPage(chromium);
  t.after(() => context.close());
  await page.goto(product.site + path);
  await page.waitForFunction(() => window.trailmark);
  const ready = await page.evaluate(() => trailmark.ready);
  return { page, said, ready };
}

for (const { name, fresh } of browsers)
  test(`a script that is loaded by its address alone makes one customer in ${name}`, async (t) => {
    const came = await click(product, 'ada');
    const page = await fresh(t);
    await page.goto(`${product.site}/?${came.query}`);
    await page.waitFor(() => window.trailmark);
    await brought(page, 'ada');
    await signUp(page, `tagged_${name}`);
    assert.deepEqual(await effects(product, `tagged_${name}`), one(came));
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });

test('the address also states consent and the page’s own parameters', async (t) => {
  const { page, said } = await opened(t, '/asks?via=ada');
  assert.deepEqual(said.requests.filter(({ url }) => url.includes('/v1/')), []);
  const told = page.waitForRequest((request) => request.url().endsWith('/v1/clicks'));
  await page.evaluate(() => trailmark.consent('granted'));
  assert.equal(new URL((await told).postDataJSON().url).searchParams.get('via'), 'ada');
});

test('the address of the page states nothing', async (t) => {
  const { page, said, ready } = await opened(t, '/tag?ps_partner_key=YWRh&consent=granted&endpoint=/evil&debug=1');
  assert.equal(ready.attributed, false);
  assert.deepEqual(said.requests.filter(({ url }) => /\/v1\/|evil\/|console/.test(new URL(url).pathname)), []);
  assert.deepEqual([await page.evaluate(() => ({ ...localStorage })), said.console], [{}, []]);
});

test('without a site the page goes on without the SDK', async (t) => {
  const { ready, said } = await opened(t, '/none?ps_partner_key=YWRh');
  assert.deepEqual(ready, { attributed: false, mode: 'off' });
  assert.deepEqual([...said.errors, ...said.console], []);
});
