// The stub: remembers the arrival before any router changes the address, and sets up `trailmark` as a queue of calls that are
// answered in any case. Runs synchronously, inline, as the head of sdk.js, or in `init` of the npm package; a second one leaves
// the first alone. Stores and sends nothing unless consent is granted: then a conversion that nobody has taken over is kept
// where the module looks for it (src/queue.rs), and the arrival of a page that is left before the module has come is sent
// from `pagehide`. core.js takes the queue over.
// `_` is shared with it: q queued calls, a arrival, s consent stated by the page, o opens `ready`, c settings where no script
// tag has them.
(w => {
  if (w.trailmark && w.trailmark._) return;
  const state = { __proto__: null, q: [] }, trailmark = { _: state };
  const isConversion = name => /^[ls]/.test(name);
  const off = () => state.o({ attributed: false, mode: 'off' });
  // Ours among the scripts, since other products use `data-site`, too. Of all elements of that name only an HTML script has a
  // `src`. Throws nothing, although an element of the page may stand in the place of a method of the document.
  const tag = () => {
    try {
      return [...document.getElementsByTagName('script')].find(one => one.dataset.site && /sdk/.test(one.src));
    } catch (_) {}
  };
  // Without a prototype here and elsewhere: what a page adds to Object.prototype is no setting.
  const settings = () => {
    const script = tag() || {};
    return { __proto__: null, ...(state.c || script.dataset), base: script.src };
  };
  const granted = () => !navigator.globalPrivacyControl && (state.s || settings().consent) === 'granted';
  // A random hexadecimal digit for every x. The result is unlikely to come again; nothing trusts it.
  const random = pattern => pattern.replace(/x/g, () => Math.random().toString(16)[2]);
  // Answers a call that nobody has taken; a conversion is not to be taken any more.
  const settle = call => {
    const q = state.q, place = q.indexOf(call), [kind, argument, resolve] = call, code = 'not_loaded';
    if (place < 0) return;
    if (!isConversion(kind)) return resolve(kind == 'consent' ? state.s || 'pending' : kind == 'config' ? false : null);
    delete q[place];
    try {
      if (state.a && granted()) {
        const at = +new Date(), prefix = `tm_${settings().site}_queue_`, store = localStorage;
        // A UUIDv7: the time, and chance.
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
    // Changes nothing where it is kept.
    resolve({ status: 'failed', code });
  };
  trailmark.ready = new Promise(resolve => state.o = resolve);
  'touch signup lead sale reference consent config'.split(' ').map(name =>
    trailmark[name] = argument => new Promise(resolve => {
      const call = [name, argument, resolve], late = () => setTimeout(settle, 290, call);
      if (name == 'consent' && 'granted denied pending'.split(' ').includes(argument)) state.s = argument;
      state.q.push(call);
      // What can be kept need not wait for the module.
      isConversion(name) && granted() ? late() : trailmark.ready.then(late);
    }));
  w.trailmark = trailmark;
  try {
    // A frame is somebody's widget or preview, not an arrival.
    if (w.top != w) return off();
    state.a = {
      id: random('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'),
      url: location.href,
      at: new Date().toJSON(),
      // By reload or back/forward: perhaps an arrival that was told already, which the proxy knows.
      again: (performance.navigation || 0).type > 0
    };
    // Nothing of query and fragment goes out but the recognised parameters; core.js empties it once the module is there.
    w.addEventListener('pagehide', () => {
      try {
        state.q.filter(call => isConversion(call[0])).map(settle);
        const { site, endpoint, base, params } = settings(), { url } = state.a;
        const names = `ps_xid,gsxid,ps_partner_key,gspk,clickref,irw_id,${params || ''}`.replace(/[\s,]+/g, '|');
        const found = url.match(RegExp(`[?&#;/](${names})=[^?&#;]+`, 'gi'));
        if (found && granted())
          navigator.sendBeacon(`${endpoint || new URL('.', base)}`.replace(/\/?$/, '/v1/clicks'), JSON.stringify({
            site, ...state.a, url: url.split(/[?#]/)[0] + '?' + found.join('').slice(1)
          }));
      } catch (_) {}
    });
    // The script that never comes: blocked, which the browser says, or slow beyond use.
    w.addEventListener('error', ({ target }) => {
      if (target == tag()) off('debug' in target.dataset && console.warn('trailmark: not_loaded', target));
    }, true);
    setTimeout(off, 5000);
  } catch (_) {
    off();
  }
})(window);
