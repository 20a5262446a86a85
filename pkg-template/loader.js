// The loader: reads the script tag and runs core.js. In sdk.js the order is stub.js, core.js, loader.js. `cargo xtask
// build-sdk` replaces `__GLUE__`, `__WASM__` and `__FORMS__`.
const { trailmark } = window, state = trailmark && trailmark._;
// Read through the prototype: an element named `currentScript` hides the document's own property.
const script = Reflect.get(Document.prototype, 'currentScript', document) || document.querySelector('script[data-site][src*=sdk]');
// Not for a second sdk.js.
if (script instanceof HTMLScriptElement && state && state.a && !state.l) {
  state.l = 1;
  // Without the user name and password of a staging host, which `fetch` refuses in an address.
  const base = (script.src || document.baseURI).replace(/\/\/[^/]*@/, '//');
  // A tag manager loads a script by its address alone, so settings may stand there, too, but never in the page's own address.
  const data = { __proto__: null, ...Object.fromEntries(new URL(script.src || 'a:').searchParams), ...script.dataset };
  // The stub takes them from here, because it looks for a tag with attributes.
  run(trailmark, state.c = {
    site: data.site,
    endpoint: data.endpoint || new URL('.', base).href,
    consent: data.consent,
    params: data.params,
    debug: 'debug' in data
  }, async tries => {
    // As bytes, so that a wrong MIME type does not matter; beside the glue.
    const wasm = fetch(new URL('__WASM__', base));
    wasm.catch(() => {});
    // A browser may remember a failed import by its address, including the fragment.
    const glue = await import(new URL('__GLUE__', base) + (tries ? '#' + tries : '')).catch(error => {
      throw error + '; load sdk.js from the proxy';
    });
    await glue.load(await (await wasm).arrayBuffer());
    return glue;
  }, () => import(new URL('__FORMS__', base)));
}
