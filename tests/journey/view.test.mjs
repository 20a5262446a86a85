// The ledger view and the page of one conversion, as an operator has them: what needs somebody comes first, every row is
// reached, money adds up, and the answer to "why no commission?" is a page with an address. Pictures go to
// target/screenshots, for people to look at.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { freshPage, launch, screenshot } from './support/browser.mjs';
import { Backend, Caller } from './support/caller.mjs';
import { DESKTOP, LOOKS, PHONE, sound, tabTo, watchShifts } from './support/looks.mjs';
import { Product, until } from './support/product.mjs';

let product, browser, backend;
before(async () => {
  product = await Product.start({ www: false });
  backend = Backend.create(product);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

const unique = (name) => `${name}_${randomUUID().slice(0, 8)}`;
const order = (key, minor, currency = 'EUR') => ({ key, amount_minor: minor, currency });
const base64 = (text) => Buffer.from(text).toString('base64url');

/** A visitor that came by a partner's link. */
async function brought(partner) {
  const { xid } = await product.control('partnerstack/clicks', { partner_key: partner });
  return (await Caller.create(product.site)).arrive(`ps_xid=${xid}&ps_partner_key=${base64(partner)}`);
}

async function report(body) {
  const { body: receipt } = await backend.report(body);
  return receipt;
}

/** The ledger's row of a conversion, once it is in one of these states at the vendor. */
const delivered = (id, ...states) =>
  until(`${id} is ${states.join(' or ')}`, async () => {
    const shown = product.json('conversions', 'show', id);
    return states.includes(shown.deliveries[0]?.state) && shown;
  }, 40_000);

/** A customer of a partner who bought something that the vendor has. */
async function bought(partner, minor, currency) {
  const [customer, sale] = [unique('u'), unique('o')];
  const caller = await brought(partner);
  const { body: signup } = await caller.signup(customer, { email: `${customer}@example.org` });
  const receipt = await report({ kind: 'sale', customer: { key: customer }, order: order(sale, minor, currency) });
  await delivered(signup.conversion_id, 'recorded');
  await delivered(receipt.conversion_id, 'recorded');
  return { customer, sale, id: receipt.conversion_id, signup: signup.conversion_id };
}

/** A sale whose customer has no signup in the program: the vendor cannot take it before. */
async function blocked() {
  const [caller, customer, sale] = [await brought('ada'), unique('u_blocked'), unique('o_blocked')];
  const body = { kind: 'sale', customer: { key: customer }, click_token: caller.token, order: order(sale, 4900) };
  const { conversion_id: id } = await report(body);
  await delivered(id, 'blocked');
  return { id, key: sale };
}

/** A sale that only a page named. */
async function held() {
  const [caller, key] = [await brought('ada'), unique('o_held')];
  const { body } = await caller.convert({ kind: 'sale', customer: { key: unique('u') }, order: order(key, 1200) });
  assert.equal(body.status, 'held', JSON.stringify(body));
  return { id: body.conversion_id, key };
}

/** A signup that the vendor refuses: without a click id it needs an e-mail address. */
async function rejected() {
  const caller = await (await Caller.create(product.site)).arrive(`ps_partner_key=${base64('nobodyknows')}`);
  const key = unique('u_rejected');
  const { body } = await caller.signup(key);
  await delivered(body.conversion_id, 'rejected');
  return { id: body.conversion_id, key };
}

const conversions = (page) => page.locator('#conversions tbody tr');
const row = (page, key) => conversions(page).filter({ hasText: key });
const cell = (line, name) => line.locator(`[data-name="${name}"]`);
/** The history's page of a conversion. */
const historyOf = (id) => `${product.operator}/ledger/conversions/${id}`;
const quiet = (said) => assert.deepEqual([...said.errors, ...said.console], []);

/** What `conversions explain` says, on one line. */
function explained(id) {
  const { code, stdout, stderr } = product.cli('conversions', 'explain', id);
  assert.equal(code, 0, stderr);
  return stdout.replace(/\s+/g, ' ');
}

// field-faults rows 81 to 84
test('the ledger and the pages of a blocked, a held and a rejected conversion are readable in light and dark, on phone and desktop', async () => {
  const all = { blocked: await blocked(), held: await held(), rejected: await rejected() };
  await bought('ada', 10_890);
  for (const look of LOOKS) {
    const { context, page, said } = await freshPage(browser, look);
    await page.addInitScript(watchShifts);
    await page.goto(product.ledger());
    for (const { key } of Object.values(all)) await row(page, key).waitFor();
    await page.locator('#sums').getByText('€108.90').first().waitFor();
    await sound(page, 'view-ledger', look);
    for (const [name, { id, key }] of Object.entries(all)) {
      await page.goto(historyOf(id));
      await page.getByText(key).first().waitFor();
      await sound(page, `view-${name}`, look);
    }
    quiet(said);
    await context.close();
  }
});

test('an empty ledger view tells what to do, and is readable too', async () => {
  const empty = await Product.start({ www: false });
  try {
    for (const look of LOOKS) {
      const { context, page } = await freshPage(browser, look);
      await page.addInitScript(watchShifts);
      await page.goto(empty.ledger());
      for (const cure of ['Open the site through one', 'Sign up on the site', 'One appears when']) {
        await page.getByText(cure).waitFor();
      }
      await page.getByText('Live · all is well').waitFor();
      assert.equal(await page.locator('#trouble').isVisible(), false);
      await sound(page, 'view-empty', look);
      await context.close();
    }
  } finally {
    await empty.stop();
  }
});

// field-faults row 80
test('a long list is read to its end page by page, each row once, and back', async () => {
  const keys = Array.from({ length: 104 }, (_, index) => `u_long_${String(index).padStart(3, '0')}`);
  for (const key of keys) assert.equal((await report({ kind: 'signup', customer: { key } })).status, 'unattributed');
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(`${product.operator}/?status=unattributed`);
  const section = page.locator('#conversions');
  const button = (name) => section.getByRole('button', { name, exact: true });
  const shown = async () => (await section.locator('td[data-name=What] .sub').allTextContents()).filter((key) => key.startsWith('u_long'));
  await until('the first page is full', async () => (await conversions(page).count()) === 50);
  const read = [...(await shown())];
  assert.equal(read.at(0), 'u_long_103', 'the newest first');
  await button('Older').click();
  await section.getByText('Page 2').waitFor();
  await row(page, 'u_long_053').waitFor();
  read.push(...(await shown()));
  assert.equal(await section.locator('tr.fresh').count(), 0, 'what is older is no news');
  await button('Older').click();
  await section.getByText('Page 3, the last').waitFor();
  await row(page, 'u_long_000').waitFor();
  read.push(...(await shown()));
  assert.deepEqual(read, [...keys].reverse(), 'every row, once, the newest first');
  assert.equal(await button('Older').isVisible(), false, 'the list has an end');
  await button('Newer').click();
  await section.getByText('Page 2').waitFor();
  await button('Newer').click();
  await row(page, 'u_long_103').waitFor();
  quiet(said);
  await context.close();
});

// field-faults row 80
test('a conversion is found by its id, key, order, e-mail and partner, and an e-mail address stays out of the page\'s address', async () => {
  const grace = await bought('grace', 4_700);
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(product.ledger());
  const found = async (name, keys) => {
    await page.getByRole('searchbox', { name: 'Find' }).fill(name);
    await page.keyboard.press('Enter');
    await until(`${name} finds ${keys}`, async () => {
      const shown = await conversions(page).locator('td[data-name=What] .sub').allTextContents();
      return JSON.stringify(shown) === JSON.stringify(keys);
    });
  };
  await found(grace.id, [grace.sale]);
  await found(grace.id.slice(0, 18), [grace.sale]);
  await found(grace.sale, [grace.sale]);
  await found(grace.customer, [grace.sale, grace.customer]);
  await found('grace', [grace.sale, grace.customer]);
  assert.match(page.url(), /[?&]q=grace/);
  await page.reload();
  await until('the search is still there', async () => (await conversions(page).count()) === 2);
  await found(` ${grace.customer.toUpperCase()}@EXAMPLE.org `, [grace.customer]);
  assert.doesNotMatch(page.url(), /example/i);
  assert.equal(await page.locator('#touches').isVisible(), false, 'only what was looked for is shown');
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.locator('#touches').waitFor();
  await found('no such thing', []);
  await page.getByText('Nothing matches').waitFor();
  quiet(said);
  await context.close();
});

// field-faults row 80
test('the list is narrowed to a time, and what is listed is saved as CSV', async () => {
  const { sale } = await bought('ada', 1_100);
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP, acceptDownloads: true });
  await page.goto(product.ledger());
  const day = (offset) => {
    const at = new Date();
    at.setDate(at.getDate() + offset);
    return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
  };
  const between = async (from, to) => {
    await page.getByLabel('Time').selectOption('Between two days');
    await page.getByLabel('First day').fill(from);
    await page.getByLabel('Last day').fill(to);
    await page.getByRole('button', { name: 'Show', exact: true }).click();
  };
  await between(day(-9), day(-2));
  await page.locator('#conversions').getByText('Nothing matches').waitFor();
  assert.equal(await page.locator('#sums').isVisible(), false, 'nor is there anything to add up');
  // A travelling clock may be days ahead of this one's.
  await between(day(-1), day(40));
  await row(page, sale).waitFor();
  await page.getByRole('searchbox', { name: 'Find' }).fill(sale);
  await page.keyboard.press('Enter');
  await until('the sale alone', async () => (await conversions(page).count()) === 1);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()]);
  const [head, line, ...rest] = readFileSync(await download.path(), 'utf8').trim().split('\r\n');
  assert.match(head, /^received_at,id,site,kind,key/);
  assert.ok(line.includes(sale) && line.includes('11.00,EUR'), line);
  assert.deepEqual(rest, []);
  await between(day(3), day(1));
  await page.locator('#searched').getByText(/since.? must be before .?until/).waitFor();
  assert.deepEqual(said.errors, []);
  await context.close();
});

