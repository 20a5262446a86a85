// The npm package as it is published: what the checkers of the ecosystem say of the tarball, what tsc makes of its types, and what
// a server sees that imports or requires it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { APPS, PACKAGE, TARBALL, run } from './support.mjs';

/** How the two kinds of Node's modules take `init` from an entry of the package. */
const WAYS = { module: (entry) => `import { init } from '${entry}';`, commonjs: (entry) => `const { init } = require('${entry}');` };

/** What a script gives that this Node runs with `init` of the installed package; it prints nothing else. */
function onServer(script, kind = 'module', entry = 'trailmark') {
  const source = `${WAYS[kind](entry)}\n(async () => {${script}})().then((value) => console.log(JSON.stringify(value)));`;
  const options = { cwd: APPS, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  return JSON.parse(execFileSync(process.execPath, [`--input-type=${kind}`, '--eval', source], options));
}

test('publint has nothing to say of the tarball', async () => {
  const { stdout } = await run('publint', [TARBALL, '--strict']);
  assert.match(stdout, /All good!/);
});

test('the types resolve as @arethetypeswrong/cli wants them of a package for both kinds of modules', async () => {
  // Ends badly where anything is wrong. By itself it lays its answer out by the terminal, and otherwise under CI. The file of
  // the module is for bundlers alone.
  const { stdout } = await run('attw', [TARBALL, '--profile', 'node16', '--format', 'ascii', '--exclude-entrypoints', './sdk_bg.wasm']);
  assert.match(stdout, /"trailmark"\s+node16 \(from CJS\): 🟢 \(CJS\)\s+node16 \(from ESM\): 🟢 \(ESM\)\s+bundler: 🟢/);
});

test('the types allow what a page may write and refuse what it may not', async () => {
  const folder = join(APPS, 'types');
  rmSync(folder, { recursive: true, force: true });
  cpSync(fileURLToPath(new URL('types', import.meta.url)), folder, { recursive: true });
  const { stdout } = await run('tsc', ['--project', '.'], { cwd: folder });
  assert.equal(stdout, '');
});

test('the tarball holds the files that the README names and nothing of the build', () => {
  const names = execFileSync('tar', ['-tzf', TARBALL], { encoding: 'utf8' }).trim().split('\n');
  const expected = [
    'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'carry.js', 'core.js', 'forms.js', 'index.cjs', 'index.d.cts', 'index.d.ts', 'index.js', 'init.js', 'inline.cjs',
    'inline.js', 'inlined.js', 'module.js', 'package.json', 'platforms.js', 'sdk.js', 'sdk_bg.wasm', 'sdk_bg.wasm.d.ts', 'stub.js', 'twin.js',
  ];
  assert.deepEqual(names.map((name) => name.replace('package/', '')).sort(), expected);
  const texts = expected.filter((name) => /\.c?js$/.test(name)).map((name) => [name, readFileSync(join(PACKAGE, name), 'utf8')]);
  for (const [name, text] of texts) assert.doesNotMatch(text, /'__[A-Z]+__'|\/home\/|\/tmp\//, name);
  // CommonJS loaders cannot read `import.meta`; this file is imported only where a browser needs the module.
  assert.deepEqual(texts.filter(([, text]) => /import\.meta\./.test(text)).map(([name]) => name), ['module.js']);
  // Only who imports `trailmark/inline` gets the module as text.
  const importers = texts.filter(([, text]) => /import\('\.\/inlined\.js'\)/.test(text)).map(([name]) => name);
  assert.deepEqual(importers, ['inline.cjs', 'inline.js']);
});

test('the published scripts have the syntax that the README names', async () => {
  const esCheck = fileURLToPath(new URL('../node_modules/es-check/lib/cli/index.js', import.meta.url));
  const check = (level, names, ...more) =>
    execFileSync(process.execPath, [esCheck, level, ...names.map((name) => join(PACKAGE, name)), ...more], { encoding: 'utf8' });
  check('es2020', ['index.cjs', 'inline.cjs']);
  check('es2020', ['index.js', 'inline.js', 'init.js', 'module.js', 'inlined.js', 'carry.js', 'core.js', 'forms.js', 'platforms.js', 'stub.js'], '--module');
  check('es2021', ['sdk.js', 'twin.js'], '--module');
});

for (const entry of ['trailmark', 'trailmark/inline']) for (const kind of Object.keys(WAYS)) test(`on a server (${entry}, ${kind}) init gives an object on which every call is answered and nothing happens`, () => {
  const answers = onServer(`
    const before = Object.keys(globalThis).join();
    const trailmark = init({ site: 'acme' });
    const customer = { customerKey: 'u_1' };
    const answers = [await trailmark.ready, await trailmark.touch(), await trailmark.reference(), await trailmark.signup(customer),
      await trailmark.lead(customer), await trailmark.sale(customer), await trailmark.consent('granted'), await trailmark.config({})];
    return [...answers, init() === trailmark, Object.keys(globalThis).join() === before];`, kind, entry);
  const failed = { status: 'failed', code: 'not_loaded' };
  assert.deepEqual(answers, [{ attributed: false, mode: 'off' }, null, null, failed, failed, failed, 'pending', false, true, true]);
});

test('a bundler finds the module by its name in the package', () => {
  const script = `
    const { existsSync } = await import('node:fs');
    return [existsSync(new URL(import.meta.resolve('trailmark/sdk_bg.wasm')))];`;
  assert.deepEqual(onServer(script), [true]);
});
