//! The order of deliveries: some vendors take a transaction only for a customer that they know, and a refund only of
//! a sale that they have. Such a delivery waits until the delivery that it follows is recorded in the same program.
//! Refunds of one sale go one after another, because some vendors take them as changes of one transaction.
//! Waiting costs no attempt and sets no due time: the ledger makes it due, in one transaction, whenever the earlier
//! delivery is settled or created. The adapter says which kind follows which (`Delivery::follows`).

use trailmark_wire::conversion::Kind;

use super::{Progress, State};

/// State of the delivery that another one follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// There is none in this program.
    Absent,
    /// It is recorded, but another refund of it is under way or unclear.
    Busy,
    /// Its state.
    Stands(State),
    /// An operator must find out whether the vendor has it; it does not go on by itself.
    Undecided,
    /// The conversion does not name what it follows; the adapter reports what is missing.
    Unnamed,
}

/// The state of a delivery whose turn has not come, or never comes; `None` when it has come.
pub fn held_back(progress: &Progress, follows: Kind, earlier: Earlier) -> Option<Progress> {
    let what = name(follows);
    let (state, reason) = match earlier {
        Earlier::Unnamed | Earlier::Stands(State::Recorded | State::NotNeeded) => return None,
        Earlier::Absent => {
            let after = format!("this delivery is sent after {what} is reported and recorded");
            (State::Blocked, format!("{what} is not known in this program; {after}"))
        }
        // The vendor has nothing of the sale. If an operator starts the sale again, the ledger does so with its refunds.
        Earlier::Stands(State::Unsupported) if follows == Kind::Sale => (
            State::Unsupported,
            "the vendor cannot take its sale either, so there is nothing to take back there".to_owned(),
        ),
        Earlier::Stands(state) if state.is_settled() => {
            let word = state.as_str();
            (
                State::Blocked,
                format!("{what} ended `{word}`; this delivery is sent only if {what} becomes recorded after all"),
            )
        }
        Earlier::Stands(State::Blocked) => {
            (State::Blocked, format!("{what} is blocked itself; this delivery is sent after {what} is recorded"))
        }
        Earlier::Undecided => (
            State::Blocked,
            format!("it is unknown whether the vendor has {what}: find out, then run `outbox resolve` for it"),
        ),
        Earlier::Busy => (State::Waiting, format!("another refund of {what} must be settled first")),
        Earlier::Stands(_) => (State::Waiting, format!("{what} must be recorded first")),
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