// field-faults row 81
test('a rejected and a held row say that nobody is credited, and why, as the command line does', async () => {
  const [no, yet] = [await rejected(), await held()];
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(product.ledger());
  assert.match(await cell(row(page, no.key), 'Credited').textContent(), /^nobody; would have been nobodyknows/);
  assert.match(await cell(row(page, yet.key), 'Credited').textContent(), /^nobody yet; would be ada/);
  for (const { id, key } of [no, yet]) {
    const why = cell(row(page, key), 'Why');
    const [headline, reason] = [await why.locator('.main').textContent(), await why.locator('.sub').textContent()];
    assert.equal(headline, 'Not paid');
    const text = explained(id).replaceAll('`', '');
    assert.ok(text.startsWith('Not paid'), text);
    assert.ok(text.includes(reason), `${reason} in ${text}`);
  }
  quiet(said);
  await context.close();
});

// field-faults row 82
test('sales show their amount, commissions theirs, and both are added up by partner and currency for the chosen time', async () => {
  const shop = await Product.start({ www: false });
  const [outer, outerBackend] = [product, backend];
  try {
    [product, backend] = [shop, Backend.create(shop)];
    const [first, second] = [await bought('ada', 10_890), await bought('ada', 100, 'JPY')];
    await bought('grace', 4_700);
    const back = { kind: 'refund', refund_of: first.sale, customer: { key: first.customer }, order: order('refund_1', 890) };
    await delivered((await report(back)).conversion_id, 'recorded');
    await report({ kind: 'sale', customer: { key: 'u_stranger' }, order: order('o_stranger', 9_900) });
    await product.control(`partnerstack/rewards/${first.sale}/approve`, {});
    assert.equal(product.cli('conversions', 'check', first.id).code, 0);
    const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
    await page.goto(product.ledger());
    assert.equal(await cell(row(page, first.sale), 'Amount').textContent(), '€108.90');
    assert.equal(await cell(row(page, second.sale), 'Amount').textContent(), '¥100');
    assert.equal(await cell(row(page, 'refund_1'), 'Amount').textContent(), '-€8.90');
    const delivery = page.locator('#deliveries tbody tr', { hasText: first.sale });
    await until('the approval is known', async () => /approved.*€21\.78/.test(await cell(delivery, 'Commission').textContent()));
    const sums = page.locator('#sums tbody tr');
    const summed = () => sums.evaluateAll((lines) => lines.map((line) => [...line.cells].map((one) => one.innerText.trim().replace(/\s+/g, ' '))));
    await until('all is added up', async () => JSON.stringify(await summed()).includes('€21.78 approved'));
    const [ada, grace, yen, nobody] = await summed();
    assert.deepEqual(ada.slice(0, 4), ['ada program main', '€108.90 1 sale', '-€8.90 1 refund', '€100.00']);
    assert.match(ada[4], /€21\.78 approved/);
    assert.deepEqual(grace.slice(0, 4), ['grace program main', '€47.00 1 sale', '–', '€47.00']);
    assert.deepEqual(yen.slice(0, 4), ['ada program main', '¥100 1 sale', '–', '¥100']);
    assert.deepEqual(nobody, ['nobody', '€99.00 1 sale', '–', '–', '–']);
    await page.goto(historyOf(first.id));
    await page.locator('#facts').getByText('€21.78, approved (main)').waitFor();
    quiet(said);
    await context.close();
  } finally {
    [product, backend] = [outer, outerBackend];
    await shop.stop();
  }
});

