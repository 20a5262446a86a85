//! Talks to a running proxy's operator listener on this machine, with the admin key. One connection for each request,
//! plain HTTP, no redirects, no proxies. It reaches only the one configured address, so it is not part of `egress`,
//! which is for vendors.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use trailmark_vendors::secret::Secret;
use url::form_urlencoded;

use super::failure::Failure;
use crate::admin::problem::Problem;

/// The connection timeout: a listener on this machine accepts at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The answer timeout: a check of the whole store takes longest.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest answer in bytes: a thousand rows, with room to spare.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A running proxy.
#[derive(Debug)]
pub(super) struct Remote {
    address: SocketAddr,
    key: Option<Secret>,
}

impl Remote {
    /// Connects to the proxy behind an operator's listener, if one runs; only then reads the key.
    pub(super) async fn find(
        listen: SocketAddr,
        key: impl FnOnce() -> Result<Option<Secret>, Failure>,
    ) -> Result<Option<Self>, Failure> {
        let remote = Self { address: reachable(listen), key: None };
        match remote.connect().await? {
            None => Ok(None),
            Some(_listens) => Ok(Some(Self { key: key()?, ..remote })),
        }
    }

    /// Asks for JSON.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<T, Failure> {
        let mut written = form_urlencoded::Serializer::new(String::new());
        for (name, value) in query {
            if let Some(value) = value {
                written.append_pair(name, value);
            }
        }
        let query = written.finish();
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        self.json(Method::GET, &target, Bytes::new()).await
    }

    /// Posts JSON and reads JSON.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::request(format!("cannot write this: {error}")))?;
        self.json(Method::POST, path, Bytes::from(body)).await
    }

    async fn json<T: DeserializeOwned>(&self, method: Method, target: &str, body: Bytes) -> Result<T, Failure> {
        let (status, body) = self.exchange(method, target, body).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_unreadable| self.stranger());
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(problem.into()),
            Err(_unreadable) => Err(self.stranger()),
        }
    }

    async fn exchange(&self, method: Method, target: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
        let request = self.request(method, target, body)?;
        let stream = self.connect().await?.ok_or_else(|| self.silent("it stopped listening"))?;
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, ask(stream, request)).await;
        answer
            .map_err(|_elapsed| self.silent("it gave no answer within a minute"))?
            .map_err(|error| self.silent(&error))
    }

    fn request(&self, method: Method, target: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            let mut value = value
                .map_err(|_unsendable| Failure::usage("`server.admin_key` is not visible ASCII, as a header needs"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(Full::new(body)).map_err(|error| Failure::request(format!("cannot ask for {target}: {error}")))
    }

    /// Connects; `None` when nothing listens at the address.
    async fn connect(&self) -> Result<Option<TcpStream>, Failure> {
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => Ok(Some(stream)),
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Ok(None),
            Ok(Err(error)) => Err(self.silent(&error.to_string())),
            Err(_elapsed) => Err(self.silent("it does not accept connections")),
        }
    }

    fn silent(&self, why: &str) -> Failure {
        Failure::unreachable(format!(
            "the proxy at {} (server.admin_listen) does not answer: {why}; is it shutting down?",
            self.address
        ))
    }

    fn stranger(&self) -> Failure {
        Failure::unreachable(format!(
            "the answer from {} (server.admin_listen) is not from a proxy of this version; is the address right?",
            self.address
        ))
    }
}

async fn ask(stream: TcpStream, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
    drop(sender);
    connection.abort();
    Ok((status, body.to_bytes()))
}

/// The address to connect to: loopback for a listener on all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
