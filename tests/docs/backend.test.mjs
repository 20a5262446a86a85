// docs/start.md and docs/backend.md, followed to the letter: a signup, a sale and a refund from a backend, and the
// three signers, each run as the page has it. What they sign is then sent as a page would send it, and by a page,
// and must be paid.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch, patientPage } from '../journey/support/browser.mjs';
import { brought } from '../journey/support/effects.mjs';
import { Caller } from '../journey/support/caller.mjs';
import { BINARY, until } from '../journey/support/product.mjs';
import { blocks, read } from './support/pages.mjs';
import { Walk } from './support/walk.mjs';

const EXAMPLE = join(dirname(BINARY), 'examples', 'sign');

let browser, walk;
before(async () => {
  browser = await launch();
  walk = await Walk.begin();
});
after(async () => {
  await browser?.close();
  await walk?.end();
});

/** The example that `cargo build --example sign` has made, run in the terminal's folder. */
function signInRust(terminal, ...words) {
  assert.ok(existsSync(EXAMPLE), 'the example is there: cargo build -p trailmark-proxy --example sign');
  const { status, stdout, stderr } = spawnSync(EXAMPLE, words, { cwd: terminal.folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Puts the printed line in place of the demo's key, as section 6 asks. */
function trustTheKey(terminal) {
  const line = walk.printed.trim();
  const config = readFileSync(join(terminal.folder, 'trailmark.toml'), 'utf8');
  assert.match(config, /^order_keys = /m);
  terminal.save(
    'trailmark.toml',
    config.replace(/^order_keys = .*$/m, () => line),
  );
}

test('who follows backend.md reports a signup, a sale and a refund, and signs in three languages', async () => {
  await walk.follow('docs/start.md');
  await walk.follow('docs/backend.md', {
    'Sign what a page passes on': trustTheKey,
    Rust: (terminal) => signInRust(terminal, 'u_2', 'o_rust'),
  });
});

const SIGNERS = {
  node: (terminal, words) => terminal.run(`node sign.mjs ${words}`),
  python: (terminal, words) => terminal.run(`python3 sign.py ${words}`),
  rust: (terminal, words) => signInRust(terminal, ...words.split(' ')),
};

for (const [language, signer] of Object.entries(SIGNERS))
  test(`a customer and an order that ${language} has signed are accepted from a page, and the sale is paid`, async () => {
    const { terminal } = walk;
    const [customer, order] = (await signer(terminal, `u_by_${language} o_by_${language}`)).trim().split(/\s+/);
    const page = await Caller.create(terminal.here('http://127.0.0.1:8787'));
    await page.arrive('ps_partner_key=Z3JhY2U');
    const signup = await page.convert({ kind: 'signup', signed_customer: customer });
    assert.deepEqual(
      [signup.body.status, signup.body.attribution],
      ['accepted', [{ program: 'main', partner: 'grace' }]],
    );
    const sale = await page.convert({ kind: 'sale', signed_order: order });
    assert.equal(sale.body.status, 'accepted', JSON.stringify(sale.body));
    const state = terminal.here('http://127.0.0.1:9100/control/state/partnerstack');
    const paid = async () =>
      (await (await fetch(state)).json()).transactions.find(({ key }) => key === `o_by_${language}`);
    const { amount, currency } = await until('the vendor has the sale', paid, 40_000);
    assert.deepEqual([amount, currency.toUpperCase()], [4900, 'EUR']);
    const forged = await page.convert({ kind: 'sale', signed_order: order.replace(/.{4}$/, 'AAAA') });
    assert.deepEqual([forged.body.status, forged.body.code], ['held', 'order_signature_invalid']);
  });

test('a page that is handed what the backend has signed gets it accepted, by the call of the page', async () => {
  const { terminal } = walk;
  const [customer, order] = (await terminal.run('node sign.mjs u_in_page o_in_page')).trim().split(/\s+/);
  const [head] = (await terminal.run('trailmark snippet --site acme')).split('\n\n');
  terminal.save('www/checkout.html', `<!doctype html><html><head>${head}</head><body></body></html>`);
  const { context, page, said } = await patientPage(browser);
  await page.goto(terminal.here('http://127.0.0.1:8787/checkout?ps_partner_key=YWRh'));
  await page.evaluate(() => trailmark.consent('granted'));
  await brought(page, 'ada');
  const [{ text }] = blocks('docs/backend.md').filter(({ runner }) => runner === 'call');
  await page.evaluate(`{ const order = '${order}', customer = '${customer}'; ${text} }`);
  await until('both calls are answered', () => said.console.filter((line) => line.startsWith('log:')).length === 2);
  await page.waitForFunction(() => !Object.keys(localStorage).some((key) => key.startsWith('tm_acme_queue_')));
  const listed = await terminal.run('trailmark conversions list');
  for (const key of ['o_in_page', 'u_in_page'])
    assert.match(listed, new RegExp(`${key} .*accepted`), said.console.join());
  await context.close();
});

test('the Rust signer of the page is the example that was run', () => {
  const [block] = blocks('docs/backend.md').filter(({ runner }) => runner === 'example');
  const example = read(`crates/trailmark-proxy/examples/${block.argument}.rs`);
  assert.ok(
    example.endsWith(`\n${block.text}`),
    'copy crates/trailmark-proxy/examples/sign.rs into the page, or the other way',
  );
});
