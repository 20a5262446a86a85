// The end of the glue (xtask/src/build_sdk.rs): its one start. Where the page's policy or the browser refuses the module, it starts the
// module's JavaScript twin, a file of its own. Its free names are wasm-bindgen's.

// Returns nothing, or the twin's `start` and `call` in place of the glue's. Two sites of a document share one module. A browser
// reports each refusal to the site, so that a refusal that load_twin.js remembers is not asked for again. A module of another
// build is no refusal: the loader asks for both again.
export const load = async bytes => {
  let refused;
  try {
    refused = sessionStorage.tm_js;
  } catch (_) {}
  try {
    if (!refused) {
      const { instance } = await WebAssembly.instantiate(bytes, __wbg_get_imports());
      wasm = wasm || instance.exports;
      return;
    }
  } catch (error) {
    if (error.name == 'LinkError') throw error;
  }
  return (await import('./__TWIN__')).load();
};
