//! The conversion call: its path, what is replaced or refused, and what each answer of the tracking host says.

use trailmark_vendors::capability::Class;
use trailmark_vendors::task::{Plan, Task};
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, CustomerKey, OrderKey};

use super::{ada, answer, current, guide, item, notes, planned, refund, refused, rendered, run, sale, told};
use crate::answer_with;

/// The path after the campaign.
fn path(task: &Task) -> String {
    let url = planned(&current(), task).request.url.expose().to_owned();
    url.strip_prefix("https://prf.hn/conversion/tracking_mode:api/campaign:10l176").unwrap().to_owned()
}

fn with_data(task: Task, name: &str, value: &str) -> Task {
    Task { data: [(name.to_owned(), value.to_owned())].into(), ..task }
}

fn with_order_key(task: Task, key: &str) -> Task {
    let order = task.order.map(|order| trailmark_wire::conversion::Order { key: OrderKey::new(key).unwrap(), ..order });
    Task { order, ..task }
}

#[test]
fn a_sale_is_one_path_without_a_credential_and_its_click_reference_keeps_its_case() {
    let items = vec![item("A 1", Some("shoes"), 1000, 2), item("B", None, 900, 1)];
    let task = with_data(sale(2900, "EUR", items), "plan", "team & co");
    for adapter in [current(), guide()] {
        assert_eq!(
            rendered(&planned(&adapter, &task).request),
            "POST https://prf.hn/conversion/tracking_mode:api/campaign:10l176/clickref:1011lAbCdE/conversionref:o_1001\
             /currency:EUR/custref:u_1/conversion_time:2026-11-21%2008%3A00%3A00/plan:team%20%26%20co\
             /[category:shoes/sku:A%201/value:10.00/quantity:2][category:sale/sku:B/value:9.00/quantity:1]\n\n\n"
        );
        let Plan::Send { class, credential, notes, .. } = adapter.delivery.plan(&task).unwrap() else { panic!() };
        assert_eq!((class, credential, notes.len()), (Class::Searchable, "", 0));
    }
}

#[test]
fn a_signup_and_a_lead_have_no_value_and_the_ledgers_id_as_reference() {
    let id = ada().conversion;
    assert_eq!(
        path(&ada()),
        format!(
            "/clickref:1011lAbCdE/conversionref:{id}/custref:u_1/conversion_time:2026-11-21%2008%3A00%3A00\
             /[category:signup/quantity:1]"
        )
    );
    assert!(path(&Task { kind: Kind::Lead, ..ada() }).ends_with("/[category:lead/quantity:1]"));
}

#[test]
fn a_conversion_stands_alone_and_a_refund_follows_its_sale() {
    let delivery = current().delivery;
    for (kind, follows) in
        [(Kind::Signup, None), (Kind::Lead, None), (Kind::Sale, None), (Kind::Refund, Some(Kind::Sale))]
    {
        assert_eq!(delivery.follows(kind), follows);
        assert!(delivery.needs(kind, false).is_empty());
    }
}

#[test]
fn no_value_has_a_character_of_the_grammar() {
    let evil = "a/value:0]/[category:x%2F\u{85}b";
    let mut task = with_data(sale(1, "EUR", vec![item(evil, Some(evil), 1, 1)]), "note", evil);
    task = with_order_key(task, "2026/10:01[é]");
    task.customer = Some(Customer { key: CustomerKey::new("u/1").unwrap(), email: None, name: None });
    let path = path(&task);
    let (head, groups) = path.split_once("/[").unwrap();
    let values: Vec<_> = head.split('/').chain(groups.split('/')).filter_map(|part| part.split_once(':')).collect();
    for (key, value) in values.iter().filter(|(key, _)| *key != "conversion_time") {
        for grammar in ["%2F", "%3A", "%5B", "%5D", "%25", "%C2%85"] {
            assert!(!value.contains(grammar), "{key}:{value}");
        }
    }
    assert!(head.contains("/conversionref:2026_2F10_3A01_5B_C3_A9_5D/"), "{head}");
    assert!(head.contains("/custref:u_2F1/") && head.ends_with("/note:a-value-0---category-x-2F-b"), "{head}");
    assert_eq!(groups, "category:a-value-0---category-x-2F-b/sku:a-value-0---category-x-2F-b/value:0.01/quantity:1]");
    let said = notes(&task);
    let fields: Vec<_> = said.iter().map(|note| note.split('`').nth(1).unwrap()).collect();
    assert_eq!(fields, ["order.key", "customer.key", "data.note", "order.items.category", "order.items.sku"]);
}

