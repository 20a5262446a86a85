// What Partnero's links and scripts leave in a landing URL and in cookies, the newer of two twins first: vendors.md § 4.1.
// The crate `trailmark-wire` includes this file; nothing in the adapter reads it.

use super::{NOTHING, Names};

pub(super) const NAMES: Names = Names {
    partner_cookies: &["partnero_partner"],
    default_params: &["aff"],
    // A program can choose links such as `/aff/ada`.
    in_path: true,
    ..NOTHING
};
