//! Tells the story of one conversion, from the partner's link to the vendor's answer, in sentences for people: first
//! the answer to "was the partner paid?" ([`crate::answer`]), then its reasons. Pure: the ledger's record in, a
//! [`Story`] out; reads no clock and no store. `conversions explain` prints it and the ledger view shows it. Every
//! sentence comes from a recorded row.
//!
//! It names partner keys, click ids, business keys and amounts. The record has no names or e-mail addresses of
//! customers.

mod delivery;
mod story;

mod warning;

use trailmark_attribution::{Considered, Credit, Decision, NoCredit, RULES_VERSION, Verdict};
use trailmark_wire::conversion::Kind;
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

pub use self::story::{Line, Section, Story, plain, wrapped};
use crate::answer::{answer, of_delivery, shell_word};
use crate::code::Code;
use crate::outbox::State;
use crate::store::operator::{
    Afterwards, ConversionChange, ConversionDetail, ConversionRow, LaneRow, Signed, TouchRow,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Shown instead of a key that only an unaccepted signed statement has.
pub const UNREAD_KEY: &str = "(signed)";

/// Shown instead of the key of a test, which the ledger does not keep.
const TEST_KEY: &str = "(test)";

/// The whole story as text. `lanes` are the lanes now, so that closed lanes are named.
pub fn explain(detail: &ConversionDetail, lanes: &[LaneRow]) -> String {
    story(detail, lanes).to_text()
}

/// The whole story.
pub fn story(detail: &ConversionDetail, lanes: &[LaneRow]) -> Story {
    let mut story = Story::default();
    let decision = serde_json::from_value::<Decision>(detail.decision.clone()).ok();
    head(&mut story, detail, lanes);
    touches(&mut story, detail, decision.as_ref());
    conversion(&mut story, detail, decision.as_ref());
    for change in &detail.changes {
        story.event(change.changed_at, &changed(detail.conversion.kind, change));
    }
    for delivery in &detail.deliveries {
        delivery::delivery(&mut story, detail, delivery, lanes);
    }
    story
}

/// The answer (one for each program), and the conversion's summary.
fn head(story: &mut Story, detail: &ConversionDetail, lanes: &[LaneRow]) {
    let row = &detail.conversion;
    let is_delivered = matches!(row.status, Status::Accepted | Status::Rejected);
    let answers = match row.standings.as_slice() {
        several @ [_, _, ..] if is_delivered => several.iter().map(|one| of_delivery(row, one, lanes)).collect(),
        _ => vec![answer(row, lanes)],
    };
    for answer in answers {
        let cure = answer.cure.map(|cure| format!(" {cure}")).unwrap_or_default();
        story.line(&format!("{}: {}{cure}", answer.headline, answer.reason));
    }
    if let Some(touch) = expired(detail) {
        story.line(&last_touch(touch));
    }
    story.line(&format!("{} at site {}, status {}.", subject(row), row.site, row.status.as_str()));
    story.line(&format!("Credited: {}.", credited(row)));
    let page = row.page_id.as_ref().map(|id| format!(" The page knows it as {id}.")).unwrap_or_default();
    story.line(&format!("Conversion {}.{page}", row.id));
}

/// The visitor's last touch, if nobody is credited because it had expired.
fn expired(detail: &ConversionDetail) -> Option<&TouchRow> {
    let code = detail.conversion.code.as_deref().and_then(Code::from_word)?;
    let is_expired = matches!(code, Code::TouchExpired | Code::VisitorExpired | Code::TokenExpired);
    detail.touches.iter().filter(|touch| is_expired && touch.at <= detail.occurred_at).max_by_key(|touch| touch.at)
}

fn last_touch(touch: &TouchRow) -> String {
    let partner = touch.partner.as_deref().unwrap_or("a partner known only to the vendor");
    let days = touch.expires_at.since(touch.at) / DAY_MS;
    format!(
        "The last touch known for it: {partner}, {}, good for {days} days (`window_days`), until {}. Nothing is due.",
        clock(touch.at),
        clock(touch.expires_at)
    )
}

fn touches(story: &mut Story, detail: &ConversionDetail, decision: Option<&Decision>) {
    story.heading("The way here");
    let mut touches: Vec<&TouchRow> = detail.touches.iter().collect();
    touches.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    for touch in &touches {
        story.event(touch.at, &format!("{}. {} {}", touched(touch), credit(touch, detail, decision), source(touch)));
    }
    if touches.is_empty() {
        story.line(&no_touch(&detail.conversion));
    }
}

/// Why no touch is known.
fn no_touch(row: &ConversionRow) -> String {
    if row.kind == Kind::Refund {
        return "It has no touch of its own: a refund follows its sale.".to_owned();
    }
    match row.code.as_deref().and_then(Code::from_word) {
        Some(
            code @ (Code::VisitorInvalid
            | Code::VisitorExpired
            | Code::TokenInvalid
            | Code::TokenExpired
            | Code::ReferenceUnknown),
        ) => format!("No touch could be looked up ({}).", code.as_str()),
        Some(Code::SignupRejected) => {
            let customer = shell_word(row.customer.as_deref().unwrap_or_default());
            format!(
                "It has no touch of its own. It would follow the customer's signup, which was rejected: `trailmark \
                 conversions list --customer {customer}` finds it."
            )
        }
        Some(Code::CustomerUnknown) => "The report names no visitor, so no touch could be looked up.".to_owned(),
        _ if row.signup.is_some() && row.assurance == "server" => {
            "It has no touch of its own, and none was credited for the customer's signup.".to_owned()
        }
        Some(Code::NoTouch) if row.assurance == "server" => {
            "No touch is known for it: the report names no visitor, or a visitor without a partner's link.".to_owned()
        }
        _ => "No touch of this visitor is known: no partner's link led here.".to_owned(),
    }
}

fn touched(touch: &TouchRow) -> String {
    let mut what = format!("Touch in program {}", touch.program);
    match (&touch.partner, touch.unusable) {
        (Some(partner), _) => what.push_str(&format!(", partner {partner}")),
        (None, Some(unusable)) => what.push_str(&format!("; its link names no partner: {}", flaw(unusable))),
        (None, None) => what.push_str(", partner known only to the vendor"),
    }
    if let Some(click) = &touch.click_id {
        what.push_str(&format!(", click id {click}"));
    }
    what
}

/// What is wrong with the link's value.
fn flaw(unusable: Unusable) -> &'static str {
    match unusable {
        Unusable::Characters => "its key has characters that no vendor uses",
        Unusable::Email => "it has an e-mail address instead of a key",
        Unusable::TooLong => "its key is longer than any vendor's",
    }
}

