// The module as text, and what starts it; `cargo xtask pack` replaces `__MODULE__` by its base64. inline.js imports this file where
// the module is needed. Returns the glue or the module's twin (load.js); core.js has their contract.

import * as glue from './sdk.js';

export const load = async () =>
  await glue.load(Uint8Array.from(atob('__MODULE__'), letter => letter.charCodeAt(0))) || glue;