// field-faults row 83
test('a lane that stands still is said first, in sight without scrolling, and the dot shows it', async () => {
  const shop = await Product.start({ www: false });
  const outer = product;
  try {
    product = shop;
    const until_ms = (await product.control('clock')).now_ms + 3_600_000;
    await product.control('faults', { vendor: 'partnerstack', kind: 'status', status: 429, retry_after_s: 3600, until_ms });
    await (await brought('ada')).signup('u_1', { email: 'u_1@example.org' });
    for (const viewport of [PHONE, DESKTOP]) {
      const { context, page, said } = await freshPage(browser, { viewport });
      await page.goto(product.ledger());
      const trouble = page.locator('#trouble li').first();
      await trouble.getByText('Lane acme/main is throttled').waitFor();
      const { y, height } = await trouble.boundingBox();
      assert.ok(y + height < viewport.height, `it ends at ${y + height} px of ${viewport.height}`);
      assert.equal(await page.locator('main > *').first().getAttribute('id'), 'trouble');
      assert.equal(await page.locator('#pulse').getAttribute('class'), 'wait');
      await page.getByText('Live · 1 thing waits').waitFor();
      await screenshot(page, `view-throttled-${viewport.width}`);
      quiet(said);
      await context.close();
    }
    await product.control('faults', undefined, 'DELETE');
    await product.control('faults', { vendor: 'partnerstack', kind: 'status', status: 401 });
    await product.control('clock', { advance_ms: 2 * 3_600_000 });
    const { context, page } = await freshPage(browser, { viewport: PHONE });
    await page.goto(product.ledger());
    await page.getByText('Lane acme/main is paused').waitFor();
    assert.equal(await page.locator('#pulse').getAttribute('class'), 'bad', 'the worst state counts');
    await page.getByText('Live · 1 thing needs you').waitFor();
    await context.close();
  } finally {
    product = outer;
    await shop.stop();
  }
});

