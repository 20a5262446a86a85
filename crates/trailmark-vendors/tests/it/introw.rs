//! Introw through the public surface: which call a task becomes, in both dialects, and what is in its request. The files
//! below read answers, sales and refunds, commissions, and an operator's commands. Bodies under `fixtures/introw/` have the
//! shapes of seed 003 and of the vendor's pages.

mod answers;
mod commands;
mod commissions;
mod openapi;
mod sales;

use serde_json::{Value, json};
use trailmark_vendors::Dialect;
use trailmark_vendors::account::Settings;
use trailmark_vendors::capability::{Class, Operation, Support};
use trailmark_vendors::exchange::{Answer, Request};
use trailmark_vendors::outcome::Probe;
use trailmark_vendors::task::{EarlierUse, Plan, Task};
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, ConversionId};

use crate::{NOW, Opened, answer, named, rendered, sent, signup as somebodys_signup};

/// A recorded answer's body.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/introw/", $name, ".json"))
    };
    (in_folder $name:literal) => {
        include_str!(concat!("../../../fixtures/introw/", $name, ".json"))
    };
}
pub(crate) use fixture;

const KEY: &str = "iw_live_5e3cret-0f-1ntrow";

pub(crate) fn settings() -> Settings {
    Settings::default().with_secret("api_key", KEY).with_text("commission_percent", "10")
}

pub(crate) fn open(settings: &Settings) -> Opened {
    Opened(named("introw").open(settings).unwrap())
}

pub(crate) fn introw() -> Opened {
    open(&settings())
}

/// Ada's signup after a click of `irw_id`, which names no partner.
pub(crate) fn signup() -> Task {
    Task {
        click_id: Some(ClickId::new("irw.tok_1").unwrap()),
        partner: None,
        is_unsent: true,
        may_have_acted: false,
        data: [("f_9a".to_owned(), "Team plan".to_owned()), ("blank".to_owned(), " ".to_owned())].into(),
        ..somebodys_signup()
    }
}

pub(crate) fn lead() -> Task {
    Task { kind: Kind::Lead, ..signup() }
}

/// The task after another conversion of its touch.
pub(crate) fn after(kind: Kind, task: Task) -> Task {
    let conversion = ConversionId::from_parts(NOW, [9; 10]);
    Task { touch_used_by: Some(EarlierUse { conversion, kind }), ..task }
}

pub(crate) fn body(request: &Request) -> Value {
    serde_json::from_slice(request.body.as_ref().unwrap()).unwrap()
}

pub(crate) fn planned(task: &Task) -> String {
    match introw().plan(task) {
        Ok(Plan::Send { call, class, .. }) => format!("{} ({})", call.request.label, class.as_str()),
        Ok(Plan::NotNeeded { why }) => format!("not needed: {why}"),
        Ok(Plan::Unsupported { why }) => format!("unsupported: {why}"),
        Err(rejection) => format!("rejected: {rejection}"),
    }
}

/// What was changed or left out.
pub(crate) fn noted(task: &Task) -> Vec<String> {
    match introw().plan(task).unwrap() {
        Plan::Send { notes, .. } => notes.iter().map(ToString::to_string).collect(),
        other => panic!("nothing to send: {other:?}"),
    }
}

#[test]
fn a_signup_and_a_lead_convert_the_click_token() {
    for task in [signup(), lead()] {
        let request = sent(&introw(), &task);
        assert_eq!(
            rendered(&request),
            format!(
                "POST https://api.introw.io/api/v1/affiliate/conversions\naccept: application/json\nx-api-key: {KEY}\n\
                 content-type: application/json\n\n\
                 {{\"clickId\":\"irw.tok_1\",\"email\":\"ada@example.com\",\"properties\":{{\"f_9a\":\"Team plan\"}}}}\n"
            )
        );
        assert_eq!(planned(&task), "POST /api/v1/affiliate/conversions (unique key)");
        let left_out = "`customer.name` was left out: a conversion has no field for it; `data` can fill a field of the \
                        campaign's form";
        assert_eq!(noted(&task), [left_out]);
    }
    let Plan::Send { credential, class, .. } = introw().plan(&signup()).unwrap() else { panic!() };
    assert_eq!((credential, class), ("api_key", Class::UniqueKey));
}

