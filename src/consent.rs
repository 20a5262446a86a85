//! Consent as a typed state machine: what the page states, how Global Privacy Control overrides it, and what a change
//! triggers. Pure; [`crate::tracker`] acts. It shows no banner: banners and consent platforms belong to the page.

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is stored or sent. Also in force under Global Privacy Control.
    Denied,
    /// Touches are reported; tokens and waiting conversions are stored.
    Granted,
    /// Not asked yet, or the page states nothing. Everything stays in the memory of this document.
    Pending,
}

/// Whether an earlier page of this site left the flag cookie or a storage entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// It left neither.
    None,
    /// It left at least one.
    Left,
}

/// What a change of consent triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Look at the arrival, report a touch, send what waits.
    Arrive,
    /// Drop what this document keeps in memory.
    Forget,
    /// Drop it, clear our storage, and send one `DELETE v1/clicks`.
    Withdraw,
}

impl State {
    /// The state that the page's word names; `None` for an unknown word.
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

    /// The state in force: Global Privacy Control (<https://w3c.github.io/gpc/>) overrides `Granted` and
    /// `Pending`, because it is already an answer.
    #[must_use]
    pub fn under(self, privacy_control: bool) -> Self {
        if privacy_control { Self::Denied } else { self }
    }
}

/// What a new page in state `now` triggers.
pub fn begin(now: State, trace: Trace) -> Option<Action> {
    match (now, trace) {
        (State::Granted, _) => Some(Action::Arrive),
        // Consent was withdrawn on a page without the SDK.
        (State::Denied, Trace::Left) => Some(Action::Withdraw),
        (State::Denied, Trace::None) | (State::Pending, _) => None,
    }
}

/// What a change between states in force triggers.
pub fn change(from: State, to: State, trace: Trace) -> Option<Action> {
    match (from, to) {
        (State::Denied | State::Pending, State::Granted) => Some(Action::Arrive),
        (State::Granted, State::Denied) => Some(Action::Withdraw),
        (State::Pending, State::Denied) if trace == Trace::Left => Some(Action::Withdraw),
        (State::Pending, State::Denied) => Some(Action::Forget),
        // From `Granted` back to `Pending`: the SDK stops, and deletes nothing.
        (State::Granted | State::Denied, State::Pending) => None,
        (State::Denied, State::Denied) | (State::Granted, State::Granted) | (State::Pending, State::Pending) => None,
    }
}
