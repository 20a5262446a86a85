//! The SDK's built files, embedded: `sdk.js` and the hashed files that it loads, each also compressed. `cargo xtask
//! build-sdk` makes them; a binary built without them answers with that cure. A hashed name always has the same bytes
//! and is cached forever; `sdk.js` is revalidated.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use rust_embed::{EmbeddedFile, RustEmbed};

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

/// How long `sdk.js` is cached: a new version reaches every page within five minutes.
const ENTRY_CACHE: &str = "public, max-age=300";
const HASHED_CACHE: &str = "public, max-age=31536000, immutable";

/// Compressed variants of each file, the smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// The file with this name, in the smallest encoding that the caller accepts.
pub(crate) fn file(name: &str, request: &HeaderMap) -> Result<Response, Absent> {
    let cache = cache_of(name).ok_or(Absent::Unknown)?;
    let kind = mime_of(name).ok_or(Absent::Unknown)?;
    let plain = Files::get(name)
        .ok_or_else(|| if Files::get("sdk.js").is_some() { Absent::Unknown } else { Absent::NotBuilt })?;
    let tag = format!("W/\"{}\"", trailmark_wire::ids::hex(&plain.metadata.sha256_hash()[..8]));
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
    let (encoding, file) = encoded(name, request).map_or((None, plain), |(encoding, file)| (Some(encoding), file));
    headers.extend(encoding.map(|encoding| (CONTENT_ENCODING, HeaderValue::from_static(encoding))));
    Ok(answer(StatusCode::OK, headers, body(file)))
}

/// The stub, which pages carry inline; `None` in a binary built without the SDK.
pub(crate) fn stub() -> Option<String> {
    let file = Files::get("stub.js")?;
    String::from_utf8(file.data.into_owned()).ok()
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

/// Only files that pages load: `sdk.js`, and hashed files, whose names have at least eight hexadecimal digits.
fn cache_of(name: &str) -> Option<&'static str> {
    if name == "sdk.js" {
        return Some(ENTRY_CACHE);
    }
    let rest = name.strip_prefix("sdk-")?;
    let hash = rest.split(['.', '_']).next().filter(|hash| hash.len() >= 8)?;
    hash.bytes().all(|b| b.is_ascii_hexdigit()).then_some(HASHED_CACHE)
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
        assert_eq!(cache_of("sdk.js"), Some(ENTRY_CACHE));
        assert_eq!(cache_of("sdk-0a1b2c3d4e5f.js"), Some(HASHED_CACHE));
        assert_eq!(cache_of("sdk-0a1b2c3d4e5f_bg.wasm"), Some(HASHED_CACHE));
        assert_eq!(cache_of("sdk-0a1b2c3d4e5f_forms.js"), Some(HASHED_CACHE));
        for name in ["manifest.json", "sdk-x.js", "sdk-.js", "../sdk.js", "sdk.js.br", "stub.js"] {
            assert_eq!(cache_of(name), None, "{name}");
        }
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
