// docs/start.md, followed while `cargo xtask demo` runs: neither takes what the other needs, and what the page shows comes
// from its own proxy.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { Demo } from '../journey/support/demo.mjs';
import { read } from './support/pages.mjs';
import { Walk } from './support/walk.mjs';

// field-faults row 51
test('start.md beside a running demo works as alone, and nothing of it reaches the demo', async () => {
  const demo = await Demo.start('--fresh');
  let walk;
  try {
    // A walk has ports of its own (support/terminal.mjs), so whether those of the page collide is compared here.
    for (const page of ['start', 'html', 'backend']) {
      const named = [...read(`docs/${page}.md`).matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => port);
      for (const url of demo.addresses) assert.ok(!named.includes(new URL(url).port), `docs/${page}.md names ${url}`);
    }
    walk = await Walk.begin();
    await walk.follow('docs/start.md');
    const listed = (explore) => execFileSync('sh', ['-c', explore], { encoding: 'utf8' });
    assert.doesNotMatch(listed(demo.explore), /\bu_0\b/, 'the signup of the page is not in the demo’s ledger');
    assert.equal(await demo.stop(), 0, demo.output);
  } finally {
    await walk?.end();
    await demo.end();
  }
});
