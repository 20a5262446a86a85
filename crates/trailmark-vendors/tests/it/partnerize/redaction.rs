//! What must not show: keys, addresses, names, references and data, in no `Debug` and in no message.

use serde_json::json;
use trailmark_vendors::Dialect;
use trailmark_vendors::command::Value;
use trailmark_vendors::secret::Secret;
use trailmark_vendors::task::Task;

use super::{
    answer, answered, current, guide, opened, planned, recorded, refund, run, sale, settings, start, text, told,
};

const SECRETS: [&str; 11] = [
    "app_key_1234",
    "user_key_5678",
    "YXBwX2tleV8xMjM0",
    "ada",
    "Ada ",
    "Lovelace",
    "u_1",
    "1011lAbCdE",
    "o_1001",
    "r_2001",
    "secret note",
];

fn noted(task: Task) -> Task {
    Task { data: [("note".to_owned(), "secret note".to_owned())].into(), ..task }
}

fn hides(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "`{secret}` in {text}");
    }
}

/// A vendor's message that repeats everything it was told.
fn gossip(status: u16) -> String {
    let message = "no ada@example.com of Ada Lovelace, key u_1, click 1011lAbCdE, order o_1001, refund r_2001, secret note; \
                   app_key_1234:user_key_5678, YXBwX2tleV8xMjM0OnVzZXJfa2V5XzU2Nzg=, \
                   ?application_key=app_key_1234&user_api_key=user_key_5678, password hunter2";
    let error = json!({"property": "[u_1]", "message": message});
    json!({"error": {"message": message, "code": status.to_string(), "errors": [error]}}).to_string()
}

#[test]
fn no_debug_shows_a_credential_or_a_person() {
    for dialect in Dialect::ALL {
        for auth in [None, Some("query")].into_iter().filter(|auth| auth.is_none() || dialect == Dialect::Guide) {
            let settings = auth.map_or(settings(dialect), |auth| settings(dialect).with_text("auth", auth));
            let adapter = opened(&settings).unwrap();
            hides(&format!("{settings:?} {adapter:?} {:?}", adapter.delivery));
            for task in [noted(sale(2900, "EUR", Vec::new())), noted(refund(500, 0))] {
                hides(&format!("{:?} {:?}", adapter.delivery.plan(&task).unwrap(), adapter.delivery.look_up(&task)));
            }
        }
    }
    let ask = start(&guide(), "users get", "ada@example.com", &[]).unwrap();
    hides(&format!("{ask:?}"));
}

#[test]
fn a_message_repeats_nothing_that_we_sent() {
    for status in [400, 401, 403, 404, 500] {
        let task = noted(refund(2900, 0));
        let (_, outcome) = run(planned(&current(), &task), &[answer(status, &gossip(status))]);
        hides(&told(&outcome.unwrap()));
        let (_, looked_up) = run(current().delivery.look_up(&task).unwrap(), &[answer(status, &gossip(status))]);
        hides(&format!("{looked_up:?}"));
        let (_, outcome) =
            run(planned(&current(), &noted(sale(1, "EUR", Vec::new()))), &[answer(status, &gossip(status))]);
        hides(&told(&outcome.unwrap()));
        let password = Value::Secret(Secret::new("hunter2"));
        let flags = [
            ("firstname", text("Ada")),
            ("lastname", text("Lovelace")),
            ("email", text("ada@example.com")),
            ("password", password),
        ];
        let query = opened(&settings(Dialect::Guide).with_text("auth", "query")).unwrap();
        let ask = start(&query, "users add", "", &flags).unwrap();
        let message = answered(ask, &[answer(status, &gossip(status))]).1.unwrap_err();
        for secret in ["app_key_1234", "user_key_5678", "Ada ", "Lovelace", "ada@", "hunter2"] {
            assert!(!told(&message).contains(secret), "`{secret}` in {message:?}");
        }
    }
}

#[test]
fn a_spelled_reference_is_withheld_too() {
    let mut task = refund(2900, 0);
    task.refund_of = Some(trailmark_wire::ids::OrderKey::new("2026/77").unwrap());
    let body = r#"{"error":{"message":"2026_2F77 and 2026/77 are unknown","code":"400"}}"#;
    let (_, outcome) = run(planned(&current(), &task), &[answer(400, body)]);
    assert_eq!(told(&outcome.unwrap()), "rejected | status 400: [redacted] and [redacted] are unknown");
}

#[test]
fn a_fixture_with_an_address_in_its_error_is_withheld() {
    let (_, outcome) = run(planned(&current(), &refund(2900, 0)), &[answer(400, recorded!("400_v3"))]);
    let said = told(&outcome.unwrap());
    assert!(said.contains("Bad Request; [conversions]: Only one of") && !said.contains("ada"), "{said}");
}
