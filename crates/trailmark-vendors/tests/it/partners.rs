//! Partners, page by page to the vendor's own end, and one by one.

use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::paging::Pages;
use trailmark_vendors::records::Partner;

use super::{adapter, all_partners, answer, fixture, one_partner, partner, rendered};

fn told(partner: &Partner) -> String {
    let Partner { key, id, name, email, group, status, .. } = partner;
    let rest = [id, name, email, group, status].map(|field| field.as_deref().unwrap_or("-"));
    format!("{key} | {}", rest.join(" | "))
}

fn body(items: &[&str], has_more: bool) -> String {
    let items: Vec<_> = items.iter().map(|key| format!(r#"{{"key":"{key}"}}"#)).collect();
    format!(r#"{{"data":{{"items":[{}],"has_more":{has_more}}},"status":200}}"#, items.join(","))
}

fn read(body: &str) -> Result<Option<String>, Outcome> {
    let page = (all_partners(&adapter()).read)(&answer(200, body))?;
    Ok(page.next.map(|request| request.url.expose().to_owned()))
}

/// Follows a list through these answers; what was asked for, and how it ended.
fn follow(pages: &Pages, answers: &[Answer]) -> (Vec<String>, Result<usize, Outcome>) {
    let mut asked = vec![pages.first.url.expose().replace("https://api.partnerstack.com/api/v2/", "")];
    let mut partners = 0;
    for answer in answers {
        match (pages.read)(answer) {
            Err(outcome) => return (asked, Err(outcome)),
            Ok(page) => {
                partners += page.items.len();
                let Some(next) = page.next else { return (asked, Ok(partners)) };
                asked.push(next.url.expose().replace("https://api.partnerstack.com/api/v2/", ""));
            }
        }
    }
    panic!("asked for another page after the last: {asked:?}");
}

#[test]
fn the_first_page_asks_for_as_many_as_the_vendor_allows() {
    let expected = "GET https://api.partnerstack.com/api/v2/partnerships?limit=250
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
";
    assert_eq!(rendered(&all_partners(&adapter()).first), expected);
}

#[test]
fn pages_follow_the_key_of_the_last_item_to_the_end() {
    let answers = [answer(200, fixture!("200_partnerships_first")), answer(200, fixture!("200_partnerships_last"))];
    let (asked, end) = follow(&all_partners(&adapter()), &answers);
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
fn an_empty_page_ends_the_list_whatever_it_promises() {
    assert_eq!(read(&body(&[], true)), Ok(None));
    assert_eq!(read(&body(&[], false)), Ok(None));
    let answers = [answer(200, &body(&["p1"], true)), answer(200, &body(&[], true))];
    assert_eq!(follow(&all_partners(&adapter()), &answers).1, Ok(1));
}

#[test]
fn a_list_that_comes_back_to_itself_ends_with_an_error() {
    let message = "status 200: a partnership that an earlier page had; the list has no end".to_owned();
    let repeated = [answer(200, &body(&["p1"], true)), answer(200, &body(&["p1"], true))];
    assert_eq!(follow(&all_partners(&adapter()), &repeated).1, Err(Outcome::Unknown { message: message.clone() }));
    let circle = ["p1", "p2", "p1"].map(|key| answer(200, &body(&[key], true)));
    assert_eq!(follow(&all_partners(&adapter()), &circle).1, Err(Outcome::Unknown { message }));
}

#[test]
fn two_listings_do_not_know_of_each_other() {
    let vendor = adapter();
    for _ in 0..2 {
        assert_eq!(follow(&all_partners(&vendor), &[answer(200, &body(&["p1"], false))]).1, Ok(1));
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
    let first = (all_partners(&adapter()).read)(&answer(200, fixture!("200_partnerships_first"))).unwrap();
    let last = (all_partners(&adapter()).read)(&answer(200, fixture!("200_partnerships_last"))).unwrap();
    let lines: Vec<_> = first.items.into_iter().chain(last.items).map(|item| told(&partner(item))).collect();
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
    let shown = (one_partner(&adapter(), "acme").read)(&answer(200, fixture!("200_partnership"))).unwrap();
    assert_eq!(told(&partner(shown)), "acme | part_4Xk2 | Jane Doe | partner@acme.example | group_1 | approved");
}

#[test]
fn what_names_no_partner_reaches_no_other_route() {
    for key in ["", ".", ".."] {
        let url = one_partner(&adapter(), key).request.url.expose().to_owned();
        assert!(url.ends_with("/api/v2/partnerships/%20"), "{url}");
    }
}

#[test]
fn an_unknown_partner_is_told_from_a_wrong_address() {
    let read = |status, body| (one_partner(&adapter(), "acme").read)(&answer(status, body)).unwrap_err();
    assert_eq!(read(404, fixture!("404")), Outcome::Rejected { message: "status 404: no such partner".into() });
    assert!(matches!(read(404, "<html>"), Outcome::Retry { .. }));
    assert!(matches!(read(200, fixture!("200_partnerships_last")), Outcome::Unknown { .. }));
    assert!(matches!(read(403, fixture!("403")), Outcome::Forbidden { .. }));
}
