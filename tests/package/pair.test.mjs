// Glue and module belong together: one import has a name that only this build has, so that the browser refuses to link the glue of
// one release with the module of another. Both stand in $TRAILMARK_SDK, those of the release before in tests/previous.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const { TRAILMARK_SDK: sdk } = process.env;
const { glue, wasm } = JSON.parse(readFileSync(join(sdk, 'manifest.json')));
const module = readFileSync(join(sdk, wasm));
const load = async (text) => (await import(`data:text/javascript,${encodeURIComponent(text)}`)).load;

test('one import has the name of the build, and the glue has it too', async () => {
  const marks = WebAssembly.Module.imports(await WebAssembly.compile(module)).filter(({ name }) => /^_[0-9a-f]{8}$/.test(name));
  assert.equal(marks.length, 1);
  assert.ok(readFileSync(join(sdk, glue), 'utf8').includes(marks[0].name));
  const { load: own } = await import(pathToFileURL(join(sdk, glue)));
  await own(module);
});

test('a module does not link with the glue of another build, nor with that of the release before', async () => {
  const [{ name }] = WebAssembly.Module.imports(await WebAssembly.compile(module)).filter(({ name }) => /^_[0-9a-f]{8}$/.test(name));
  const other = readFileSync(join(sdk, glue), 'utf8').replaceAll(name, '_00000000');
  await assert.rejects((await load(other))(module), WebAssembly.LinkError);
  const folder = new URL('../previous/', import.meta.url);
  const before = readdirSync(folder);
  const file = (pattern) => readFileSync(new URL(before.find((name) => pattern.test(name)), folder));
  const [theirs, their] = [file(/^sdk-[0-9a-f]+\.js\.bin$/), file(/_bg\.wasm\.bin$/)];
  await assert.rejects((await load(theirs.toString()))(module), WebAssembly.LinkError);
  const { load: own } = await import(`${pathToFileURL(join(sdk, glue))}?again`);
  await assert.rejects(own(their), WebAssembly.LinkError);
});
