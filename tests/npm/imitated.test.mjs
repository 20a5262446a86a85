// The npm package under the test runners that imitate a browser: Jest, which reads CommonJS, and Vitest, both with jsdom. A team
// tests its own code there; the SDK answers every call and does nothing else: no request, no storage, no line on the console.

import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { APPS, run } from './support.mjs';

const folder = join(APPS, 'imitated');
rmSync(folder, { recursive: true, force: true });
cpSync(fileURLToPath(new URL('imitated', import.meta.url)), folder, { recursive: true });

for (const [runner, args] of [['jest', ['--ci', '--detectOpenHandles']], ['vitest', ['run']]])
  test(`under ${runner} a component that imports the package is tested, and the package is inert and quiet`, async () => {
    const { stdout, stderr } = await run(runner, args, { cwd: folder, env: { CI: '1', NO_COLOR: '1' } });
    assert.match(stdout + stderr, /Tests:?\s+1 passed/);
    assert.doesNotMatch(stdout + stderr, /trailmark:|console\.|open handle|Not implemented/i);
  });
