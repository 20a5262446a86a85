//! Reads the landing URL without a URL library (which costs the module about 67 KB): origin, path, and the names and values
//! of query and fragment. Accepts addresses as people paste, wrap and mistype them, and refuses only an address without a
//! host. The proxy checks whether the origin belongs to the site. The pairs go to [`crate::capture`].

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use crate::capture::Rule;
use crate::grammar::{Plus, holds_email, percent_decoded};
use crate::limits::{PARAM_BYTES, PATH_BYTES, STORED_PART_BYTES, STORED_URL_BYTES, VALUE_BYTES};

/// The ledger's replacement for a part with an e-mail address.
const EMAIL: &str = "[email]";

/// The ledger's replacement for the name of a campaign parameter with an e-mail address.
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

/// The part of an address that may leave the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The address.
    pub url: String,
    /// Whether a parameter that a rule captures has a value, or a segment follows its name. Whether that is a key is decided
    /// elsewhere.
    pub is_touch: bool,
}

impl<'a> Landing<'a> {
    /// Reads `scheme://[user[:password]@]host[:port][/path][?query][#fragment]`. The path ends at the first `?`, `&` or
    /// `;`, or an encoded `?`: some programs write those in place of the `?`.
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

    /// The names and values of query and fragment in order, as [`pair`] reads them.
    pub fn pairs(&self) -> impl Iterator<Item = (String, &'a str)> {
        pieces(self.query, SEPARATORS).chain(pieces(self.fragment, SEPARATORS)).filter_map(pair)
    }

    /// The segment of the path after the segment `name`, which matches in any case. None of a path that is cut when it
    /// leaves the page.
    pub(crate) fn segment_after(&self, name: &str) -> Option<&'a str> {
        let mut rest = if self.path.len() < PATH_BYTES { self.path } else { "" };
        loop {
            let (segment, next) = split(rest.get(1..)?, b"/");
            if segment.eq_ignore_ascii_case(name) {
                return Some(split(next.get(1..)?, b"/").0);
            }
            rest = next;
        }
    }

    /// The part of this URL that may leave the page: origin, path, the parameters that `rules` capture, and `utm_*` of the
    /// query. Everything else in an address (session ids, access tokens) stays in the page. Reading the result again
    /// captures the same.
    pub fn told(&self, rules: &[Rule<'_>]) -> Told {
        // Built piece by piece: formatting would cost the browser's module more than this whole file.
        let is_touch = rules.iter().any(|rule| rule.segments(self).next().is_some());
        let mut told = Told { url: self.origin(), is_touch };
        told.url.push_str(if self.path.is_empty() { "/" } else { cut(self.path, PATH_BYTES) });
        let mut separator = "?";
        // The `/` in place of `utm_` matches nothing: no name begins with a slash.
        for (text, start) in [(self.query, "utm_"), (self.fragment, "/")] {
            for piece in pieces(text, SEPARATORS) {
                let Some((name, value)) = pair(piece) else { continue };
                let is_captured = rules.iter().any(|rule| rule.names_param(&name));
                if is_captured || name.starts_with(start) {
                    told.is_touch |= is_captured && !value.is_empty();
                    told.url.push_str(separator);
                    // A value that is too long is cut, but stays too long.
                    told.url.push_str(cut(piece, 2 * VALUE_BYTES));
                    separator = "&";
                }
            }
        }
        told
    }

    /// The part of this URL that the ledger keeps: what may leave the page, with `[email]` for each part that has an e-mail
    /// address, at most [`STORED_URL_BYTES`]. Storing the result again does not change it.
    pub fn stored(&self, rules: &[Rule<'_>]) -> String {
        let shown = |c: char| match c {
            ' ' => '+',
            // Not a space, which would split a name when the text is read again.
            c if c.is_whitespace() || c.is_control() => '_',
            c => c,
        };
        // First, so that every later decision holds for the stored text.
        let told: String = self.told(rules).url.chars().map(shown).collect();
        let mut stored = String::new();
        for part in told.split_inclusive(DELIMITERS) {
            let word = part.trim_end_matches(DELIMITERS);
            let delimiter = part.get(word.len()..).unwrap_or_default();
            let is_name = delimiter == "=" && stored.ends_with(['?', '&']);
            let shown = match holds_email(word) {
                // The name alone is kept, if the address is only in what precedes it.
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

/// The delimiters between parts of a written address.
const DELIMITERS: [char; 4] = ['/', '?', '&', '='];

/// The text before the first of `ends`, which are ASCII, and the text from there; a `%` counts only if it begins an encoded
/// `?`. One function for all delimiters takes a quarter of the bytes of the library's patterns.
pub fn split<'t>(text: &'t str, ends: &[u8]) -> (&'t str, &'t str) {
    let is_end = |at: &usize| match text.as_bytes().get(*at..) {
        Some([b'%', after @ ..]) => ends.contains(&b'%') && matches!(after, [b'3', b'F' | b'f', ..]),
        Some([byte, ..]) => ends.iter().any(|end| end == byte),
        _ => false,
    };
    (0..text.len()).find(is_end).and_then(|end| text.split_at_checked(end)).unwrap_or((text, ""))
}

/// The text after the last of `ends`, which are ASCII.
fn after<'t>(text: &'t str, ends: &[u8]) -> &'t str {
    let end = text.bytes().rposition(|byte| ends.contains(&byte));
    end.and_then(|end| text.get(end + 1..)).unwrap_or(text)
}

/// The separators of parameters: `&`; `?`, which programs add if they see none in the address they extend; `;`, the end of
/// `&amp;`; and `#`.
const SEPARATORS: &[u8] = b"&?;#";

/// The texts that one of `ends` separates; none after a last separator.
pub fn pieces<'t>(mut text: &'t str, ends: &'static [u8]) -> impl Iterator<Item = &'t str> {
    core::iter::from_fn(move || {
        let (piece, rest) = split(text, ends);
        (!text.is_empty()).then(|| {
            text = rest.get(1..).unwrap_or_default();
            piece
        })
    })
}

/// The name of one parameter, decoded and in lower case, and its value as written. `None` if there is no `=`, or the name
/// is longer than [`PARAM_BYTES`]. An encoded separator before the name, as in `amp%3Bgspk`, and the slash of a hash router
/// are removed.
pub fn pair(piece: &str) -> Option<(String, &str)> {
    let (name, value) = split(piece, b"=");
    if name.len() > PARAM_BYTES {
        return None;
    }
    let mut name = percent_decoded(name, Plus::Space)?;
    name.make_ascii_lowercase();
    Some((after(&name, b"&?;/ ").to_owned(), value.get(1..)?))
}

/// The first `most` bytes of a text; the whole text if a character would be split, which never happens with addresses that
/// browsers print.
fn cut(text: &str, most: usize) -> &str {
    text.get(..most).unwrap_or(text)
}
