// The module as text, and what starts it; `cargo xtask pack` replaces `__MODULE__` by its base64. inline.js imports this file where
// the module is needed. Returns the glue, whose contract core.js has.

import * as glue from './sdk.js';

export const load = async () => {
  await glue.load(Uint8Array.from(atob('__MODULE__'), letter => letter.charCodeAt(0)));
  return glue;
};
