//! Carriers: how a visit passes to another host of its site that shares no cookie with the first. When the visitor follows a
//! link to such a host, the page adds the parameter [`PARAM`] to the address: a random id, and the time of the click. At the
//! same moment it announces the id to the proxy, in an envelope ([`crate::envelope::CARRIER`]) that proves whose visit it is.
//! The page behind the link reports its address as always, and the proxy gives it a token for the same visitor.
//!
//! The id is new for each click, means nothing by itself, and works once. The time is the browser's own, so that it can be
//! compared with that browser's time of arrival, however wrong the clock is. This file reads the parameter and decides about
//! time; the proxy's ledger knows whose visit it is, and who has used it.

use serde::{Deserialize, Serialize};

use crate::ids::Jti;
use crate::landing::Landing;
use crate::limits::CARRIER_MS;
use crate::time::UnixMillis;

/// The parameter of the address.
pub const PARAM: &str = "_tm";

/// Most digits of a time in seconds.
const DIGITS: usize = 12;

/// The `data` of an envelope that announces a carrier: its other members say all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What a link carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// Its id: the `jti` of the envelope that announces it.
    pub id: Jti,
    /// When the visitor followed the link: whole seconds by the browser's clock.
    pub at: UnixMillis,
}

impl Carrier {
    /// The first parameter of the address that is one.
    pub fn of(landing: &Landing<'_>) -> Option<Self> {
        landing.pairs().filter(|(name, _)| name == PARAM).find_map(|(_, value)| Self::parse(value))
    }

    /// Reads `id.seconds`.
    fn parse(value: &str) -> Option<Self> {
        let (id, seconds) = value.split_once('.')?;
        let is_time = (1..=DIGITS).contains(&seconds.len()) && seconds.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = seconds.parse().ok().filter(|_| is_time)?;
        Some(Self { id: Jti::new(id).ok()?, at: UnixMillis::from_seconds(seconds) })
    }

    /// Whether a page that was reached at `arrived`, by the same clock, was reached through the click: at most
    /// [`CARRIER_MS`] later. A second before is allowed, because clocks are set.
    pub fn is_in_time(&self, arrived: UnixMillis) -> bool {
        (-1_000..=CARRIER_MS).contains(&arrived.since(self.at))
    }
}
