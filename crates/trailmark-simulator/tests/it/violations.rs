//! The list of what clients did against the documents: each rule is found, a correct call breaks none, and no value is kept.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::PRIVATE_KEY;

use crate::client::{CURRENT, Double, Draft, GUIDE};

/// Rule, detail and account of each violation.
async fn violations(double: &Double) -> Vec<[String; 3]> {
    let list = double.control("GET", "violations", &Value::Null).await;
    let all = list["violations"].as_array().unwrap();
    assert_eq!(list["total"], all.len());
    let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    all.iter().map(|one| ["rule", "detail", "account"].map(|name| word(one, name))).collect()
}

fn told(rule: &str, detail: &str, account: &str) -> Vec<[String; 3]> {
    vec![[rule, detail, account].map(str::to_owned)]
}

/// A call as an adapter makes it.
fn named(draft: Draft) -> Draft {
    draft.header("user-agent", "trailmark/0.1")
}

#[tokio::test]
async fn a_correct_call_is_no_violation_and_a_refusal_alone_is_none() {
    let double = Double::start().await;
    let body = json!({ "customer_key": "u_1", "email": "a@customers.example", "partner_key": "ada" });
    let path = format!("{CURRENT}/customers");
    assert_eq!(named(double.api("POST", &path)).json(&body).send().await.status, StatusCode::OK);
    assert_eq!(named(double.api("POST", &path)).json(&body).send().await.status, StatusCode::BAD_REQUEST);
    assert_eq!(named(double.draft("GET", &path)).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(violations(&double).await, Vec::<[String; 3]>::new());
}

#[tokio::test]
async fn each_rule_is_found_with_its_account_and_its_request() {
    let cases = [
        ("/groups".to_owned(), false, told("missing_user_agent", "GET", "partnerstack-guide")),
        ("/groups?colour=red".to_owned(), true, told("unknown_parameter", "colour", "partnerstack-guide")),
        (format!("/groups?key={PRIVATE_KEY}"), true, told("secret_in_address", "key", "partnerstack-guide")),
        (format!("/customers/{PRIVATE_KEY}"), true, told("secret_in_address", "path", "partnerstack-guide")),
    ];
    for (path, is_named, wanted) in cases {
        let double = Double::start().await;
        let draft = double.api("GET", &format!("{GUIDE}{path}"));
        if is_named { named(draft) } else { draft }.send().await;
        let found = violations(&double).await;
        assert_eq!(found[..1], wanted, "{path}");
        let list = double.control("GET", "violations", &Value::Null).await;
        assert_eq!(list["violations"][0]["seq"], 1, "{list}");
        assert!(!list.to_string().contains(PRIVATE_KEY), "{list}");
    }
}

#[tokio::test]
async fn an_unknown_field_and_a_body_of_another_type_are_found() {
    let double = Double::start().await;
    let body = json!({ "email": "a@partners.example", "group_key": "grp_agency", "shoe_size": 42 });
    let path = format!("{CURRENT}/partnerships");
    named(double.api("POST", &path)).json(&body).send().await;
    named(double.api("POST", &path)).header("content-type", "text/plain").body(body.to_string()).send().await;
    let wanted =
        [told("unknown_field", "shoe_size", "partnerstack"), told("content_type", "text/plain", "partnerstack")];
    assert_eq!(violations(&double).await, wanted.concat());
}

#[tokio::test]
async fn a_redirect_that_somebody_follows_is_found_on_this_simulator_only() {
    let double = Double::start().await;
    let own = format!("http://{}/elsewhere", double.address());
    for location in ["/moved", own.as_str(), "http://127.0.0.1:9/away"] {
        double.arm(json!({ "vendor": "partnerstack", "kind": "redirect", "location": location, "times": 1 })).await;
        named(double.api("GET", &format!("{CURRENT}/groups"))).send().await;
    }
    assert_eq!(violations(&double).await, Vec::<[String; 3]>::new(), "nobody has followed");
    for path in ["/moved", "/elsewhere", "/away"] {
        assert_eq!(double.draft("GET", path).send().await.status, StatusCode::NOT_FOUND);
    }
    let wanted = ["/moved", "/elsewhere"].map(|path| told("followed_redirect", path, "partnerstack"));
    assert_eq!(violations(&double).await, wanted.concat());
    double.control("POST", "reset", &json!({})).await;
    double.draft("GET", "/moved").send().await;
    assert_eq!(violations(&double).await, Vec::<[String; 3]>::new(), "a reset forgets");
}
