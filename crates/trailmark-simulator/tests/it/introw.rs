//! Introw: its list of partners against the schema of seed 003, and what happens to partners.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::INTROW_API_KEY;

use crate::client::{Double, Draft, Reply};

pub(crate) const API: &str = "/introw/api/v1";

/// Members of a partner by seed 003: `?` marks what may be null. The first four are required, no other may be there.
const PARTNER: [(&str, &str); 18] = [
    ("id", "text"),
    ("name", "text?"),
    ("domain", "text?"),
    ("createdAt", "time?"),
    ("externalCompanyId", "text?"),
    ("externalId", "text?"),
    ("externalIdType", "text?"),
    ("managerEmail", "text?"),
    ("categories", "texts"),
    ("tierId", "text?"),
    ("phaseId", "text?"),
    ("owner", "record?"),
    ("manager", "record?"),
    ("partnerObjectCrmProperties", "record?"),
    ("companyCrmProperties", "record?"),
    ("crmProperties", "record?"),
    ("status", "status"),
    ("updatedAt", "time"),
];

/// A call as a server of a merchant makes it.
pub(crate) fn call(double: &Double, method: &str, path: &str) -> Draft {
    let draft = double.draft(method, path).header("x-api-key", INTROW_API_KEY);
    draft.header("accept", "application/json").header("user-agent", "test/1")
}

pub(crate) async fn send(double: &Double, method: &str, path: &str, body: &Value) -> Reply {
    call(double, method, &format!("{API}{path}")).json(body).send().await
}

pub(crate) async fn get(double: &Double, path: &str) -> Reply {
    call(double, "GET", &format!("{API}{path}")).send().await
}

pub(crate) async fn settings(double: &Double, change: Value) -> Value {
    double.control("POST", "introw/settings", &change).await
}

pub(crate) async fn state(double: &Double) -> Value {
    double.control("GET", "state/introw", &Value::Null).await
}

/// The error of an answer with this status, after a check of its envelope.
pub(crate) fn refused(reply: &Reply, status: u16) -> Value {
    let envelope = reply.value();
    assert_eq!(reply.status.as_u16(), status, "{envelope}");
    assert_eq!(envelope.as_object().unwrap().len(), 1, "{envelope}");
    let error = envelope["error"].as_object().unwrap();
    assert!(error.keys().all(|name| ["code", "message", "details"].contains(&name.as_str())), "{envelope}");
    assert!(error["code"].is_string() && error["message"].is_string(), "{envelope}");
    envelope["error"].clone()
}

fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect();
    let part = |from: usize| text[from..from + 2].parse::<u32>().unwrap();
    shape == "0000-00-00T00:00:00.000Z" && (1..=12).contains(&part(5)) && (1..=31).contains(&part(8)) && part(11) < 24
}

fn check_partner(partner: &Value) {
    let members = partner.as_object().unwrap();
    assert!(PARTNER[..4].iter().all(|(name, _)| members.contains_key(*name)), "{partner}");
    for (name, value) in members {
        let kind = PARTNER.iter().find_map(|(known, kind)| (known == name).then_some(*kind)).unwrap_or("unknown");
        let is_right = match kind.trim_end_matches('?') {
            _ if value.is_null() => kind.ends_with('?'),
            "text" => value.is_string(),
            "texts" => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
            "time" => value.as_str().is_some_and(is_time),
            "status" => value == "active" || value == "inactive",
            "record" => value.is_object(),
            _ => false,
        };
        assert!(is_right, "{name}: {partner}");
    }
}

/// Checks a page against the schema and returns its partners and cursor.
fn page(reply: &Reply) -> (Vec<Value>, Option<String>) {
    assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    for name in ["x-ratelimit-limit-minute", "x-ratelimit-remaining-minute"] {
        assert!(reply.header(name).unwrap().parse::<u64>().is_ok(), "{name}");
    }
    let body = reply.value();
    assert_eq!((body.as_object().unwrap().len(), body["pagination"].as_object().unwrap().len()), (2, 1), "{body}");
    let partners = body["data"].as_array().unwrap().clone();
    partners.iter().for_each(check_partner);
    let cursor = &body["pagination"]["nextCursor"];
    assert!(cursor.is_string() || cursor.is_null(), "{body}");
    (partners, cursor.as_str().map(str::to_owned))
}

/// Every page from the first one; the path has `?limit=`.
async fn pages(double: &Double, path: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let (partners, next) = page(&call(double, "GET", &format!("{path}{cursor}")).send().await);
        pages.push(partners);
        let Some(next) = next else { return pages };
        cursor = format!("&cursor={next}");
    }
}

