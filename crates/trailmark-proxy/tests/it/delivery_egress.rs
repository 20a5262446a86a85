//! The only way out, against real sockets: what is refused before sending, what is lost afterwards, and what never
//! happens.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use trailmark_proxy::clock::SystemClock;
use trailmark_proxy::egress::address::Reach;
use trailmark_proxy::egress::{Bounds, Egress, Failure, Lost, NotSent, SetUpError};
use trailmark_vendors::exchange::{Method, Request};
use trailmark_vendors::secret::Secret;

/// Long enough for a busy machine, except in tests of the limit.
const PATIENCE: Duration = Duration::from_secs(60);

fn egress(hosts: &[&str]) -> Result<Egress, SetUpError> {
    egress_within(PATIENCE, hosts)
}

fn egress_within(total: Duration, hosts: &[&str]) -> Result<Egress, SetUpError> {
    let bounds = Bounds { connect: PATIENCE, total, body_bytes: 1000 };
    Egress::new(hosts.iter().map(|host| (*host).to_owned()), bounds, Arc::new(SystemClock::default()))
}

fn request(url: &str) -> Request {
    Request {
        method: Method::Post,
        url: Secret::new(url),
        headers: vec![("content-type", Secret::new("application/json"))],
        body: Some(b"{\"secret\":1}".to_vec()),
        label: "POST test",
    }
}

/// A server that accepts one connection, reads a request, answers these bytes and closes; returns what it read.
async fn once(answer: &'static [u8]) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let mut size = 0;
        while !read[..size].ends_with(b"{\"secret\":1}") {
            size += stream.read(&mut read[size..]).await.unwrap();
        }
        stream.write_all(answer).await.unwrap();
        String::from_utf8(read[..size].to_vec()).unwrap()
    });
    (host, served)
}

async fn answered(answer: &'static [u8]) -> Result<u16, Failure> {
    let (host, served) = once(answer).await;
    let sent = egress(&[&host]).unwrap().send(&request(&format!("http://{host}/x"))).await;
    served.await.unwrap();
    sent.map(|answer| answer.status)
}

#[tokio::test]
async fn a_request_says_what_it_is_from_and_nothing_of_the_visitor() {
    let (host, served) = once(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nok").await;
    let answer = egress(&[&host]).unwrap().send(&request(&format!("http://{host}/x"))).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.header("x-a")), (200, &b"ok"[..], Some("b")));
    let head = served.await.unwrap().to_lowercase();
    assert!(head.contains(concat!("user-agent: trailmark/", env!("CARGO_PKG_VERSION"), "\r\n")), "{head}");
    for absent in ["cookie", "referer", "forwarded", "accept-encoding"] {
        assert!(!head.contains(absent), "{head}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    assert_eq!(
        answered(b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await,
        Ok(307)
    );
}

#[tokio::test]
async fn whatever_is_lost_after_the_request_left_is_unknown() {
    let unknown = |lost| Err(Failure::Unknown(lost));
    assert_eq!(answered(b"").await, unknown(Lost::Reset), "closed without an answer");
    assert_eq!(answered(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nok").await, unknown(Lost::BodyCut));
    assert_eq!(answered(b"not HTTP at all\r\n\r\n").await, unknown(Lost::Reset));
    let large: &'static [u8] =
        Box::leak(format!("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n{}", "a".repeat(1001)).into_bytes().into());
    assert_eq!(answered(large).await, unknown(Lost::BodyTooLarge));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let short = Duration::from_secs(1);
    let sent = egress_within(short, &[&host]).unwrap().send(&request(&format!("http://{host}/x"))).await;
    assert_eq!(sent.map(|answer| answer.status), Err(Failure::Unknown(Lost::Timeout)));
}

#[tokio::test]
async fn a_connection_that_does_not_stand_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let sent = egress(&[&host]).unwrap().send(&request(&format!("http://{host}/x"))).await;
    let failure = sent.map(|answer| answer.status).unwrap_err();
    assert!(matches!(failure, Failure::NotSent(NotSent::Connect { .. })), "{failure:?}");
    // TLS to a server without TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let _served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    });
    let sent = egress(&[&host]).unwrap().send(&request(&format!("https://{host}/x"))).await;
    let failure = sent.map(|answer| answer.status).unwrap_err();
    assert!(matches!(failure, Failure::NotSent(NotSent::Connect { .. })), "{failure:?}");
}

#[tokio::test]
async fn only_configured_hosts_are_reached_and_beyond_loopback_only_by_tls() {
    let refused = async |hosts: &[&str], url: &str| match egress(hosts).unwrap().send(&request(url)).await {
        Err(Failure::NotSent(why)) => why,
        other => panic!("{other:?}"),
    };
    for url in
        ["http://127.0.0.1:9/", "http://localhost:8/", "https://127.0.0.1:80.example.com/", "http://127.0.0.1:8@x/"]
    {
        let why = refused(&["127.0.0.1:8"], url).await;
        assert!(matches!(why, NotSent::HostNotAllowed { .. } | NotSent::Malformed { .. }), "{url} {why:?}");
    }
    let why = refused(&["api.example.com"], "http://api.example.com/").await;
    assert!(matches!(why, NotSent::PlainHttp { .. }), "{why:?}");
    for host in ["10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "[fd00::1]"] {
        let why = refused(&[host, "[::ffff:a00:1]"], &format!("https://{host}/")).await;
        assert!(matches!(why, NotSent::WrongAddress { .. }), "{host} {why:?}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_its_address() {
    // RFC 6761: no name below `invalid` has an address; `localhost` has none that a real vendor may have.
    let vendor = egress(&["vendor.invalid"]).unwrap();
    let failure = vendor.send(&request("https://vendor.invalid/")).await.map(|answer| answer.status).unwrap_err();
    assert!(matches!(failure, Failure::NotSent(NotSent::Dns { .. })), "{failure:?}");
    let vendor = egress(&["localhost.", "api.example.com"]).unwrap();
    let failure = vendor.send(&request("https://localhost./")).await.map(|answer| answer.status).unwrap_err();
    assert!(matches!(failure, Failure::NotSent(NotSent::WrongAddress { .. } | NotSent::Dns { .. })), "{failure:?}");
}

#[test]
fn doubles_and_real_vendors_cannot_share_a_configuration() {
    let mixed = egress(&["127.0.0.1:9100", "api.example.com"]).unwrap_err();
    assert!(matches!(&mixed, SetUpError::Mixed { .. }), "{mixed}");
    assert!(egress(&["127.0.0.1:9100", "localhost:1", "[::1]:2"]).is_ok());
    assert!(egress(&[]).is_ok());
}

#[test]
fn public_means_public() {
    let public = |ip: &str| Reach::Public.check(ip.parse::<IpAddr>().unwrap()).is_ok();
    for ip in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"] {
        assert!(public(ip), "{ip}");
    }
    for ip in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.168.1.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "100::1",
        "3fff::1",
        "5f00::1",
        // field-faults row 75: addresses at which clouds give secrets to their machines.
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "64:ff9b::168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "169.254.0.23",
        "169.254.170.2",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fe80::a9fe:a9fe",
    ] {
        assert!(!public(ip), "{ip}");
    }
    assert!(Reach::Loopback.check("127.9.9.9".parse().unwrap()).is_ok());
    assert!(Reach::Loopback.check("8.8.8.8".parse().unwrap()).is_err());
}
