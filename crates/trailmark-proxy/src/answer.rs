//! The answer to "was the partner paid?" for one conversion: what happened, why, and what to do. Pure: ledger rows
//! in, one [`Answer`] out. `conversions explain`, `conversions list`, the operator's API and the ledger view all use
//! it, so they say the same. `explain` has the whole story.

use serde::{Deserialize, Serialize};
use trailmark_vendors::commission::Commission;
use trailmark_vendors::title;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::receipt::Status;

use crate::code::Code;
use crate::outbox::State;
use crate::store::operator::{ConversionRow, Followed, LaneRow, Standing};

/// The result of a conversion, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// `Paid`, `Approved`, `Recorded`, `Waiting`, `Unclear` or `Not paid`; for a refund `Applied`, `Waiting`,
    /// `Unclear` or `Not applied`.
    pub headline: String,
    /// Why, in whole sentences. Contains keys and the vendor's words, but no personal data.
    pub reason: String,
    /// What to do, or the command that shows the cause; absent if nothing is to be done. Whether an operator must
    /// act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// Whether somebody must do something.
    pub tone: Tone,
}

/// A row with its answer, one JSON object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered<T> {
    /// The row.
    #[serde(flatten)]
    pub of: T,
    /// The answer.
    pub answer: Answer,
    /// Who is credited, such as `ada (main)`, or who would have been.
    pub credited: String,
}

/// Tone of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// All is well.
    Good,
    /// It goes on by itself.
    Waiting,
    /// It ended badly, or an operator must act.
    Bad,
}

/// Progress of the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Paid,
    Approved,
    Recorded,
    Waiting,
    /// Only an operator can find out.
    Unclear,
    Not,
}

/// What may have happened to a conversion, or to its delivery in one program.
enum Cause<'a> {
    /// Its business key belongs to another conversion.
    KeyOwned(Option<&'a ConversionId>),
    /// It is held until an operator or a server confirms it.
    Held(Option<Code>),
    /// Nobody is credited, or it was refused before anything was sent.
    NotCredited(Option<Code>),
    /// The state of its delivery.
    Delivery(&'a Standing, Option<&'a LaneRow>),
}

/// The answer for one conversion; `lanes` are the lanes now.
pub fn answer(row: &ConversionRow, lanes: &[LaneRow]) -> Answer {
    let cause = match row.status {
        Status::Duplicate => Cause::KeyOwned(row.key_owner.as_ref()),
        Status::Held => Cause::Held(row.code.as_deref().and_then(Code::from_word)),
        Status::Accepted | Status::Rejected if !row.standings.is_empty() => {
            let each = row.standings.iter().map(|standing| of_delivery(row, standing, lanes));
            // The worst answer; the first among equals.
            let worst = each.reduce(|worst, one| if one.tone > worst.tone { one } else { worst });
            return worst.unwrap_or_else(|| told(row, &Cause::NotCredited(None)));
        }
        Status::Accepted | Status::Rejected | Status::Unattributed => {
            Cause::NotCredited(row.code.as_deref().and_then(Code::from_word))
        }
    };
    told(row, &cause)
}

/// The answer for one program.
pub fn of_delivery(row: &ConversionRow, standing: &Standing, lanes: &[LaneRow]) -> Answer {
    // A refused credential stops only deliveries that need it, and they say so themselves.
    let is_shut = |lane: &&LaneRow| !matches!(lane.state.as_str(), "open" | "paused");
    let lane = lanes.iter().filter(|lane| lane.program == standing.program).find(is_shut);
    let answer = told(row, &Cause::Delivery(standing, lane.filter(|_| standing.due_at.is_some())));
    match row.standings.len() {
        0 | 1 => answer,
        _ => Answer { reason: format!("Program {}: {}", standing.program, answer.reason), ..answer },
    }
}

fn told(row: &ConversionRow, cause: &Cause<'_>) -> Answer {
    let stage = cause.stage();
    let tone = match stage {
        Stage::Paid | Stage::Approved | Stage::Recorded => Tone::Good,
        Stage::Waiting if !cause.needs_a_person() => Tone::Waiting,
        Stage::Waiting | Stage::Unclear | Stage::Not => Tone::Bad,
    };
    Answer { headline: headline(stage, row.kind).to_owned(), reason: cause.reason(row), cure: cause.cure(row), tone }
}

fn headline(stage: Stage, kind: Kind) -> &'static str {
    match (stage, kind) {
        (Stage::Paid | Stage::Approved | Stage::Recorded, Kind::Refund) => "Applied",
        (Stage::Paid, _) => "Paid",
        (Stage::Approved, _) => "Approved",
        (Stage::Recorded, _) => "Recorded",
        (Stage::Waiting, _) => "Waiting",
        (Stage::Unclear, _) => "Unclear",
        (Stage::Not, Kind::Refund) => "Not applied",
        (Stage::Not, _) => "Not paid",
    }
}

