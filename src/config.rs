//! What the page tells the SDK before anything happens: the settings of one site, and the arrival that the stub remembered.
//! Checked once, here; names every storage key and cookie that the SDK owns. Reads no attribute and no URL: the loader
//! reads the script tag, [`crate::capture`] the landing URL.

use trailmark_wire::ids::{ArrivalId, SiteId};

use crate::consent::State;
use crate::page::Page;

/// Milliseconds that `ready` waits at most for the proxy's first answer. A proxy that is down must not hold up the page;
/// the arrival goes on behind it.
pub const READY_MS: u32 = 1_000;

/// Milliseconds after which a call is answered, whatever is still under way: [`trailmark_wire::limits::SETTLE_MS`] less what
/// a timer and the way back to the page take.
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
    /// Generic parameter names that count as a partner key on this page.
    pub params: Vec<String>,
    /// Whether mistakes are explained on the console.
    pub debug: bool,
}

/// One arrival, as the stub saw it before any router.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its random id; a repeated report repeats it.
    pub id: ArrivalId,
    /// `location.href`. Of its query and fragment only recognised parameters leave the page.
    pub url: String,
    /// When, RFC 3339 by the browser's clock.
    pub at: String,
    /// Whether it was by reload or back/forward: then it may have been told already, which the proxy knows.
    pub again: bool,
}

impl Settings {
    /// The localStorage key of the click token and what it says. Kept until the touch's window ends.
    pub fn click_key(&self) -> String {
        joined(&["tm_", self.site.as_str(), "_click"])
    }

    /// What the localStorage keys of conversions that wait to be sent begin with; the id follows. Kept until acknowledged,
    /// at most 7 days.
    pub fn queue_prefix(&self) -> String {
        joined(&["tm_", self.site.as_str(), "_queue_"])
    }

    /// The localStorage key of the time before which the proxy does not want to be tried again. Kept until nothing waits.
    pub fn due_key(&self) -> String {
        joined(&["tm_", self.site.as_str(), "_due"])
    }

    /// The readable cookie, set by the proxy beside the visitor cookie, that says asking for a token is worth it.
    pub fn flag_cookie(&self) -> String {
        joined(&["tm_", self.site.as_str()])
    }

    /// Says to the page's developer what `parts` make together, with `data-debug` alone.
    pub fn explain<P: Page>(&self, page: &P, parts: &[&str]) {
        if self.debug {
            page.warn(&joined(parts));
        }
    }

    /// The address of a route of the proxy.
    pub fn route(&self, path: &str) -> String {
        joined(&[self.endpoint.strip_suffix('/').unwrap_or(&self.endpoint), path])
    }
}

/// The parts as one text. The one place where the SDK builds texts: `format!` and `concat` cost the module a kilobyte each.
pub(crate) fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    parts.iter().for_each(|part| text.push_str(part));
    text
}
