//! What JavaScript sees: one class, made by the loader with settings and arrival, whose calls return promises that never
//! reject. Translation only. Objects of the page are read member by member through structural getters, results are written
//! by serde; the page's own surface (`window.trailmark`) is the stub's and loader's.

use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{Array, Object, Promise};
use trailmark_wire::ids::{ArrivalId, SiteId};
use wasm_bindgen::prelude::{JsCast as _, JsValue, wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use crate::browser::{BrowserPage, entries, to_js};
use crate::config::{Arrival, Navigation, Settings};
use crate::consent::State;
use crate::conversion::Input;
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

    /// The arrival that the stub remembered.
    #[wasm_bindgen(js_name = Arrival)]
    pub type JsArrival;
    #[wasm_bindgen(method, getter, structural)]
    fn id(this: &JsArrival) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn url(this: &JsArrival) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn referrer(this: &JsArrival) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn at(this: &JsArrival) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn again(this: &JsArrival) -> JsValue;

    /// What the page passes to `signup` and `lead`.
    #[wasm_bindgen(js_name = Conversion)]
    pub type JsInput;
    #[wasm_bindgen(method, getter, structural, js_name = customerKey)]
    fn customer_key(this: &JsInput) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn email(this: &JsInput) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn name(this: &JsInput) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn customer(this: &JsInput) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn data(this: &JsInput) -> JsValue;
}

/// One site's SDK in this document.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Trailmark(Rc<Tracker<BrowserPage>>);

#[wasm_bindgen]
impl Trailmark {
    /// Starts the SDK. Throws a sentence where the site's id or the arrival is not one; the loader shows it in debug mode.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &JsSettings, arrival: &JsArrival) -> Result<Self, JsValue> {
        let settings = read_settings(settings).ok_or("site is missing or not 1 to 32 of a-z, 0-9 and -")?;
        let arrival = read_arrival(arrival).ok_or("the arrival is not the stub's")?;
        Ok(Self(Tracker::start(BrowserPage::default(), settings, arrival)))
    }

    /// Promise of `{ attributed, mode: 'wasm' }`, once the arrival is settled, after a second at the latest.
    pub fn ready(&self) -> Promise {
        self.call(String::new(), &JsValue::UNDEFINED)
    }

    /// Takes the call `name` of the page with its argument; promise of what it gives. One entry for all calls, since each
    /// further kind of promise would cost the module half a kilobyte.
    pub fn call(&self, name: String, argument: &JsValue) -> Promise {
        let tracker = Rc::clone(&self.0);
        // Read before anything else: a getter of the page's may throw.
        let (word, input) = (argument.as_string(), read_input(argument));
        future_to_promise(async move {
            let given = match name.as_str() {
                "" => to_js(&tracker.ready().await),
                "consent" => to_js(tracker.state_consent(&word.unwrap_or_default()).as_str()),
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

fn read_arrival(arrival: &JsArrival) -> Option<Arrival> {
    Some(Arrival {
        id: ArrivalId::new(arrival.id().as_string()?).ok()?,
        url: arrival.url().as_string()?,
        referrer: arrival.referrer().as_string().unwrap_or_default(),
        at: arrival.at().as_string()?,
        navigation: if arrival.again().is_truthy() { Navigation::Repeat } else { Navigation::Arrival },
    })
}

/// Members of another type than text count as absent, but for numbers, which many companies have as keys.
fn read_input(input: &JsValue) -> Input {
    if !input.is_object() {
        return Input::default();
    }
    let input: &JsInput = input.unchecked_ref();
    Input {
        customer_key: text(&input.customer_key()),
        email: text(&input.email()),
        name: text(&input.name()),
        customer: text(&input.customer()),
        data: read_data(&input.data()),
    }
}

fn read_data(data: &JsValue) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (name, value) in entries(data) {
        if let Some(value) = text(&value) {
            pairs.insert(name, value);
        }
    }
    pairs
}

fn text(value: &JsValue) -> Option<String> {
    let number = value.is_bigint() || value.as_f64().is_some();
    if number { Some(value.unchecked_ref::<Object>().to_string().into()) } else { value.as_string() }
}
