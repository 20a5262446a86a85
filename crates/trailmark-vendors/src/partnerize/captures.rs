// What Partnerize's links and scripts leave in a landing URL and in cookies, the newer of two twins first: vendors.md § 2.1.
// The crate `trailmark-wire` includes this file; nothing in the adapter reads it.

use super::{NOTHING, Names};

pub(super) const NAMES: Names = Names {
    click_params: &["clickref"],
    click_cookies: &["partnerizeClickReference", "clickref"],
    generic_is_click: true,
    needs_click: true,
    ..NOTHING
};
