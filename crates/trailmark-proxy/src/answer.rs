//! The answer to "was the partner paid?" for one conversion: what happened, why, and what to do. Pure: ledger rows
//! in, one [`Answer`] out. `conversions explain`, `conversions list`, the operator's API and the ledger view all use
//! it, so they say the same. `explain` has the whole story.

use serde::{Deserialize, Serialize};
use trailmark_vendors::commission::Commission;
use trailmark_vendors::title;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, DeliveryId};
use trailmark_wire::receipt::Status;

use crate::code::Code;
use crate::outbox::{Remedy, State};
use crate::store::operator::{ConversionRow, CustomersSignup, Followed, LaneRow, Standing};

/// The result of a conversion, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// One of those that docs/troubleshooting.md lists, such as `Paid` or, for a refund, `Applied`.
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
    /// The vendor has it, and has not decided.
    AtVendor,
    Waiting,
    /// Another conversion with the same key counts.
    Counted,
    /// Only an operator can find out.
    Unclear,
    /// It only tried the set-up out.
    Test,
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
        Stage::Paid | Stage::Approved | Stage::Recorded | Stage::Counted | Stage::Test => Tone::Good,
        Stage::AtVendor => Tone::Waiting,
        Stage::Waiting if !cause.needs_a_person() => Tone::Waiting,
        Stage::Waiting | Stage::Unclear | Stage::Not => Tone::Bad,
    };
    Answer { headline: headline(stage, row.kind).to_owned(), reason: cause.reason(row), cure: cause.cure(row), tone }
}

fn headline(stage: Stage, kind: Kind) -> &'static str {
    match (stage, kind) {
        (Stage::Paid | Stage::Approved | Stage::Recorded | Stage::AtVendor, Kind::Refund) => "Applied",
        (Stage::Paid, _) => "Paid",
        (Stage::Approved, _) => "Approved",
        (Stage::Recorded, _) => "Recorded",
        (Stage::AtVendor, _) => "At the vendor",
        (Stage::Waiting, _) => "Waiting",
        (Stage::Counted, _) => "Counted already",
        (Stage::Unclear, _) => "Unclear",
        (Stage::Test, _) => "Test",
        (Stage::Not, Kind::Refund) => "Not applied",
        (Stage::Not, _) => "Not paid",
    }
}

impl Cause<'_> {
    fn stage(&self) -> Stage {
        match self {
            Self::KeyOwned(_) => Stage::Counted,
            Self::NotCredited(Some(Code::Test)) => Stage::Test,
            Self::NotCredited(_) => Stage::Not,
            Self::Held(Some(Code::SaleUnknown)) => Stage::Waiting,
            Self::Held(_) => Stage::Not,
            Self::Delivery(standing, _) => match standing.state {
                State::Recorded => match standing.commission {
                    Commission::Paid => Stage::Paid,
                    Commission::Approved => Stage::Approved,
                    Commission::Pending => Stage::AtVendor,
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
                format!("{owner} already counts for this {} key, so nothing is sent for this one.", row.kind.as_str())
            }
            Self::Held(Some(code @ Code::SaleUnknown)) => code.sentence().to_owned(),
            Self::Held(code) => {
                let why = code.map(|code| format!(" {}", code.sentence())).unwrap_or_default();
                format!("It is held until a server or an operator confirms it.{why}")
            }
            Self::NotCredited(Some(code)) => nobody(row, *code),
            Self::NotCredited(None) => match &row.code {
                Some(code) => format!("No partner is credited ({code})."),
                None => "No partner is credited.".to_owned(),
            },
            Self::Delivery(standing, lane) => stands(row, standing, *lane),
        }
    }

    fn cure(&self, row: &ConversionRow) -> Option<String> {
        match self {
            Self::KeyOwned(owner) => {
                owner.map(|id| format!("`trailmark conversions explain {id}` shows the one that counts."))
            }
            Self::Held(Some(Code::SaleUnknown | Code::SignupDisputed)) => None,
            Self::Held(_) => Some(confirmed(row)),
            Self::NotCredited(Some(Code::SignupRejected)) => Some(after_rejected(row)),
            Self::NotCredited(Some(Code::CustomerUnknown)) => Some(format!(
                "If the customer signed up under another key, report the {kind} with that key. If the signup comes later, \
                 report this {kind} again after it, with a new Idempotency-Key.",
                kind = row.kind.as_str()
            )),
            Self::NotCredited(Some(Code::NoTouch)) if is_unfollowed(row) => Some(
                "If a link led here, report the signup again with `visitor` or `click_token`, and with a new \
                 Idempotency-Key."
                    .to_owned(),
            ),
            Self::NotCredited(Some(Code::SaleRejected | Code::SaleUnattributed)) => {
                row.refund_of.as_deref().map(|sale| explained(Some(sale), &row.id))
            }
            Self::NotCredited(_) => None,
            Self::Delivery(standing, lane) => helps(row, standing, *lane),
        }
    }
}

