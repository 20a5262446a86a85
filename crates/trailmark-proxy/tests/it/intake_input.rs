//! Flaws in the input of pages and backends (field-faults § 1), over HTTP: what is repaired with a warning, what is
//! refused by name, and that the ledger agrees. The wire's tests cover the rule itself.

use serde_json::{Value, json};
use trailmark_proxy::explain::explain;

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, arrival, landing, payload, signup, token};
use crate::support::merchant::Merchant;
use crate::support::proxy::{Answer, ORIGIN, SITES, TestProxy};

/// `field code` of each warning.
fn warned(answer: &Answer) -> Vec<String> {
    let receipt = answer.json();
    let warnings = receipt["warnings"].as_array().cloned().unwrap_or_default();
    warnings
        .iter()
        .map(|warning| format!("{} {}", warning["field"].as_str().unwrap(), warning["code"].as_str().unwrap()))
        .collect()
}

/// A customer with these members.
fn with_customer(members: Value) -> Value {
    json!({"kind": "signup", "customer": members})
}

/// What the vendor gets for the only delivery of an accepted conversion.
async fn delivered(proxy: &TestProxy, answer: &Answer) -> trailmark_vendors::task::Task {
    let id = answer.json()["conversion_id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    let detail = proxy.store.conversion(id).await.unwrap();
    let site = proxy.app.config.sites[0].id.clone();
    proxy.store.task(site, detail.deliveries[0].id.clone()).await.unwrap()
}

/// A visitor cookie from a partner's click.
async fn visitor(proxy: &TestProxy, number: u8, url: &str) -> String {
    let answer = proxy.post("v1/clicks", arrival(number, url).to_string()).await;
    answer.cookie("tm_acme_v").split_once('=').unwrap().1.to_owned()
}

/// field-faults rows 1, 2, 3 and 4, for a page and for a backend alike.
#[tokio::test]
async fn a_flawed_optional_field_is_repaired_or_left_out_and_the_receipt_warns() {
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let email = "a@x.org";
    for (number, (said, stored, warnings)) in (1..).zip([
        (json!({"email": email, "name": ""}), (Some(email), None), vec!["customer.name blank"]),
        (json!({"email": email, "name": " "}), (Some(email), None), vec!["customer.name blank"]),
        (json!({"email": email, "name": null}), (Some(email), None), vec![]),
        (json!({"email": "", "name": "Jo"}), (None, Some("Jo")), vec!["customer.email blank"]),
        (json!({"email": "a@x.org ", "name": "\u{a0}Jo\n"}), (Some(email), Some("Jo")), vec![]),
        (json!({"email": email, "name": "Jo\tSmith"}), (Some(email), Some("Jo Smith")), vec!["customer.name controls"]),
        (json!({"email": "nobody", "name": "Jo"}), (None, Some("Jo")), vec!["customer.email not_an_email"]),
        (json!({"email": email, "name": ["Jo"]}), (Some(email), None), vec!["customer.name wrong_type"]),
        (json!({"email": email, "name": "Jo \u{fffd}"}), (Some(email), Some("Jo \u{fffd}")), vec![]),
    ]) {
        let key = BrowserKey::new();
        let click = proxy.arrive(number, &key).await;
        let cookie = visitor(&proxy, 100 + number, &landing(&format!("b{number}"))).await;
        let mut members = said.clone();
        members["key"] = json!(format!("page_{number}"));
        let page = proxy.convert(number, &key, &click, with_customer(members.clone())).await;
        members["key"] = json!(format!("backend_{number}"));
        let body = with(with_customer(members), "visitor", cookie);
        let backend = proxy.report(&api_key, &format!("k{number}"), &body).await;
        for answer in [page, backend] {
            assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("accepted")), "{said} {answer:?}");
            assert_eq!(warned(&answer), warnings, "{said}");
            let customer = delivered(&proxy, &answer).await.customer.unwrap();
            assert_eq!((customer.email.as_deref(), customer.name.as_deref()), stored, "{said}");
        }
    }
    let data = json!({"ua": "y".repeat(501), "note": "a\nb", "odd": {"a": 1}, "seats": 3, "trial": true});
    let cookie = visitor(&proxy, 99, &landing("data")).await;
    let body = with(with(customer("u_data"), "data", data), "visitor", cookie);
    let answer = proxy.report(&api_key, "data", &body).await;
    assert_eq!(warned(&answer), ["data.ua cut", "data.note controls", "data.odd wrong_type"]);
    let data = delivered(&proxy, &answer).await.data;
    assert_eq!(data.get("ua").map(str::len), Some(500));
    let texts = ["note", "odd", "seats", "trial"].map(|name| data.get(name));
    assert_eq!(texts, [Some("a b"), None, Some("3"), Some("true")]);
}

