// The stub: remembers the arrival before any router changes the address, and sets up `trailmark` as a queue of calls that are
// answered in any case. Runs synchronously, inline, as the head of sdk.js, or in `init` of the npm package; a second one leaves
// the first alone. Stores and sends nothing unless consent is granted: then a conversion that nobody has taken over is kept
// where the module looks for it (src/queue.rs), and the arrival of a page that is left before the module has come is sent
// from `pagehide`. core.js takes the queue over.
// `_` is shared with it: q queued calls, a arrival, s consent stated by the page, o opens `ready`, c settings where no script
// tag has them, m the module is there.
(w => {
  if (w.trailmark && w.trailmark._) return;
  const state = { q: [] }, trailmark = { _: state };
  const isConversion = name => /^[ls][aei]/.test(name);
  const off = () => state.o({ attributed: false, mode: 'off' });
  // Other products use `data-site`, too.
  const tag = () => document.querySelector('[data-site][src*=sdk]');
  const settings = () => {
    const script = tag();
    return state.c || script && { ...script.dataset, base: script.src } || {};
  };
  const granted = () => (state.s || settings().consent) == 'granted' && !navigator.globalPrivacyControl;
  // A random hexadecimal digit for every x. The result is unlikely to come again; nothing trusts it.
  const random = pattern => pattern.replace(/x/g, () => Math.random().toString(16)[2]);
  // Answers a call that nobody has taken; a conversion is not to be taken any more.
  const settle = call => {
    const { q } = state, [kind, argument, resolve] = call;
    if (!q.includes(call)) return;
    if (!isConversion(kind)) return resolve(kind == 'consent' ? state.s || 'pending' : kind == 'config' ? false : null);
    q.splice(q.indexOf(call), 1);
    try {
      if (state.a && granted()) {
        const at = Date.now(), prefix = `tm_${settings().site}_queue_`, store = w.localStorage;
        // A UUIDv7: the time, and chance.
        const id = random(`0${at.toString(16)}-7xxx-8xxx-xxxxxxxxxxxx`).replace(/.{8}/, '$&-');
        const text = JSON.stringify({ id, at, kind, input: JSON.stringify(argument) });
        let size = text.length;
        for (const key in store) if (key.includes(prefix)) size += store[key].length;
        if (size < 16384) {
          store[prefix + id] = text;
          return resolve({ status: 'queued', conversionId: id });
        }
      }
    } catch (_) {}
    resolve({ status: 'failed', code: 'not_loaded' });
  };
  trailmark.ready = new Promise(resolve => state.o = resolve);
  'touch signup lead sale reference consent config'.split(' ').map(name =>
    trailmark[name] = argument => new Promise(resolve => {
      const call = [name, argument, resolve], late = () => setTimeout(settle, 290, call);
      if (name == 'consent') state.s = argument;
      state.q.push(call);
      // What can be kept need not wait for the module.
      isConversion(name) && granted() ? late() : trailmark.ready.then(late);
    }));
  w.trailmark = trailmark;
  try {
    // A frame is somebody's widget or preview, not an arrival.
    if (w.top != w) return off();
    state.a = { id: random('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'), url: location.href, referrer: document.referrer, at: new Date().toISOString() };
    // Reload and back/forward are the same arrival once more.
    try {
      if (/^[rb]/.test(performance.getEntriesByType('navigation')[0].type)) state.a.again = 1;
    } catch (_) {}
    w.addEventListener('pagehide', () => {
      [...state.q].map(call => isConversion(call[0]) && settle(call));
      const { site, endpoint, base, params = '' } = settings();
      const names = 'ps_xid|gsxid|ps_partner_key|gspk|clickref|irw_id|' + `${params}`.replace(/[\s,]+/g, '|');
      // Nothing else of query and fragment leaves the page.
      const { url } = state.a, found = url.match(RegExp(`[?&#;/](${names})=[^?&#;]+`, 'gi'));
      if (!state.m && !state.a.again && granted() && found)
        navigator.sendBeacon(`${endpoint || new URL('.', base)}`.replace(/\/?$/, '/v1/clicks'),
          JSON.stringify({ site, ...state.a, url: url.split(/[?#]/)[0] + '?' + found.join('') }));
    });
    // The script that never comes: blocked, which the browser says, or slow beyond use.
    w.addEventListener('error', event => event.target == tag() && off(), true);
    setTimeout(off, 5000);
  } catch (_) {
    off();
  }
})(window);
