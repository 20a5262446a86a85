// From a partner's link to one attributed customer, in real browsers against the built product by script tag.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browsers, freshPage, launch, patiently, screenshot } from './support/browser.mjs';
import { Product, until } from './support/product.mjs';

let product, browser;
before(async () => {
  product = await Product.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

const customers = async () => (await product.control('state/partnerstack')).customers;
const settled = (id) =>
  until('the delivery is settled', () => {
    // A signup that took longer than the page waits is on its way all the same.
    const { code, stdout } = product.cli('conversions', 'show', id, '--json');
    const deliveries = code === 0 ? JSON.parse(stdout).deliveries : [];
    return deliveries.length > 0 && deliveries.every(({ state }) => state === 'recorded') && deliveries;
  });

async function signUp(page, name, email) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.locator('[data-result]').waitFor();
  const words = (await page.locator('[data-result] code').textContent()).split(' · ');
  return { status: words.at(0), conversionId: words.at(-1) };
}

for (const { name, fresh } of browsers) {
  test(`a landing with ps_xid and ps_partner_key, a route change and a signup make one customer in ${name}`, async (t) => {
    const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
    const email = `${name.toLowerCase()}@example.org`;
    const page = await fresh(t);
    await page.goto(`${product.site}/?ps_xid=${xid}&ps_partner_key=YWRh&session=secret-session`);
    await page.picture('landing');
    await page.click('nav a', 'Pricing');
    await page.waitFor(() => document.querySelector('h1').textContent === 'Pricing');
    await page.picture('pricing');
    await page.click('nav a', 'Sign up');
    await page.waitFor(() => location.pathname === '/signup.html');
    assert.equal(new URL(page.url()).search, '', 'the route change has lost the parameters');
    const documents = page.said.requests.filter(({ url }) => url.startsWith(`${product.site}/?`)).length;
    assert.equal(documents, 1, 'the pages changed without a page load');

    await page.fill('Name', 'Ada Reader');
    await page.fill('E-mail', email);
    await page.click('button', 'Create account');
    const words = (await page.text('[data-result] code')).split(' · ');
    await page.picture('signup');
    assert.match(words.at(0), /^(accepted|queued)$/, 'queued where the machine took longer than 300 ms');
    const conversionId = words.at(-1);
    await settled(conversionId);

    const made = (await customers()).filter((customer) => customer.email === email);
    assert.equal(made.length, 1);
    assert.equal(made[0].xid ?? made[0].click_id, xid);
    const { stdout: explained } = product.cli('conversions', 'explain', conversionId);
    for (const part of [xid, 'ada', 'main', 'Credited', 'POST conversion/xid', 'recorded']) {
      assert.ok(explained.includes(part), `explain tells of ${part}:\n${explained}`);
    }
    assert.ok(!explained.includes('secret-session'), 'a parameter that is not captured is not kept');
    assert.deepEqual([...page.said.errors, ...page.said.console], []);
  });
}

test('a partner link of the demo shop leads through the platform to an accepted signup', async () => {
  const { context, page } = await freshPage(browser, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await page.goto(`${product.site}/`);
  await page.getByText('no partner brought you here').waitFor();
  await page.getByRole('link', { name: /Grace/ }).click();
  await page.getByText('grace brought you').waitFor();
  await screenshot(page, 'landing-phone-dark');
  await page.getByRole('link', { name: 'Start for free' }).click();
  const { status, conversionId } = await signUp(page, 'Phone Reader', 'phone@example.org');
  await screenshot(page, 'signup-phone-dark');
  assert.match(status, /^(accepted|queued)$/);
  const [delivery] = await settled(conversionId);
  assert.equal(delivery.program, 'main');
  await context.close();
});

test('a visit without a partner asks nothing, stores nothing, and its signup is unattributed', async () => {
  const { context, page, said } = await freshPage(browser);
  // The signup loads the module.
  await page.addInitScript(patiently);
  await page.goto(`${product.site}/?utm_source=friend`);
  await page.getByText('no partner brought you here').waitFor();
  assert.deepEqual(said.requests.filter(({ url }) => url.includes('/v1/')), []);
  assert.deepEqual(await context.cookies(), []);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  await page.getByRole('link', { name: 'Start for free' }).click();
  const { status } = await signUp(page, 'Nobody', 'nobody@example.org');
  assert.equal(status, 'unattributed');
  assert.deepEqual((await customers()).filter(({ email }) => email === 'nobody@example.org'), []);
  await context.close();
});

test('the ledger view shows the touch, the conversion, the delivery and what the vendor holds', async () => {
  const { context, page, said } = await freshPage(browser, { viewport: { width: 1280, height: 900 } });
  await page.goto(product.ledger());
  for (const text of ['ada', 'recorded', 'accepted']) await page.locator('#book').getByText(text).first().waitFor();
  await screenshot(page, 'ledger');
  const shown = await page.locator('body').innerText();
  assert.ok(!/@example\.org/.test(shown), 'no e-mail address is shown');
  assert.deepEqual(said.errors, []);
  await context.close();
  const phone = await freshPage(browser, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await phone.page.goto(product.ledger());
  await phone.page.getByText('recorded').first().waitFor();
  await screenshot(phone.page, 'ledger-phone-dark');
  await phone.context.close();
});
