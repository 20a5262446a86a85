//! Readers behind the public routes, driven as requests through the real router onto a real ledger: where a link leads, which
//! cookie is the visitor's, Idempotency-Key, and a server's call. No socket stands between.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use trailmark_proxy::admin::api_keys;
use trailmark_proxy::app::App;
use trailmark_proxy::clock::ManualClock;
use trailmark_proxy::config::{Overrides, Unlocked};
use trailmark_proxy::intake;
use trailmark_proxy::keys::crypto::sha256;
use trailmark_proxy::store::Store;
use trailmark_proxy::store::sqlite::SqliteStore;
use trailmark_wire::ids::SiteId;
use trailmark_wire::time::UnixMillis;
use url::Url;

use crate::bodies;
use crate::engine::{Broken, Looked, Target, Verdict, rule};
use crate::seeds::{SECRET, tells_a_secret};

pub(crate) const REDIRECT: Target = Target {
    name: "redirect",
    inputs: 10_000,
    seeds: redirect_seeds,
    words: &[
        "to=",
        "&to=",
        "amp;to=",
        "TO=",
        "/app",
        "/app/",
        "/pricing",
        "/tm/r/main/ada",
        "//evil.example",
        "https://",
        "http:",
        "https://app.acme.example",
        "evil.example",
        "@evil.example",
        "\\evil.example",
        "%5C",
        "%2f..%2f",
        "..;/",
        ";",
        "%09",
        "blob:",
        "javascript:",
        "data:",
        "#@",
        "?gspk=YWRh",
        "#ps_xid=x",
        "\u{ff0f}",
        "\u{3002}",
        "\u{ad}",
        "[::1]",
        "127.0.0.1:8787",
    ],
    look: look_redirect,
};

pub(crate) const COOKIES: Target = Target {
    name: "cookies",
    inputs: 6_000,
    seeds: cookie_seeds,
    words: &["; ", ";", "tm_acme_v=", "tm_acme_v=VISITOR", "; tm_acme_v=VISITOR", "tm_acme=1", "\n", "\"", "=", ","],
    look: look_cookies,
};

pub(crate) const IDEMPOTENCY_KEY: Target = Target {
    name: "idempotency-key",
    inputs: 6_000,
    seeds: idempotency_seeds,
    words: &["\n", ",", "a b", "\u{7f}", "~", "!"],
    look: look_idempotency_key,
};

pub(crate) const SERVER_CALL: Target =
    Target { name: "server-call", inputs: 1_000, seeds: call_seeds, words: CALL_WORDS, look: look_call };

const CALL_WORDS: &[&str] = &[
    "kind",
    "customer",
    "order",
    "occurred_at",
    "2026-11-18T14:00:00Z",
    "2026-11-18T14:00:00+14:00",
    "9999-12-31T23:59:60Z",
    "click_token",
    "visitor",
    "reference",
    "VISITOR",
    "refund_of",
    "data",
    "a@b.c",
];

const HOST: &str = "127.0.0.1:8787";

const SITES: &str = r#"
[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1:8787"
[limits]
requests_per_minute = 1000000000
server_requests_per_minute = 1000000000
touches_per_hour = 1000000000
queue = 1000000000
[[sites]]
id = "acme"
origins = ["http://127.0.0.1:8787"]
consent = "not_required"
redirect_to = ["/pricing", "/app", "/tm", "https://app.acme.example"]
[[sites.programs]]
id = "main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"
tracking_token = "env:KEY"
params = ["via"]
"#;

/// A proxy, and what a visitor and a backend of its site hold.
struct Proxy {
    runtime: Runtime,
    router: Router,
    visitor: String,
    api_key: String,
    _folder: tempfile::TempDir,
}

thread_local! {
    // Each target is a thread of its own, with a ledger of its own.
    static PROXY: Proxy = Proxy::start();
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Proxy {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let url = format!("sqlite:{}", ledger.display());
        let overrides = Overrides::from_variables(move |name| match name {
            "TRAILMARK_STORE_URL" => Some(url.clone()),
            "KEY" => Some("a-vendor-secret".to_owned()),
            _ => None,
        });
        let settings = Unlocked::from_toml(SITES, Path::new("test.toml"), &overrides).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&ledger).unwrap());
        let now = UnixMillis(1_795_011_200_700);
        let (router, api_key) = runtime.block_on(async {
            let app = App::open(settings, Arc::new(ManualClock::new(now)), Arc::clone(&store)).await.unwrap();
            let key = api_keys::add(&*store, &SiteId::new("acme").unwrap(), "a backend", now).await.unwrap().key;
            (intake::router(app, None), key)
        });
        let mut proxy = Self { runtime, router, visitor: String::new(), api_key, _folder: folder };
        let answer = proxy.send(arrival("http://127.0.0.1:8787/?ps_xid=a1"));
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let mut values = cookies.filter_map(|cookie| cookie.strip_prefix("tm_acme_v=")?.split(';').next());
        values.next().unwrap().clone_into(&mut proxy.visitor);
        proxy
    }

    fn send(&self, request: Request<Body>) -> Answered {
        self.runtime.block_on(async {
            let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
            Answered { status: parts.status, headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap() }
        })
    }
}

