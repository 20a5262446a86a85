//! Rates and addresses, CORS, caches, shutdown: what surrounds every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trailmark_proxy::app::App;
use trailmark_proxy::clock::Clock;
use trailmark_proxy::config::{Overrides, Unlocked};
use trailmark_proxy::intake;
use trailmark_proxy::serve::{Listening, Room};
use trailmark_proxy::store::sqlite::SqliteStore;
use trailmark_wire::time::UnixMillis;

use crate::support::browser::{BrowserKey, arrival, landing};
use crate::support::proxy::{Answer, HOST, ORIGIN, SITES, START, TestProxy};

/// Three requests a minute; peers on loopback are trusted load balancers.
fn strict(server: &str) -> String {
    format!("[limits]\nrequests_per_minute = 3\n{}", SITES.replacen("[server]", &format!("[server]\n{server}"), 1))
}

const TRUSTING: &str = "trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";

async fn click_from(proxy: &TestProxy, forwarded: &[&str]) -> Answer {
    let mut request = proxy.request("v1/clicks", arrival(1, &format!("{ORIGIN}/")).to_string());
    for value in forwarded {
        request = request.header("x-forwarded-for", *value);
    }
    proxy.send(request).await
}

/// The statuses of this many requests.
async fn clicks_from(proxy: &TestProxy, forwarded: &[&str], count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(click_from(proxy, forwarded).await.status);
    }
    statuses
}

#[tokio::test]
async fn too_fast_is_told_when_to_come_again() {
    let proxy = TestProxy::with(&strict("")).await;
    assert_eq!(clicks_from(&proxy, &[], 3).await, [204; 3]);
    let refused = click_from(&proxy, &[]).await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("429 too_many_requests", "20"));
    assert_eq!(refused.header("access-control-expose-headers"), "Retry-After");
    proxy.clock.advance(20_000);
    assert_eq!(clicks_from(&proxy, &[], 2).await, [204, 429]);
}

#[tokio::test]
async fn a_clock_that_is_corrected_shuts_nobody_out_and_forgives_nothing() {
    let proxy = TestProxy::with(&strict("")).await;
    proxy.clock.advance(10 * 60 * 1000);
    assert_eq!(clicks_from(&proxy, &[], 2).await, [204; 2]);
    proxy.clock.correct(-60 * 60 * 1000);
    assert_eq!(clicks_from(&proxy, &[], 2).await, [204, 429]);
    proxy.clock.correct(60 * 60 * 1000);
    assert_eq!(clicks_from(&proxy, &[], 1).await, [429]);
    proxy.clock.advance(20_000);
    assert_eq!(clicks_from(&proxy, &[], 2).await, [204, 429]);
}

#[tokio::test]
async fn bodies_that_nobody_can_read_are_counted_too() {
    let proxy = TestProxy::with(&strict("")).await;
    for _ in 0..6 {
        assert_eq!(proxy.post("v1/conversions", "noise").await.status, 400);
    }
    assert_eq!(proxy.post("v1/conversions", "noise").await.status, 429);
}

#[tokio::test]
async fn a_forged_forwarding_header_changes_nothing() {
    let proxy = TestProxy::with(&strict("")).await;
    for forged in ["198.51.100.1", "198.51.100.2", "::1"] {
        assert_eq!(click_from(&proxy, &[forged]).await.status, 204);
    }
    assert_eq!(click_from(&proxy, &["198.51.100.4"]).await.status, 429);
    // Behind a trusted proxy, the client's own entry is to the left of the proxy's.
    let proxy = TestProxy::with(&strict(TRUSTING)).await;
    for forged in ["203.0.113.1", "10.9.9.9", "nonsense"] {
        assert_eq!(click_from(&proxy, &[&format!("{forged}, 198.51.100.1")]).await.status, 204);
    }
    assert_eq!(click_from(&proxy, &["203.0.113.4, 198.51.100.1"]).await.status, 429);
}

