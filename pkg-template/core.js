// The code that the script tag (loader.js) and the npm package (index.js) share. It loads the module where the module can have
// work, hands it arrival and queue, answers calls through it, drains the stored queue, and binds forms. Most pages have no
// work (`mode: 'idle'`): there it answers as the module would. The module decides about conversions. If anything fails, the
// page continues without attribution (`mode: 'off'`) and, unless debug is set, without a message. The build fills in the names
// that the vendors' links and scripts use (xtask/src/vendor_names.rs).

// Takes over `trailmark`, a stub, with these settings. `load` fetches the module and returns its `start` and `call`; its
// argument is the number of earlier tries.
export const run = (trailmark, settings, load) => {
  const state = trailmark._, w = window;
  const isConversion = call => /^(signup|lead|sale)$/.test(call[0]);
  const explain = error => settings.debug && console.warn('trailmark:', error);
  // decided: 1 if the module will be asked for, 2 once it was, whatever came of it; rested: the consent in force when calls were last answered without
  // it; withdrawn: that was a grant, and the page has taken it back.
  let decided, rested, withdrawn, loading, tries = 0, call, timer;

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

  // Whether the module can have work: a recognised name in the address, a vendor's cookie, or something of ours in cookies or
  // storage. Rather once too often: the module reads all of it exactly (crates/trailmark-wire/src/landing.rs).
  const isNeeded = () => {
    try {
      const ours = 'tm_' + settings.site;
      const names = `__PARAMS__,__COOKIES__,${ours},${settings.params || ''}`.toLowerCase().match(/[^\s,]+/g);
      const words = unescape(`${state.a.url} ${document.cookie}`).toLowerCase().split(/[\s&?;#/=+]/);
      return settings.debug || words.some(word => names.includes(word)) ||
        Object.keys(localStorage).some(key => key.startsWith(ours + '_'));
    } catch (_) {
      return true;
    }
  };

  // The consent in force once the page has said `word`; src/consent.rs has the rule.
  const consent = word => navigator.globalPrivacyControl ? 'denied' :
    [word, state.s, settings.consent, 'pending'].find(word => ['granted', 'denied', 'pending'].includes(word));

  const begin = () => {
    if (loading) return;
    loading = 1;
    decided = 2;
    (async () => {
      // Fails immediately, before any download, if the page's policy forbids WebAssembly or the browser lacks it.
      new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
      const sdk = await load(tries++);
      state.q.map(configure);
      const { site: name, endpoint, consent, params, debug } = settings, { id, url, at, again } = state.a;
      // In the order that src/config.rs reads. `join` leaves out what is not set.
      const site = sdk.start([
        name, endpoint, withdrawn ? 'granted' : state.s || consent, ('' + [params]).replace(/\s+/g, ','), debug ? 1 : '', id, at, again ? 1 : '', url
      ].join('\0'));
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

  // Answers without the module where it has no work. Otherwise begins: at once for a conversion, and where `ready` has said
  // `idle` already; else when the page is idle.
  const start = (calls = state.q) => {
    if (loading || document.prerendering) return;
    calls.map(configure);
    if (calls.some(isConversion)) return begin();
    // Scheduled, or failed: a later conversion tries again.
    if (decided) return;
    withdrawn = rested == 'granted' && calls.some(([name, word]) => name == 'consent' && word === 'denied');
    decided = withdrawn || isNeeded();
    if (decided) return rested ? begin() : whenIdle();
    rested = consent();
    state.o({ attributed: false, mode: 'idle' });
    state.q.splice(0).map(([name, argument, resolve]) => resolve(name == 'consent' ? consent(argument) : null));
  };

  state.q.push = (...calls) => {
    Array.prototype.push.apply(state.q, calls);
    start(calls);
  };

  // The page is back from the back/forward cache, or online again.
  w.addEventListener('pageshow', event => {
    if (!event.persisted) return;
    // Another page may have left something to do.
    if (!call) return start();
    call('resume');
    drain();
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

  // When the page is idle, but in time for `ready`: an image can keep a page from being loaded for minutes.
  const once = () => decided > 1 || begin();
  const idle = () => (w.requestIdleCallback || setTimeout)(once);
  const whenIdle = () => {
    setTimeout(once, 2000);
    document.readyState == 'complete' ? idle() : w.addEventListener('load', idle);
  };
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
