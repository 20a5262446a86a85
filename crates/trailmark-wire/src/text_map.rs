//! A small map from text to text, sorted by name: the `data` of a conversion and the cookies of a click. As JSON it is an
//! object; if a name occurs twice, its last value counts. A sorted list rather than a tree: with a few dozen entries it is
//! as fast, and a tree costs the browser's module a kilobyte.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Entries that are read at most, more than any user of the map allows. Keeps a hostile body from costing much sorting.
const ENTRIES: usize = 100;

/// Names with values, sorted by name; every name once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextMap(Vec<(String, String)>);

impl TextMap {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Puts `value` under `name`, replacing an earlier value.
    pub fn insert(&mut self, name: String, value: String) {
        // Searches backwards, since most entries arrive sorted. A binary search would cost the module more than it saves
        // the page.
        let place = self.0.iter().rposition(|(other, _)| *other <= name);
        match place.and_then(|place| self.0.get_mut(place)) {
            Some((same, old)) if *same == name => *old = value,
            _ => self.0.insert(place.map_or(0, |place| place + 1), (name, value)),
        }
    }

    /// The value under `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Names with values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for TextMap {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Self {
        let mut map = Self::new();
        entries.into_iter().for_each(|(name, value)| map.insert(name, value));
        map
    }
}

impl<const N: usize> From<[(String, String); N]> for TextMap {
    fn from(entries: [(String, String); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl Serialize for TextMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = TextMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<TextMap, A::Error> {
        let mut map = TextMap::new();
        while let Some((name, value)) = entries.next_entry()? {
            if map.len() == ENTRIES {
                return Err(A::Error::custom(format_args!("more than {ENTRIES} entries")));
            }
            map.insert(name, value);
        }
        Ok(map)
    }
}
