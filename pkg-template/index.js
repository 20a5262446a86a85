// The entry of the npm package: `init` (init.js), with the module in a file of its own. Importing it does nothing. Only module.js has
// `import.meta`, which no CommonJS loader can read; it is imported where the module is needed. `cargo xtask pack` makes index.cjs
// of this file and those that it imports, for `require`.

import { initFrom } from './init.js';

export const init = initFrom(() => import('./module.js'));
