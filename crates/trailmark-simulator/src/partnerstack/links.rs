//! The other host: partner links, and the server-to-server conversion (`POST https://partnerlinks.io/conversion/xid`).
//!
//! A conversion is answered with 200 and an empty body whether or not it had an effect; a client has to read the customer
//! through the vendor API some minutes later. The page of this call gives no lengths, so those of `POST /customers` apply;
//! but `email` need not be an address, since "you may want to supply anonymized values".

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderValue, Method, StatusCode};

use super::current::known_meta;
use super::state::{Account, Customer};
use super::validate::{ANY_TEXT, EMAIL, NAME, Refusal};
use crate::call::{Answer, Call, encode};
use crate::fields::{Fields, only};

/// The program's link domain in `pscd`. It identifies nothing.
const LINK_DOMAIN: &str = "try.acme.example";

/// What a call to the link host asks for.
pub(super) enum Route<'a> {
    Convert,
    /// The partner key.
    Go(&'a str),
}

impl<'a> Route<'a> {
    /// `path` is the part after `/partnerlinks`.
    pub(super) fn of(method: &Method, path: &[&'a str]) -> Option<Self> {
        match (method.as_str(), path) {
            ("POST", ["conversion", "xid"]) => Some(Self::Convert),
            ("GET", ["go", partner_key]) => Some(Self::Go(partner_key)),
            _ => None,
        }
    }

    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Convert => "conversion",
            Self::Go(_) => "click",
        }
    }

    pub(super) fn external_key(&self, call: &Call) -> Option<String> {
        match self {
            Self::Convert => call.body_text("customer_key").map(str::to_owned),
            Self::Go(_) => None,
        }
    }
}

/// # Errors
/// A field is missing, unknown, of the wrong type or length.
pub(super) fn convert(account: &mut Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let mut fields = Fields::of(call)?;
    let xid = fields.required_text("xid", ANY_TEXT)?;
    let customer_key = fields.required_text("customer_key", ANY_TEXT)?;
    let customer = Customer {
        email: fields.text("email", EMAIL)?,
        name: fields.text("name", NAME)?,
        provider_key: fields.text("provider_key", ANY_TEXT)?,
        data: known_meta(account, fields.free_object("meta")?),
        created_ms: now_ms,
        updated_ms: now_ms,
        ..Customer::default()
    };
    // Accepted by the vendor, and shown nowhere in its API.
    for name in ["origin", "ip_address", "user_agent", "external_type"] {
        fields.text(name, 1..=1_024)?;
    }
    fields.texts("sub_ids")?;
    fields.finish()?;
    let effects = account.convert(&xid, &customer_key, customer);
    Ok(Answer::empty(StatusCode::OK).with_effects(effects))
}

/// Follows a partner's link to the landing page. The link of a removed partner still redirects, but is not tracked (seed
/// 002). A key that never existed gets a 404 page.
pub(super) fn go(account: &mut Account, partner_key: &str, landing_url: &str, now_ms: i64) -> Result<Answer, Refusal> {
    let xid = match account.click(None, partner_key, now_ms) {
        Ok(xid) => xid,
        Err(_) if account.knew_partner(partner_key) => account.mint(""),
        Err(_) => return Ok(Answer::html(StatusCode::NOT_FOUND, "<h1>This link leads nowhere</h1>".to_owned())),
    };
    let location = HeaderValue::try_from(landing(landing_url, &xid, partner_key))
        .map_err(|_| Refusal::bad_request("landing_url of the simulator is no URL"))?;
    Ok(Answer::redirect(StatusCode::FOUND, location).with_effects(1))
}

/// The landing URL with the five parameters of real links.
fn landing(landing_url: &str, xid: &str, partner_key: &str) -> String {
    let (page, fragment) = landing_url.split_once('#').map_or((landing_url, None), |(page, rest)| (page, Some(rest)));
    let joint = if page.contains('?') { '&' } else { '?' };
    let partner = encode(&STANDARD_NO_PAD.encode(partner_key));
    let parameters =
        format!("ps_partner_key={partner}&ps_xid={xid}&gsxid={xid}&gspk={partner}&pscd={}", encode(LINK_DOMAIN));
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{page}{joint}{parameters}{fragment}")
}
