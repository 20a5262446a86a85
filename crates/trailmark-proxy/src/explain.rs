//! Tells the way of one conversion, from the partner's link to the vendor's answer, in sentences for people. Pure: the
//! ledger's record goes in, text comes out; it reads no clock and no store. `conversions explain` prints it, the ledger view
//! shows it. Every sentence is drawn from a row that was written at the time, none is guessed.
//!
//! It names partner keys, click ids, business keys and amounts; e-mail addresses and names of customers are not in the record.

mod delivery;
mod text;

use serde::{Serialize, Serializer};
use trailmark_attribution::{Considered, Credit, Decision, RULES_VERSION, Verdict};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

pub use crate::answer::vendor_title;
use crate::store::operator::{
    Afterwards, ConversionChange, ConversionDetail, ConversionRow, LaneRow, Signed, TouchRow,
};

/// In place of a key that stands only in a merchant's signed claim, which was not accepted.
pub const UNREAD_KEY: &str = "(signed)";

/// The whole way, in lines of at most 79 characters where words allow. `lanes` are those of the moment, so that what is due
/// and stands still says so.
pub fn explain(detail: &ConversionDetail, lanes: &[LaneRow]) -> String {
    text::of(&history(detail, lanes))
}

/// The whole way in sections, the head without a heading first.
pub fn history(detail: &ConversionDetail, lanes: &[LaneRow]) -> Vec<Section> {
    let mut story = Story::default();
    let decision = serde_json::from_value::<Decision>(detail.decision.clone()).ok();
    head(&mut story, &detail.conversion);
    touches(&mut story, detail, decision.as_ref());
    conversion(&mut story, detail, decision.as_ref());
    for change in &detail.changes {
        story.event(change.changed_at, &changed(change));
    }
    for delivery in &detail.deliveries {
        delivery::delivery(&mut story, detail, delivery, lanes);
    }
    story.sections
}

fn head(story: &mut Story, row: &ConversionRow) {
    story.line(&format!("{} at site {}: {}", subject(row), row.site, row.status.as_str()));
    story.line(&format!("Credited: {}.", credited(row)));
    story.line(&format!("Conversion {}. Times are UTC.", row.id));
}

fn touches(story: &mut Story, detail: &ConversionDetail, decision: Option<&Decision>) {
    story.heading("The way here");
    let mut touches: Vec<&TouchRow> = detail.touches.iter().collect();
    touches.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    for touch in &touches {
        story.event(touch.at, &format!("{}. {} {}", touched(touch), credit(touch, detail, decision), source(touch)));
    }
    if touches.is_empty() {
        story.line(no_touch(detail.conversion.code.as_deref()));
    }
}

/// Why no touch is known.
fn no_touch(code: Option<&str>) -> &'static str {
    match code {
        Some("visitor_invalid") => {
            "The backend's `visitor` is not the value of the visitor cookie, so no touch could be looked up: send the \
             cookie's value unchanged."
        }
        Some("visitor_expired") => {
            "The visitor cookie that the backend passed on had expired, so no touch was looked up."
        }
        Some("token_invalid") => {
            "The backend's `click_token` is none of this site, so no touch could be looked up: send it unchanged."
        }
        Some("token_expired") => "The click token that the backend passed on had expired, so no touch was looked up.",
        Some("reference_unknown") => {
            "The backend's `reference` leads to no visitor of this site, so no touch could be looked up."
        }
        Some("signup_rejected") => {
            "It brings no touch of its own, and the customer's signup, which it would follow, was rejected: `conversions list \
             --customer` finds it."
        }
        _ => "No touch of this visitor is known: no partner's link led here.",
    }
}

fn touched(touch: &TouchRow) -> String {
    let mut what = format!("Touch in program {}", touch.program);
    match &touch.partner {
        Some(partner) => what.push_str(&format!(", partner {partner}")),
        None => what.push_str(", whose partner only the vendor knows"),
    }
    if let Some(click) = &touch.click_id {
        what.push_str(&format!(", click id {click}"));
    }
    what
}

