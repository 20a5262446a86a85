//! The rules of attribution, from outside: touches in, decision out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decide;