#[test]
fn both_dialects_send_the_same_requests() {
    let guide = Settings { dialect: Dialect::Guide, ..settings() };
    assert_eq!(rendered(&sent(&open(&guide), &signup())), rendered(&sent(&introw(), &signup())));
}

#[test]
fn what_a_conversion_does_not_have_is_left_out_of_its_body() {
    let customer = Customer { email: None, name: None, ..signup().customer.unwrap() };
    for customer in [None, Some(customer)] {
        let bare = Task { customer, data: [].into(), ..signup() };
        assert_eq!(body(&sent(&introw(), &bare)), json!({ "clickId": "irw.tok_1" }));
        assert_eq!(noted(&bare), [""; 0]);
    }
}

#[test]
fn an_address_that_the_vendor_may_refuse_costs_no_conversion() {
    let with = |email: &str| {
        let customer = Customer { email: Some(email.into()), name: None, ..signup().customer.unwrap() };
        Task { customer: Some(customer), ..signup() }
    };
    for email in ["ada@example.com", "a.d_a+x-y'z@sub.example-1.museum", "A@B.co"] {
        assert_eq!(body(&sent(&introw(), &with(email)))["email"], email);
        assert_eq!(noted(&with(email)), [""; 0]);
    }
    for email in [
        "a@b",
        "zoë@example.com",
        ".a@b.co",
        "a..b@c.co",
        "a.@b.co",
        "a b@c.co",
        "a@-b.co",
        "a@b.c",
        "a@b..co",
        "@b.co",
    ] {
        assert!(body(&sent(&introw(), &with(email))).get("email").is_none(), "{email}");
        let left_out = "`customer.email` was left out: Introw takes plain addresses alone, such as ada@example.com";
        assert_eq!(noted(&with(email)), [left_out], "{email}");
    }
}

#[test]
fn a_token_is_used_once_and_without_one_there_is_nothing_to_send() {
    let used =
        "unsupported: an earlier conversion has used the touch's click token, and Introw converts a token once, ever";
    for earlier in [Kind::Signup, Kind::Lead, Kind::Sale] {
        assert_eq!(planned(&after(earlier, signup())), used);
        assert_eq!(planned(&after(earlier, lead())), used);
    }
    // A refund uses none, and neither does a sale whose touch names a partner: both are commission lines.
    let partner = somebodys_signup().partner;
    for task in [after(Kind::Refund, signup()), after(Kind::Sale, Task { partner, ..signup() })] {
        assert_eq!(planned(&task), "POST /api/v1/affiliate/conversions (unique key)");
    }
    let none = "unsupported: Introw takes a signup or lead only with its click token `irw_id`, and the touch has none";
    assert_eq!(planned(&Task { click_id: None, ..signup() }), none);
    assert_eq!(planned(&Task { click_id: None, ..lead() }), none);
}

#[test]
fn a_conversion_cannot_be_read_back() {
    assert!(introw().look_up(&signup()).is_none());
}

#[test]
fn only_a_refund_follows_something_and_no_field_is_needed() {
    let follows = [Kind::Signup, Kind::Lead, Kind::Sale, Kind::Refund].map(|kind| introw().follows(kind));
    assert_eq!(follows, [None, None, None, Some(Kind::Sale)]);
    assert!(introw().needs(Kind::Signup, true).is_empty() && introw().needs(Kind::Sale, false).is_empty());
}

