//! What the page tells the SDK first: the settings of one site, and the arrival that the stub recorded. Both are read and
//! checked once, here. This file also names every storage key and cookie of the SDK. It reads no attribute and no URL: the
//! loader reads the script tag, [`crate::capture`] the landing URL.

use trailmark_wire::carrier;
use trailmark_wire::ids::{ArrivalId, SiteId};
use trailmark_wire::landing::{pieces, split};

use crate::click::texts;
use crate::consent::State;
use crate::page::SEPARATOR;

/// Milliseconds that `ready` waits at most for the proxy's first answer. A proxy that is down must not hold up the page;
/// the report of the arrival continues in the background.
pub const READY_MS: u32 = 1_000;

/// Milliseconds after which every call is answered, even if work continues: [`trailmark_wire::limits::SETTLE_MS`] less the
/// time that a timer and the way back to the page take.
pub const PATIENCE_MS: u32 = trailmark_wire::limits::SETTLE_MS - 50;

/// The settings of one site.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The site.
    pub site: SiteId,
    /// Where the proxy is mounted, with or without a slash at the end: `/tm`, `https://go.example.com/tm`.
    pub endpoint: String,
    /// What the page says about consent.
    pub consent: State,
    /// Generic parameter names that count as a partner key on this page, and the name of a carrier.
    pub params: Vec<String>,
    /// Whether mistakes are explained on the console.
    pub debug: bool,
}

/// One arrival, as the stub recorded it before any router ran.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its random id; a retry sends the same id.
    pub id: ArrivalId,
    /// `location.href`. Only recognised parameters of its query and fragment leave the page.
    pub url: String,
    /// When the page was reached: RFC 3339, by the browser's clock.
    pub at: String,
    /// Whether the page was reached by reload or back/forward. Then the arrival may have been reported before; the proxy
    /// knows.
    pub again: bool,
}

/// Reads what the loader passes: site, endpoint, consent, params (with commas between), debug, and of the arrival id, at, again
/// and url, in this order and separated by [`SEPARATOR`]. What is not set, and what an older loader does not pass, is empty.
/// What follows is a newer loader's and ignored. One text, because each further argument or object costs the glue.
///
/// # Errors
/// A sentence for the page's developer if the site's id or the arrival is invalid.
pub fn read(values: &str) -> Result<(Settings, Arrival), &'static str> {
    let [site, endpoint, consent, params, debug, id, at, again, rest] = texts(values);
    let (url, _) = split(rest, SEPARATOR);
    let site = SiteId::new(site).map_err(|_shape| "site is missing or not 1 to 32 of a-z, 0-9 and -")?;
    let settings = Settings {
        site,
        endpoint: endpoint.to_owned(),
        // A page that states nothing, or an unknown word, has not asked for consent yet; nor has `auto` before an answer.
        consent: State::from_word(consent).unwrap_or(State::Pending),
        params: pieces(params, b",")
            .chain([carrier::PARAM])
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        debug: !debug.is_empty(),
    };
    let id = ArrivalId::new(id).map_err(|_shape| "the arrival was not recorded by the stub")?;
    Ok((settings, Arrival { id, url: url.to_owned(), at: at.to_owned(), again: !again.is_empty() }))
}

impl Settings {
    /// The localStorage key of [`crate::click::Click`]. Kept until the touch's window ends.
    pub fn click_key(&self) -> String {
        joined(&["tm_", self.site.as_str(), "_click"])
    }

    /// The prefix of the localStorage keys of waiting conversions; the conversion's id follows. Each is kept until the
    /// proxy acknowledges it, at most 7 days.
    pub fn queue_prefix(&self) -> String {
        joined(&["tm_", self.site.as_str(), "_queue_"])
    }

    /// The localStorage key of the time before which the proxy accepts no retry. Kept until nothing waits.
    pub fn due_key(&self) -> String {
        joined(&["tm_", self.site.as_str(), "_due"])
    }

    /// The readable cookie that the proxy sets beside the visitor cookie. It says that the proxy has a token for this
    /// visitor.
    pub fn flag_cookie(&self) -> String {
        joined(&["tm_", self.site.as_str()])
    }

    /// The address of a route of the proxy.
    pub fn route(&self, path: &str) -> String {
        joined(&[self.endpoint.strip_suffix('/').unwrap_or(&self.endpoint), path])
    }
}

/// The parts as one text. The SDK builds texts only here: `format!` and `concat` cost the module a kilobyte each.
pub(crate) fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    parts.iter().for_each(|part| text.push_str(part));
    text
}
