//! Consent as a typed state machine: what the page states, what Global Privacy Control says over it, and what a change sets
//! off. Pure; [`crate::tracker`] acts. Nothing here asks anybody: banners and consent platforms belong to the page.

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is stored and nothing sent; also in force under Global Privacy Control.
    Denied,
    /// Touches are reported, tokens and waiting conversions stored.
    Granted,
    /// Not asked yet: memory of this document only. Also where the page states nothing.
    Pending,
}

/// Whether an earlier page left something of ours: the flag cookie or a storage entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing of ours is there.
    None,
    /// Something is.
    Left,
}

/// What a change of consent sets off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Look at the arrival, report a touch, send what waits.
    Arrive,
    /// Drop what this document holds in memory.
    Forget,
    /// Drop it, clear our storage, and send one `DELETE v1/clicks`.
    Withdraw,
}

impl State {
    /// The state behind a word of the page; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Denied, Self::Granted, Self::Pending].into_iter().find(|state| state.as_str() == word)
    }

    /// The word in the page's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Granted => "granted",
            Self::Pending => "pending",
        }
    }

    /// The state in force: Global Privacy Control (<https://w3c.github.io/gpc/>) overrides a grant, and what is pending too,
    /// since it already is an answer.
    #[must_use]
    pub fn under(self, privacy_control: bool) -> Self {
        if privacy_control { Self::Denied } else { self }
    }
}

/// What coming to a page in state `now` sets off.
pub fn begin(now: State, trace: Trace) -> Option<Action> {
    match (now, trace) {
        (State::Granted, _) => Some(Action::Arrive),
        // Consent was withdrawn where this SDK was not running.
        (State::Denied, Trace::Left) => Some(Action::Withdraw),
        (State::Denied, Trace::None) | (State::Pending, _) => None,
    }
}

/// What a change between states in force sets off.
pub fn change(from: State, to: State, trace: Trace) -> Option<Action> {
    match (from, to) {
        (State::Denied | State::Pending, State::Granted) => Some(Action::Arrive),
        (State::Granted, State::Denied) => Some(Action::Withdraw),
        (State::Pending, State::Denied) if trace == Trace::Left => Some(Action::Withdraw),
        (State::Pending, State::Denied) => Some(Action::Forget),
        // A grant that is put in question stops everything and deletes nothing.
        (State::Granted | State::Denied, State::Pending) => None,
        (State::Denied, State::Denied) | (State::Granted, State::Granted) | (State::Pending, State::Pending) => None,
    }
}
