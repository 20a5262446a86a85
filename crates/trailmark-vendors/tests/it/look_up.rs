//! Reading a signup back: the request for every kind of key, and what each answer says.

use trailmark_vendors::outcome::{LookUp, Probe};
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::Customer;
use trailmark_wire::ids::PartnerKey;

use super::{adapter, answer, answer_with, fixture, rendered, signup, signup_without_click, with_key};

fn url(key: &str) -> String {
    let request = adapter().look_up(&with_key(signup(), key)).unwrap();
    request.url.expose().trim_start_matches("https://api.partnerstack.com/api/v2/customers/").to_owned()
}

fn read(task: &Task, status: u16, body: &str) -> String {
    match adapter().read_look_up(task, &answer(status, body)) {
        LookUp::Absent => "absent".into(),
        LookUp::AuthFailed => "auth failed".into(),
        LookUp::Differs { message } => format!("differs | {message}"),
        LookUp::Found { reference } => format!("found | {}", reference.unwrap_or_default()),
        LookUp::Inconclusive { message, not_before: None } => format!("inconclusive | {message}"),
        LookUp::Inconclusive { not_before: Some(_), .. } => panic!("a hint out of nothing"),
    }
}

#[test]
fn a_signup_is_read_back_under_our_key() {
    let expected = "GET https://api.partnerstack.com/api/v2/customers/u_1
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
";
    assert_eq!(rendered(&adapter().look_up(&signup()).unwrap()), expected);
    assert!(adapter().look_up(&Task { customer: None, ..signup() }).is_none());
}

#[test]
fn a_key_stays_one_path_segment_whatever_it_holds() {
    assert_eq!(url("a/b?c#d%e f"), "a%2Fb%3Fc%23d%25e%20f");
    assert_eq!(url("../partnerships"), "..%2Fpartnerships");
    assert_eq!(url("ada@example.com"), "ada%40example.com");
    assert_eq!(url("Zoë🦀"), "Zo%C3%AB%F0%9F%A6%80");
    assert_eq!(url("a\\b;c:d&e=f+g"), "a%5Cb%3Bc%3Ad%26e%3Df%2Bg");
    assert_eq!(url("A-z.0_9~"), "A-z.0_9~");
    assert_eq!(url("..."), "...");
}

