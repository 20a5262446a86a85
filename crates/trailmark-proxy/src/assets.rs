//! The SDK's built files, embedded: `sdk.js` and the hashed files that it loads, each also compressed. `cargo xtask
//! build-sdk` makes them; a binary built without them answers with that cure. A hashed name always has the same bytes
//! and is cached forever; `sdk.js` is revalidated.
//!
//! After an upgrade, and where two releases answer at one address, a page has the `sdk.js` of another release and asks for
//! hashes that this binary lacks. It gets this binary's file instead, uncached, since the name belongs to other bytes. Any
//! `sdk.js` runs any glue (pkg-template/core.js has the contract). If a page still gets glue and module of two releases, they
//! do not link, and `sdk.js` asks for both with a query, which is never cached.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Serialize;
use trailmark_wire::base64url;
use trailmark_wire::ids::hex;

use crate::keys::crypto::sha256;

#[derive(RustEmbed)]
#[folder = "sdk"]
#[allow_missing = true]
struct Files;

/// Why no file is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The binary was built without the SDK.
    NotBuilt,
    /// There is no file of that name.
    Unknown,
}

/// The file that pages name.
const ENTRY: &str = "sdk.js";

/// How long `sdk.js` is cached: a new version reaches every page within five minutes.
const ENTRY_CACHE: &str = "public, max-age=300";
const HASHED_CACHE: &str = "public, max-age=31536000, immutable";
/// For what stands in for another release's file, and what is asked for past all caches.
const NO_CACHE: &str = "no-store";

/// Compressed variants of each file, the smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// The file for this name, in the smallest encoding that the caller accepts. `fresh`: the caller wants a hashed file past all
/// caches. The query of `sdk.js` does not count: it names a release or holds settings.
pub(crate) fn file(name: &str, fresh: bool, request: &HeaderMap) -> Result<Response, Absent> {
    let kind = mime_of(name).filter(|_kind| name == ENTRY || ending(name).is_some()).ok_or(Absent::Unknown)?;
    if Files::get(ENTRY).is_none() {
        return Err(Absent::NotBuilt);
    }
    let own = own_name(name).ok_or(Absent::Unknown)?;
    let plain = Files::get(&own).ok_or(Absent::Unknown)?;
    let cache = match (own == ENTRY, own == name && !fresh) {
        (true, _) => ENTRY_CACHE,
        (_, true) => HASHED_CACHE,
        _ => NO_CACHE,
    };
    let tag = format!("W/\"{}\"", hex(&plain.metadata.sha256_hash()[..8]));
    let mut headers = HeaderMap::new();
    let fixed = [
        (CACHE_CONTROL, cache),
        (CONTENT_TYPE, kind),
        (VARY, "Accept-Encoding"),
        // A page with COEP may load the module from the proxy's subdomain.
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.extend(HeaderValue::try_from(&tag).ok().map(|tag| (ETAG, tag)));
    if is_known(request, &tag) {
        return Ok(answer(StatusCode::NOT_MODIFIED, headers, Body::empty()));
    }
    let (encoding, file) = encoded(&own, request).map_or((None, plain), |(encoding, file)| (Some(encoding), file));
    headers.extend(encoding.map(|encoding| (CONTENT_ENCODING, HeaderValue::from_static(encoding))));
    Ok(answer(StatusCode::OK, headers, body(file)))
}

/// The stub, which pages carry inline; `None` in a binary built without the SDK.
pub(crate) fn stub() -> Option<String> {
    let file = Files::get("stub.js")?;
    Some(String::from_utf8(file.data.into_owned()).ok()?.trim().to_owned())
}

/// A file that a page runs.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    /// Its name below the mount; `stub` is the inline script.
    pub(crate) name: String,
    /// Its size, not compressed.
    pub(crate) bytes: usize,
    /// SHA-256, as the attribute `integrity` and a Content-Security-Policy write it.
    pub(crate) integrity: String,
}

/// `sdk.js`; `None` in a binary built without the SDK.
pub(crate) fn entry() -> Option<Listed> {
    Some(listed(ENTRY, &Files::get(ENTRY)?.data))
}

/// Everything that a page of this release runs: the stub, `sdk.js`, then the hashed files by their endings. `None` in a binary built
/// without the SDK.
pub(crate) fn manifest() -> Option<Vec<Listed>> {
    let mut hashed: Vec<_> = Files::iter().filter(|name| mime_of(name).is_some() && ending(name).is_some()).collect();
    hashed.sort_by(|one, other| ending(one).cmp(&ending(other)));
    let hashed = hashed.iter().map(|name| Some(listed(name, &Files::get(name)?.data)));
    [stub().map(|stub| listed("stub", stub.as_bytes())), entry()].into_iter().chain(hashed).collect()
}

fn listed(name: &str, bytes: &[u8]) -> Listed {
    Listed { name: name.to_owned(), bytes: bytes.len(), integrity: integrity(bytes) }
}

/// In the usual alphabet, with the padding that 32 bytes need.
fn integrity(bytes: &[u8]) -> String {
    format!("sha256-{}=", base64url::encode(&sha256(bytes)).replace('-', "+").replace('_', "/"))
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn body(file: EmbeddedFile) -> Body {
    match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    }
}

/// The name of this binary's file that answers for a name of any release: the same one, or the one with the same ending.
fn own_name(name: &str) -> Option<Cow<'static, str>> {
    let wanted = ending(name);
    let stands_in = |file: &Cow<'static, str>| wanted.is_some() && ending(file) == wanted;
    Files::iter().find(|file| file == name).or_else(|| Files::iter().find(stands_in))
}

/// What follows the hash in a hashed name, such as `_bg.wasm`. A hash has at least eight hexadecimal digits.
fn ending(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("sdk-")?;
    let ending = rest.trim_start_matches(|letter: char| letter.is_ascii_hexdigit());
    (rest.len() - ending.len() >= 8).then_some(ending)
}

fn mime_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "wasm" => Some("application/wasm"),
        _ => None,
    }
}

fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let named = request.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(',').any(|known| known.trim() == tag || known.trim() == "*")
}

fn encoded(name: &str, request: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let taken = request.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut usable = ENCODINGS.into_iter().filter(|(encoding, _)| takes(taken, encoding));
    usable.find_map(|(encoding, suffix)| Some((encoding, Files::get(&format!("{name}{suffix}"))?)))
}

/// Whether an `Accept-Encoding` value names this encoding with a weight above zero.
fn takes(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_none_or(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_entry_and_hashed_files_are_served() {
        for end in [".js", "_bg.wasm", "_twin.js", "_platforms.js", "_carry.js", "_forms.js"] {
            assert_eq!(ending(&format!("sdk-0a1b2c3d4e5f{end}")), Some(end));
        }
        let odd = ["manifest.json", "sdk-x.js", "sdk-.js", "sdk-0a1b2c3.js", "../sdk.js", "sdk.js.br", "stub.js"];
        for name in odd.into_iter().chain(["sdk-0a1b2c3d4e5f.js.br"]) {
            assert_eq!(file(name, false, &HeaderMap::new()).err(), Some(Absent::Unknown), "{name}");
        }
    }

    #[test]
    fn a_hash_is_written_as_browsers_read_it() {
        // openssl dgst -sha256 -binary | base64
        assert_eq!(integrity(b""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn an_encoding_counts_when_it_is_named_with_a_weight() {
        for (accepted, br) in
            [("gzip, br", true), ("BR;q=0.5", true), ("br;q=0", false), ("", false), ("brotli", false)]
        {
            assert_eq!(takes(accepted, "br"), br, "{accepted}");
        }
    }
}
