// Where no page is, the package does nothing and says nothing: Node by import and by require, workerd, Jest and Vitest. Under jsdom
// there is a document, but no module comes: every call is answered, and nothing is touched or said. And the oldest TypeScript that
// the package promises.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { APPS, lay, run } from '../../npm/support.mjs';

/** Every call of a page. Goes into the runtimes as text. */
const everyCall = async (init) => {
  const trailmark = init({ site: 'acme', consent: 'granted' });
  const customer = { customerKey: 'u_1' };
  const told = [trailmark.ready, trailmark.touch(), trailmark.reference(), trailmark.consent('granted')];
  return Promise.all([...told, trailmark.signup(customer), trailmark.lead(customer), trailmark.sale(customer)]);
};

const FAILED = { status: 'failed', code: 'not_loaded' };
const INERT = [{ attributed: false, mode: 'off' }, null, null, 'pending', FAILED, FAILED, FAILED];

const node = (args, cwd = APPS) => promisify(execFile)(process.execPath, args, { cwd });

for (const [kind, load] of [['module', "import { init } from 'trailmark';"], ['commonjs', "const { init } = require('trailmark');"]]) {
  test(`in Node a ${kind} script that loads the package is answered, and nothing happens`, async () => {
    const script = `${load}\n(${everyCall})(init).then((answers) => console.log(JSON.stringify(answers)));`;
    const { stdout, stderr } = await node([`--input-type=${kind}`, '--eval', script]);
    assert.deepEqual(JSON.parse(stdout), INERT);
    assert.equal(stderr, '');
  });
}

/** A fresh folder beside the installed packages with one file. */
function write(name, file, text) {
  const folder = join(APPS, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(join(folder, file), text);
  return folder;
}

test('in workerd, bundled as for deployment, every call is answered, and nothing happens', async () => {
  const worker = `import { init } from 'trailmark';
    const test = async () => {
      const answers = JSON.stringify(await (${everyCall})(init));
      if (answers !== ${JSON.stringify(JSON.stringify(INERT))}) throw new Error(answers);
    };
    export default { test };`;
  const cwd = write('workerd', 'worker.mjs', worker);
  copyFileSync(fileURLToPath(new URL('workerd.capnp', import.meta.url)), join(cwd, 'workerd.capnp'));
  const conditions = '--conditions=workerd,worker,browser';
  await run('esbuild', ['worker.mjs', '--bundle', '--format=esm', conditions, '--outdir=dist', '--out-extension:.js=.mjs'], { cwd });
  const { stdout } = await run('workerd', ['test', 'workerd.capnp'], { cwd });
  assert.equal(stdout, '');
});

const EXPECTED = {
  node: `expect(answers).toEqual(${JSON.stringify(INERT)});`,
  jsdom: `expect([answers[0].attributed, answers[1], answers[2]]).toEqual([false, null, null]);
    for (const { status } of answers.slice(4)) expect(['failed', 'queued']).toContain(status);`,
};
const RUNNERS = {
  jest: {
    file: 'calls.test.cjs',
    head: "const { init } = require('trailmark');",
    line: (environment) => ['--rootDir', '.', '--env', environment],
  },
  vitest: {
    file: 'calls.test.mjs',
    head: "import { expect, test } from 'vitest';\nimport { init } from 'trailmark';",
    line: (environment) => ['run', '--root', '.', '--environment', environment],
  },
};

for (const [runner, { file, head, line }] of Object.entries(RUNNERS)) {
  for (const [environment, expected] of Object.entries(EXPECTED)) {
    test(`in a test of ${runner} under ${environment} every call is answered, and nothing is said`, async () => {
      const text = `${head}\ntest('every call is answered', async () => {
        const answers = await (${everyCall})(init);
        ${expected}
      });`;
      const cwd = write(`${runner}-${environment}`, file, text);
      const { stdout, stderr } = await run(runner, line(environment), { cwd });
      assert.match(stdout + stderr, /1 passed/);
      // How Jest and Vitest head what a test prints.
      assert.doesNotMatch(stdout + stderr, /console\.\w+|stdout \||stderr \|/);
    });
  }
}

test('TypeScript 5.0 reads the types of the package, for bundlers and for Node', async () => {
  const cwd = lay('types', [new URL('../../npm/types/', import.meta.url)]);
  const tsc = join(APPS, 'node_modules', 'typescript-5.0', 'bin', 'tsc');
  for (const more of [[], ['--module', 'nodenext', '--moduleResolution', 'nodenext']]) {
    const { stdout } = await node([tsc, '--project', '.', ...more], cwd);
    assert.equal(stdout, '');
  }
});
