//! Customers that a page names but does not own: what its visitor learns, what happens to them, and that the site's
//! backend is not affected. `tests/journey/claims.test.mjs` shows that no more than the configured number reaches the
//! vendor.

use serde_json::{Value, json};

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, arrival_with, signup, token};
use crate::support::proxy::{Answer, ORIGIN, TestProxy};

/// A visitor with a token of a partner's link.
struct Page {
    key: BrowserKey,
    token: String,
}

impl Page {
    async fn of(proxy: &TestProxy, number: u8, partner: &str) -> Self {
        let key = BrowserKey::new();
        let url = format!("{ORIGIN}/?ps_xid=click{number}&via={partner}");
        let answer = proxy.post("v1/clicks", arrival_with(number, &url, &key).to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Self { key, token: token(&answer) }
    }

    async fn says(&self, proxy: &TestProxy, number: u8, data: Value) -> Answer {
        proxy.convert(number, &self.key, &self.token, data).await
    }
}

/// An answer without the id that is made for it.
fn seen(answer: &Answer) -> String {
    let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
    let headers =
        answer.headers.iter().filter(|(name, _)| *name != "date").map(|(name, value)| format!("{name}: {value:?}"));
    format!("{} {:?} {}", answer.status, headers.collect::<Vec<_>>(), answer.body.replace(&id, "ID"))
}

fn sale(key: &str, customer: &str) -> Value {
    let order = json!({"key": key, "amount_minor": 100, "currency": "EUR"});
    json!({"kind": "sale", "customer": {"key": customer}, "order": order})
}

/// Customers and orders of every kind: a page's own, another partner's, a server's with and without a touch.
async fn populated(proxy: &TestProxy) -> [&'static str; 4] {
    let backend = proxy.api_key("acme").await;
    let (ada, bob) = (Page::of(proxy, 100, "ada").await, Page::of(proxy, 101, "bob").await);
    assert_eq!(ada.says(proxy, 100, signup("of_ada")).await.status, 202);
    assert_eq!(bob.says(proxy, 101, signup("of_bob")).await.status, 202);
    let touched = with(customer("of_server"), "click_token", bob.token.as_str());
    assert_eq!(proxy.report(&backend, "k1", &touched).await.json()["status"], "accepted");
    assert_eq!(proxy.report(&backend, "k2", &customer("organic")).await.json()["status"], "unattributed");
    let known = ["of_ada", "of_bob", "of_server", "organic"];
    for key in known {
        let sold = with(sale(&format!("order_{key}"), key), "click_token", ada.token.as_str());
        assert_eq!(proxy.report(&backend, key, &sold).await.json()["status"], "accepted", "{key}");
    }
    known
}

/// A page's answers about each of these; `first` numbers its requests.
async fn reads(proxy: &TestProxy, page: &Page, first: u8, said: Vec<Value>) -> Vec<String> {
    let mut answers = Vec::new();
    for (number, said) in (first..).zip(said) {
        answers.push(seen(&page.says(proxy, number, said).await));
    }
    answers
}

#[track_caller]
fn all_alike(answers: &[String], holding: &str) {
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert!(answers[0].contains(holding), "{}", answers[0]);
}

fn lead(key: &str) -> Value {
    json!({"kind": "lead", "customer": {"key": key}})
}

#[tokio::test]
async fn a_page_reads_the_same_bytes_of_every_customer_whom_it_does_not_own() {
    let proxy = TestProxy::start().await;
    let known = populated(&proxy).await;
    // Of three it learns that they are taken; every further answer equals that for a free key.
    let page = Page::of(&proxy, 1, "eve").await;
    let taken = reads(&proxy, &page, 1, known[..3].iter().map(|key| signup(key)).collect()).await;
    all_alike(&taken, "\"status\":\"duplicate\",\"attribution\":[],\"deliveries\":[]");
    let spent = ["organic", "nobody", "nobody_else"].map(signup).into();
    all_alike(&reads(&proxy, &page, 10, spent).await, "signups_per_visitor");
    // After its limit of signups it learns only about its own.
    let busy = Page::of(&proxy, 2, "eve").await;
    let own = ["own_1", "own_2", "own_3"];
    all_alike(&reads(&proxy, &busy, 1, own.map(signup).into()).await, "\"status\":\"accepted\"");
    let asked = known.into_iter().chain(["nobody"]).map(signup).collect();
    all_alike(&reads(&proxy, &busy, 10, asked).await, "signups_per_visitor");
    all_alike(&reads(&proxy, &busy, 20, own.map(signup).into()).await, "\"status\":\"duplicate\"");
    // Of orders it learns nothing: every unsigned order is held, taken or not.
    let orders = known.iter().flat_map(|key| [format!("order_{key}"), format!("new_{key}")]);
    let orders = orders.zip(known.into_iter().chain(["nobody"]).cycle()).map(|(order, of)| sale(&order, of)).collect();
    let held = reads(&proxy, &busy, 30, orders).await;
    all_alike(&held, "money_unsigned");
    assert!(held[0].contains("eve"), "its own partner alone: {}", held[0]);
    // Leads are counted like signups.
    all_alike(&reads(&proxy, &busy, 60, known[..3].iter().map(|key| lead(key)).collect()).await, "accepted");
    all_alike(&reads(&proxy, &busy, 70, ["organic", "nobody"].map(lead).into()).await, "signups_per_visitor");
    let honest = Page::of(&proxy, 3, "ada").await;
    all_alike(&reads(&proxy, &honest, 1, vec![lead("of_ada")]).await, "duplicate");
}

#[tokio::test]
async fn a_foreign_customer_stays_who_and_whose_they_were() {
    let proxy = TestProxy::start().await;
    let known = populated(&proxy).await;
    let backend = proxy.api_key("acme").await;
    let page = Page::of(&proxy, 1, "eve").await;
    for (number, key) in (1..).zip(known) {
        let taken = json!({"kind": "signup", "customer": {"key": key, "email": "eve@evil.example", "name": "Eve"}});
        let told = if number <= 3 { "duplicate" } else { "held" };
        assert_eq!(page.says(&proxy, number, taken).await.json()["status"], told);
    }
    // Their next sale goes to the same partner as before, and the vendor is told of nobody else.
    for (key, partner) in [("of_ada", json!("ada")), ("of_bob", json!("bob")), ("of_server", json!("bob"))] {
        let renewal = proxy.report(&backend, &format!("next-{key}"), &sale(&format!("next_{key}"), key)).await;
        assert_eq!(renewal.json()["attribution"][0]["partner"], partner, "{key}");
    }
    let organic = proxy.report(&backend, "next-organic", &sale("next_organic", "organic")).await;
    assert_eq!(organic.json()["status"], "unattributed");
}

#[tokio::test]
async fn whatever_is_held_leaves_the_backends_word_free() {
    let proxy = TestProxy::start().await;
    let backend = proxy.api_key("acme").await;
    let (page, honest) = (Page::of(&proxy, 1, "eve").await, Page::of(&proxy, 2, "ada").await);
    for number in 1..=3 {
        page.says(&proxy, number, signup(&format!("own_{number}"))).await;
    }
    for number in 4..=50 {
        let key = format!("victim_{number}");
        assert_eq!(page.says(&proxy, number, signup(&key)).await.json()["code"], "signups_per_visitor");
        assert_eq!(
            page.says(&proxy, 100 + number, sale(&format!("order_{number}"), &key)).await.json()["status"],
            "held"
        );
    }
    for number in 4..=50 {
        let key = format!("victim_{number}");
        let said = with(customer(&key), "click_token", honest.token.as_str());
        let accepted = proxy.report(&backend, &format!("s{number}"), &said).await;
        assert_eq!((accepted.status, &accepted.json()["status"]), (202, &json!("accepted")), "{accepted:?}");
        assert_eq!(accepted.json()["attribution"][0]["partner"], "ada");
        let sold = proxy.report(&backend, &format!("o{number}"), &sale(&format!("order_{number}"), &key)).await;
        assert_eq!(
            (&sold.json()["status"], &sold.json()["attribution"][0]["partner"]),
            (&json!("accepted"), &json!("ada"))
        );
    }
    // Its claims do not affect another page, which signs up its own customer.
    page.says(&proxy, 61, signup("wanted")).await;
    let another = Page::of(&proxy, 3, "ada").await;
    assert_eq!(another.says(&proxy, 62, signup("wanted")).await.json()["status"], "accepted");
}
