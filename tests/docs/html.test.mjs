// docs/start.md and docs/html.md, followed to the letter in a real Chromium: from an empty folder to a signup that
// the vendor shows, without anything that is not on the pages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch, patientPage } from '../journey/support/browser.mjs';
import { brought } from '../journey/support/effects.mjs';
import { until } from '../journey/support/product.mjs';
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

/** Pastes the first part of the snippet in place of the marked line, as the page asks. */
function paste(file, snippet, terminal) {
  const head = snippet.slice(snippet.indexOf('<!--')).split('\n\n')[0];
  const page = readFileSync(join(terminal.folder, file), 'utf8');
  assert.ok(page.includes('<!-- the snippet -->'));
  terminal.save(
    file,
    page.replace('<!-- the snippet -->', () => head),
  );
}

test('who follows start.md and html.md comes to a signup that is credited to Ada and shown by the vendor', async () => {
  let snippet;
  await walk.follow('docs/start.md');
  await walk.follow('docs/html.md', {
    'Put it into a page': (terminal) => paste('www/index.html', (snippet = walk.printed), terminal),
    'Be the visitor': async (terminal) => {
      const { context, page, said } = await patientPage(browser);
      await page.goto(terminal.here('http://127.0.0.1:9100/partnerlinks/go/ada'));
      await page.getByRole('button', { name: 'Yes' }).click();
      // A person takes longer to fill in a form than the proxy to record the touch; a test does not.
      await brought(page, 'ada');
      await page.getByLabel('Name').fill('Ada Reader');
      await page.getByLabel('E-mail').fill('reader@example.org');
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.locator('#result:not(:empty)').waitFor();
      const result = await page.locator('#result').textContent();
      assert.deepEqual(said.errors, []);
      await context.close();
      return result;
    },
    'Or: a form without a script': async (terminal) => {
      paste('www/join.html', snippet, terminal);
      const { context, page } = await patientPage(browser);
      await page.goto(terminal.here('http://127.0.0.1:9100/partnerlinks/go/grace'));
      await page.getByRole('button', { name: 'Yes' }).click();
      await brought(page, 'grace');
      await page.goto(terminal.here('http://127.0.0.1:8787/join'));
      await page.evaluate(() => trailmark.consent('granted'));
      await page.getByLabel('Name').fill('A Joiner');
      await page.getByLabel('E-mail').fill('jo@example.org');
      // The server of the trial takes no form, as the page says; what counts is that the document is left.
      await page.getByRole('button', { name: 'Join' }).click();
      await until('the document is left', () => page.url().startsWith('chrome-error:'));
      await page.goto(terminal.here('http://127.0.0.1:8787/'));
      await page.evaluate(() => trailmark.consent('granted'));
      await page.waitForFunction(() => !Object.keys(localStorage).some((key) => key.startsWith('tm_acme_queue_')));
      await context.close();
    },
    'A link of your own': async (terminal) => {
      const { context, page } = await patientPage(browser);
      await page.goto(terminal.here('http://127.0.0.1:8787/tm/r/main/ada?to=/'));
      assert.equal(
        new URL(page.url()).searchParams.get('ps_partner_key'),
        'YWRh',
        'the page gets the partner in a parameter',
      );
      assert.deepEqual(await context.cookies(), [], 'nothing is stored before consent');
      await context.close();
    },
  });
});
