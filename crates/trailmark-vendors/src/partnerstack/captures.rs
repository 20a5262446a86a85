// What PartnerStack's links and scripts leave in a landing URL and in cookies, the newer of two twins first: vendors.md § 1.1.
// The crate `trailmark-wire` includes this file; nothing in the adapter reads it.

use super::{Case, NOTHING, Names};

pub(super) const NAMES: Names = Names {
    click_params: &["ps_xid", "gsxid"],
    partner_params: &["ps_partner_key", "gspk"],
    click_cookies: &["ps_xid", "gsxid"],
    partner_cookies: &["growSumoPartnerKey", "ps_partner_key"],
    // Alone in its documents, keys have no capitals.
    case: Case::Lower,
    ..NOTHING
};