/// field-faults row 2
#[tokio::test]
async fn white_space_around_a_key_makes_neither_another_customer_nor_other_content() {
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let cookie = visitor(&proxy, 1, &landing("click1")).await;
    let report = async |idempotency_key: &str, key: &str| {
        proxy.report(&api_key, idempotency_key, &with(customer(key), "visitor", cookie.as_str())).await
    };
    let first = report("k1", "pad").await;
    assert_eq!(first.json()["status"], "accepted");
    for (number, key) in [" pad ", "\u{a0}pad", "pad\u{2003}", "\u{3000}pad\n", "\u{feff}pad"].into_iter().enumerate() {
        let replayed = report("k1", key).await;
        assert_eq!(replayed.json(), with(first.json(), "replayed", true), "{key:?}");
        assert_eq!(report(&format!("k2{number}"), key).await.json()["status"], "duplicate", "{key:?}");
    }
    let order = json!({"key": " o_1\u{a0}", "amount_minor": 100, "currency": "EUR"});
    let sale = json!({"kind": "sale", "customer": {"key": "\u{2003}pad"}, "order": order});
    let sale = proxy.report(&api_key, "s", &sale).await;
    assert_eq!(
        (&sale.json()["status"], &sale.json()["attribution"][0]["partner"]),
        (&json!("accepted"), &json!("ada"))
    );
    let refund = json!({"kind": "refund", "refund_of": " o_1 ",
                        "order": {"key": "r_1 ", "amount_minor": 100, "currency": "EUR"}});
    assert_eq!(proxy.report(&api_key, "r", &refund).await.json()["status"], "accepted");
}

