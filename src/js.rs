//! What JavaScript sees: two functions, which `pkg-template/serve.js` calls. [`start`] takes settings and arrival; [`call`]
//! returns promises that never reject. This file only exports; `crate::browser` does the rest. The stub and `core.js` make
//! the page's own surface (`window.trailmark`).

use js_sys::Promise;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen::throw_str;

use crate::{browser, config};

/// Starts the SDK of one site and returns the number under which [`call`] finds it. [`config::read`] says what `values`
/// holds. Throws a sentence if the site's id or the arrival is invalid; the page's script prints it in debug mode.
#[wasm_bindgen]
pub fn start(values: &str) -> usize {
    match config::read(values) {
        Ok((settings, arrival)) => browser::start(settings, arrival),
        Err(problem) => throw_str(problem),
    }
}

/// Makes the page's call `name` with its argument and returns a promise of the result. The empty name is `ready`: a promise
/// of `{ attributed, mode: 'wasm' }`, resolved when the arrival is settled, or after a second. `crate::tracker` says which
/// calls `serve.js` makes of its own. Numbers instead of a class: a class needs glue that frees its objects, but a site
/// lives as long as the document. The argument by value: a borrowed one needs a stack of its own in the glue.
#[wasm_bindgen]
pub fn call(site: usize, name: String, argument: JsValue) -> Promise {
    browser::call(site, name, &argument)
}
