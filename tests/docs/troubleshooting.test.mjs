// docs/start.md and docs/troubleshooting.md: `explain` tells of a signup without a touch what the page says it
// tells, and a refusal is answered with the code and the status of the table.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Backend } from '../journey/support/caller.mjs';
import { Walk } from './support/walk.mjs';

let walk;
before(async () => {
  walk = await Walk.begin();
});
after(() => walk?.end());

test('who asks why there is no commission reads that the report names no visitor', async () => {
  await walk.follow('docs/start.md');
  const { terminal } = walk;
  const key = (await terminal.run('trailmark apikeys add --site acme --name a-test')).trim().split('\n')[0];
  const backend = Object.assign(new Backend(), { site: terminal.here('http://127.0.0.1:8787'), key });
  const { body } = await backend.report({ kind: 'signup', customer: { key: 'u_alone', email: 'alone@example.org' } });
  assert.equal(body.status, 'unattributed');
  await walk.follow('docs/troubleshooting.md');
  const refused = await backend.report({ kind: 'signup', customer: { key: 'u_alone' }, surprise: 1 });
  assert.deepEqual([refused.status, refused.body.code], [400, 'malformed']);
});
