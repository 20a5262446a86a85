//! The rules of attribution, from outside: touches in, decision out.

mod decide;