impl Cause<'_> {
    fn stage(&self) -> Stage {
        match self {
            Self::KeyOwned(_) | Self::NotCredited(_) => Stage::Not,
            Self::Held(Some(Code::SaleUnknown)) => Stage::Waiting,
            Self::Held(_) => Stage::Not,
            Self::Delivery(standing, _) => match standing.state {
                State::Recorded => match standing.commission {
                    Commission::Paid => Stage::Paid,
                    Commission::Approved => Stage::Approved,
                    Commission::Pending => Stage::Waiting,
                    Commission::Rejected => Stage::Not,
                    Commission::Unknown => Stage::Recorded,
                },
                State::NotNeeded => Stage::Recorded,
                State::Due | State::Unverified | State::Waiting => Stage::Waiting,
                State::Uncertain if standing.due_at.is_some() => Stage::Waiting,
                State::Uncertain => Stage::Unclear,
                State::Blocked
                | State::Conflict
                | State::Dead
                | State::Dropped
                | State::Ignored
                | State::Rejected
                | State::Unsupported => Stage::Not,
            },
        }
    }

    /// Whether a waiting conversion needs an operator.
    fn needs_a_person(&self) -> bool {
        matches!(self, Self::Delivery(standing, _) if standing.paused_by.is_some())
    }

    fn reason(&self, row: &ConversionRow) -> String {
        match self {
            Self::KeyOwned(owner) => {
                let owner = owner.map_or_else(|| "Another conversion".to_owned(), |id| format!("Conversion {id}"));
                format!("{owner} already has this {} key. Nothing is sent for this one.", row.kind.as_str())
            }
            Self::Held(Some(code @ Code::SaleUnknown)) => code.sentence().to_owned(),
            Self::Held(code) => {
                let why = code.map(|code| format!(" {}", code.sentence())).unwrap_or_default();
                format!("It is held until a server or an operator confirms it.{why}")
            }
            Self::NotCredited(Some(code)) => code.sentence().to_owned(),
            Self::NotCredited(None) => match &row.code {
                Some(code) => format!("No partner is credited ({code})."),
                None => "No partner is credited.".to_owned(),
            },
            Self::Delivery(standing, lane) => stands(row, standing, *lane),
        }
    }

    fn cure(&self, row: &ConversionRow) -> Option<String> {
        match self {
            Self::KeyOwned(owner) => owner.map(|id| explained(None, id)),
            Self::Held(Some(Code::SaleUnknown)) => None,
            Self::Held(_) => {
                Some(format!("Run `trailmark conversions release {} --reason …`, or `reject` it.", row.id))
            }
            Self::NotCredited(Some(Code::SignupRejected)) => {
                row.customer.as_deref().map(|customer| explained(Some(customer), &row.id))
            }
            Self::NotCredited(Some(Code::SaleRejected | Code::SaleUnattributed)) => {
                row.refund_of.as_deref().map(|sale| explained(Some(sale), &row.id))
            }
            Self::NotCredited(_) => None,
            Self::Delivery(standing, lane) => helps(row, standing, *lane),
        }
    }
}

/// Why a delivery is in its state.
fn stands(row: &ConversionRow, standing: &Standing, lane: Option<&LaneRow>) -> String {
    let vendor = title(standing.vendor.as_str());
    let because = |text: &Option<String>| text.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    let reason = because(&standing.reason);
    let at = standing.due_at.as_deref().unwrap_or("the next free moment");
    let text = match standing.state {
        _ if standing.paused_by.is_some() => {
            let credential = standing.paused_by.as_deref().unwrap_or_default();
            format!("{vendor} refuses `{credential}`; this waits until the credential works{reason}")
        }
        _ if lane.is_some() => {
            let why = lane.and_then(|lane| lane.reason.as_deref()).unwrap_or("its lane is closed");
            format!("nothing is sent to {vendor} now, because {why}")
        }
        State::Recorded => earned(row, standing, vendor),
        State::NotNeeded => format!("{vendor} needs no separate call for this{reason}"),
        State::Due if standing.reason.is_some() => format!("the last attempt failed{reason}. The next one is at {at}"),
        State::Due => format!("it is about to be sent to {vendor}"),
        State::Unverified => format!("{vendor} accepted it{reason}. It is read back at {at}"),
        State::Uncertain if standing.due_at.is_some() => {
            format!(
                "it is not known whether {vendor} has it{reason}. Trailmark asks {vendor} at {at}, before it sends anything again"
            )
        }
        State::Uncertain => format!("it is not known whether {vendor} has it{reason}"),
        State::Waiting | State::Blocked => behind(standing),
        State::Conflict => format!("{vendor} has something else under this key{reason}"),
        State::Dead => format!("every attempt failed{reason}"),
        State::Dropped => format!("an operator gave it up{reason}"),
        State::Ignored if standing.due_at.is_some() => {
            format!(
                "{vendor} accepted it but does not show it{reason}. It is read back at {at}, and later in growing intervals"
            )
        }
        State::Ignored => format!("{vendor} accepted it and credits nobody{reason}"),
        State::Rejected => format!("{vendor} rejected it{reason}"),
        State::Unsupported => format!("{vendor} cannot take it{reason}"),
    };
    capital(&format!("{}.", text.trim_end_matches('.')))
}

