//! The one HTTP client that leaves the proxy. It sends what an adapter built, to the hosts that the configuration allows, and
//! hands back a whole answer or a typed failure that says whether anything can have been processed. It follows no redirect,
//! repeats nothing, keeps no cookie, uses no proxy of the environment, and writes no log: URLs, headers and bodies hold
//! secrets and personal data.
//!
//! Every request has a connection of its own. A reused one can die under a request, whose outcome is then unknown; next to
//! what that costs, a handshake is cheap.

pub mod address;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use trailmark_vendors::exchange::{Answer, Method, Request};

use self::address::{Reach, Refused, Resolver};
use crate::clock::Clock;

/// What every request says that it is from.
pub const USER_AGENT: &str = concat!("trailmark/", env!("CARGO_PKG_VERSION"));

/// How long an exchange may take and how much may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Until the connection stands, name resolution and TLS included.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub total: Duration,
    /// Bytes of a body; an answer with more is not read to its end. Large enough for a page of a list whose items hold all the free text
    /// that a vendor allows.
    pub body_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 2 * 1024 * 1024 }
    }
}

/// Why there is no answer. The texts name no URL, header or body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No byte of the request left: certainly not processed.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The request left, in whole or in part: it may have been processed.
    #[error("outcome unknown: {0}")]
    Unknown(Lost),
}

/// What kept a request from leaving.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// No connection: refused, no route, no answer in time, or TLS failed.
    #[error("no connection to {host}")]
    Connect {
        /// The host.
        host: String,
    },
    /// The name has no address.
    #[error("{host} has no address")]
    Dns {
        /// The host.
        host: String,
    },
    /// The host is not on the allow-list.
    #[error("{host} is not a host of any configured vendor account")]
    HostNotAllowed {
        /// The host, with its port where it is not the scheme's own.
        host: String,
    },
    /// The adapter built something that is no HTTP request.
    #[error("the request cannot be written as HTTP: {part}")]
    Malformed {
        /// Which part of it.
        part: &'static str,
    },
    /// Plain HTTP beyond loopback.
    #[error("{host} would be reached without TLS; only loopback may be")]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// It was delayed for so long before it was sent that its lease may end first, and the delivery be sent by somebody else.
    #[error("the request was delayed past its deadline before it could be sent")]
    TooLate,
    /// The host's address is not a public one, or not a loopback one where every vendor is on loopback.
    #[error("{host} has the address {address}, which vendors must not have")]
    WrongAddress {
        /// The host.
        host: String,
        /// What kind of address.
        address: &'static str,
    },
}

/// Where an answer got lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// The body ended before its length, or its framing broke.
    #[error("the answer was cut short")]
    BodyCut,
    /// The body is larger than [`Bounds::body_bytes`].
    #[error("the answer is too large")]
    BodyTooLarge,
    /// The connection broke before the answer's head was complete.
    #[error("the connection broke before an answer")]
    Reset,
    /// No whole answer within [`Bounds::total`].
    #[error("no answer in time")]
    Timeout,
}

/// Egress cannot be set up as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetUpError {
    /// The HTTP client could not be built.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
    /// Some vendors are on loopback and some are not.
    #[error(
        "`{loopback}` is on loopback and `{beyond}` is not: local doubles and real vendors cannot share a configuration"
    )]
    Mixed {
        /// A host on loopback.
        loopback: String,
        /// A host beyond it.
        beyond: String,
    },
}

/// The client.
pub struct Egress {
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    hosts: Vec<String>,
    reach: Reach,
    bounds: Bounds,
}

