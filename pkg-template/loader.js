// The loader: reads the script tag and runs core.js. In sdk.js the order is stub.js, which is here a function, core.js, loader.js.
// `cargo xtask build-sdk` replaces `__GLUE__` and `__WASM__` by names that hold a hash.
//
// Releases meet: this file may come from a cache, or from another proxy than the glue, and glue and module may come from two.
// A proxy answers the hashes of another release with its own files (crates/trailmark-proxy/src/assets.rs). The contract that
// core.js describes lets any loader run any glue. Glue and module of two builds do not link, since one import has a
// name of the build; then both are asked for again, with a query, which no cache has.

// Read through the prototype: an element named `currentScript` hides the document's own property.
const script = Reflect.get(Document.prototype, 'currentScript', document) || tag();
if (script instanceof HTMLScriptElement) {
  const data = { __proto__: null, ...script.dataset }, { site, name } = data, all = sites();
  let trailmark = shared(), state = trailmark && trailmark._;
  // `window.trailmark` belongs to the first tag with this address, whichever comes first to run. Another site has its own
  // object, under the name that its tag gives. Tags of other products, even with our attributes, do not count.
  const first = script.src && tag(script.src) || script;
  if (name || first.dataset.site != site || state && state.l && state.l != site) {
    trailmark = all.get(site) || apart(stub);
    state = trailmark._;
    if (name) window[name] = trailmark;
  }
  // Not in a frame, and not for a second tag of the same site.
  if (state && state.a && !state.l) {
    // Without the user name and password of a staging host, which `fetch` refuses in an address.
    const base = (script.src || document.baseURI).replace(/\/\/[^/]*@/, '//');
    state.l = site;
    // From now on the stub knows the tag for certain.
    state.c = {
      site,
      endpoint: data.endpoint || new URL('.', base).href,
      consent: data.consent,
      params: data.params,
      debug: 'debug' in data
    };
    all.set(site, trailmark);
    const load = async tries => {
      // A browser may also remember a failed import by its address.
      const fresh = tries ? '?' + tries : '';
      const glue = await import(new URL('__GLUE__' + fresh, base)).catch(error => {
        throw error + '; load sdk.js from the proxy';
      });
      // As bytes, so that a wrong MIME type does not matter.
      const wasm = await fetch(new URL('__WASM__' + fresh, base));
      try {
        await glue.load(await wasm.arrayBuffer());
      } catch (error) {
        if (tries < 5 && error instanceof WebAssembly.LinkError) return load(tries + 1);
        throw error;
      }
      return glue;
    };
    run(trailmark, state.c, load);
  }
}
