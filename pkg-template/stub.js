// The stub: records the arrival before any router changes the address, and makes `trailmark` a queue of calls, each of
// which is answered in any case. Runs synchronously: inline, as the beginning of sdk.js, or in `init` of the npm package. A
// second stub leaves the first alone. Stores and sends nothing unless consent is granted. With consent, a conversion that
// core.js has not taken is stored where the module looks for it (src/queue.rs), and if the visitor leaves before the module
// is loaded, `pagehide` sends the arrival. core.js takes over the queue. `_` is shared with core.js: q queued calls, a
// arrival, s consent that the page stated (what is in force, once platforms.js runs), o resolves `ready`, l whether core.js has
// taken over, c settings, from then on. A page keeps its inline stub for years: `_` may gain members, and core.js must do without
// those.
(w => {
  // A form of the page may be named `trailmark`, and a field of it `_`.
  if (((w.trailmark || 0)._ || 0).q) return;
  const state = { __proto__: null, q: [] }, trailmark = { _: state };
  const isConversion = name => /^[ls]/.test(name);
  const off = () => state.o({ attributed: false, mode: 'off' });
  // Our script tag, the first if there are several; other products use `data-site`, too, but call no file `sdk.js`. Only an
  // HTML script has a `src`. Throws nothing, although an element of the page may hide a method of the document.
  const tag = () => {
    try {
      return [...document.getElementsByTagName('script')].find(one => /\w\/sdk\./.test(one.src) && one.dataset.site);
    } catch (_) {}
  };
  // Without a prototype, here and elsewhere: a member that a page adds to Object.prototype is not a setting.
  const settings = () => {
    const script = tag() || {};
    return { __proto__: null, ...(state.c || script.dataset), base: script.src };
  };
  const granted = () => !navigator.globalPrivacyControl && (state.s || settings().consent) === 'granted';
  // Replaces every x by a random hexadecimal digit. The result is unlikely to repeat; nothing trusts it.
  const random = pattern => pattern.replace(/x/g, () => Math.random().toString(16)[2]);
  // Answers a call that core.js has not taken. A conversion leaves the queue first.
  const settle = call => {
    const q = state.q, place = q.indexOf(call), [kind, argument, resolve] = call, code = 'not_loaded';
    if (place < 0) return;
    if (!isConversion(kind)) return resolve(kind == 'consent' ? state.s || 'pending' : kind == 'config' ? false : null);
    delete q[place];
    try {
      if (state.a && granted()) {
        const at = +new Date(), prefix = `tm_${settings().site}_queue_`, store = localStorage;
        // A UUIDv7: the time, then random digits.
        const id = random(`0${at.toString(16)}-7xxx-8xxx-xxxxxxxxxxxx`).replace(/.{8}/, '$&-');
        const text = JSON.stringify({ id, at, kind, input: JSON.stringify(argument) });
        let kept = text;
        for (const key in store) if (key.includes(prefix)) kept += store[key];
        if (kept.length < 16384) {
          store[prefix + id] = text;
          resolve({ status: 'queued', code, conversionId: id });
        }
      }
    } catch (_) {}
    // Has no effect if the conversion was stored.
    resolve({ status: 'failed', code });
  };
  trailmark.ready = new Promise(resolve => state.o = resolve);
  'touch signup lead sale reference consent config'.split(' ').map(name =>
    trailmark[name] = argument => new Promise(resolve => {
      const call = [name, argument, resolve], late = () => setTimeout(settle, 290, call);
      if (name == 'consent' && 'granted denied pending'.split(' ').includes(argument)) state.s = argument;
      state.q.push(call);
      // A conversion that can be stored need not wait for the module.
      isConversion(name) && granted() ? late() : trailmark.ready.then(late);
    }));
  w.trailmark = trailmark;
  try {
    // A frame is a widget or a preview, not an arrival.
    if (w.top != w) return off();
    state.a = {
      id: random('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'),
      url: location.href,
      at: new Date().toJSON(),
      // By reload or back/forward: the arrival may have been reported before; the proxy knows.
      again: (performance.navigation || 0).type > 0
    };
    // Only the path, which the wire cuts at `%3f` too, and the recognised parameters of query and fragment are sent. core.js
    // empties the address once the module is loaded.
    w.addEventListener('pagehide', () => {
      try {
        state.q.filter(call => isConversion(call[0])).map(settle);
        const { site, endpoint, base, params } = settings(), { url } = state.a;
        const names = `__PARAMS__,_tm,${params || ''}`.match(/[^\s,]+/g).join('|');
        const found = url.match(RegExp(`[?&#;/](${names})[=/][^?&#;]+`, 'gi'));
        if (found && granted())
          navigator.sendBeacon(`${endpoint || new URL('.', base)}`.replace(/\/?$/, '/v1/clicks'), JSON.stringify({
            site, ...state.a, url: url.split(/[?&#;]|%3F/)[0] + '?' + found.join('')
          }));
      } catch (_) {}
    });
    // The script was blocked, which the browser reports, or is too slow.
    w.addEventListener('error', ({ target }) => {
      if (target == tag()) off('debug' in target.dataset && console.warn('trailmark: not_loaded'));
    }, true);
    setTimeout(off, 5000);
  } catch (_) {
    off();
  }
})(window);