// field-faults row 83
test('what needs somebody leads to its rows alone', async () => {
  const { key } = await rejected();
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(product.ledger());
  await page.locator('#trouble li', { hasText: 'rejected' }).getByRole('link', { name: 'Show them' }).click();
  const deliveries = page.locator('#deliveries tbody tr');
  await deliveries.filter({ hasText: key }).waitFor();
  const states = await deliveries.locator('td[data-name=State]').allTextContents();
  assert.deepEqual([...new Set(states)], ['rejected']);
  assert.equal(await page.locator('#conversions').isVisible(), false);
  await page.getByText('Shows only rejected deliveries').waitFor();
  quiet(said);
  await context.close();
});

// field-faults row 84
test('the history of a conversion is a page of its own, the answer first, readable on a phone and reached without a mouse', async () => {
  const { id, key } = await blocked();
  const { context, page, said } = await freshPage(browser, { viewport: PHONE });
  await page.goto(`${product.operator}/?q=${key}`);
  await row(page, key).waitFor();
  await tabTo(page, id.slice(0, 18));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Not paid' }).waitFor();
  assert.equal(page.url(), historyOf(id));
  const [answer, history] = [page.locator('#answer'), page.locator('#history')];
  const bottom = await answer.evaluate((element) => element.getBoundingClientRect().bottom);
  assert.ok(bottom < PHONE.height, 'the whole answer is in sight');
  assert.match(await answer.textContent(), new RegExp(key));
  const text = explained(id).replaceAll('`', '');
  for (const place of ['#headline', '#reason']) {
    const part = await page.locator(place).textContent();
    assert.ok(part && text.includes(part), `${part} in ${text}`);
  }
  await history.getByRole('heading', { name: 'The way here' }).waitFor();
  assert.ok((await history.locator('li time').count()) >= 2, 'steps have their time');
  const fonts = await history.locator('li > span').evaluateAll((lines) => lines.map((line) => getComputedStyle(line).fontFamily));
  assert.ok(fonts.every((font) => !font.includes('mono')), 'prose is not monospace');
  assert.match(await page.title(), /^Not paid/);
  await page.getByRole('link', { name: 'Trailmark ledger' }).click();
  await page.getByRole('heading', { name: 'Conversions' }).waitFor();
  quiet(said);
  await context.close();
});

