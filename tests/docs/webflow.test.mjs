// docs/start.md and docs/webflow.md, followed to the letter in a real Chromium: pages on one host, the proxy on
// another of the same site, a partner's link on the proxy's host, and a signup that the vendor shows.

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

test('who follows webflow.md comes to a signup across two hosts that is credited to Ada', async () => {
  let snippet;
  await walk.follow('docs/start.md');
  await walk.follow('docs/webflow.md', {
    'Restart, and print the snippet': () => {
      const head = walk.printed.indexOf('<!-- In the head');
      snippet = walk.printed.slice(head).split('\n\n')[0];
    },
    'Put it into the pages': (terminal) => {
      const page = readFileSync(join(terminal.folder, 'site/index.html'), 'utf8');
      terminal.save(
        'site/index.html',
        page.replace('<!-- the snippet -->', () => snippet),
      );
    },
    'Be the visitor': async (terminal) => {
      const { context, page, said } = await patientPage(browser);
      await page.goto(terminal.here('http://tm.acme.localhost:8787/tm/r/main/ada?to=http://www.acme.localhost:8080/'));
      await page.getByRole('button', { name: 'Yes' }).click();
      // A person takes longer to fill in a form than the proxy to record the touch; a test does not.
      await brought(page, 'ada');
      await page.getByLabel('E-mail').fill('reader@example.org');
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.locator('#result:not(:empty)').waitFor();
      const domains = (await context.cookies()).map(({ name, domain }) => `${name} ${domain}`).sort();
      assert.deepEqual(domains, ['tm_acme .acme.localhost', 'tm_acme_v .acme.localhost']);
      assert.deepEqual(said.errors, []);
      const result = await page.locator('#result').textContent();
      await context.close();
      return result;
    },
  });
});
