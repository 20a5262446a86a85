//! The only HTTP client: for vendors, and for the page that `doctor` looks at. It sends an adapter's request to a
//! configured host, and returns a whole answer or a typed failure that says whether the request may have been
//! processed. It follows no redirects, retries nothing, keeps no cookies, ignores proxies from the environment, and logs
//! nothing, because URLs, headers and bodies contain secrets and personal data.
//!
//! Every request has its own connection. A reused connection can break during a request, whose outcome is then
//! unknown; compared with that, a handshake is cheap.

pub mod address;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use trailmark_vendors::exchange::{Answer, Method, Request};

use self::address::{Reach, Refused, Resolver};
use crate::clock::Clock;

/// The User-Agent of every request.
pub const USER_AGENT: &str = concat!("trailmark/", env!("CARGO_PKG_VERSION"));

/// Limits of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Time until the connection is open, including name resolution and TLS.
    pub connect: Duration,
    /// Time until the last byte of the answer.
    pub total: Duration,
    /// Most bytes of a body; a larger answer is not read to its end. Large enough for a list page whose items have
    /// all the free text that a vendor allows.
    pub body_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 2 * 1024 * 1024 }
    }
}

/// Why there is no answer. The texts contain no URL, header or body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No byte of the request was sent: it was certainly not processed.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The request was sent, at least in part: it may have been processed.
    #[error("outcome unknown: {0}")]
    Unknown(Lost),
}

/// Why a request was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// No connection: refused, no route, timeout, or TLS failed.
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
    /// The host belongs to no configured vendor account.
    #[error("{host} is not a host of any configured vendor account")]
    HostNotAllowed {
        /// The host, with a port other than the scheme's default.
        host: String,
    },
    /// The adapter's request is not valid HTTP.
    #[error("the request cannot be written as HTTP: {part}")]
    Malformed {
        /// The invalid part.
        part: &'static str,
    },
    /// Plain HTTP to a host that is not on loopback.
    #[error("{host} has no TLS; plain HTTP is allowed only on loopback")]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// The request was delayed so long that its lease may expire first and somebody else may send the delivery.
    #[error("the request was delayed past its deadline before it could be sent")]
    TooLate,
    /// The host's address is not public; or not on loopback although every vendor is on loopback.
    #[error("{host} has the address {address}, which vendors must not have")]
    WrongAddress {
        /// The host.
        host: String,
        /// The kind of address.
        address: &'static str,
    },
}

/// How an answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// The body ended too early, or its framing is invalid.
    #[error("the answer was cut short")]
    BodyCut,
    /// The body is larger than [`Bounds::body_bytes`].
    #[error("the answer is too large")]
    BodyTooLarge,
    /// The connection broke before the answer's headers were complete.
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
        "`{loopback}` is on loopback and `{beyond}` is not: simulators and real vendors cannot share a configuration"
    )]
    Mixed {
        /// A host on loopback.
        loopback: String,
        /// A host elsewhere.
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
    /// A client for exactly these hosts, each with a port other than the scheme's default. If all are on loopback it
    /// connects only to loopback, otherwise only to public addresses.
    ///
    /// # Errors
    /// [`SetUpError`] if loopback and other hosts are mixed, or the client cannot be built.
    pub fn new(
        hosts: impl IntoIterator<Item = String>,
        bounds: Bounds,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetUpError> {
        let hosts: Vec<String> = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        let reach = reach(&hosts)?;
        Self::within(reach, hosts, bounds, clock)
    }

    /// A client for the page at `url`, wherever its host is: a company's own pages may be within its own network.
    ///
    /// # Errors
    /// [`SetUpError::Client`].
    pub fn for_page(url: &Url, bounds: Bounds, clock: Arc<dyn Clock>) -> Result<Self, SetUpError> {
        let host = authority(url).unwrap_or_default();
        let reach = if address::is_loopback_name(&host) { Reach::Loopback } else { Reach::Anywhere };
        Self::within(reach, vec![host], bounds, clock)
    }

    fn within(reach: Reach, hosts: Vec<String>, bounds: Bounds, clock: Arc<dyn Clock>) -> Result<Self, SetUpError> {
        let mut client = reqwest::Client::builder();
        if reach == Reach::Loopback {
            // Simulators use plain HTTP; a machine without root certificates can run them.
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

    /// Its limits.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Sends a request and reads the whole answer, whatever its status.
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
        if url.scheme() != "https" && self.reach == Reach::Public {
            return Err(NotSent::PlainHttp { host });
        }
        // The resolver checks names after resolution.
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

/// Which addresses may be used for these vendor hosts. Without hosts: public ones.
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

/// Host in lower case, with a port other than the scheme's default.
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

/// Headers whose values are text; adapters read no others.
fn readable(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| Some((name.to_string(), value.to_str().ok()?.to_owned()));
    headers.iter().filter_map(pair).collect()
}

/// Only a failure to connect proves that nothing was sent.
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
