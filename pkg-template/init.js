// `init` of the npm package: returns the calls of `window.trailmark` for one site. Outside a browser it does nothing. stub.js keeps
// arrival and calls, core.js starts the module, and the module does the rest. index.js and inline.js say where the module is.

import { apart, run, shared, stated } from './core.js';
import { stub } from './stub.js';

const failed = async () => ({ status: 'failed', code: 'not_loaded' });
const nothing = async () => null;

// What `init` returns on a server, and where a test imitates a browser: every call is answered, and nothing happens.
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

// The inline stub of the page, unless another site has taken it or a script tag of another site will. Otherwise a stub of its
// own. The list is read through the prototype: an element named `scripts` hides the document's own property.
const stubOf = site => {
  const trailmark = shared('trailmark'), scripts = [...Reflect.get(Document.prototype, 'scripts', document)];
  const script = scripts.find(one => /[^/][/]sdk[.]/.test(one.src) && stated(one).site);
  return trailmark && (script ? stated(script).site == site : !trailmark._.l) ? trailmark : apart(stub);
};

// Makes `init`. `source` imports the file whose `load` starts the module.
export const initFrom = source => {
  // All sites of this document share one module. A failed one is loaded again. A mistake of the build is told without `debug`,
  // too: no visitor causes it.
  let loading;
  const load = ({ wasmUrl, debug }) => loading = loading || source().then(file => file.load(wasmUrl)).catch(error => {
    loading = undefined;
    if (error.isMistake && !debug) console.error('trailmark:', error.message);
    throw error;
  });

  const begin = settings => {
    const trailmark = stubOf(settings.site), state = trailmark._;
    // Not if the script tag of the same site came first.
    if (state.a && !state.l) {
      state.l = 1;
      state.c = settings;
      const files = { platforms: () => import('./platforms.js'), forms: () => import('./forms.js') };
      run(trailmark, settings, async (tries, page) => (await load(settings))(page), name => files[name]());
    }
    return trailmark;
  };

  // The calls of one site; always the same object, with the settings of the first call.
  return settings => {
    if (!isBrowser()) return inert;
    // Own members only: a member that a page adds to Object.prototype is not a setting.
    const own = { __proto__: null, ...settings }, name = 'trailmark_' + own.site;
    return window[name] = shared(name) || begin({ __proto__: null, ...own, endpoint: own.endpoint || '/tm' });
  };
};
