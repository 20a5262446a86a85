// The entry `trailmark/inline`: the same `init`, with the module in a script (inlined.js), for bundlers that leave a `.wasm` file out.
// Larger than index.js where the module is needed. `cargo xtask pack` makes inline.cjs of it, as of index.js.

import { initFrom } from './init.js';

export const init = initFrom(() => import('./inlined.js'));
