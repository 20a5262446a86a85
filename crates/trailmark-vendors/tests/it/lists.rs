//! Lists of customers, groups, partnerships and transactions, and single ones, in both dialects: what is asked for,
//! where a list ends, and every field of what comes back.

use serde_json::{Value as Json, json};
use trailmark_vendors::Dialect;
use trailmark_vendors::command::{Record, Reply, Value, Values};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::Outcome;

use super::{Account, NOW, Opened, account, answer, done, fixture, paged, partnerstack, text, told, values};

const LISTS: [&str; 6] = ["customers", "groups", "partners", "partnerships", "transactions", "commissions"];

fn at(dialect: Dialect) -> Box<Opened> {
    partnerstack(&Account { dialect, ..account() })
}

fn short(url: &str) -> String {
    url.replace("https://api.partnerstack.com/api/v2/", "")
}

fn first(dialect: Dialect, noun: &str, filters: &Values) -> String {
    short(at(dialect).ask(&format!("{noun} list"), filters).unwrap().request.url.expose())
}

fn one(dialect: Dialect, noun: &str, key: &str) -> String {
    short(at(dialect).ask(&format!("{noun} get"), &values(key, &[])).unwrap().request.url.expose())
}

fn refused(dialect: Dialect, words: &str, given: &Values) -> String {
    at(dialect).ask(words, given).unwrap_err().to_string()
}

fn page(items: &Json, end: &Json) -> Answer {
    let mut data = end.clone();
    data["items"] = items.clone();
    answer(200, &json!({ "data": data }).to_string())
}

/// Items as JSON, and the request for the next page.
fn read(dialect: Dialect, noun: &str, filters: &Values, answer: &Answer) -> (Vec<Json>, Option<String>) {
    let call = at(dialect).ask(&format!("{noun} list"), filters).unwrap();
    let (items, next) = paged((call.read)(answer).unwrap());
    (items.iter().map(json_of).collect(), next.map(|call| short(call.request.url.expose())))
}

fn shown(dialect: Dialect, noun: &str, key: &str, body: &str) -> Json {
    let call = at(dialect).ask(&format!("{noun} get"), &values(key, &[])).unwrap();
    json_of(&done((call.read)(&answer(200, body)).unwrap()))
}

fn json_of(record: &Record) -> Json {
    serde_json::to_value(record).unwrap()
}

fn all() -> Values {
    Values::default()
}

fn of_group(group: &str) -> Values {
    values("", &[("group", text(group))])
}

#[test]
fn every_list_asks_for_as_much_as_its_dialect_allows() {
    let guides = ["customers", "groups", "partners", "partnerships", "transactions", "rewards"];
    let current = ["customers", "groups", "partnerships", "partnerships", "transactions", "rewards"];
    for ((noun, current), guide) in LISTS.into_iter().zip(current).zip(guides) {
        assert_eq!(first(Dialect::Current, noun, &all()), format!("{current}?limit=250"));
        assert_eq!(first(Dialect::Guide, noun, &all()), format!("{guide}?limit=100"));
    }
    assert_eq!(first(Dialect::Current, "webhooks", &all()), "webhooks?limit=250");
}

#[test]
fn one_thing_is_read_where_a_dialect_reads_one() {
    assert_eq!(one(Dialect::Current, "customers", "u/1"), "customers/u%2F1");
    assert_eq!(one(Dialect::Guide, "customers", "u_1"), "customers/u_1");
    assert_eq!(one(Dialect::Guide, "groups", "grp_abc123"), "groups/grp_abc123");
    assert_eq!(one(Dialect::Guide, "partners", "prt_abc123"), "partners/prt_abc123");
    for dialect in Dialect::ALL {
        assert_eq!(one(dialect, "partnerships", "acme"), "partnerships/acme");
        assert!(refused(dialect, "transactions get", &values("txn_1", &[])).contains("list them"));
    }
    assert!(refused(Dialect::Current, "groups get", &values("grp_1", &[])).contains("no call for a single group"));
}

#[test]
fn one_commission_is_searched_in_the_list_to_its_end() {
    let item = json!({ "key": "rwd_2", "amount": 1500, "reward_status": "approved", "customer": { "key": "cus_1",
        "external_key": "u_1" }, "partnership": { "key": "part_1", "partner_key": "acme" }, "transaction": { "key": "o_1" } });
    let call = at(Dialect::Current).ask("commissions get", &values("rwd_2", &[])).unwrap();
    let other = page(&json!([{ "key": "rwd_1" }]), &json!({ "has_more": true }));
    let Reply::Next(next) = (call.read)(&other).unwrap() else { panic!("it is not on the first page") };
    assert_eq!(short(next.request.url.expose()), "rewards?limit=250&starting_after=rwd_1");
    let found = done((next.read)(&page(&json!([item]), &json!({ "has_more": true }))).unwrap());
    let expected = json!({ "key": "rwd_2", "partner": "acme", "partnership": "part_1", "customer": "u_1",
        "customer_id": "cus_1", "transaction": "o_1", "amount_cents": 1500, "amount_minor": 1500, "currency": "USD",
        "status": "approved" });
    assert_eq!(json_of(&found), expected, "in US dollars, as the documents say");
    let none = (next.read)(&page(&json!([]), &json!({ "has_more": false }))).unwrap_err();
    assert_eq!(none, Outcome::Rejected { message: "no such commission in the whole list".into() });
    let filters = [("status", text("paid")), ("customer_id", text("cus_1")), ("since", Value::Time(NOW))];
    let expected = "rewards?limit=250&status=paid&customer_key=cus_1&min_created=1795248000000";
    assert_eq!(first(Dialect::Current, "commissions", &values("", &filters)), expected);
}

