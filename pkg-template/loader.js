// The loader: reads the script tag and runs core.js. In sdk.js the order is stub.js, which is a function there, core.js,
// loader.js. `cargo xtask build-sdk` replaces `__BUILD__` by the hash in the names of the files.
//
// Releases meet during an upgrade: a cache has an old sdk.js, or two proxies stand behind one address. A proxy answers a hash that
// it does not know with its own file (crates/trailmark-proxy/src/assets.rs), so any sdk.js may get any glue; core.js has the
// contract. Glue and module of two builds do not link, since one import has a name of its build (xtask/src/build_sdk.rs). Then
// core.js loads again, and both are asked for past all caches.

// Read through the prototype: an element with the name of a property hides the document's own.
const from = name => Reflect.get(Document.prototype, name, document), scripts = [...from('scripts')];
const script = from('currentScript') || scripts.find(one => /[^/][/]sdk[.]/.test(one.src) && stated(one).site);
if (script) {
  const settings = stated(script), name = 'trailmark_' + settings.site;
  // `window.trailmark` belongs to the site of the first tag with this address, whichever tag runs first; a further site has
  // an object of its own.
  const owner = shared('trailmark'), first = scripts.find(one => one.src == script.src && stated(one).site) || script;
  const trailmark = window[name] = shared(name) ||
    (owner && !owner._.l && stated(first).site == settings.site ? owner : apart(stub)), state = trailmark._;
  // Not for a second tag of the same site.
  if (state.a && !state.l) {
    // Without the user name and password of a staging host, which `fetch` refuses in an address.
    const base = new URL('.', (script.src || document.baseURI).replace(/\/\/[^/]*@/, '//')).href;
    const file = base + 'sdk-__BUILD__';
    settings.endpoint = settings.endpoint || base;
    settings.debug = 'debug' in settings;
    state.l = 1;
    // From now on the stub knows the tag for certain: by itself it finds only one with attributes.
    state.c = settings;
    run(trailmark, settings, async (tries, page) => {
      // A browser may also remember a failed import by its address.
      const fresh = tries ? '?' + tries : '';
      // Beside the glue.
      const wasm = fetch(file + '_bg.wasm' + fresh);
      wasm.catch(() => {});
      return import(file + '.js' + fresh).then(glue => glue.serve(wasm, page), error => {
        throw error + '; load sdk.js from the proxy';
      });
    }, name => import(file + '_' + name + '.js'));
  }
}
