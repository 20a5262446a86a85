//! A simulator on a free port and a client for it: one connection per call, nothing retried, nothing followed.
//!
//! Hyper's own client and not a whole HTTP library: a test sees exactly what came over the socket.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, Running, Settings, Simulator, TRACKING_TOKEN};

pub(crate) const CURRENT: &str = "/partnerstack/api/v2";
pub(crate) const GUIDE: &str = "/partnerstack-guide/api/v2";
pub(crate) const XID: &str = "/partnerlinks/conversion/xid";

/// A running simulator.
pub(crate) struct Double {
    running: Running,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A call that is being put together.
pub(crate) struct Draft {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Double {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..settings };
        Self { running: Simulator::start(settings).await.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    pub(crate) async fn shutdown(self) {
        self.running.shutdown().await;
    }

    /// A call without credentials.
    pub(crate) fn draft(&self, method: &str, path: &str) -> Draft {
        Draft {
            address: self.address(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A call to the vendor API with its key pair.
    pub(crate) fn api(&self, method: &str, path: &str) -> Draft {
        self.draft(method, path).basic(PUBLIC_KEY, PRIVATE_KEY)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.api("GET", path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.api("POST", path).json(body).send().await
    }

    /// Sends a conversion as the vendor wants it.
    pub(crate) fn conversion(&self, body: &Value) -> Draft {
        self.draft("POST", XID).header("authorization", &format!("Bearer {TRACKING_TOKEN}")).json(body)
    }

    /// A control call that must succeed.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let draft = self.draft(method, &format!("/control/{path}"));
        let reply = if body.is_null() { draft } else { draft.json(body) }.send().await;
        assert_eq!(reply.status, StatusCode::OK, "{method} {path}: {:?}", reply.body);
        reply.value()
    }

    pub(crate) async fn advance(&self, by_ms: i64) {
        self.control("POST", "clock", &json!({ "advance_ms": by_ms })).await;
    }

    /// A click of the first partner's.
    pub(crate) async fn click(&self) -> String {
        let click = self.control("POST", "partnerstack/clicks", &json!({ "partner_key": "ada" })).await;
        click["xid"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn state(&self) -> Value {
        self.control("GET", "state/partnerstack", &Value::Null).await
    }

    /// The tally of one operation and key; null where there is none.
    pub(crate) async fn effect(&self, operation: &str, key: &str) -> Value {
        let effects = self.control("GET", &format!("effects?operation={operation}&key={key}"), &Value::Null).await;
        effects["effects"][0].clone()
    }

    pub(crate) async fn arm(&self, fault: Value) {
        self.control("POST", "faults", &fault).await;
    }
}

impl Draft {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn basic(self, user: &str, password: &str) -> Self {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        self.header("authorization", &format!("Basic {pair}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Reply {
        self.try_send().await.unwrap()
    }

    /// # Errors
    /// The connection broke before the answer was whole.
    pub(crate) async fn try_send(self) -> Result<Reply, hyper::Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(self.method.as_str()).uri(self.path).header("host", "double");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let answer = sender.send_request(request.body(Full::new(self.body)).unwrap()).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// Waits so long for the answer and hangs up; whether one came.
    pub(crate) async fn answered_within(self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.try_send()).await.is_ok()
    }
}

impl Reply {
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{:?}", self.body);
        self.value()["data"].clone()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The sentence of an error envelope, which is checked on the way.
    pub(crate) fn refusal(&self) -> String {
        let envelope = self.value();
        assert_eq!(envelope["status"], self.status.as_u16(), "{envelope}");
        assert_eq!(envelope.as_object().unwrap().len(), 2, "{envelope}");
        envelope["message"].as_str().unwrap().to_owned()
    }
}