#[test]
fn an_empty_page_that_is_not_the_last_does_not_end_a_list_silently() {
    let call = at(Dialect::Current).ask("customers list", &all()).unwrap();
    let more = (call.read)(&page(&json!([]), &json!({ "has_more": true }))).unwrap_err();
    assert_eq!(more, Outcome::Unknown { message: "status 200: more pages, and no item to go on after".into() });
    let (items, next) = paged((call.read)(&page(&json!([]), &json!({ "has_more": false }))).unwrap());
    assert!(items.is_empty() && next.is_none());
}

#[test]
fn each_partner_of_a_page_is_read_before_the_next_page() {
    let profiles = values("", &[("group", text("g")), ("profiles", Value::Given)]);
    let call = at(Dialect::Guide).ask("partnerships list", &profiles).unwrap();
    let of = |partner: &str| json!({ "partner_key": partner, "group_key": "g" });
    let more = json!({ "has_more": true, "ending_cursor": "c" });
    let mut reply = (call.read)(&page(&json!([of("p1"), of("p2")]), &more)).unwrap();
    for key in ["p1", "p2"] {
        let Reply::Next(next) = reply else { panic!("{key} is not asked for: {reply:?}") };
        assert_eq!(short(next.request.url.expose()), format!("partners/{key}"));
        reply = (next.read)(&answer(200, &json!({ "data": { "key": key, "name": "Jane" } }).to_string())).unwrap();
    }
    let (items, next) = paged(reply);
    let names: Vec<_> = items.iter().map(|item| json_of(item)["name"].clone()).collect();
    assert_eq!(names, ["Jane", "Jane"]);
    assert_eq!(short(next.unwrap().request.url.expose()), "partnerships?limit=100&group_key=g&starting_after=c");
}

#[test]
fn a_partner_who_leaves_after_the_page_was_read_is_left_out_of_its_profiles() {
    let call = at(Dialect::Current).ask("partnerships list", &values("", &[("profiles", Value::Given)])).unwrap();
    let of = |partner: &str| json!({ "key": format!("part_{partner}"), "partner_key": partner });
    let Ok(Reply::Next(next)) = (call.read)(&page(&json!([of("p1"), of("p2")]), &json!({ "has_more": false }))) else {
        panic!("no partner is asked for")
    };
    let Ok(Reply::Next(next)) = (next.read)(&answer(404, fixture!("404"))) else { panic!("p2 is not asked for") };
    assert_eq!(short(next.request.url.expose()), "partnerships/p2");
    let there = json!({ "data": of("p2"), "status": 200 }).to_string();
    let (items, next) = paged((next.read)(&answer(200, &there)).unwrap());
    assert_eq!((items.len(), told(&items[0], "key"), next.is_none()), (1, "p2", true));
}

#[test]
fn a_thing_that_is_not_there_is_told_from_a_wrong_address() {
    let call = at(Dialect::Guide).ask("groups get", &values("grp_x", &[])).unwrap();
    let none = (call.read)(&answer(404, fixture!("404"))).unwrap_err();
    assert_eq!(
        none,
        Outcome::Missing { message: "status 404: no such group; `trailmark groups list` shows the keys".into() }
    );
    assert!(matches!((call.read)(&answer(404, "<html>")), Err(Outcome::Retry { .. })));
}