/// field-faults rows 5 and 6
#[tokio::test]
async fn a_key_that_programs_write_for_a_missing_value_is_malformed_for_page_and_backend() {
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let browser = BrowserKey::new();
    let click = proxy.arrive(1, &browser).await;
    for missing in ["undefined", "null", "NaN", "[object Object]", "0", "None", "{{user.id}}"] {
        let body = with_customer(json!({"key": missing}));
        for answer in [proxy.convert(1, &browser, &click, body.clone()).await, proxy.report(&api_key, "k", &body).await]
        {
            let problem = answer.json();
            assert_eq!(answer.code(), "400 malformed", "{missing}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains("customer.key` is not a customer key: it is what a program writes for a missing value"),
                "{detail}"
            );
        }
    }
    for (field, body) in [
        ("customer.key", with_customer(json!({"key": 0}))),
        ("customer.key", with_customer(json!({"key": 12345678901234567890_u64}))),
        ("customer.key", with_customer(json!({"key": null}))),
        (
            "refund_of",
            json!({"kind": "refund", "refund_of": "null",
                             "order": {"key": "r", "amount_minor": 1, "currency": "EUR"}}),
        ),
        (
            "order.key",
            json!({"kind": "sale", "customer": {"key": "u"},
                             "order": {"key": "undefined", "amount_minor": 1, "currency": "EUR"}}),
        ),
    ] {
        let answer = proxy.report(&api_key, "k", &body).await;
        assert_eq!((answer.code(), &answer.json()["field"]), ("400 malformed".into(), &json!(field)), "{body}");
    }
    assert_eq!(proxy.conversions().await, 0);
}

/// field-faults row 4
#[tokio::test]
async fn half_an_emoji_from_a_backend_is_400_and_says_what_is_wrong_with_the_json() {
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let text = r#"{"kind":"signup","customer":{"key":"u","name":"Jo \ud83d"}}"#;
    let call = proxy.http.post(proxy.url("v1/conversions")).bearer_auth(&api_key).header("idempotency-key", "k");
    let answer = proxy.send(call.header("content-type", "application/json").body(text)).await;
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(answer.code(), "400 malformed");
    assert!(detail.contains("half of a surrogate pair") && detail.contains("line 1 column"), "{detail}");
    assert!(!detail.contains("Jo"), "{detail}");
}

/// field-faults rows 8, 9 and 10
#[tokio::test]
async fn a_currency_in_lower_case_any_offset_and_a_byte_order_mark_are_taken() {
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let sale = |key: &str, currency: &str, at: &str| {
        json!({"kind": "sale", "customer": {"key": "u_1"}, "occurred_at": at,
               "order": {"key": key, "amount_minor": 100, "currency": currency}})
    };
    for (number, at) in [
        "2026-11-18T13:16:27+00:00",
        "2026-11-18T15:16:27+02:00",
        "2026-11-18t13:16:27z",
        "2026-11-18 13:16:27+00",
        "2026-11-18T05:16:27.000-0800",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = proxy.report(&api_key, &format!("k{number}"), &sale(&format!("o_{number}"), "usd", at)).await;
        assert_eq!(answer.status, 202, "{at}: {answer:?}");
        let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
        let detail = proxy.store.conversion(id).await.unwrap();
        assert_eq!(detail.occurred_at.to_rfc3339(), "2026-11-18T13:16:27Z", "{at}");
        assert_eq!(detail.conversion.amount.unwrap().currency.as_str(), "USD");
    }
    let blank = proxy.report(&api_key, "blank", &sale("o_blank", "EUR", " ")).await;
    assert_eq!((blank.status, warned(&blank)), (202, vec!["occurred_at blank".to_owned()]));
    let marked = format!("\u{feff}{}", customer("bom"));
    let call = proxy.http.post(proxy.url("v1/conversions")).bearer_auth(&api_key).header("idempotency-key", "bom");
    let answer = proxy.send(call.header("content-type", "application/json").body(marked)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let click = proxy.post("v1/clicks", format!("\u{feff}{}", arrival(1, &landing("click1")))).await;
    let plain = payload(&proxy, 1, &token(&click), signup("c1"));
    assert_eq!(proxy.post("v1/conversions", format!("\u{feff}{plain}")).await.status, 202);
}

/// Values that name the visitor are optional too: a missing cookie, a number, a final line break.
#[tokio::test]
async fn a_flawed_word_for_the_visitor_never_costs_a_backends_conversion() {
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let cookie = visitor(&proxy, 1, &landing("click1")).await;
    for (number, (name, value, code, warning)) in [
        ("visitor", json!(""), Some("no_touch"), Some("visitor blank")),
        ("visitor", json!(null), Some("no_touch"), None),
        ("visitor", json!(["a"]), Some("visitor_invalid"), Some("visitor wrong_type")),
        ("click_token", json!(7), Some("token_invalid"), None),
        ("reference", json!({}), Some("reference_unknown"), Some("reference wrong_type")),
        ("visitor", json!(format!(" {cookie}\n")), None, None),
    ]
    .into_iter()
    .enumerate()
    {
        let body = with(customer(&format!("u_{number}")), name, value);
        let answer = proxy.report(&api_key, &format!("k{number}"), &body).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (202, code), "{body}");
        assert_eq!(warned(&answer), warning.into_iter().collect::<Vec<_>>(), "{body}");
    }
}

/// field-faults row 12
#[tokio::test]
async fn a_signup_that_lacks_what_the_programs_vendor_needs_is_warned_of_at_once() {
    let by_partner = format!("{ORIGIN}/?ps_partner_key=YWRh");
    let untied = SITES.replace("tracking_token = \"env:KEY\"\n", "");
    for (name, toml, url, members, warnings) in [
        ("a partner's key alone", SITES, by_partner.as_str(), json!({}), vec!["customer.email missing_for:main"]),
        (
            "an address that is none",
            SITES,
            &by_partner,
            json!({"email": "nobody"}),
            vec!["customer.email not_an_email", "customer.email missing_for:main"],
        ),
        ("a click id", SITES, &landing("click1"), json!({}), vec![]),
        (
            "a click id, and no tracking token",
            &untied,
            &landing("click1"),
            json!({}),
            vec!["customer.email missing_for:main"],
        ),
        ("an address", SITES, &by_partner, json!({"email": "a@x.org"}), vec![]),
    ] {
        let proxy = TestProxy::with(toml).await;
        let api_key = proxy.api_key("acme").await;
        let mut members = members;
        members["key"] = json!("u_1");
        let body = with(with_customer(members.clone()), "visitor", visitor(&proxy, 1, url).await);
        let answer = proxy.report(&api_key, "k", &body).await;
        assert_eq!(answer.json()["status"], "accepted", "{name}");
        assert_eq!(warned(&answer), warnings, "{name}");
        let click = proxy.post("v1/clicks", arrival(2, url).to_string()).await;
        members["key"] = json!("u_2");
        let plain = payload(&proxy, 2, &token(&click), with_customer(members));
        assert_eq!(warned(&proxy.post("v1/conversions", plain.to_string()).await), warnings, "{name}, from a page");
        // A lead and a sale follow a customer that the vendor has.
        let lead = with(json!({"kind": "lead", "customer": {"key": "u_1"}}), "visitor", visitor(&proxy, 3, url).await);
        assert_eq!(warned(&proxy.report(&api_key, "lead", &lead).await), Vec::<String>::new(), "{name}");
    }
    // Nobody is credited, so no vendor needs anything.
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let answer = proxy.report(&api_key, "k", &with_customer(json!({"key": "u_1"}))).await;
    assert_eq!((warned(&answer), answer.json().get("warnings")), (vec![], None));
}

#[tokio::test]
async fn a_repeat_the_record_and_explain_say_what_the_receipt_warned_of() {
    let proxy = TestProxy::start().await;
    let api_key = proxy.api_key("acme").await;
    let cookie = visitor(&proxy, 1, &format!("{ORIGIN}/?ps_partner_key=YWRh")).await;
    let members = json!({"key": "u_1", "email": "jsmith-at-home", "name": "Jo\tSmith"});
    let mut body = with(with_customer(members), "visitor", cookie);
    body["data"] = json!({"a": "", "b": "\u{7}", "long": "x".repeat(501)});
    let first = proxy.report(&api_key, "k", &body).await;
    assert_eq!(proxy.report(&api_key, "k", &body).await.json(), with(first.json(), "replayed", true));
    let id = first.json()["conversion_id"].as_str().unwrap().to_owned();
    assert_eq!(proxy.read_back(&api_key, &id).await.json()["warnings"], first.json()["warnings"]);
    let told = explain(&proxy.store.conversion(id).await.unwrap(), &[]);
    for sentence in [
        "`customer.email` was not an e-mail address and was left out.",
        "`customer.name` contained control characters, which were replaced by spaces.",
        "`data.b` was empty and was left out.",
        "`data.long` was too long and was cut.",
        "`customer.email` is missing, and the vendor of program main needs it.",
    ] {
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(sentence), "{sentence}\n{told}");
    }
    assert!(!told.contains("Smith") && !told.contains("jsmith"), "{told}");
}

/// The same rule for signed content: a flaw in an optional field made the whole statement `customer_malformed`.
#[tokio::test]
async fn a_flawed_optional_field_in_a_signed_customer_or_order_is_repaired_and_warned_of() {
    let merchant = Merchant::new();
    let proxy = merchant.proxy("").await;
    let key = BrowserKey::new();
    let click = proxy.arrive(1, &key).await;
    let now_s = proxy.now().seconds();
    let terms = json!({"aud": "acme", "iat": now_s, "exp": now_s + 86_400});
    let flawed = json!({"key": " c1 ", "email": "a@x.org\n", "name": ""});
    let jws = merchant.customer(&with(terms.clone(), "customer", flawed.clone()));
    // Templates and files surround values with white space.
    let signup = json!({"kind": "signup", "signed_customer": format!("\n  {jws}\n")});
    let signup = proxy.convert(1, &key, &click, signup).await;
    assert_eq!(
        (signup.json()["status"].as_str(), warned(&signup)),
        (Some("accepted"), vec!["customer.name blank".into()])
    );
    let task = delivered(&proxy, &signup).await.customer.unwrap();
    assert_eq!((task.key.as_str(), task.email.as_deref(), task.name), ("c1", Some("a@x.org"), None));
    let line = json!({"sku": "s ", "category": "\u{7}", "unit_amount_minor": 100, "quantity": 1});
    let order = json!({"key": "o1 ", "amount_minor": 100, "currency": "eur", "items": [line]});
    let sale = merchant.order(&with(with(terms.clone(), "customer", flawed), "order", order.clone()));
    let sale = proxy.convert(2, &key, &click, json!({"kind": "sale", "signed_order": sale})).await;
    assert_eq!(sale.json()["status"], "accepted", "{sale:?}");
    assert_eq!(warned(&sale), ["order.items.category blank", "customer.name blank"]);
    let order = with(order, "key", "undefined");
    let sale = merchant.order(&with(with(terms, "customer", json!({"key": "c1"})), "order", order));
    let sale = proxy.convert(3, &key, &click, json!({"kind": "sale", "signed_order": sale})).await;
    assert_eq!((&sale.json()["status"], &sale.json()["code"]), (&json!("held"), &json!("order_malformed")));
}
