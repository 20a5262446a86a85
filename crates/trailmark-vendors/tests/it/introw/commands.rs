//! An operator's commands: the request of each, and what its answers lead to.

use std::collections::BTreeSet;

use serde_json::json;
use trailmark_vendors::Dialect;
use trailmark_vendors::command::{Ask, Command, Effect, Record, Reply, Value, Values};
use trailmark_vendors::outcome::Outcome;
use trailmark_wire::text_map::TextMap;

use super::{KEY, fixture, introw};
use crate::{NOW, answer, answer_with, named, rendered};

fn command(noun: &str, verb: &str) -> &'static Command {
    let offered = named("introw").commands(Dialect::Current);
    offered.into_iter().find(|command| (command.noun, command.verb) == (noun, verb)).unwrap()
}

fn values(key: &str, flags: &[(&'static str, Value)]) -> Values {
    Values { key: key.into(), flags: flags.iter().cloned().collect() }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn start(what: &str, values: &Values) -> Ask<Reply> {
    try_start(what, values).unwrap_or_else(|refusal| panic!("{what}: {refusal}"))
}

fn try_start(what: &str, values: &Values) -> Result<Ask<Reply>, String> {
    let (noun, verb) = what.split_once(' ').unwrap();
    let commands = introw().0.commands.unwrap();
    commands.start(command(noun, verb), values).map_err(|refusal| refusal.to_string())
}

/// Method, path and body of a command's request; its headers are always the same.
fn request(what: &str, values: &Values) -> String {
    let ask = start(what, values);
    let has_body = ask.request.body.is_some();
    let text = rendered(&ask.request);
    let headers = format!("accept: application/json\nx-api-key: {KEY}\n");
    let headers = if has_body { format!("{headers}content-type: application/json\n\n") } else { headers };
    assert!(text.contains(&headers), "{text}");
    text.replace(&headers, "").replace("https://api.introw.io/api/v1", "").trim_end().replace('\n', " ")
}

fn done(ask: &Ask<Reply>, status: u16, body: &str) -> serde_json::Value {
    match (ask.read)(&answer(status, body)) {
        Ok(Reply::Done(record)) => serde_json::to_value(&record).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn page(ask: &Ask<Reply>, body: &str) -> (Vec<Record>, Option<Ask<Reply>>) {
    match (ask.read)(&answer(200, body)) {
        Ok(Reply::Page { items, next }) => (items, next),
        other => panic!("{other:?}"),
    }
}

fn failed(ask: &Ask<Reply>, status: u16, body: &str) -> Outcome {
    match (ask.read)(&answer(status, body)) {
        Err(outcome) => outcome,
        Ok(reply) => panic!("{reply:?}"),
    }
}

#[test]
fn each_command_sends_the_vendors_request() {
    let pairs = |pairs: &[(&str, &str)]| {
        Value::Pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<TextMap>())
    };
    let all_of_a_partner = [
        ("name", text("Acme")),
        ("domain", text("acme.example")),
        ("tier", text("t1")),
        ("phase", text("p1")),
        ("owner", text("o1")),
        ("experience_template", text("x1")),
        ("portal_access", text("RESTRICTED_USERS")),
    ];
    let partner = r#"{"name":"Acme","domain":"acme.example","tierId":"t1","phaseId":"p1","partnerOwnerId":"o1","experienceTemplateId":"x1","portalAccess":"RESTRICTED_USERS"}"#;
    for (what, values, expected) in [
        ("partners list", values("", &[]), "GET /partners?limit=100".to_owned()),
        (
            "partners list",
            values("", &[("page_size", Value::Number(25)), ("cursor", text("a/b=="))]),
            "GET /partners?limit=25&cursor=a%2Fb%3D%3D".to_owned(),
        ),
        ("partners get", values("ptn_1", &[]), "GET /partners/ptn_1".to_owned()),
        ("partners get", values("../users?x", &[]), "GET /partners/..%2Fusers%3Fx".to_owned()),
        ("partners add", values("", &all_of_a_partner), format!("POST /partners {partner}")),
        ("partners update", values("ptn_1", &all_of_a_partner), format!("PATCH /partners/ptn_1 {partner}")),
        (
            "partners update",
            values("ptn_1", &[("clear_domain", Value::Given)]),
            r#"PATCH /partners/ptn_1 {"domain":null}"#.to_owned(),
        ),
        (
            "conversions add",
            values("", &[("click_id", text("irw.1")), ("email", text("a@b.co")), ("property", pairs(&[("f_1", "Team"), ("f_2", " ")])), ("publishable_key", text("pk_aff_1"))]),
            r#"POST /affiliate/conversions {"clickId":"irw.1","email":"a@b.co","publishableKey":"pk_aff_1","properties":{"f_1":"Team"}}"#.to_owned(),
        ),
        ("commissions list", values("", &[]), "GET /commission-lines?limit=100".to_owned()),
        (
            "commissions list",
            values("", &[("status", text("PENDING")), ("partner", text("ptn_1")), ("payout", text("pay&1"))]),
            "GET /commission-lines?limit=100&partnerId=ptn_1&payoutId=pay%261&status=PENDING".to_owned(),
        ),
        ("commissions get", values("cln_9", &[]), "GET /commission-lines/cln_9".to_owned()),
        (
            "commissions add",
            values(
                "",
                &[
                    ("partner", text("ptn_1")),
                    ("amount_minor", Value::Number(-1250)),
                    ("currency", text("kwd")),
                    ("idempotency_key", text("bonus-1")),
                    ("source_amount_minor", Value::Number(12_500)),
                    ("description", text("Bonus")),
                    ("payout", text("pay_5")),
                ],
            ),
            r#"POST /commission-lines {"partnerId":"ptn_1","idempotencyKey":"bonus-1","description":"Bonus","payoutId":"pay_5","currency":"KWD","amount":"-1.250","sourceAmount":"12.500"}"#.to_owned(),
        ),
        (
            "commissions update",
            values("cln_9", &[("amount_minor", Value::Number(5)), ("currency", text("JPY")), ("clear_note", Value::Given)]),
            r#"PATCH /commission-lines/cln_9 {"currency":"JPY","amount":"5","note":null}"#.to_owned(),
        ),
        (
            "commissions decline",
            values("cln_9", &[("reason", pairs(&[("category", "OTHER")]))]),
            r#"POST /commission-lines/cln_9/decline {"category":"OTHER"}"#.to_owned(),
        ),
        ("commissions decline", values("cln_9", &[]), "POST /commission-lines/cln_9/decline {}".to_owned()),
        ("commissions detach", values("cln_9", &[]), "POST /commission-lines/cln_9/detach".to_owned()),
        ("payouts list", values("", &[("stage", text("PAID"))]), "GET /payouts?limit=100&stage=PAID".to_owned()),
        ("payouts get", values("pay_5", &[]), "GET /payouts/pay_5".to_owned()),
        (
            "payouts update",
            values("pay_5", &[("stage", text("APPROVED")), ("po_number", text("PO 7"))]),
            r#"PATCH /payouts/pay_5 {"stage":"APPROVED","poNumber":"PO 7"}"#.to_owned(),
        ),
        (
            "payouts update",
            values("pay_5", &[("clear_po_number", Value::Given)]),
            r#"PATCH /payouts/pay_5 {"poNumber":null}"#.to_owned(),
        ),
        (
            "portal-sessions add",
            values("", &[("email", text("a@b.co")), ("room", text("r1"))]),
            r#"POST /auth/session {"email":"a@b.co","roomId":"r1"}"#.to_owned(),
        ),
    ] {
        assert_eq!(request(what, &values), expected, "{what}");
    }
}

#[test]
fn every_command_and_every_lack_stands_once_in_both_dialects_and_what_destroys_says_so() {
    let vendor = named("introw");
    let names =
        |dialect| vendor.commands(dialect).into_iter().map(|command| (command.noun, command.verb)).collect::<Vec<_>>();
    assert_eq!(names(Dialect::Current), names(Dialect::Guide));
    let all: Vec<_> =
        names(Dialect::Current).into_iter().chain(vendor.lacking().iter().map(|lack| (lack.noun, lack.verb))).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    for command in vendor.commands(Dialect::Current) {
        let destroys = matches!(command.effect, Effect::Destroys { .. });
        assert_eq!(destroys, command.verb == "decline", "{} {}", command.noun, command.verb);
        assert!(!command.columns.iter().any(|column| column.contains("name") || column.contains("email")));
    }
}

#[test]
fn a_list_of_partners_goes_on_to_the_vendors_own_end_with_all_fields_of_the_seed() {
    let first = start("partners list", &values("", &[]));
    let (items, next) = page(&first, fixture!(in_folder "200_partners_first"));
    assert_eq!(items.len(), 1);
    let next = next.unwrap();
    assert_eq!(next.request.url.expose(), "https://api.introw.io/api/v1/partners?limit=100&cursor=cur%2F2%3D%3D");
    let (items, next) = page(&next, fixture!(in_folder "200_partners_last"));
    assert!(next.is_none());
    let expected = json!({
        "id": "ptn_01HVK6Y8Z8Q7J8J8J8J8J8J8J8",
        "name": "Acme Partners",
        "domain": "acme.example",
        "external_company_id": "company_123",
        "external_id": "partner_123",
        "external_id_type": "PARTNER",
        "manager_email": "manager@acme.example",
        "categories": ["Reseller"],
        "tier_id": "tier_123",
        "phase_id": "phase_123",
        "partner_object_crm_properties": { "name": "Acme Partners" },
        "company_crm_properties": { "domain": "acme.example" },
        "crm_properties": { "name": "Acme Partners" },
        "status": "active",
        "created_at": "2026-05-08T12:00:00Z",
        "updated_at": "2026-05-08T12:00:00Z",
    });
    assert_eq!(serde_json::to_value(&items[0]).unwrap(), expected);
    assert_eq!(page(&first, r#"{"data":[],"pagination":{"nextCursor":null}}"#).0, []);
}

#[test]
fn a_list_that_does_not_say_where_it_ends_is_none() {
    for body in [
        "",
        "{}",
        "[]",
        "<html>",
        r#"{"data":[]}"#,
        r#"{"data":[],"pagination":{}}"#,
        r#"{"data":[],"pagination":{"nextCursor":7}}"#,
        r#"{"data":[{"name":"x"}],"pagination":{"nextCursor":null}}"#,
    ] {
        for what in ["partners list", "commissions list", "payouts list"] {
            assert!(
                matches!(failed(&start(what, &values("", &[])), 200, body), Outcome::Unknown { .. }),
                "{what} {body}"
            );
        }
    }
}

#[test]
fn lines_and_payouts_show_amounts_in_minor_units() {
    let line = done(&start("commissions get", &values("cln_9", &[])), 200, fixture!(in_folder "201_line"));
    let expected = json!({
        "id": "cln_9",
        "partner_id": "ptn_1",
        "description": "Order o_1001 (acme/main)",
        "amount_minor": 300,
        "source_amount_minor": 3000,
        "currency": "EUR",
        "status": "PENDING",
        "created_at": "2026-11-21T08:00:00Z",
        "updated_at": "2026-11-21T08:00:00Z",
    });
    assert_eq!(line, expected);
    let payout = done(&start("payouts get", &values("pay_5", &[])), 200, fixture!(in_folder "200_payout"));
    let expected = json!({
        "id": "pay_5",
        "partner_id": "ptn_1",
        "partner_name": "Acme Partners",
        "batch_id": "pbt_2",
        "period_start": "2026-11-01",
        "period_end": "2026-11-30",
        "amount_minor": 425_000,
        "currency": "EUR",
        "stage": "APPROVED",
        "created_at": "2026-11-30T08:00:00Z",
        "updated_at": "2026-11-30T09:00:00Z",
    });
    assert_eq!(payout, expected);
    let odd = fixture!(in_folder "201_line").replace("\"3.00\"", "\"3.001\"");
    let odd = done(&start("commissions get", &values("cln_9", &[])), 200, &odd);
    assert_eq!((&odd["amount"], odd.get("amount_minor")), (&json!("3.001"), None), "never rounded");
}

#[test]
fn an_addition_says_whether_it_was_there_before() {
    let add = start("partners add", &values("", &[("name", text("Acme"))]));
    assert_eq!(done(&add, 201, fixture!(in_folder "200_partner"))["result"], "created");
    assert_eq!(done(&add, 200, fixture!(in_folder "200_partner"))["result"], "existed");
    let update = start("partners update", &values("ptn_1", &[("tier", text("t2"))]));
    assert_eq!(done(&update, 200, fixture!(in_folder "200_partner"))["tier_id"], "tier_123");
    for body in ["", "{}", r#"{"data":{}}"#, r#"{"data":[]}"#, r#"{"id":"ptn_1"}"#, "<html>"] {
        assert!(matches!(failed(&add, 201, body), Outcome::Unknown { .. }), "{body}");
    }
}

#[test]
fn the_three_answers_to_a_conversion_are_kept_apart() {
    let add = start("conversions add", &values("", &[("click_id", text("irw.1"))]));
    let recorded = json!({ "status": "recorded", "conversion_id": "cnv_7", "form_submission_id": "frm_7" });
    assert_eq!(done(&add, 201, fixture!(in_folder "201_recorded")), recorded);
    assert!(matches!(failed(&add, 200, fixture!(in_folder "200_duplicate")), Outcome::Duplicate { .. }));
    assert!(matches!(failed(&add, 200, fixture!(in_folder "200_ignored")), Outcome::Ignored { .. }));
    assert!(matches!(failed(&add, 200, "{}"), Outcome::Unknown { .. }));
}

#[test]
fn a_portal_session_is_an_address_and_its_401_has_two_meanings() {
    let add = start("portal-sessions add", &values("", &[("email", text("ada@example.com"))]));
    let session = done(&add, 200, fixture!(in_folder "200_session"));
    assert_eq!(session, json!({ "url": "https://portal.example/s/once_4f" }));
    let Outcome::Rejected { message } = failed(&add, 401, fixture!(in_folder "401")) else { panic!() };
    assert!(message.ends_with("; either the visitor has no access to the portal, or the key is refused"), "{message}");
    for body in ["{}", r#"{"url":7}"#, r#"{"url":"javascript:x"}"#, r#"{"data":{"url":"https://x"}}"#] {
        assert!(matches!(failed(&add, 200, body), Outcome::Unknown { .. }), "{body}");
    }
}

#[test]
fn every_documented_error_of_a_command_is_told_with_its_cure() {
    let scopes = [
        ("partners list", "", "partners:read"),
        ("partners get", "ptn_1", "partners:read"),
        ("commissions list", "", "commissions:read"),
        ("commissions get", "cln_9", "commissions:read"),
        ("commissions detach", "cln_9", "commissions:write"),
        ("payouts get", "pay_5", "commissions:read"),
    ];
    for (what, key, scope) in scopes {
        let ask = start(what, &values(key, &[]));
        let Outcome::Forbidden { message } = failed(&ask, 403, fixture!(in_folder "403")) else { panic!("{what}") };
        assert!(message.ends_with(&format!("; the key needs the scope `{scope}`")), "{what}: {message}");
        assert!(matches!(failed(&ask, 401, fixture!(in_folder "401")), Outcome::AuthFailed { .. }));
        assert!(matches!(failed(&ask, 404, fixture!(in_folder "404")), Outcome::Rejected { .. }));
        assert!(matches!(failed(&ask, 422, fixture!(in_folder "422")), Outcome::Rejected { .. }));
        assert!(matches!(failed(&ask, 429, fixture!(in_folder "429")), Outcome::Throttled { until: None }));
        let spent = answer_with(429, &[("x-ratelimit-remaining-minute", "0")], fixture!(in_folder "429"));
        let until = Some(NOW.plus(60_000));
        assert_eq!((ask.read)(&spent).unwrap_err(), Outcome::Throttled { until }, "{what}: the next minute");
        assert!(matches!(failed(&ask, 500, fixture!(in_folder "500")), Outcome::Unknown { .. }));
        for status in [403, 404, 422] {
            assert!(matches!(failed(&ask, status, "<html>"), Outcome::Retry { .. }), "{what} {status}");
        }
        let Outcome::Retry { message, not_before } = failed(&ask, 402, fixture!(in_folder "402")) else {
            panic!("{what}")
        };
        assert_eq!(
            message,
            "status 402: this month's API credits are used up; the next ones come at 2026-12-01T00:00:00Z"
        );
        assert!(message.ends_with(&not_before.unwrap().to_rfc3339()), "{what}: the request was not refused");
    }
    let ask = start("partners get", &values("ptn_secret", &[]));
    let body = r#"{"error":{"code":"NOT_FOUND","message":"no partner ptn_secret"}}"#;
    let message = "status 404: no partner [redacted] (NOT_FOUND); `trailmark partners list` shows the ids".to_owned();
    assert_eq!(failed(&ask, 404, body), Outcome::Rejected { message });
}

#[test]
fn a_value_that_cannot_be_sent_is_refused_by_name() {
    let refused = |what, key: &str, flags: &[(&'static str, Value)]| try_start(what, &values(key, flags)).unwrap_err();
    for size in [0, -1, 101] {
        let flags = [("page_size", Value::Number(size))];
        assert_eq!(refused("partners list", "", &flags), "`page_size` must be 1 to 100");
    }
    assert_eq!(refused("partners get", "..", &[]), "the id cannot be part of a URL");
    assert_eq!(refused("partners update", "ptn_1", &[]), "nothing to change: give a field");
    let long = [("name", text(&"x".repeat(201)))];
    assert_eq!(refused("partners add", "", &long), "`name` must have at most 200 characters");
    let both = [("domain", text("x.co")), ("clear_domain", Value::Given)];
    assert_eq!(refused("partners update", "ptn_1", &both), "`clear_domain` excludes a new value for the same field");
    let amount = |minor| ("amount_minor", Value::Number(minor));
    assert_eq!(
        refused("commissions update", "cln_9", &[amount(0), ("currency", text("EUR"))]),
        "`amount_minor` must not be 0"
    );
    let needs = "`amount_minor` needs `currency`, which says what its minor units are";
    assert_eq!(refused("commissions update", "cln_9", &[amount(5)]), needs);
    let code = "`currency` must be an ISO 4217 code, such as EUR";
    assert_eq!(refused("commissions update", "cln_9", &[amount(5), ("currency", text("EURO"))]), code);
}
