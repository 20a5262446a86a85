//! The root of a vendor's API, configured or the vendor's own, checked once; and the building of URLs below it. Values
//! become path segments only here, so that a customer's key can add no segment and no query. Egress and the configuration
//! decide which hosts may be reached, and whether plain HTTP is allowed.

use std::fmt::Write as _;

use crate::secret::Secret;

/// The root of an API, without a trailing slash.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    text: String,
    host: String,
}

impl Root {
    /// The root of this text, with or without a slash at its end.
    ///
    /// # Errors
    /// What is wrong with it, as half a sentence.
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_end_matches('/');
        Ok(Self { text: text.to_owned(), host: host(text)? })
    }

    /// The URL of a path below the root; `path` begins with a slash, and values in it are encoded by [`segment`].
    pub(crate) fn url(&self, path: &str) -> Secret {
        Secret::new(format!("{}{path}", self.text))
    }

    /// The host in lower case, with the port if it is not the scheme's default.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

fn host(root: &str) -> Result<String, &'static str> {
    let (scheme, rest) = root.split_once("://").ok_or("must be an absolute URL, such as https://api.example.com")?;
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err("must begin with https:// or http://"),
    };
    if rest.contains(['?', '#', '\\', '@']) || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("must have only scheme, host and path: no user name, query, fragment or white space");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.strip_suffix(own_port).unwrap_or(authority);
    match host.is_empty() {
        true => Err("has no host"),
        false => Ok(host.to_ascii_lowercase()),
    }
}

/// A value as one path segment: everything but RFC 3986's unreserved characters percent-encoded. `None` if no encoding
/// makes it a segment: the empty text, and the dot segments, which every URL parser removes.
pub(crate) fn segment(value: &str) -> Option<String> {
    (!matches!(value, "" | "." | "..")).then(|| encoded(value))
}

/// Percent-encoding (RFC 3986 § 2.1) of everything but unreserved characters.
pub(crate) fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
