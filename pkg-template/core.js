// The code that the script tag (loader.js) and the npm package (index.js) share. It loads the module where the module can have
// work, hands it arrival and queue, answers calls through it, drains the stored queue, and reports bound forms; forms.js hears of
// more of their submissions. Most pages have no work (`mode: 'idle'`): there it answers as the module would. The module decides
// about conversions; where WebAssembly is refused, its JavaScript twin does (load.js). If anything fails, the page continues
// without attribution (`mode: 'off'`) and, unless debug is set, without a message. The build fills in the names that the vendors'
// links and scripts use (xtask/src/vendor_names.rs).
//
// The contract with the module's glue, which another release may have built (loader.js says when): `load(bytes)`, which returns
// the twin or nothing; `start(text)`, which returns a number; `call(number, name, argument)`, which returns a promise; the twin
// has both as well. The text holds fields in the order of src/config.rs. A later release may add fields at its end: an older glue
// ignores them, and a newer one does without. platforms.js has `follow(state, explain)`, forms.js `bind(report, explain)`.

// What the page has under this name, if it is an object of ours: a form may be named `trailmark`, and a field of it `_`. The
// object of each site is `trailmark_<site>`, so that several tags and copies of the package do not report one arrival twice.
export const shared = name => ((window[name] || 0)._ || 0).q && window[name];

// What a script tag states: its attributes, and settings in its own address, which is all that a tag manager leaves of it.
export const stated = ({ src, dataset }) =>
  ({ __proto__: null, ...Object.fromEntries(new URL(src || 'a:').searchParams), ...dataset });

// An object for a site that `window.trailmark` does not belong to: a stub that leaves `window.trailmark` alone and takes no
// notice of failed script tags, whose listener is the only one with a third argument. It takes the address from the page's
// stub, while that has it: a router may have changed the address since.
export const apart = stub => {
  const own = { addEventListener: (...all) => all[2] || addEventListener(...all) };
  own.top = top == window && own;
  stub(own);
  const { trailmark } = own, { a } = trailmark._;
  a.url = ((shared('trailmark') || trailmark)._.a || a).url || a.url;
  return trailmark;
};

