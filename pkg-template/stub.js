// The stub: remembers the arrival before any router changes the address, and sets up `window.trailmark` as a queue of calls
// that are answered in any case. Runs synchronously, inline or as the head of sdk.js; a second one leaves the first alone.
// Sends and stores nothing. The loader takes the queue over. Two things of the stub's are still to come with the persisted
// queue: writing a call that is not taken over to localStorage, and sending the arrival from `pagehide`.
// `_` is shared with the loader: q queued calls, a arrival, s consent stated by the page, o opens `ready`.
(w => {
  if (w.trailmark && w.trailmark._) return;
  let open;
  const state = { q: [] };
  const trailmark = { _: state, ready: new Promise(resolve => open = resolve) };
  const off = () => open({ attributed: false, mode: 'off' });
  // What a call comes to when nobody takes it.
  const nobody = name =>
    name == 'consent' ? state.s || 'pending'
    : name == 'config' ? false
    : /^[ls][aei]/.test(name) ? { status: 'failed', code: 'not_loaded' }
    : null;
  state.o = open;
  ['touch', 'signup', 'lead', 'sale', 'reference', 'consent', 'config'].map(name =>
    trailmark[name] = argument => new Promise(resolve => {
      const call = [name, argument, resolve];
      if (name == 'consent') state.s = argument;
      state.q.push(call);
      // The module answers sooner. What it never took, it shall not take after this answer.
      trailmark.ready.then(() => setTimeout(() => resolve(nobody(name), call[3] = 1), 290));
    }));
  w.trailmark = trailmark;
  try {
    // A frame is somebody's widget or preview, not an arrival.
    if (w.top != w) return off();
    const { href } = location, bytes = new Uint8Array(16);
    let id = '';
    try {
      crypto.getRandomValues(bytes);
    } catch (_) {
      bytes.forEach((_, index) => bytes[index] = Math.random() * 256);
    }
    bytes.forEach(byte => id += (byte + 256).toString(16).slice(1));
    state.a = { id, url: href.split('#')[0], referrer: document.referrer, at: new Date().toISOString() };
    // Reload and back/forward are the same arrival once more.
    try {
      if (/^[rb]/.test(performance.getEntriesByType('navigation')[0].type)) state.a.again = 1;
    } catch (_) {}
    // The script that never comes: blocked, which the browser says, or slow beyond use.
    w.addEventListener('error', event => event.target.dataset && event.target.dataset.site && off(), true);
    setTimeout(off, 5000);
  } catch (_) {
    off();
  }
})(window);
