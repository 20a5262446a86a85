//! Webhooks: the signature over the raw bytes, and what each event names.

use serde_json::{Value, json};
use trailmark_vendors::account::Settings;
use trailmark_vendors::webhook::Meaning;
use trailmark_vendors::{Adapter, Dialect};

use super::{adapter, fixture, named};
use crate::webhooks::partner_keys;

/// Stands for HMAC-SHA-256, which no crate of this workspace layer has: every bit of key and message matters.
fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut state = [7_u8; 32];
    for (index, byte) in key.iter().chain(&[0]).chain(message).enumerate() {
        let place = index % 32;
        state[place] = state[place].rotate_left(3) ^ byte.wrapping_mul(31);
        state[(place + 1) % 32] = state[(place + 1) % 32].wrapping_add(state[place]);
    }
    state
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn verified(vendor: &Adapter, signature: Option<&str>, body: &[u8]) -> Result<(), &'static str> {
    let header = |name: &str| (name == "signature").then(|| signature.map(str::to_owned)).flatten();
    vendor.webhooks.as_ref().unwrap().verify(&header, body, mac)
}

const BODY: &[u8] = b"{ \"event\":\"transaction.created\",\n\"data\":{\"key\":\"o_1001\"} }";

#[test]
fn the_signature_of_the_raw_body_under_the_secret_passes_in_either_case() {
    let right = hex(mac(b"whs_1", BODY));
    assert_eq!(verified(&adapter(), Some(&right), BODY), Ok(()));
    assert_eq!(verified(&adapter(), Some(&format!(" {right} ")), BODY), Ok(()));
    assert_eq!(verified(&adapter(), Some(&right.to_uppercase()), BODY), Ok(()), "hex has no case");
    let long = vec![b'x'; 1 << 20];
    assert_eq!(verified(&adapter(), Some(&hex(mac(b"whs_1", &long))), &long), Ok(()));
}

#[test]
fn any_other_signature_body_or_secret_is_refused() {
    let right = hex(mac(b"whs_1", BODY));
    let wrong = Err("`signature` is not the one of this body under `webhook_secret`");
    for place in 0..64 {
        let mut signature = right.clone().into_bytes();
        signature[place] = if signature[place] == b'0' { b'1' } else { b'0' };
        assert_eq!(verified(&adapter(), Some(&String::from_utf8(signature).unwrap()), BODY), wrong, "{place}");
    }
    assert_eq!(verified(&adapter(), Some(&hex(mac(b"whs_2", BODY))), BODY), wrong);
    let respaced = serde_json::from_slice::<Value>(BODY).unwrap().to_string();
    assert_eq!(verified(&adapter(), Some(&right), respaced.as_bytes()), wrong, "the raw bytes count");
    let shape = Err("`signature` is not 64 hexadecimal digits");
    for text in
        ["", "sha256=", &right[..62], &format!("{right}00"), &format!("{}zz", &right[..62]), &"é".repeat(32), "0x"]
    {
        assert_eq!(verified(&adapter(), Some(text), BODY), shape, "{text}");
    }
    assert_eq!(verified(&adapter(), None, BODY), Err("`signature` is missing"));
}

#[test]
fn without_the_secret_nothing_is_believed() {
    let settings = Settings::of(Dialect::Current).with_secret("api_key", "pk_partnero_0001");
    let open = named("partnero").open(&settings).unwrap();
    let refused = verified(&open, Some(&hex(mac(b"", BODY))), BODY).unwrap_err();
    assert!(refused.starts_with("`webhook_secret` is not set"), "{refused}");
}

fn read(body: &Value) -> String {
    match adapter().read_webhook(body.to_string().as_bytes()) {
        Meaning::Concerns(notice) => format!(
            "{} | {} | {} | {}",
            notice.event,
            notice.customers.join(","),
            notice.transactions.join(","),
            partner_keys(&notice)
        ),
        Meaning::Noted { event, .. } => format!("noted {event}"),
        Meaning::UnknownEvent { event } => format!("unknown {event}"),
        Meaning::Unreadable { reason } => format!("unreadable: {reason}"),
    }
}

fn event(name: &str, data: &Value) -> Value {
    json!({"event": name, "url": "https://x", "webhook_key": "wh_1", "created_at": "2026-11-21T08:00:00Z", "data": data})
}

#[test]
fn an_event_names_its_customer_transaction_or_partner() {
    let transaction = json!({"key": "o_1001", "partner": "partner_123", "customer": {"key": "u_1", "id": "c_9"}});
    for name in ["transaction.created", "transaction.deleted", "transaction.updated"] {
        assert_eq!(read(&event(name, &transaction)), format!("{name} | u_1,c_9 | o_1001 | "));
    }
    let plain = json!({"key": "o_1001", "customer": "u_1"});
    assert_eq!(read(&event("transaction.created", &plain)), "transaction.created | u_1 | o_1001 | ");
    for name in ["customer.created", "customer.updated", "customer.deleted", "customer.rewarded", "customer.credited"] {
        assert_eq!(read(&event(name, &json!({"key": "u_1", "id": "u_1"}))), format!("{name} | u_1 |  | "));
    }
    let partner: Value = serde_json::from_str(fixture!("201_partner")).unwrap();
    for name in ["created", "updated", "approved", "rejected", "archived", "deleted"] {
        let told = read(&event(&format!("partner.{name}"), &partner["data"]));
        assert_eq!(told, format!("partner.{name} |  |  | partner_123,ref_123,#partner_123"));
    }
    assert_eq!(
        read(&event("partner.archived", &json!({"key": "ada", "id": "p_1"}))),
        "partner.archived |  |  | ada,p_1,#p_1"
    );
    let reward = json!({"key": "r_1", "transaction": "o_1001", "customer": "u_1"});
    assert_eq!(read(&event("reward.paid", &reward)), "reward.paid | u_1 | o_1001 | ");
}

#[test]
fn what_concerns_nobody_or_is_no_event_has_its_own_end() {
    assert_eq!(read(&event("lead.submitted", &json!({"id": 7}))), "noted lead.submitted");
    assert_eq!(read(&event("subscriber.rewarded", &json!({"key": "s"}))), "noted subscriber.rewarded");
    assert_eq!(read(&event("moon.landed", &json!({"key": "s"}))), "unknown moon.landed");
    assert_eq!(read(&event("ada@example.com", &json!({"key": "s"}))), "unknown [withheld]");
    let nobody = "unreadable: the event names no customer, transaction or partner";
    for data in [json!({}), json!(null), json!("o_1001"), json!([1]), json!({"key": 7})] {
        assert_eq!(read(&event("transaction.created", &data)), nobody, "{data}");
    }
    assert_eq!(read(&json!({"event": "transaction.created"})), nobody);
    assert_eq!(read(&json!({"data": {}})), "unreadable: `event` is missing or not a text");
    assert_eq!(read(&json!([1])), "unreadable: the body is not a JSON object");
    for body in [&b""[..], b"event=x", b"\xff", b"{\"event\":"] {
        assert!(matches!(adapter().read_webhook(body), Meaning::Unreadable { reason: "the body is not JSON" }));
    }
}
