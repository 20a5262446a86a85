//! What the merchant's backend signs and the page passes on: with a valid statement the page's conversion counts; any
//! other is held with a code and never paid.

use serde_json::{Value, json};
use trailmark_wire::base64url::encode;

use crate::support::browser::{BrowserKey, signup};
use crate::support::merchant::Merchant;
use crate::support::proxy::{Answer, TestProxy};

/// Claims of an order of customer `c1`, valid for a day.
fn order(proxy: &TestProxy, key: &str) -> Value {
    let now_s = proxy.now().seconds();
    json!({
        "aud": "acme", "iat": now_s, "exp": now_s + 86_400, "customer": {"key": "c1"},
        "order": {"key": key, "amount_minor": 1990, "currency": "EUR"},
    })
}

fn customer(proxy: &TestProxy, key: &str) -> Value {
    let now_s = proxy.now().seconds();
    json!({"aud": "acme", "iat": now_s, "exp": now_s + 86_400, "customer": {"key": key, "email": "ada@example.com"}})
}

fn sale(jws: &str) -> Value {
    json!({"kind": "sale", "signed_order": jws})
}

/// `status code` of a receipt.
fn said(answer: &Answer) -> String {
    let receipt = answer.json();
    let code = receipt["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
    format!("{}{code}", receipt["status"].as_str().unwrap_or(&answer.body))
}

async fn row(proxy: &TestProxy, answer: &Answer) -> Value {
    let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
    serde_json::to_value(proxy.store.conversion(id).await.unwrap()).unwrap()
}

#[tokio::test]
async fn an_order_that_the_merchant_signed_counts_from_a_page() {
    let merchant = Merchant::new();
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let accepted = proxy.convert(1, &key, &token, sale(&merchant.order(&order(&proxy, "o1")))).await;
    assert_eq!(said(&accepted), "accepted");
    assert_eq!(row(&proxy, &accepted).await["conversion"]["external_id"], "o1");
    // EdDSA without a key id, with name and address from the page only.
    let claims = order(&proxy, "o2");
    let ed = merchant.sign(&json!({"alg": "EdDSA", "typ": "order+jwt"}), &claims);
    let mut data = sale(&ed);
    data["customer"] = json!({"key": "c1", "name": "Ada"});
    assert_eq!(said(&proxy.convert(2, &key, &token, data).await), "accepted");
    // The same order signed again: its key is known.
    let again = proxy.convert(3, &key, &token, sale(&merchant.order(&claims))).await;
    assert_eq!(said(&again), "duplicate");
    // The vendor gets what the merchant signed.
    let delivery = row(&proxy, &accepted).await["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let site = proxy.app.config.sites[0].id.clone();
    let task = proxy.store.task(site, delivery.try_into().unwrap()).await.unwrap();
    let order = task.order.unwrap();
    assert_eq!((order.amount_minor, order.currency.as_str()), (1990, "EUR"));
    assert_eq!(task.customer.unwrap().key.as_str(), "c1");
}

// field-faults row 77
#[tokio::test]
async fn an_order_that_the_merchant_signed_is_taken_when_pages_have_filled_the_queue() {
    let merchant = Merchant::new();
    let proxy = merchant.limited("queue = 1").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    assert_eq!(said(&proxy.convert(1, &key, &token, signup("c1")).await), "accepted");
    assert_eq!(proxy.convert(2, &key, &token, signup("c2")).await.code(), "503 unavailable");
    let forged = Merchant::new().order(&order(&proxy, "o1"));
    assert_eq!(said(&proxy.convert(3, &key, &token, sale(&forged)).await), "held order_signature_invalid");
    assert_eq!(said(&proxy.convert(4, &key, &token, sale(&merchant.order(&order(&proxy, "o1")))).await), "accepted");
}

// field-faults row 77
#[tokio::test]
async fn a_customer_whom_the_merchant_signed_is_taken_when_pages_have_filled_the_queue() {
    let merchant = Merchant::new();
    let proxy = merchant.limited("queue = 1").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    assert_eq!(said(&proxy.convert(1, &key, &token, signup("c1")).await), "accepted");
    let signed = json!({"kind": "signup", "signed_customer": merchant.customer(&customer(&proxy, "c2"))});
    assert_eq!(said(&proxy.convert(2, &key, &token, signed).await), "accepted");
}

#[tokio::test]
async fn the_record_names_the_merchants_key_of_what_was_verified_and_of_nothing_else() {
    let (merchant, stranger) = (Merchant::new(), Merchant::new());
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let mut both = sale(&merchant.order(&order(&proxy, "o1")));
    both["signed_customer"] = json!(merchant.customer(&customer(&proxy, "c1")));
    let genuine = proxy.convert(1, &key, &token, both).await;
    let forged = proxy.convert(2, &key, &token, sale(&stranger.order(&order(&proxy, "o2")))).await;
    assert_eq!((said(&genuine), said(&forged)), ("accepted".into(), "held order_signature_invalid".into()));
    let signed = json!([{"what": "customer", "kid": "ed"}, {"what": "order", "kid": "es"}]);
    assert_eq!(row(&proxy, &genuine).await["signed"], signed);
    assert_eq!(row(&proxy, &forged).await["signed"], json!([]));
}

#[tokio::test]
async fn no_forged_swapped_or_expired_order_is_paid() {
    let (merchant, stranger) = (Merchant::new(), Merchant::new());
    let proxy = merchant.proxy("signups_per_visitor = 1000").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let good = order(&proxy, "o1");
    let now_s = proxy.now().seconds();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        merchant.order(&claims)
    };
    let signed = merchant.order(&good);
    let parts: Vec<&str> = signed.split('.').collect();
    let cheap = encode(good.to_string().replace("1990", "9990").as_bytes());
    let header = |header: Value| merchant.sign(&header, &good);
    for (number, (jws, code)) in (1..).zip([
        ("a.b.c".to_owned(), "order_malformed"),
        (stranger.order(&good), "order_signature_invalid"),
        (format!("{}.{cheap}.{}", parts[0], parts[2]), "order_signature_invalid"),
        (header(json!({"alg": "ES256", "typ": "order+jwt", "kid": "ed"})), "order_signature_invalid"),
        (header(json!({"alg": "ES256", "typ": "order+jwt", "kid": "gone"})), "order_signature_invalid"),
        (header(json!({"alg": "ES256", "typ": "JWT", "kid": "es"})), "order_malformed"),
        (header(json!({"alg": "ES256", "typ": "order+jwt", "jwk": {}})), "order_malformed"),
        (merchant.customer(&customer(&proxy, "c1")), "order_malformed"),
        (with("aud", json!("zeta")), "order_audience_mismatch"),
        (with("exp", json!(now_s)), "order_expired"),
        (with("iat", json!(now_s + 120)), "order_from_the_future"),
        (with("nbf", json!(now_s + 120)), "order_from_the_future"),
        (with("order", json!({"key": "o1", "amount_minor": -1, "currency": "EUR"})), "order_malformed"),
    ]) {
        let held = proxy.convert(number, &key, &token, sale(&jws)).await;
        assert_eq!(said(&held), format!("held {code}"), "{number}");
        assert_eq!(held.json()["deliveries"], json!([]));
    }
    let mut swapped = sale(&signed);
    swapped["customer"] = json!({"key": "c2"});
    assert_eq!(said(&proxy.convert(50, &key, &token, swapped).await), "held order_customer_mismatch");
    // None of them has taken the key.
    assert_eq!(said(&proxy.convert(51, &key, &token, sale(&signed)).await), "accepted");
}

#[tokio::test]
async fn a_customer_that_the_merchant_signed_counts_where_an_unsigned_one_is_held() {
    let (merchant, stranger) = (Merchant::new(), Merchant::new());
    let proxy = merchant.proxy("require_signed_customer = true").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let now_s = proxy.now().seconds();
    let with = |name: &str, value: Value| {
        let mut claims = customer(&proxy, "c1");
        claims[name] = value;
        merchant.customer(&claims)
    };
    for (number, (jws, code)) in (1..).zip([
        ("x".to_owned(), "customer_malformed"),
        (merchant.order(&order(&proxy, "o1")), "customer_malformed"),
        (stranger.customer(&customer(&proxy, "c1")), "customer_signature_invalid"),
        (with("aud", json!("zeta")), "customer_audience_mismatch"),
        (with("exp", json!(now_s - 1)), "customer_expired"),
        (with("iat", json!(now_s + 61)), "customer_from_the_future"),
    ]) {
        let held = proxy.convert(number, &key, &token, json!({"kind": "signup", "signed_customer": jws})).await;
        assert_eq!(said(&held), format!("held {code}"));
    }
    let plain = json!({"kind": "signup", "customer": {"key": "c1"}});
    assert_eq!(said(&proxy.convert(20, &key, &token, plain).await), "held customer_unsigned");
    let signed = merchant.customer(&customer(&proxy, "c1"));
    let accepted = proxy.convert(21, &key, &token, json!({"kind": "signup", "signed_customer": signed})).await;
    assert_eq!(said(&accepted), "accepted");
    assert_eq!(row(&proxy, &accepted).await["conversion"]["external_id"], "c1");
}

#[tokio::test]
async fn an_expired_order_is_held_with_what_it_says_and_a_forged_one_without() {
    let (merchant, stranger) = (Merchant::new(), Merchant::new());
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let mut late = order(&proxy, "o1");
    late["exp"] = json!(proxy.now().seconds() - 1);
    let expired = proxy.convert(1, &key, &token, sale(&merchant.order(&late))).await;
    let forged = proxy.convert(2, &key, &token, sale(&stranger.order(&order(&proxy, "o2")))).await;
    assert_eq!(row(&proxy, &expired).await["conversion"]["external_id"], "o1");
    assert_eq!(row(&proxy, &forged).await["conversion"]["external_id"], Value::Null);
}

#[tokio::test]
async fn the_same_statement_under_the_same_jti_is_a_replay_also_when_it_has_expired_since() {
    let merchant = Merchant::new();
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let jws = merchant.order(&order(&proxy, "o1"));
    assert_eq!(said(&proxy.convert(1, &key, &token, sale(&jws)).await), "accepted");
    proxy.clock.advance(2 * 86_400_000);
    let again = proxy.convert(1, &key, &token, sale(&jws)).await;
    assert_eq!((said(&again).as_str(), &again.json()["replayed"]), ("accepted", &json!(true)));
}

/// What the ledger keeps of a merchant's order.
fn kept(proxy: &TestProxy, answer: &Answer) -> Option<String> {
    let ledger = rusqlite::Connection::open(proxy.ledger()).unwrap();
    let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
    let sql = "SELECT signed_order FROM conversion_payloads WHERE conversion = ?1";
    ledger.query_row(sql, [id], |row| row.get(0)).unwrap()
}

// field-faults row 67
#[tokio::test]
async fn of_a_statement_that_is_not_believed_only_the_hash_is_kept() {
    let (merchant, stranger) = (Merchant::new(), Merchant::new());
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let good = order(&proxy, "o1");
    let mut elsewhere = good.clone();
    elsewhere["aud"] = json!("zeta");
    let mut mismatched = sale(&merchant.order(&good));
    mismatched["customer"] = json!({"key": "c2"});
    let mut late = good.clone();
    late["exp"] = json!(proxy.now().seconds());
    let long = "x".repeat(44_000);
    for (number, data, code) in [
        (1, sale(&long), "order_malformed"),
        (2, sale(&stranger.order(&good)), "order_signature_invalid"),
        (3, sale(&merchant.order(&elsewhere)), "order_audience_mismatch"),
        (4, mismatched, "order_customer_mismatch"),
    ] {
        let held = proxy.convert(number, &key, &token, data).await;
        assert_eq!(said(&held), format!("held {code}"));
        let kept = kept(&proxy, &held).unwrap();
        assert!(kept.starts_with("sha256:") && kept.len() == 71, "{code}: {kept}");
    }
    // What an operator may release is kept whole.
    let expired = proxy.convert(5, &key, &token, sale(&merchant.order(&late))).await;
    assert_eq!(said(&expired), "held order_expired");
    assert!(kept(&proxy, &expired).unwrap().starts_with("ey"));
}

// field-faults row 67
#[tokio::test]
async fn an_order_of_two_hundred_lines_is_read_and_a_longer_statement_is_not() {
    let merchant = Merchant::new();
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let lines = |sku: &str| {
        let mut claims = order(&proxy, sku);
        let line = json!({"sku": sku, "unit_amount_minor": 10, "quantity": 1});
        claims["order"]["items"] = json!(vec![line; 200]);
        merchant.order(&claims)
    };
    let (short, long) = (lines("o-1"), lines(&"o".repeat(60)));
    assert!(short.len() < 16 * 1024 && long.len() > 16 * 1024, "{} {}", short.len(), long.len());
    assert_eq!(said(&proxy.convert(1, &key, &token, sale(&short)).await), "accepted");
    assert_eq!(said(&proxy.convert(2, &key, &token, sale(&long)).await), "held order_malformed");
}

// field-faults row 67
#[tokio::test]
async fn a_visitors_hundred_and_first_held_conversion_of_a_day_is_told_to_come_again() {
    let merchant = Merchant::new();
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    for number in 1..=100 {
        assert_eq!(said(&proxy.convert(number, &key, &token, sale("a.b.c")).await), "held order_malformed");
    }
    let spent = proxy.convert(101, &key, &token, sale("a.b.c")).await;
    assert_eq!((spent.code().as_str(), spent.header("retry-after")), ("429 too_many_requests", "60"));
    // An accepted conversion uses no budget, a repeat is still answered, and another visitor is not affected.
    let genuine = sale(&merchant.order(&order(&proxy, "o1")));
    assert_eq!(said(&proxy.convert(102, &key, &token, genuine).await), "accepted");
    assert_eq!(said(&proxy.convert(100, &key, &token, sale("a.b.c")).await), "held order_malformed");
    let other = BrowserKey::new();
    let theirs = proxy.arrive(2, &other).await;
    assert_eq!(said(&proxy.convert(1, &other, &theirs, sale("a.b.c")).await), "held order_malformed");
    proxy.clock.advance(86_400_000);
    assert_eq!(said(&proxy.convert(103, &key, &token, sale("a.b.c")).await), "held order_malformed");
}

// field-faults row 67
#[tokio::test]
async fn a_site_holds_so_many_of_its_pages_in_an_hour_and_the_backend_is_not_concerned() {
    let merchant = Merchant::new();
    let sites = format!("[limits]\nheld_per_hour = 3\n{}", crate::support::proxy::SITES);
    let acme = format!("id = \"acme\"\n{}", merchant.order_keys());
    let proxy = TestProxy::with(&sites.replacen("id = \"acme\"", &acme, 1)).await;
    let backend = proxy.api_key("acme").await;
    for number in 1..=4 {
        let key = BrowserKey::new();
        let token = proxy.arrive(number, &key).await;
        let status = proxy.convert(number, &key, &token, sale("a.b.c")).await.status;
        assert_eq!(status, if number <= 3 { 202 } else { 429 });
    }
    let refund =
        json!({"kind": "refund", "refund_of": "o9", "order": {"key": "r1", "amount_minor": 1, "currency": "EUR"}});
    assert_eq!(said(&proxy.report(&backend, "k1", &refund).await), "held sale_unknown");
}