#[test]
fn the_guides_customer_comes_back_with_every_field_of_the_seed() {
    let item = json!({
        "key": "cust_001", "email": "user@example.com", "name": "Jane Doe", "first_name": "Jane", "last_name": "Doe",
        "partner_key": "prt_abc123", "created_at": 1_700_000_000, "updated_at": 1_700_000_060, "status": "active",
        "external_key": "crm-7", "metadata": { "plan": "team" }, "group_key": "grp_abc123",
    });
    let more = json!({ "has_more": true, "ending_cursor": "cursor_abc" });
    let (items, next) = read(Dialect::Guide, "customers", &all(), &page(&json!([item]), &more));
    assert_eq!(
        items[0],
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
    assert_eq!(
        shown(Dialect::Current, "customers", "u_1", &text),
        json!({
            "key": "u_1", "id": "cus_8U5s1iH2Pd2a2p", "email": "Ada@Example.com", "name": "Ada L.", "partner": "acme",
            "partnership": "part_4Xk2", "test": true, "data": { "plan": "team" },
            "created_at": "2026-11-20T08:00:00Z", "updated_at": "2026-11-20T08:00:00Z",
        })
    );
    let by_hand = json!([{ "key": "cus_2", "customer_key": null, "email": "b@example.com" }]);
    let (items, next) = read(Dialect::Current, "customers", &all(), &page(&by_hand, &json!({ "has_more": true })));
    assert_eq!((&items[0]["key"], &items[0]["id"]), (&Json::Null, &json!("cus_2")), "a customer without a key of ours");
    assert_eq!(next.as_deref(), Some("customers?limit=250&starting_after=cus_2"));
}

#[test]
fn the_guides_partnerships_are_narrowed_by_the_vendor_and_one_partner_may_be_in_two_groups() {
    let list = of_group("grp_abc123&x");
    assert_eq!(first(Dialect::Guide, "partnerships", &list), "partnerships?limit=100&group_key=grp_abc123%26x");
    let of = |group: &str| json!({ "partner_key": "prt_abc123", "group_key": group, "status": "active" });
    let both = json!([of("grp_1"), of("grp_2")]);
    let more = json!({ "has_more": true, "ending_cursor": "c" });
    let (items, next) = read(Dialect::Guide, "partnerships", &list, &page(&both, &more));
    assert_eq!(items[1], json!({ "key": "prt_abc123", "group": "grp_2", "status": "active" }));
    assert_eq!(next.as_deref(), Some("partnerships?limit=100&group_key=grp_abc123%26x&starting_after=c"));
    let (_, end) = read(Dialect::Guide, "partnerships", &list, &page(&both, &json!({ "has_more": false })));
    assert_eq!(end, None, "the seed's last page names no cursor");
}

#[test]
fn in_current_a_group_is_picked_out_here_and_the_list_goes_on() {
    let list = of_group("resellers");
    assert_eq!(
        first(Dialect::Current, "partnerships", &list),
        "partnerships?limit=250",
        "no parameter that the documents lack"
    );
    let (items, next) = read(Dialect::Current, "partnerships", &list, &answer(200, fixture!("200_partnerships_first")));
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
        let (items, _) = read(dialect, "transactions", &all(), &page(&items, &json!({ "has_more": false })));
        let amounts: Vec<_> = items.iter().map(|one| one["amount_minor"].as_i64()).collect();
        assert_eq!(amounts[..4], [Some(1230), Some(1230), Some(1230), None], "half a yen is none");
        assert_eq!(items[1]["currency"], "JPY");
        assert_eq!((&items[0]["customer"], &items[0]["customer_id"]), (&json!("u_1"), &json!("cus_1")));
        assert_eq!(items[0]["created_at"], "2026-11-21T08:00:00Z");
    }
    let seeds = json!([{ "key": "txn_xyz", "customer_key": "cust_001", "amount": 9900, "status": "pending" }]);
    let (items, _) = read(Dialect::Guide, "transactions", &all(), &page(&seeds, &json!({ "has_more": false })));
    let expected = json!({ "key": "txn_xyz", "customer": "cust_001", "amount_cents": 9900, "status": "pending" });
    assert_eq!(items[0], expected, "without a currency nothing is guessed");
}

#[test]
fn a_group_has_key_name_and_slug() {
    let body = r#"{"data":{"key":"grp_abc123","name":"Affiliate Program","slug":"affiliate"}}"#;
    let expected = json!({ "key": "grp_abc123", "name": "Affiliate Program", "slug": "affiliate" });
    assert_eq!(shown(Dialect::Guide, "groups", "grp_abc123", body), expected);
}

#[test]
fn a_period_narrows_what_takes_times_and_is_refused_where_nothing_does() {
    let within = values("", &[("since", Value::Time(NOW)), ("until", Value::Time(NOW.plus(1)))]);
    let period = "&min_created=1795248000000&max_created=1795248000001";
    assert_eq!(first(Dialect::Current, "customers", &within), format!("customers?limit=250{period}"));
    assert_eq!(first(Dialect::Guide, "transactions", &within), format!("transactions?limit=100{period}"));
    for noun in ["customers", "partners", "partnerships"] {
        assert!(refused(Dialect::Guide, &format!("{noun} list"), &within).contains("`since`"));
    }
    assert!(refused(Dialect::Guide, "customers list", &of_group("g")).contains("`group` is no input of"));
    let backwards = values("", &[("since", Value::Time(NOW)), ("until", Value::Time(NOW.plus(-1)))]);
    assert!(refused(Dialect::Current, "customers list", &backwards).contains("later than `until`"));
}
