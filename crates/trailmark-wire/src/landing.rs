//! The landing URL, read without a URL library (one costs the module some 67 KB): origin, path, and the query as
//! `application/x-www-form-urlencoded` pairs. It reads what browsers print in `location.href` and refuses the rest; whether
//! the origin is one of the site's is the proxy's business. The pairs go to [`crate::capture`].

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::capture::Rule;
use crate::limits::URL_BYTES;

/// The text is no absolute http(s) URL of at most [`URL_BYTES`] bytes as a browser prints it: no white space, no
/// controls, no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https URL of at most 8,192 bytes without credentials")]
pub struct NotALanding;

/// An absolute http(s) URL, its fragment cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landing<'a> {
    origin: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Landing<'a> {
    /// Reads `scheme://host[:port][/path][?query][#fragment]`.
    ///
    /// # Errors
    /// [`NotALanding`] for any other text.
    pub fn parse(url: &'a str) -> Result<Self, NotALanding> {
        let url = url.split('#').next().unwrap_or(url);
        if url.len() > URL_BYTES || url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(NotALanding);
        }
        let scheme = ["https://", "http://"].into_iter().find(|s| url.starts_with(s)).ok_or(NotALanding)?;
        let (rest, query) = url.split_once('?').unwrap_or((url, ""));
        let end = rest.get(scheme.len()..).and_then(|r| r.find('/')).map_or(rest.len(), |at| at + scheme.len());
        let (origin, path) = rest.split_at_checked(end).ok_or(NotALanding)?;
        if origin.len() == scheme.len() || origin.bytes().any(|b| b == b'@') {
            return Err(NotALanding);
        }
        Ok(Self { origin, path, query })
    }

    /// `scheme://host[:port]` as written.
    pub fn origin(&self) -> &'a str {
        self.origin
    }

    /// The path as written, `/` where there is none.
    pub fn path(&self) -> &'a str {
        if self.path.is_empty() { "/" } else { self.path }
    }

    /// The query's names and values, decoded, in order; pairs that are not UTF-8 once decoded are left out.
    pub fn pairs(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.raw_pairs().filter_map(|raw| {
            let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
            Some((form_decode(name)?, form_decode(value)?))
        })
    }

    /// What may be stored of this URL: origin, path, the parameters that `rules` capture and `utm_*`. Whatever else a
    /// query carries (session ids, e-mail addresses) is cut before the first write.
    pub fn stored(&self, rules: &[Rule<'_>]) -> String {
        let keeps = |raw: &&str| {
            let name = raw.split('=').next().and_then(form_decode);
            name.is_some_and(|name| name.starts_with("utm_") || rules.iter().any(|rule| rule.names_param(&name)))
        };
        // Pushed piece by piece: formatting would cost the browser's module more than all of this file.
        let mut stored = String::from(self.origin);
        stored.push_str(self.path());
        let mut separator = '?';
        for raw in self.raw_pairs().filter(keeps) {
            stored.push(separator);
            stored.push_str(raw);
            separator = '&';
        }
        stored
    }

    fn raw_pairs(&self) -> impl Iterator<Item = &'a str> {
        self.query.split('&').filter(|raw| !raw.is_empty())
    }
}

/// Undoes percent-encoding and `+`, as the URL standard does for forms; `None` when the bytes are not UTF-8. A `%` that
/// starts no escape stands for itself.
fn form_decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains(['%', '+']) {
        return Some(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
