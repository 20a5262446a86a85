//! Every fault as the client meets it, and which of them leave an effect behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::TRACKING_TOKEN;

use crate::client::{CURRENT, Double, GUIDE};

/// One conversion under one fault: what the client saw, and the tally after it.
async fn convert_under(double: &Double, fault: Value) -> (Result<crate::client::Reply, hyper::Error>, Value) {
    double.arm(fault).await;
    let conversion = json!({ "xid": double.click().await, "customer_key": "u_1" });
    let seen = double.conversion(&conversion).try_send().await;
    (seen, double.effect("conversion", "u_1").await)
}

fn counts(tally: &Value) -> [u64; 3] {
    ["received", "processed", "effects"].map(|name| tally[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_status_comes_in_the_vendors_envelope_with_its_hint_and_without_effect() {
    let double = Double::start().await;
    let fault = json!({
        "vendor": "partnerstack", "kind": "status", "status": 503, "retry_after_s": 120, "message": "closed for lunch",
    });
    let (seen, tally) = convert_under(&double, fault).await;
    let reply = seen.unwrap();
    assert_eq!((reply.status, reply.refusal().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "closed for lunch"));
    assert_eq!(reply.header("retry-after"), Some("120"));
    assert_eq!(counts(&tally), [1, 0, 0]);
}

#[tokio::test]
async fn retry_after_may_be_a_date_of_simulated_time_or_any_text() {
    let double = Double::start().await;
    let fault =
        json!({ "vendor": "partnerstack", "kind": "status", "status": 429, "retry_after_date": 784_111_777_000_i64 });
    let reply = convert_under(&double, fault).await.0.unwrap();
    assert_eq!(reply.header("retry-after"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    double.control("DELETE", "faults", &Value::Null).await;
    let fault = json!({ "vendor": "partnerstack", "kind": "status", "status": 429, "retry_after_date": "soon" });
    assert_eq!(convert_under(&double, fault).await.0.unwrap().header("retry-after"), Some("soon"));
}

#[tokio::test]
async fn a_reset_before_processing_leaves_no_effect_and_a_reset_after_it_leaves_one() {
    for (kind, expected) in [("reset_before", [1, 0, 0]), ("reset_after", [1, 1, 1])] {
        let double = Double::start().await;
        let (seen, tally) = convert_under(&double, json!({ "vendor": "partnerstack", "kind": kind })).await;
        assert!(seen.is_err(), "{kind}: {seen:?}");
        assert_eq!(counts(&tally), expected, "{kind}");
        let requests = double.control("GET", "requests?path=conversion", &Value::Null).await;
        assert_eq!(
            (&requests["requests"][0]["status"], &requests["requests"][0]["fault"]),
            (&Value::Null, &json!(kind))
        );
    }
}

#[tokio::test]
async fn a_body_comes_as_it_was_ordered_without_the_envelope_and_without_effect() {
    for (body, expected) in [(None, ""), (Some("[]"), "[]"), (Some("null"), "null")] {
        let double = Double::start().await;
        let fault = json!({ "vendor": "partnerstack", "kind": "body", "body": body });
        let (seen, tally) = convert_under(&double, fault).await;
        let reply = seen.unwrap();
        assert_eq!((reply.status, reply.body.as_ref()), (StatusCode::OK, expected.as_bytes()));
        assert_eq!(counts(&tally), [1, 0, 0]);
    }
}

/// A raw connection whose reads give up after ten seconds, so that a missing reset fails and does not hang.
fn patient(double: &Double) -> TcpStream {
    let stream = TcpStream::connect(double.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// What a raw socket reads until the connection ends, and how it ended.
fn raw_conversion(double: &Double, xid: &str) -> (Vec<u8>, std::io::Result<usize>) {
    let body = json!({ "xid": xid, "customer_key": "u_1" }).to_string();
    let mut stream = patient(double);
    write!(
        stream,
        "POST /partnerlinks/conversion/xid HTTP/1.1\r\nhost: double\r\nauthorization: Bearer {TRACKING_TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read);
    (read, end)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_a_tcp_reset_and_not_a_mere_close() {
    for kind in ["reset_before", "reset_after"] {
        let double = Double::start().await;
        let xid = double.click().await;
        double.arm(json!({ "vendor": "partnerstack", "kind": kind })).await;
        let (read, end) = tokio::task::block_in_place(|| raw_conversion(&double, &xid));
        assert_eq!((read.len(), end.unwrap_err().kind()), (0, ErrorKind::ConnectionReset), "{kind}");
    }
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_comes_and_the_effect_stays() {
    let double = Double::start().await;
    let (seen, tally) = convert_under(&double, json!({ "vendor": "partnerstack", "kind": "truncate" })).await;
    assert_eq!(seen.unwrap_err().to_string(), "error reading a body from connection");
    assert_eq!(counts(&tally), [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_shows_its_head_and_half_of_its_body() {
    let double = Double::start().await;
    let whole = double.get(&format!("{CURRENT}/groups")).await.body.len();
    double.arm(json!({ "vendor": "partnerstack", "kind": "truncate", "path_contains": "/groups" })).await;
    let read = tokio::task::block_in_place(|| {
        let mut stream = patient(&double);
        let pair = "cGtfc2ltOnNrX3NpbV9wcml2YXRl";
        write!(stream, "GET {CURRENT}/groups HTTP/1.1\r\nhost: double\r\nauthorization: Basic {pair}\r\n\r\n").unwrap();
        let mut read = String::new();
        let _ = stream.read_to_string(&mut read);
        read
    });
    let (head, body) = read.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let promised: usize = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    assert!(body.starts_with("{\"data\""), "{body}");
    assert_eq!((promised, body.len()), (whole + 64, whole / 2));
}

#[tokio::test]
async fn a_gateway_page_comes_with_the_status_that_was_ordered() {
    for (order, status) in [(json!({ "status": 200 }), 200), (json!({ "status": 502 }), 502), (json!({}), 502)] {
        let double = Double::start().await;
        let mut fault = json!({ "vendor": "partnerstack", "kind": "html", "message": "<down>" });
        fault.as_object_mut().unwrap().extend(order.as_object().unwrap().clone());
        let (seen, tally) = convert_under(&double, fault).await;
        let reply = seen.unwrap();
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(String::from_utf8_lossy(&reply.body).contains("<h1>&lt;down></h1>"));
        assert_eq!(counts(&tally), [1, 0, 0]);
    }
}

#[tokio::test]
async fn a_redirect_leads_to_where_it_was_ordered() {
    let double = Double::start().await;
    let fault =
        json!({ "vendor": "partnerstack", "kind": "redirect", "status": 307, "location": "http://127.0.0.1:1/" });
    let (seen, tally) = convert_under(&double, fault).await;
    let reply = seen.unwrap();
    assert_eq!((reply.status.as_u16(), reply.header("location")), (307, Some("http://127.0.0.1:1/")));
    assert_eq!(counts(&tally), [1, 0, 0]);
}

#[tokio::test]
async fn a_delayed_call_takes_effect_at_once_and_answers_late() {
    let double = Double::start().await;
    double.arm(json!({ "vendor": "partnerstack", "kind": "delay", "delay_ms": 60_000 })).await;
    let conversion = json!({ "xid": double.click().await, "customer_key": "u_1" });
    assert!(!double.conversion(&conversion).answered_within(Duration::from_millis(200)).await);
    assert_eq!(counts(&double.effect("conversion", "u_1").await), [1, 1, 1]);

    double.control("DELETE", "faults", &Value::Null).await;
    double.arm(json!({ "vendor": "partnerstack", "kind": "delay", "delay_ms": 40 })).await;
    double.arm(json!({ "vendor": "partnerstack", "kind": "status", "status": 500, "delay_ms": 40 })).await;
    let begun = Instant::now();
    let reply = double.conversion(&conversion).send().await;
    assert!(begun.elapsed() >= Duration::from_millis(80), "{:?}", begun.elapsed());
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_fault_strikes_only_the_vendor_method_and_path_it_names() {
    let double = Double::start().await;
    double
        .arm(json!({
            "vendor": "partnerstack", "method": "get", "path_contains": "/customers", "kind": "status", "status": 500,
        }))
        .await;
    assert_eq!(double.get(&format!("{CURRENT}/customers")).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(double.get(&format!("{GUIDE}/customers")).await.status, StatusCode::OK);
    assert_eq!(double.get(&format!("{CURRENT}/groups")).await.status, StatusCode::OK);
    let reply = double.post(&format!("{CURRENT}/customers"), &json!({})).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_fault_ends_after_its_times_or_at_its_simulated_time() {
    let double = Double::start().await;
    let groups = format!("{CURRENT}/groups");
    double.arm(json!({ "vendor": "partnerstack", "kind": "status", "status": 500, "times": 2 })).await;
    for status in [500, 500, 200] {
        assert_eq!(double.get(&groups).await.status.as_u16(), status);
    }
    let now_ms = double.control("GET", "clock", &Value::Null).await["now_ms"].as_i64().unwrap();
    let until_ms = now_ms + 3_600_000;
    double.arm(json!({ "vendor": "partnerstack", "kind": "status", "status": 503, "until_ms": until_ms })).await;
    assert_eq!(double.get(&groups).await.status.as_u16(), 503);
    double.advance(3_600_000).await;
    assert_eq!(double.get(&groups).await.status.as_u16(), 200);
    let faults = double.control("GET", "faults", &Value::Null).await;
    assert_eq!((&faults["faults"][0]["struck"], &faults["faults"][1]["struck"]), (&json!(2), &json!(1)));
    assert_eq!(faults["faults"][1]["until_ms"], until_ms);
}

#[tokio::test]
async fn a_share_of_the_calls_is_struck_and_the_same_ones_for_the_same_seed() {
    let strikes = async |seed: u64| {
        let double = Double::start().await;
        double
            .arm(json!({
                "vendor": "partnerstack", "kind": "status", "status": 500, "probability": 0.3, "seed": seed,
            }))
            .await;
        let mut struck = Vec::new();
        for _ in 0..100 {
            struck.push(double.get(&format!("{CURRENT}/groups")).await.status.as_u16() == 500);
        }
        struck
    };
    let first = strikes(7).await;
    let count = first.iter().filter(|struck| **struck).count();
    assert!((15..=45).contains(&count), "{count}");
    assert_eq!(first, strikes(7).await);
    assert_ne!(first, strikes(8).await);
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused_by_name() {
    let double = Double::start().await;
    let cases = [
        (json!({ "vendor": "partnerstack", "kind": "status" }), "status"),
        (json!({ "vendor": "partnerstack", "kind": "status", "status": 100 }), "status"),
        (json!({ "vendor": "partnerstack", "kind": "delay" }), "delay_ms"),
        (json!({ "vendor": "partnerstack", "kind": "redirect" }), "location"),
        (json!({ "vendor": "partnerstack", "kind": "explode" }), "explode"),
        (json!({ "vendor": "partnerstak", "kind": "truncate" }), "vendor"),
        (json!({ "vendor": "partnerstack", "kind": "truncate", "probability": 1.5 }), "probability"),
        (json!({ "vendor": "partnerstack", "kind": "truncate", "retry_after_s": 1 }), "retry_after"),
        (json!({ "vendor": "partnerstack", "kind": "truncate", "tiems": 1 }), "tiems"),
    ];
    for (fault, named) in cases {
        let reply = double.draft("POST", "/control/faults").json(&fault).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{fault}");
        assert!(reply.value()["message"].as_str().unwrap().contains(named), "{fault}: {:?}", reply.body);
    }
    assert_eq!(double.control("GET", "faults", &Value::Null).await, json!({ "faults": [] }));
}
