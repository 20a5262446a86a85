//! Clicks, links and the server-to-server conversion: seen later, once for life, and silent about failure.

use http::StatusCode;
use serde_json::json;
use trailmark_simulator::{Pace, Settings};

use crate::client::{CURRENT, Double};

#[tokio::test]
async fn a_conversion_is_answered_with_nothing_and_seen_by_the_api_minutes_later() {
    let double = Double::start().await;
    let xid = double.click().await;
    let conversion = json!({ "xid": xid, "customer_key": "u_1", "email": "ada@example.com", "name": "Ada" });
    let reply = double.conversion(&conversion).send().await;
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0));

    let path = format!("{CURRENT}/customers/u_1");
    double.advance(119_000).await;
    assert_eq!(double.get(&path).await.status, StatusCode::NOT_FOUND);
    double.advance(241_000).await;
    let customer = double.get(&path).await.data();
    assert_eq!(customer["customer_key"], "u_1");
    assert_eq!(customer["email"], "ada@example.com");
    assert!(customer["key"].as_str().unwrap().starts_with("cus_"), "{customer}");
    let ada = double.get(&format!("{CURRENT}/partnerships/ada")).await.data();
    assert_eq!(customer["partnership_key"], ada["key"]);
    assert_eq!(double.state().await["customers"][0]["xid"], xid.as_str());
}

#[tokio::test]
async fn the_wait_differs_between_keys_lies_within_two_to_six_minutes_and_repeats() {
    let waits = async || {
        let double = Double::start().await;
        let xid = double.click().await;
        for number in 0..20 {
            let conversion = json!({ "xid": xid, "customer_key": format!("u_{number}") });
            assert_eq!(double.conversion(&conversion).send().await.status, StatusCode::OK);
        }
        let state = double.state().await;
        let wait = |one: &serde_json::Value| one["visible_at"].as_i64().unwrap() - one["created_at"].as_i64().unwrap();
        state["customers"].as_array().unwrap().iter().map(wait).collect::<Vec<_>>()
    };
    let first = waits().await;
    assert!(first.iter().all(|wait| (120_000..=360_000).contains(wait)), "{first:?}");
    assert!(first.iter().max().unwrap() - first.iter().min().unwrap() > 60_000, "{first:?}");
    assert_eq!(first, waits().await);
}

#[tokio::test]
async fn at_demo_pace_a_customer_is_seen_after_three_seconds() {
    let double = Double::with(Settings { pace: Pace::Demo, ..Settings::default() }).await;
    let conversion = json!({ "xid": double.click().await, "customer_key": "u_1" });
    double.conversion(&conversion).send().await;
    let customer = &double.state().await["customers"][0];
    assert_eq!(customer["visible_at"].as_i64().unwrap() - customer["created_at"].as_i64().unwrap(), 3_000);
    assert_eq!(customer["visible"], false);
}

