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

const tag = (site, more = '') => `<script async src="/tm/sdk.js" data-site="${site}" data-consent="granted"${more}></script>`;
const globex = tag('globex', ' data-name="globex"');
const form = `<iframe name="away" hidden></iframe><form data-trailmark="signup" data-site="globex" target="away" action="/">
  <input name="customerKey" value="bound"><button>Join</button></form>`;

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
      'after.html': PLAIN + stub + tag('acme') + globex,
      'before.html': PLAIN + stub + globex + tag('acme'),
      'tags.html': PLAIN + globex + tag('acme'),
      'unnamed.html': PLAIN + stub + tag('acme') + tag('globex') + form,
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

for (const name of ['after', 'before', 'tags'])
  test(`two sites stand side by side (${name}): each has its own calls, its own touch and its own customer`, async (t) => {
    const { page, said, reports } = await visit(t, name);
    await page.waitForFunction(() => window.trailmark && window.globex);
    const programs = await page.evaluate(async () => [await trailmark.touch(), await globex.touch()].map((touch) => touch?.program));
    assert.deepEqual(programs, ['acme-main', 'main']);
    const results = [await signUp(page, 'trailmark', `${name}_a`), await signUp(page, 'globex', `${name}_g`)];
    assert.deepEqual(results.map(({ attribution }) => attribution.map(({ program }) => program)), [['acme-main'], ['main']]);
    assert.equal(reports(), 2);
    const of = (key) => product.json('conversions', 'list', '--limit', '1000').filter((row) => row.external_id === key);
    assert.deepEqual([`${name}_a`, `${name}_g`].map((key) => of(key).map(({ site }) => site)), [['acme'], ['globex']]);
    assert.deepEqual(said.errors, []);
  });

test('without a name the first tag has the calls, and the second site its arrival and its forms', async (t) => {
  const { page, said, reports } = await visit(t, 'unnamed');
  await until('both have reported', () => reports() === 2);
  assert.equal((await page.evaluate(() => trailmark.touch())).program, 'acme-main');
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