/// What a recorded delivery earned.
fn earned(row: &ConversionRow, standing: &Standing, vendor: &str) -> String {
    let reason = standing.commission_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match standing.commission {
        _ if row.kind == Kind::Refund => format!("{vendor} has the refund"),
        Commission::Paid => format!("{vendor} paid the commission{reason}"),
        Commission::Approved => format!("{vendor} approved the commission but has not paid it yet{reason}"),
        Commission::Pending => format!("{vendor} has it but has not decided on the commission yet{reason}"),
        Commission::Rejected => format!("{vendor} rejected the commission{reason}"),
        Commission::Unknown => format!("{vendor} has it but shows no commission for it yet"),
    }
}

/// What a delivery waits for, down to the cause.
fn behind(standing: &Standing) -> String {
    let Some(followed) = standing.follows.as_deref() else {
        return standing.reason.clone().unwrap_or_else(|| "the conversion that it follows is not recorded".to_owned());
    };
    let (what, of) = (called(followed.kind), &followed.standing);
    let vendor = title(of.vendor.as_str());
    let because = of.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match of.state {
        State::Blocked => format!("{what} is blocked, because {}", behind(of)),
        State::Waiting => format!("{what} must be recorded first and waits itself, because {}", behind(of)),
        State::Rejected => format!("{what} was rejected{because}"),
        State::Conflict => format!("{vendor} has something else under the key of {what}{because}"),
        State::Uncertain if of.due_at.is_none() => format!("it is not known whether {vendor} has {what}{because}"),
        State::Dead => format!("every attempt to send {what} failed{because}"),
        State::Dropped => format!("an operator gave up {what}{because}"),
        State::Ignored => format!("{vendor} accepted {what} and credits nobody{because}"),
        State::Unsupported => format!("{vendor} cannot take {what}{because}"),
        State::Due | State::Unverified | State::Uncertain => format!("{what} must be recorded first"),
        // The delivery is released in the transaction that records the earlier one.
        State::Recorded | State::NotNeeded => format!("{what} was just recorded"),
    }
}

fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Signup => "the customer's signup",
        Kind::Lead => "the customer's lead",
        Kind::Sale => "the sale",
        Kind::Refund => "the refund",
    }
}

/// What to do for a delivery that does not go on by itself.
fn helps(row: &ConversionRow, standing: &Standing, lane: Option<&LaneRow>) -> Option<String> {
    let id = &standing.delivery;
    let resolve = format!("`trailmark outbox resolve {id} --as recorded|rejected --reason …`");
    match standing.state {
        _ if standing.paused_by.is_some() => {
            let vendor = title(standing.vendor.as_str());
            Some(format!("Correct it in the program's configuration or at {vendor}; this then goes on automatically."))
        }
        _ if lane.is_some() => {
            lane.map(|lane| format!("Run `trailmark lanes open {}/{}` to open the lane now.", lane.site, lane.program))
        }
        State::Waiting | State::Blocked => Some(standing.follows.as_deref().map_or_else(
            || format!("Report what is missing, or give this up with `trailmark outbox drop {id} --reason …`."),
            root,
        )),
        State::Uncertain if standing.due_at.is_none() => {
            Some(format!("Check at {}, then run {resolve}.", title(standing.vendor.as_str())))
        }
        State::Conflict => Some(format!("Compare at {}, then run {resolve}.", title(standing.vendor.as_str()))),
        State::Dead | State::Rejected if row.key_owner.is_some() => {
            let owner = row.key_owner.as_ref().map(ToString::to_string).unwrap_or_default();
            Some(format!(
                "Conversion {owner} now has this key, so this one cannot be sent again. Run `trailmark outbox drop {id} \
                 --reason …`."
            ))
        }
        State::Dead | State::Rejected => Some(format!("Fix the cause, then run `trailmark outbox retry {id}`.")),
        _ => None,
    }
}

/// The command that shows the conversion at the root of the problem.
fn root(followed: &Followed) -> String {
    match followed.standing.follows.as_deref() {
        Some(further) => root(further),
        None => explained(followed.external_id.as_deref(), &followed.conversion),
    }
}

/// `explain` with the merchant's key, otherwise with the id.
fn explained(key: Option<&str>, id: &ConversionId) -> String {
    format!("`trailmark conversions explain {}` shows the cause.", shell_word(key.unwrap_or(id.as_str())))
}

/// A text quoted as one argument for a POSIX shell, so that pasting somebody else's key runs nothing.
pub fn shell_word(text: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:@/+,=%".contains(&b);
    match text {
        plain if !plain.is_empty() && !plain.starts_with('-') && plain.bytes().all(is_plain) => plain.to_owned(),
        option if option.starts_with('-') => format!("-- {}", quoted(option)),
        other => quoted(other),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The text with a capital first letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
