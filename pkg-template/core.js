// The code that the script tag (loader.js) and the npm package (index.js) share. It starts the module, hands it arrival and
// queue, answers calls through it, drains the stored queue, and binds forms. The module decides about conversions. If
// anything fails, the page continues without attribution (`mode: 'off'`) and, unless debug is set, without a message.
//
// The contract with the module's glue, which another release may have built: `load(bytes)`; `start(settings, arrival)`, which
// returns a number; `call(number, name, argument)`, which returns a promise. A cached sdk.js meets the glue of a newer proxy,
// and the reverse, so members may be added, and both sides do without them. tests/journey/releases.test.mjs guards this.

// The objects of this document by site. They are on the window, because a page may have the script tag and a package, two
// copies of a package, or replace one during development; two copies must not report one arrival twice.
const SITES = Symbol.for('trailmark.sites');
export const sites = () => window[SITES] = window[SITES] || new Map();

// The script tag of the site that `window.trailmark` belongs to: the first without a name, by its address `src` or, where that is
// not known, by the stub's rule.
export const tag = src => {
  try {
    return [...document.scripts].find(one => one.dataset.site && !one.dataset.name && one.text + 1 &&
      (src ? one.src == src : /\w\/sdk[-.]/.test(one.src)));
  } catch (_) {}
};

// The stub of the page, if it has one: a form may be named `trailmark`, and a field of it `_`.
export const shared = () => ((window.trailmark || 0)._ || 0).q && window.trailmark;

// A stub of its own for a further site. It leaves `window.trailmark` alone, ignores failed script tags, and takes the arrival
// from the inline stub if that remembers it: a router may have changed the address since.
export const apart = stub => {
  const own = {
    addEventListener: (type, ...rest) => type == 'error' || window.addEventListener(type, ...rest)
  };
  own.top = window.top == window && own;
  stub(own);
  const state = own.trailmark._, first = shared() && window.trailmark._.a;
  if (state.a && first && first.url) state.a = { ...first, id: state.a.id };
  return own.trailmark;
};

// Takes over `trailmark`, a stub, with these settings. `load` fetches the module and returns its `start` and `call`; its
// argument is the number of earlier tries.
export const run = (trailmark, settings, load) => {
  const state = trailmark._, w = window;
  const isConversion = call => /^(signup|lead|sale)$/.test(call[0]);
  const explain = error => settings.debug && console.warn('trailmark:', error);
  let loading, tries = 0, call, timer;

  // Sends what waits, one tab at a time, until nothing waits.
  const drain = () => {
    clearTimeout(timer);
    const send = async () => {
      const pause = await call('drain');
      if (pause) timer = setTimeout(drain, pause);
    };
    try {
      navigator.locks.request('tm_' + settings.site, send).catch(send);
    } catch (_) {
      send();
    }
  };

  // Answers a call through the module.
  const answer = async ([name, argument, resolve]) => {
    if (name == 'config') return resolve(false);
    try {
      const result = await call(name, argument);
      resolve(result);
      if (name == 'consent' || result && result.status == 'queued') drain();
    } catch (error) {
      explain(error);
      resolve({ status: 'failed', code: 'malformed' });
    }
  };

  const configure = ([name, argument, resolve]) => {
    if (name == 'config') {
      try {
        Object.assign(settings, argument);
        resolve(true);
      } catch (_) {
        resolve(false);
      }
    }
  };

  const begin = () => {
    if (loading) return;
    loading = 1;
    (async () => {
      // Fails immediately, before any download, if the page's policy forbids WebAssembly or the browser lacks it.
      new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
      const sdk = await load(tries++);
      state.q.map(configure);
      const { params, debug } = settings;
      const site = sdk.start({
        ...settings,
        params: typeof params == 'string' ? params.match(/[^\s,]+/g) : params,
        consent: state.s || settings.consent,
        debug: debug ? 1 : null
      }, { ...state.a, again: state.a.again || null });
      call = (name, argument) => sdk.call(site, name, argument);
      // From now on the module reports the arrival.
      state.a.url = '';
      call('').then(ready => {
        state.o(ready);
        drain();
      });
      state.q.push = answer;
      state.q.splice(0).map(answer);
    })().catch(error => {
      // A later conversion tries again.
      loading = 0;
      explain(error);
      state.o({ attributed: false, mode: 'off' });
    });
  };

  // A conversion does not wait until the page is idle.
  state.q.push = (...calls) => {
    calls.some(isConversion) && begin();
    return Array.prototype.push.apply(state.q, calls);
  };

  // The page is back from the back/forward cache, or online again.
  w.addEventListener('pageshow', event => {
    if (event.persisted && call) {
      call('resume');
      drain();
    }
  });
  w.addEventListener('online', () => call && drain());

  // Forms with data-trailmark. Only fields with these names are read. A submission that a script prevented does not count;
  // a form with data-site belongs to that site alone.
  w.addEventListener('submit', event => {
    const form = event.target, { trailmark: kind, site = settings.site } = { __proto__: null, ...form.dataset };
    if (event.defaultPrevented || site != settings.site || !/^(signup|lead)$/.test(kind)) return;
    const input = { data: {} };
    new FormData(form).forEach((value, name) => {
      if (/^(customerKey|customer|email|name)$/.test(name)) input[name] = value;
      else if (/^data\./.test(name)) input.data[name.slice(5)] = value;
    });
    if (!input.customer) input.customerKey = (input.customerKey || '').trim() || input.email;
    trailmark[kind](input);
  });

  const start = () => state.q.some(isConversion) ? begin() : whenIdle();
  const idle = () => (w.requestIdleCallback || setTimeout)(begin);
  const whenIdle = () => document.readyState == 'complete' ? idle() : w.addEventListener('load', idle);
  if (!document.prerendering) return start();
  // A prerendered page is no arrival until it is shown. Timers start when it is shown.
  const open = state.o;
  state.o = () => {};
  document.addEventListener('prerenderingchange', () => {
    state.o = open;
    setTimeout(open, 5000, { attributed: false, mode: 'off' });
    start();
  }, { once: true });
};
