//! The wire from outside: golden vectors, properties, and the refusals that must hold.

mod base64;
mod ids;
mod properties;
mod support;
mod vectors;