#[test]
fn two_references_stay_two() {
    let reference = |key| path(&with_order_key(sale(1, "EUR", Vec::new()), key)).split('/').nth(2).unwrap().to_owned();
    let keys = ["2026/1", "2026-1", "2026:1", "2026_1", "é", "e", "2026_2F1", "_5F2F1", "_C3_A9", "_/1", "__2F1"];
    let references: std::collections::BTreeSet<_> = keys.iter().map(|key| reference(key)).collect();
    assert_eq!(references.len(), keys.len(), "{references:?}");
    assert_eq!(reference("2026_2F1"), "conversionref:2026_5F2F1");
    for key in ["o_1001", "o_2001", "o_2f1", "o_2", "o_"] {
        assert_eq!(reference(key), format!("conversionref:{key}"), "nothing is sent as such a code");
    }
}

#[test]
fn what_could_credit_nobody_or_somebody_else_is_refused() {
    let no_click = Task { click_id: None, ..ada() };
    assert!(refused(&no_click).starts_with("missing click id: "));
    assert!(path(&with_data(no_click.clone(), "voucher", "SAVE10")).contains("/voucher:SAVE10/"));
    for left_out in [" ", "A/B", "50%", "ada@example.com"] {
        let task = with_data(no_click.clone(), "voucher", left_out);
        assert!(refused(&task).starts_with("missing click id: "), "{left_out} is not sent, so it credits nobody");
    }
    for click_id in ["a/b", "a:b", "a[b", "a]b", "a%2Fb"] {
        let task = Task { click_id: Some(ClickId::new(click_id).unwrap()), ..ada() };
        assert!(refused(&task).contains("not a `clickref`"), "{click_id}");
    }
    assert!(refused(&Task { order: None, ..sale(1, "EUR", Vec::new()) }).starts_with("missing `order`"));
    assert!(refused(&with_order_key(sale(1, "EUR", Vec::new()), &"é".repeat(50))).contains("longer than the 256"));
}

#[test]
fn data_may_state_the_vendors_own_words_but_no_key_that_is_written_here() {
    let stated = [("country", "DE"), ("customertype", "new"), ("device", "mobile"), ("context", "in_app")];
    for (name, value) in stated {
        let task = with_data(ada(), name, value);
        assert!(path(&task).contains(&format!("/{name}:{value}/")) && notes(&task).is_empty(), "{name}");
    }
    let left_out = [
        ("country", "Germany"),
        ("customertype", "New"),
        ("voucher", "A/B"),
        ("voucher", "ada@example.com"),
        ("contact", "Ada <ada@example.com>"),
        ("value", "0"),
        ("CLICKREF", "x"),
        ("tracking_mode", "pixel"),
        ("tmetric", "Test Event"),
        ("my key", "x"),
        ("a/b", "x"),
    ];
    for (name, value) in left_out {
        let task = with_data(ada(), name, value);
        assert_eq!(path(&task), path(&ada()), "{name}");
        assert!(notes(&task)[0].starts_with(&format!("`data.{name}` was left out: ")), "{:?}", notes(&task));
    }
    assert!(notes(&with_data(ada(), "blank", " ")).is_empty());
}

#[test]
fn an_e_mail_address_is_in_no_url() {
    let key = CustomerKey::new("ada@example.com").unwrap();
    let task = Task { customer: Some(Customer { key, ..ada().customer.unwrap() }), ..ada() };
    assert!(!path(&task).contains("custref") && !path(&task).contains("example"));
    assert_eq!(notes(&task), ["`customer.key` was left out: an e-mail address does not belong in a URL"]);
    let task = with_data(ada(), "seller", "ada@example.com");
    assert_eq!(path(&task), path(&ada()));
    assert_eq!(notes(&task), ["`data.seller` was left out: an e-mail address does not belong in a URL"]);
}