// field-faults rows 84 and 85
test('the address of a history works on its own, with the page\'s id too, and says what is wrong with another', async () => {
  const caller = await brought('ada');
  const pageId = '019aa5a0-6f70-7abc-8000-0000000000aa';
  const { body } = await caller.convert({ kind: 'signup', customer: { key: unique('u') } }, pageId);
  assert.equal(body.conversion_id, pageId);
  const { context, page, said } = await freshPage(browser, { viewport: PHONE });
  await page.goto(historyOf(pageId));
  await page.locator('#facts').getByText(pageId).waitFor();
  assert.equal(await page.locator('#facts').getByText('Id on the page').count(), 0, 'one id is shown');
  quiet(said);
  for (const [id, wrong] of [['019aa5a0-0000-7000-8000-000000000000', 'no such conversion'], ['%zz', 'at least 8 characters'], ['019', 'at least 8 characters']]) {
    await page.goto(historyOf(id));
    await page.getByRole('heading', { name: 'No history to show' }).waitFor();
    assert.match(await page.locator('#reason').textContent(), new RegExp(wrong), id);
  }
  assert.deepEqual(said.errors, []);
  await context.close();
});

// field-faults row 84
test('a colleague who is sent the address types the admin key and reads the history', async () => {
  process.env.TRAILMARK_TEST_ADMIN_KEY = 'an-admin-key-of-a-test';
  const locked = await Product.start({ www: false, server: 'admin_key = "env:TRAILMARK_TEST_ADMIN_KEY"' });
  try {
    const { conversion_id: id } = await (await Backend.create(locked).report({ kind: 'signup', customer: { key: 'u_1' } })).body;
    const { context, page, said } = await freshPage(browser, { viewport: PHONE });
    await page.goto(`${locked.operator}/ledger/conversions/${id}`);
    await page.getByLabel('Admin key').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The listener refused that key').waitFor();
    await page.getByLabel('Admin key').fill(process.env.TRAILMARK_TEST_ADMIN_KEY);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Not paid' }).waitFor();
    await page.getByRole('link', { name: 'Trailmark ledger' }).click();
    await row(page, 'u_1').waitFor();
    const asked = said.requests.map(({ url }) => url);
    assert.ok(asked.every((url) => !url.includes(process.env.TRAILMARK_TEST_ADMIN_KEY)), 'the key is in no address');
    assert.deepEqual(said.errors, []);
    await context.close();
  } finally {
    delete process.env.TRAILMARK_TEST_ADMIN_KEY;
    await locked.stop();
  }
});

