// docs/start.md and docs/deploy.md, followed to the letter: a copy of a running ledger, its restoration, the
// rotation of keys and what there is to watch. A second walk shows that a restored ledger knows what was in the
// copy, and only that.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Caller } from '../journey/support/caller.mjs';
import { sections } from './support/pages.mjs';
import { Walk } from './support/walk.mjs';

let walk;
before(async () => {
  walk = await Walk.begin();
});
after(() => walk?.end());

test('who follows deploy.md backs up, restores, rotates and watches', async () => {
  await walk.follow('docs/start.md');
  await walk.follow('docs/deploy.md');
});

test('a restored ledger holds what was recorded before the copy, and nothing after it', async () => {
  const { terminal } = walk;
  const signUp = async (key) => {
    const page = await Caller.create(terminal.here('http://127.0.0.1:8787'));
    await page.arrive('ps_partner_key=YWRh');
    return (await page.signup(key, { email: `${key}@example.org` })).body.status;
  };
  const [backUp, restore] = ['Back up', 'Restore'].map((title) => {
    const { blocks } = sections('docs/deploy.md').find((section) => section.title === title);
    return blocks.find(({ runner }) => runner === 'run').text;
  });
  assert.equal(await signUp('u_before'), 'accepted');
  await terminal.run(backUp);
  assert.equal(await signUp('u_after'), 'accepted');
  await terminal.run(restore);
  const listed = await terminal.run('trailmark conversions list');
  assert.ok(listed.includes('u_before') && !listed.includes('u_after'), listed);
});