#[test]
fn the_probe_is_one_partner_and_tells_the_key_from_its_scopes() {
    let request = introw().probe("api_key").unwrap();
    assert_eq!(
        rendered(&request),
        format!("GET https://api.introw.io/api/v1/partners?limit=1\naccept: application/json\nx-api-key: {KEY}\n")
    );
    assert!(introw().probe("tracking_token").is_none());
    let probed = |status, body: &str| introw().read_probe(&answer(status, body));
    assert_eq!(probed(200, fixture!("200_partners_last")), Probe::Good);
    assert_eq!(probed(403, fixture!("403")), Probe::Good, "the key is known; it lacks a scope");
    assert_eq!(probed(401, fixture!("401")), Probe::Refused);
    for (status, body) in [(200, "{}"), (200, "<html>"), (403, "<html>"), (429, ""), (500, fixture!("500"))] {
        assert_eq!(probed(status, body), Probe::Unclear, "{status} {body}");
    }
}

#[test]
fn an_account_needs_a_key_and_refuses_what_is_no_percentage() {
    let refused = |settings: &Settings| named("introw").open(settings).unwrap_err().to_string();
    assert_eq!(refused(&Settings::default()), "`api_key` is missing: introw needs it (key of its API)");
    let problem = "`commission_percent` of introw must be a percentage above 0 and at most 100, such as 12.5, with at most \
                   6 decimals";
    for text in [
        "",
        "0",
        "0.0",
        "100.000001",
        "101",
        "-5",
        "5%",
        "1,5",
        "1.",
        ".5",
        "1.0000001",
        "1e1",
        " 5",
        "+5",
        "99999999999",
    ] {
        assert_eq!(refused(&settings().with_text("commission_percent", text)), problem, "{text}");
    }
    for text in ["0.000001", "100", "100.0", "12.5", "007"] {
        open(&settings().with_text("commission_percent", text));
    }
}

#[test]
fn the_staging_host_is_allowed_where_the_root_names_it() {
    assert_eq!(introw().hosts(), ["api.introw.io"]);
    let staging = settings().with_text("base_url", "https://api.staging.introw.io/");
    assert_eq!(open(&staging).hosts(), ["api.staging.introw.io"]);
    let url = sent(&open(&staging), &signup()).url;
    assert_eq!(url.expose(), "https://api.staging.introw.io/api/v1/affiliate/conversions");
}

#[test]
fn a_full_burst_and_a_minute_stay_within_the_vendors_120() {
    let pace = named("introw").pace();
    assert!(pace.per_minute + pace.burst <= 120, "{pace:?}");
}

#[test]
fn the_guides_rows_say_what_is_beyond_it() {
    for (operation, support) in named("introw").capabilities(Dialect::Guide).cells {
        if let Support::Yes { how, .. } | Support::Assumed { how, .. } = support {
            assert!(how.contains("beyond the guide") || operation == Operation::LookUp, "{operation:?}: {how}");
        }
    }
    let class = |operation| match named("introw").capabilities(Dialect::Current).of(operation) {
        Support::Yes { class, .. } | Support::Assumed { class, .. } => class,
        _ => None,
    };
    assert_eq!(class(Operation::Signup), Some(Class::UniqueKey));
    // One source alone has the idempotency key.
    assert_eq!((class(Operation::Sale), class(Operation::Refund)), (Some(Class::Searchable), Some(Class::Searchable)));
    assert!(introw().0.webhooks.is_none(), "Introw sends none");
}

#[test]
fn no_debug_shows_a_credential_or_a_person() {
    let vendor = introw();
    let answered: Answer = answer(200, fixture!("200_partners_first"));
    let texts = [
        format!("{:?}", settings()),
        format!("{:?} {:?} {:?}", vendor.0, vendor.0.delivery, vendor.0.commands),
        format!("{:?}", vendor.plan(&signup()).unwrap()),
        format!("{:?}", sent(&vendor, &sales::sale(3000, "EUR"))),
        format!("{:?}", vendor.look_up(&sales::sale(3000, "EUR"))),
        format!("{answered:?}"),
    ];
    for text in texts {
        for secret in [KEY, "ada@", "Lovelace", "u_1", "irw.tok_1", "Team plan", "bob", "ptn_1"] {
            assert!(!text.contains(secret), "`{secret}` in {text}");
        }
    }
}
