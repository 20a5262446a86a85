//! Shapes at the edge: what becomes an identifier, a time, a conversion, and what is refused by name.

use serde_json::{Value, json};
use trailmark_wire::conversion::{Body, Conversion, Kind};
use trailmark_wire::ids::{ArrivalId, ClickId, ConversionId, CustomerKey, ProgramId, SiteId, VisitorId};
use trailmark_wire::landing::Landing;
use trailmark_wire::refusal::Refusal;
use trailmark_wire::time::UnixMillis;

#[test]
fn a_uuid_v7_carries_its_time_version_and_variant() {
    let id = ConversionId::from_parts(UnixMillis(0x0199_2233_4455), [0xff; 10]);
    assert_eq!(id.as_str(), "01992233-4455-7fff-bfff-ffffffffffff");
    assert_eq!(ConversionId::new(id.as_str()), Ok(id));
}

#[test]
fn ids_of_later_times_sort_later() {
    let at = |ms| ConversionId::from_parts(UnixMillis(ms), [0x55; 10]);
    assert!(at(1_700_000_000_000) < at(1_700_000_000_001));
}

#[test]
fn random_ids_have_the_shape_that_is_checked() {
    assert!(VisitorId::new(VisitorId::from_random([7; 16]).as_str()).is_ok());
    assert!(ArrivalId::new(ArrivalId::from_random([0xab; 16]).as_str()).is_ok());
}

#[test]
fn misshapen_ids_are_refused_without_repeating_them() {
    let error = CustomerKey::new("se\u{7}cret").unwrap_err().to_string();
    assert!(!error.contains("cret") && error.starts_with("not a customer key"), "{error}");
    for bad in ["", "-a", "A", "a_b", "a b", &"a".repeat(33)] {
        assert!(SiteId::new(bad).is_err(), "{bad:?}");
    }
    assert!(ProgramId::new("a_b").is_ok());
    assert!(ClickId::new("a\u{2003}b").is_err() && ClickId::new("a".repeat(257)).is_err());
    assert!(ConversionId::new("01992233-4455-4fff-bfff-ffffffffffff").is_err(), "version 4");
    assert!(ConversionId::new("01992233-4455-7FFF-bfff-ffffffffffff").is_err(), "capitals");
    assert!(VisitorId::new("AAAAAAAAAAAAAAAAAAAAAB").is_err(), "trailing bits");
}

