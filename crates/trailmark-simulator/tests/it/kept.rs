//! A simulator with a file for its state: a restart goes on, however the one before it ended.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{Pace, Settings, Simulator, StartError};

use crate::client::{CURRENT, Double};

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings { state: Some(folder.path().join("simulator.json")), pace: Pace::Demo, ..Settings::default() }
}

/// Everything but the time.
async fn holdings(double: &Double, account: &str) -> Value {
    let mut state = double.control("GET", &format!("state/{account}"), &Value::Null).await;
    state.as_object_mut().unwrap().remove("now_ms");
    state
}

async fn sell(double: &Double, key: &str) -> StatusCode {
    let sale = json!({ "key": key, "customer_external_key": "u_1", "amount": 2_900, "currency": "EUR" });
    double.api("POST", &format!("{CURRENT}/transactions")).json(&sale).send().await.status
}

// field-faults row 53
#[tokio::test]
async fn a_restarted_simulator_knows_customers_sales_rewards_partners_clicks_and_the_time_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let double = Double::with(settings(&folder)).await;
    let (xid, unused) = (double.click().await, double.click().await);
    let signup = json!({ "xid": xid, "customer_key": "u_1", "email": "u1@shop.example" });
    assert_eq!(double.conversion(&signup).send().await.status, StatusCode::OK);
    double.advance(3_600_000).await;
    assert_eq!(sell(&double, "order_1").await, StatusCode::OK);
    double.control("POST", "partnerstack/rewards/order_1/approve", &json!({})).await;
    double.control("POST", "partnerstack/partners/grace/archive", &json!({})).await;
    let before = [holdings(&double, "partnerstack").await, holdings(&double, "partnerstack-guide").await];
    // Dropped and not shut down, as a kill ends it: everything is in the file by then.
    drop(double);

    let double = Double::with(settings(&folder)).await;
    assert_eq!([holdings(&double, "partnerstack").await, holdings(&double, "partnerstack-guide").await], before);
    assert_eq!(double.control("GET", "clock", &Value::Null).await["offset_ms"], 3_600_000);
    assert_ne!(sell(&double, "order_1").await, StatusCode::OK, "a sale of before is a duplicate");
    assert_eq!(sell(&double, "order_2").await, StatusCode::OK, "a customer of before can buy");
    let rewards = holdings(&double, "partnerstack").await["rewards"].clone();
    assert_eq!(rewards.as_array().unwrap().len(), 2, "{rewards}");
    assert_ne!(rewards[0]["key"], rewards[1]["key"], "keys of before are not minted again");
    let late = json!({ "xid": unused, "customer_key": "u_2", "email": "u2@shop.example" });
    assert_eq!(double.conversion(&late).send().await.status, StatusCode::OK);
    assert_eq!(double.effect("conversion", "u_2").await["effects"], 1, "a click of before still counts");
}

#[tokio::test]
async fn a_reset_empties_the_file_too_and_faults_end_with_the_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let double = Double::with(settings(&folder)).await;
    double.click().await;
    double.arm(json!({ "vendor": "partnerstack", "kind": "reset_before" })).await;
    drop(double);
    let double = Double::with(settings(&folder)).await;
    assert_eq!(double.control("GET", "faults", &Value::Null).await["faults"], json!([]));
    assert_eq!(double.state().await["clicks"].as_array().unwrap().len(), 1);
    double.advance(1_000).await;
    double.control("POST", "reset", &json!({})).await;
    drop(double);
    let double = Double::with(settings(&folder)).await;
    assert_eq!(double.state().await["clicks"], json!([]));
    assert_eq!(double.control("GET", "clock", &Value::Null).await["offset_ms"], 0);
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_named_with_the_cure_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("simulator.json");
    for text in ["", "{", "[]", r#"{"offset_ms":0,"partnerstack":[{},{}]}"#, r#"{"offset_ms":0,"partnerstack":[]}"#] {
        std::fs::write(&file, text).unwrap();
        let listen = ([127, 0, 0, 1], 0).into();
        let error = Simulator::start(Settings { listen, ..settings(&folder) }).await.unwrap_err();
        assert!(matches!(&error, StartError::State { path, .. } if *path == file), "{error}");
        assert!(error.to_string().contains("delete the file to begin empty"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let listen = ([127, 0, 0, 1], 0).into();
    let nowhere = Settings { listen, state: Some(folder.path().join("none/simulator.json")), ..Settings::default() };
    assert!(matches!(Simulator::start(nowhere).await.unwrap_err(), StartError::State { .. }));
    let running = Simulator::start(Settings { listen, ..settings(&folder) }).await.unwrap();
    running.save().unwrap();
    assert!(folder.path().join("simulator.json").exists());
    running.shutdown().await;
}
