//! Whose turn it is: some vendors take a transaction only for a customer that they know, and a refund only of a sale that
//! they have. Such a delivery is held back until the one that it follows is recorded in the same program. It costs no
//! attempt, and no due time is set: the ledger makes it due again, in one transaction, whenever the other one is settled or
//! comes into being. Which kinds follow which is the adapter's to say (`Vendor::follows`).

use trailmark_wire::conversion::Kind;

use super::{Progress, State};

/// The delivery that another one follows, as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// There is none in this program.
    Absent,
    /// It stands so.
    Stands(State),
    /// Whether the vendor has it is for an operator to find out: it goes no further by itself.
    Undecided,
    /// The conversion does not name what it follows; its adapter says what it misses.
    Unnamed,
}

/// How a delivery stands while it is not its turn; `None` when it is.
pub fn held_back(progress: &Progress, follows: Kind, earlier: Earlier) -> Option<Progress> {
    let (state, reason) = match earlier {
        Earlier::Unnamed | Earlier::Stands(State::Recorded | State::NotNeeded) => return None,
        Earlier::Absent => {
            (State::Blocked, format!("{} is not known in this program; it goes on when it comes", name(follows)))
        }
        Earlier::Stands(state) if state.is_settled() => {
            let word = state.as_str();
            (State::Blocked, format!("{} ended `{word}`; it goes on when that one is recorded", name(follows)))
        }
        Earlier::Stands(State::Blocked) => {
            (State::Blocked, format!("{} is blocked itself; it goes on when that one is recorded", name(follows)))
        }
        Earlier::Undecided => {
            let what = name(follows);
            (State::Blocked, format!("whether the vendor has {what} is for an operator to find out (`outbox resolve`)"))
        }
        Earlier::Stands(_) => (State::Waiting, format!("{} must be recorded first", name(follows))),
    };
    Some(Progress { state, reason: Some(reason), due_at: None, doubt: None, settles_at: None, ..progress.clone() })
}

fn name(follows: Kind) -> &'static str {
    match follows {
        Kind::Signup => "the customer's signup",
        Kind::Lead => "the customer's lead",
        Kind::Sale => "its sale",
        Kind::Refund => "its refund",
    }
}
