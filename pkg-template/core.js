// What every page needs, shared by the script tag (loader.js) and the npm package (init.js). Decides whether there is work for the
// module: a conversion, or a trace of a partner. Most pages have none (`mode: 'idle'`): their calls are answered here as the module
// would answer them. Otherwise it fetches glue and module, and serve.js, which is part of the glue, takes the queue over. If that
// fails, the page continues without attribution (`mode: 'off'`) and, unless debug is set, without a message. forms.js is loaded
// where the page has a bound form. The build fills in the names that the vendors' links and scripts use
// (xtask/src/vendor_names.rs). All pages pay for each byte of this file; what only pages with work need belongs into serve.js.
//
// The contract with the glue, which another release may have built (loader.js says when): `serve(module, page)` (serve.js). `page` is
// a list; a later release may add to its end: an older glue ignores that, and a newer one does without. An sdk.js that is older
// than serve.js uses what the glue keeps for it: `load(bytes)`, which returns the twin or nothing; `start(text)`, which returns a
// number; `call(number, name, argument)`, which returns a promise; the twin has the last two as well. The text is a list, too, in
// the order of src/config.rs. platforms.js has `follow(state, explain)`, forms.js `bind(trailmark, settings, explain)`.

// What the page has under this name, if it is an object of ours: a form may be named `trailmark`, and a field of it `_`. The
// object of each site is `trailmark_<site>`, so that several tags and copies of the package do not report one arrival twice.
export const shared = name => ((window[name] || 0)._ || 0).q && window[name];

// What a script tag states: its attributes, and settings in its own address, which is all that a tag manager leaves of it.
export const stated = ({ src, dataset }) =>
  ({ __proto__: null, ...Object.fromEntries(new URL(src || 'a:').searchParams), ...dataset });

// An object for a site that `window.trailmark` does not belong to: a stub that leaves `window.trailmark` alone. It takes the
// address from the page's stub, while that has it: a router may have changed the address since.
export const apart = stub => {
  const own = {};
  own.top = top == window && own;
  stub(own);
  const { trailmark } = own, a = trailmark._.a;
  a.url = ((shared('trailmark') || trailmark)._.a || a).url || a.url;
  return trailmark;
};

