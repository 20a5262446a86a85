//! Which known name was probably meant by one that is not known: for settings, fields and commands alike. Pure.

/// The known name that was probably meant, where one is near.
pub(crate) fn nearest<K: AsRef<str>>(name: &str, known: impl IntoIterator<Item = K>) -> Option<K> {
    let likely = known.into_iter().map(|known| (likeness(name, known.as_ref()), known));
    likely.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.8).map(|(_, known)| known)
}

/// From 0, nothing in common, to 1, the same.
pub(crate) fn likeness(name: &str, known: &str) -> f64 {
    strsim::jaro_winkler(name, known)
}

/// The names that a parser of `serde` lists in backticks.
pub(crate) fn listed(expected: &str) -> impl Iterator<Item = &str> {
    expected.split('`').skip(1).step_by(2)
}