/// The address comes last, so that nothing that follows becomes a part of it.
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
        Some(Verdict::Credited | Verdict::Inherited) if row.status == Status::Duplicate => format!(
            "Not credited: it would be {}, but {} holds this key already.",
            best(decision.credit),
            holder(detail)
        ),
        Some(Verdict::Credited) if row.status == Status::Held => {
            format!("It would be credited, {}; it counts until {until}.", best(decision.credit))
        }
        Some(Verdict::Credited | Verdict::Inherited) if row.status == Status::Rejected => {
            format!("It would have been credited, {}.", best(decision.credit))
        }
        Some(Verdict::Inherited) if row.status == Status::Held => {
            "It would be credited, as what this follows was, the customer's signup or the refund's sale.".to_owned()
        }
        Some(Verdict::Credited) => format!("Credited: {}; it counts until {until}.", best(decision.credit)),
        Some(Verdict::Inherited) => {
            "Credited: what this follows, the customer's signup or the refund's sale, was credited to it; that has no end."
                .to_owned()
        }
        Some(Verdict::Expired) => format!("Not credited: its window was over at {until}."),
        Some(Verdict::AfterConversion) => "Not credited: it came after the conversion.".to_owned(),
        Some(Verdict::LaterTouchInProgram) => "Not credited: the same program has a later touch.".to_owned(),
        Some(Verdict::LaterTouchInOtherProgram) => {
            let winner = decision.credited().next().map_or("another", |winner| winner.program.as_str());
            format!("Not credited: program {winner} has a later touch, and this site credits one program.")
        }
        Some(Verdict::ProgramUnknown) => "Not credited: its program was not configured any more.".to_owned(),
        None => "Not considered: it was recorded after the decision.".to_owned(),
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
    match decision {
        Some(decision) => unattributed(story, decision),
        None => story.line(&format!(
            "The decision was made by rules that this version (rules {RULES_VERSION}) cannot read; `trailmark conversions \
             show {} --json` prints it.",
            row.id
        )),
    }
}

/// What happened, of what and how much: `Sale of order o_1, 49.00 EUR, of customer u_1`.
pub fn subject(row: &ConversionRow) -> String {
    let key = row.external_id.as_deref().unwrap_or(UNREAD_KEY);
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

/// Whom a conversion is credited to, as `ada (main)`, one a program.
pub fn credited(row: &ConversionRow) -> String {
    let partners = row.partners.iter().map(|partner| partner.as_deref().unwrap_or("a partner whom the vendor knows"));
    let each: Vec<String> =
        partners.zip(&row.programs).map(|(partner, program)| format!("{partner} ({program})")).collect();
    match (row.status, each.join(", ")) {
        (Status::Duplicate, _) => "nobody, another conversion holds its key".to_owned(),
        (_, each) if each.is_empty() => "nobody".to_owned(),
        (Status::Held, each) => format!("nobody yet, it would be {each}"),
        (Status::Rejected, each) => format!("nobody, it would have been {each}"),
        (Status::Accepted | Status::Unattributed, each) => each,
    }
}

/// The conversion that holds a duplicate's key.
fn holder(detail: &ConversionDetail) -> String {
    match &detail.holder {
        Some(row) => {
            format!("conversion {} of {}, credited to {},", row.id, clock(row.received_at), credited(row))
        }
        None => "another conversion".to_owned(),
    }
}

/// What the merchant signed, after the sentence on who reported it.
fn vouched(signed: &Signed) -> String {
    let key = signed.kid.as_deref().map(|kid| format!(" (key {kid})")).unwrap_or_default();
    format!(" The merchant signed the {}{key}.", signed.what)
}

fn sender(assurance: &str) -> String {
    match assurance {
        "server" => "The site's backend reported it with its API key.".to_owned(),
        "bound" => "The page reported it, signed with the key of the browser that was touched.".to_owned(),
        "bearer" => "The page reported it with a click token that names no browser key.".to_owned(),
        other => format!("It was reported with assurance {other}."),
    }
}

fn receipt(detail: &ConversionDetail) -> String {
    let row = &detail.conversion;
    let code = row.code.as_deref();
    let meaning = match row.status {
        Status::Accepted => "recorded and on its way".to_owned(),
        Status::Duplicate => format!("{} holds this key; nothing is sent", holder(detail)),
        Status::Held if code == Some("sale_unknown") => "recorded; nothing is sent yet".to_owned(),
        Status::Held if !detail.changes.is_empty() => {
            "recorded; it had to be confirmed before anything is sent".to_owned()
        }
        Status::Held => format!(
            "recorded; a server or an operator must confirm before anything is sent: `trailmark conversions release {} \
             --reason …`, or `reject`",
            row.id
        ),
        Status::Unattributed => "recorded; no touch is credited and nothing is sent".to_owned(),
        Status::Rejected => "recorded and refused; nothing more is sent".to_owned(),
    };
    let why = code.and_then(because).map(|why| format!(" {why}")).unwrap_or_default();
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    format!("Its status is {}{code}: {meaning}.{why}", row.status.as_str())
}

/// What a code means where the sentence before it does not say, and the cure.
fn because(code: &str) -> Option<&'static str> {
    Some(match code {
        "customer_unsigned" => "This site believes a page's customer only when the merchant signed them.",
        "money_unsigned" => "Nobody but the page named the amount: sign the order, or report it from the backend.",
        "signups_per_visitor" => "This browser has signed up, or asked about, as many customers as the site allows.",
        "signup_rejected" => {
            "The customer's signup was rejected, so no partner is known for what follows. Once a signup of theirs counts, \
             report this again."
        }
        "sale_unknown" => "The sale that it refunds is not known yet; it follows by itself when the sale comes.",
        "sale_unattributed" => "Nobody earned on the sale that it refunds.",
        "sale_rejected" => "Every vendor refused the sale that it refunds.",
        "refund_above_sale" => "With it, all refunds of the sale would sum to more than the sale.",
        "refund_currency" => "It is in another currency than the sale.",
        "refund_customer" => "It names another customer than the sale.",
        "order_malformed" | "customer_malformed" => {
            "What the page passed on is no such JWS, or holds values out of range."
        }
        "order_signature_invalid" | "customer_signature_invalid" => {
            "No key of the site's `order_keys` verifies the merchant's signature: it is forged, or its key is missing there."
        }
        "order_audience_mismatch" | "customer_audience_mismatch" => "The merchant signed it for another site.",
        "order_customer_mismatch" => "The merchant signed the order for another customer than the page names.",
        "order_expired" | "customer_expired" => "The merchant's signature had expired when it arrived.",
        "order_from_the_future" | "customer_from_the_future" => "The merchant's signature is dated ahead of our clock.",
        _ => return None,
    })
}

