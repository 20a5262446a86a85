//! What JavaScript sees: one class, made by the loader with settings and arrival, whose calls return promises that never
//! reject. Translation only. Objects of the page are read member by member through structural getters, results are written
//! by serde; the page's own surface (`window.trailmark`) is the stub's and loader's.

use js_sys::{Array, JSON, Promise};
use trailmark_wire::ids::{ArrivalId, SiteId};
use wasm_bindgen::prelude::{JsCast as _, JsValue, wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use crate::browser::{BrowserJson, BrowserPage, to_js};
use crate::config::{Arrival, Navigation, Settings};
use crate::consent::State;
use crate::page::Json;
use crate::tracker::Tracker;

#[wasm_bindgen]
extern "C" {
    /// The settings that the loader read from the script tag.
    #[wasm_bindgen(js_name = Settings)]
    pub type JsSettings;
    #[wasm_bindgen(method, getter, structural)]
    fn site(this: &JsSettings) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn endpoint(this: &JsSettings) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn consent(this: &JsSettings) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn params(this: &JsSettings) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn debug(this: &JsSettings) -> JsValue;
}

/// One site's SDK in this document.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Trailmark(&'static Tracker<BrowserPage>);

#[wasm_bindgen]
impl Trailmark {
    /// Starts the SDK. Throws a sentence where the site's id or the arrival is not one; the loader shows it in debug mode.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &JsSettings, arrival: JsValue) -> Result<Self, JsValue> {
        let settings = read_settings(settings).ok_or("site is missing or not 1 to 32 of a-z, 0-9 and -")?;
        let arrival = read_arrival(&BrowserJson(arrival)).ok_or("the arrival is not the stub's")?;
        Ok(Self(Tracker::start(BrowserPage::default(), settings, arrival)))
    }

    /// Promise of `{ attributed, mode: 'wasm' }`, once the arrival is settled, after a second at the latest.
    pub fn ready(&self) -> Promise {
        self.call(String::new(), &JsValue::UNDEFINED)
    }

    /// Takes the call `name` of the page with its argument; promise of what it gives. One entry for all calls, since each
    /// further kind of promise would cost the module half a kilobyte.
    pub fn call(&self, name: String, argument: &JsValue) -> Promise {
        let tracker = self.0;
        // Read before anything else, and once: getters of the page's may throw or change their mind.
        let input = JSON::stringify(argument).ok().and_then(|text| text.as_string()).unwrap_or_default();
        let word = argument.as_string().unwrap_or_default();
        future_to_promise(async move {
            let given = match name.as_str() {
                "" => to_js(&tracker.ready().await),
                "consent" => to_js(tracker.state_consent(&word).as_str()),
                "touch" => to_js(&tracker.touch().await),
                // A ledger id for checkouts comes with sales.
                "reference" => None,
                kind => to_js(&tracker.convert(kind, input).await),
            };
            Ok(given.unwrap_or(JsValue::NULL))
        })
    }
}

fn read_settings(settings: &JsSettings) -> Option<Settings> {
    let params = settings.params();
    let params = params.dyn_ref::<Array>().map(|names| names.iter().filter_map(|name| name.as_string()).collect());
    Some(Settings {
        site: SiteId::new(settings.site().as_string()?).ok()?,
        endpoint: settings.endpoint().as_string()?,
        // Whoever states nothing, or nothing that is understood, has not been asked.
        consent: settings.consent().as_string().and_then(|word| State::from_word(&word)).unwrap_or(State::Pending),
        params: params.unwrap_or_default(),
        debug: settings.debug().is_truthy(),
    })
}

fn read_arrival<J: Json>(arrival: &J) -> Option<Arrival> {
    Some(Arrival {
        id: ArrivalId::new(arrival.member_text("id")?).ok()?,
        url: arrival.member_text("url")?,
        referrer: arrival.member_text("referrer").unwrap_or_default(),
        at: arrival.member_text("at")?,
        navigation: if arrival.member("again").is_some() { Navigation::Repeat } else { Navigation::Arrival },
    })
}
