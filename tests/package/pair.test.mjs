// Glue and module belong together: the module's first import has a name that only this build has, so that the browser refuses to link
// the glue of one release with the module of another. Both stand in $TRAILMARK_SDK.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { markOf, ofOtherBuild } from '../journey/support/builds.mjs';

const { TRAILMARK_SDK: sdk } = process.env;
const names = JSON.parse(readFileSync(join(sdk, 'manifest.json')));
const [glue, module] = [names.glue, names.wasm].map((name) => readFileSync(join(sdk, name)));
const mark = await markOf(module);
const load = async (text) => (await import(`data:text/javascript;base64,${text.toString('base64')}`)).load;

test('the first import of the module has the name of the build, and the glue has it once', () => {
  assert.match(mark, /^_[0-9a-f]{8}$/);
  assert.equal(glue.toString().split(mark).length, 2);
});

test('glue and module of one build link', async () => {
  await (await load(glue))(module);
  await (await load(ofOtherBuild(glue, mark)))(ofOtherBuild(module, mark));
});

test('a module does not link with the glue of another build, and the browser says so in one way', async () => {
  for (const [one, other] of [[ofOtherBuild(glue, mark), module], [glue, ofOtherBuild(module, mark)]])
    await assert.rejects((await load(one))(other), { name: 'LinkError' });
});
