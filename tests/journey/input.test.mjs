// What pages pass, as people fill in forms and developers write calls (field-faults § 1), in a real Chromium: nothing is lost for a
// flaw in an optional field, and what is refused is refused at once. The rule itself is tested in crates/trailmark-wire.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { brought, click, settled } from './support/effects.mjs';
import { Product, ROOT, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';

/** What Prototype.js 1.6 adds: `JSON.stringify` writes every list as a text that holds it. */
const PROTOTYPE = `<script>
  Array.prototype.toJSON = function () { return '[' + this.map(item => JSON.stringify(item)).join(', ') + ']'; };
</script>`;

/** A page of docs/html.md, with the snippet in place of the marked line. */
function documented(name, snippet) {
  const text = readFileSync(join(ROOT, 'docs/html.md'), 'utf8');
  const [, page] = text.match(new RegExp(`\`\`\`html file=www/${name}\\n([^]*?)\`\`\``));
  return page.replace('<!-- the snippet -->', () => snippet);
}

let product, browser;
before(async () => {
  const files = (snippet) => {
    const debug = snippet.replace('data-site=', 'data-debug data-site=');
    return {
      'index.html': documented('index.html', debug),
      'join.html': documented('join.html', debug),
      'prototype.html': `${PLAIN}${PROTOTYPE}${debug}`,
    };
  };
  product = await Product.start({ files, extra: 'signups_per_visitor = 100' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/** A page that Ada's link has opened; `query` in place of the platform's own parameters. */
async function landed(path = '', query) {
  const came = await click(product, 'ada');
  const opened = await freshPage(browser);
  await opened.page.goto(`${product.site}/${path}?${query ?? came.query}`);
  await brought(opened.page, 'ada');
  return opened;
}

/** A call of the SDK, given as the text that a developer writes. */
const call = (page, text) => page.evaluate((text) => (0, eval)(`trailmark.${text}`), text);

/** What the page hears of a call, and the proxy's answer. On a busy machine the page hears `queued` after 300 ms. */
async function answered(page, text) {
  const posted = (answer) => answer.url().endsWith('/v1/conversions');
  const [response, result] = await Promise.all([page.waitForResponse(posted), call(page, text)]);
  const { status: word, code, attribution, warnings } = await response.json();
  const status = response.ok() ? word : 'failed';
  if (result.status !== 'queued') assert.deepEqual([result.status, result.code, result.warnings], [status, code, warnings], text);
  return { status, code, attribution, warnings: (warnings ?? []).map((warning) => `${warning.field} ${warning.code}`) };
}

/** Waits until the console holds a line with this text. */
const printed = (said, text) => until(`the console says "${text}"`, () => said.console.some((line) => line.includes(text)));

const customer = async (key) => {
  await settled(product);
  const { customers } = await product.control('state/partnerstack');
  return customers.find(({ customer_key }) => customer_key === key);
};

test('the form of html.md with Name left empty makes a customer, and says that the name was blank', async () => {
  // field-faults row 1
  const { context, page, said } = await landed();
  await page.getByLabel('E-mail').fill(' reader@example.org ');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.locator('#result:not(:empty)').waitFor();
  const { status, warnings } = JSON.parse(await page.locator('#result').textContent());
  if (status !== 'queued') assert.deepEqual([status, warnings], ['accepted', [{ field: 'customer.name', code: 'blank' }]]);
  await printed(said, 'signup: customer.name blank');
  assert.deepEqual(said.errors, []);
  assert.equal((await customer('u_1')).email, 'reader@example.org');
  await context.close();
});

test('the bound form of html.md with Name left empty and a blank behind the address makes a customer', async () => {
  // field-faults rows 1 and 2
  const { context, page } = await landed('join');
  await page.getByLabel('E-mail').evaluate((input) => (input.type = 'text'));
  await page.getByLabel('E-mail').fill('jo@example.org\u00a0');
  await page.getByRole('button', { name: 'Join' }).click();
  await until('the document is left', () => page.url().startsWith('chrome-error:'));
  await page.goto(`${product.site}/`);
  const known = () => product.json('conversions', 'list').filter(({ external_id }) => external_id === 'jo@example.org');
  await until('the ledger has it', () => known().length > 0);
  assert.deepEqual(known().map(({ status }) => status), ['accepted']);
  assert.equal((await customer('jo@example.org')).email, 'jo@example.org');
  await context.close();
});

test('no optional field costs a call its conversion, and the result names each repair', async () => {
  // field-faults rows 1 to 4
  const { context, page, said } = await landed();
  const email = "email: 'a@x.org'";
  for (const [number, [members, warnings]] of [
    [`${email}, name: ''`, ['customer.name blank']],
    [`${email}, name: ' '`, ['customer.name blank']],
    ["email: ''", ['customer.email blank']],
    ["email: 'a@x.org '", []],
    ["email: '\\u3000a@x.org', name: '\\u2003Jo'", []],
    ["email: 'nobody'", ['customer.email not_an_email']],
    [`${email}, name: 'Jo\\tSmith'`, ['customer.name controls']],
    [`${email}, name: 'x'.repeat(201)`, ['customer.name cut']],
    [`${email}, name: { first: 'Jo' }`, ['customer.name wrong_type']],
    [`${email}, name: 'Jo \\ud83d'`, []],
    [`${email}, name: 'Jo 🦊'.slice(0, 4)`, []],
    [`${email}, data: { ua: 'y'.repeat(501), note: 'a\\nb', '\\ud83d': '\\ude00' }`, ['data.ua cut', 'data.note controls']],
    [`${email}, data: Object.fromEntries(Array.from({ length: 26 }, (_, n) => ['k' + n, 'v']))`, ['data too_many']],
    [`${email}, data: 'text'`, ['data wrong_type']],
  ].entries()) {
    const answer = await answered(page, `signup({ customerKey: ' n_${number} ', ${members} })`);
    assert.deepEqual([answer.status, answer.warnings], ['accepted', warnings], members);
    for (const warning of warnings) await printed(said, `signup: ${warning}`);
  }
  assert.deepEqual(said.errors, []);
  const keys = product.json('conversions', 'list', '--limit', '1000').map(({ external_id }) => external_id);
  assert.ok(keys.includes('n_13') && keys.every((key) => key === key.trim()), keys.join());
  const again = await answered(page, "signup({ customerKey: 'n_0', email: 'other@x.org' })");
  assert.equal(again.status, 'duplicate', 'the same customer');
  await context.close();
});

test('a key that is no key is malformed, and nothing is counted for it', async () => {
  // field-faults row 5: refused by the proxy, whose word the page hears.
  const { context, page, said } = await landed();
  const before = product.json('conversions', 'list', '--limit', '1000').length;
  for (const key of ["'undefined'", "'null'", "'NaN'", "'[object Object]'", '0', 'String(undefined)', '`${{}}`', "'{{user.id}}'"]) {
    const { status, code } = await answered(page, `signup({ customerKey: ${key}, email: 'a@x.org' })`);
    assert.deepEqual([status, code], ['failed', 'malformed'], key);
  }
  await printed(said, '`data.customer.key` is not a customer key: it is what a program writes for a missing value');
  // field-faults row 6, and what has no key at all: refused by the page at once.
  for (const key of ['undefined', 'null', 'NaN', '{}', "' '", '12345678901234567890', '2 ** 53', '1.5']) {
    const { status, code } = await call(page, `signup({ customerKey: ${key}, email: 'a@x.org' })`);
    assert.deepEqual([status, code], ['failed', 'malformed'], key);
  }
  await printed(said, 'customerKey is a number that JavaScript rounds: pass it as text');
  assert.equal(product.json('conversions', 'list', '--limit', '1000').length, before);
  await context.close();
});

test('a sale with lines reaches the ledger from a page with Prototype.js 1.6, in a currency of lower case', async () => {
  // field-faults rows 7 and 8
  const { context, page, said } = await landed('prototype');
  const items = "[{ sku: 'a', unitAmountMinor: 500, quantity: 2 }, { sku: 7, unitAmountMinor: 900, quantity: 1, note: 'own' }]";
  const sale = `sale({ customerKey: 'u_p', orderKey: 'o_p', amountMinor: 1900, currency: 'usd', items: ${items} })`;
  const { status, code, attribution } = await answered(page, sale);
  assert.deepEqual([status, code, attribution], ['held', 'money_unsigned', [{ program: 'main', partner: 'ada' }]]);
  assert.deepEqual(said.errors, []);
  const [row] = product.json('conversions', 'list').filter(({ external_id }) => external_id === 'o_p');
  assert.deepEqual(row.amount, { amount_minor: 1900, currency: 'USD' });
  const signup = await answered(page, "signup({ customerKey: 'u_p', email: 'p@x.org', data: { plan: 'pro' } })");
  assert.equal(signup.status, 'accepted');
  await context.close();
});

test('a signup by a partner key without an address says that the vendor of main needs one', async () => {
  // field-faults row 12
  const { context, page, said } = await landed('', 'ps_partner_key=YWRh');
  const { status, warnings } = await answered(page, "signup({ customerKey: 'no_address' })");
  assert.deepEqual([status, warnings], ['accepted', ['customer.email missing_for:main']]);
  await printed(said, 'signup: customer.email missing_for:main');
  const [{ id }] = product.json('conversions', 'list').filter(({ external_id }) => external_id === 'no_address');
  const { stdout } = product.cli('conversions', 'explain', id);
  assert.match(stdout.replace(/\s+/g, ' '), /`customer.email` is missing, and the vendor of program main needs it/);
  await context.close();
});
