//! The landing URL, read without a URL library (one costs the module some 67 KB): origin, path, and the names and values of
//! query and fragment. It reads addresses as people paste, wrap and mistype them, and refuses only what has no host; whether
//! the origin is one of the site's is the proxy's business. The pairs go to [`crate::capture`].

use alloc::string::String;

use crate::capture::Rule;
use crate::grammar::{Plus, holds_email, percent_decoded};
use crate::limits::{PATH_CHARS, STORED_PART_CHARS, STORED_URL_BYTES, VALUE_CHARS};

/// What stands in the ledger in the place of an e-mail address.
const EMAIL: &str = "[email]";

/// The text does not begin with `http://` or `https://` and a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https URL")]
pub struct NotALanding;

/// An absolute http(s) URL, without its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landing<'a> {
    scheme: &'a str,
    host: &'a str,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> Landing<'a> {
    /// Reads `scheme://[user[:password]@]host[:port][/path][?query][#fragment]`. The path ends at the first `?`, `&` or `;`,
    /// or an encoded `?`: programs that build addresses put those in the place of the `?`.
    ///
    /// # Errors
    /// [`NotALanding`] for any other text.
    pub fn parse(url: &'a str) -> Result<Self, NotALanding> {
        let scheme = ["https://", "http://"].into_iter().find(|s| url.starts_with(s)).ok_or(NotALanding)?;
        let rest = url.get(scheme.len()..).unwrap_or_default();
        let (authority, rest) = split(rest, |rest| matches!(rest, [b'/' | b'?' | b'#', ..]));
        let (path, rest) = split(rest, |rest| {
            matches!(rest, [b'?' | b'&' | b';' | b'#', ..] | [b'%', b'3', b'F' | b'f', ..])
        });
        let (query, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        match host.is_empty() || host.bytes().any(|byte| byte <= b' ' || byte == b'\\') {
            true => Err(NotALanding),
            false => Ok(Self { scheme, host, path, query, fragment }),
        }
    }

    /// `scheme://host[:port]` as written.
    pub fn origin(&self) -> String {
        let mut origin = String::from(self.scheme);
        origin.push_str(self.host);
        origin
    }

    /// The names, decoded, and the values, as written, of query and fragment in order.
    pub fn pairs(&self) -> impl Iterator<Item = (String, &'a str)> {
        pieces(self.query).chain(pieces(self.fragment)).filter_map(pair)
    }

    /// What may leave the page of this URL: origin, path, the parameters that `rules` capture, and `utm_*` of the query.
    /// Whatever else an address carries (session ids, access tokens) stays in the page. Read again, it captures the same.
    pub fn told(&self, rules: &[Rule<'_>]) -> String {
        let captured = |name: &str| rules.iter().any(|rule| rule.names_param(name));
        let query = pieces(self.query).filter(|piece| is_named(piece, |name| captured(name) || is_utm(name)));
        let fragment = pieces(self.fragment).filter(|piece| is_named(piece, captured));
        // Pushed piece by piece: formatting would cost the browser's module more than all of this file.
        let mut told = self.origin();
        told.push_str(if self.path.is_empty() { "/" } else { cut(self.path, PATH_CHARS) });
        let mut separator = '?';
        for piece in query.chain(fragment) {
            told.push(separator);
            // A value that is too long stays so.
            told.push_str(cut(piece, 2 * VALUE_CHARS));
            separator = '&';
        }
        told
    }

    /// What the ledger keeps of this URL: what may leave the page, `[email]` for each part that holds an e-mail address, and no
    /// more than [`STORED_URL_BYTES`]. Stored again, it stays as it is.
    pub fn stored(&self, rules: &[Rule<'_>]) -> String {
        let told = self.told(rules);
        let mut stored = String::new();
        for part in told.split_inclusive(DELIMITERS) {
            let word = part.trim_end_matches(DELIMITERS);
            let shown = if holds_email(word) { EMAIL } else { cut(word, STORED_PART_CHARS) };
            let delimiter = part.get(word.len()..).unwrap_or_default();
            if stored.len() + shown.len() + delimiter.len() > STORED_URL_BYTES {
                break;
            }
            stored.extend(shown.chars().filter(|c| !c.is_whitespace() && !c.is_control()));
            stored.push_str(delimiter);
        }
        stored.truncate(stored.trim_end_matches(['?', '&']).len());
        stored
    }
}

/// What parts of a written address stand between.
const DELIMITERS: [char; 4] = ['/', '?', '&', '='];

/// The text before the first place of which `ends` is true, and the text from there.
fn split(text: &str, ends: impl Fn(&[u8]) -> bool) -> (&str, &str) {
    let end = (0..text.len()).find(|&at| text.as_bytes().get(at..).is_some_and(&ends));
    // Every end is ASCII, so it is a boundary.
    end.and_then(|end| text.split_at_checked(end)).unwrap_or((text, ""))
}

/// The text between separators. Beside `&` these are `?`, which programs add that find no `?` in what they are given; `;`, the
/// end of `&amp;`; and `#`.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(['&', '?', ';', '#'])
}

/// The name, decoded, and the value as written, of one parameter; `None` where there is no `=`. An encoded separator in front of a name, as in `amp%3Bgspk`, and the slash of
/// a hash router are no part of it.
pub fn pair(piece: &str) -> Option<(String, &str)> {
    let (name, value) = piece.split_once('=')?;
    let name = percent_decoded(name, Plus::Space)?;
    Some((name.rsplit(['&', '?', ';', '/', ' ']).next()?.into(), value))
}

fn is_named(piece: &str, accepts: impl Fn(&str) -> bool) -> bool {
    pair(piece).is_some_and(|(name, _)| accepts(&name))
}

fn is_utm(name: &str) -> bool {
    name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("utm_"))
}

/// The first `most` characters.
fn cut(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}
