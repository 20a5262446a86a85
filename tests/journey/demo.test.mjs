// The one command that a newcomer runs: it serves although its ports are taken, says where, lets a visitor agree,
// sign up and buy, gives a command that reads its ledger, keeps ledger and simulator for the next run, and leaves nothing running.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';

import { freshPage, launch, screenshot } from './support/browser.mjs';
import { Demo, refused } from './support/demo.mjs';
import { until } from './support/product.mjs';

const FIRST_PORTS = [7787, 7788, 7789];

/** Holds a port, or finds it held already. */
const take = (port) =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Places an order, and waits for the commission. */
async function buys(page, email) {
  if (email) await page.getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByRole('heading', { name: 'Thank you' }).waitFor();
  await page.locator('[data-step=commission]').getByText('ada earns').waitFor({ timeout: 30_000 });
}

/** From Ada's link to an order; the browser then holds a token of this demo's ledger. */
async function signsUpAndBuys(page, { site }, email) {
  await page.goto(site);
  await page.getByRole('link', { name: 'Follow Ada’s link' }).click();
  await page.getByText('it waits for your answer').waitFor();
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.getByText('ada brought you').waitFor();
  await page.getByRole('link', { name: 'Start for free' }).click();
  await page.getByLabel('Garden').check();
  await page.getByLabel('Name').fill('First Visitor');
  await page.getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('Welcome, First Visitor').waitFor();
  await page.getByRole('link', { name: 'Go to checkout' }).click();
  await buys(page);
}

test('cargo xtask demo serves beside taken ports, credits a partner, and ends with nothing running', async () => {
  const held = await Promise.all(FIRST_PORTS.map(take));
  // One that another program holds may be free by the time of the demo.
  const taken = FIRST_PORTS.filter((_, index) => held[index]);
  const demo = await Demo.start('--fresh');
  const { context, page, said } = await freshPage(browser);
  try {
    for (const url of demo.addresses) {
      assert.ok(!taken.includes(Number(new URL(url).port)), `${url} is not a taken port`);
    }
    // New for each run: the demo keeps its ledger.
    await signsUpAndBuys(page, demo, `first-${Date.now()}@example.org`);
    assert.match(await page.locator('[data-result] code').textContent(), /^(accepted|queued)/);
    // Issue 7, item 7: the strip ends with the commission and leads to this order.
    const order = page.getByRole('link', { name: 'See this order in the ledger' });
    assert.match(await order.getAttribute('href'), /\/ledger\/conversions\/./);
    await page.goto(demo.ledger);
    await page.getByText('recorded').first().waitFor({ timeout: 30_000 });
    await screenshot(page, 'demo-ledger');
    assert.match(execFileSync('sh', ['-c', demo.explore], { encoding: 'utf8' }), /signup .*accepted/);
    const partners = demo.explore.replace('conversions list', 'partners list --program main');
    assert.match(execFileSync('sh', ['-c', partners], { encoding: 'utf8' }), /^ada /m);
    assert.deepEqual(said.errors, []);
    assert.equal(await demo.stop(), 0, demo.output);
    for (const url of demo.addresses) assert.ok(await refused(url), `${url} is closed`);
  } finally {
    await context.close();
    await demo.end();
    held.forEach((server) => server?.close());
  }
});

// field-faults rows 53 and 54
test('a killed demo takes proxy and simulator with it, the next one goes on, and a fresh one heals the browser', async () => {
  const { context, page, said } = await freshPage(browser);
  const email = `kept-${Date.now()}@example.org`;
  const demos = [];
  const start = async (...options) => {
    const demo = await Demo.start(...options);
    demos.push(demo);
    return demo;
  };
  try {
    const killed = await start('--fresh');
    await signsUpAndBuys(page, killed, email);
    assert.equal(await killed.kill(), 'SIGKILL');
    for (const url of killed.addresses) await until(`nobody listens at ${url}`, () => refused(url), 20_000);

    const next = await start();
    assert.deepEqual(next.addresses, killed.addresses, 'the ports are free again');
    assert.match(next.output, /Ledger and simulator go on from an earlier run/);
    await page.goto(`${next.site}checkout.html`);
    await page.getByText('ada brought you').waitFor();
    await buys(page, email);
    assert.equal(await next.stop(), 0, next.output);

    const fresh = await start('--fresh');
    assert.deepEqual(fresh.addresses, killed.addresses);
    const posted = said.requests.length;
    await page.goto(fresh.site);
    await page.getByText('Trailmark looked: no partner brought you here').waitFor();
    assert.equal(said.requests.slice(posted).filter(({ method }) => method === 'POST').length, 1);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), ['furrow-consent']);
    await page.getByRole('link', { name: 'Follow Ada’s link' }).click();
    await page.getByText('ada brought you').waitFor();
    assert.deepEqual(said.errors, []);
    assert.equal(await fresh.stop(), 0, fresh.output);
  } finally {
    await context.close();
    for (const demo of demos) await demo.end();
  }
});
