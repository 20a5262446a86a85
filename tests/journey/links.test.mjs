// Links as people paste and mistype them, walked in Chromium from the address to the touch and to what `conversions explain`
// says. The rules one by one stand in crates/trailmark-wire/vectors/capture.json and docs/links.md.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { Product, until } from './support/product.mjs';

let product, browser;
before(async () => {
  // The page's own names stand in the snippet's `data-params`.
  const pasted = (snippet) => snippet.replace('data-site=', 'data-params="via" data-site=');
  const files = (snippet) => ({ 'index.html': `<!doctype html><title>Shop</title><link rel="icon" href="data:,">${pasted(snippet)}<h1>Shop</h1>` });
  product = await Product.start({ files, config: withVia });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

function withVia({ site, operator, simulator, publicUrl, origins, confirmAfter }) {
  return `
[server]
listen = "${site}"
public_url = "http://${site}"
admin_listen = "${operator}"
[store]
url = "sqlite:trailmark.db"
[[sites]]
id = "acme"
public_url = "${publicUrl}"
origins = ${JSON.stringify(origins)}
consent = "not_required"
[[sites.programs]]
id = "main"
vendor = "partnerstack"
public_key = "env:PARTNERSTACK_PUBLIC_KEY"
private_key = "env:PARTNERSTACK_PRIVATE_KEY"
tracking_token = "env:PARTNERSTACK_TRACKING_TOKEN"
base_url = "http://${simulator}/partnerstack"
tracking_url = "http://${simulator}/partnerlinks"
confirm_after = "${confirmAfter}"
params = ["via"]
`;
}

const touches = async () => (await (await fetch(`${product.operator}/v1/touches`)).json()).items;
const explained = (id) => {
  const { code, stdout } = product.cli('conversions', 'explain', id);
  return code === 0 && stdout.replace(/\s+/g, ' ');
};

/** Goes to an address and signs somebody up there: the touch, the posted address, and the explanation. */
async function walked(address, customer) {
  const { context, page, said } = await freshPage(browser);
  const told = [];
  page.on('request', (request) => request.url().endsWith('/v1/clicks') && told.push(request.postDataJSON().url));
  try {
    await page.goto(address.startsWith('/') ? product.site + address : address);
    const touch = await page.evaluate(() => trailmark.ready.then(() => trailmark.touch()));
    const email = `${customer}@example.org`;
    const result = await page.evaluate((input) => trailmark.signup(input), { customerKey: customer, email });
    const story = touch && (await until('the signup is in the ledger', () => explained(customer)));
    assert.deepEqual([...said.errors, ...said.console], [], address);
    return { touch, told: told[0], result, story };
  } finally {
    await context.close();
  }
}

const cases = [
  { row: 14, address: '/?utm_campaign=spring\\2026&ps_partner_key=YWRh', partner: 'ada' },
  { row: 15, address: '/?utm_source=x&amp;ps_partner_key=YWRh', partner: 'ada' },
  { row: 16, address: '/?ps_partner_key=YWRh?utm_source=x', partner: 'ada' },
  { row: 16, address: '/?utm_source=x?ps_partner_key=YWRh', partner: 'ada' },
  { row: 18, address: '/?ps_partner_key=YWRh%253D', partner: 'ada' },
  { row: 19, address: '/?ps_partner_key=YWRh%20', partner: 'ada' },
  { row: 19, address: '/?ps_partner_key=Y+aXpQ', partner: 'c\u65e5' },
  { row: 22, address: '/#/signup?ps_partner_key=YWRh&token=secret', partner: 'ada' },
  { row: 22, address: '/#via=ada', partner: 'ada' },
  { row: 23, address: '/?VIA=Ada', partner: 'ada' },
  { row: 24, address: `/?ps_partner_key=YWRh&x=${'x'.repeat(8_200)}`, partner: 'ada' },
];
for (const [number, { row, address, partner }] of cases.entries()) {
  // field-faults § 2
  test(`row ${row}: ${address.slice(0, 60)} is partner ${partner}, from the address to the explanation`, async () => {
    const { touch, told, story } = await walked(address, `reader_${number}`);
    assert.equal(touch?.partner, partner);
    // No partner of that key is at the simulator, which may have said so by now.
    assert.match(story, new RegExp(`Touch in program main, partner ${partner}\\. (Credited|It would have been credited)`));
    assert.doesNotMatch(told, /secret|xxxx/);
    assert.ok(!told.includes('#'));
  });
}

// field-faults row 25
test('row 25: a staging host behind a user name and a password works, and neither is sent or stored', async () => {
  const { context, page, said } = await freshPage(browser);
  const told = [];
  page.on('request', (request) => request.postData() && told.push(request.url() + request.postData()));
  await page.goto(product.site.replace('//', '//user:secret@') + '/?ps_partner_key=YWRh');
  const touch = await page.evaluate(() => trailmark.ready.then(() => trailmark.touch()));
  assert.equal(touch?.partner, 'ada');
  const result = await page.evaluate(() => trailmark.signup({ customerKey: 'staging', email: 'staging@example.org' }));
  assert.match(result.status, /^(accepted|queued)$/);
  const story = await until('the signup is in the ledger', () => explained('staging'));
  assert.match(story, /partner ada\. Credited/);
  const stored = await page.evaluate(() => JSON.stringify(Object.entries(localStorage)));
  assert.doesNotMatch(told.join() + stored + JSON.stringify(await touches()) + story, /secret/);
  assert.deepEqual([...said.errors, ...said.console], []);
  await context.close();
});

// field-faults row 20
test('row 20: a merge tag and a key that no vendor has leave an earlier touch its credit', async () => {
  const { context, page } = await freshPage(browser);
  const partner = async (address) => {
    await page.goto(product.site + address);
    return page.evaluate(() => trailmark.ready.then(() => trailmark.touch())).then((touch) => touch?.partner);
  };
  assert.equal(await partner('/?ps_partner_key=YWRh'), 'ada');
  assert.equal(await partner('/?ps_partner_key={{partner_key}}'), 'ada');
  assert.equal(await partner('/?ps_partner_key=a%20b%2Fc'), 'ada');
  await page.evaluate(() => trailmark.signup({ customerKey: 'earlier', email: 'earlier@example.org' }));
  const story = await until('the signup is in the ledger', () => explained('earlier'));
  assert.match(story, /partner ada\. Credited/);
  assert.match(story, /its link names no partner: its key has characters that no vendor uses/);
  assert.doesNotMatch(story, /partner_key\}\}/);
  await context.close();
});

