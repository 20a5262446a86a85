//! Helpers that several test files share.

pub(crate) mod backend;
pub(crate) mod browser;
pub(crate) mod merchant;
pub(crate) mod operator;
pub(crate) mod proxy;
