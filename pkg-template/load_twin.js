// The end of the module's JavaScript twin, after the glue and what wasm2js makes of the module (xtask/src/twin.rs): starts it, and
// remembers that WebAssembly is refused. Its free names are those of the glue and of wasm2js.

// The sites of this document by name.
const sites = [];

// The refusal is remembered for this tab's session, for as long as a site keeps a touch, which needs consent.
const remember = () => {
  try {
    if (sites.some(site => localStorage[`tm_${site}_click`])) sessionStorage.tm_js = 1;
    else delete sessionStorage.tm_js;
  } catch (_) {}
};

// Starts the twin, and returns its `start` and `call`.
export const load = async () => {
  wasm = wasm || instantiate(__wbg_get_imports());
  return {
    start: values => {
      const site = start(values);
      sites.push(values.split('\0')[0]);
      remember();
      return site;
    },
    call: (...what) => call(...what).then(result => {
      remember();
      // The empty name is `ready`.
      return what[1] ? result : { ...result, mode: 'js' };
    })
  };
};
