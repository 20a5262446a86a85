// What Introw's links and scripts leave in a landing URL and in cookies, the newer of two twins first: vendors.md § 3.1.
// The crate `trailmark-wire` includes this file; nothing in the adapter reads it.

use super::{NOTHING, Names};

pub(super) const NAMES: Names = Names {
    // They name no partner, but a partner's commission lines need one: a generic name says it, beside the click.
    click_params: &["irw_id"],
    click_cookies: &["_introw_aff"],
    needs_click: true,
    ..NOTHING
};
