//! Conversions that wait in the page's storage: written before they are sent, removed by id when the proxy has answered for
//! them, read again by the next page. Bounded by bytes and age. One key holds them all, read and written anew on every
//! change, since other tabs use it too; the loader sees to it that one tab at a time drains it. Personal data lies here only
//! under a grant, and only until the proxy's answer.

use trailmark_wire::ids::ConversionId;
use trailmark_wire::limits::{QUEUE_AGE_MS, QUEUE_BYTES};

use crate::config::Settings;
use crate::conversion::Entry;
use crate::page::{Json, Page};

/// Milliseconds between two tries at least.
pub const BREATH_MS: u32 = 1_000;

/// The first pause after a failure, in milliseconds; each further one doubles it.
const PAUSE_MS: u32 = 5_000;

/// No pause of our own is longer than this many milliseconds.
const PAUSE_MOST_MS: u32 = 600_000;

/// The longest hint that is followed: a day, in milliseconds. A page does not live longer.
const HINT_MOST_MS: u32 = 86_400_000;

/// Milliseconds to wait after so many failures in a row, with full jitter by `chance` of 256, and not before the proxy's hint.
pub fn pause(failures: u32, hint: u32, chance: u8) -> u32 {
    let most = PAUSE_MS.saturating_mul(1 << (failures.clamp(1, 8) - 1)).min(PAUSE_MOST_MS);
    let jittered = most / 256 * u32::from(chance);
    jittered.max(hint.min(HINT_MOST_MS)).max(BREATH_MS)
}

/// Keeps `entry`, once however often it is put. `false` where storage is denied, or where the entry would take the queue
/// over its bound: what was promised to be kept is never dropped for it.
pub fn put<P: Page>(page: &P, settings: &Settings, entry: &Entry) -> bool {
    let mut entries = list(page, settings);
    if entries.iter().any(|kept| kept.id == entry.id) {
        return true;
    }
    entries.push(entry.clone());
    write(page, settings, &entries)
}

/// Removes the entry `id`, if it is there.
pub fn remove<P: Page>(page: &P, settings: &Settings, id: &ConversionId) {
    let mut entries = list(page, settings);
    if let Some(position) = entries.iter().position(|kept| kept.id == *id) {
        entries.remove(position);
        write(page, settings, &entries);
    }
}

/// What waits, the oldest first; entries past their age, or that cannot be read, do not count.
pub fn list<P: Page>(page: &P, settings: &Settings) -> Vec<Entry> {
    let kept = page.load(&settings.queue_key()).and_then(|text| page.parse(&text));
    let entries = kept.map(|kept| kept.items()).unwrap_or_default();
    let fresh = |entry: &Entry| page.now().since(entry.at) < QUEUE_AGE_MS;
    entries.iter().filter_map(|kept| Entry::read(kept).filter(fresh)).collect()
}

fn write<P: Page>(page: &P, settings: &Settings, entries: &[Entry]) -> bool {
    let key = settings.queue_key();
    if entries.is_empty() {
        page.remove(&key);
        return true;
    }
    let text = page.write(entries).ok().filter(|text| text.len() <= QUEUE_BYTES);
    text.is_some_and(|text| page.store(&key, &text))
}
