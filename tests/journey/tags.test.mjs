// Script tags of two sites in one page, and a tag of another product that looks like ours: each site has its own touch and its
// own customers, whichever script runs first, and nothing of it goes to anybody else.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch, patiently } from './support/browser.mjs';
import { click } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

// A second site of the same host: the program `main`, which the configuration ends with, becomes that one's.
const twoSites = ({ site, simulator }) => `
[[sites.programs]]
id = "acme-main"
vendor = "partnerstack"
public_key = "env:PARTNERSTACK_PUBLIC_KEY"
private_key = "env:PARTNERSTACK_PRIVATE_KEY"
tracking_token = "env:PARTNERSTACK_TRACKING_TOKEN"
base_url = "${simulator}/partnerstack"
tracking_url = "${simulator}/partnerlinks"
confirm_after = "4s"
unique_keys = true

[[sites]]
id = "globex"
origins = ["${site}"]
consent = "not_required"
`;

const tag = (site) => `<script async src="/tm/sdk.js" data-site="${site}" data-consent="granted"></script>`;
const form = `<iframe name="away" hidden></iframe><form data-trailmark="signup" data-site="globex" target="away" action="/">
  <input name="customerKey" value="bound"><button>Join</button></form>`;
// A router that cleans the address before any script has come.
const router = "<script>history.replaceState(null, '', '/elsewhere')</script>";

let stranger, product, browser;
before(async () => {
  stranger = await passage();
  for (const path of ['/x/sdk.js', '/x/loader-sdk.js', '/x/sdk'])
    stranger.serve(path, 'text/javascript', 'window.others = (window.others || 0) + 1');
  const other = (path, more) => `<script async src="${stranger.url}${path}" data-site="acme-others" ${more}></script>`;
  const asks = 'data-consent="granted" data-endpoint="/leak"';
  const files = (snippet) => {
    const [stub] = snippet.match(/<script>.*?<\/script>/s);
    return {
      'both.html': PLAIN + stub + tag('acme') + tag('globex') + form,
      'pasted.html': PLAIN + stub + tag('acme') + stub + tag('globex'),
      'tags.html': PLAIN + tag('globex') + tag('acme'),
      'routed.html': PLAIN + stub + router + tag('acme') + tag('globex'),
      'twice.html': PLAIN + stub + tag('acme') + stub + tag('acme'),
      'others.html': PLAIN + stub + other('/x/loader-sdk.js', asks) + other('/x/sdk', asks) + other('/x/sdk.js', asks) + tag('acme'),
      'form.html': `${PLAIN}<form name="trailmark"><input name="_"></form>${stub}${tag('acme')}`,
      'form_alone.html': `${PLAIN}<form name="trailmark"><input name="_"></form>${tag('acme')}`,
      'scripts.html': `${PLAIN}${stub}<form name="scripts"><input data-site="acme" ${asks} src="/x/sdk.js"></form>${tag('acme')}`,
    };
  };
  product = await Product.start({ files, extra: twoSites });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  stranger?.close();
  await product?.stop();
});

/** Opens a page as a partner's visitor. */
async function visit(t, name) {
  const from = await click(product, 'ada');
  const { context, page, said } = await freshPage(browser);
  t.after(() => context.close());
  await page.addInitScript(patiently);
  await page.goto(`${product.site}/${name}.html?${from.query}`);
  const reports = () => said.requests.filter(({ url }) => url.endsWith('/v1/clicks')).length;
  return { page, said, reports };
}

const signUp = (page, calls, key) => page.evaluate(([calls, key]) => window[calls].signup({ customerKey: key }), [calls, key]);

// What stands in the page, and whose calls `trailmark` has.
for (const [name, owner] of [['both', 'acme'], ['pasted', 'acme'], ['tags', 'globex'], ['routed', 'acme']])
  test(`two sites stand side by side (${name}): each has its own calls, its own touch and its own customer`, async (t) => {
    const { page, said, reports } = await visit(t, name);
    await page.waitForFunction(() => window.trailmark_acme && window.trailmark_globex);
    const touches = await page.evaluate(async () => [await trailmark_acme.touch(), await trailmark_globex.touch()]);
    assert.deepEqual(touches.map((touch) => touch?.program), ['acme-main', 'main']);
    assert.ok(await page.evaluate((owner) => trailmark === window[`trailmark_${owner}`], owner));
    const results = [await signUp(page, 'trailmark_acme', `${name}_a`), await signUp(page, 'trailmark_globex', `${name}_g`)];
    assert.deepEqual(results.map(({ attribution }) => attribution.map(({ program }) => program)), [['acme-main'], ['main']]);
    assert.equal(reports(), 2);
    const of = (key) => product.json('conversions', 'list', '--limit', '1000').filter((row) => row.external_id === key);
    assert.deepEqual([`${name}_a`, `${name}_g`].map((key) => of(key).map(({ site }) => site)), [['acme'], ['globex']]);
    assert.deepEqual(said.errors, []);
  });

test('a form of the second site is reported to that site alone', async (t) => {
  const { page, said, reports } = await visit(t, 'both');
  await until('both have reported', () => reports() === 2);
  const answered = page.waitForResponse('**/v1/conversions');
  await page.getByRole('button').click();
  assert.deepEqual((await (await answered).json()).attribution.map(({ program }) => program), ['main']);
  assert.deepEqual(said.errors, []);
});

test('the same snippet twice reports once', async (t) => {
  const { page, said, reports } = await visit(t, 'twice');
  assert.equal((await page.evaluate(() => trailmark.touch())).program, 'acme-main');
  assert.equal((await signUp(page, 'trailmark', 'twice')).status, 'accepted');
  assert.equal(reports(), 1);
  assert.deepEqual(said.errors, []);
});

for (const name of ['others', 'scripts', 'form', 'form_alone'])
  test(`a foreign element is never taken for our tag (${name}): calls, consent and reports are the site's own`, async (t) => {
    const { page, said, reports } = await visit(t, name);
    await page.waitForFunction(() => trailmark.touch);
    assert.equal((await page.evaluate(() => trailmark.touch())).program, 'acme-main');
    assert.equal((await signUp(page, 'trailmark', name)).status, 'accepted');
    assert.equal(reports(), 1);
    assert.deepEqual(said.requests.filter(({ method, url }) => method === 'POST' && !url.startsWith(`${product.site}/tm/v1/`)), []);
    assert.deepEqual([stranger.posted, said.errors], [[], []]);
  });