impl Egress {
    /// A client for these hosts and no other, each with its port where it is not the scheme's own. When all of them are on
    /// loopback it reaches loopback alone, else public addresses alone.
    ///
    /// # Errors
    /// [`SetUpError`] when loopback and other hosts are mixed, or the client cannot be built.
    pub fn new(
        hosts: impl IntoIterator<Item = String>,
        bounds: Bounds,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetUpError> {
        let hosts: Vec<String> = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        let reach = reach(&hosts)?;
        let mut client = reqwest::Client::builder();
        if reach == Reach::Loopback {
            // Doubles speak plain HTTP; a machine without root certificates can run them.
            client = client.tls_certs_only([]);
        }
        let client = client
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(bounds.connect)
            .timeout(bounds.total)
            .dns_resolver(Resolver::new(reach))
            .build()
            .map_err(|error| SetUpError::Client(error.to_string()))?;
        Ok(Self { client, clock, hosts, reach, bounds })
    }

    /// The bounds that it keeps.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Sends a request and reads its whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Failure`], which says whether the request may have been processed.
    pub async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let built = self.build(request).map_err(Failure::NotSent)?;
        let host = built.url().host_str().unwrap_or_default().to_owned();
        let response = self.client.execute(built).await.map_err(|error| before_answer(&error, host))?;
        let status = response.status().as_u16();
        let headers = readable(response.headers());
        let body = self.body(response).await.map_err(Failure::Unknown)?;
        Ok(Answer { status, headers, body, at: self.clock.now() })
    }

    fn build(&self, request: &Request) -> Result<reqwest::Request, NotSent> {
        let malformed = |part| NotSent::Malformed { part };
        let url = Url::parse(request.url.expose()).map_err(|_shown_nowhere| malformed("its URL"))?;
        self.check(&url)?;
        let mut built = reqwest::Request::new(method(request.method), url);
        for (name, value) in &request.headers {
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_shown_nowhere| malformed("a header"))?;
            value.set_sensitive(true);
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_shown_nowhere| malformed("a header"))?;
            built.headers_mut().insert(name, value);
        }
        *built.body_mut() = request.body.clone().map(Into::into);
        Ok(built)
    }

    fn check(&self, url: &Url) -> Result<(), NotSent> {
        let host = authority(url).ok_or(NotSent::Malformed { part: "its URL" })?;
        if !self.hosts.contains(&host) {
            return Err(NotSent::HostNotAllowed { host });
        }
        if url.scheme() != "https" && self.reach != Reach::Loopback {
            return Err(NotSent::PlainHttp { host });
        }
        // Names are checked by the resolver, once they have become addresses.
        match address::literal(url.host_str().unwrap_or_default()).map(|ip| self.reach.check(ip)) {
            Some(Err(Refused { address })) => Err(NotSent::WrongAddress { host, address }),
            Some(Ok(())) | None => Ok(()),
        }
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Lost> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| in_answer(&error))? {
            if body.len().saturating_add(chunk.len()) > self.bounds.body_bytes {
                return Err(Lost::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("hosts", &self.hosts).field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// What may be dialled where these are the vendors' hosts. No host at all counts as beyond loopback.
///
/// # Errors
/// [`SetUpError::Mixed`].
pub(crate) fn reach(hosts: &[String]) -> Result<Reach, SetUpError> {
    let (local, beyond): (Vec<&String>, Vec<&String>) = hosts.iter().partition(|host| address::is_loopback_name(host));
    match (local.first(), beyond.first()) {
        (Some(loopback), Some(beyond)) => {
            Err(SetUpError::Mixed { loopback: (*loopback).clone(), beyond: (*beyond).clone() })
        }
        (Some(_), None) => Ok(Reach::Loopback),
        (None, _) => Ok(Reach::Public),
    }
}

/// Host in lower case, with the port where it is not the scheme's own.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?.to_ascii_lowercase();
    Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
    }
}

/// Headers whose values are text; adapters read no other.
fn readable(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| Some((name.to_string(), value.to_str().ok()?.to_owned()));
    headers.iter().filter_map(pair).collect()
}

/// Only what failed while connecting is certain not to have left.
fn before_answer(error: &reqwest::Error, host: String) -> Failure {
    if error.is_builder() {
        return Failure::NotSent(NotSent::Malformed { part: "its URL" });
    }
    if !error.is_connect() {
        return Failure::Unknown(if error.is_timeout() { Lost::Timeout } else { Lost::Reset });
    }
    Failure::NotSent(match address::refusal(error) {
        Some(address::Unresolved::NoAddress) => NotSent::Dns { host },
        Some(address::Unresolved::Refused(Refused { address })) => NotSent::WrongAddress { host, address },
        None => NotSent::Connect { host },
    })
}

fn in_answer(error: &reqwest::Error) -> Lost {
    if error.is_timeout() { Lost::Timeout } else { Lost::BodyCut }
}
