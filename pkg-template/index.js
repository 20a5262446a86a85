// The entry of the npm package: `init` gives the calls of `window.trailmark` for one site, with the module that the package
// ships. Importing does nothing, and outside a browser neither does `init`. Decides nothing: the arrival and the calls are
// kept by stub.js, the module is brought up by core.js, and everything else is the module's.

import { run } from './core.js';
import { stub } from './stub.js';

// The objects of this document by site. On the window, since a page may hold two copies of this package, or replace one while
// it is developed; they must not report the same arrival twice.
const SITES = Symbol.for('trailmark.sites');

const failed = async () => ({ status: 'failed', code: 'not_loaded' });
const nothing = async () => null;

// What `init` gives on a server: every call is answered, and nothing happens.
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
  const glue = await import('./sdk.js');
  // As bytes, so that a host that sends the wrong MIME type is no obstacle.
  const answer = await fetch(wasmUrl), bytes = await answer.arrayBuffer();
  // A bundler that does not know `new URL` leaves the module behind, and many hosts answer with a page then: `\0asm` it is not.
  if (new Uint8Array(bytes)[1] != 97) {
    throw Error(`there is no module at ${answer.url} (${answer.status}); serve trailmark/sdk_bg.wasm and name it by wasmUrl`);
  }
  await glue.load(bytes);
  return glue;
};

// One module for all sites of this document, and another try after a failed one.
let loading;
const load = wasmUrl => loading = loading || fetched(wasmUrl).catch(error => {
  loading = undefined;
  throw error;
});

// The inline stub of the page, if it is nobody else's: taken by no other site, and meant for no script tag of another one. Else
// a stub of this site's own, which leaves `window.trailmark` alone and does not mind if a script tag fails.
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
  // Not in a frame, and not where the script tag of the same site came first.
  if (state.a && !state.l) {
    state.l = 1;
    state.c = settings;
    run(trailmark, settings, () => load(settings.wasmUrl));
  }
  return trailmark;
};

// The calls of one site; the same object each time, with the settings of the first.
export const init = settings => {
  if (typeof document == 'undefined') return inert;
  // Own members only: what a page adds to Object.prototype is no setting.
  const sites = window[SITES] = window[SITES] || new Map(), own = { __proto__: null, ...settings }, { site, endpoint } = own;
  if (!sites.has(site)) sites.set(site, begin({ __proto__: null, ...own, endpoint: endpoint || '/tm' }));
  return sites.get(site);
};