// field-faults row 22
test('row 22: a page that is left early sends recognised parameters of its fragment alone', async () => {
  const { context, page } = await freshPage(browser);
  await context.route('**/tm/sdk-*', (route) => route.abort());
  // No driver sees what a page sends while it is left.
  await context.addInitScript(() => {
    const { fetch } = window;
    window.fetch = (url, init) => {
      if (init?.keepalive) localStorage.early = init.body;
      return fetch(url, init);
    };
  });
  await page.goto(`${product.site}/?session=secret#/signup?VIA=grace&token=secret`);
  await page.goto(`${product.site}/`);
  const told = await page.evaluate(() => localStorage.early);
  assert.match(told, /VIA=grace/);
  assert.doesNotMatch(told, /secret/);
  const kept = () => touches().then((rows) => rows.find(({ partner }) => partner === 'grace'));
  const touch = await until('the touch is in the ledger', kept);
  assert.equal(touch.landing_url, `${product.site}/?VIA=grace`);
  await context.close();
});

// field-faults rows 26 and 27
test('rows 26 and 27: a link hands its parameters on, and one that is refused shows a page with a way on', async () => {
  const { context, page } = await freshPage(browser);
  await page.goto(`${product.site}/tm/r/main/Ada/?to=/&utm_source=news&gclid=x`);
  assert.equal(page.url(), `${product.site}/?utm_source=news&gclid=x`);
  const touch = await page.evaluate(() => trailmark.ready.then(() => trailmark.touch()));
  assert.equal(touch?.partner, 'ada');
  const refused = await page.goto(`${product.site}/tm/r/nobody/ada`);
  assert.equal(refused.status(), 404);
  await page.getByRole('heading', { name: 'This link does not work' }).waitFor();
  await page.getByRole('link', { name: 'Go to the site' }).click();
  await page.getByRole('heading', { name: 'Shop' }).waitFor();
  await context.close();
});
