//! Conversions that wait in the page's storage. Each is written before it is sent, removed when the proxy has answered, and
//! read again by the next page. The queue is limited in bytes and age. Each conversion has its own storage key: a write of
//! one tab reaches another tab's process later, even under a lock, so that a list that two tabs rewrite would lose entries.
//! `pkg-template/serve.js` lets one tab at a time drain. A tab that does not see a removal yet sends the conversion again,
//! and the proxy repeats the first receipt. Personal data is stored only with consent, and only until the proxy answers.

use trailmark_wire::ids::Jti;
use trailmark_wire::landing::pieces;
use trailmark_wire::limits::{QUEUE_AGE_MS, QUEUE_BYTES};
use trailmark_wire::time::UnixMillis;

use crate::config::{Settings, joined};
use crate::conversion::Entry;
use crate::json::{integer, number};
use crate::page::Page;

/// Milliseconds between two tries, at least.
pub const BREATH_MS: u32 = 1_000;

/// The first pause after a failure, in milliseconds; each further failure doubles it.
const PAUSE_MS: u32 = 5_000;

/// The longest pause without a hint, in milliseconds.
const PAUSE_MOST_MS: u32 = 600_000;

/// The longest `Retry-After` that is followed: a day, in milliseconds. No page lives longer.
const HINT_MOST_MS: u32 = 86_400_000;

/// Milliseconds to wait after `failures` in a row: full jitter (`chance` of 256), but at least the proxy's `hint` and
/// [`BREATH_MS`].
pub fn pause(failures: u32, hint: u32, chance: u8) -> u32 {
    let most = PAUSE_MS.saturating_mul(1 << (failures.clamp(1, 8) - 1)).min(PAUSE_MOST_MS);
    let jittered = most / 256 * u32::from(chance);
    jittered.max(hint.min(HINT_MOST_MS)).max(BREATH_MS)
}

/// Stores `entry` unless it is stored already. `false` if storage is denied, or if the queue would exceed its limit: stored
/// entries are never dropped for a new one.
pub fn put(page: &dyn Page, settings: &Settings, entry: &Entry) -> bool {
    if holds(page, settings, &entry.id) {
        return true;
    }
    let text = entry.to_json();
    let stored = names(page, settings);
    let waiting: usize = pieces(&stored, b"\n").filter_map(|name| page.load(name)).map(|text| text.len()).sum();
    waiting + text.len() <= QUEUE_BYTES && page.store(&key(settings, &entry.id), &text)
}

/// Whether the entry `id` is stored.
pub fn holds(page: &dyn Page, settings: &Settings, id: &Jti) -> bool {
    page.load(&key(settings, id)).is_some()
}

/// Removes the entry `id`, if it is stored.
pub fn remove(page: &dyn Page, settings: &Settings, id: &Jti) {
    page.store(&key(settings, id), "");
}

/// The waiting entries, the oldest first. Removes entries that are too old or unreadable.
pub fn list(page: &dyn Page, settings: &Settings) -> Vec<Entry> {
    let read = |name: &str| {
        let kept = page.load(name).and_then(|text| Entry::read(page, &text));
        let entry = kept.filter(|entry| {
            let fresh = page.now().since(entry.at) < QUEUE_AGE_MS;
            fresh && name == key(settings, &entry.id)
        });
        if entry.is_none() {
            page.store(name, "");
        }
        entry
    };
    pieces(&names(page, settings), b"\n").filter_map(read).collect()
}

/// The storage keys of the waiting entries, readable or not, a line each, the oldest first: ids begin with their time.
pub fn names(page: &dyn Page, settings: &Settings) -> String {
    page.names(&settings.queue_prefix())
}

/// Stores the proxy's hint for later pages: no waiting entry is tried before `until`.
pub fn put_off(page: &dyn Page, settings: &Settings, until: UnixMillis) {
    page.store(&settings.due_key(), &number(until.0));
}

/// When waiting entries may be tried, by the hint that an earlier page stored; at most [`HINT_MOST_MS`] from now, even if
/// the clock was set back.
pub fn due(page: &dyn Page, settings: &Settings) -> UnixMillis {
    let kept = page.load(&settings.due_key()).and_then(|text| integer(&text));
    UnixMillis(kept.unwrap_or(0)).min(page.now().plus(HINT_MOST_MS.into()))
}

/// Removes the hint and the waiting entries, readable or not.
pub fn clear(page: &dyn Page, settings: &Settings) {
    page.store(&settings.due_key(), "");
    pieces(&names(page, settings), b"\n").for_each(|name| {
        page.store(name, "");
    });
}

fn key(settings: &Settings, id: &Jti) -> String {
    joined(&[&settings.queue_prefix(), id.as_str()])
}