/// Why nobody is credited. For a lead or a sale, this may be the status of its customer's signup.
fn nobody(row: &ConversionRow, code: Code) -> String {
    let follows = |what: &str| match &row.signup {
        Some(signup) => format!("It follows the customer's signup {}, {what}.", signup.conversion),
        None => code.sentence().to_owned(),
    };
    match (code, row.kind, row.signup.as_ref().map(|signup| signup.status)) {
        (Code::CustomerUnknown, _, _) => {
            let customer = row.customer.as_deref().unwrap_or_default();
            format!("The report names no visitor, and no signup of customer `{customer}` is known.")
        }
        (Code::SignupRejected, Kind::Signup, _) => {
            "No partner's link is known for it, and an earlier signup of this customer was rejected.".to_owned()
        }
        (Code::NoTouch, Kind::Lead | Kind::Sale, Some(Status::Unattributed)) if is_servers(row) => {
            follows("which no partner's link led to")
        }
        (Code::NoTouch, Kind::Lead | Kind::Sale, Some(Status::Held)) if is_servers(row) => {
            follows("which is held and counts for nobody yet")
        }
        (Code::NoTouch, _, _) if is_unfollowed(row) => {
            "No partner's link is known for it: the report names no visitor, or a visitor without a partner's link."
                .to_owned()
        }
        _ => code.sentence().to_owned(),
    }
}

fn is_servers(row: &ConversionRow) -> bool {
    row.assurance == "server"
}

/// A backend's signup: whether it names a visitor decides, and nothing else.
fn is_unfollowed(row: &ConversionRow) -> bool {
    row.kind == Kind::Signup && is_servers(row)
}

/// What to do about a held conversion, the best first. If no key verifies it, it can only be rejected.
fn confirmed(row: &ConversionRow) -> String {
    let (id, kind) = (&row.id, row.kind.as_str());
    let backend = format!("Best: report the {kind} from the backend");
    let reject = format!("`trailmark conversions reject {id} --reason …`");
    if row.external_id.is_none() {
        return format!("{backend}, and close this one: {reject}.");
    }
    let checked = if matches!(row.kind, Kind::Sale | Kind::Refund) { "the amount" } else { "the customer" };
    format!(
        "{backend}; this one then closes by itself. Only if you have checked {checked}: `trailmark conversions release {id} \
         --reason …`. If it is false: {reject}."
    )
}

/// What to do if the customer's signup was rejected.
fn after_rejected(row: &ConversionRow) -> String {
    let first = row.signup.as_ref().filter(|signup| signup.status == Status::Rejected);
    let cause = match (first, row.customer.as_deref()) {
        (Some(CustomersSignup { conversion, .. }), _) => explained(None, conversion),
        (None, customer) => explained(customer, &row.id),
    };
    match row.kind {
        Kind::Signup => format!(
            "{cause} Report the signup again, corrected, with the `visitor` or `click_token` of the first, and with a new \
             Idempotency-Key."
        ),
        _ => cause,
    }
}

