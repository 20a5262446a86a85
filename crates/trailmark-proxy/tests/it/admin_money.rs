//! Sums of what partners brought, troubles, and the history of one conversion, over the operator's API.

use serde_json::json;

use super::money_operator::held_sale;
use super::support::operator::Office;

// field-faults row 82
#[tokio::test]
async fn sums_name_their_time_and_a_wrong_question_names_its_parameter() {
    let office = Office::open().await;
    office.signup(1).await;
    let sums = office.get("/v1/sums").await.json();
    assert_eq!((&sums["rows"], &sums["conversions"], &sums["next"]), (&json!([]), &json!(1), &json!(null)));
    let later = office.get("/v1/sums?since=2100-01-01").await.json();
    assert_eq!((&later["conversions"], &later["reaches_back_to"]), (&json!(0), &json!(null)));
    for (query, named) in [
        ("since=yesterday", "since"),
        ("until=2026-11-31", "until"),
        ("cursor=1", "cursor"),
        ("site=No%20Site", "site"),
        ("partner=ada", "partner"),
    ] {
        let refused = office.get(&format!("/v1/sums?{query}")).await;
        assert_eq!(refused.code(), "400 malformed", "{query}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(named), "{query}: {refused:?}");
    }
}

// field-faults row 83
#[tokio::test]
async fn what_is_held_is_listed_among_what_needs_attention() {
    let office = Office::open().await;
    assert_eq!(office.get("/v1/troubles").await.json(), json!([]));
    held_sale(&office, 1).await;
    let troubles = office.get("/v1/troubles").await.json();
    assert_eq!((&troubles[0]["tone"], &troubles[0]["list"]), (&json!("waiting"), &json!({ "conversions": "held" })));
    assert_eq!(troubles.as_array().unwrap().len(), 1);
}

// field-faults rows 81 and 84
#[tokio::test]
async fn a_history_begins_with_the_answer_of_the_list_and_tells_what_explain_tells() {
    let office = Office::open().await;
    let id = held_sale(&office, 1).await;
    let history = office.get(&format!("/v1/conversions/{id}/history")).await.json();
    let listed = office.get("/v1/conversions").await.json()["items"][0].clone();
    assert_eq!((&history["answer"], &history["credited"]), (&listed["answer"], &listed["credited"]));
    assert!(listed["credited"].as_str().unwrap().starts_with("nobody yet; would be ada"), "{listed}");
    let text = office.get(&format!("/v1/conversions/{id}/explain")).await.body;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(history["subject"].as_str().unwrap()), "{history}");
    let sections = history["sections"].as_array().unwrap();
    let lines = sections.iter().flat_map(|section| section["lines"].as_array().unwrap());
    for line in lines.clone() {
        let said = line["text"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&said), "{said} in {text}");
    }
    assert!(sections.len() >= 2 && lines.count() >= 3, "{history}");
}

#[tokio::test]
async fn a_search_in_a_body_gives_csv_where_that_is_wanted() {
    let office = Office::open().await;
    let id = office.signup(1).await;
    let request = office.proxy.http.post(office.url("/v1/conversions/search")).header("accept", "text/csv");
    let asked = json!({ "q": "ADA@example.com" }).to_string();
    let answer = office.proxy.send(request.header("content-type", "application/json").body(asked)).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert!(answer.body.contains(&id) && answer.body.split("\r\n").count() == 3, "{}", answer.body);
}