/// How a held conversion ended.
fn changed(change: &ConversionChange) -> String {
    let cause = change.cause.as_ref().map(ConversionId::as_str).unwrap_or("another conversion");
    let what = match change.change {
        Afterwards::Closed if change.code.as_deref() == Some("key_taken") => {
            format!("Closed, without telling the page: the same key stands already in conversion {cause}")
        }
        Afterwards::Closed => format!("Closed: the site's backend stated the same key in conversion {cause}"),
        Afterwards::Followed => format!("Its sale came as conversion {cause}"),
        Afterwards::Rejected => "An operator rejected it".to_owned(),
        Afterwards::Released => "An operator released it".to_owned(),
    };
    let reason = change.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let code = change.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{what}{reason}. Its status is {}{code} since.", change.status.as_str())
}

fn unattributed(story: &mut Story, decision: &Decision) {
    let why = match decision.unattributed_code() {
        None => return,
        Some("no_touch") => "No touch stood behind it.".to_owned(),
        Some("touch_expired") => "Every touch's window was over.".to_owned(),
        Some("touch_after_conversion") => "Every touch came after it.".to_owned(),
        Some(_) => {
            let programs: Vec<_> = decision.considered.iter().map(program_of).collect();
            format!("No touch was valid; looked at: {}.", programs.join(", "))
        }
    };
    story.line(&why);
}

fn program_of(considered: &Considered) -> String {
    format!("{} of {}", considered.touch.program, clock(considered.touch.at))
}

/// `2026-11-21 08:30:00`; the fraction of a second tells people nothing.
pub fn clock(at: UnixMillis) -> String {
    let whole = UnixMillis::from_seconds(at.seconds()).to_rfc3339();
    whole.trim_end_matches('Z').replace('T', " ")
}

/// [`clock`] of an RFC 3339 time that came as text; anything else stays as it is.
pub fn moment(text: &str) -> String {
    UnixMillis::from_rfc3339(text).map_or_else(|_| text.to_owned(), clock)
}

/// A part of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What it is about; empty of the first.
    pub heading: String,
    /// In the order in which they are told.
    pub lines: Vec<Line>,
}

/// A step of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When, RFC 3339; `None` of what has no time of its own.
    #[serde(serialize_with = "rfc3339")]
    pub at: Option<UnixMillis>,
    /// A sentence or several.
    pub text: String,
}

fn rfc3339<S: Serializer>(at: &Option<UnixMillis>, to: S) -> Result<S::Ok, S::Error> {
    at.map(UnixMillis::to_rfc3339).serialize(to)
}

/// The growing history.
#[derive(Default)]
struct Story {
    sections: Vec<Section>,
}

impl Story {
    fn heading(&mut self, heading: &str) {
        self.sections.push(Section { heading: heading.to_owned(), lines: Vec::new() });
    }

    fn line(&mut self, sentence: &str) {
        self.add(None, sentence);
    }

    fn event(&mut self, at: UnixMillis, sentence: &str) {
        self.add(Some(at), sentence);
    }

    fn add(&mut self, at: Option<UnixMillis>, sentence: &str) {
        // What a vendor says may hold controls that would move a terminal's cursor.
        let line = Line { at, text: sentence.replace(char::is_control, " ") };
        match self.sections.last_mut() {
            Some(section) => section.lines.push(line),
            None => self.sections.push(Section { heading: String::new(), lines: vec![line] }),
        }
    }
}
