// Fetches the module and starts it. index.js imports this file where the module is needed. `load` resolves to what serves a
// page (serve.js). What a developer has to correct is an error with `isMistake`, which init.js prints.

import * as glue from './sdk.js';

const mistake = what =>
  Object.assign(Error(`${what}; import from 'trailmark/inline', or serve trailmark/sdk_bg.wasm and name it by wasmUrl`), { isMistake: true });

// Bundlers look for this form and include the module. Others leave the file out, and some of them the address, too.
const beside = () => {
  try {
    return new URL('./sdk_bg.wasm', import.meta.url);
  } catch (_) {
    throw mistake('this bundle cannot find its module');
  }
};

export const load = async wasmUrl => {
  // As bytes, so that a wrong MIME type does not matter.
  const answer = await fetch(wasmUrl || beside()), bytes = await answer.arrayBuffer();
  // Many hosts answer with a page where a file is missing. A module begins with `\0asm`.
  if (new Uint8Array(bytes)[1] != 97) throw mistake(`there is no module at ${answer.url} (${answer.status})`);
  const twin = await glue.load(bytes).catch(error => {
    throw error.name == 'LinkError' ? mistake(`the module at ${answer.url} is of another version of this package`) : error;
  });
  return page => glue.serve(twin || glue, page);
};
