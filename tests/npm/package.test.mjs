// The npm package as it is published: what the checkers of the ecosystem say of the tarball, what tsc makes of its types, and what
// a server sees that imports it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { APPS, PACKAGE, TARBALL, run } from './support.mjs';

/** What a script gives that this Node runs with `init` of the installed package. */
function onServer(script) {
  const source = `import { init } from 'trailmark';\nconsole.log(JSON.stringify(await (async () => {${script}})()));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', source], { cwd: APPS, encoding: 'utf8' }));
}

test('publint has nothing to say of the tarball', async () => {
  const { stdout } = await run('publint', [TARBALL, '--strict']);
  assert.match(stdout, /All good!/);
});

test('the types resolve as @arethetypeswrong/cli wants them of a package of ES modules', async () => {
  // Ends badly where anything is wrong. By itself it lays its answer out by the terminal, and otherwise under CI.
  const { stdout } = await run('attw', [TARBALL, '--profile', 'esm-only', '--format', 'ascii']);
  assert.match(stdout, /"trailmark"\s+node16 \(from ESM\): 🟢 \(ESM\)\s+bundler: 🟢/);
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
  const expected = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'core.js', 'forms.js', 'index.d.ts', 'index.js', 'package.json', 'sdk.js', 'sdk_bg.wasm', 'sdk_bg.wasm.d.ts', 'stub.js'];
  assert.deepEqual(names.map((name) => name.replace('package/', '')).sort(), expected);
  const text = ['index.js', 'core.js', 'forms.js', 'stub.js', 'sdk.js'].map((name) => readFileSync(join(PACKAGE, name), 'utf8')).join();
  assert.doesNotMatch(text, /__GLUE__|__WASM__|__FORMS__|\/home\/|\/tmp\//);
});

test('on a server init gives an object on which every call is answered and nothing happens', () => {
  const answers = onServer(`
    const before = Object.keys(globalThis).join();
    const trailmark = init({ site: 'acme' });
    const customer = { customerKey: 'u_1' };
    const answers = [await trailmark.ready, await trailmark.touch(), await trailmark.reference(), await trailmark.signup(customer),
      await trailmark.lead(customer), await trailmark.sale(customer), await trailmark.consent('granted'), await trailmark.config({})];
    return [...answers, init() === trailmark, Object.keys(globalThis).join() === before];`);
  const failed = { status: 'failed', code: 'not_loaded' };
  assert.deepEqual(answers, [{ attributed: false, mode: 'off' }, null, null, failed, failed, failed, 'pending', false, true, true]);
});

test('a bundler finds the module by its name in the package', () => {
  const script = `
    const { existsSync } = await import('node:fs');
    return [existsSync(new URL(import.meta.resolve('trailmark/sdk_bg.wasm')))];`;
  assert.deepEqual(onServer(script), [true]);
});