/// What to do about an ignored, rejected or dead delivery whose key no other conversion has.
pub fn again(row: &ConversionRow, standing: &Standing) -> String {
    let (id, vendor) = (&standing.delivery, title(standing.vendor.as_str()));
    if standing.state == State::Ignored {
        return format!(
            "Look at {vendor} for the cause: is the partner approved, does the program run, does {vendor} know the click \
             and the customer? Once the cause is gone, run `trailmark outbox retry {id}`. If {vendor} credits the partner \
             after all, run `trailmark outbox resolve {id} --as recorded --reason …`; if nothing can be done, `trailmark \
             outbox drop {id} --reason …`."
        );
    }
    let report = format!(
        "send it again, corrected, with the same `visitor` or `click_token` and a new Idempotency-Key; then run `trailmark \
         outbox drop {id} --reason …`."
    );
    let retry = format!("run `trailmark outbox retry {id}`.");
    match standing.remedy {
        Remedy::Report => format!("To correct the report: {report}"),
        Remedy::Either => format!(
            "To correct the report: {report} If the cause lay at {vendor}, remove it there and {retry}{}",
            partner(row, standing, vendor)
        ),
        Remedy::Retry => format!("Fix the cause, then {retry}"),
    }
}

/// A vendor refuses a signup by a partner's key if it has no such partner.
fn partner(row: &ConversionRow, standing: &Standing, vendor: &str) -> String {
    let mut each = row.programs.iter().zip(&row.partners);
    let key = each.find(|(program, _)| **program == standing.program).and_then(|(_, partner)| partner.as_deref());
    match key {
        Some(key) if row.kind == Kind::Signup => format!(
            " If {vendor} has no partner {key}: add the partner (`trailmark partners add --key {} …`) or correct the link.",
            shell_word(key)
        ),
        _ => String::new(),
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
        State::NotNeeded => format!("nothing is left to do at {vendor}{reason}"),
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
        State::Conflict => format!("what {vendor} has differs from what was sent{reason}"),
        State::Dead => format!("every attempt failed{reason}"),
        State::Dropped => format!("an operator gave it up{reason}"),
        State::Ignored if standing.due_at.is_some() => {
            format!(
                "{vendor} accepted it and so far credits nobody{reason}. It is read back at {at}, and later in growing intervals"
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
        State::Conflict => format!("what {vendor} has for {what} differs from what was sent{because}"),
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
            lane.map(|lane| format!("Run `trailmark lanes open {}` to open the lane now.", lane.name()))
        }
        State::Waiting | State::Blocked => Some(standing.follows.as_deref().map_or_else(
            || format!("Report what is missing, or give this up with `trailmark outbox drop {id} --reason …`."),
            root,
        )),
        State::Uncertain if standing.due_at.is_none() => {
            Some(format!("Check at {}, then run {resolve}.", title(standing.vendor.as_str())))
        }
        State::Conflict => Some(compared(id, title(standing.vendor.as_str()))),
        State::Dead | State::Rejected if row.key_owner.is_some() => {
            let owner = row.key_owner.as_ref().map(ToString::to_string).unwrap_or_default();
            Some(format!(
                "Conversion {owner} now has this key, so this one cannot be sent again. Run `trailmark outbox drop {id} \
                 --reason …`."
            ))
        }
        State::Dead | State::Ignored | State::Rejected => Some(again(row, standing)),
        _ => None,
    }
}

/// What to do for a delivery in conflict.
pub fn compared(id: &DeliveryId, vendor: &str) -> String {
    format!(
        "Compare at {vendor}, then run `trailmark outbox resolve {id} --as recorded|rejected --reason …`. `trailmark outbox \
         retry {id}` sends nothing that could count twice: where it could, Trailmark asks {vendor} first, or says that \
         this needs `--accept-double`."
    )
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
