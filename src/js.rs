//! What JavaScript sees: two functions, which the loader calls. [`start`] takes settings and arrival; [`call`] returns
//! promises that never reject. This file only translates. It reads the page's objects member by member through structural
//! getters, and serde writes the results. The stub and the loader make the page's own surface (`window.trailmark`).

use std::cell::RefCell;

use js_sys::{JSON, Promise};
use trailmark_wire::ids::{ArrivalId, SiteId};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use crate::browser::{BrowserJson, BrowserPage, to_js};
use crate::config::{Arrival, Settings};
use crate::consent::State;
use crate::page::Json;
use crate::tracker::Tracker;

thread_local! {
    /// The sites of this document, in the order of their start. The module exports functions and numbers the sites, instead
    /// of exporting a class: a class needs glue that frees its objects, but a tracker lives as long as the document, and
    /// that glue would cost half a kilobyte.
    static SITES: RefCell<Vec<&'static Tracker<BrowserPage>>> = const { RefCell::new(Vec::new()) };
}

/// Starts the SDK of one site and returns the number under which [`call`] finds it.
///
/// # Errors
/// A sentence, as a string, if the site's id or the arrival is invalid. The loader prints it in debug mode.
#[wasm_bindgen]
pub fn start(settings: JsValue, arrival: JsValue) -> Result<usize, JsValue> {
    let settings = read_settings(&BrowserJson(settings)).ok_or("site is missing or not 1 to 32 of a-z, 0-9 and -")?;
    let arrival = read_arrival(&BrowserJson(arrival)).ok_or("the arrival was not recorded by the stub")?;
    let tracker = Tracker::start(BrowserPage::default(), settings, arrival);
    Ok(SITES.with_borrow_mut(|sites| {
        sites.push(tracker);
        sites.len() - 1
    }))
}

/// Makes the page's call `name` with its argument and returns a promise of the result. The empty name is `ready`: a promise
/// of `{ attributed, mode: 'wasm' }`, resolved when the arrival is settled, or after a second. The loader makes two calls
/// of its own: `drain` sends what waits and gives the milliseconds until the next `drain`, if one is needed; `resume` says
/// that the page came back from the back/forward cache. All calls share one entry, because each further kind of promise
/// would cost the module half a kilobyte.
#[wasm_bindgen]
pub fn call(site: usize, name: String, argument: &JsValue) -> Promise {
    let tracker = SITES.with_borrow(|sites| sites.get(site).copied());
    // The argument is read once, before anything else: a getter of the page may throw, or return something else the next
    // time.
    let input = JSON::stringify(argument).ok().and_then(|text| text.as_string()).unwrap_or_default();
    let word = argument.as_string().unwrap_or_default();
    future_to_promise(async move {
        let given = match (tracker, name.as_str()) {
            (Some(tracker), "") => to_js(&tracker.ready().await),
            (Some(tracker), "consent") => to_js(tracker.state_consent(&word).as_str()),
            (Some(tracker), "touch") => to_js(&tracker.touch().await),
            (Some(tracker), "reference") => tracker.reference().await.map(JsValue::from),
            (Some(tracker), "drain") => tracker.drain().await.map(JsValue::from),
            (Some(tracker), "resume") => {
                tracker.resume();
                None
            }
            (Some(tracker), kind) => to_js(&tracker.convert(kind, input).await),
            (None, _) => None,
        };
        Ok(given.unwrap_or(JsValue::NULL))
    })
}

fn read_settings<J: Json>(settings: &J) -> Option<Settings> {
    let params = settings.member("params").map(|params| params.items()).unwrap_or_default();
    Some(Settings {
        site: SiteId::new(settings.member_text("site")?).ok()?,
        endpoint: settings.member_text("endpoint")?,
        // A page that states nothing, or an unknown word, has not asked for consent yet.
        consent: settings.member_text("consent").and_then(|word| State::from_word(&word)).unwrap_or(State::Pending),
        params: params.iter().filter_map(Json::text).collect(),
        debug: settings.member("debug").is_some(),
    })
}

fn read_arrival<J: Json>(arrival: &J) -> Option<Arrival> {
    Some(Arrival {
        id: ArrivalId::new(arrival.member_text("id")?).ok()?,
        url: arrival.member_text("url")?,
        at: arrival.member_text("at")?,
        again: arrival.member("again").is_some(),
    })
}
