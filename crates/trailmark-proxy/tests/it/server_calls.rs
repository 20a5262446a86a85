//! Server callers over HTTP: access, repeats, unreadable calls.

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::backend::{customer, with};
use crate::support::proxy::{ORIGIN, SITES, TestProxy};

#[tokio::test]
async fn a_call_without_a_right_key_is_refused_and_writes_nothing() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let secret = key.strip_prefix("tmk_acme_").unwrap();
    let wrong = [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        key.clone(),
        format!("Basic {key}"),
        format!("Bearer {key}x"),
        format!("Bearer tmk_zeta_{secret}"),
        format!("Bearer tmk_nobody_{secret}"),
        format!("Bearer {}", key.to_lowercase()),
        format!("Bearer {secret}"),
    ];
    for header in wrong {
        let call = proxy.http.post(proxy.url("v1/conversions")).header("authorization", &header);
        let call = call.header("idempotency-key", "k").header("content-type", "application/json");
        let answer = proxy.send(call.body(customer("u_1").to_string())).await;
        assert_eq!(answer.code(), "401 unauthenticated", "{header}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"trailmark\"", "{header}");
        let read = proxy.http.get(proxy.url("v1/conversions/019aa5a0-6f70-7000-8000-000000000001"));
        assert_eq!(proxy.send(read.header("authorization", &header)).await.code(), "401 unauthenticated", "{header}");
    }
    let none = proxy.http.post(proxy.url("v1/conversions")).header("content-type", "application/json");
    assert_eq!(proxy.send(none.body(customer("u_1").to_string())).await.code(), "401 unauthenticated");
    let two = proxy.call(&key, "k", &customer("u_1")).header("authorization", format!("Bearer {key}"));
    assert_eq!(proxy.send(two).await.code(), "401 unauthenticated");
    assert_eq!(proxy.conversions().await, 0);
    assert_eq!(proxy.report(&key, "k", &customer("u_1")).await.status, 202);
    let scheme = proxy.http.get(proxy.url("v1/conversions/x")).header("authorization", format!("bearer {key}"));
    let unknown = proxy.send(scheme).await;
    assert_eq!(unknown.code(), "404 not_found");
    assert_eq!(unknown.json()["detail"], "no conversion of this site has that id");
}

#[tokio::test]
async fn an_idempotency_key_is_required_and_named_when_it_is_wrong() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let call = || {
        let call = proxy.http.post(proxy.url("v1/conversions")).bearer_auth(&key);
        call.header("content-type", "application/json").body(customer("u_1").to_string())
    };
    let long = "k".repeat(256);
    for (what, request) in [
        ("none", call()),
        ("empty", call().header("idempotency-key", "")),
        ("too long", call().header("idempotency-key", &long)),
        ("with a space", call().header("idempotency-key", "a b")),
        ("not ASCII", call().header("idempotency-key", "schlüssel")),
        ("two", call().header("idempotency-key", "a").header("idempotency-key", "b")),
    ] {
        let answer = proxy.send(request).await;
        assert_eq!(
            (answer.code(), &answer.json()["field"]),
            ("400 malformed".into(), &json!("Idempotency-Key")),
            "{what}"
        );
    }
    assert_eq!(proxy.conversions().await, 0);
    assert_eq!(proxy.report(&key, &long[1..], &customer("u_1")).await.status, 202);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_field_and_leaves_the_key_free() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let order = json!({"key": "o_1", "amount_minor": 100, "currency": "EUR"});
    let sale = json!({"kind": "sale", "customer": {"key": "u_1"}, "order": order});
    let total = json!({"key": "o", "amount_minor": 3, "currency": "EUR",
                       "items": [{"sku": "s", "unit_amount_minor": 1, "quantity": 2}]});
    for (field, body) in [
        ("kind", json!({"customer": {"key": "u_1"}})),
        ("customer", json!({"kind": "signup"})),
        ("site", with(customer("u_1"), "site", "acme")),
        ("signed_customer", with(customer("u_1"), "signed_customer", "a.b.c")),
        ("customer.mail", json!({"kind": "lead", "customer": {"key": "u_1", "mail": "x@y.z"}})),
        ("occurred_at", with(customer("u_1"), "occurred_at", "yesterday")),
        ("occurred_at", with(customer("u_1"), "occurred_at", "2026-11-18T14:13:20")),
        ("occurred_at", with(customer("u_1"), "occurred_at", 1_795_011_200)),
        ("order", with(customer("u_1"), "order", sale["order"].clone())),
        ("refund_of", with(sale.clone(), "refund_of", "o_0")),
        ("order.amount_minor", with(sale.clone(), "order", total)),
        (
            "order.amount_minor",
            json!({"kind": "refund", "refund_of": "o_1",
                                      "order": {"key": "r_1", "amount_minor": 0, "currency": "EUR"}}),
        ),
    ] {
        let answer = proxy.report(&key, "k", &body).await;
        assert_eq!((answer.code(), &answer.json()["field"]), ("400 malformed".into(), &json!(field)), "{body}");
    }
    let text = proxy.request("v1/conversions", customer("u_1").to_string()).bearer_auth(&key);
    let text = proxy.send(text.header("idempotency-key", "k")).await;
    assert_eq!((text.code(), &text.json()["field"]), ("400 malformed".into(), &json!("content-type")));
    let large = with(customer("u_1"), "data", json!({"x": "y".repeat(70_000)}));
    assert_eq!(proxy.report(&key, "k", &large).await.code(), "413 body_too_large");
    assert_eq!(proxy.conversions().await, 0);
    assert_eq!(proxy.report(&key, "k", &customer("u_1")).await.status, 202);
}

