//! Lists that change: people join and leave a list of a double, at once, or after each page that the double shows of it, so
//! that a test needs no clock to change a list under its reader. `control` reads the route, which is the same for every
//! double; the double knows what joining and leaving are.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::double::Double;
use crate::log::Errand;
use crate::random::SplitMix;

/// The most who join or leave in one step.
const MOST: usize = 100_000;

/// A list of people or companies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum List {
    Partners,
    Users,
}

/// The body of the route. Absent numbers are 0.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    add: usize,
    #[serde(default)]
    remove: usize,
    /// Not now, but after each page from now on; with both numbers 0 no longer.
    #[serde(default)]
    after_each_page: bool,
    pub(crate) account: Option<String>,
}

/// What happens after each page, by account and list, and the chance by which people leave.
#[derive(Debug)]
pub(crate) struct Crowds {
    after_each_page: BTreeMap<(&'static str, List), (usize, usize)>,
    chance: SplitMix,
}

impl List {
    /// The list of that name in a route.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word {
            "partners" => Some(Self::Partners),
            "users" => Some(Self::Users),
            _ => None,
        }
    }

    /// The list that an operation shows.
    fn shown_by(operation: &str) -> Option<Self> {
        match operation {
            "partner.list" | "partnership.list" => Some(Self::Partners),
            "user.list" => Some(Self::Users),
            _ => None,
        }
    }
}

impl Crowds {
    pub(crate) fn new() -> Self {
        Self { after_each_page: BTreeMap::new(), chance: SplitMix::new(0x0063_726f_7764) }
    }

    /// Does what is wanted, now or later; returns the ids of those who joined and left.
    ///
    /// # Errors
    /// The double has no such list, or the numbers are too large.
    pub(crate) fn change(
        &mut self,
        double: &mut dyn Double,
        (account, list): (&'static str, List),
        wanted: &Wanted,
        now_ms: i64,
    ) -> Result<Value, String> {
        let Wanted { add, remove, after_each_page, .. } = *wanted;
        if add.max(remove) > MOST {
            return Err(format!("add and remove must be at most {MOST}"));
        }
        if after_each_page {
            self.after_each_page.insert((account, list), (add, remove));
            return Ok(json!({ "joined": [], "left": [] }));
        }
        self.turn(double, (account, list), (add, remove), now_ms)
    }

    /// After a page that `errand` asked for.
    pub(crate) fn paged(&mut self, double: &mut dyn Double, errand: &Errand, now_ms: i64) {
        let Some(list) = errand.operation.and_then(List::shown_by) else { return };
        if let Some(numbers) = self.after_each_page.get(&(errand.vendor, list)).copied() {
            // Whether the double has the list was seen when it was shown.
            let _ = self.turn(double, (errand.vendor, list), numbers, now_ms);
        }
    }

    fn turn(
        &mut self,
        double: &mut dyn Double,
        (account, list): (&'static str, List),
        (add, remove): (usize, usize),
        now_ms: i64,
    ) -> Result<Value, String> {
        let joined: Option<Vec<String>> = (0..add).map(|_| double.join(account, list, now_ms)).collect();
        let joined = joined.ok_or("this vendor has no such list")?;
        let left = (0..remove).map_while(|_| double.leave(account, list, self.chance.next(), now_ms));
        let left: Vec<String> = left.collect();
        Ok(json!({ "joined": joined, "left": left }))
    }
}

/// The one that `number` picks from all; `None` if there are none.
pub(crate) fn picked<T>(all: impl Iterator<Item = T>, number: u64) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    let index = number.checked_rem(u64::try_from(all.len()).ok()?)?;
    Some(all.swap_remove(usize::try_from(index).ok()?))
}
