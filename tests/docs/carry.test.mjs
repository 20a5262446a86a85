// docs/start.md and docs/carry.md, followed to the letter in a real Chromium: each hop from Ada's link to a signup or a sale that
// is credited to her and recorded by the vendor. The page's own servers play the app and the other companies.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch, patientPage } from '../journey/support/browser.mjs';
import { brought } from '../journey/support/effects.mjs';
import { Walk } from './support/walk.mjs';

let browser, walk;
before(async () => {
  browser = await launch();
  walk = await Walk.begin();
});
after(async () => {
  await browser?.close();
  await walk?.end();
});

/** Creates an account on the app's page, once the page knows who sent the visitor. */
async function createAccount(page, email) {
  await page.waitForFunction(() => window.trailmark);
  await brought(page, 'ada');
  assert.ok(!page.url().includes('_tm'), 'the address bar hands on nothing');
  await page.getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Create account' }).click();
}

/** What hands do after the link or button of each hop; the page shows a result then. */
const HOPS = {
  'Open the app': (page) => createAccount(page, 'o@acme.example'),
  Register: (page) => createAccount(page, 'r@acme.example'),
  'Log in': () => {},
  Buy: () => {},
  'Ask for a demo': () => {},
  'Send me a link': async (page, terminal) => {
    await page.getByText('sent').waitFor();
    const elsewhere = await patientPage(browser);
    await elsewhere.page.goto(terminal.here('http://127.0.0.1:3000/mail'));
    return elsewhere.page;
  },
};

/** Takes one hop as a new visitor of Ada's: what the last page shows. */
async function hop(terminal, name) {
  const { context, page, said } = await patientPage(browser);
  await page.goto(terminal.here('http://www.acme.localhost:8787/tm/r/main/ada?to=/'));
  await page.getByRole('button', { name: 'Yes' }).click();
  await brought(page, 'ada');
  // A person takes longer to the next click than the page to fill its fields; a test does not.
  await page.waitForFunction(() => [...document.getElementsByName('reference')].every(({ value }) => value));
  await page.locator('a, button').filter({ hasText: name }).click();
  const last = (await HOPS[name](page, terminal)) ?? page;
  await last.locator('#result:not(:empty)').waitFor();
  const result = await last.locator('#result').textContent();
  assert.deepEqual(said.errors, [], name);
  if (last !== page) await last.context().close();
  await context.close();
  return result;
}

test('who follows carry.md keeps the trace of Ada over six hops', async () => {
  await walk.follow('docs/start.md');
  let snippet;
  await walk.follow('docs/carry.md', {
    'Configure two hosts': () => {
      const head = walk.printed.indexOf('<!-- In the head');
      snippet = walk.printed.slice(head).split('\n\n')[0];
    },
    'The pages': (terminal) => {
      const page = readFileSync(join(terminal.folder, 'www/index.html'), 'utf8');
      assert.ok(page.includes('<!-- the snippet -->'));
      terminal.save('www/index.html', page.replace('<!-- the snippet -->', () => snippet));
    },
    'Be the visitor': async (terminal) => {
      const lines = [];
      for (const name of Object.keys(HOPS)) lines.push(`${name}: ${await hop(terminal, name)}`);
      return lines.join('\n');
    },
  });
});