test('no stored value becomes markup or script, and no e-mail address is shown', async () => {
  const evil = '<img src=x onerror=pwned=1>';
  const caller = await (await Caller.create(product.site)).arrive(`ps_xid=x1&ps_partner_key=${base64(evil)}&utm_campaign=${encodeURIComponent(evil)}`);
  const signup = async (key) => {
    const { body } = await caller.convert({ kind: 'signup', customer: { key, email: 'rosa@example.org', name: evil }, data: { note: evil } });
    assert.equal(body.status, 'accepted', JSON.stringify(body));
    return body.conversion_id;
  };
  const ids = [await signup(`${unique('mail')}@example.org`), await signup(`${evil}${unique('u')}`)];
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  const searches = [`?q=${encodeURIComponent(evil)}`, `?status=${encodeURIComponent(evil)}&delivery=${encodeURIComponent(evil)}`];
  const addresses = [product.ledger(), ...ids.map(historyOf), ...searches.map((search) => `${product.operator}/${search}`)];
  for (const address of addresses) {
    await page.goto(address);
    await page.getByText(/an e-mail address|<img|Nothing matches/).first().waitFor();
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.locator('main img').count(), 0);
    assert.doesNotMatch(await page.locator('main').innerText(), /@example\.org/);
  }
  quiet(said);
  await context.close();
});

const hasFocus = (locator) => locator.evaluate((element) => document.activeElement === element);

test('the ledger view changes cells and keeps rows and focus', async () => {
  const { context, page, said } = await freshPage(browser, { viewport: DESKTOP });
  await page.goto(product.ledger());
  await page.locator('#deliveries tbody tr').first().waitFor();
  const caller = await brought('ada');
  const key = unique('u_view');
  await caller.signup(key, { email: 'view@example.org' });
  const delivery = page.locator('#deliveries tbody tr', { hasText: key });
  await delivery.waitFor();
  assert.doesNotMatch(await delivery.textContent(), /recorded/, 'it has been seen before it was recorded');
  await delivery.evaluate((element) => (element.mark = 'the same'));
  const opener = row(page, key).getByRole('link');
  await opener.focus();
  await delivery.getByText('recorded').waitFor({ timeout: 30_000 });
  assert.equal(await delivery.evaluate((element) => element.mark), 'the same');
  assert.equal(await hasFocus(opener), true);
  quiet(said);
  await context.close();
});

test('the ledger view counts all that the simulated vendors have, and says when it is away', async () => {
  await bought('ada', 500);
  const { context, page } = await freshPage(browser, { viewport: PHONE });
  let isAway = false;
  await page.route('**/control/listings', (route) => (isAway ? route.abort() : route.continue()));
  await page.goto(product.ledger());
  const { vendors } = await product.control('listings');
  const all = vendors.flatMap(({ listings }) => listings.flatMap(({ rows }) => rows)).length.toLocaleString('en-US');
  await page.locator('#tally').getByText(`${all} At the vendors`).waitFor();
  isAway = true;
  await page.getByText('The simulator does not answer').waitFor();
  await context.close();
});
