//! The operator's lists: paging to the end, by time, by any name, and as CSV; each conversion has its answer.

use serde_json::{Value, json};

use super::money_operator::held_sale;
use super::support::browser::{arrival, jti, landing, signup, token};
use super::support::operator::Office;
use trailmark_proxy::keys::crypto::sha256;
use trailmark_wire::base64url::encode;

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

// field-faults row 80
#[tokio::test]
async fn a_list_is_read_to_its_end_by_cursor() {
    let office = Office::open().await;
    let mut made = Vec::new();
    for number in 1..=3 {
        made.push(office.signup(number).await);
        office.proxy.clock.advance(1);
    }
    made.reverse();
    let first = office.get("/v1/conversions?limit=2").await.json();
    assert_eq!(ids(&first), made[..2]);
    let rest = office.get(&format!("/v1/conversions?limit=2&cursor={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!((ids(&rest), &rest["next"]), (made[2..].to_vec(), &json!(null)));
    for list in ["touches", "deliveries"] {
        let first = office.get(&format!("/v1/{list}?limit=2")).await.json();
        let next = first["next"].as_str().unwrap();
        let rest = office.get(&format!("/v1/{list}?cursor={next}")).await.json();
        assert_eq!((ids(&first).len(), ids(&rest).len(), &rest["next"]), (2, 1, &json!(null)), "{list}");
    }
}

// field-faults row 80
#[tokio::test]
async fn a_list_is_bounded_in_time_and_searched_by_id_key_email_and_partner() {
    let office = Office::open().await;
    let first = office.signup(1).await;
    office.proxy.clock.advance(60_000);
    let between = office.proxy.now().to_rfc3339();
    let second = office.signup(2).await;
    let found = async |query: &str| ids(&office.get(&format!("/v1/conversions?{query}")).await.json());
    assert_eq!(found(&format!("since={between}")).await, std::slice::from_ref(&second));
    assert_eq!(found(&format!("until={between}")).await, std::slice::from_ref(&first));
    for name in [&first[..18], "u_1"] {
        assert_eq!(found(&format!("q={name}")).await, std::slice::from_ref(&first), "{name}");
    }
    let both = [second, first];
    assert_eq!(found("q=ada").await, both, "a partner's");
    assert_eq!(found("q=ADA%40example.com").await, both, "a customer's address");
    assert_eq!(found("q=grace").await, [""; 0]);
    for (query, named) in [
        ("since=yesterday", "2026-11-21"),
        ("cursor=2", "cursor"),
        ("since=2026-11-22&until=2026-11-21", "must be before"),
        ("format=xml", "json or csv"),
        ("sinse=2026-11-22", "sinse"),
        ("limit=all", "limit"),
    ] {
        let refused = office.get(&format!("/v1/conversions?{query}")).await;
        assert_eq!(refused.code(), "400 malformed", "{query}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(named), "{query}: {refused:?}");
    }
}

// field-faults row 55
#[tokio::test]
async fn each_conversion_comes_with_its_answer() {
    let office = Office::open().await;
    let signup = office.signup(1).await;
    let sale = held_sale(&office, 2).await;
    let list = office.get("/v1/conversions").await.json();
    let of = |id: &str| list["items"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()["answer"].clone();
    assert_eq!((&of(&signup)["headline"], &of(&signup)["tone"]), (&json!("Waiting"), &json!("waiting")));
    assert_eq!((&of(&sale)["headline"], &of(&sale)["tone"]), (&json!("Not paid"), &json!("bad")));
    let cure = of(&sale)["cure"].as_str().unwrap().to_owned();
    assert!(cure.contains(&format!("conversions release {sale}")), "{cure}");
    assert_eq!(office.get(&format!("/v1/conversions/{sale}")).await.json()["answer"], of(&sale));
}

// field-faults row 80
#[tokio::test]
async fn what_is_listed_comes_as_csv_to_its_end() {
    let office = Office::open().await;
    let (first, second) = (office.signup(1).await, office.signup(2).await);
    let by_query = office.get("/v1/conversions?format=csv").await;
    let request = office.proxy.http.get(office.url("/v1/conversions")).header("accept", "text/csv");
    let by_accept = office.proxy.send(request).await;
    assert_eq!(by_query.body, by_accept.body);
    let lines: Vec<&str> = by_query.body.split("\r\n").collect();
    assert_eq!((lines.len(), lines[0].split(',').next()), (4, Some("received_at")));
    for id in [&first, &second] {
        assert!(lines.iter().any(|line| line.contains(id) && line.contains(",signup,u_")), "{lines:?}");
    }
    let bounded = office.get("/v1/conversions?format=csv&limit=1").await.body;
    assert_eq!(bounded.split("\r\n").count(), 3, "{bounded}");
    assert_eq!(office.get("/v1/conversions?format=csv&status=rejected").await.body.split("\r\n").count(), 2);
    assert!(!by_query.body.contains('@'));
}

// field-faults row 85
#[tokio::test]
async fn a_page_and_the_ledger_call_a_conversion_by_one_id_unless_somebody_took_it_before() {
    let office = Office::open().await;
    let post = async |visitor: u8, customer: &str| {
        let arrived =
            office.proxy.post("v1/clicks", arrival(visitor, &landing(&format!("click{visitor}"))).to_string());
        let token = token(&arrived.await);
        let payload = json!({
            "jti": jti(1), "iat": office.proxy.now().seconds(), "aud": "acme",
            "ath": encode(&sha256(token.as_bytes())), "token": token, "data": signup(customer),
        });
        let answer = office.proxy.post("v1/conversions", payload.to_string()).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["conversion_id"].clone()
    };
    assert_eq!(post(1, "u_1").await, json!(jti(1)));
    let other = post(2, "u_2").await;
    assert_ne!(other, json!(jti(1)), "another visitor chose the same id");
    let list = office.get("/v1/conversions?q=u_2").await.json();
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["page_id"]), (&other, &json!(jti(1))));
    let own = office.get("/v1/conversions?q=u_1").await.json();
    assert_eq!((&own["items"][0]["id"], &own["items"][0]["page_id"]), (&json!(jti(1)), &json!(null)));
}