#[tokio::test]
async fn two_clients_behind_a_trusted_proxy_have_separate_limits() {
    let proxy = TestProxy::with(&strict(TRUSTING)).await;
    assert_eq!(clicks_from(&proxy, &["198.51.100.1"], 4).await, [204, 204, 204, 429]);
    assert_eq!(clicks_from(&proxy, &["198.51.100.2", "10.0.0.7"], 4).await, [204, 204, 204, 429]);
    // One subscriber's /64 is one client, the next /64 another.
    assert_eq!(clicks_from(&proxy, &["2001:db8:1:1::1"], 3).await, [204; 3]);
    assert_eq!(click_from(&proxy, &["2001:db8:1:1::ffff"]).await.status, 429);
    assert_eq!(click_from(&proxy, &["2001:db8:1:2::1"]).await.status, 204);
}

#[tokio::test]
async fn another_header_may_name_the_client() {
    let settings = format!("{TRUSTING}\nclient_ip_header = \"CF-Connecting-IP\"");
    let proxy = TestProxy::with(&strict(&settings)).await;
    for client in ["198.51.100.1", "198.51.100.2"] {
        for status in [204, 204, 204, 429] {
            let request = proxy.request("v1/clicks", arrival(1, &format!("{ORIGIN}/")).to_string());
            let request = request.header("cf-connecting-ip", client).header("x-forwarded-for", "203.0.113.9");
            assert_eq!(proxy.send(request).await.status, status, "{client}");
        }
    }
}

#[tokio::test]
async fn a_site_has_a_budget_of_touches() {
    let proxy = TestProxy::with(&format!("[limits]\ntouches_per_hour = 2\n{SITES}")).await;
    for number in [1, 2] {
        assert_eq!(
            proxy.post("v1/clicks", arrival(number, &landing(&format!("click{number}"))).to_string()).await.status,
            201
        );
    }
    let spent = proxy.post("v1/clicks", arrival(3, &landing("click3")).to_string()).await;
    assert_eq!((spent.code().as_str(), spent.header("retry-after")), ("429 too_many_requests", "60"));
    proxy.clock.advance(60 * 60 * 1000 + 1);
    assert_eq!(proxy.post("v1/clicks", arrival(4, &landing("click4")).to_string()).await.status, 201);
}

