// The entry of the npm package: `init` returns the calls of `window.trailmark` for one site, with the package's own module.
// Importing the package does nothing; outside a browser `init` does nothing either. stub.js keeps arrival and calls,
// core.js starts the module, and the module does the rest. `cargo xtask pack` makes index.cjs, for `require`, of these three
// files. Only sdk.js has `import.meta`, which no CommonJS loader can read; it is imported when the module is needed.

import { apart, run, shared, sites, tag } from './core.js';
import { stub } from './stub.js';

const failed = async () => ({ status: 'failed', code: 'not_loaded' });
const nothing = async () => null;

// What `init` returns on a server, and in the imitation of a browser that a test has: every call is answered, and nothing
// happens.
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

// Node has a `navigator` of its own, and some frameworks give it a `document`.
const isBrowser = () => typeof document != 'undefined' && typeof navigator != 'undefined' &&
  !/jsdom|happydom|node\.js/i.test(navigator.userAgent);

const fetched = async wasmUrl => {
  const glue = await import('./sdk.js');
  // As bytes, so that a wrong MIME type does not matter.
  const answer = await fetch(wasmUrl || glue.wasmUrl()), bytes = await answer.arrayBuffer();
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
// for this site.
const stubOf = site => {
  const trailmark = shared(), script = tag();
  return trailmark && (script ? script.dataset.site == site : !trailmark._.l) ? trailmark : apart(stub);
};

const begin = settings => {
  const trailmark = stubOf(settings.site), state = trailmark._;
  // Not in a frame, and not if the script tag of the same site came first.
  if (state.a && !state.l) {
    state.l = settings.site;
    state.c = settings;
    run(trailmark, settings, () => load(settings.wasmUrl));
  }
  return trailmark;
};

// The calls of one site; always the same object, with the settings of the first call.
export const init = settings => {
  if (!isBrowser()) return inert;
  // Own members only: a member that a page adds to Object.prototype is not a setting.
  const all = sites(), own = { __proto__: null, ...settings }, { site, endpoint } = own;
  if (!all.has(site)) all.set(site, begin({ __proto__: null, ...own, endpoint: endpoint || '/tm' }));
  return all.get(site);
};