/// field-faults row 9: RFC 3339 with any offset.
#[test]
fn times_are_read_with_any_offset_and_written_in_utc() {
    let read = UnixMillis::from_rfc3339;
    let utc = |text: &str| read(text).map(|time| time.to_string());
    assert_eq!(read("1970-01-01T00:00:00Z"), Ok(UnixMillis(0)));
    for (text, written) in [
        ("2026-11-21T08:30:00.25Z", "2026-11-21T08:30:00.250Z"),
        ("2028-02-29T23:59:59.9999Z", "2028-02-29T23:59:59.999Z"),
        ("2026-11-28T13:16:27+00:00", "2026-11-28T13:16:27Z"),
        ("2026-11-28T13:16:27+02:00", "2026-11-28T11:16:27Z"),
        ("2026-11-28t13:16:27z", "2026-11-28T13:16:27Z"),
        // JavaScript's, Python's, PostgreSQL's and Go's ways to write it.
        ("2026-11-28T13:16:27.123-08:00", "2026-11-28T21:16:27.123Z"),
        ("2026-11-28 13:16:27.123456+00", "2026-11-28T13:16:27.123Z"),
        ("2026-11-28T13:16:27.1+0530", "2026-11-28T07:46:27.100Z"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
        ("1970-01-01T00:00:00-00:00", "1970-01-01T00:00:00Z"),
        (" 2026-11-28T13:16:27Z\n", "2026-11-28T13:16:27Z"),
    ] {
        assert_eq!(utc(text).as_deref(), Ok(written), "{text}");
    }
    for bad in [
        "",
        "2026-11-21",
        "2026-11-21T08:30:00",
        "2026-11-21T08:30:00+1:00",
        "2026-11-21T08:30:00+24:00",
        "2026-11-21T08:30:00+01:60",
        "2026-11-21T08:30:00+",
        "2026-11-21T08:30:00+0é",
        "2026-11-21T08:30:00Z+01:00",
        "2026-11-21T08:30:61Z",
        "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T08:30:00.Z",
        "2026-1-21T08:30:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:30:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "+026-11-21T08:30:00Z",
        "1764335787",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_landing_url_has_a_host_and_whatever_else_browsers_print() {
    let landing = Landing::parse("https://acme.example:8443/a/b?x=1#frag?y").unwrap();
    assert_eq!(
        (landing.origin().as_str(), landing.told(&[]).url.as_str()),
        ("https://acme.example:8443", "https://acme.example:8443/a/b")
    );
    assert_eq!(Landing::parse("https://u:p%40@a/").unwrap().origin(), "https://a", "field-faults row 25");
    for bad in ["", "/a", "ftp://a/", "https://", "https:///x", "https://u:p@/", "javascript:alert(1)", "https://a\\b/"]
    {
        assert!(Landing::parse(bad).is_err(), "{bad}");
    }
    assert!(Landing::parse(&format!("https://a/{}", "x".repeat(8_200))).is_ok(), "field-faults row 24");
}

#[test]
fn a_stored_landing_url_keeps_what_is_captured_and_utm_and_nothing_else() {
    use trailmark_wire::capture::Rule;
    use trailmark_wire::vendor::VendorName;
    let params = ["via".to_owned()];
    let rules = [Rule { vendor: VendorName::from_name("partnerstack"), params: &params }];
    let stored = |url| Landing::parse(url).unwrap().stored(&rules);
    assert_eq!(
        stored("https://a.example/p?email=ada@example.org&ps_xid=x&utm_source=y%20z&via=w&session=1&p%73_xid=v#f"),
        "https://a.example/p?ps_xid=x&utm_source=y%20z&via=w&p%73_xid=v"
    );
    assert_eq!(stored("https://a.example?email=ada@example.org"), "https://a.example/");
    // Found by the fuzzer: a control became a `+`, which parts a name in two, or is a part of an address.
    for (landing, kept) in [
        ("https://a.example/?utm_\0s=x&ps_xid=y", "https://a.example/?utm__s=x&ps_xid=y"),
        ("https://a.example/?utm_\u{2028}s=x", "https://a.example/?utm__s=x"),
        ("https://a.example/u/\t@lovelace.org", "https://a.example/u/[email]"),
        ("https://a.example/ada@\u{b}.org?utm_source=a b", "https://a.example/[email]?utm_source=a+b"),
    ] {
        assert_eq!(stored(landing), kept);
        assert_eq!(stored(kept), kept);
    }
}

fn problem(body: Value) -> String {
    let body: Result<Body, _> = serde_json::from_value(body);
    match body {
        Err(error) => error.to_string(),
        Ok(body) => {
            Conversion::from_body(body, &mut Vec::new()).map_or_else(|e| e.to_string(), |c| format!("{:?}", c.kind()))
        }
    }
}

#[test]
fn a_conversion_is_refused_by_the_name_of_its_field() {
    let customer = json!({"key": "u_1"});
    let order = |amount: i64| json!({"key": "o", "amount_minor": amount, "currency": "EUR"});
    let with_items =
        |amount: i64, items: Value| json!({"key": "o", "amount_minor": amount, "currency": "EUR", "items": items});
    let sale = |order: Value| json!({"kind": "sale", "customer": customer, "order": order});
    let cases = [
        (json!({"kind": "signup"}), "`customer` is missing"),
        (json!({"kind": "signup", "customer": customer, "order": order(1)}), "`order` does not belong to this kind"),
        (
            json!({"kind": "signup", "customer": customer, "signed_customer": "x"}),
            "`signed_customer` excludes `customer`",
        ),
        (json!({"kind": "sale", "customer": customer}), "`order` is missing"),
        (sale(order(-1)), "`order.amount_minor` must not be negative"),
        (
            sale(with_items(3, json!([{"sku": "a", "unit_amount_minor": 1, "quantity": 2}]))),
            "`order.amount_minor` is above the sum of the lines",
        ),
        (
            sale(with_items(0, json!([{"sku": "a", "unit_amount_minor": i64::MAX, "quantity": 2}]))),
            "`order.items` sum to more than 64 bits hold",
        ),
        (
            sale(with_items(0, json!([{"sku": "a", "unit_amount_minor": 1, "quantity": 0}]))),
            "`order.items.quantity` must be at least 1",
        ),
        (sale(with_items(2, json!([{"sku": "a", "unit_amount_minor": 1, "quantity": 2}]))), "Sale"),
        (json!({"kind": "sale", "signed_order": "a.b.c"}), "Sale"),
        (json!({"kind": "refund", "order": order(1)}), "`refund_of` is missing"),
        (json!({"kind": "refund", "order": order(0), "refund_of": "o_1"}), "`order.amount_minor` must be positive"),
        (json!({"kind": "refund", "order": order(1), "refund_of": "o_1"}), "Refund"),
        (json!({"kind": "lead", "customer": customer, "refund_of": "o_1"}), "`refund_of` does not belong to this kind"),
    ];
    for (body, expected) in cases {
        assert_eq!(problem(body.clone()), expected, "{body}");
    }
    assert!(problem(json!({"kind": "signup", "customer": customer, "amount": 1})).contains("unknown field `amount`"));
}

#[test]
fn codes_of_refusals_are_distinct_and_kinds_have_their_words() {
    let codes: std::collections::BTreeSet<_> = Refusal::ALL.iter().map(|r| r.code()).collect();
    assert_eq!(codes.len(), Refusal::ALL.len());
    assert!(Refusal::ALL.iter().all(|r| (400..=503).contains(&r.status())));
    assert_eq!(
        [Kind::Signup, Kind::Lead, Kind::Sale, Kind::Refund].map(Kind::as_str),
        ["signup", "lead", "sale", "refund"]
    );
}

#[test]
fn a_debug_print_of_a_customer_shows_no_personal_data() {
    let body: Body = serde_json::from_value(
        json!({"kind": "signup", "customer": {"key": "u", "email": "ada@example.org", "name": "Ada"}}),
    )
    .unwrap();
    let printed = format!("{body:?} {:?}", Conversion::from_body(body.clone(), &mut Vec::new()));
    assert!(!printed.contains("example.org") && !printed.contains("Ada"), "{printed}");
}
