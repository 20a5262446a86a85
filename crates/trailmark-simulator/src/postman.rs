//! Sends webhooks to the address that a control route has set: in the order of the events, one at a time, each once. Keeps
//! the results for `GET /control/NAME/webhooks`. Only plain http on this machine: a simulator has no reason to
//! contact others.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;

use crate::server::Shared;
use crate::world::World;

/// How long the receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One webhook as a double writes it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The account's name.
    pub(crate) account: &'static str,
    /// Where it goes; `None` for the address that the account's control route has set.
    pub(crate) url: Option<String>,
    /// Beside `Content-Type: application/json`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Outgoing {
    /// A webhook to the account's address, with no header of its own.
    pub(crate) fn json(account: &'static str, body: &Value) -> Self {
        Self { account, url: None, headers: Vec::new(), body: Bytes::from(body.to_string()) }
    }

    /// The record of the webhook.
    pub(crate) fn sent(self, url: String, status: Option<u16>) -> Sent {
        let text = || Value::from(String::from_utf8_lossy(&self.body));
        let body = serde_json::from_slice(&self.body).unwrap_or_else(|_| text());
        Sent { account: self.account, url, body, status }
    }
}

/// A webhook to be sent, where to, and the life of the simulator in which it was written.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) outgoing: Outgoing,
    pub(crate) url: String,
    pub(crate) life: u64,
}

/// A webhook that was sent.
#[derive(Debug, Serialize)]
pub(crate) struct Sent {
    pub(crate) account: &'static str,
    pub(crate) url: String,
    /// JSON as JSON, anything else as text.
    pub(crate) body: Value,
    /// `null` if no answer came, or if the webhook was never sent because too many were waiting.
    pub(crate) status: Option<u16>,
}

/// Sends webhooks until all senders are gone; drops those from before a reset.
pub(crate) async fn deliver(mut mail: Receiver<Unsent>, world: Shared) {
    while let Some(Unsent { outgoing, url, life }) = mail.recv().await {
        if lock(&world).life != life {
            continue;
        }
        let answered = tokio::time::timeout(PATIENCE, post(&url, &outgoing)).await;
        let status = answered.ok().flatten().map(|status| status.as_u16());
        let mut world = lock(&world);
        if world.life == life {
            world.note(outgoing.sent(url, status));
        }
    }
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether webhooks may be sent to this address.
pub(crate) fn may_be_told(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let local = uri.host().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"));
    uri.scheme_str() == Some("http") && local
}

async fn post(url: &str, outgoing: &Outgoing) -> Option<StatusCode> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/json");
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(outgoing.body.clone()));
    Some(sender.send_request(request.ok()?).await.ok()?.status())
}