fn ids(pages: &[Vec<Value>]) -> Vec<String> {
    pages.iter().flatten().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_page_of_either_account_is_valid_against_the_schema_of_the_seed() {
    let double = Double::start().await;
    for account in ["introw", "introw-guide"] {
        let path = format!("/{account}/api/v1/partners");
        let (first, next) = page(&call(&double, "GET", &path).send().await);
        assert_eq!((first.len(), next.is_some()), (25, true));
        for (limit, count) in [(25, 3), (100, 1), (10, 7)] {
            let pages = pages(&double, &format!("{path}?limit={limit}")).await;
            assert_eq!((pages.len(), pages.iter().map(Vec::len).sum::<usize>()), (count, 68), "{limit}");
            assert_eq!(ids(&pages).into_iter().collect::<BTreeSet<_>>().len(), 68);
            let all: Vec<&Value> = pages.iter().flatten().collect();
            assert!(all.iter().any(|one| one["name"].is_null() && one["createdAt"].is_null()));
            assert!(all.iter().any(|one| one["status"] == "inactive"));
        }
    }
}

#[tokio::test]
async fn a_last_page_that_is_full_has_no_cursor() {
    let double = Double::start().await;
    double.control("POST", "introw/partners", &json!({ "add": 7 })).await;
    let pages = pages(&double, &format!("{API}/partners?limit=25")).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 25]);
}

#[tokio::test]
async fn a_page_is_asked_for_with_a_limit_and_a_cursor_of_this_list_and_nothing_else() {
    let double = Double::start().await;
    let (_, cursor) = page(&get(&double, "/partners?limit=1").await);
    let cursor = cursor.unwrap();
    let bad = [
        "limit=0",
        "limit=101",
        "limit=",
        "limit=%2B5",
        "limit=ten",
        "limit=1.0",
        "limit=5&limit=5",
        "cursor=",
        "cursor=x",
        "page=2",
        "status=active",
        "starting_after=x",
        "LIMIT=5",
    ];
    for query in bad {
        let error = refused(&get(&double, &format!("/partners?{query}")).await, 422);
        let name = query.split('=').next().unwrap();
        assert_eq!(error["details"][0]["path"], json!([name]), "{error}");
    }
    refused(&get(&double, &format!("/payouts?cursor={cursor}")).await, 422);
    let (second, _) = page(&get(&double, &format!("/partners?limit=1&cursor={cursor}")).await);
    assert_eq!(page(&get(&double, &format!("/partners?cursor={cursor}")).await).0[0], second[0]);
}

#[tokio::test]
async fn a_list_that_changes_under_its_reader_shows_everybody_who_stays_once() {
    let double = Double::start().await;
    let all = async || -> BTreeSet<String> {
        ids(&pages(&double, &format!("{API}/partners?limit=100")).await).into_iter().collect()
    };
    let before = all().await;
    let each = |number: u64| json!({ "add": number, "remove": number, "after_each_page": true });
    double.control("POST", "introw/partners", &each(2)).await;
    let seen = ids(&pages(&double, &format!("{API}/partners?limit=10")).await);
    double.control("POST", "introw/partners", &each(0)).await;
    let (after, distinct) = (all().await, seen.iter().cloned().collect::<BTreeSet<String>>());
    assert_eq!(distinct.len(), seen.len());
    let stayed: BTreeSet<String> = before.intersection(&after).cloned().collect();
    assert!(distinct.is_superset(&stayed) && stayed.len() < before.len(), "some have left by then");
    assert!(distinct.difference(&before).count() > 0, "some have come");
}

#[tokio::test]
async fn a_partner_is_created_matched_by_domain_or_name_and_changed() {
    let double = Double::start().await;
    let body = json!({ "name": "Acme", "domain": "acme.example", "tierId": "tier_gold" });
    let made = send(&double, "POST", "/partners", &body).await;
    let partner = made.value()["data"].clone();
    assert_eq!(
        (made.status.as_u16(), &partner["tierId"], &partner["status"]),
        (201, &json!("tier_gold"), &json!("active"))
    );
    check_partner(&partner);
    let own = format!("/partners/{}", partner["id"].as_str().unwrap());

    let again = send(&double, "POST", "/partners", &body).await;
    assert_eq!((again.status.as_u16(), &again.value()["data"]), (200, &partner));
    for (body, name) in [
        (json!({ "name": "Acme Group", "domain": "ACME.example" }), "Acme Group"),
        (json!({ "name": "acme group", "domain": null }), "acme group"),
    ] {
        let matched = send(&double, "POST", "/partners", &body).await;
        assert_eq!((matched.status.as_u16(), &matched.value()["data"]["id"]), (200, &partner["id"]));
        assert_eq!(get(&double, &own).await.value()["data"]["name"], name);
    }
    assert_eq!(double.effect("partner.create", "Acme").await["effects"], 1);

    let changed = send(&double, "PATCH", &own, &json!({ "domain": "new.example" })).await;
    assert_eq!(
        (&changed.value()["data"]["domain"], &changed.value()["data"]["name"]),
        (&json!("new.example"), &json!("acme group"))
    );
    refused(&call(&double, "DELETE", &format!("{API}{own}")).send().await, 404);
    assert_eq!(get(&double, "/partners/partner_1").await.value()["data"]["externalId"], "partner_1");
    refused(&get(&double, "/partners/nobody").await, 404);
}