/// The URL comes last, so that no following text looks like a part of it.
fn source(touch: &TouchRow) -> String {
    match touch.source.as_str() {
        "url" => format!("It was in the landing URL {}", touch.landing_url),
        "cookie" => format!("It was in the vendor's own cookie on {}", touch.landing_url),
        other => format!("It was read from the {other} on {}", touch.landing_url),
    }
}

/// Why this touch was or was not credited.
fn credit(touch: &TouchRow, detail: &ConversionDetail, decision: Option<&Decision>) -> String {
    let (row, until) = (&detail.conversion, clock(touch.expires_at));
    let Some(decision) = decision else {
        return format!("It counted until {until}.");
    };
    let considered = decision.considered.iter().find(|considered| considered.touch.id == touch.id);
    match considered.map(|considered| considered.verdict) {
        Some(Verdict::Credited | Verdict::Inherited) if row.status == Status::Duplicate => {
            format!("Not credited: it would be {}, but {} already has this key.", best(decision.credit), holder(detail))
        }
        Some(Verdict::Credited) if row.status == Status::Held => {
            format!("It would be credited, {}; it counts until {until}.", best(decision.credit))
        }
        Some(Verdict::Credited | Verdict::Inherited) if row.status == Status::Rejected => {
            format!("It would have been credited, {}.", best(decision.credit))
        }
        Some(Verdict::Inherited) if row.status == Status::Held => {
            format!("It would be credited: {}", followed(row.kind))
        }
        Some(Verdict::Credited) => format!("Credited: {}; it counts until {until}.", best(decision.credit)),
        Some(Verdict::Inherited) => format!("Credited: {}", followed(row.kind)),
        Some(Verdict::Expired) => format!("Not credited: its window ended at {until}."),
        Some(Verdict::AfterConversion) => "Not credited: it came after the conversion.".to_owned(),
        Some(Verdict::LacksClick) => {
            let why = "its vendor credits a new customer by it alone, and another touch has what its own vendor needs";
            format!("Not credited: it has no click id; {why}.")
        }
        Some(Verdict::LaterTouchInProgram) => "Not credited: the same program has a later touch.".to_owned(),
        Some(Verdict::LaterTouchInOtherProgram) => {
            let winner = decision.credited().next().map_or("another", |winner| winner.program.as_str());
            format!("Not credited: program {winner} has a later touch, and this site credits one program.")
        }
        Some(Verdict::ProgramUnknown) => "Not credited: its program was no longer configured.".to_owned(),
        Some(Verdict::Unusable) => "Not credited: it is unusable, so it displaces no other touch.".to_owned(),
        None if is_by_expired_word(row) && touch.expires_at <= detail.occurred_at => {
            format!("Not credited: its window ended at {until}.")
        }
        None if is_by_expired_word(row) => "Not considered: what the backend passed on had expired.".to_owned(),
        None => "Not considered: it was recorded after the decision.".to_owned(),
    }
}