// Takes over `trailmark`, a stub, with these settings. `load(tries, page)` fetches glue and module and runs `serve` with `page`;
// `tries` is the number of earlier tries. `file` imports a file that only some pages need, by its name.
export const run = (trailmark, settings, load, file) => {
  const state = trailmark._, { a, q, o: open } = state, on = addEventListener;
  const isConversion = call => /^[ls]/.test(call[0]);
  const explain = error => settings.debug && console.warn('trailmark:', error);
  // decided: the module was asked for, whatever came of it; rested: the consent in force when calls were last answered without
  // it; withdrawn: that was a grant, and the page has taken it back.
  let decided, rested, withdrawn, loading, followed, bound, tries = 0;

  // The names under which this site has stored something.
  const kept = () => Object.keys(localStorage).filter(key => key.startsWith('tm_' + settings.site + '_'));

  // The consent in force; src/consent.rs has the rule.
  const consent = () => navigator.globalPrivacyControl ? 'denied' :
    [state.s, settings.consent, 'pending'].find(word => 'granted denied pending'.split(' ').includes(word));

  // With `auto`, lets platforms.js follow the page's consent platforms. It tells by `state.s`, and by calls of its own.
  const follow = () => followed = followed || settings.consent == 'auto' &&
    file('platforms').then(platforms => platforms.follow(state, explain)).catch(explain);

  const begin = () => {
    if (loading) return;
    loading = decided = 1;
    // A request may never be answered.
    setTimeout(open, 5000, { mode: 'off', attributed: false });
    follow();
    load(tries++, [state, settings, follow, consent, withdrawn, open, explain]).catch(error => {
      // A later conversion tries again.
      loading = 0;
      // Glue and module of two releases do not link: both are asked for again.
      if (error.name == 'LinkError' && tries < 5) return begin();
      explain(error);
      rest();
    });
  };

  // Answers everything but conversions without the module. Where the module has failed, something may be stored: all of it is
  // removed if consent is denied, and a conversion after the seven days of src/queue.rs (its id begins with its time). The
  // flag cookie stays, so that a later page tells the proxy of a withdrawal.
  const rest = () => {
    rested = consent();
    try {
      const oldest = 0 + (new Date - 6048e5).toString(16);
      kept().map(key => (rested == 'denied' || key.split('_')[3] < oldest) && delete localStorage[key]);
    } catch (_) {}
    open({ mode: tries ? 'off' : 'idle', attributed: false });
    q.map((call, place) => isConversion(call) ||
      delete q[place] && call[2](call[0] == 'consent' ? consent() : null));
  };

  // Answers without the module where it has no work. Otherwise begins: at once for a conversion, and where `ready` has said
  // `idle` already; else when the page is idle.
  const start = (calls = q) => {
    if (document.prerendering) return;
    calls.map(call => {
      // So long a call waits at most, however late the page's `load` and the module are.
      if (state.x) setTimeout(state.x, 5290, call);
      // Counts until the module is started.
      if (call[0] == 'config') {
        try {
          Object.assign(settings, call[1]);
          call[2](true);
        } catch (_) {
          call[2](false);
        }
      }
    });
    if (loading) return;
    withdrawn = rested == 'granted' && state.s == 'denied';
    if (calls.some(isConversion)) return begin();
    // Scheduled, or failed: a later conversion tries again.
    if (decided) return tries && rest();
    // A recognised name in the address, a vendor's cookie, or something of ours in cookies or storage. Rather once too often: the
    // module reads all of it exactly (crates/trailmark-wire/src/landing.rs). With `auto`, only a platform knows the consent in
    // force. What cannot be read is left to the module.
    decided = 1;
    try {
      const names = `_tm,__PARAMS__,__COOKIES__,tm_${settings.site},${settings.params || ''}`.toLowerCase().match(/[^\s,]+/g);
      const words = unescape(a.url + ' ' + document.cookie).toLowerCase().split(/[&?;#/=+\s]/);
      decided = withdrawn || settings.debug || settings.consent == 'auto' && calls.some(([name]) => name == 'consent') ||
        words.some(word => names.includes(word)) || kept().length;
    } catch (_) {}
    if (decided) {
      // Before the module, for a page that is left early.
      follow();
      if (rested) return begin();
      // When the page is idle, but within two seconds: an image can keep a page from being loaded for minutes.
      const once = () => tries || begin(), idle = () => (window.requestIdleCallback || setTimeout)(once);
      setTimeout(once, 2000);
      return document.readyState == 'complete' ? idle() : on('load', idle);
    }
    rest();
  };

  q.push = call => {
    q[q.length] = call;
    start([call]);
  };

  // Back from the back/forward cache: another page may have left something to do.
  on('pageshow', event => event.persisted && start());

  // Loads forms.js once there is a form with data-trailmark: in the document, or in a shadow root that somebody enters. Looks only
  // into what has no parent element. The last one is the window, which has no such method; and an element of the page may hide the
  // document's.
  const bind = event => {
    try {
      const nodes = event ? event.composedPath() : [document];
      bound = bound || nodes.some(node => !node.parentElement && node.querySelector('[data-trailmark]')) &&
        file('forms').then(forms => forms.bind(trailmark, settings, explain)).catch(explain);
    } catch (_) {}
  };
  on('focusin', bind);
  on('DOMContentLoaded', bind);
  bind();

  // From now on `ready` waits for the module, which may begin late; the stub's timer does not answer it any more.
  state.o = () => {};
  a.at = new Date().toJSON();
  // By reload or back/forward: the arrival may have been reported before; the proxy knows.
  a.again = (performance.navigation || 0).type > 0;
  // A prerendered page is no arrival until it is shown.
  on('prerenderingchange', () => start(), true);
  start();
};
