//! What browser and proxy send each other, version 1.
//!
//! Both sides compile this crate, so that they cannot disagree: the browser as part of the SDK's WebAssembly module, the
//! proxy natively. The modules, in the order in which a click passes them:
//!
//! 1. [`landing`], [`grammar`] and [`capture`]: the landing URL and the named cookies become at most one touch per program;
//! 2. [`click`]: the request that reports the arrival, and the answer that carries the click token;
//! 3. [`token`]: the click token and the visitor token, compact JWS signed by the proxy;
//! 4. [`conversion`]: what happened afterwards (signup, lead, sale, refund), with its canonical encoding;
//! 5. [`merchant`]: customers and orders that the merchant's backend signed and a page passes on;
//! 6. [`envelope`]: the signed form in which a browser posts a conversion;
//! 7. [`carrier`]: how the visit passes to another host of the site;
//! 8. [`receipt`] and [`refusal`]: the proxy's two kinds of answer.
//!
//! The others are the parts of these messages: [`ids`], [`time`], [`money`], [`text_map`], [`jwk`], [`jws`], [`limits`];
//! and [`repair`], the one rule for flaws in a caller's fields.
//!
//! The version stands in the route, `v1/`: a page of another version gets a 404 and keeps its conversions. Within a version
//! members are only added, and a page and a proxy of any two releases work together. Whoever reads an answer, a token or an
//! arrival ignores members that it does not know. A conversion with an unknown member is refused, because that member may
//! limit what is to be done with it; so a page may send a new one only to a proxy whose answer to the arrival has said that
//! it knows it. `tests/journey/releases.test.mjs` holds this against the release before.
//!
//! The crate has no clock, no randomness, no I/O, no cryptography and no JSON library. The caller passes time as
//! [`time::UnixMillis`], cryptography as closures (WebCrypto in the browser, aws-lc-rs in the proxy), and JSON through
//! [`json::WriteJson`] and [`json::ReadJson`]. The files `vectors/*.json` hold Rust, the WebAssembly build and plain
//! JavaScript to the same bytes.

extern crate alloc;

pub mod base64url;
pub mod ids;
pub mod json;
pub mod limits;
pub mod money;
pub mod text_map;
pub mod time;

pub mod repair;

pub mod landing;

pub mod grammar;

pub mod vendor;

pub mod capture;

pub mod jwk;
pub mod jws;

pub mod click;
pub mod token;

pub mod conversion;

pub mod merchant;

pub mod carrier;

pub mod envelope;

pub mod receipt;
pub mod refusal;
