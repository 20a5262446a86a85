//! The SDK from outside, natively: its whole behaviour as events and effects, with a manual clock and a scripted proxy. What
//! only a browser can show is in `tests/browser.rs`.
#![cfg(not(target_arch = "wasm32"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod arrivals;
mod capture;
mod carriers;
mod config;
mod consent;
mod conversion;
mod json;
mod queue;
mod steps;
mod support;
mod timing;