#[tokio::test]
async fn an_unknown_click_is_answered_like_a_known_one_and_records_nothing() {
    let double = Double::start().await;
    let reply = double.conversion(&json!({ "xid": "neverseen12345", "customer_key": "u_1" })).send().await;
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0));
    assert_eq!(double.state().await["customers"], json!([]));
    let tally = double.effect("conversion", "u_1").await;
    assert_eq!((&tally["processed"], &tally["effects"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_customer_key_converts_once_for_life() {
    let double = Double::start().await;
    double.control("POST", "partnerstack/settings", &json!({ "visible_after_ms": 0 })).await;
    let conversion = json!({ "xid": double.click().await, "customer_key": "u_1", "email": "a@b.example" });
    double.conversion(&conversion).send().await;
    let again = json!({ "xid": double.click().await, "customer_key": "u_1", "email": "other@b.example" });
    assert_eq!(double.conversion(&again).send().await.status, StatusCode::OK);

    let deleted = double.api("DELETE", &format!("{CURRENT}/customers/u_1")).send().await;
    assert_eq!(deleted.status, StatusCode::OK);
    assert_eq!(double.conversion(&conversion).send().await.status, StatusCode::OK);

    assert_eq!(double.get(&format!("{CURRENT}/customers/u_1")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(double.state().await["customers"].as_array().unwrap().len(), 1);
    let tally = double.effect("conversion", "u_1").await;
    assert_eq!((&tally["received"], &tally["processed"], &tally["effects"]), (&json!(3), &json!(3), &json!(1)));
}

#[tokio::test]
async fn without_deduplication_a_double_send_is_a_double_effect() {
    let double = Double::start().await;
    double.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    let conversion = json!({ "xid": double.click().await, "customer_key": "u_1" });
    double.conversion(&conversion).send().await;
    double.conversion(&conversion).send().await;
    assert_eq!(double.effect("conversion", "u_1").await["effects"], 2);
    assert_eq!(double.state().await["customers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn one_click_may_bring_many_customers() {
    let double = Double::start().await;
    let xid = double.click().await;
    for key in ["u_1", "u_2"] {
        double.conversion(&json!({ "xid": xid, "customer_key": key })).send().await;
        assert_eq!(double.effect("conversion", key).await["effects"], 1);
    }
}

#[tokio::test]
async fn meta_that_the_account_does_not_know_is_dropped_and_the_rest_comes_back_as_mdata_and_fields() {
    let double = Double::start().await;
    double.control("POST", "partnerstack/settings", &json!({ "visible_after_ms": 0 })).await;
    let meta = json!({ "plan": "pro", "shoe_size": 43 });
    let conversion = json!({
        "xid": double.click().await, "customer_key": "u_1", "meta": meta, "sub_ids": ["a"], "origin": "web",
        "ip_address": "192.0.2.1", "user_agent": "test", "external_type": "user", "provider_key": "p",
    });
    assert_eq!(double.conversion(&conversion).send().await.status, StatusCode::OK);
    let customer = double.get(&format!("{CURRENT}/customers/u_1")).await.data();
    assert_eq!(customer["meta"], json!({}));
    assert_eq!((&customer["mdata"], &customer["field_data"]), (&json!({ "plan": "pro" }), &json!({ "plan": "pro" })));
    assert_eq!(customer["fields"], json!([{ "api_name": "plan", "name": "plan", "value": "pro" }]));
}

#[tokio::test]
async fn an_email_and_a_name_may_be_anonymized_and_the_same_for_everybody() {
    // docs.partnerstack.com/docs/step-3-tracking-conversions: "due to privacy concerns you may want to supply
    // anonymized values here", "you may supply a non-unique value that is the same for each customer".
    let double = Double::start().await;
    let xid = double.click().await;
    for key in ["u_1", "u_2"] {
        let conversion = json!({ "xid": xid, "customer_key": key, "email": "redacted", "name": "ACME Customer" });
        assert_eq!(double.conversion(&conversion).send().await.status, StatusCode::OK);
        assert_eq!(double.effect("conversion", key).await["effects"], 1);
    }
}

#[tokio::test]
async fn conversions_of_one_customer_that_come_at_once_make_one_customer() {
    let double = Double::start().await;
    let xid = double.click().await;
    let conversions = (0..50).map(|_| double.conversion(&json!({ "xid": xid, "customer_key": "u_1" })).send());
    for sent in conversions.map(tokio::spawn).collect::<Vec<_>>() {
        assert_eq!(sent.await.unwrap().status, StatusCode::OK);
    }
    let tally = double.effect("conversion", "u_1").await;
    assert_eq!((&tally["received"], &tally["processed"], &tally["effects"]), (&json!(50), &json!(50), &json!(1)));
    assert_eq!(double.state().await["customers"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_partner_link_makes_a_click_and_lands_with_the_five_parameters() {
    let landing_url = "https://acme.example/start?lang=en#top".to_owned();
    let double = Double::with(Settings { landing_url, ..Settings::default() }).await;
    let reply = double.draft("GET", "/partnerlinks/go/grace").send().await;
    assert_eq!(reply.status, StatusCode::FOUND);
    let click = &double.state().await["clicks"][0];
    let xid = click["xid"].as_str().unwrap();
    assert_eq!((click["partner_key"].as_str(), xid.len()), (Some("grace"), 14));
    // "grace" in base64 would end in "=".
    let expected = format!(
        "https://acme.example/start?lang=en&ps_partner_key=Z3JhY2U&ps_xid={xid}&gsxid={xid}&gspk=Z3JhY2U&pscd=try.acme.example#top"
    );
    assert_eq!(reply.header("location"), Some(expected.as_str()));
    assert_eq!(double.draft("GET", "/partnerlinks/go/nobody").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_link_of_a_removed_partner_still_leads_on_and_tracks_nothing() {
    let double = Double::start().await;
    let earlier = double.click().await;
    let ada = double.get(&format!("{CURRENT}/partnerships/ada")).await.data();
    let path = format!("{CURRENT}/partnerships/{}", ada["key"].as_str().unwrap());
    assert_eq!(double.api("DELETE", &path).send().await.status, StatusCode::OK);

    let reply = double.draft("GET", "/partnerlinks/go/ada").send().await;
    assert_eq!(reply.status, StatusCode::FOUND);
    let later = reply.header("location").unwrap().split("ps_xid=").nth(1).unwrap().split('&').next().unwrap();
    for xid in [earlier.as_str(), later] {
        double.conversion(&json!({ "xid": xid, "customer_key": "u_1" })).send().await;
    }
    assert_eq!(double.effect("conversion", "u_1").await["effects"], 0);
}

#[tokio::test]
async fn a_click_of_ones_own_making_keeps_its_id_and_its_partner() {
    let double = Double::start().await;
    let click = json!({ "xid": "frozen12345678", "partner_key": "ada" });
    for _ in 0..2 {
        let answer = double.control("POST", "partnerstack/clicks", &click).await;
        assert_eq!(answer, json!({ "xid": "frozen12345678" }));
    }
    assert_eq!(double.state().await["clicks"].as_array().unwrap().len(), 1);
    for wrong in [json!({ "xid": "frozen12345678", "partner_key": "grace" }), json!({ "partner_key": "nobody" })] {
        let reply = double.draft("POST", "/control/partnerstack/clicks").json(&wrong).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}