#[test]
fn our_customer_is_found_with_the_vendors_key() {
    for task in [signup(), signup_without_click()] {
        assert_eq!(read(&task, 200, fixture!("200_customer")), "found | cus_8U5s1iH2Pd2a2p");
    }
    assert_eq!(read(&signup(), 200, r#"{"data":{"customer_key":"u_1","email":null},"status":200}"#), "found | ");
}

#[test]
fn an_address_counts_only_where_both_sides_state_one() {
    let silent = fixture!("200_customer").replace("Ada@Example.com", "");
    assert_eq!(read(&signup(), 200, &silent), "found | cus_8U5s1iH2Pd2a2p");
    let unasked = Customer { email: None, ..signup().customer.unwrap() };
    let task = Task { customer: Some(unasked), ..signup() };
    assert_eq!(read(&task, 200, fixture!("200_customer")), "found | cus_8U5s1iH2Pd2a2p");
}

#[test]
fn somebody_else_under_our_key_differs_and_the_field_is_named() {
    let differs = "differs | the vendor's customer under our key differs in ";
    let whom = "; the vendor has had this customer since 2026-11-20T08:00:00Z and credits partner `acme`";
    let other = fixture!("200_customer").replace("Ada@", "bob@");
    assert_eq!(read(&signup(), 200, &other), format!("{differs}`email`{whom}"));
    let other = fixture!("200_customer").replace("u_1", "U_1");
    assert_eq!(read(&signup(), 200, &other), format!("{differs}`customer_key`{whom}"));
    let other = fixture!("200_customer").replace("Ada@", "bob@").replace("u_1", "u_2");
    assert_eq!(read(&signup(), 200, &other), format!("{differs}`customer_key`, `email`{whom}"));
}

#[test]
fn a_partner_that_we_named_must_be_the_one_that_the_vendor_credits() {
    let named = Task { partner: Some(PartnerKey::new("bolt").unwrap()), ..signup_without_click() };
    let expected = "differs | the vendor's customer under our key differs in `partner_key`; the vendor has had this customer \
                    since 2026-11-20T08:00:00Z and credits partner `acme`";
    assert_eq!(read(&named, 200, fixture!("200_customer")), expected);
}

// field-faults row 41
#[test]
fn a_customer_who_was_another_partners_before_the_signup_by_click_is_a_conflict_that_names_the_partner() {
    let by_click =
        |partner: Option<&str>| Task { partner: partner.map(|key| PartnerKey::new(key).unwrap()), ..signup() };
    let since =
        |ms: i64| fixture!("200_customer").replace("\"created_at\": 1795161600000", &format!("\"created_at\": {ms}"));
    let (found, day_before) = ("found | cus_8U5s1iH2Pd2a2p", super::NOW.0 - 86_400_000);
    let conflict = "differs | the vendor's customer under our key differs in `partner_key`; the vendor has had this customer \
                    since 2026-11-20T08:00:00Z and credits partner `acme`";
    assert_eq!(read(&by_click(Some("bolt")), 200, &since(day_before)), conflict);
    assert_eq!(
        read(&by_click(None), 200, &since(day_before)),
        conflict,
        "an older customer was not made by this click"
    );
    assert_eq!(read(&by_click(Some("acme")), 200, &since(day_before)), found, "the same partner is credited");
    assert_eq!(read(&by_click(Some("ACME")), 200, &since(day_before)), found);
    // Made by this click: the partner's key was changed since the link was made.
    for made in [super::NOW.0 - 60_000, super::NOW.0, super::NOW.0 + 3_600_000] {
        assert_eq!(read(&by_click(Some("bolt")), 200, &since(made)), found, "{made}");
        assert_eq!(read(&by_click(None), 200, &since(made)), found, "{made}");
    }
    let ageless = fixture!("200_customer").replace("\"created_at\": 1795161600000,", "");
    assert!(read(&by_click(Some("bolt")), 200, &ageless).starts_with("differs | "), "of unknown age: a person decides");
    assert_eq!(read(&by_click(None), 200, &ageless), found);
    let nobodys = since(day_before).replace("\"partner_key\": \"acme\"", "\"partner_key\": null");
    let nobody = "differs | the vendor's customer under our key differs in `partner_key`; the vendor has had this customer since \
                  2026-11-20T08:00:00Z and credits nobody";
    assert_eq!(read(&by_click(Some("acme")), 200, &nobodys), nobody);
}

#[test]
fn only_the_vendors_own_404_means_absent() {
    assert_eq!(read(&signup(), 404, fixture!("404")), "absent");
    for body in ["<html>Not found</html>", "", r#"{"message":"Not Found"}"#, r#"{"status":404}"#, r#"{"message":"Cust"#]
    {
        let told = read(&signup(), 404, body);
        assert!(told.starts_with("inconclusive | ") && told.contains("not an answer of the vendor's API"), "{told}");
    }
    let gone = "inconclusive | status 410: Customer not found";
    assert_eq!(read(&signup(), 410, &fixture!("404").replace("404", "410")), gone);
    assert_eq!(read(&signup(), 200, fixture!("404")), "inconclusive | status 404: Customer not found");
}

#[test]
fn everything_else_leaves_it_open() {
    assert_eq!(read(&signup(), 401, fixture!("401")), "auth failed");
    assert_eq!(read(&signup(), 403, fixture!("403")), "inconclusive | status 403: Your plan does not include the API");
    assert_eq!(read(&signup(), 500, fixture!("500")), "inconclusive | status 500: Internal server error");
    assert_eq!(read(&signup(), 200, "<html>"), "inconclusive | status 200: no customer in the body");
    assert_eq!(read(&signup(), 200, ""), "inconclusive | status 200: no customer in the body");
    let nameless = r#"{"data":{"key":"cus_1"},"status":200}"#;
    assert_eq!(read(&signup(), 200, nameless), "inconclusive | status 200: a customer without `customer_key`");
}

#[test]
fn a_throttled_look_up_passes_the_hint_on_or_waits_a_minute() {
    for (headers, wait_ms) in [(vec![("retry-after", "90")], 90_000), (Vec::new(), 60_000)] {
        let answer = answer_with(429, &headers, fixture!("429"));
        let LookUp::Inconclusive { message, not_before } = adapter().read_look_up(&signup(), &answer) else { panic!() };
        assert_eq!((message.as_str(), not_before), ("status 429: too many requests", Some(super::NOW.plus(wait_ms))));
    }
}

#[test]
fn a_probe_tells_good_from_refused_from_unclear() {
    assert!(adapter().probe("tracking_token").is_none(), "no harmless call tries it");
    assert_eq!(adapter().0.reading_credential, "private_key");
    let probe = |status, body| adapter().read_probe(&answer(status, body));
    assert_eq!(probe(200, fixture!("200_partnerships_last")), Probe::Good);
    assert_eq!(probe(401, fixture!("401")), Probe::Refused);
    assert_eq!(probe(403, fixture!("403")), Probe::Refused);
    let html = "<html>Sign in</html>";
    for (status, body) in [
        (200, html),
        (200, ""),
        (200, "{}"),
        (403, html),
        (403, ""),
        (404, ""),
        (418, html),
        (429, ""),
        (500, ""),
        (302, ""),
    ] {
        assert_eq!(probe(status, body), Probe::Unclear, "{status} {body}");
    }
}

// field-faults row 60
#[test]
fn before_anything_was_sent_a_customer_is_ours_only_where_the_vendor_credits_our_partner() {
    let unsent = |task: Task| Task { is_unsent: true, ..task };
    let another = Some(PartnerKey::new("grace").unwrap());
    for task in [signup(), signup_without_click()] {
        assert_eq!(read(&unsent(task.clone()), 200, fixture!("200_customer")), "found | cus_8U5s1iH2Pd2a2p");
        for partner in [another.clone(), None] {
            let told = read(&unsent(Task { partner, ..task.clone() }), 200, fixture!("200_customer"));
            assert!(told.starts_with("differs | ") && told.contains("`partner_key`"), "{told}");
        }
        let silent = fixture!("200_customer").replace("partner_key", "partnership");
        assert!(read(&unsent(task.clone()), 200, &silent).starts_with("differs | "));
        assert_eq!(read(&unsent(task), 404, fixture!("404")), "absent");
    }
}
