//! What a webhook of PartnerStack means: whom to ask about, or why it says nothing.

use serde_json::{Value, json};
use trailmark_vendors::webhook::{Meaning, Notice};

use super::adapter;

/// The keys of an event's partner, each id behind a `#`.
pub(crate) fn partner_keys(notice: &Notice) -> String {
    let ids = notice.partner_ids.iter().map(|id| format!("#{id}"));
    notice.partners.iter().cloned().chain(ids).collect::<Vec<_>>().join(",")
}

/// The meaning in one line: what it is, the event, then the keys of customers, transactions and partners.
fn read(body: &[u8]) -> String {
    match adapter().read_webhook(body) {
        Meaning::Concerns(notice) => format!(
            "{} | {} | {} | {}",
            notice.event,
            notice.customers.join(","),
            notice.transactions.join(","),
            partner_keys(&notice)
        ),
        Meaning::Noted { event, about } => {
            let about = about.map(|about| format!(" | {about}")).unwrap_or_default();
            format!("noted {event}{about}")
        }
        Meaning::UnknownEvent { event } => format!("unknown {event}"),
        Meaning::Unreadable { reason } => format!("unreadable: {reason}"),
    }
}

#[track_caller]
fn check(body: Value, expected: &str) {
    assert_eq!(read(body.to_string().as_bytes()), expected, "{body}");
}

#[test]
fn both_generations_and_the_guide_say_whom_they_are_about() {
    let customer = json!({"event": "customer_updated", "key": "cus_1", "customer_key": "u_1", "email": "a@b.c"});
    check(customer, "customer_updated | cus_1,u_1 |  | ");
    check(json!({"event": "customer.created", "key": "u_1"}), "customer.created | u_1 |  | ");
    let numbered = json!({"event": "customer_created", "id": 7, "customer_key": "u_1", "archived": "false"});
    check(numbered, "customer_created | u_1 |  | ");
    let partner = json!({"event": "partnership.updated", "key": "part_1", "partner_key": "ada"});
    check(partner, "partnership.updated |  |  | ada,part_1");
    // The sample of docs/partnerstack-webhooks.
    let sample = json!({"id": 123, "partner_key": "JohnSmith", "first_name": "John", "last_name": "Smith",
        "email": "john@partners.example", "group": {"id": 22, "name": "Top Sellers", "slug": "topsellers"},
        "event": "partnership_created", "archived": "false"});
    check(sample, "partnership_created |  |  | JohnSmith,#123");
    check(json!({"event": "partner.updated", "key": "ada"}), "partner.updated |  |  | ada");
    let transaction =
        json!({"event": "transaction.updated", "key": "txn_1", "customer_key": "u_1", "status": "approved"});
    check(transaction, "transaction.updated | u_1 | txn_1 | ");
    let reward = json!({"event": "reward.created", "key": "rwd_1", "reward_status": "pending",
        "customer": {"key": "cus_1", "external_key": "u_1"}, "transaction": {"key": "o_1"}});
    check(reward, "reward.created | cus_1,u_1 | o_1 | ");
    check(json!({"event": "reward_created", "partner_key": "ada"}), "reward_created |  |  | ada");
}

#[test]
fn an_object_beside_the_event_is_read_likewise() {
    let wrapped = json!({"event": "customer_updated", "data": {"key": "cus_1", "customer_key": "u_1"}});
    check(wrapped, "customer_updated | cus_1,u_1 |  | ");
}

#[test]
fn what_says_nothing_about_a_commission_is_told_apart() {
    check(json!({"event": "application_approved"}), "noted application_approved");
    check(json!({"event": "agreement.accepted", "team": "Ada Ltd"}), "noted agreement.accepted");
    check(json!({"event": "moon.landed", "key": "x"}), "unknown moon.landed");
    check(json!({"event": "customer_updated"}), "unreadable: the event names no customer, transaction or partner");
    check(json!({"key": "cus_1"}), "unreadable: `event` is missing or not a text");
    check(json!({"event": 7}), "unreadable: `event` is missing or not a text");
    check(json!(["event"]), "unreadable: the body is not a JSON object");
    for body in [&b""[..], b"event=customer_updated", b"\xff\xfe", b"{\"event\":"] {
        assert_eq!(read(body), "unreadable: the body is not JSON");
    }
}

#[test]
fn an_application_is_told_by_its_keys_and_by_nothing_of_the_person() {
    let application = json!({"event": "application_created", "key": "appl_1", "partnership_key": "part_1",
        "partner_key": "ada", "group": {"key": "grp_1", "name": "Friends of Ada", "slug": "friends"},
        "content": {"first_name": "Ada", "email": "ada@partners.example"}, "decline_reason": "unknown to us",
        "approved": null, "created_at": 1_700_000_000_000_i64});
    let named = "application appl_1, partner ada, partnership part_1, group grp_1";
    check(application.clone(), &format!("noted application_created | {named}"));
    let wrapped = json!({"event": "application_declined", "data": application});
    check(wrapped, &format!("noted application_declined | {named}"));
    let by_slug = json!({"event": "agreement.accepted", "key": "agr_1", "group": {"slug": "friends"}});
    check(by_slug, "noted agreement.accepted | agreement agr_1, group friends");
    let long = "a".repeat(65);
    for personal in ["ada@partners.example", "ada.lovelace", "Ada Lovelace", "491701234567", "\u{1b}[2J", &long] {
        let body = json!({"event": "application_created", "key": "appl_1", "partner_key": personal});
        check(body, "noted application_created | application appl_1, partner [withheld]");
    }
}

#[test]
fn nothing_of_any_length_is_kept_without_bound() {
    let event = format!("zoo.{}\u{1b}[2J", "x".repeat(500));
    assert_eq!(read(json!({"event": event, "key": "k"}).to_string().as_bytes()), "unknown [withheld]");
    check(
        json!({"event": "customer_updated", "key": "k".repeat(256), "customer_key": "u_1"}),
        "customer_updated | u_1 |  | ",
    );
}

#[test]
fn an_event_is_shown_by_its_name_and_nothing_else_is() {
    for name in ["moon.landed", "moon_landed", "v2:moon-landed", "MoonLanded", &"m".repeat(64)] {
        check(json!({"event": name}), &format!("unknown {name}"));
    }
    for no_name in ["ada@example.com", "Ada Lovelace", "+49 170 1234567", "491701234567", "möon", &"m".repeat(65)] {
        check(json!({"event": no_name}), "unknown [withheld]");
    }
    check(json!({"event": "customer.ada@example.com", "customer_key": "u_1"}), "[withheld] | u_1 |  | ");
}

#[test]
fn debug_shows_no_key() {
    let meaning = adapter().read_webhook(br#"{"event":"customer_updated","customer_key":"ada@example.com"}"#);
    assert_eq!(format!("{meaning:?}"), r#"Concerns(Notice { event: "customer_updated", .. })"#);
}
