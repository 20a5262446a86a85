// What an operator is answered about what a page did: by one id that page and ledger share, and by the customer's address.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { freshPage, launch } from './support/browser.mjs';
import { brought, click, settled, signUp } from './support/effects.mjs';
import { Product, until } from './support/product.mjs';

let product, browser;
before(async () => {
  [product, browser] = await Promise.all([Product.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

async function landed() {
  const came = await click(product, 'ada');
  const { context, page } = await freshPage(browser);
  await page.goto(`${product.site}/?${came.query}`);
  await brought(page, 'ada');
  return { context, page };
}

// field-faults row 85
test('a page and the ledger call a conversion by one id, whether it was sent at once or waited', async () => {
  const { context, page } = await landed();
  const rows = () => product.json('conversions', 'list');
  // The page hears `queued` where the machine is slower than its 300 ms; the id is the same.
  const { conversionId } = await signUp(page, 'at_once');
  await until('the first is in the ledger', () => rows().length === 1);
  await context.route('**/v1/conversions', (route) => route.abort());
  const waiting = await signUp(page, 'later');
  assert.equal(waiting.status, 'queued');
  await context.unroute('**/v1/conversions');
  await page.reload();
  await until('both are in the ledger', () => rows().length === 2);
  const ids = Object.fromEntries(rows().map((row) => [row.external_id, row.id]));
  assert.deepEqual(ids, { at_once: conversionId, later: waiting.conversionId });
  await context.close();
});

// field-faults rows 55 and 57
test('a conversion is explained by the customer’s address, and the first line is the answer', async () => {
  const { context, page } = await landed();
  const { conversionId } = await signUp(page, 'rosa');
  await settled(product);
  const { code, stdout } = product.cli('conversions', 'explain', 'Rosa@Example.org');
  assert.equal(code, 0);
  assert.match(stdout, /^(Recorded|Waiting|Approved|Paid): PartnerStack /);
  assert.ok(stdout.includes(`Conversion ${conversionId}.`) && !stdout.includes('@'), stdout);
  await context.close();
});
