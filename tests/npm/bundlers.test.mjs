// Bundlers that leave a `.wasm` file out: with `trailmark/inline` their bundle has everything, and who imports `trailmark` there hears
// on the console what to do, without `debug`, instead of ending `off` in silence.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freshPage, launch, patiently } from '../journey/support/browser.mjs';
import { click } from '../journey/support/effects.mjs';
import { Product, until } from '../journey/support/product.mjs';
import { APPS, run } from './support.mjs';

const FOLDER = join(APPS, 'bundled');
const BUNDLERS = {
  esbuild: (out) => ['--bundle', '--format=iife', '--log-level=error', `--outdir=${out}`],
  rollup: (out) => ['--plugin', 'node-resolve', '--format', 'es', '--silent', '--dir', out],
};
const ENTRIES = { whole: 'trailmark/inline', left: 'trailmark' };

let product, browser;
before(async () => {
  const page = (bundler, name) => `<!doctype html><title>Acme</title><link rel="icon" href="data:,"><script type="module" src="/${bundler}/${name}.js"></script>`;
  const pages = Object.keys(BUNDLERS).flatMap((bundler) => Object.keys(ENTRIES).map((name) => [`${bundler}_${name}.html`, page(bundler, name)]));
  product = await Product.start({ files: () => Object.fromEntries(pages) });
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  for (const [name, entry] of Object.entries(ENTRIES))
    writeFileSync(join(FOLDER, `${name}.js`), `import { init } from '${entry}';\nwindow.tm = init({ site: 'acme', consent: 'granted' });\n`);
  for (const [bundler, options] of Object.entries(BUNDLERS))
    for (const name of Object.keys(ENTRIES))
      await run(bundler, [`${name}.js`, ...options(join(product.folder, 'www', bundler))], { cwd: FOLDER });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/** Opens a page as a partner's visitor. */
async function visit(t, name) {
  const { query } = await click(product, 'ada');
  const { context, page, said } = await freshPage(browser);
  t.after(() => context.close());
  await page.addInitScript(patiently);
  await page.goto(`${product.site}/${name}.html?${query}`);
  return { page, said };
}

for (const bundler of Object.keys(BUNDLERS)) {
  test(`${bundler} bundles trailmark/inline untouched, and a visitor signs up without a request for a module`, async (t) => {
    const { page, said } = await visit(t, `${bundler}_whole`);
    await until('the touch is known', async () => (await page.evaluate(() => tm.touch()))?.partner === 'ada');
    const { status, attribution } = await page.evaluate((key) => tm.signup({ customerKey: key, email: `${key}@example.org` }), bundler);
    assert.deepEqual([status, attribution], ['accepted', [{ program: 'main', partner: 'ada' }]]);
    assert.deepEqual(said.requests.filter(({ url }) => url.includes('.wasm')), []);
    assert.deepEqual([...said.errors, ...said.console], []);
  });

  test(`${bundler} leaves the module of trailmark out, and the console says so with the cure`, async (t) => {
    const { page, said } = await visit(t, `${bundler}_left`);
    assert.equal((await page.evaluate(() => tm.ready)).mode, 'off');
    const told = said.console.filter((line) => line.startsWith('error: trailmark:'));
    assert.equal(told.length, 1, said.console.join('\n'));
    assert.match(told[0], /module.*; import from 'trailmark\/inline', or serve trailmark\/sdk_bg\.wasm and name it by wasmUrl$/);
    assert.deepEqual(said.errors, []);
  });
}
