//! What must not show: credentials, addresses, names and keys, in no `Debug` and in no message that a vendor sends back.

use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::Customer;
use trailmark_wire::ids::ClickId;

use super::{
    account, adapter, all_partners, answer, fixture, one_partner, sent, signup, signup_without_click, with_key,
};

const SECRETS: [&str; 10] = [
    "pk_test",
    "sk_test_private",
    "tt_tracking",
    "cGtfdGVzd",
    "ada",
    "Ada",
    "u_1",
    "xid123",
    "secret note",
    "partner@acme",
];

fn task() -> Task {
    Task { data: [("note".to_owned(), "secret note".to_owned())].into(), ..signup() }
}

/// The vendor's message, as the adapter keeps it.
fn kept(task: &Task, message: &str) -> String {
    let body = serde_json::json!({"message": message, "status": 400}).to_string();
    match adapter().read(task, &answer(400, &body)) {
        Outcome::Rejected { message } => message.trim_start_matches("status 400: ").to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_debug_shows_a_credential_or_a_person() {
    let vendor = adapter();
    let partner = (one_partner(&vendor, "acme").read)(&answer(200, fixture!("200_partnership"))).unwrap();
    let texts = [
        format!("{:?}", account().settings()),
        format!("{:?}", vendor.0.delivery),
        format!("{:?}", task()),
        format!("{:?}", vendor.plan(&task()).unwrap()),
        format!("{:?}", vendor.plan(&signup_without_click()).unwrap()),
        format!("{:?}", sent(&vendor, &task())),
        format!("{:?}", vendor.look_up(&task())),
        format!("{:?}", all_partners(&vendor)),
        format!("{:?}", answer(200, fixture!("200_customer"))),
        format!("{partner:?}"),
        format!("{:?}", (all_partners(&vendor).read)(&answer(200, fixture!("200_partnerships_first")))),
    ];
    for text in texts {
        for secret in SECRETS {
            assert!(!text.contains(secret), "`{secret}` in {text}");
        }
    }
}

#[test]
fn a_message_repeats_nothing_that_we_sent() {
    let message = "no ada@example.com, ADA@EXAMPLE.COM, ada%40example.com; Ada Lovelace (ada LOVELACE), Ada; \
                   key 'u_1', xid xid123, note secret note, token tt_tracking, password sk_test_private.";
    let kept = kept(&task(), message);
    assert_eq!(
        kept,
        "no [redacted], [redacted], [redacted]; [redacted] ([redacted]), [redacted]; \
         key '[redacted]', xid [redacted], note [redacted], token [redacted], password [redacted]."
    );
}

#[test]
fn nobody_elses_address_is_kept_either() {
    assert_eq!(kept(&signup(), "belongs to <bob@other.example>"), "belongs to [redacted]");
}

#[test]
fn a_short_key_does_not_blot_out_the_message() {
    assert_eq!(kept(&with_key(signup(), "1"), "field 1 of 12: e1 is bad"), "field [redacted] of 12: e1 is bad");
}

#[test]
fn the_longer_text_is_withheld_before_its_part() {
    let task = Task { click_id: Some(ClickId::new("u_1-9f").unwrap()), ..signup() };
    assert_eq!(kept(&task, "xid u_1-9f of u_1"), "xid [redacted] of [redacted]");
}

#[test]
fn text_beyond_ascii_is_withheld_whole() {
    let customer = Customer { name: Some("Zoë Ödegård".into()), ..signup().customer.unwrap() };
    let task = Task { customer: Some(customer), ..signup() };
    assert_eq!(kept(&task, "für Zoë Ödegård ungültig"), "für [redacted] ungültig");
}

#[test]
fn a_message_is_one_line_and_cut_after_redaction() {
    assert_eq!(kept(&signup(), "two\nlines\u{0}\tand\u{7} more"), "two lines and more");
    // The address would straddle the cut; half of it must not stay.
    let long = format!("{} ada@example.com", "x".repeat(490));
    let kept = kept(&signup(), &long);
    assert!(kept.chars().count() <= 500 && !kept.contains("ada"), "{kept}");
}

#[test]
fn rejections_and_account_errors_name_no_value() {
    let customer = Customer { email: Some("a@b".into()), ..signup().customer.unwrap() };
    let task = Task { customer: Some(customer), ..signup_without_click() };
    let reason = adapter().plan(&task).unwrap_err().to_string();
    assert!(!reason.contains("a@b"), "{reason}");
}

// field-faults row 65
#[test]
fn credentials_are_withheld_in_every_spelling_in_which_they_were_sent() {
    let basic = "cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=";
    for (said, expected) in [
        ("Authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=", "Authorization: Basic [redacted]"),
        ("authorization=Basic%20cGtfdGVzdDpza190ZXN0X3ByaXZhdGU%3D", "authorization=Basic%20[redacted]"),
        ("BasiccGtfdGVzdDpza190ZXN0X3ByaXZhdGU", "Basic[redacted]"),
        ("header BASIC CGTFDGVZDDPZA190ZXN0X3BYAXZHDGU=!", "header BASIC [redacted]!"),
        ("user pk_test:sk_test_private is unknown", "user [redacted] is unknown"),
        ("user pk_test%3Ask_test_private is unknown", "user [redacted] is unknown"),
        ("Bearer tt_tracking expired", "Bearer [redacted] expired"),
        ("xBearertt_trackingx", "xBearer[redacted]x"),
        ("token dHRfdHJhY2tpbmc= expired", "token [redacted] expired"),
        ("key sk_test_priv… is wrong", "key [redacted]… is wrong"),
    ] {
        assert_eq!(kept(&signup(), said), expected);
    }
    let body = serde_json::json!({ "message": format!("bad header Basic {basic}"), "status": 401 }).to_string();
    let Outcome::AuthFailed { message } = adapter().read(&signup(), &answer(401, &body)) else { panic!() };
    assert_eq!(message, "status 401: bad header Basic [redacted]");
    let text = answer(401, &format!("Basic {basic} is not known here"));
    let Outcome::AuthFailed { message } = adapter().read(&signup(), &text) else { panic!() };
    assert_eq!(message, "status 401: Basic [redacted] is not known here");
}
