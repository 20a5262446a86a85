// What Acme's links carry. The crate `trailmark-wire` includes this file.

use super::{NOTHING, Names};

pub(super) const NAMES: Names = Names { click_params: &["acme_id"], generic_is_click: true, ..NOTHING };
