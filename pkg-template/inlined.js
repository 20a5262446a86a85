// The module as text, and what starts it; `cargo xtask pack` replaces `__MODULE__` by its base64. inline.js imports this file where
// the module is needed. `load` resolves to what serves a page (serve.js).

import * as glue from './sdk.js';

export const load = async () => {
  const twin = await glue.load(Uint8Array.from(atob('__MODULE__'), letter => letter.charCodeAt(0)));
  return page => glue.serve(twin || glue, page);
};
