// The stub: records the arrival before any router changes the address, and makes `trailmark` a queue of calls, each of
// which is answered in any case. Runs synchronously: inline, as the beginning of sdk.js, or in `init` of the npm package. A
// second stub leaves the first alone. Stores and sends nothing unless consent is granted. With consent, a conversion that
// core.js has not taken is stored where the module looks for it (src/queue.rs), and if the visitor leaves before the module
// is loaded, `pagehide` sends the arrival. core.js takes over the queue. `_` is shared with core.js: q queued calls, a
// arrival, s consent that the page stated (what is in force, once platforms.js runs), o resolves `ready`, x answers a call that
// nobody has answered, l whether core.js has taken over, c settings, from then on. A page keeps its inline stub for years: `_`
// may gain members, and core.js must do without those. Pages hold this text in HTML, in templates and in JS: it has no
// backtick, backslash, `${`, `{{` and the like.
(w => {
  // A form of the page may be named `trailmark`, and a field of it `_`.
  if ((w.trailmark || 0).ready) return;
  const state = { __proto__: null, q: [] }, trailmark = w.trailmark = { _: state };
  const isConversion = name => /^[ls]/.test(name);
  const off = () => state.o({ mode: 'off', attributed: false });
  // Our script tag, the first if there are several; other products use `data-site`, too, but call no file `sdk.js`. Only an
  // HTML script has a `src`. Throws nothing, although an element of the page may hide a method of the document.
  const tag = () => {
    try {
      return [...document.getElementsByTagName('script')].find(one => /[^/][/]sdk[.]/.test(one.src) && one.dataset.site);
    } catch (_) {}
  };
  // Without a prototype, here and elsewhere: a member that a page adds to Object.prototype is not a setting.
  const settings = () => {
    const script = tag() || 0;
    return { __proto__: null, ...(state.c || script.dataset), base: script.src };
  };
  const granted = () => !navigator.globalPrivacyControl && (state.s || settings().consent) === 'granted';
  // Replaces every x by a random hexadecimal digit. The result is unlikely to repeat; nothing trusts it.
  const random = pattern => pattern.replace(/x/g, () => Math.random().toString(16)[2]);
  // Answers a call that core.js has not taken. A conversion leaves the queue first.
  const settle = state.x = call => {
    const place = state.q.indexOf(call), [kind, argument, resolve] = call, code = 'not_loaded';
    if (!~place) return;
    if (!isConversion(kind)) return resolve(kind == 'consent' ? state.s || 'pending' : kind == 'config' ? false : null);
    delete state.q[place];
    try {
      if (granted()) {
        const at = +new Date(), prefix = 'tm_' + settings().site + '_queue_', store = localStorage;
        // A UUIDv7: the time, then random digits.
        const id = random('0' + at.toString(16) + '-7xxx-8xxx-xxxxxxxxxxxx').replace(/.{8}/, '$&-');
        const text = JSON.stringify({ id, at, kind, input: JSON.stringify(argument) });
        // With all that waits already. A key of somebody else's counts a few bytes.
        if (!(text + Object.keys(store).map(key => key.includes(prefix) && store[key]))[16384]) {
          store[prefix + id] = text;
          resolve({ status: 'queued', code, conversionId: id });
        }
      }
    } catch (_) {}
    // Has no effect if the conversion was stored.
    resolve({ status: 'failed', code });
  };
  trailmark.ready = new Promise(resolve => state.o = resolve);
  'config consent touch reference signup lead sale'.split(' ').map(name =>
    trailmark[name] = argument => new Promise(resolve => {
      const call = [name, argument, resolve], late = () => setTimeout(settle, 290, call);
      if (name == 'consent' && 'granted denied pending'.split(' ').includes(argument)) state.s = argument;
      state.q.push(call);
      // A conversion that can be stored need not wait for the module.
      isConversion(name) && granted() ? late() : trailmark.ready.then(late);
    }));
  // A frame is a widget or a preview, not an arrival: its conversions have an origin alone. core.js adds when and how.
  state.a = { id: random('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'), url: w.top == w ? location.href : origin };
  // Origin, path and recognised parameters, and of the query `utm_*`: what the module would send, where names are spelt as
  // usual. Some referrer policies hide the origin of `sendBeacon`. core.js empties the address once the module is loaded.
  addEventListener('pagehide', () => {
    try {
      state.q.map(settle);
      const { site, endpoint, base, params } = settings();
      const found = more => state.a.url.match(RegExp(
        '([?&#;/]|%3[bf])(' + ('_tm,__PARAMS__,' + [params]).match(/[^ ,]+/g).join('|') + more + ')[=/][^?&#;]+', 'gi'
      ));
      if (found('') && granted())
        fetch(endpoint ? endpoint.replace(/[/]?$/, '/v1/clicks') : new URL('v1/clicks', base), {
          keepalive: true, credentials: 'include', method: 'POST', body: JSON.stringify({
            site, ...state.a, url: origin + new URL(state.a.url).pathname.split(/[&;]|%3f/i)[0] + '?' + found('|(?<!#.*)utm_[^?&#;]*?').join('&')
          })
        }).catch(tag);
    } catch (_) {}
  });
  // The script was blocked, which the browser reports, or is too slow. The first is inline alone (xtask/src/sdk_files.rs).
  addEventListener('error', ({ target }) => {
    if (target == tag()) off('debug' in target.dataset && console.warn('trailmark: not_loaded'));
  }, true);
  setTimeout(off, 5000);
})(window);
