//! Partnero: signed webhooks, what people do in the dashboard, partners' links, and what a restart keeps.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use aws_lc_rs::hmac;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use trailmark_simulator::{PARTNERO_WEBHOOK_SECRET, Settings};

use crate::client::Double;
use crate::partnero::{data, done, get, partner, refusal, refused, send, settings, state};

/// Header and raw body of a webhook.
type Webhook = (String, Vec<u8>);

/// Listens for webhooks and answers each with 204; gives the address and each webhook as it came.
async fn listener() -> (String, UnboundedReceiver<Webhook>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (came, webhooks) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            let webhook = loop {
                let mut chunk = [0; 4096];
                let size = stream.read(&mut chunk).await.unwrap();
                read.extend_from_slice(&chunk[..size]);
                let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                let (head, body) = (String::from_utf8(read[..end].to_vec()).unwrap(), &read[end + 4..]);
                if serde_json::from_slice::<Value>(body).is_ok() {
                    break (head, body.to_vec());
                }
            };
            stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            came.send(webhook).unwrap();
        }
    });
    (url, webhooks)
}

/// The body of a webhook, after a check of its signature over the raw bytes.
fn verified((head, body): &Webhook, secret: &str) -> Value {
    let header = head.lines().find_map(|line| line.strip_prefix("signature: ")).unwrap();
    assert_eq!((header.len(), header), (64, header.to_lowercase().as_str()));
    let bytes: Vec<u8> =
        (0..32).map(|place| u8::from_str_radix(&header[2 * place..2 * place + 2], 16).unwrap()).collect();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body, &bytes).unwrap();
    serde_json::from_slice(body).unwrap()
}

/// The next event and its data, signed with the secret of the control route.
async fn next(webhooks: &mut UnboundedReceiver<Webhook>) -> (String, Value) {
    let body = verified(&webhooks.recv().await.unwrap(), PARTNERO_WEBHOOK_SECRET);
    (body["event"].as_str().unwrap().to_owned(), body["data"].clone())
}

#[tokio::test]
async fn a_registered_webhook_hears_its_events_signed_with_its_own_secret() {
    let double = Double::start().await;
    let (url, mut webhooks) = listener().await;
    let body =
        json!({ "name": "ours", "url": url, "events": ["customer.created", "transaction.created"], "key": "w_1" });
    let made = data(&send(&double, "POST", "webhooks", &body).await, 201);
    let names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["key", "name", "url", "is_active", "signature", "events"]);
    let secret = made["signature"].as_str().unwrap();
    let unheard = json!({ "name": "idle", "url": "https://elsewhere.example/", "events": ["customer.created"], "is_active": false });
    let unheard = data(&send(&double, "POST", "webhooks", &unheard).await, 201);
    assert_ne!(unheard["signature"], made["signature"]);
    partner(&double, json!({ "email": "a@partners.example" })).await;
    let sale = json!({
        "key": "order_1", "amount": 10, "options": { "create_customer": true },
        "customer": { "key": "ü_1", "partner": { "key": "amiraito" } },
    });
    let shown = data(&send(&double, "POST", "transactions", &sale).await, 201);
    let first = verified(&webhooks.recv().await.unwrap(), secret);
    let members: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["event", "url", "webhook_key", "created_at", "data"]);
    assert_eq!((&first["event"], &first["data"]["key"]), (&json!("customer.created"), &json!("ü_1")));
    let second = verified(&webhooks.recv().await.unwrap(), secret);
    assert_eq!((&second["event"], &second["data"]), (&json!("transaction.created"), &shown));
    assert_eq!((&second["data"]["partner"], &second["webhook_key"]), (&json!("partner_1"), &json!("w_1")));
    assert_eq!((&second["url"], &second["created_at"]), (&json!(url), &second["data"]["created_at"]));
}

#[tokio::test]
async fn webhooks_are_listed_read_and_deleted_and_bad_ones_refused() {
    let double = Double::start().await;
    let good =
        json!({ "name": "ours", "url": "https://shop.example/hook", "events": ["partner.created"], "key": "w_1" });
    let made = data(&send(&double, "POST", "webhooks", &good).await, 201);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body["key"] = json!("w_2");
        body[name] = value;
        body
    };
    let cases = [
        ("key", with("key", json!("w_1"))),
        ("name", with("name", json!("n".repeat(101)))),
        ("url", with("url", json!("shop.example/hook"))),
        ("url", with("url", json!("ftp://shop.example/hook"))),
        ("events", with("events", json!([]))),
        ("events", with("events", json!(["subscriber.created"]))),
        ("events", with("events", json!(["customer.credited"]))),
        ("events", with("events", json!(["reward.paid"]))),
        ("is_active", with("is_active", json!("yes"))),
        ("secret", with("secret", json!("mine"))),
    ];
    for (field, body) in cases {
        let (status, _, named) = refused(&send(&double, "POST", "webhooks", &body).await);
        assert_eq!((status, named.as_deref()), (422, Some(field)), "{body}");
    }
    let list = get(&double, "webhooks").await.value();
    assert_eq!((&list["data"], &list["meta"]["per_page"]), (&json!([made]), &json!(10)));
    assert_eq!(refused(&get(&double, "webhooks?limit=9").await).0, 422);
    assert_eq!(data(&get(&double, "webhooks/w_1").await, 200), made);
    assert_eq!(refused(&send(&double, "PUT", "webhooks/w_1", &good).await).0, 405);
    done(&send(&double, "DELETE", "webhooks/w_1", &Value::Null).await);
    for method in ["GET", "DELETE"] {
        let gone = refused(&send(&double, method, "webhooks/w_1", &Value::Null).await);
        assert_eq!(gone, refusal(404, "webhook not found", None));
    }
}

