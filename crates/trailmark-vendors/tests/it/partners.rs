//! Partners, page by page to the vendor's own end, and one by one.

use trailmark_vendors::command::{Ask, Record, Reply};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::Outcome;

use super::{adapter, all_partners, answer, done, fixture, one_partner, paged, rendered, told, values};

fn shown(partner: &Record) -> String {
    ["key", "id", "name", "email", "group", "status"].map(|field| told(partner, field)).join(" | ")
}

fn body(items: &[&str], has_more: bool) -> String {
    let items: Vec<_> = items.iter().map(|key| format!(r#"{{"key":"{key}"}}"#)).collect();
    format!(r#"{{"data":{{"items":[{}],"has_more":{has_more}}},"status":200}}"#, items.join(","))
}

fn read(body: &str) -> Result<Option<String>, Outcome> {
    let (_, next) = paged((all_partners(&adapter()).read)(&answer(200, body))?);
    Ok(next.map(|call| call.request.url.expose().to_owned()))
}

/// Follows a list through these answers; what was asked for, and how it ended.
fn follow(mut call: Ask<Reply>, answers: &[Answer]) -> (Vec<String>, Result<usize, Outcome>) {
    let (mut asked, mut partners) = (Vec::new(), 0);
    for answer in answers {
        asked.push(call.request.url.expose().replace("https://api.partnerstack.com/api/v2/", ""));
        match (call.read)(answer).map(paged) {
            Err(outcome) => return (asked, Err(outcome)),
            Ok((items, next)) => {
                partners += items.len();
                let Some(next) = next else { return (asked, Ok(partners)) };
                call = next;
            }
        }
    }
    asked.push(call.request.url.expose().replace("https://api.partnerstack.com/api/v2/", ""));
    (asked, Ok(partners))
}

#[test]
fn the_first_page_asks_for_as_many_as_the_vendor_allows() {
    let expected = "GET https://api.partnerstack.com/api/v2/partnerships?limit=250
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
";
    assert_eq!(rendered(&all_partners(&adapter()).request), expected);
}

#[test]
fn pages_follow_the_key_of_the_last_item_to_the_end() {
    let answers = [answer(200, fixture!("200_partnerships_first")), answer(200, fixture!("200_partnerships_last"))];
    let (asked, end) = follow(all_partners(&adapter()), &answers);
    assert_eq!(asked, ["partnerships?limit=250", "partnerships?limit=250&starting_after=part_2"]);
    assert_eq!(end, Ok(3));
}

#[test]
fn a_cursor_stays_one_query_value() {
    let next = read(&body(&["a&limit=1#ä"], true)).unwrap();
    let expected = "https://api.partnerstack.com/api/v2/partnerships?limit=250&starting_after=a%26limit%3D1%23%C3%A4";
    assert_eq!(next.as_deref(), Some(expected));
}

#[test]
fn an_empty_page_ends_the_list_unless_it_promises_more() {
    assert_eq!(read(&body(&[], false)), Ok(None));
    assert!(read(&body(&[], true)).is_err(), "there is nothing to go on after");
    let ends = |promises| {
        follow(all_partners(&adapter()), &[answer(200, &body(&["p1"], true)), answer(200, &body(&[], promises))]).1
    };
    assert_eq!(ends(false), Ok(1));
    assert!(ends(true).is_err(), "the list is not complete");
}

#[test]
fn a_list_that_comes_back_to_itself_comes_back_to_a_request_by_which_its_reader_ends_it() {
    for keys in [["p1", "p1"].as_slice(), &["p1", "p2", "p1"]] {
        let answers: Vec<_> = keys.iter().map(|key| answer(200, &body(&[key], true))).collect();
        let (asked, _) = follow(all_partners(&adapter()), &answers);
        assert_eq!(asked.last().unwrap(), &asked[1], "{asked:?}");
    }
}

#[test]
fn two_listings_do_not_know_of_each_other() {
    let vendor = adapter();
    for _ in 0..2 {
        assert_eq!(follow(all_partners(&vendor), &[answer(200, &body(&["p1"], false))]).1, Ok(1));
    }
}

#[test]
fn a_page_that_cannot_be_read_is_an_error_and_no_end() {
    let unknown = |what: &str| Err(Outcome::Unknown { message: format!("status 200: {what}") });
    assert_eq!(read("<html>"), unknown("no `data`"));
    assert_eq!(read(r#"{"data":{"items":[{"key":"p1"}"#), unknown("no `data`"));
    assert_eq!(read(r#"{"data":{"has_more":false}}"#), unknown("no `data.items`"));
    assert_eq!(read(r#"{"data":{"items":[]}}"#), unknown("no `data.has_more`"));
    assert_eq!(read(r#"{"data":{"items":[{"name":"x"}],"has_more":true}}"#), unknown("a partnership without `key`"));
}

#[test]
fn a_failing_page_tells_why() {
    let read = |status, body| (all_partners(&adapter()).read)(&answer(status, body)).unwrap_err();
    assert_eq!(read(401, fixture!("401")), Outcome::AuthFailed { message: "status 401: Invalid credentials".into() });
    assert_eq!(read(429, ""), Outcome::Throttled { until: None });
    assert!(matches!(read(500, ""), Outcome::Unknown { .. }));
    assert!(matches!(read(404, "<html>"), Outcome::Retry { .. }));
}

#[test]
fn a_partner_is_told_with_whatever_the_vendor_shows() {
    let page = |body| paged((all_partners(&adapter()).read)(&answer(200, body)).unwrap()).0;
    let (first, last) = (page(fixture!("200_partnerships_first")), page(fixture!("200_partnerships_last")));
    let lines: Vec<_> = first.iter().chain(&last).map(shown).collect();
    assert_eq!(
        lines,
        [
            "acme | part_1 | Jane Doe | partner@acme.example | group_1 | active",
            "bolt & co | part_2 | Bolt | - | resellers | invited",
            "part_3 | - | - | - | - | -",
        ]
    );
}

#[test]
fn one_partner_is_read_by_key_or_address() {
    let url = |key: &str| {
        one_partner(&adapter(), key).request.url.expose().replace("https://api.partnerstack.com/api/v2/", "")
    };
    assert_eq!(url("acme"), "partnerships/acme");
    assert_eq!(url("partner@acme.example"), "partnerships/partner%40acme.example");
    assert_eq!(url("a/b?c"), "partnerships/a%2Fb%3Fc");
    let one = (one_partner(&adapter(), "acme").read)(&answer(200, fixture!("200_partnership"))).unwrap();
    assert_eq!(shown(&done(one)), "acme | part_4Xk2 | Jane Doe | partner@acme.example | group_1 | approved");
}

#[test]
fn what_names_no_partner_reaches_no_other_route() {
    assert!(adapter().ask("partners get", &values("", &[])).is_err());
    for key in [".", ".."] {
        let url = one_partner(&adapter(), key).request.url.expose().to_owned();
        assert!(url.ends_with("/api/v2/partnerships/%20"), "{url}");
    }
}

#[test]
fn an_unknown_partner_is_told_from_a_wrong_address() {
    let read = |status, body| (one_partner(&adapter(), "acme").read)(&answer(status, body)).unwrap_err();
    assert_eq!(
        read(404, fixture!("404")),
        Outcome::Missing { message: "status 404: no such partner; `trailmark partners list` shows the keys".into() }
    );
    assert!(matches!(read(404, "<html>"), Outcome::Retry { .. }));
    assert!(matches!(read(200, fixture!("200_partnerships_last")), Outcome::Unknown { .. }));
    assert!(matches!(read(403, fixture!("403")), Outcome::Forbidden { .. }));
}
