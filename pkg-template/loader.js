// The loader: reads the script tag, fetches glue and module when the page has nothing better to do (at once when a conversion
// waits), and hands them arrival and queue. Follows the stub in sdk.js. Whatever fails, the page goes on without attribution
// (`mode: 'off'`) and, but for data-debug, without a word. `__GLUE__` and `__WASM__` are replaced by `cargo xtask build-sdk`.
((w, d) => {
  const { trailmark } = w, state = trailmark && trailmark._;
  // A second sdk.js, or a frame.
  if (!state || state.l || !state.a) return;
  state.l = 1;
  const script = d.currentScript || d.querySelector('script[data-site]');
  if (!script) return;
  const data = script.dataset, base = script.src || d.baseURI;
  const settings = {
    site: data.site,
    endpoint: data.endpoint || new URL('.', base).href,
    consent: data.consent,
    params: (data.params || '').split(/[\s,]+/).filter(name => name),
    debug: 'debug' in data
  };
  const isConversion = call => /^(signup|lead|sale)$/.test(call[0]);
  let loading;

  // Answers a call through the module.
  const answer = (sdk, call) => {
    const [name, argument, resolve, late] = call;
    try {
      // Settings come too late here; a conversion that was answered already is not to be sent after all.
      resolve(name == 'config' ? false : late && isConversion(call) ? 0 : sdk.call(name, argument));
    } catch (error) {
      explain(error);
      resolve({ status: 'failed', code: 'malformed' });
    }
  };

  const explain = error => settings.debug && console.warn('trailmark:', error);

  const configure = ([name, argument, resolve]) => {
    if (name == 'config') {
      Object.assign(settings, argument);
      resolve(true);
    }
  };

  const load = async () => {
    // Says at once, and without a download, where the page's policy forbids WebAssembly or the browser lacks it.
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    // A browser may remember a failed import by its address, fragment included.
    const glue = await import(new URL('__GLUE__', base) + (loading > 1 ? '#' + loading : ''));
    // As bytes: handed an answer, the glue would write to the console about a host that sends the wrong MIME type.
    const wasm = await fetch(new URL('__WASM__', base));
    await glue.load(await wasm.arrayBuffer());
    state.q.map(configure);
    const site = glue.start({ ...settings, consent: state.s || settings.consent, debug: settings.debug ? 1 : null }, state.a);
    const sdk = { call: (name, argument) => glue.call(site, name, argument) };
    sdk.call('').then(state.o);
    state.q.push = call => answer(sdk, call);
    state.q.splice(0).map(call => answer(sdk, call));
  };

  let tries = 0;
  const begin = () => {
    if (loading) return;
    loading = ++tries;
    load().catch(error => {
      // Forgotten, so that a later conversion tries again.
      loading = 0;
      explain(error);
      state.o({ attributed: false, mode: 'off' });
    });
  };

  const idle = () => (w.requestIdleCallback || setTimeout)(begin);
  const whenIdle = () => d.readyState == 'complete' ? idle() : w.addEventListener('load', idle);

  state.q.push = (...calls) => {
    calls.some(isConversion) && begin();
    return Array.prototype.push.apply(state.q, calls);
  };

  // A page that is rendered ahead is no visit before it is shown.
  const start = () => state.q.some(isConversion) ? begin() : whenIdle();
  d.prerendering ? d.addEventListener('prerenderingchange', start, { once: true }) : start();
})(window, document);
