//! The landing URL, read without a URL library (one costs the module some 67 KB): origin, path, and the names and values of
//! query and fragment. It reads addresses as people paste, wrap and mistype them, and refuses only what has no host; whether
//! the origin is one of the site's is the proxy's business. The pairs go to [`crate::capture`].

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use crate::capture::Rule;
use crate::grammar::{Plus, holds_email, percent_decoded};
use crate::limits::{PARAM_BYTES, PATH_BYTES, STORED_PART_BYTES, STORED_URL_BYTES, VALUE_BYTES};

/// What stands in the ledger in the place of an e-mail address.
const EMAIL: &str = "[email]";

/// What stands there in the place of the name of a campaign parameter that holds one.
const UTM_EMAIL: &str = "utm_[email]";

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

/// What may leave the page of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The address.
    pub url: String,
    /// Whether a parameter that some rule captures has a value; whether it is a key is a question of its own.
    pub is_touch: bool,
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
        let (authority, rest) = split(rest, b"/?#");
        let (path, rest) = split(rest, b"?&;#%");
        let (query, fragment) = split(rest, b"#");
        let host = after(authority, b"@");
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

    /// The names and values of query and fragment in order, as [`pair`] has them.
    pub fn pairs(&self) -> impl Iterator<Item = (String, &'a str)> {
        pieces(self.query).chain(pieces(self.fragment)).filter_map(pair)
    }

    /// What may leave the page of this URL: origin, path, the parameters that `rules` capture, and `utm_*` of the query.
    /// Whatever else an address carries (session ids, access tokens) stays in the page. Read again, it captures the same.
    pub fn told(&self, rules: &[Rule<'_>]) -> Told {
        // Pushed piece by piece: formatting would cost the browser's module more than all of this file.
        let mut told = Told { url: self.origin(), is_touch: false };
        told.url.push_str(if self.path.is_empty() { "/" } else { cut(self.path, PATH_BYTES) });
        let mut separator = '?';
        // No name begins with a slash.
        for (text, start) in [(self.query, "utm_"), (self.fragment, "/")] {
            for piece in pieces(text) {
                let Some((name, value)) = pair(piece) else { continue };
                let is_captured = rules.iter().any(|rule| rule.names_param(&name));
                if is_captured || name.starts_with(start) {
                    told.is_touch |= is_captured && !value.is_empty();
                    told.url.push(separator);
                    // A value that is too long stays so.
                    told.url.push_str(cut(piece, 2 * VALUE_BYTES));
                    separator = '&';
                }
            }
        }
        told
    }

    /// What the ledger keeps of this URL: what may leave the page, `[email]` for each part that holds an e-mail address, and no
    /// more than [`STORED_URL_BYTES`]. Stored again, it stays as it is.
    pub fn stored(&self, rules: &[Rule<'_>]) -> String {
        let shown = |c: char| match c {
            ' ' => '+',
            // Not a space, which would part a name in two when it is read again.
            c if c.is_whitespace() || c.is_control() => '_',
            c => c,
        };
        // Before anything is decided, so that what is decided holds for what is stored.
        let told: String = self.told(rules).url.chars().map(shown).collect();
        let mut stored = String::new();
        for part in told.split_inclusive(DELIMITERS) {
            let word = part.trim_end_matches(DELIMITERS);
            let delimiter = part.get(word.len()..).unwrap_or_default();
            let is_name = delimiter == "=" && stored.ends_with(['?', '&']);
            let shown = match holds_email(word) {
                // What stands in front of the name is no part of it.
                true if is_name => pair(part).map(|(name, _)| name).filter(|name| !holds_email(name)),
                true => Some(EMAIL.to_owned()),
                false => word.get(..word.floor_char_boundary(STORED_PART_BYTES)).map(str::to_owned),
            };
            let shown = shown.unwrap_or_else(|| UTM_EMAIL.to_owned());
            if stored.len() + shown.len() + delimiter.len() > STORED_URL_BYTES {
                break;
            }
            stored.push_str(&shown);
            stored.push_str(delimiter);
        }
        stored.truncate(stored.trim_end_matches(['?', '&']).len());
        stored
    }
}

/// What parts of a written address stand between.
const DELIMITERS: [char; 4] = ['/', '?', '&', '='];

/// The text before the first of `ends`, which are ASCII, and the text from there; `%` ends it only in an encoded `?`. Here and
/// below one function for all takes a quarter of the bytes that the library's patterns take.
fn split<'t>(text: &'t str, ends: &[u8]) -> (&'t str, &'t str) {
    let is_end = |at: &usize| match text.as_bytes().get(*at..) {
        Some([b'%', after @ ..]) => ends.contains(&b'%') && matches!(after, [b'3', b'F' | b'f', ..]),
        Some([byte, ..]) => ends.contains(byte),
        _ => false,
    };
    (0..text.len()).find(is_end).and_then(|end| text.split_at_checked(end)).unwrap_or((text, ""))
}

/// The text after the last of `ends`, which are ASCII.
fn after<'t>(text: &'t str, ends: &[u8]) -> &'t str {
    let end = text.bytes().rposition(|byte| ends.contains(&byte));
    end.and_then(|end| text.get(end + 1..)).unwrap_or(text)
}

/// The text between separators. Beside `&` these are `?`, which programs add that find no `?` in what they are given; `;`, the
/// end of `&amp;`; and `#`.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    core::iter::from_fn(move || {
        let (piece, rest) = split(text, b"&?;#");
        (!text.is_empty()).then(|| {
            text = rest.get(1..).unwrap_or_default();
            piece
        })
    })
}

/// The name of one parameter, decoded and in lower case, and its value as written; `None` where there is no `=`, or a name
/// longer than [`PARAM_BYTES`]. An encoded
/// separator in front of a name, as in `amp%3Bgspk`, and the slash of a hash router are no part of it.
pub fn pair(piece: &str) -> Option<(String, &str)> {
    let (name, value) = split(piece, b"=");
    if name.len() > PARAM_BYTES {
        return None;
    }
    let mut name = percent_decoded(name, Plus::Space)?;
    name.make_ascii_lowercase();
    Some((after(&name, b"&?;/ ").to_owned(), value.get(1..)?))
}

/// The first `most` bytes; all of a text that has no character's end there, as browsers print none.
fn cut(text: &str, most: usize) -> &str {
    text.get(..most).unwrap_or(text)
}
