//! Conversions that wait in the page's storage: written before they are sent, removed by id when the proxy has answered for
//! them, read again by the next page. Bounded by bytes and age. Each has a key of its own: tabs share the storage, but a write
//! reaches another tab's process some time later, lock or no lock, so that a list which two tabs rewrite would lose entries. The
//! loader sees to it that one tab at a time drains; a tab that does not yet see a removal sends once more, and the proxy gives the
//! first receipt again. Personal data lies here only under a grant, and only until the proxy's answer.

use trailmark_wire::ids::ConversionId;
use trailmark_wire::limits::{QUEUE_AGE_MS, QUEUE_BYTES};
use trailmark_wire::time::UnixMillis;

use crate::config::{Settings, joined};
use crate::conversion::Entry;
use crate::page::{Json as _, Page};

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
    if holds(page, settings, &entry.id) {
        return true;
    }
    let key = key(settings, &entry.id);
    let waiting: usize = names(page, settings).iter().filter_map(|name| page.load(name)).map(|text| text.len()).sum();
    let text = page.write(entry).ok().filter(|text| waiting + text.len() <= QUEUE_BYTES);
    text.is_some_and(|text| page.store(&key, &text))
}

/// Whether the entry `id` is there.
pub fn holds<P: Page>(page: &P, settings: &Settings, id: &ConversionId) -> bool {
    page.load(&key(settings, id)).is_some()
}

/// Removes the entry `id`, if it is there.
pub fn remove<P: Page>(page: &P, settings: &Settings, id: &ConversionId) {
    page.remove(&key(settings, id));
}

/// What waits, the oldest first. What is past its age or cannot be read is removed.
pub fn list<P: Page>(page: &P, settings: &Settings) -> Vec<Entry> {
    let read = |name: &String| {
        let kept = page.load(name).and_then(|text| page.parse(&text));
        let entry = kept.and_then(|kept| Entry::read(&kept)).filter(|entry| {
            let fresh = page.now().since(entry.at) < QUEUE_AGE_MS;
            fresh && *name == key(settings, &entry.id)
        });
        if entry.is_none() {
            page.remove(name);
        }
        entry
    };
    names(page, settings).iter().filter_map(read).collect()
}

/// The storage keys of what waits, readable or not, the oldest first: ids begin with their time.
pub fn names<P: Page>(page: &P, settings: &Settings) -> Vec<String> {
    page.names(&settings.queue_prefix())
}

/// Keeps the proxy's hint for later pages: nothing that waits is tried before `until`.
pub fn put_off<P: Page>(page: &P, settings: &Settings, until: UnixMillis) {
    if let Ok(text) = page.write(&until) {
        page.store(&settings.due_key(), &text);
    }
}

/// When what waits may be tried, by a hint that an earlier page was given; no later than the longest hint from now, whatever
/// became of the clock.
pub fn due<P: Page>(page: &P, settings: &Settings) -> UnixMillis {
    let kept = page.load(&settings.due_key()).and_then(|text| page.parse(&text)?.integer());
    UnixMillis(kept.unwrap_or(0)).min(page.now().plus(HINT_MOST_MS.into()))
}

/// Removes the hint, and what waits, readable or not.
pub fn clear<P: Page>(page: &P, settings: &Settings) {
    let hint = [settings.due_key()];
    hint.iter().chain(&names(page, settings)).for_each(|name| page.remove(name));
}

fn key(settings: &Settings, id: &ConversionId) -> String {
    joined(&[&settings.queue_prefix(), id.as_str()])
}
