//! Lists of customers, groups, partnerships and transactions, and single ones, in both dialects: what is asked for,
//! where a list ends, and every field of what comes back.

use serde_json::{Value, json};
use trailmark_vendors::Dialect;
use trailmark_vendors::directory::{List, Refusal, Thing};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::records::Record;

use super::{Account, NOW, Opened, account, answer, fixture, partnerstack};

fn at(dialect: Dialect) -> Box<Opened> {
    partnerstack(&Account { dialect, ..account() })
}

fn short(url: &str) -> String {
    url.replace("https://api.partnerstack.com/api/v2/", "")
}

fn first(dialect: Dialect, list: &List) -> String {
    short(at(dialect).list(list).unwrap().first.url.expose())
}

fn one(dialect: Dialect, thing: Thing, key: &str) -> String {
    short(at(dialect).one(thing, key).unwrap().request.url.expose())
}

fn unsupported<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    match result.unwrap_err() {
        Refusal::Unsupported { why } => why,
        Refusal::Field(rejection) => panic!("{rejection}"),
    }
}

fn page(items: &Value, end: &Value) -> Answer {
    let mut data = end.clone();
    data["items"] = items.clone();
    answer(200, &json!({ "data": data }).to_string())
}

/// Items as JSON, and the request for the next page.
fn read(dialect: Dialect, list: &List, answer: &Answer) -> (Vec<Value>, Option<String>) {
    let page = (at(dialect).list(list).unwrap().read)(answer).unwrap();
    let items = page.items.iter().map(|item| serde_json::to_value(item).unwrap()).collect();
    (items, page.next.map(|request| short(request.url.expose())))
}