// Takes over `trailmark`, a stub, with these settings. `load` fetches the module and returns its `start` and `call`; its
// argument is the number of earlier tries. `platforms` and `forms` fetch the files of these names.
export const run = (trailmark, settings, load, platforms, forms) => {
  const state = trailmark._, w = window;
  const isConversion = call => /^[ls]/.test(call[0]);
  const explain = error => settings.debug && console.warn('trailmark:', error);
  const states = ['granted', 'denied', 'pending'];
  // decided: the module was asked for, whatever came of it; rested: the consent in force when calls were last answered without
  // it; withdrawn: that was a grant, and the page has taken it back.
  let decided, rested, withdrawn, loading, followed, bound, tries = 0, call, timer;

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
      // Of several words that waited, only the last counts; and a platform may have refused. An unknown word is explained.
      const result = await call(name, name == 'consent' && states.includes(argument) ? consent() : argument);
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

  // The names under which this site has stored something.
  const kept = () => Object.keys(localStorage).filter(key => key.startsWith(`tm_${settings.site}_`));

  // Whether the module can have work: a recognised name in the address, a vendor's cookie, or something of ours in cookies or
  // storage. Rather once too often: the module reads all of it exactly (crates/trailmark-wire/src/landing.rs).
  const isNeeded = () => {
    try {
      const names = `__PARAMS__,__COOKIES__,_tm,tm_${settings.site},${settings.params || ''}`.toLowerCase().match(/[^\s,]+/g);
      const words = unescape(`${state.a.url} ${document.cookie}`).toLowerCase().split(/[\s&?;#/=+]/);
      return settings.debug || words.some(word => names.includes(word)) || kept()[0];
    } catch (_) {
      return true;
    }
  };

  // The consent in force; src/consent.rs has the rule.
  const consent = () => navigator.globalPrivacyControl ? 'denied' :
    [state.s, settings.consent, 'pending'].find(word => states.includes(word));

  // With `auto`, lets platforms.js follow the page's consent platforms. It tells by `state.s`, and by calls of its own.
  const follow = () => settings.consent == 'auto' &&
    (followed = followed || platforms().then(({ follow }) => follow(state, explain)).catch(explain));

  const begin = () => {
    if (loading) return;
    loading = decided = 1;
    // A request may never be answered.
    setTimeout(open, 5000, { attributed: false, mode: 'off' });
    follow();
    (async () => {
      const sdk = await load(tries++);
      state.q.map(configure);
      await follow();
      // In the order that src/config.rs reads. `join` leaves out what is not set.
      const site = sdk.start([
        settings.site, settings.endpoint, withdrawn ? 'granted' : consent(),
        ('' + [settings.params]).replace(/\s+/g, ','), settings.debug || '',
        state.a.id, state.a.at, state.a.again || '', state.a.url
      ].join('\0'));
      call = (name, argument) => sdk.call(site, name, argument);
      // From now on the module reports the arrival.
      state.a.url = '';
      call('').then(ready => {
        open(ready);
        drain();
      });
      state.q.push = answer;
      state.q.splice(0).map(answer);
    })().catch(error => {
      // A later conversion tries again.
      loading = 0;
      // Glue and module of two releases do not link: both are asked for again.
      if (error.name == 'LinkError' && tries < 5) return begin();
      explain(error);
      state.q.map(configure);
      rest('off');
    });
  };

  // Answers everything but conversions without the module. Where the module has failed, something may be stored: all of it is
  // removed if consent is denied, and a conversion after the seven days of src/queue.rs (its id begins with its time). The
  // flag cookie stays, so that a later page tells the proxy of a withdrawal.
  const rest = mode => {
    rested = consent();
    try {
      const oldest = 0 + (Date.now() - 6048e5).toString(16);
      kept().map(key => (rested == 'denied' || key.split('_')[3] < oldest) && delete localStorage[key]);
    } catch (_) {}
    open({ attributed: false, mode });
    state.q.map((call, place) => isConversion(call) ||
      delete state.q[place] && call[2](call[0] == 'consent' ? consent() : null));
  };

  // Answers without the module where it has no work. Otherwise begins: at once for a conversion, and where `ready` has said
  // `idle` already; else when the page is idle.
  const start = (calls = state.q) => {
    if (document.prerendering) return;
    // So long a call waits at most, however late the page's `load` and the module are.
    calls.map(call => state.x && setTimeout(state.x, 5290, call));
    if (loading) return;
    calls.map(configure);
    if (calls.some(isConversion)) return begin();
    // Scheduled, or failed: a later conversion tries again.
    if (decided) return tries && rest('off');
    withdrawn = rested == 'granted' && state.s == 'denied';
    // With `auto`, only a platform knows what is in force.
    decided = withdrawn || settings.consent == 'auto' && calls.some(([name]) => name == 'consent') || isNeeded();
    if (decided) {
      // Before the module, for a page that is left early.
      follow();
      return rested ? begin() : whenIdle();
    }
    rest('idle');
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

  // Reports what a bound form sends: `fields`, or those in it. Only fields with these names are read. A form with data-site
  // belongs to that site alone. `prevented` hears of a submission that a script has prevented.
  const report = (form, fields, prevented) => {
    // Read through the prototype: a field named `dataset` hides the form's own property.
    const data = Reflect.get(HTMLElement.prototype, 'dataset', form);
    const { trailmark: kind, site = settings.site } = { __proto__: null, ...data };
    if (site != settings.site || !/^(signup|lead)$/.test(kind)) return;
    if (prevented) return prevented(kind);
    const input = { data: {} };
    (fields || new FormData(form)).forEach((value, name) => {
      if (/^(customerKey|customer|email|name)$/.test(name)) input[name] = value;
      else if (/^data\./.test(name)) input.data[name.slice(5)] = value;
    });
    if (!input.customer) input.customerKey = (input.customerKey || '').trim() || input.email;
    trailmark[kind](input);
  };

  // Until forms.js has come: a form may be sent at once, or the file may be blocked.
  const early = ({ target, defaultPrevented }) => {
    try {
      defaultPrevented || report(target);
    } catch (error) {
      explain(error);
    }
  };
  w.addEventListener('submit', early);

  // Loads forms.js once there is a form with data-trailmark: in the document, or in a shadow root that somebody enters. Looks only
  // into what has no parent element. An element of the page may hide a method of the document.
  const bind = event => {
    try {
      const nodes = event ? event.composedPath() : [document];
      if (!bound && nodes.some(node => !node.parentElement && node.querySelector && node.querySelector('[data-trailmark]')))
        bound = forms().then(({ bind }) => {
          w.removeEventListener('submit', early);
          bind(report, explain);
        }).catch(explain);
    } catch (_) {}
  };
  w.addEventListener('focusin', bind);
  document.addEventListener('DOMContentLoaded', bind);
  bind();

  // A carrier (crates/trailmark-wire/src/carrier.rs) belongs to this page alone. The stub has read it; whoever copies the
  // address from now on hands on nothing.
  try {
    const { href } = location, bare = href.replace(/([?&])_tm=[^&#]*(&?)/g, (all, before, after) => after && before);
    if (bare != href) history.replaceState(history.state, '', bare);
  } catch (_) {}

  // From now on `ready` waits for the module, which may begin late; the stub's timer does not answer it any more.
  const open = state.o;
  state.o = () => {};
  Object.assign(state.a, {
    at: new Date().toJSON(),
    // By reload or back/forward: the arrival may have been reported before; the proxy knows.
    again: (performance.navigation || 0).type > 0
  });
  // When the page is idle, but within two seconds: an image can keep a page from being loaded for minutes.
  const once = () => tries || begin();
  const idle = () => (w.requestIdleCallback || setTimeout)(once);
  const whenIdle = () => {
    setTimeout(once, 2000);
    document.readyState == 'complete' ? idle() : w.addEventListener('load', idle);
  };
  // A prerendered page is no arrival until it is shown.
  document.addEventListener('prerenderingchange', () => start(), { once: true });
  start();
};
