//! Partnerize's dialect `guide`: the users of seed 001 on an account of their own, and the webhooks that only the seed names.

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trailmark_simulator::{PARTNERIZE_APPLICATION_KEY, PARTNERIZE_USER_API_KEY};

use crate::client::{Double, Draft, Reply};
use crate::partnerize::settings;

fn call(double: &Double, method: &str, path: &str) -> Draft {
    let draft = double.draft(method, &format!("/partnerize-guide{path}")).header("user-agent", "test/1");
    draft.header("x-application-key", PARTNERIZE_APPLICATION_KEY).header("x-user-api-key", PARTNERIZE_USER_API_KEY)
}

async fn send(double: &Double, method: &str, path: &str, body: &Value) -> Reply {
    call(double, method, path).json(body).send().await
}

async fn get(double: &Double, path: &str) -> Reply {
    call(double, "GET", path).send().await
}

fn john() -> Value {
    json!({ "firstname": "John", "lastname": "Smith", "email": "john@example.com", "password": "SecurePass1!" })
}

#[tokio::test]
async fn keys_are_taken_from_headers_or_the_query_and_the_query_is_a_violation() {
    let double = Double::start().await;
    assert_eq!(
        get(&double, "/user/self").await.value(),
        json!({ "user": { "user_id": "123", "email": "user1@brand.example", "role": "admin" } })
    );
    let query = format!("application_key={PARTNERIZE_APPLICATION_KEY}&user_api_key={PARTNERIZE_USER_API_KEY}");
    let by_query = double.draft("GET", &format!("/partnerize-guide/user/self?{query}")).header("user-agent", "test/1");
    assert_eq!(by_query.send().await.status, StatusCode::OK);
    let list = double.control("GET", "violations", &Value::Null).await;
    assert_eq!((&list["total"], &list["violations"][0]["rule"]), (&json!(1), &json!("secret_in_address")));
    assert!(!list.to_string().contains(PARTNERIZE_USER_API_KEY));
    let basic =
        double.draft("GET", "/partnerize-guide/user/self").basic(PARTNERIZE_APPLICATION_KEY, PARTNERIZE_USER_API_KEY);
    assert_eq!(basic.send().await.status, StatusCode::UNAUTHORIZED, "Basic is not the guide's");
}

#[tokio::test]
async fn users_are_listed_by_page_and_count_until_a_page_is_short() {
    let double = Double::start().await;
    let (first, second) = (get(&double, "/user").await.value(), get(&double, "/user?page=2&count=100").await.value());
    assert_eq!((&first["count"], &second["count"]), (&json!(100), &json!(30)));
    assert_eq!((&first["users"][0]["user_id"], &second["users"][29]["user_id"]), (&json!("123"), &json!("252")));
    assert_eq!(get(&double, "/user?page=3").await.value(), json!({ "count": 0, "users": [] }));
    for wrong in ["count=101", "page=0", "limit=5"] {
        assert_eq!(get(&double, &format!("/user?{wrong}")).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    double.control("POST", "partnerize/users", &json!({ "add": 70, "account": "partnerize-guide" })).await;
    assert_eq!(get(&double, "/user?page=2").await.value()["count"], 100);
}

#[tokio::test]
async fn a_user_is_made_read_replaced_and_deleted_as_the_seed_says() {
    let double = Double::start().await;
    let made = send(&double, "POST", "/user", &john()).await.value()["user"].clone();
    assert_eq!((&made["status"], &made["role"], made.get("password")), (&json!("active"), &Value::Null, None));
    assert_eq!(double.effect("user.create", "john@example.com").await["effects"], 1);
    let path = format!("/user/{}", made["user_id"].as_str().unwrap());
    assert_eq!(get(&double, &path).await.value()["user"], made);
    assert_eq!(send(&double, "POST", "/user", &john()).await.status, StatusCode::BAD_REQUEST, "the address is taken");
    settings(&double, json!({ "password_chars": 30 })).await;
    let weak = send(&double, "POST", "/user", &john()).await;
    assert_eq!(weak.status, StatusCode::BAD_REQUEST);
    assert!(weak.value()["error"]["message"].as_str().unwrap().starts_with("password must have 30"), "{weak:?}");
    settings(&double, json!({ "password_chars": 1 })).await;
    for wrong in ["user_name", "address1"] {
        let mut body = john();
        body[wrong] = json!("x");
        assert_eq!(send(&double, "POST", "/user", &body).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let change = json!({ "firstname": "Jonathan", "status": "inactive" });
    let put = send(&double, "PUT", &path, &change).await.value()["user"].clone();
    assert_eq!(
        (&put["firstname"], &put["status"], &put["lastname"]),
        (&json!("Jonathan"), &json!("inactive"), &Value::Null),
        "reset"
    );
    assert_eq!(put["email"], "john@example.com");
    settings(&double, json!({ "put_resets": false })).await;
    let put = send(&double, "PUT", &path, &json!({ "lastname": "Smith" })).await.value()["user"].clone();
    assert_eq!((&put["firstname"], &put["status"]), (&json!("Jonathan"), &json!("inactive")), "kept");
    let gone = call(&double, "DELETE", &path).send().await;
    assert_eq!(gone.value(), json!({ "status": "success", "message": "User deleted." }));
    assert_eq!(get(&double, &path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(call(&double, "DELETE", &path).send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        double.draft("GET", "/control/state/partnerize").send().await.value()["users"].as_array().unwrap().len(),
        130
    );
}

#[tokio::test]
async fn keys_of_a_user_who_is_inactive_or_deleted_open_nothing() {
    let double = Double::start().await;
    let change = json!({ "status": "inactive" });
    assert_eq!(send(&double, "PUT", "/user/123", &change).await.status, StatusCode::OK);
    assert_eq!(get(&double, "/user").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(crate::partnerize::get(&double, "/network").await.status, StatusCode::OK, "the other account's own");
}

#[tokio::test]
async fn only_the_guides_account_tells_of_conversions() {
    let double = Double::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (came, mut bodies) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut chunk = vec![0; 8192];
            let size = stream.read(&mut chunk).await.unwrap();
            let text = String::from_utf8_lossy(&chunk[..size]).into_owned();
            stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            came.send(text.split_once("\r\n\r\n").unwrap().1.to_owned()).unwrap();
        }
    });
    for account in ["partnerize", "partnerize-guide"] {
        double.control("POST", "partnerize/webhooks", &json!({ "url": url, "account": account })).await;
        let click = double.control("POST", "partnerize/clicks", &json!({ "account": account })).await;
        let host = if account == "partnerize" { "prf" } else { "prf-guide" };
        let clickref = click["clickref"].as_str().unwrap();
        let path = format!("/{host}/conversion/tracking_mode:api/clickref:{clickref}/conversionref:{account}");
        assert!(!double.draft("GET", &path).send().await.body.is_empty());
        let body = json!({ "account": account });
        double.control("POST", &format!("partnerize/conversions/{account}/approve"), &body).await;
    }
    let mut told = Vec::new();
    for _ in 0..2 {
        let body: Value = serde_json::from_str(&bodies.recv().await.unwrap()).unwrap();
        told.push([body["event"].clone(), body["status"].clone(), body["conversion_reference"].clone()]);
    }
    let named = |event: &str, status: &str| [event, status, "partnerize-guide"].map(Value::from);
    assert_eq!(told, [named("conversion.pending", "pending"), named("conversion.approved", "approved")]);
}
