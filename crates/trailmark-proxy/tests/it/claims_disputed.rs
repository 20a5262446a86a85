//! A page and the backend disagree about a customer's visitor (field-faults row 60), over HTTP: both answers, the
//! ledger's credit, and how an operator finds the dispute. `tests/journey/claims_disputed.test.mjs` shows that the
//! vendor credits the right partner in the end.

use serde_json::{Value, json};

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, arrival_with, signup, token};
use crate::support::operator::Office;
use crate::support::proxy::{Answer, ORIGIN, SITES, TestProxy};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A visitor from a partner, with what its page and a backend can send.
struct Visitor {
    key: BrowserKey,
    token: String,
    cookie: String,
}

impl Visitor {
    async fn of(proxy: &TestProxy, number: u8, partner: &str) -> Self {
        let key = BrowserKey::new();
        let url = format!("{ORIGIN}/?ps_xid=click{number}&via={partner}");
        let answer = proxy.post("v1/clicks", arrival_with(number, &url, &key).to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let cookie = answer.cookie("tm_acme_v").split_once('=').unwrap().1.to_owned();
        Self { key, token: token(&answer), cookie }
    }

    async fn claims(&self, proxy: &TestProxy, number: u8, customer: &str) {
        let answer = proxy.convert(number, &self.key, &self.token, signup(customer)).await;
        assert_eq!(answer.json()["status"], "accepted", "{answer:?}");
    }
}

/// `status code partner` of a receipt.
#[track_caller]
fn said(answer: &Answer) -> String {
    let receipt = answer.json();
    let words = [&receipt["status"], &receipt["code"], &receipt["attribution"][0]["partner"]];
    words.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join(" ")
}

fn sale(key: &str, customer: &str) -> Value {
    let order = json!({"key": key, "amount_minor": 100, "currency": "EUR"});
    json!({"kind": "sale", "customer": {"key": customer}, "order": order})
}

// field-faults row 60
#[tokio::test]
async fn the_backends_visitor_wins_over_a_page_that_took_the_key_in_advance() {
    let proxy = TestProxy::start().await;
    let backend = proxy.api_key("acme").await;
    let (eve, ada) = (Visitor::of(&proxy, 1, "eve").await, Visitor::of(&proxy, 2, "ada").await);
    for (number, word, value) in [(1, "visitor", &ada.cookie), (2, "click_token", &ada.token)] {
        let key = format!("victim{number}@shop.example");
        eve.claims(&proxy, number, &key).await;
        proxy.clock.advance(DAY_MS);
        let stated = proxy.report(&backend, &key, &with(customer(&key), word, value.as_str())).await;
        assert_eq!((stated.status, said(&stated).as_str()), (202, "accepted claimed_by_page ada"));
        assert_eq!(said(&proxy.report(&backend, &format!("s{number}"), &sale(&key, &key)).await), "accepted ada");
        // Repeated, it is an ordinary duplicate.
        let again =
            proxy.report(&backend, &format!("again{number}"), &with(customer(&key), word, value.as_str())).await;
        assert_eq!((again.status, said(&again).as_str()), (200, "duplicate"));
    }
}

// field-faults row 60
#[tokio::test]
async fn a_visitor_of_null_says_that_nobody_brought_the_customer_and_silence_does_not() {
    let proxy = TestProxy::start().await;
    let backend = proxy.api_key("acme").await;
    let eve = Visitor::of(&proxy, 1, "eve").await;
    for (number, key) in [(1, "organic"), (2, "unsaid"), (3, "garbled")] {
        eve.claims(&proxy, number, key).await;
    }
    let organic = proxy.report(&backend, "k1", &with(customer("organic"), "visitor", Value::Null)).await;
    assert_eq!(said(&organic), "unattributed claimed_by_page");
    assert_eq!(said(&proxy.report(&backend, "k2", &sale("o1", "organic")).await), "unattributed no_touch");
    assert_eq!(said(&proxy.report(&backend, "k3", &customer("unsaid")).await), "duplicate");
    assert_eq!(said(&proxy.report(&backend, "k4", &with(customer("garbled"), "visitor", "x")).await), "duplicate");
    // A sale does not name who signed up: its customer decides as usual.
    let paid = with(sale("o2", "unsaid"), "visitor", Value::Null);
    assert_eq!(said(&proxy.report(&backend, "k5", &paid).await), "accepted eve");
}

#[tokio::test]
async fn a_cookie_that_is_over_still_tells_that_it_was_another_visitor() {
    let proxy = TestProxy::start().await;
    let backend = proxy.api_key("acme").await;
    let old = Visitor::of(&proxy, 1, "ada").await;
    proxy.clock.advance(91 * DAY_MS);
    let eve = Visitor::of(&proxy, 2, "eve").await;
    for (number, word, value) in [(1, "visitor", &old.cookie), (2, "click_token", &old.token)] {
        let key = format!("u_{number}");
        eve.claims(&proxy, number, &key).await;
        let stated = proxy.report(&backend, &key, &with(customer(&key), word, value.as_str())).await;
        assert_eq!(said(&stated), "unattributed claimed_by_page", "{word}");
    }
    // Nobody had claimed this customer, so the value simply has expired.
    let free = proxy.report(&backend, "k3", &with(customer("u_3"), "visitor", old.cookie.as_str())).await;
    assert_eq!(said(&free), "unattributed visitor_expired");
}

#[tokio::test]
async fn the_page_of_the_same_visitor_is_confirmed_and_nothing_is_disputed() {
    let proxy = TestProxy::start().await;
    let backend = proxy.api_key("acme").await;
    let ada = Visitor::of(&proxy, 1, "ada").await;
    ada.claims(&proxy, 1, "u_1").await;
    let waits = proxy.store.deliveries(Default::default()).await.unwrap().items.remove(0);
    assert_eq!(waits.due_at, Some(proxy.now().plus(5 * 60_000).to_rfc3339()));
    let stated = proxy.report(&backend, "k1", &with(customer("u_1"), "visitor", ada.cookie.as_str())).await;
    assert_eq!(said(&stated), "duplicate");
    let goes = proxy.store.deliveries(Default::default()).await.unwrap().items.remove(0);
    assert_eq!((goes.due_at, goes.reason), (Some(proxy.now().to_rfc3339()), None));
    assert_eq!(said(&proxy.report(&backend, "k2", &sale("o1", "u_1")).await), "accepted ada");
    assert_eq!(proxy.store.counts().await.unwrap().claimed_by_page, 0);
}

#[tokio::test]
async fn signups_from_and_signup_wait_are_settings_of_the_site() {
    let acme = |settings: &str| SITES.replacen("id = \"acme\"", &format!("id = \"acme\"\n{settings}"), 1);
    let proxy = TestProxy::with(&acme("signups_from = \"backend\"")).await;
    let backend = proxy.api_key("acme").await;
    let ada = Visitor::of(&proxy, 1, "ada").await;
    let held = proxy.convert(1, &ada.key, &ada.token, signup("u_1")).await;
    assert_eq!(said(&held), "held signups_from_backend ada");
    let stated = proxy.report(&backend, "k1", &with(customer("u_1"), "visitor", ada.cookie.as_str())).await;
    assert_eq!(said(&stated), "accepted ada");
    let at_once = proxy.reconfigured(&acme("signup_wait = \"0s\"")).await;
    ada.claims(&at_once, 2, "u_2").await;
    for delivery in proxy.store.deliveries(Default::default()).await.unwrap() {
        assert_eq!(delivery.due_at, Some(proxy.now().to_rfc3339()));
    }
    let pages = proxy.reconfigured(&acme("signups_from = \"pages\"")).await;
    let stated = pages.report(&backend, "k2", &with(customer("u_3"), "visitor", ada.cookie.as_str())).await;
    assert_eq!(said(&stated), "rejected signups_from_pages ada");
}

// field-faults row 60
#[tokio::test]
async fn an_operator_finds_a_dispute_by_its_code_reads_what_happened_and_sees_it_counted() {
    let office = Office::open().await;
    let proxy = &office.proxy;
    let backend = proxy.api_key("acme").await;
    let (eve, ada) = (Visitor::of(proxy, 1, "eve").await, Visitor::of(proxy, 2, "ada").await);
    eve.claims(proxy, 1, "u_1").await;
    let stated = proxy.report(&backend, "k1", &with(customer("u_1"), "visitor", ada.cookie.as_str())).await;
    let id = stated.json()["conversion_id"].as_str().unwrap().to_owned();
    let metrics = office.get("/metrics").await.body;
    assert!(metrics.lines().any(|line| line == "trailmark_claimed_by_page_total 1"), "{metrics}");
    let desk = office.desk;
    let (listed, explained, page, refused) = tokio::task::spawn_blocking(move || {
        let listed = desk.run("conversions list --code claimed_by_page --json").json();
        let page = desk.run("conversions list --code overruled_by_server --json").json();
        let page = page[0]["id"].as_str().unwrap().to_owned();
        let explained = desk.run("conversions explain u_1").well();
        let told = desk.run(&format!("conversions explain {page}")).well();
        (listed, explained, told, desk.run("conversions reassign u_1").fails(1))
    })
    .await
    .unwrap();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(id)));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&explained).contains("A page of another visitor had claimed this customer."), "{explained}");
    assert!(words(&explained).contains("Credited: nobody yet; would be ada (main)."), "{explained}");
    assert!(
        words(&page).contains("Its credit ended: the site's backend reported this customer for another visitor"),
        "{page}"
    );
    assert!(words(&page).contains("An operator gave it up") || words(&page).contains("backend reported"), "{page}");
    assert!(refused.contains("no vendor is known to credit another partner"), "{refused}");
}

#[tokio::test]
async fn a_lead_that_names_no_visitor_disputes_no_page_of_another_device() {
    let proxy = TestProxy::start().await;
    let backend = proxy.api_key("acme").await;
    let (laptop, phone) = (Visitor::of(&proxy, 1, "ada").await, Visitor::of(&proxy, 2, "grace").await);
    laptop.claims(&proxy, 1, "u_1").await;
    let lead = json!({"kind": "lead", "customer": {"key": "u_1"}});
    assert_eq!(said(&proxy.convert(2, &phone.key, &phone.token, lead.clone()).await), "accepted grace");
    for (name, body) in [("k1", lead.clone()), ("k2", with(lead.clone(), "visitor", Value::Null))] {
        assert_eq!(said(&proxy.report(&backend, name, &body).await), "duplicate", "{name}");
    }
    let named = with(lead, "visitor", laptop.cookie.as_str());
    assert_eq!(said(&proxy.report(&backend, "k3", &named).await), "accepted claimed_by_page ada");
}
