//! A request as the simulated vendors see it, and their answer.
//!
//! A simulated vendor is a function from state and [`Call`] to [`Answer`]; it has no sockets and no futures. The server
//! converts bytes into a [`Call`] and an [`Answer`] into bytes. Neither type is `Debug`, since a call contains credentials.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::violations::Breach;

/// Bodies above this are refused with 413.
pub(crate) const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// One request, completely read.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// As sent, still percent-encoded.
    pub(crate) path: String,
    /// The segments of the path, decoded; a segment with a broken encoding stays as sent.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) authorization: Authorization,
    headers: HeaderMap,
    pub(crate) body: Body,
}

/// The credential of a call, by its scheme.
pub(crate) enum Authorization {
    Absent,
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
    /// Another scheme, or one of the two that cannot be read.
    Unreadable,
}

/// The body of a call.
pub(crate) enum Body {
    Empty,
    Json(Value),
    /// Not JSON; kept for the request log.
    Other(Bytes),
    /// Above [`BODY_LIMIT_BYTES`]; discarded.
    TooLarge,
}

impl Call {
    /// `body` is `None` if it was too large to keep.
    pub(crate) fn new(head: &Parts, body: Option<Bytes>) -> Self {
        let path = head.uri.path();
        Self {
            method: head.method.clone(),
            path: path.to_owned(),
            segments: path.split('/').skip(1).map(|part| decode(part).unwrap_or_else(|| part.to_owned())).collect(),
            query: head.uri.query().map(pairs).unwrap_or_default(),
            authorization: Authorization::read(&head.headers),
            headers: head.headers.clone(),
            body: Body::read(body),
        }
    }

    /// The first header of that name, if it is printable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The name of every header.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(HeaderName::as_str)
    }

    /// Whether the body is called JSON.
    pub(crate) fn is_json(&self) -> bool {
        let media_type = self.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/json")
    }

    /// A text member of a JSON body.
    pub(crate) fn body_text(&self, name: &str) -> Option<&str> {
        match &self.body {
            Body::Json(value) => value.get(name)?.as_str(),
            Body::Empty | Body::Other(_) | Body::TooLarge => None,
        }
    }

    /// The first query parameter of that name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(key, _)| key == name)?;
        Some(value)
    }
}

impl Authorization {
    fn read(headers: &HeaderMap) -> Self {
        match headers.get(AUTHORIZATION) {
            None => Self::Absent,
            Some(value) => value.to_str().ok().and_then(Self::parse).unwrap_or(Self::Unreadable),
        }
    }

    fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(Self::Bearer(rest.trim().to_owned())),
            "basic" => {
                let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
                let (user, password) = pair.split_once(':')?;
                Some(Self::Basic { user: user.to_owned(), password: password.to_owned() })
            }
            _ => None,
        }
    }

    /// The word that the request log keeps in place of the credential.
    pub(crate) fn scheme(&self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Basic { .. } => Some("basic"),
            Self::Bearer(_) => Some("bearer"),
            Self::Unreadable => Some("unreadable"),
        }
    }
}

impl Body {
    fn read(body: Option<Bytes>) -> Self {
        match body {
            None => Self::TooLarge,
            Some(bytes) if bytes.is_empty() => Self::Empty,
            Some(bytes) => serde_json::from_slice(&bytes).map_or(Self::Other(bytes), Self::Json),
        }
    }
}

/// The answer to one call.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// Objects that the call created or changed.
    pub(crate) effects: u64,
    /// What the call did that no document allows, for the list of violations; the double has refused it or let it pass.
    pub(crate) breach: Option<Breach>,
}

impl Answer {
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), effects: 0, breach: None }
    }

    pub(crate) fn json(status: StatusCode, value: &Value) -> Self {
        Self::typed(status, "application/json", value.to_string())
    }

    /// JSON text; no body if the text is empty.
    pub(crate) fn text(status: StatusCode, text: &str) -> Self {
        if text.is_empty() { Self::empty(status) } else { Self::typed(status, "application/json", text.to_owned()) }
    }

    pub(crate) fn plain(status: StatusCode, text: String) -> Self {
        Self::typed(status, "text/plain; charset=utf-8", text)
    }

    pub(crate) fn html(status: StatusCode, page: String) -> Self {
        Self::typed(status, "text/html; charset=utf-8", page)
    }

    pub(crate) fn redirect(status: StatusCode, location: HeaderValue) -> Self {
        Self::empty(status).with_header(LOCATION, location)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn with_effects(mut self, effects: u64) -> Self {
        self.effects = effects;
        self
    }

    pub(crate) fn with_breach(mut self, breach: Option<Breach>) -> Self {
        self.breach = breach;
        self
    }

    fn typed(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self { body: Bytes::from(body), ..Self::empty(status) }
            .with_header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| decode(&text.replace('+', " ")).unwrap_or_else(|| text.to_owned());
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(key, value)| (plain(key), plain(value)))
        .collect()
}

/// Percent-decoding; `None` if two hex digits do not follow a `%`, or the result is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? * 16 + hex(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

/// Percent-encoding of one query value: everything but the unreserved characters of RFC 3986.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
