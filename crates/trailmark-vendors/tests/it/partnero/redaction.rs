//! What must not show: the API key, the webhook's secret, and whatever we sent about a person.

use serde_json::json;
use trailmark_vendors::task::Task;

use super::super::rendered;
use super::{adapter, answer, listed, planned, refund, sale, sent, shown, signup};

const SECRETS: [&str; 7] = ["pk_partnero", "whs_1", "ada@", "Ada ", "Lovelace", "u_1", "secret note"];

fn with_note(task: Task) -> Task {
    Task { data: [("note".to_owned(), "secret note".to_owned())].into(), ..task }
}

#[test]
fn no_debug_shows_a_credential_or_a_person() {
    let vendor = adapter();
    for task in [signup(), sale(1230, "EUR"), refund(1230, 0), refund(300, 0)].map(with_note) {
        let plan = vendor.delivery.plan(&task).unwrap();
        let look_up = vendor.delivery.look_up(&task).unwrap();
        let next = (look_up.read)(&listed(&[shown(&1.into())], Some("next")));
        let texts = [
            format!("{vendor:?} {:?} {plan:?} {look_up:?} {next:?}", vendor.delivery),
            format!("{:?} {:?} {:?}", vendor.commands, vendor.commissions, vendor.webhooks),
        ];
        for secret in SECRETS {
            assert!(!texts.iter().any(|text| text.contains(secret)), "`{secret}` in {texts:?}");
        }
    }
}

#[test]
fn no_message_repeats_what_we_sent_or_a_credential_in_any_spelling() {
    let said = "no ada@example.com, ADA%40EXAMPLE.COM; Ada Lovelace, lovelace; key 'u_1', note secret note; \
                Bearer pk_partnero_0001, cGtfcGFydG5lcm9fMDAwMQ==, cGtfcGFydG5lcm9fMDAwMQ, pk_partnero_…; whs_1; bob@x.example";
    for task in [signup(), sale(1230, "EUR"), refund(1230, 0)].map(with_note) {
        for (status, body) in [
            (400, json!({"message": said, "status": 0})),
            (422, json!({"message": "Invalid", "errors": {"email": [said], "key": {"deep": said}}})),
            (401, json!({"message": said})),
            (500, json!({"message": said})),
            (200, json!({"message": said, "status": 0})),
            (405, json!({"message": said})),
        ] {
            let told = sent(&task, &[answer(status, &body.to_string())]);
            let low = told.to_lowercase();
            for secret in
                ["pk_partnero", "whs_1", "ada@", "ada%40", "lovelace", "u_1", "secret note", "cgtfcgf", "bob@"]
            {
                assert!(!low.contains(secret), "`{secret}` in {told}");
            }
            assert!(told.contains("[redacted]"), "{told}");
        }
    }
}

#[test]
fn no_url_holds_a_credential() {
    for task in [signup(), sale(1230, "EUR"), refund(1230, 0)] {
        let request = planned(&task).0.request;
        assert!(!request.url.expose().contains("pk_partnero"));
        assert_eq!(rendered(&request).matches("pk_partnero_0001").count(), 1);
    }
}