// field-faults row 73
#[tokio::test]
async fn three_addresses_of_one_network_cannot_take_a_sites_whole_hour_of_touches() {
    let trusting = SITES.replacen("[server]", &format!("[server]\n{TRUSTING}"), 1);
    let proxy = TestProxy::with(&format!("[limits]\ntouches_per_hour = 150\n{trusting}")).await;
    let mut number = 0_u8;
    let mut come = async |from: String| {
        number += 1;
        let body = arrival(number, &landing(&format!("click{number}"))).to_string();
        proxy.send(proxy.request("v1/clicks", body).header("x-forwarded-for", from)).await.status
    };
    for turn in 0..101 {
        let status = come(format!("198.51.100.{}", turn % 3 + 1)).await;
        assert_eq!(status, if turn < 100 { 201 } else { 429 }, "{turn}");
    }
    // Other networks have the rest of the hour.
    for turn in 0..51 {
        let status = come(format!("203.0.{turn}.9")).await;
        assert_eq!(status, if turn < 50 { 201 } else { 429 }, "{turn}");
    }
    // No row leads back to an address.
    let ledger = rusqlite::Connection::open(proxy.ledger()).unwrap();
    let sql = "SELECT count(*) FROM budget_minutes WHERE length(who) NOT IN (0, 8)";
    assert_eq!(ledger.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn of_many_arrivals_at_once_no_more_are_recorded_than_the_budget_allows() {
    let proxy = TestProxy::with(&format!("[limits]\ntouches_per_hour = 5\n{SITES}")).await;
    let bodies: Vec<String> =
        (1..=40).map(|number| arrival(number, &landing(&format!("click{number}"))).to_string()).collect();
    let answers = join_all(bodies.into_iter().map(|body| proxy.post("v1/clicks", body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 35);
    // A recorded arrival is still answered.
    let kept = answers.iter().position(|answer| answer.status == 201).unwrap();
    let number = u8::try_from(kept + 1).unwrap();
    let again = proxy.request("v1/clicks", arrival(number, &landing(&format!("click{number}"))).to_string());
    let cookie = answers[kept].cookie("tm_acme_v");
    assert_eq!(proxy.send(again.header("cookie", cookie)).await.status, 201);
}

#[tokio::test]
async fn allowed_origins_read_every_answer_and_others_none() {
    let proxy = TestProxy::start().await;
    for (path, body, status) in [
        ("v1/clicks", arrival(1, &landing("click1")).to_string(), 201),
        ("v1/clicks", "noise".to_owned(), 400),
        ("v1/conversions", "noise".to_owned(), 400),
        ("v1/nothing", String::new(), 404),
    ] {
        let answer = proxy.post(path, body.clone()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!((answer.header("vary"), answer.header("cache-control")), ("Origin", "no-store"));
        let stranger = proxy.http.post(proxy.url(path)).header("origin", "https://evil.example").body(body);
        let stranger = proxy.send(stranger).await;
        assert_eq!((stranger.header("access-control-allow-origin"), stranger.header("vary")), ("", "Origin"));
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_v1() {
    let proxy = TestProxy::start().await;
    for path in ["v1/clicks", "v1/conversions", "v1/anything/else"] {
        let ask = |origin: &str| {
            let request = proxy.http.request(reqwest::Method::OPTIONS, proxy.url(path)).header("origin", origin);
            request.header("access-control-request-method", "POST")
        };
        let answer = proxy.send(ask(ORIGIN)).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(answer.header("access-control-allow-methods"), "POST, DELETE");
        assert_eq!(answer.header("access-control-allow-headers"), "Content-Type");
        let stranger = proxy.send(ask("https://evil.example")).await;
        assert_eq!((stranger.status, stranger.header("access-control-allow-origin")), (403, ""));
    }
}

#[tokio::test]
async fn wrong_methods_and_addresses_are_problems_too() {
    let proxy = TestProxy::start().await;
    for (request, status) in [
        (proxy.http.get(proxy.url("v1/clicks")), 405),
        (proxy.http.put(proxy.url("v1/conversions")), 405),
        (proxy.http.post(proxy.url("sdk.js")), 405),
        (proxy.http.get(proxy.url("v1/conversions/x")), 401),
        (proxy.http.get(proxy.url("v1/conversions/x/y")), 404),
        (proxy.http.get(proxy.url("../etc/passwd")), 404),
        (proxy.http.get(proxy.url("manifest.json")), 404),
        // field-faults row 78
        (proxy.http.get(proxy.url("%ff")), 404),
        (proxy.http.get(proxy.url("v1/conversions/%ff")), 404),
        (proxy.http.get(proxy.url("v1/%ff")), 404),
        (proxy.http.get(proxy.url("r/%ff")), 404),
        (proxy.http.get(proxy.url(&format!("v1/{}", "a".repeat(8_000)))), 404),
        (proxy.http.delete(proxy.url("v1/conversions")), 405),
        (proxy.http.post(proxy.url("v1/conversions")).header("authorization", &b"Bearer \xff"[..]), 401),
        (proxy.http.get(proxy.url("healthz")), 404),
        (proxy.http.get(format!("http://{}/", proxy.listening.address())), 404),
    ] {
        let answer = proxy.send(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"), "{answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].is_string(), "{problem}");
        if status == 405 {
            assert_eq!(problem["title"], "This address does not support this method.");
            assert_ne!(answer.header("allow"), "", "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_browser_module_is_served_or_the_cure_is_named() {
    let proxy = TestProxy::start().await;
    let plain = proxy.get("sdk.js").await;
    if plain.status == 503 {
        assert!(plain.json()["detail"].as_str().unwrap().contains("cargo xtask build-sdk"));
        return;
    }
    assert_eq!(plain.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!((plain.header("cache-control"), plain.header("content-encoding")), ("public, max-age=300", ""));
    let known = proxy.http.get(proxy.url("sdk.js")).header("if-none-match", plain.header("etag"));
    assert_eq!(proxy.send(known).await.status, 304);
    let squeezed = proxy.send(proxy.http.get(proxy.url("sdk.js")).header("accept-encoding", "gzip, br;q=0.9")).await;
    assert_eq!((squeezed.header("content-encoding"), squeezed.header("etag")), ("br", plain.header("etag")));
    let vary: Vec<_> = squeezed.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["Accept-Encoding", "Origin"]);
    // Another release's hashes: this release's file in its place, uncached.
    for (ending, kind) in [(".js", "text/javascript; charset=utf-8"), ("_bg.wasm", "application/wasm")] {
        let other = proxy.get(&format!("sdk-00000000ffff{ending}")).await;
        assert_eq!((other.status, other.header("cache-control")), (200, "no-store"), "{ending}");
        assert_eq!(other.header("content-type"), kind);
    }
    for name in ["sdk-00000000ffff_none.js", "sdk-0000.js", "stub.js"] {
        assert_eq!(proxy.get(name).await.code(), "404 not_found", "{name}");
    }
}

#[tokio::test]
async fn whoever_comes_while_the_proxy_goes_down_is_told_to_come_again() {
    let proxy = TestProxy::start().await;
    proxy.app.drain();
    let answer = proxy.post("v1/clicks", arrival(1, &landing("click1")).to_string()).await;
    assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("503 unavailable", "5"));
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(proxy.store.counts().await.unwrap().touches, 0);
}

#[tokio::test]
async fn a_store_that_is_closed_is_unavailable_and_no_error_of_the_caller() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    proxy.store.close().await.unwrap();
    let answer = proxy.convert(1, &key, &token, json!({"kind": "lead", "customer": {"key": "c"}})).await;
    assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("503 unavailable", "5"));
}

#[tokio::test]
async fn a_listener_stops_when_told_and_frees_its_port() {
    let proxy = TestProxy::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = Listening::start(listener, intake::router(proxy.app.clone(), None), 4).unwrap();
    let address = second.address();
    let url = format!("http://{address}/tm/.well-known/jwks.json");
    assert_eq!(proxy.send(proxy.http.get(&url).header("host", HOST)).await.status, 200);
    second.stop().await;
    assert!(tokio::net::TcpListener::bind(address).await.is_ok());
}

// field-faults row 63
#[tokio::test]
async fn clients_that_ask_and_never_read_do_not_stop_the_listener() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // More than the system buffers while nobody reads.
    let answer = || async { vec![b'x'; 32 * 1024 * 1024] };
    let router = axum::Router::new().route("/large", axum::routing::get(answer)).fallback(async || "here");
    let room = Room::from(2).ending_after(std::time::Duration::from_millis(100));
    let listening = Listening::start(listener, router, room).unwrap();
    let mut silent = Vec::new();
    for _ in 0..2 {
        let mut connection = TcpStream::connect(listening.address()).await.unwrap();
        connection.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        silent.push(connection);
    }
    let url = format!("http://{}", listening.address());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "here");
    // A client that reads gets everything.
    assert_eq!(client.get(format!("{url}/large")).send().await.unwrap().bytes().await.unwrap().len(), 32 * 1024 * 1024);
    drop(silent);
}

// field-faults row 63
#[tokio::test]
async fn a_network_with_as_many_connections_as_it_may_have_leaves_the_others_theirs() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let room = Room::from(9).for_each_network(2, |ip| ip.to_string() == "127.0.0.2");
    let listening = Listening::start(listener, axum::Router::new().fallback(async || "here"), room).unwrap();
    let open = async |from: &str| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        let mut connection = socket.connect(listening.address()).await.unwrap();
        // A connection that was closed at once may fail here or give no answer.
        let _ = connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let answered = connection.read(&mut [0; 512]).await.unwrap_or_default() > 0;
        (connection, answered)
    };
    let (first, second, third) = (open("127.0.0.2").await, open("127.0.0.2").await, open("127.0.0.2").await);
    assert_eq!((first.1, second.1, third.1), (true, true, false));
    for _ in 0..3 {
        assert!(open("127.0.0.3").await.1);
    }
}

/// A clock that panics once, at the given reading after it is armed.
#[derive(Debug)]
struct Bomb {
    fuse: AtomicI64,
}

impl Clock for Bomb {
    fn now(&self) -> UnixMillis {
        assert_ne!(self.fuse.fetch_sub(1, Ordering::SeqCst), 0, "a clock that breaks");
        START
    }

    fn steady_ms(&self) -> i64 {
        0
    }
}

#[tokio::test]
async fn a_panic_is_answered_503_and_the_next_request_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let variables = Overrides::from_variables(|name| (name == "KEY").then(|| "secret".to_owned()));
    let config = Unlocked::from_toml(SITES, std::path::Path::new("test.toml"), &variables).unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("ledger.db")).unwrap());
    let clock = Arc::new(Bomb { fuse: AtomicI64::new(-1) });
    let app = App::open(config, clock.clone(), store).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = Listening::start(listener, intake::router(app, None), 4).unwrap();
    let url = format!("http://{}/tm/v1/clicks", listening.address());
    let post =
        || reqwest::Client::new().post(&url).header("origin", ORIGIN).body(arrival(1, &landing("click1")).to_string());
    // The first reading is the frame's, the second a handler's.
    clock.fuse.store(1, Ordering::SeqCst);
    let broken = post().send().await.unwrap();
    assert_eq!(
        (broken.status().as_u16(), broken.headers()["access-control-allow-origin"].to_str().unwrap()),
        (503, ORIGIN)
    );
    assert_eq!(post().send().await.unwrap().status().as_u16(), 201);
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_its_end() {
    let proxy = TestProxy::start().await;
    let usual =
        proxy.http.get(proxy.url(".well-known/jwks.json")).header("host", HOST).header("cookie", "c".repeat(16 * 1024));
    assert_eq!(proxy.send(usual).await.status, 200);
    let huge = proxy.http.get(proxy.url(".well-known/jwks.json")).header("cookie", "c".repeat(1024 * 1024));
    // The connection may be closed before the client has written everything and reads the answer.
    assert!(huge.send().await.map_or(true, |answer| answer.status().as_u16() == 431));
}

/// Reads one answer to its final brace; returns its status.
async fn heard(connection: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"}") {
        let mut part = [0; 4096];
        let size = connection.read(&mut part).await.unwrap();
        assert_ne!(size, 0, "the connection ended after {text:?}");
        text.extend_from_slice(&part[..size]);
    }
    String::from_utf8(text).unwrap().split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_taken_off_the_connection_before_the_answer() {
    let proxy = TestProxy::start().await;
    let mut connection = TcpStream::connect(proxy.listening.address()).await.unwrap();
    let body = "x".repeat(1024 * 1024);
    for (path, status) in [("v1/conversions", "413"), ("v1/webhooks/main/wrong", "404"), ("v1/nothing", "404")] {
        let head = format!("POST /tm/{path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: {}\r\n\r\n", body.len());
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(body.as_bytes()).await.unwrap();
        assert_eq!(heard(&mut connection).await, status, "{path}");
    }
}

#[tokio::test]
async fn who_waits_to_be_asked_for_a_body_hears_the_answer_without_sending_it() {
    let proxy = TestProxy::start().await;
    let mut connection = TcpStream::connect(proxy.listening.address()).await.unwrap();
    let head = format!(
        "POST /tm/v1/conversions HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 70000\r\nexpect: 100-continue\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(heard(&mut connection).await, "413");
}