#[tokio::test]
async fn the_same_key_and_content_give_the_first_receipt_again() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let first = proxy.report(&key, "k", &customer("u_1")).await;
    assert_eq!((first.status, &first.json()["replayed"]), (202, &json!(false)));
    proxy.clock.advance(60_000);
    // Members in another order, another time and another reference are the same content.
    let again = with(with(customer("u_1"), "occurred_at", "2026-11-01T00:00:00Z"), "reference", "elsewhere");
    for body in [customer("u_1"), again] {
        let again = proxy.report(&key, "k", &body).await;
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(again.json(), with(first.json(), "replayed", true));
    }
    let other = proxy.report(&key, "k", &customer("u_2")).await;
    assert_eq!(other.code(), "422 idempotency_mismatch");
    assert!(other.json()["detail"].as_str().unwrap().contains("use a new Idempotency-Key"), "{other:?}");
    assert_eq!(proxy.conversions().await, 1);
    // Another key of the same site, and another site's key, have their own Idempotency-Keys.
    for site in ["acme", "zeta"] {
        let key = proxy.api_key(site).await;
        assert_eq!(proxy.report(&key, "k", &customer("u_2")).await.status, 202, "{site}");
    }
    assert_eq!(proxy.conversions().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_equal_calls_at_once_make_one_conversion() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let body = customer("u_1");
    let answers = join_all((0..50).map(|_| proxy.report(&key, "k", &body))).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(202), of(202) + of(200) + of(409)), (1, 50), "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        assert_eq!(answer.code(), "409 in_progress");
    }
    assert_eq!(proxy.conversions().await, 1);
    let receipt = answers.iter().find(|answer| answer.status == 202).unwrap().json();
    assert_eq!(proxy.report(&key, "k", &body).await.json(), with(receipt, "replayed", true));
}

#[tokio::test]
async fn a_call_is_in_progress_until_it_is_answered_or_gone() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let body = customer("u_1");
    // Sends its headers and learns that the server waits for the body: from then on it is in flight.
    let mut slow = TcpStream::connect(proxy.listening.address()).await.unwrap();
    let head = format!(
        "POST /tm/v1/conversions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nidempotency-key: k\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.to_string().len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    slow.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(proxy.report(&key, "k", &body).await.code(), "409 in_progress");
    assert_eq!(proxy.report(&key, "k", &customer("u_2")).await.code(), "409 in_progress");
    assert_eq!(proxy.report(&proxy.api_key("acme").await, "k", &customer("u_3")).await.status, 202);
    slow.write_all(body.to_string().as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 202");
    assert_eq!(proxy.report(&key, "k", &body).await.status, 200);
}

#[tokio::test]
async fn no_page_may_read_what_a_key_was_shown_for() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let accepted = proxy.send(proxy.call(&key, "k", &customer("u_1")).header("origin", ORIGIN)).await;
    let wrong = proxy.send(proxy.call("tmk_acme_x", "k", &customer("u_1")).header("origin", ORIGIN)).await;
    let id = accepted.json()["conversion_id"].as_str().unwrap().to_owned();
    let read = proxy.http.get(proxy.url(&format!("v1/conversions/{id}"))).bearer_auth(&key).header("origin", ORIGIN);
    let read = proxy.send(read).await;
    assert_eq!((accepted.status, wrong.status, read.status), (202, 401, 200));
    for answer in [accepted, wrong, read] {
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for path in ["v1/conversions".to_owned(), format!("v1/conversions/{id}")] {
        let preflight = proxy.http.request(http::Method::OPTIONS, proxy.url(&path)).header("origin", ORIGIN);
        let preflight = preflight.header("access-control-request-headers", "authorization,idempotency-key");
        let answer = proxy.send(preflight.header("access-control-request-method", "POST")).await;
        assert_eq!(answer.header("access-control-allow-headers"), "Content-Type", "{path}");
    }
}

#[tokio::test]
async fn each_key_has_a_rate_of_its_own_and_wrong_ones_use_up_the_networks() {
    let limits = "[limits]\nrequests_per_minute = 2\nserver_requests_per_minute = 5\n\n[server]";
    let proxy = TestProxy::with(&SITES.replace("[server]", limits)).await;
    let (first, second) = (proxy.api_key("acme").await, proxy.api_key("acme").await);
    for number in 0..5 {
        let body = customer(&format!("u_{number}"));
        assert_eq!(proxy.report(&first, &format!("k{number}"), &body).await.status, 202);
    }
    let spent = proxy.report(&first, "k5", &customer("u_5")).await;
    assert_eq!(spent.code(), "429 too_many_requests");
    assert_eq!(spent.header("retry-after"), "12");
    assert_eq!(proxy.report(&second, "k5", &customer("u_5")).await.status, 202);
    proxy.clock.advance(12_000);
    assert_eq!(proxy.report(&first, "k5", &customer("u_6")).await.status, 202);
    let wrong = || proxy.report("tmk_acme_x", "k", &serde_json::Value::Null);
    for _ in 0..4 {
        assert_eq!(wrong().await.code(), "401 unauthenticated");
    }
    assert_eq!(wrong().await.code(), "429 too_many_requests");
    // A caller with a valid key from the same network is not affected.
    assert_eq!(proxy.report(&second, "k6", &customer("u_7")).await.status, 202);
}
