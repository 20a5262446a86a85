//! Lists of every double that change by the same control call, at once and after each page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{
    INTROW_API_KEY, PARTNERIZE_APPLICATION_KEY, PARTNERIZE_CAMPAIGN, PARTNERIZE_USER_API_KEY, PARTNERO_API_KEY,
    PRIVATE_KEY, PUBLIC_KEY,
};

use crate::client::Double;

/// A list: its account, the control route, the path of its first page, credentials, and the place of its items.
type Place = (&'static str, &'static str, String, Vec<(&'static str, String)>, &'static str);

fn places() -> Vec<Place> {
    let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let stack = || vec![("authorization", basic(PUBLIC_KEY, PRIVATE_KEY))];
    let ize = || vec![("authorization", basic(PARTNERIZE_APPLICATION_KEY, PARTNERIZE_USER_API_KEY))];
    let guide = || {
        let keys = [("x-application-key", PARTNERIZE_APPLICATION_KEY), ("x-user-api-key", PARTNERIZE_USER_API_KEY)];
        keys.map(|(name, key)| (name, key.to_owned())).to_vec()
    };
    let row = || vec![("x-api-key", INTROW_API_KEY.to_owned())];
    let nero = || vec![("authorization", format!("Bearer {PARTNERO_API_KEY}"))];
    let path = str::to_owned;
    let publishers = format!("/campaign/{PARTNERIZE_CAMPAIGN}/publisher?limit=300");
    vec![
        ("partnerstack", "partnerstack/partners", path("/api/v2/partnerships?limit=250"), stack(), "/data/items"),
        ("partnerstack-guide", "partnerstack/partners", path("/api/v2/partners?limit=100"), stack(), "/data/items"),
        ("partnerize", "partnerize/partners", publishers.clone(), ize(), "/publishers"),
        ("partnerize-guide", "partnerize/partners", publishers, guide(), "/publishers"),
        ("partnerize-guide", "partnerize/users", path("/user?page=2"), guide(), "/users"),
        ("introw", "introw/partners", path("/api/v1/partners?limit=100"), row(), "/data"),
        ("introw-guide", "introw/partners", path("/api/v1/partners?limit=100"), row(), "/data"),
        ("partnero", "partnero/partners", path("/v1/partners?limit=100"), nero(), "/data"),
        ("partnero-guide", "partnero/partners", path("/v1/partners?limit=100"), nero(), "/data"),
    ]
}

#[tokio::test]
async fn people_join_and_leave_every_list_at_once_or_after_each_page() {
    let double = Double::start().await;
    for (account, route, path, headers, items) in places() {
        let count = async || {
            let draft = double.draft("GET", &format!("/{account}{path}")).header("accept", "application/json");
            let draft = headers.iter().fold(draft, |draft, (name, value)| draft.header(name, value));
            let page = draft.send().await.value();
            page.pointer(items).and_then(Value::as_array).unwrap_or_else(|| panic!("{account}: {page}")).len()
        };
        let change = async |add: u64, remove: u64, later: bool| {
            let body = json!({ "add": add, "remove": remove, "after_each_page": later, "account": account });
            double.control("POST", route, &body).await
        };
        let before = count().await;
        let changed = change(5, 2, false).await;
        let ids = |member: &str| changed[member].as_array().unwrap().len();
        assert_eq!((ids("joined"), ids("left")), (5, 2), "{account}: {changed}");
        assert_eq!(count().await, before + 3, "{account}");
        change(2, 1, true).await;
        assert_eq!([count().await, count().await, count().await], [before + 3, before + 4, before + 5], "{account}");
        change(0, 0, true).await;
        assert_eq!([count().await, count().await], [before + 6, before + 6], "{account}");
    }
}

#[tokio::test]
async fn a_list_that_a_vendor_does_not_have_cannot_change() {
    let double = Double::start().await;
    for (path, body) in [
        ("introw/users", json!({ "add": 1 })),
        ("partnero/partners", json!({ "add": 100_001 })),
        ("partnero/partners", json!({ "add": 1, "account": "introw" })),
        ("partnero/partners", json!({ "count": 1 })),
    ] {
        let refused = double.draft("POST", &format!("/control/{path}")).json(&body).send().await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path} {body}");
    }
}