/// Whether the visitor is known by an expired token or cookie alone.
fn is_by_expired_word(row: &ConversionRow) -> bool {
    matches!(row.code.as_deref().and_then(Code::from_word), Some(Code::VisitorExpired | Code::TokenExpired))
}

/// The rule by which a conversion follows another one's credit.
fn followed(kind: Kind) -> &'static str {
    match kind {
        Kind::Refund => {
            "it is the partner of the original sale. Refunds always follow their sale, without a time limit."
        }
        Kind::Signup | Kind::Lead | Kind::Sale => {
            "it is the partner of the customer's signup. Sales always follow the signup, without a time limit."
        }
    }
}

fn best(credit: Credit) -> &'static str {
    match credit {
        Credit::One => "the latest valid touch of all programs",
        Credit::Each => "the latest valid touch of its program",
    }
}

fn conversion(story: &mut Story, detail: &ConversionDetail, decision: Option<&Decision>) {
    let row = &detail.conversion;
    story.heading("The conversion");
    story.event(detail.occurred_at, &format!("{}.", subject(row)));
    let signed: String = detail.signed.iter().map(vouched).collect();
    story.event(row.received_at, &format!("{}{signed} {}", sender(&row.assurance), receipt(detail)));
    detail.warnings.iter().for_each(|warning| story.line(&warning::sentence(warning)));
    match decision {
        Some(decision) => unattributed(story, decision),
        None => story.line(&format!(
            "The decision was made by rules that this version (rules {RULES_VERSION}) cannot read; `trailmark conversions \
             show {} --json` prints it.",
            row.id
        )),
    }
}

/// The business key, or what is shown in its place.
pub fn shown_key(row: &ConversionRow) -> &str {
    let is_test = row.code.as_deref() == Some(Code::Test.as_str());
    row.external_id.as_deref().unwrap_or(if is_test { TEST_KEY } else { UNREAD_KEY })
}

/// What happened, to what, and how much: `Sale of order o_1, 49.00 EUR, of customer u_1`.
pub fn subject(row: &ConversionRow) -> String {
    let key = shown_key(row);
    let amount = row.amount.map(|amount| format!(", {} {}", amount.to_decimal(), amount.currency)).unwrap_or_default();
    let of = row.customer.as_deref().map(|customer| format!(", of customer {customer}")).unwrap_or_default();
    match row.kind {
        Kind::Signup => format!("Signup of customer {key}"),
        Kind::Lead => format!("Lead of customer {key}"),
        Kind::Sale => format!("Sale of order {key}{amount}{of}"),
        Kind::Refund => {
            let sale = row.refund_of.as_deref().map(|sale| format!(" of sale {sale}")).unwrap_or_default();
            format!("Refund {key}{sale}{amount}{of}")
        }
    }
}

