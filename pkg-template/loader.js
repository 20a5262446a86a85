// The loader: reads the script tag and runs core.js, which stands before it in sdk.js, after the stub. `__GLUE__` and `__WASM__` are
// replaced by `cargo xtask build-sdk`.
const { trailmark } = window, state = trailmark && trailmark._;
// Through the prototype, since an element that is named `currentScript` takes the place of the document's own property.
const script = Reflect.get(Document.prototype, 'currentScript', document) || document.querySelector('script[data-site][src*=sdk]');
// Not in a frame, and not for a second sdk.js.
if (script instanceof HTMLScriptElement && state && state.a && !state.l) {
  state.l = 1;
  const data = { __proto__: null, ...script.dataset };
  // Without the user name and password of a staging host, which no request takes in its address.
  const base = (script.src || document.baseURI).replace(/\/\/[^/]*@/, '//');
  run(trailmark, {
    site: data.site,
    endpoint: data.endpoint || new URL('.', base).href,
    consent: data.consent,
    params: data.params,
    debug: 'debug' in data
  }, async tries => {
    // A browser may remember a failed import by its address, fragment included.
    const glue = await import(new URL('__GLUE__', base) + (tries ? '#' + tries : '')).catch(error => {
      throw error + '; take sdk.js from the proxy';
    });
    // As bytes, so that a host that sends the wrong MIME type is no obstacle.
    const wasm = await fetch(new URL('__WASM__', base));
    await glue.load(await wasm.arrayBuffer());
    return glue;
  });
}
