//! A step of the clock and the calls around it: a call that was sent before the step happens before it, even if its client
//! has died, and a client on this machine always has the simulator's time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use trailmark_simulator::TRACKING_TOKEN;

use crate::client::Double;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// The bytes of a conversion.
fn conversion(xid: &str) -> String {
    let body = json!({ "xid": xid, "customer_key": "u_1" }).to_string();
    let length = body.len();
    format!(
        "POST /partnerlinks/conversion/xid HTTP/1.1\r\nhost: double\r\nauthorization: Bearer {TRACKING_TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn step() -> String {
    let body = json!({ "advance_ms": HOUR_MS }).to_string();
    format!("POST /control/clock HTTP/1.1\r\nhost: double\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A raw connection whose reads give up after twenty seconds.
fn connected(double: &Double) -> TcpStream {
    let stream = TcpStream::connect(double.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads one whole answer; its status line.
async fn answer(mut stream: TcpStream) -> (TcpStream, String) {
    let read = move || {
        let mut reader = BufReader::new(&mut stream);
        let mut head = Vec::new();
        while !head.ends_with(&["\r\n".to_owned()]) {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "closed after {head:?}");
            head.push(line);
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.trim().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        drop(reader);
        (stream, head.first().unwrap().trim().to_owned())
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// A connection on which the simulator has answered already, as a test's own controls have one: what comes on it is read
/// before whoever has just knocked at the door.
async fn kept_open(double: &Double) -> TcpStream {
    let mut stream = connected(double);
    stream.write_all(b"GET /control/clock HTTP/1.1\r\nhost: double\r\n\r\n").unwrap();
    answer(stream).await.0
}

/// When the conversion took effect, in milliseconds before the clock's time now.
async fn age_of_the_effect(double: &Double) -> i64 {
    let (tally, clock) = (double.effect("conversion", "u_1").await, double.control("GET", "clock", &Value::Null).await);
    clock["now_ms"].as_i64().unwrap() - tally["effect_ms"][0].as_i64().unwrap()
}

// One thread: nothing is read while the test writes.
#[tokio::test]
async fn a_call_that_lies_unread_happens_before_the_step_though_its_sender_was_killed() {
    let double = Double::start().await;
    let xid = double.click().await;
    let mut control = kept_open(&double).await;
    let mut sender = connected(&double);
    sender.write_all(conversion(&xid).as_bytes()).unwrap();
    drop(sender);
    control.write_all(step().as_bytes()).unwrap();
    assert_eq!(answer(control).await.1, "HTTP/1.1 200 OK");
    let age_ms = age_of_the_effect(&double).await;
    assert!(age_ms >= HOUR_MS, "it took effect after the step, {age_ms} ms ago");
}

#[tokio::test]
async fn a_call_on_an_open_connection_that_lies_unread_happens_before_the_step() {
    let double = Double::start().await;
    let xid = double.click().await;
    let (mut control, mut sender) = (kept_open(&double).await, kept_open(&double).await);
    // Both are there when the simulator next looks, the step first.
    control.write_all(step().as_bytes()).unwrap();
    sender.write_all(conversion(&xid).as_bytes()).unwrap();
    assert_eq!(answer(control).await.1, "HTTP/1.1 200 OK");
    let age_ms = age_of_the_effect(&double).await;
    assert!(age_ms >= HOUR_MS, "it took effect after the step, {age_ms} ms ago");
}

#[tokio::test]
async fn a_call_of_which_half_has_come_is_waited_for() {
    let double = Double::start().await;
    let call = conversion(&double.click().await);
    let (head, rest) = call.split_at(call.len() / 2);
    let (mut control, mut sender) = (kept_open(&double).await, kept_open(&double).await);
    sender.write_all(head.as_bytes()).unwrap();
    control.write_all(step().as_bytes()).unwrap();
    for _ in 0..5 {
        assert_eq!(double.control("GET", "clock", &Value::Null).await["offset_ms"], 0, "time waits for the other half");
    }
    sender.write_all(rest.as_bytes()).unwrap();
    assert_eq!(answer(control).await.1, "HTTP/1.1 200 OK");
    assert!(age_of_the_effect(&double).await >= HOUR_MS);
}

#[tokio::test]
async fn a_call_of_which_half_has_come_keeps_nobody_waiting_once_its_sender_is_gone() {
    let double = Double::start().await;
    let call = conversion(&double.click().await);
    let mut sender = connected(&double);
    sender.write_all(&call.as_bytes()[..call.len() / 2]).unwrap();
    sender.shutdown(Shutdown::Both).unwrap();
    double.advance(HOUR_MS).await;
    assert_eq!(double.effect("conversion", "u_1").await, Value::Null);
}

#[tokio::test]
async fn neither_a_silent_connection_nor_an_answer_that_is_held_back_keeps_time_waiting() {
    let double = Double::start().await;
    let xid = double.click().await;
    let _silent = connected(&double);
    let _idle = kept_open(&double).await;
    double.arm(json!({ "vendor": "partnerstack", "kind": "delay", "delay_ms": 3_600_000 })).await;
    let mut sender = connected(&double);
    sender.write_all(conversion(&xid).as_bytes()).unwrap();
    double.advance(HOUR_MS).await;
    assert!(age_of_the_effect(&double).await >= HOUR_MS);
}

#[tokio::test]
async fn two_steps_at_once_are_both_made() {
    let double = Double::start().await;
    tokio::join!(double.advance(HOUR_MS), double.advance(HOUR_MS));
    assert_eq!(double.control("GET", "clock", &Value::Null).await["offset_ms"], 2 * HOUR_MS);
}

#[tokio::test]
async fn the_offset_stands_in_the_file_that_the_clock_names_before_a_step_is_answered() {
    let double = Double::start().await;
    let clock = double.control("GET", "clock", &Value::Null).await;
    let file = clock["file"].as_str().unwrap();
    let offset = || std::fs::read_to_string(file).unwrap();
    assert_eq!(offset(), "0");
    double.advance(HOUR_MS).await;
    assert_eq!(offset(), "3600000");
    double.advance(-1).await;
    assert_eq!(offset(), "3599999");
    double.control("POST", "reset", &Value::Null).await;
    assert_eq!(offset(), "0");
    double.shutdown().await;
    assert!(!Path::new(file).exists(), "it goes with the simulator");
}
