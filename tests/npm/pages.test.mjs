// docs/react-router.md and docs/next.md: the applications whose files these pages give, built and served with the packed npm
// package, and followed in a real Chromium to a signup that is credited to Ada. Nothing stands in them that is not on the pages.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { openSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { blocks } from '../docs/support/pages.mjs';
import { Walk } from '../docs/support/walk.mjs';
import { launch, patientPage } from '../journey/support/browser.mjs';
import { until } from '../journey/support/product.mjs';
import { APPS, run } from './support.mjs';

const APPLICATIONS = {
  'docs/react-router.md': { port: '8080', build: [], serve: () => ['vite'] },
  'docs/next.md': { port: '3000', build: ['next', 'build'], serve: (port) => ['next', 'start', '-p', port] },
};

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Writes the files of a page into a folder beside the installed packages. */
function save(page, folder, terminal) {
  rmSync(folder, { recursive: true, force: true });
  for (const { argument, text } of blocks(page).filter(({ runner }) => runner === 'app')) {
    mkdirSync(dirname(join(folder, argument)), { recursive: true });
    writeFileSync(join(folder, argument), terminal.here(text));
  }
}

/** Puts the origins of the page's own snippet into trailmark.toml, and restarts the proxy. */
async function allow(page, terminal) {
  const [, origins] = terminal.here(blocks(page).find(({ runner }) => runner === 'check').text).match(/^(origins = .*)$/m);
  const path = join(terminal.folder, 'trailmark.toml');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^origins .*$/m, origins));
  const [{ text: restart }] = blocks('docs/backend.md').filter(({ text }) => text.includes('cat serve.pid'));
  await terminal.run(restart);
}

for (const [page, { port, build, serve }] of Object.entries(APPLICATIONS))
  test(`who follows ${page} comes to a signup that is credited to Ada`, async (t) => {
    const walk = await Walk.begin();
    t.after(() => walk.end());
    const { terminal } = walk;
    await walk.follow('docs/start.md');
    await allow(page, terminal);
    const folder = join(APPS, `of-${page.split('/')[1].split('.')[0]}`);
    save(page, folder, terminal);
    if (build.length > 0) await run(build[0], build.slice(1), { cwd: folder });
    const [command, ...args] = serve(terminal.here(port));
    const log = openSync(`${folder}.log`, 'w');
    const server = spawn(process.execPath, [join(APPS, 'node_modules', '.bin', command), ...args], {
      cwd: folder,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
      stdio: ['ignore', log, log],
    });
    const ended = new Promise((resolve) => server.once('exit', resolve));
    t.after(() => server.kill('SIGTERM') && ended);
    const origin = terminal.here(`http://localhost:${port}`);
    await until(`${page}: ${origin} answers`, () => fetch(origin).then(({ ok }) => ok, () => false), 60_000);

    const { context, page: tab, said } = await patientPage(browser);
    await tab.goto(`${origin}/?ps_partner_key=YWRh`);
    await tab.evaluate(() => (window.sameDocument = true));
    await tab.getByRole('button', { name: 'Yes' }).click();
    await until('the touch is reported', () => said.requests.some(({ url }) => url.endsWith('/tm/v1/clicks')));
    await tab.getByRole('link', { name: 'Create account' }).click();
    await tab.getByLabel('Name').fill('A Reader');
    await tab.getByLabel('E-mail').fill('reader@example.org');
    await tab.getByRole('button', { name: 'Create account' }).click();
    const result = JSON.parse(await tab.locator('output:not(:empty)').textContent());
    assert.deepEqual([result.status, result.attribution], ['accepted', [{ program: 'main', partner: 'ada' }]]);
    assert.ok(await tab.evaluate(() => window.sameDocument), 'the router has changed the page');
    assert.deepEqual(said.errors, []);
    await context.close();
  });