/// Only what is there.
fn stated(record: &Value) -> Value {
    let stated = record.as_object().unwrap().iter().filter(|(_, value)| !value.is_null() && **value != json!({}));
    Value::Object(stated.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[test]
fn every_list_asks_for_as_much_as_its_dialect_allows() {
    let rows = [
        (Thing::Customer, "customers?limit=250", "customers?limit=100"),
        (Thing::Group, "groups?limit=250", "groups?limit=100"),
        (Thing::Partner, "partnerships?limit=250", "partners?limit=100"),
        (Thing::Partnership, "partnerships?limit=250", "partnerships?limit=100"),
        (Thing::Transaction, "transactions?limit=250", "transactions?limit=100"),
    ];
    for (thing, current, guide) in rows {
        assert_eq!(first(Dialect::Current, &List::all(thing)), current);
        assert_eq!(first(Dialect::Guide, &List::all(thing)), guide);
    }
}

#[test]
fn one_thing_is_read_where_a_dialect_reads_one() {
    assert_eq!(one(Dialect::Current, Thing::Customer, "u/1"), "customers/u%2F1");
    assert_eq!(one(Dialect::Guide, Thing::Customer, "u_1"), "customers/u_1");
    assert_eq!(one(Dialect::Guide, Thing::Group, "grp_abc123"), "groups/grp_abc123");
    assert_eq!(one(Dialect::Guide, Thing::Partner, "prt_abc123"), "partners/prt_abc123");
    for dialect in [Dialect::Current, Dialect::Guide] {
        assert_eq!(one(dialect, Thing::Partnership, "acme"), "partnerships/acme");
        assert!(unsupported(at(dialect).one(Thing::Transaction, "txn_1")).contains("list them"));
    }
    assert!(unsupported(at(Dialect::Current).one(Thing::Group, "grp_1")).contains("has no call for a single one"));
}

#[test]
fn a_thing_that_is_not_there_is_told_from_a_wrong_address() {
    let call = at(Dialect::Guide).one(Thing::Group, "grp_x").unwrap();
    let none = (call.read)(&answer(404, fixture!("404"))).unwrap_err();
    assert_eq!(none, Outcome::Rejected { message: "status 404: no such group".into() });
    assert!(matches!((call.read)(&answer(404, "<html>")), Err(Outcome::Retry { .. })));
}

#[test]
fn the_guides_customer_comes_back_with_every_field_of_the_seed() {
    let item = json!({
        "key": "cust_001", "email": "user@example.com", "name": "Jane Doe", "first_name": "Jane", "last_name": "Doe",
        "partner_key": "prt_abc123", "created_at": 1_700_000_000, "updated_at": 1_700_000_060, "status": "active",
        "external_key": "crm-7", "metadata": { "plan": "team" }, "group_key": "grp_abc123",
    });
    let list = List::all(Thing::Customer);
    let more = json!({ "has_more": true, "ending_cursor": "cursor_abc" });
    let (items, next) = read(Dialect::Guide, &list, &page(&json!([item]), &more));
    assert_eq!(
        stated(&items[0]),
        json!({
            "key": "cust_001", "email": "user@example.com", "name": "Jane Doe", "first_name": "Jane",
            "last_name": "Doe", "partner": "prt_abc123", "group": "grp_abc123", "status": "active",
            "external_key": "crm-7", "data": { "plan": "team" },
            "created_at": "2023-11-14T22:13:20Z", "updated_at": "2023-11-14T22:14:20Z",
        })
    );
    assert_eq!(next.as_deref(), Some("customers?limit=100&starting_after=cursor_abc"));
}

#[test]
fn the_current_customer_comes_back_with_both_keys_and_what_the_vendor_kept() {
    let text = fixture!("200_customer").replace("\"mdata\": {}", "\"mdata\": { \"plan\": \"team\" }");
    let shown = (at(Dialect::Current).one(Thing::Customer, "u_1").unwrap().read)(&answer(200, &text)).unwrap();
    assert_eq!(
        stated(&serde_json::to_value(&shown).unwrap()),
        json!({
            "key": "u_1", "id": "cus_8U5s1iH2Pd2a2p", "email": "Ada@Example.com", "name": "Ada L.", "partner": "acme",
            "partnership": "part_4Xk2", "test": true, "data": { "plan": "team" },
            "created_at": "2026-11-20T08:00:00Z", "updated_at": "2026-11-20T08:00:00Z",
        })
    );
    let list = List::all(Thing::Customer);
    let by_hand = json!([{ "key": "cus_2", "customer_key": null, "email": "b@example.com" }]);
    let (items, next) = read(Dialect::Current, &list, &page(&by_hand, &json!({ "has_more": true })));
    assert_eq!(
        (&items[0]["key"], &items[0]["id"]),
        (&Value::Null, &json!("cus_2")),
        "a customer without a key of ours"
    );
    assert_eq!(next.as_deref(), Some("customers?limit=250&starting_after=cus_2"));
}

#[test]
fn the_guides_partnerships_are_narrowed_by_the_vendor_and_one_partner_may_be_in_two_groups() {
    let list = List { group: Some("grp_abc123&x".into()), ..List::all(Thing::Partnership) };
    assert_eq!(first(Dialect::Guide, &list), "partnerships?limit=100&group_key=grp_abc123%26x");
    let of = |group: &str| json!({ "partner_key": "prt_abc123", "group_key": group, "status": "active" });
    let both = json!([of("grp_1"), of("grp_2")]);
    let more = json!({ "has_more": true, "ending_cursor": "c" });
    let (items, next) = read(Dialect::Guide, &list, &page(&both, &more));
    assert_eq!(stated(&items[1]), json!({ "key": "prt_abc123", "group": "grp_2", "status": "active" }));
    assert_eq!(next.as_deref(), Some("partnerships?limit=100&group_key=grp_abc123%26x&starting_after=c"));
    let (_, end) = read(Dialect::Guide, &list, &page(&both, &json!({ "has_more": false })));
    assert_eq!(end, None, "the seed's last page names no cursor");
    let twice = page(&json!([of("grp_1"), of("grp_1")]), &json!({ "has_more": false }));
    let again = (at(Dialect::Guide).list(&list).unwrap().read)(&twice).unwrap_err();
    assert!(matches!(again, Outcome::Unknown { message } if message.contains("no end")));
}

#[test]
fn in_current_a_group_is_picked_out_here_and_the_list_goes_on() {
    let list = List { group: Some("resellers".into()), ..List::all(Thing::Partnership) };
    assert_eq!(first(Dialect::Current, &list), "partnerships?limit=250", "no parameter that the documents lack");
    let (items, next) = read(Dialect::Current, &list, &answer(200, fixture!("200_partnerships_first")));
    let keys: Vec<_> = items.iter().map(|item| &item["key"]).collect();
    assert_eq!(keys, ["bolt & co"]);
    assert_eq!(next.as_deref(), Some("partnerships?limit=250&starting_after=part_2"), "after the last of the page");
}

#[test]
fn transactions_tell_the_same_amount_in_cents_and_in_the_currencys_units() {
    let item = |currency: &str, amount: i64| {
        json!({ "key": format!("{currency}{amount}"), "customer": { "key": "cus_1", "external_key": "u_1" },
                "amount": amount, "currency": currency, "created_at": NOW.0 })
    };
    let items = json!([item("EUR", 1230), item("jpy", 123_000), item("KWD", 123), item("JPY", 50), item("XXQ", 5)]);
    for dialect in [Dialect::Current, Dialect::Guide] {
        let (items, _) = read(dialect, &List::all(Thing::Transaction), &page(&items, &json!({ "has_more": false })));
        let amounts: Vec<_> = items.iter().map(|one| one["amount_minor"].as_i64()).collect();
        assert_eq!(amounts[..4], [Some(1230), Some(1230), Some(1230), None], "half a yen is none");
        assert_eq!(items[1]["currency"], "JPY");
        assert_eq!((&items[0]["customer"], &items[0]["customer_id"]), (&json!("u_1"), &json!("cus_1")));
        assert_eq!(items[0]["created_at"], "2026-11-21T08:00:00Z");
    }
    let seeds = json!([{ "key": "txn_xyz", "customer_key": "cust_001", "amount": 9900, "status": "pending" }]);
    let (items, _) = read(Dialect::Guide, &List::all(Thing::Transaction), &page(&seeds, &json!({ "has_more": false })));
    let expected = json!({ "key": "txn_xyz", "customer": "cust_001", "amount_cents": 9900, "status": "pending" });
    assert_eq!(stated(&items[0]), expected, "without a currency nothing is guessed");
}

#[test]
fn a_group_has_key_name_and_slug() {
    let body = r#"{"data":{"key":"grp_abc123","name":"Affiliate Program","slug":"affiliate"}}"#;
    let shown = (at(Dialect::Guide).one(Thing::Group, "grp_abc123").unwrap().read)(&answer(200, body)).unwrap();
    assert!(matches!(&shown, Record::Group(_)));
    let expected = json!({ "key": "grp_abc123", "name": "Affiliate Program", "slug": "affiliate" });
    assert_eq!(stated(&serde_json::to_value(&shown).unwrap()), expected);
}

#[test]
fn a_period_narrows_what_takes_times_and_is_refused_where_nothing_does() {
    let within = |of| List { since: Some(NOW), until: Some(NOW.plus(1)), ..List::all(of) };
    let period = "&min_created=1795248000000&max_created=1795248000001";
    assert_eq!(first(Dialect::Current, &within(Thing::Customer)), format!("customers?limit=250{period}"));
    assert_eq!(first(Dialect::Guide, &within(Thing::Transaction)), format!("transactions?limit=100{period}"));
    for thing in [Thing::Customer, Thing::Partner, Thing::Partnership] {
        assert!(unsupported(at(Dialect::Guide).list(&within(thing))).contains("`since`"));
    }
    let grouped = List { group: Some("g".into()), ..List::all(Thing::Customer) };
    assert_eq!(unsupported(at(Dialect::Guide).list(&grouped)), "only partnerships can be listed by group");
}
