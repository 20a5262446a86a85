//! Where a vendor's API begins: the configured root or the vendor's own, checked once, and the building of URLs below it.
//! Values become path segments here and nowhere else, so that no key of a customer can add a segment or a query.
//! Which hosts may be reached, and whether plain HTTP is allowed, is egress's and the configuration's to say.

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

    /// The URL of a path below the root; `path` begins with a slash and holds values as [`segment`] wrote them.
    pub(crate) fn url(&self, path: &str) -> Secret {
        Secret::new(format!("{}{path}", self.text))
    }

    /// Host in lower case, with the port where it is not the scheme's own.
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
        return Err("must be scheme, host and path alone: no user name, query, fragment or white space");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.strip_suffix(own_port).unwrap_or(authority);
    match host.is_empty() {
        true => Err("names no host"),
        false => Ok(host.to_ascii_lowercase()),
    }
}

/// A value as one path segment: everything but RFC 3986's unreserved characters percent-encoded. `None` for what no
/// encoding makes a segment of its own: nothing at all, and the dot segments, which every URL parser removes.
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
