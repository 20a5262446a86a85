//! The wire from outside: golden vectors, properties, and the refusals that must hold.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod base64;
mod ids;
mod properties;
mod repairs;
mod support;
mod text_map;
mod vectors;
