//! Partnero's webhooks: `{event, url, webhook_key, created_at, data}`, signed by HMAC-SHA-256 over the raw body, as hex in
//! the header `Signature`. Checks the signature, and reads which customer, transaction or partner an event names. The
//! signature has no time, so a replay passes; the proxy recognises it by its content, and asks the vendor anyway.
//!
//! Hex is read in either case: RFC 4648 § 8 decodes both, and the bytes are compared, in constant time. Without the
//! webhook's secret nothing is believed.
//!
//! Source: <https://docs.partnero.com/guides/webhooks>; vendors-2.md § 3, "Webhooks".

use serde_json::Value;

use super::answers::text;
use super::credit;
use crate::HmacSha256;
use crate::secret::Secret;
use crate::webhook::{Meaning, Notice, event_name, keys};

/// Bytes of a signature.
const SIGNATURE: usize = 32;

/// Whether the webhook's secret signed this body.
pub(super) fn verify(
    secret: Option<&Secret>,
    header: &dyn Fn(&str) -> Option<String>,
    body: &[u8],
    hmac: HmacSha256,
) -> Result<(), &'static str> {
    let secret = secret.ok_or("`webhook_secret` is not set in the program, so no signature can be checked")?;
    let stated = header("signature").ok_or("`signature` is missing")?;
    let stated = unhexed(stated.trim()).ok_or("`signature` is not 64 hexadecimal digits")?;
    let computed = hmac(secret.expose().as_bytes(), body);
    let differing = stated.iter().zip(computed).fold(0, |all, (stated, computed)| all | (stated ^ computed));
    if differing == 0 { Ok(()) } else { Err("`signature` is not the one of this body under `webhook_secret`") }
}

fn unhexed(text: &str) -> Option<[u8; SIGNATURE]> {
    let digits: Option<Vec<u8>> = text.bytes().map(|byte| u8::try_from(char::from(byte).to_digit(16)?).ok()).collect();
    let bytes: Vec<u8> = digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect();
    bytes.try_into().ok().filter(|_| text.len() == 2 * SIGNATURE)
}

/// The meaning of a webhook's body.
pub(super) fn read(body: &[u8]) -> Meaning {
    let Ok(whole) = serde_json::from_slice::<Value>(body) else {
        return Meaning::Unreadable { reason: "the body is not JSON" };
    };
    if !whole.is_object() {
        return Meaning::Unreadable { reason: "the body is not a JSON object" };
    }
    let Some(event) = text(&whole, "event") else {
        return Meaning::Unreadable { reason: "`event` is missing or not a text" };
    };
    let nothing = Value::Null;
    let data = whole.get("data").unwrap_or(&nothing);
    let notice = match event.split('.').next().unwrap_or_default() {
        "customer" => Notice { customers: own(data), ..Notice::of(event) },
        "partner" => {
            let all: Vec<_> = own(data).into_iter().chain(credit::keys(data)).collect();
            let partners = keys(all.iter().map(|key| Some(key.as_str())));
            Notice { partners, partner_ids: keys([text(data, "id")]), ..Notice::of(event) }
        }
        "transaction" => Notice { transactions: own(data), customers: of(data, "customer"), ..Notice::of(event) },
        // One guide alone names rewards.
        "reward" => {
            Notice { transactions: of(data, "transaction"), customers: of(data, "customer"), ..Notice::of(event) }
        }
        "lead" | "subscriber" => return Meaning::Noted { event: event_name(event), about: None },
        _ => return Meaning::UnknownEvent { event: event_name(event) },
    };
    match notice.names_somebody() {
        true => Meaning::Concerns(notice),
        false => Meaning::Unreadable { reason: "the event names no customer, transaction or partner" },
    }
}

/// The keys of a thing.
fn own(thing: &Value) -> Vec<String> {
    keys([text(thing, "key"), text(thing, "id")])
}

/// The keys of what a thing belongs to: an object, or one key.
fn of(thing: &Value, member: &str) -> Vec<String> {
    let inner = thing.get(member).unwrap_or(&Value::Null);
    keys([text(inner, "key"), text(inner, "id"), text(thing, member)])
}
