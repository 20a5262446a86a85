//! Flaws in what a caller passes (field-faults § 1): what is repaired, what is refused, and that a repaired conversion is the
//! same content as one without the flaw.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use trailmark_wire::conversion::{Body, Conversion};
use trailmark_wire::ids::SiteId;
use trailmark_wire::repair::Warning;

#[derive(Deserialize)]
struct RepairVector {
    name: String,
    body: Value,
    repaired: Value,
    warnings: Vec<Warning>,
}

/// Canonical bytes and warnings; else what is wrong.
fn read(body: &Value) -> Result<(Vec<u8>, Vec<Warning>), String> {
    let body: Body = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
    let mut warnings = Vec::new();
    let conversion = Conversion::from_body(body, &mut warnings).map_err(|error| error.to_string())?;
    Ok((conversion.canonical(&SiteId::new("acme").unwrap()), warnings))
}

/// field-faults rows 1, 2, 3 and 8; the number stands in each vector.
#[test]
fn every_flawed_body_is_the_same_content_as_its_repaired_form_and_warns_as_written() {
    let vectors: Vec<RepairVector> = serde_json::from_str(include_str!("../../vectors/repairs.json")).unwrap();
    for RepairVector { name, body, repaired, warnings } in vectors {
        let (bytes, found) = read(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found, warnings, "{name}");
        assert_eq!(read(&repaired), Ok((bytes, Vec::new())), "{name}");
    }
}

/// field-faults row 5: every one of these would make all customers one.
#[test]
fn a_key_that_is_the_text_of_a_missing_value_is_malformed_and_names_the_likely_cause() {
    for missing in [
        "undefined",
        "null",
        "NaN",
        "[object Object]",
        "0",
        " undefined ",
        "NULL",
        "None",
        "nil",
        "(null)",
        "<null>",
        "true",
        "False",
        "[object Promise]",
        "[object HTMLInputElement]",
        "-0",
        "0.0",
        "00000000-0000-0000-0000-000000000000",
        "{{user.id}}",
        "{{ customer_key }}",
        "${user.id}",
        "{% user %}",
        "<%= user.id %>",
    ] {
        let sale = json!({"kind": "sale", "customer": {"key": "u"}, "order": {"key": missing, "amount_minor": 1, "currency": "EUR"}});
        let refund = json!({"kind": "refund", "refund_of": missing, "order": {"key": "r", "amount_minor": 1, "currency": "EUR"}});
        for body in [json!({"kind": "signup", "customer": {"key": missing}}), sale, refund] {
            let problem = read(&body).unwrap_err();
            assert!(problem.contains("it is what a program writes for a missing value"), "{missing}: {problem}");
        }
    }
    for key in ["u_0", "10", "nullable", "undefined@x.org", "Nilsson", "0x0", "[x]", "#0a"] {
        assert!(read(&json!({"kind": "signup", "customer": {"key": key}})).is_ok(), "{key}");
    }
}

/// field-faults, "smaller ones": bidi controls and line breaks reached terminals.
#[test]
fn no_key_and_no_stock_keeping_unit_holds_a_control_or_a_direction_mark() {
    let sale = |sku: &str| {
        let items = json!([{"sku": sku, "unit_amount_minor": 1, "quantity": 1}]);
        json!({"kind": "sale", "customer": {"key": "u"}, "order": {"key": "o", "amount_minor": 1, "currency": "EUR", "items": items}})
    };
    for mark in ['\u{0}', '\u{1b}', '\n', '\u{85}', '\u{9b}', '\u{200e}', '\u{202e}', '\u{2066}', '\u{61c}', '\u{2028}']
    {
        let text = format!("a{mark}b");
        let problem = read(&json!({"kind": "signup", "customer": {"key": text}})).unwrap_err();
        assert!(problem.contains("it holds a control or direction character"), "{mark:?}: {problem}");
        assert!(read(&sale(&text)).unwrap_err().starts_with("`order.items.sku` must have"), "{mark:?}");
    }
    for sku in ["", "  ", &"x".repeat(256)] {
        assert!(read(&sale(sku)).is_err(), "{sku}");
    }
    assert!(read(&sale("0")).is_ok(), "a stock keeping unit is no key");
}

/// field-faults row 4: two keys that were decoded wrongly can be one.
#[test]
fn a_key_with_a_replacement_character_is_malformed_and_a_name_with_one_is_taken() {
    let problem = read(&json!({"kind": "signup", "customer": {"key": "M\u{fffd}ller"}})).unwrap_err();
    assert!(problem.contains("it holds U+FFFD"), "{problem}");
    assert_eq!(read(&json!({"kind": "signup", "customer": {"key": "u", "name": "Jo \u{fffd}"}})).unwrap().1, []);
}

/// What decides about money is refused rather than repaired: lines apportion what is paid.
#[test]
fn a_flaw_in_an_amount_or_a_line_is_malformed() {
    let order = |change: &dyn Fn(&mut Value)| {
        let items = json!([{"sku": "s", "unit_amount_minor": 1, "quantity": 1}]);
        let mut order = json!({"key": "o", "amount_minor": 1, "currency": "EUR", "items": items});
        change(&mut order);
        read(&json!({"kind": "sale", "customer": {"key": "u"}, "order": order}))
    };
    assert!(order(&|_| ()).is_ok());
    for (name, value) in [
        ("amount_minor", json!("1")),
        ("amount_minor", json!(1.0)),
        ("amount_minor", json!(null)),
        ("currency", json!("EURO")),
        ("currency", json!("")),
        ("items", json!("x")),
        ("items", json!([null])),
        ("items", json!([{"sku": "s", "unit_amount_minor": 1, "quantity": 0}])),
    ] {
        assert!(order(&|order| order[name] = value.clone()).is_err(), "{name} {value}");
    }
}

/// Texts of a few characters, most of them odd ones.
fn odd() -> impl Strategy<Value = String> {
    "[ab@ \t\n\u{0}\u{a0}\u{200b}\u{202e}\u{feff}\u{1f98a}]{0,12}"
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        odd().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(null)),
        Just(json!({"a": [1, {}]})),
        Just(json!(true)),
        "[a-z ]{190,520}".prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn no_optional_field_costs_the_conversion_and_a_repeat_is_the_same_content(
        email in any_value(),
        name in any_value(),
        data in prop_oneof![any_value(), proptest::collection::vec((odd(), any_value()), 0..30)
            .prop_map(|entries| entries.into_iter().collect::<serde_json::Map<_, _>>().into())],
    ) {
        let body = json!({"kind": "lead", "customer": {"key": "u", "email": email, "name": name}, "data": data});
        let once = read(&body);
        prop_assert!(once.is_ok(), "{once:?}");
        prop_assert_eq!(read(&body), once);
    }

    #[test]
    fn repairing_twice_changes_nothing(email in odd(), name in odd(), note in odd(), key in odd()) {
        let body = json!({"kind": "lead", "customer": {"key": key, "email": email, "name": name}, "data": {"note": note}});
        if let Ok(body) = serde_json::from_value::<Body>(body) {
            let conversion = Conversion::from_body(body, &mut Vec::new()).unwrap();
            let customer = conversion.plain_customer().unwrap();
            let again = json!({"kind": "lead", "customer": customer, "data": conversion.data});
            let (bytes, warnings) = read(&again).unwrap();
            prop_assert_eq!(warnings, []);
            prop_assert_eq!(bytes, conversion.canonical(&SiteId::new("acme").unwrap()));
        }
    }
}
