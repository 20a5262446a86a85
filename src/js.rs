//! What JavaScript sees: one class, made by the loader with settings and arrival, whose calls return promises that never
//! reject. Translation only. Objects of the page are read member by member through structural getters, results are written
//! by serde; the page's own surface (`window.trailmark`) is the stub's and loader's.

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
    /// The sites of this document, in the order of their start. Functions and a number rather than a class: the glue of a
    /// class, which frees what lives as long as the document, would cost the module half a kilobyte.
    static SITES: RefCell<Vec<&'static Tracker<BrowserPage>>> = const { RefCell::new(Vec::new()) };
}

/// Starts the SDK of one site, and gives the number that [`call`] knows it by. Throws a sentence where the site's id or the
/// arrival is not one; the loader shows it in debug mode.
///
/// # Errors
/// As said, as a string.
#[wasm_bindgen]
pub fn start(settings: JsValue, arrival: JsValue) -> Result<usize, JsValue> {
    let settings = read_settings(&BrowserJson(settings)).ok_or("site is missing or not 1 to 32 of a-z, 0-9 and -")?;
    let arrival = read_arrival(&BrowserJson(arrival)).ok_or("the arrival is not the stub's")?;
    let tracker = Tracker::start(BrowserPage::default(), settings, arrival);
    Ok(SITES.with_borrow_mut(|sites| {
        sites.push(tracker);
        sites.len() - 1
    }))
}

/// Takes the call `name` of the page with its argument; promise of what it gives. The nameless call is `ready`: promise of
/// `{ attributed, mode: 'wasm' }` once the arrival is settled, after a second at the latest. Two are the loader's own: `drain`
/// sends what waits and gives the milliseconds until it should be called again, if ever; `resume` says that the page came back
/// from the back/forward cache. One entry for all calls, since
/// each further kind of promise would cost the module half a kilobyte.
#[wasm_bindgen]
pub fn call(site: usize, name: String, argument: &JsValue) -> Promise {
    let tracker = SITES.with_borrow(|sites| sites.get(site).copied());
    // Read before anything else, and once: getters of the page's may throw or change their mind.
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
        // Whoever states nothing, or nothing that is understood, has not been asked.
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