impl Answered {
    /// What every answer keeps to.
    fn hold(&self) -> Result<(), Broken> {
        let body = String::from_utf8_lossy(&self.body);
        let ours = !self.status.is_server_error();
        rule(ours, "no input is an error of ours", || format!("{} {body}", self.status))?;
        let silent = self.status.is_success() || self.status.is_redirection() || !tells_a_secret(&body);
        rule(silent, "no error text repeats a secret", || body.to_string())
    }
}

fn arrival(url: &str) -> Request<Body> {
    let body = json!({"site": "acme", "id": "0".repeat(32), "url": url});
    let request = Request::post("/tm/v1/clicks").header("host", HOST).header("origin", format!("http://{HOST}"));
    request.header("content-type", "text/plain").body(Body::from(body.to_string())).unwrap()
}

fn redirect_seeds() -> Vec<Vec<u8>> {
    [
        "to=/app",
        "to=/pricing?a=b#top&x=y",
        "to=https://app.acme.example/any",
        "to=%2Fapp%2Fx%3Fa%3D1&utm_source=n",
        "",
        "to=//evil.example",
        "to=/app/%2e%2e/admin",
        "to=/%5Cevil.example/app",
        "to=https://app.acme.example@evil.example/",
        "to=/tm/r/main/ada",
        "to=/app/../pricing/./x",
        "to=https://evil.example/%23@app.acme.example/",
        "a=b&amp;to=/app&via=bob",
        "to=/app&to=/app",
        "to=blob:https://app.acme.example/1",
        "to=http:/app",
        "to=///app",
        "to=/app;/../../x",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// The bytes as a query that HTTP can carry; what it cannot is percent-encoded.
fn query(input: &[u8]) -> String {
    let carried = |byte: &u8| byte.is_ascii_graphic() && !b"\"#<>".contains(byte);
    input
        .iter()
        .map(|byte| if carried(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn look_redirect(input: &[u8]) -> Looked {
    let Ok(request) = Request::get(format!("/tm/r/main/ada?{}", query(input))).header("host", HOST).body(Body::empty())
    else {
        return Ok(Verdict::Unread);
    };
    let answer = PROXY.with(|proxy| proxy.send(request));
    answer.hold()?;
    let location = answer.headers.get("location").map(|value| value.to_str().unwrap_or("no text").to_owned());
    let Some(location) = location else {
        rule(answer.status.is_client_error(), "what leads nowhere is refused", || answer.status.to_string())?;
        return Ok(Verdict::Refused);
    };
    let listed = "no destination leaves the list";
    rule(answer.status == StatusCode::FOUND, "a link is followed by 302", || answer.status.to_string())?;
    let plain = location.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    rule(plain, listed, || location.clone())?;
    rule(is_listed_as_browsers_read(&location) && is_listed_as_others_read(&location), listed, || location.clone())?;
    Ok(Verdict::Accepted)
}

fn is_listed_path(path: &str) -> bool {
    ["/pricing", "/app"]
        .iter()
        .any(|place| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn is_listed_as_browsers_read(location: &str) -> bool {
    let Ok(url) = Url::parse(location) else { return false };
    let origin = url.origin().ascii_serialization();
    let own = origin == format!("http://{HOST}") && is_listed_path(url.path());
    url.username().is_empty() && url.password().is_none() && (own || origin == "https://app.acme.example")
}

/// By hand, decoded until nothing changes and split afterwards, as careless servers do.
fn is_listed_as_others_read(location: &str) -> bool {
    let path = |rest: &str| {
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let mut bytes = path.as_bytes().to_vec();
        loop {
            let decoded: Vec<u8> = url::form_urlencoded::parse(&[b"x=".as_slice(), &bytes].concat().escape_plus())
                .next()
                .map(|(_, value)| value.into_owned().into_bytes())
                .unwrap_or_default();
            if decoded == bytes {
                break;
            }
            bytes = decoded;
        }
        let decoded = String::from_utf8_lossy(&bytes).replace('\\', "/");
        let mut walked: Vec<&str> = Vec::new();
        for segment in decoded.split('/').map(|segment| segment.split(';').next().unwrap_or_default()) {
            match segment {
                "" | "." => {}
                ".." => drop(walked.pop()),
                segment => walked.push(segment),
            }
        }
        format!("/{}", walked.join("/"))
    };
    match location.strip_prefix(&format!("http://{HOST}")) {
        Some(rest) => is_listed_path(&path(rest)),
        None => location.strip_prefix("https://app.acme.example").is_some_and(|rest| rest.starts_with(['/', '?', '#'])),
    }
}

/// A form's `+` and `&` are plain letters in a path.
trait EscapePlus {
    fn escape_plus(self) -> Vec<u8>;
}

impl EscapePlus for Vec<u8> {
    fn escape_plus(self) -> Vec<u8> {
        String::from_utf8_lossy(&self).replace('+', "%2B").replace('&', "%26").into_bytes()
    }
}

fn cookie_seeds() -> Vec<Vec<u8>> {
    [
        "tm_acme_v=VISITOR",
        "a=b; tm_acme_v=VISITOR; tm_acme=1",
        "city=Z\u{fc}rich;tm_acme_v=VISITOR",
        "x=tm_acme_v=VISITOR",
        "tm_acme_v=old; tm_acme_v=VISITOR",
        "a=\"b; c\"\ntm_acme_v=VISITOR",
        "Tm_acme_v=VISITOR",
        "tm_acme_v=VISITORx",
        "tm_acme_v=a; tm_acme_v=b; tm_acme_v=c; tm_acme_v=d; tm_acme_v=VISITOR",
        "",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// The lines that HTTP can carry as values.
fn header_lines(input: &[u8]) -> Vec<HeaderValue> {
    input.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect()
}

fn replaced(input: &[u8], visitor: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"VISITOR";
    let mut out = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(PLACE.len()).position(|window| window == PLACE) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(visitor.as_bytes());
        rest = &rest[at + PLACE.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// The visitor is known if and only if one of the first four cookies of that name is theirs.
fn look_cookies(input: &[u8]) -> Looked {
    PROXY.with(|proxy| {
        let lines = header_lines(&replaced(input, &proxy.visitor));
        let mut request = arrival("http://127.0.0.1:8787/");
        for line in &lines {
            request.headers_mut().append("cookie", line.clone());
        }
        let answer = proxy.send(request);
        answer.hold()?;
        let pairs = lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
        let named = pairs.filter(|pair| pair.starts_with(b"tm_acme_v=") && str::from_utf8(pair).is_ok());
        let theirs = format!("tm_acme_v={}", proxy.visitor);
        let known = named.take(4).any(|pair| pair == theirs.as_bytes());
        let expected = if known { StatusCode::OK } else { StatusCode::NO_CONTENT };
        rule(answer.status == expected, "a stranger's cookie hides none of ours", || {
            format!("{} {lines:?}", answer.status)
        })?;
        Ok(if known { Verdict::Accepted } else { Verdict::Refused })
    })
}

fn idempotency_seeds() -> Vec<Vec<u8>> {
    let long = |length| "k".repeat(length);
    [
        "a".into(),
        "0190-order-7".into(),
        long(255),
        long(256),
        String::new(),
        "a b".into(),
        "a\nb".into(),
        "\u{fc}".into(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// The body is none, so that nothing is written: what is refused is the key or the body.
fn look_idempotency_key(input: &[u8]) -> Looked {
    let lines = header_lines(input);
    let answer = PROXY.with(|proxy| {
        let mut request = call(&proxy.api_key, Body::from("{"));
        for line in &lines {
            request.headers_mut().append("idempotency-key", line.clone());
        }
        proxy.send(request)
    });
    answer.hold()?;
    let body = String::from_utf8_lossy(&answer.body);
    let fits = |line: &HeaderValue| (1..=255).contains(&line.len()) && line.as_bytes().iter().all(u8::is_ascii_graphic);
    let good = lines.len() == 1 && lines.iter().all(fits);
    let named = body.contains("Idempotency-Key");
    let holds = answer.status == StatusCode::BAD_REQUEST && named != good;
    rule(holds, "an Idempotency-Key is one header of 1 to 255 visible characters", || format!("{lines:?} {body}"))?;
    Ok(if good { Verdict::Accepted } else { Verdict::Refused })
}

fn call(api_key: &str, body: Body) -> Request<Body> {
    let request =
        Request::post("/tm/v1/conversions").header("host", HOST).header("authorization", format!("Bearer {api_key}"));
    request.header("content-type", "application/json").body(body).unwrap()
}

fn call_seeds() -> Vec<Vec<u8>> {
    let more = [
        ("visitor", "VISITOR"),
        ("reference", SECRET),
        ("click_token", SECRET),
        ("occurred_at", "2026-11-18T14:00:00Z"),
    ];
    let bodies = bodies::seeds().into_iter().step_by(3);
    let with = |(number, body): (usize, Vec<u8>)| {
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        let (name, value) = more[number % more.len()];
        body[name] = value.into();
        body.to_string().into_bytes()
    };
    bodies.enumerate().map(with).collect()
}

/// The same call twice: the second answer is the first.
fn look_call(input: &[u8]) -> Looked {
    let key = sha256(input).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (first, second) = PROXY.with(|proxy| {
        let body = replaced(input, &proxy.visitor);
        let send = || {
            let mut request = call(&proxy.api_key, Body::from(body.clone()));
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
            proxy.send(request)
        };
        (send(), send())
    });
    first.hold()?;
    second.hold()?;
    let read = |answer: &Answered| serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let (one, two) = (read(&first), read(&second));
    let shown = || format!("{} {one} then {} {two}", first.status, second.status);
    if !first.status.is_success() {
        let named = one["code"].is_string() && first.status == second.status;
        rule(named, "a refusal has a code, and stays", shown)?;
        return Ok(bodies::by_shape(input));
    }
    let same =
        one["conversion_id"] == two["conversion_id"] && one["status"] == two["status"] && two["replayed"] == true;
    rule(same, "a repeated call gives the first receipt", shown)?;
    Ok(Verdict::Accepted)
}