#[tokio::test]
async fn what_no_document_allows_in_a_partner_is_refused() {
    let double = Double::start().await;
    let long = "x".repeat(201);
    let bad = [
        (json!({}), "name"),
        (json!({ "domain": "a.example" }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": long }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "name": "A", "domain": "" }), "domain"),
        (json!({ "name": "A", "tierId": "tier_none" }), "tierId"),
        (json!({ "name": "A", "portalAccess": "EVERYBODY" }), "portalAccess"),
        (json!({ "name": "A", "status": "inactive" }), "status"),
        (json!({ "name": "A", "email": "a@b.example" }), "email"),
    ];
    for (body, field) in bad {
        let error = refused(&send(&double, "POST", "/partners", &body).await, 422);
        assert!(error["message"].as_str().unwrap().contains(field) || body == json!({}), "{body}: {error}");
    }
    for body in [json!({}), json!({ "status": "inactive" }), json!({ "name": null })] {
        refused(&send(&double, "PATCH", "/partners/partner_1", &body).await, 422);
    }
    assert_eq!(state(&double).await["partners"].as_array().unwrap().len(), 68);
}

#[tokio::test]
async fn without_dedupe_a_double_send_makes_two_partners() {
    let double = Double::start().await;
    settings(&double, json!({ "dedupe": false })).await;
    for _ in 0..2 {
        assert_eq!(send(&double, "POST", "/partners", &json!({ "name": "Acme" })).await.status, StatusCode::CREATED);
    }
    assert_eq!(double.effect("partner.create", "Acme").await["effects"], 2);
}

#[tokio::test]
async fn a_new_partner_is_seen_late_if_so_set_and_is_matched_before() {
    let double = Double::start().await;
    settings(&double, json!({ "visible_after_ms": 60_000 })).await;
    let body = json!({ "name": "Acme" });
    let id = send(&double, "POST", "/partners", &body).await.value()["data"]["id"].as_str().unwrap().to_owned();
    refused(&get(&double, &format!("/partners/{id}")).await, 404);
    assert_eq!(ids(&pages(&double, &format!("{API}/partners?limit=100")).await).len(), 68);
    assert_eq!(send(&double, "POST", "/partners", &body).await.status, StatusCode::OK);
    double.advance(60_000).await;
    assert_eq!(ids(&pages(&double, &format!("{API}/partners?limit=100")).await).last(), Some(&id));
}

#[tokio::test]
async fn people_make_partners_inactive_or_take_them_away() {
    let double = Double::start().await;
    let path = "introw/partners/partner_1";
    for (word, status) in [("archive", "inactive"), ("restore", "active")] {
        double.control("POST", &format!("{path}/{word}"), &json!({})).await;
        assert_eq!(get(&double, "/partners/partner_1").await.value()["data"]["status"], status);
    }
    double.control("POST", &format!("{path}/remove"), &json!({})).await;
    refused(&get(&double, "/partners/partner_1").await, 404);
    let (first, _) = page(&call(&double, "GET", "/introw-guide/api/v1/partners").send().await);
    assert_ne!(first[0]["externalId"], "partner_1");
}

#[tokio::test]
async fn the_guide_answers_every_call_on_an_account_of_its_own() {
    let double = Double::start().await;
    let click = json!({ "link": "alder-advisory", "account": "introw-guide" });
    let click = double.control("POST", "introw/clicks", &click).await;
    let body = json!({ "clickId": click["irw_id"] });
    for (account, word) in [("introw", "ignored"), ("introw-guide", "recorded")] {
        let answer =
            call(&double, "POST", &format!("/{account}/api/v1/affiliate/conversions")).json(&body).send().await;
        assert_eq!(answer.value()["status"], word, "{account}");
    }
    assert_eq!(call(&double, "GET", "/introw-guide/api/v1/payouts").send().await.status, 200);
}