#[tokio::test]
async fn what_people_decide_is_told_and_a_written_body_is_signed_too() {
    let double = Double::start().await;
    let (url, mut webhooks) = listener().await;
    data(&send(&double, "POST", "customers", &json!({ "key": "u_1", "partner": { "id": "partner_1" } })).await, 201);
    let sale = json!({ "key": "order_1", "amount": 10, "customer": { "key": "u_1" } });
    data(&send(&double, "POST", "transactions", &sale).await, 201);
    double.control("POST", "partnero/webhooks", &json!({ "url": url })).await;
    let decide = async |path: &str| double.control("POST", &format!("partnero/{path}"), &json!({})).await;
    for (path, event) in [
        ("partners/partner_9/approve", "partner.approved"),
        ("partners/belaito/reject", "partner.rejected"),
        ("partners/partner_1/archive", "partner.archived"),
        ("transactions/order_1/delete", "transaction.deleted"),
        ("customers/u_1/delete", "customer.deleted"),
        ("partners/partner_2/delete", "partner.deleted"),
    ] {
        decide(path).await;
        let (told, shown) = next(&mut webhooks).await;
        assert_eq!(told, event);
        assert!(shown.is_object(), "{event}");
        if event == "transaction.deleted" {
            assert!(shown["deleted_at"].is_string() && shown["rewards"] == json!([]), "{shown}");
        }
    }
    // Taken back without an event: the next one is what a person wrote.
    decide("partners/partner_1/restore").await;
    data(&send(&double, "PUT", "partners/partner_1", &json!({ "update": { "name": "N" } })).await, 200);
    assert_eq!(next(&mut webhooks).await.0, "partner.updated");
    let word = json!({ "event": "unheard.of", "data": null });
    double.control("POST", "partnero/webhooks/send", &json!({ "body": word })).await;
    assert_eq!(verified(&webhooks.recv().await.unwrap(), PARTNERO_WEBHOOK_SECRET), word);
    let unknown = double.draft("POST", "/control/partnero/partners/partner_1/pay").json(&json!({})).send().await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    double.control("POST", "partnero/webhooks", &json!({ "url": null })).await;
    let nowhere = double.draft("POST", "/control/partnero/webhooks/send").json(&json!({ "body": word })).send().await;
    assert_eq!(nowhere.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_link_leads_to_the_landing_page_with_the_key_in_the_programs_way() {
    let landing_url = "http://127.0.0.1:8787/shop?lang=de#top".to_owned();
    let double = Double::with(Settings { landing_url, ..Settings::default() }).await;
    let follow = async |key: &str| double.draft("GET", &format!("/partnero-links/{key}")).send().await;
    for (link, expected) in [
        (json!({ "query": "aff" }), "http://127.0.0.1:8787/shop?lang=de&aff=amiraito#top"),
        (json!({ "query": "via" }), "http://127.0.0.1:8787/shop?lang=de&via=amiraito#top"),
        (json!({ "path": "aff" }), "http://127.0.0.1:8787/shop/aff/amiraito?lang=de#top"),
    ] {
        settings(&double, json!({ "link": link })).await;
        let reply = follow("amiraito").await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::FOUND, Some(expected)));
        assert_eq!(data(&get(&double, "partners/partner_1").await, 200)["referral_link"], expected);
    }
    assert_eq!(follow("nobody").await.status, StatusCode::NOT_FOUND);
    let click = double.control("POST", "partnero/clicks", &json!({ "partner_key": "amiraito" })).await;
    assert_eq!(click["url"], "http://127.0.0.1:8787/shop/aff/amiraito?lang=de#top");
    assert_eq!(state(&double).await["clicks"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_restart_goes_on_with_everything_but_settings() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || Settings { state: Some(folder.path().join("state.json")), ..Settings::default() };
    let double = Double::with(kept()).await;
    settings(&double, json!({ "newest_first": false })).await;
    data(&send(&double, "POST", "customers", &json!({ "key": "u_1", "partner": { "id": "partner_1" } })).await, 201);
    let sale = json!({ "key": "order_1", "amount": 10, "customer": { "key": "u_1" } });
    let sale = data(&send(&double, "POST", "transactions", &sale).await, 201);
    let hook = json!({ "name": "ours", "url": "https://shop.example/", "events": ["partner.created"], "key": "w_1" });
    let hook = data(&send(&double, "POST", "webhooks", &hook).await, 201);
    double.shutdown().await;
    let double = Double::with(kept()).await;
    assert_eq!(data(&get(&double, "transactions/order_1").await, 200), sale);
    assert_eq!(data(&get(&double, "webhooks/w_1").await, 200), hook);
    let taken = json!({ "key": "u_1", "partner": { "id": "partner_1" } });
    assert_eq!(refused(&send(&double, "POST", "customers", &taken).await).0, 422);
    assert_eq!(settings(&double, json!({})).await["newest_first"], true);
    let partner = partner(&double, json!({ "email": "a@partners.example" })).await;
    assert!(partner["referral_link"].as_str().unwrap().starts_with("http://127.0.0.1:8787/?aff=ref_"));
}
