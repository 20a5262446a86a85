//! The wire from outside: golden vectors, properties, and the refusals that must hold.

mod ids;
mod properties;
mod support;
mod vectors;
