// What the tests of the npm package and of the matrix share: the folder where `cargo xtask` has installed the packed tarball
// beside the frameworks, building and serving an application there as its developer would, and the one way through it. The
// promise that a journey keeps is asserted here, once; everything that is started ends with its test.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cpSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { patiently } from '../journey/support/browser.mjs';
import { Product, freePort, until } from '../journey/support/product.mjs';

const { TRAILMARK_NPM: FOLDER, TRAILMARK_APPS } = process.env;
if (!FOLDER) throw new Error('TRAILMARK_NPM is not set: run these tests with `cargo xtask test --only npm`');

/** What is published, unpacked. */
export const PACKAGE = join(FOLDER, 'package');

/** Where the tarball is installed. */
export const APPS = TRAILMARK_APPS;

/** The file that is published. */
export const TARBALL = join(FOLDER, `trailmark-${JSON.parse(readFileSync(join(PACKAGE, 'package.json'))).version}.tgz`);

const program = (name) => join(APPS, 'node_modules', '.bin', name);

/** Runs an installed program to its end: `{ stdout, stderr }`; fails with what it said. */
export function run(name, args, { cwd = APPS, env = {} } = {}) {
  const options = { cwd, env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', ...env }, maxBuffer: 1 << 24 };
  return promisify(execFile)(program(name), args, options).catch(({ code, stdout, stderr }) => {
    throw new Error(`${name} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  });
}

/** A fresh folder beside the installed packages with the files of `sources`, folders as URLs; later ones win. */
export function lay(name, sources) {
  const folder = join(APPS, name);
  rmSync(folder, { recursive: true, force: true });
  for (const source of sources) cpSync(fileURLToPath(source), folder, { recursive: true });
  return folder;
}

/**
 * An application, built and served on a port of its own with the product behind it. Its files are those of the folders `from`.
 * `build` and `serve` are command lines; `serve` is given the port.
 */
export async function start(name, { from = [new URL(name, import.meta.url)], build, serve }) {
  const cwd = lay(name, from);
  const port = await freePort();
  const app = { origin: `http://127.0.0.1:${port}` };
  app.product = await Product.start({ www: false, pages: app.origin });
  const env = { TRAILMARK_PROXY: app.product.site };
  let server;
  app.stop = async () => {
    server?.kill('SIGTERM');
    await Promise.all([server?.ended, app.product.stop()]);
  };
  try {
    if (build) await run(build[0], build.slice(1), { cwd, env });
    const log = openSync(join(APPS, `${name}.log`), 'w');
    const [command, ...args] = serve(String(port));
    // Node itself, so that the signal reaches the server and no shell between.
    server = spawn(process.execPath, [program(command), ...args], {
      cwd,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', ...env },
      stdio: ['ignore', log, log],
    });
    server.ended = new Promise((resolve) => server.once('exit', resolve));
    await until(`${name} answers on ${app.origin}`, () => fetch(app.origin).then(({ ok }) => ok, () => false), 60_000);
  } catch (error) {
    await app.stop();
    throw error;
  }
  return app;
}

/** What development servers and frameworks say for themselves. */
const TOOLS = /^(debug: \[vite\]|info: %cDownload the React DevTools|warn(ing)?: trailmark: .* all is well$)/;

/** From a partner's link by client-side routes to a signup, which ends in one customer of that partner and one effect. */
export async function signsUp(t, { origin, product }, browser) {
  const email = `${browser.name.toLowerCase()}@example.org`;
  const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
  const page = await browser.fresh(t);
  await page.prepare(`(${patiently})()`);
  await page.goto(`${origin}/?ps_xid=${xid}&ps_partner_key=YWRh`);
  await page.evaluate(() => (window.sameDocument = true));
  await page.click('a', 'Sign up');
  await page.fill('Name', 'Grace Hopper');
  await page.fill('E-mail', email);
  await page.click('button', 'Create account');
  const result = await page.text('[data-result]');
  const [status, id] = result.split(' ');
  assert.equal(status, 'accepted', result);
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'the routes changed on the client');
  const { deliveries } = await until('the delivery is recorded', () => {
    const shown = product.json('conversions', 'show', id);
    return shown.deliveries.every(({ state }) => state === 'recorded') && shown;
  });
  assert.equal(deliveries.length, 1);
  const { customers } = await product.control('state/partnerstack');
  const made = customers.filter((customer) => customer.email === email);
  assert.deepEqual(made.map(({ partner_key }) => partner_key), ['ada']);
  const { effects } = await product.control('effects?vendor=partnerstack');
  const of = effects.filter(({ external_key }) => external_key === email);
  assert.equal(of.reduce((sum, row) => sum + row.effects, 0), 1, JSON.stringify(of));
  const reports = page.said.requests.filter(({ url }) => url.endsWith('/tm/v1/clicks'));
  assert.deepEqual(reports.map(({ method }) => method), ['POST'], 'one arrival was reported');
  assert.deepEqual([...page.said.errors, ...page.said.console.filter((line) => !TOOLS.test(line))], []);
  return page.said;
}