#[test]
fn a_basket_that_is_too_long_is_sent_by_category_or_refused() {
    let items = (0..200).map(|n| item(&format!("sku-{n}-{}", "x".repeat(20)), Some(["a", "b"][n % 2]), 100, 3));
    let task = sale(59_999, "EUR", items.collect());
    assert!(path(&task).ends_with("/[category:a/value:299.99/quantity:1][category:b/value:300.00/quantity:1]"));
    assert_eq!(notes(&task).len(), 1);
    assert!(notes(&task)[0].starts_with("`order.items` was sent as one line per category"));
    let many = (0..200).map(|n| item("s", Some(&format!("{n}-{}", "ä".repeat(100))), 100, 1)).collect();
    assert!(refused(&sale(20_000, "EUR", many)).contains("too long for one URL"));
    let long = sale(100, "EUR", vec![item("s", Some(&"c".repeat(200)), 100, 1)]);
    assert!(path(&long).contains(&format!("category:{}/", "c".repeat(128))));
    assert_eq!(notes(&long), ["`order.items.category` was cut to 128 characters, the most that Partnerize takes"]);
}

#[test]
fn each_answer_of_the_tracking_host_is_read_as_what_it_proves() {
    let id_json = r#"{"conversion_id":"1011l5204"}"#;
    let v1 = r#"{"error":{"message":"Too Many Requests","type":"429"}}"#;
    for (status, body, expected) in [
        (200, "1011l5204", "recorded 1011l5204"),
        (201, " 1011l5204\n", "recorded 1011l5204"),
        (200, "", "ignored | status 200: no conversion id, so the vendor recorded nothing"),
        (204, " \n", "ignored | "),
        (200, "OK", "unknown | status 200: a text instead of a conversion id"),
        (200, "1", "unknown | status 200: "),
        (200, "ok200", "unknown | status 200: a text instead"),
        (200, "Error404", "unknown | status 200: a text instead"),
        (200, "blocked403", "unknown | status 200: a text instead"),
        (200, "maintenance1", "unknown | status 200: a text instead"),
        (200, "l5204", "unknown | status 200: a text instead"),
        (200, "1011l", "unknown | status 200: a text instead"),
        (200, "10115204", "unknown | status 200: a text instead"),
        (200, "10l176", "recorded 10l176"),
        (200, "<html>1011l5204</html>", "unknown | status 200: an HTML page instead"),
        (200, id_json, "unknown | status 200: JSON that is cut short or not in the vendor's form"),
        (200, "GIF89a\u{1}\u{0}", "unknown | status 200: a text instead"),
        (200, &"1".repeat(65), "unknown | "),
        (301, "", "unknown | "),
        (302, "1011l5204", "unknown | "),
        (400, "", "unknown | status 400: an empty body; check `tracking_url`"),
        (400, v1, "unknown | "),
        (401, "<html>", "unknown | "),
        (403, "<html>", "unknown | status 403: an HTML page; check `tracking_url`"),
        (404, "", "unknown | "),
        (408, "", "retry | "),
        (425, "", "retry | "),
        (429, v1, "throttled 0"),
        (500, "1011l5204", "unknown | "),
        (502, "<html>", "unknown | "),
        (503, "", "unknown | "),
    ] {
        let (_, outcome) = run(planned(&current(), &sale(2900, "EUR", Vec::new())), &[answer(status, body)]);
        let outcome = told(&outcome.unwrap());
        assert!(outcome.starts_with(expected), "{status} {body:?}: {outcome}");
    }
    for (status, header) in [(429, "x-ratelimit-retry-after"), (429, "retry-after"), (503, "retry-after")] {
        let limited = answer_with(status, &[(header, "30")], "");
        let (_, outcome) = run(planned(&current(), &ada()), &[limited]);
        assert_eq!(told(&outcome.unwrap()), "throttled 30", "{status} {header}");
    }
}

#[test]
fn what_a_refund_cannot_carry_is_noted() {
    assert!(notes(&refund(100, 0)).is_empty());
    assert_eq!(
        notes(&with_data(refund(100, 0), "why", "too small")),
        ["`data` was left out: a change of a conversion has no place for it"]
    );
}