/// Who is credited for a conversion, as `ada (main)` for each program; nobody until a vendor has it.
pub fn credited(row: &ConversionRow) -> String {
    let each = partners(row);
    let all = each.join(", ");
    match row.status {
        Status::Duplicate => return "nobody, another conversion has this key".to_owned(),
        _ if each.is_empty() => return "nobody".to_owned(),
        Status::Held => return format!("nobody yet; would be {all}"),
        Status::Rejected => return format!("nobody; would have been {all}"),
        Status::Accepted | Status::Unattributed => {}
    }
    let in_state = |is: fn(State) -> bool| {
        let named = each.iter().zip(&row.standings).filter(|(_, standing)| is(standing.state));
        named.map(|(partner, _)| partner.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (has, open) = (in_state(|state| matches!(state, State::Recorded | State::NotNeeded)), in_state(is_open));
    match (has.is_empty(), open.is_empty()) {
        _ if row.standings.is_empty() => all,
        (false, true) => has,
        (false, false) => format!("{has}; not yet {open}"),
        (true, false) => format!("nobody yet; would be {open}"),
        (true, true) => format!("nobody; would have been {all}"),
    }
}

/// Whether the vendor may still record it.
fn is_open(state: State) -> bool {
    !state.is_settled() || state == State::Conflict
}

/// The partners that the decision credits, as `ada (main)`.
fn partners(row: &ConversionRow) -> Vec<String> {
    let partners =
        row.partners.iter().map(|partner| partner.as_deref().unwrap_or("a partner known only to the vendor"));
    partners.zip(&row.programs).map(|(partner, program)| format!("{partner} ({program})")).collect()
}

/// The conversion that has a duplicate's key.
fn holder(detail: &ConversionDetail) -> String {
    match &detail.holder {
        Some(row) => {
            let all = partners(row).join(", ");
            let to = if all.is_empty() { "nobody" } else { all.as_str() };
            format!("conversion {} of {}, attributed to {to},", row.id, clock(row.received_at))
        }
        None => "another conversion".to_owned(),
    }
}

/// What the merchant signed; follows the sentence about the sender.
fn vouched(signed: &Signed) -> String {
    let key = signed.kid.as_deref().map(|kid| format!(" (key {kid})")).unwrap_or_default();
    format!(" The merchant signed the {}{key}.", signed.what)
}

fn sender(assurance: &str) -> String {
    match assurance {
        "server" => "The site's backend reported it with its API key.".to_owned(),
        "bound" => "The page reported it, signed with the key of the browser that followed the link.".to_owned(),
        "bearer" => "The page reported it with a click token that is not bound to a browser key.".to_owned(),
        other => format!("It was reported with assurance {other}."),
    }
}

fn receipt(detail: &ConversionDetail) -> String {
    let row = &detail.conversion;
    let code = row.code.as_deref().and_then(Code::from_word);
    let meaning = match row.status {
        Status::Accepted => "recorded, with a delivery to each program that it is attributed to".to_owned(),
        Status::Duplicate => format!("{} already has this key; nothing is sent", holder(detail)),
        Status::Held if code == Some(Code::SaleUnknown) => "recorded; nothing is sent yet".to_owned(),
        Status::Held if !detail.changes.is_empty() => "recorded; nothing was sent until it was confirmed".to_owned(),
        Status::Held => "recorded; nothing is sent until a server or an operator confirms it".to_owned(),
        Status::Unattributed => "recorded; no touch is credited, so nothing is sent".to_owned(),
        Status::Rejected => "recorded and refused; nothing more is sent".to_owned(),
    };
    // For other codes the answer has said it.
    let closed = code.filter(|code| matches!(code, Code::KeyTaken | Code::ClosedByServer | Code::ClaimedByPage));
    let why = closed.map(|code| format!(" {}", code.sentence())).unwrap_or_default();
    let code = row.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("Its status is {}{code}: {meaning}.{why}", row.status.as_str())
}

/// A change of a conversion after its receipt.
fn changed(kind: Kind, change: &ConversionChange) -> String {
    let cause = change.cause.as_ref().map(ConversionId::as_str).unwrap_or("another conversion");
    let what = match change.change {
        Afterwards::Closed if change.code.as_deref() == Some(Code::KeyTaken.as_str()) => {
            format!("Closed: conversion {cause} already has this key. The page was not told")
        }
        Afterwards::Closed => format!("Closed: the site's backend reported the same key in conversion {cause}"),
        Afterwards::Followed if kind == Kind::Sale => {
            format!("The vendor now credits the right partner for the customer, the one of conversion {cause}")
        }
        Afterwards::Followed => format!("Its sale was reported as conversion {cause}"),
        Afterwards::Overruled if kind == Kind::Sale => {
            format!("Not sent: the site's backend reported the customer for another visitor, in conversion {cause}")
        }
        Afterwards::Overruled => {
            format!(
                "Its credit ended: the site's backend reported this customer for another visitor, in conversion {cause}"
            )
        }
        Afterwards::Rejected => "An operator rejected it".to_owned(),
        Afterwards::Released => "An operator released it".to_owned(),
    };
    let reason = change.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let code = change.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{what}{reason}. Its status is {}{code} since then.", change.status.as_str())
}

/// Lists the touches if they failed for different reasons; otherwise the code's sentence says why.
fn unattributed(story: &mut Story, decision: &Decision) {
    if decision.no_credit() == Some(NoCredit::NoValidTouch) {
        let touches: Vec<_> = decision.considered.iter().map(program_of).collect();
        story.line(&format!("No touch was valid. Checked: {}.", touches.join(", ")));
    }
}

fn program_of(considered: &Considered) -> String {
    format!("{} of {}", considered.touch.program, clock(considered.touch.at))
}

/// `2026-11-21T08:30:00Z`, without fractions of a second.
pub fn clock(at: UnixMillis) -> String {
    UnixMillis::from_seconds(at.seconds()).to_rfc3339()
}

/// [`clock`] for an RFC 3339 text; other text is returned unchanged.
pub fn moment(text: &str) -> String {
    UnixMillis::from_rfc3339(text).map_or_else(|_| text.to_owned(), clock)
}
