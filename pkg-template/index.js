// The entry of the npm package: `init` returns the calls of `window.trailmark` for one site, with the package's own module.
// Importing the package does nothing; outside a browser `init` does nothing either. stub.js keeps arrival and calls,
// core.js starts the module, and the module does the rest.

import { run } from './core.js';
import { stub } from './stub.js';

// The objects of this document by site. They are on the window, because a page may have two copies of this package, or
// replace one during development; two copies must not report one arrival twice.
const SITES = Symbol.for('trailmark.sites');

const failed = async () => ({ status: 'failed', code: 'not_loaded' });
const nothing = async () => null;

// What `init` returns on a server: every call is answered, and nothing happens.
const inert = {
  ready: Promise.resolve({ attributed: false, mode: 'off' }),
  touch: nothing,
  signup: failed,
  lead: failed,
  sale: failed,
  reference: nothing,
  consent: async () => 'pending',
  config: async () => false
};

const fetched = async (wasmUrl = new URL('./sdk_bg.wasm', import.meta.url)) => {
  // As bytes, so that a wrong MIME type does not matter; beside the glue.
  const [glue, answer] = await Promise.all([import('./sdk.js'), fetch(wasmUrl)]), bytes = await answer.arrayBuffer();
  // A bundler that does not know `new URL` leaves the module out, and many hosts then answer with a page. A module begins
  // with `\0asm`.
  if (new Uint8Array(bytes)[1] != 97) {
    throw Error(`there is no module at ${answer.url} (${answer.status}); serve trailmark/sdk_bg.wasm and name it by wasmUrl`);
  }
  await glue.load(bytes);
  return glue;
};

// All sites of this document share one module. A failed fetch is tried again.
let loading;
const load = wasmUrl => loading = loading || fetched(wasmUrl).catch(error => {
  loading = undefined;
  throw error;
});

// The inline stub of the page, unless another site has taken it or a script tag of another site will. Otherwise a new stub
// for this site, which leaves `window.trailmark` alone and ignores failed script tags.
const stubOf = site => {
  const { trailmark } = window, script = document.querySelector('script[data-site][src*=sdk]');
  if (trailmark && trailmark._ && (script ? script.dataset.site == site : !trailmark._.l)) return trailmark;
  const own = {
    addEventListener: (type, ...rest) => type == 'error' || window.addEventListener(type, ...rest)
  };
  own.top = window.top == window && own;
  stub(own);
  return own.trailmark;
};

const begin = settings => {
  const trailmark = stubOf(settings.site), state = trailmark._;
  // Not if the script tag of the same site came first.
  if (state.a && !state.l) {
    state.l = 1;
    state.c = settings;
    run(trailmark, settings, () => load(settings.wasmUrl), () => import('./forms.js'));
  }
  return trailmark;
};

// The calls of one site; always the same object, with the settings of the first call.
export const init = settings => {
  if (typeof document == 'undefined') return inert;
  // Own members only: a member that a page adds to Object.prototype is not a setting.
  const sites = window[SITES] = window[SITES] || new Map(), own = { __proto__: null, ...settings }, { site, endpoint } = own;
  if (!sites.has(site)) sites.set(site, begin({ __proto__: null, ...own, endpoint: endpoint || '/tm' }));
  return sites.get(site);
};
