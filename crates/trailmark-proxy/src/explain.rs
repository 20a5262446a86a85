//! Tells the way of one conversion, from the partner's link to the vendor's answer, in sentences for people. Pure: the
//! ledger's record goes in, text comes out; it reads no clock and no store. `conversions explain` prints it, the ledger view
//! shows it. Every sentence is drawn from a row that was written at the time, none is guessed.
//!
//! It names partner keys, click ids and business keys; e-mail addresses and names of customers are not in the record.

use trailmark_attribution::{Considered, Credit, Decision, RULES_VERSION, Verdict};
use trailmark_vendors::commission::Commission;
use trailmark_wire::ids::{ConversionId, VendorName};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use crate::store::operator::{
    Afterwards, AttemptRow, ConversionChange, ConversionDetail, ConversionRow, DeliveryRow, TouchRow,
};

/// Columns of a line, so that it stays whole on a terminal of 80.
const LINE_CHARS: usize = 79;

/// Columns that the time takes at the start of a line: `2026-11-21 08:30:00` and two spaces.
const TIME_CHARS: usize = 21;

/// The whole way, in lines of at most 79 characters where words allow.
pub fn explain(detail: &ConversionDetail) -> String {
    let mut story = Story::default();
    let decision = serde_json::from_value::<Decision>(detail.decision.clone()).ok();
    head(&mut story, &detail.conversion);
    touches(&mut story, detail, decision.as_ref());
    conversion(&mut story, detail, decision.as_ref());
    for change in &detail.changes {
        story.event(change.changed_at, &changed(change));
    }
    for delivery in &detail.deliveries {
        deliveries(&mut story, delivery);
    }
    story.text
}

fn head(story: &mut Story, row: &ConversionRow) {
    story.line(&format!("{} at site {}: {}", subject(row), row.site, row.status.as_str()));
    story.line(&format!("Conversion {}. Times are UTC.", row.id));
}

fn touches(story: &mut Story, detail: &ConversionDetail, decision: Option<&Decision>) {
    story.heading("The way here");
    let mut touches: Vec<&TouchRow> = detail.touches.iter().collect();
    touches.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    for touch in &touches {
        story.event(touch.at, &format!("{}. {} {}", touched(touch), credit(touch, decision), source(touch)));
    }
    if touches.is_empty() {
        story.line("No touch of this visitor is known: no partner's link led here.");
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
fn credit(touch: &TouchRow, decision: Option<&Decision>) -> String {
    let until = clock(touch.expires_at);
    let Some(decision) = decision else {
        return format!("It counted until {until}.");
    };
    let considered = decision.considered.iter().find(|considered| considered.touch.id == touch.id);
    match considered.map(|considered| considered.verdict) {
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
    story.event(row.received_at, &format!("{} {}", sender(&row.assurance), receipt(row)));
    match decision {
        Some(decision) => unattributed(story, decision),
        None => story.line(&format!(
            "The decision was made by rules that this version (rules {RULES_VERSION}) cannot read; `trailmark conversions \
             show {} --json` prints it.",
            row.id
        )),
    }
}

fn subject(row: &ConversionRow) -> String {
    let (kind, of) = match row.kind.as_str() {
        "signup" => ("Signup", "of customer"),
        "lead" => ("Lead", "of customer"),
        "sale" => ("Sale", "of order"),
        other => (if other == "refund" { "Refund" } else { other }, "under key"),
    };
    match &row.external_id {
        Some(key) => format!("{kind} {of} {key}"),
        None => format!("{kind} whose key only a signed claim holds"),
    }
}

fn sender(assurance: &str) -> String {
    match assurance {
        "server" => "The site's backend reported it with its API key.".to_owned(),
        "bound" => "The page reported it, signed with the key of the browser that was touched.".to_owned(),
        "bearer" => "The page reported it with a click token that names no browser key.".to_owned(),
        other => format!("It was reported with assurance {other}."),
    }
}

fn receipt(row: &ConversionRow) -> String {
    let meaning = match row.status {
        Status::Accepted => "recorded and on its way",
        Status::Duplicate => "another conversion holds this key; nothing is sent",
        Status::Held => "recorded; a server or an operator must confirm before anything is sent",
        Status::Unattributed => "recorded; no touch is credited and nothing is sent",
        Status::Rejected => "recorded and refused; nothing more is sent",
    };
    let code = row.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    let why = row.code.as_deref().and_then(because).map(|why| format!(" {why}")).unwrap_or_default();
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

fn deliveries(story: &mut Story, delivery: &DeliveryRow) {
    let vendor = vendor_title(delivery.vendor);
    story.heading(&format!("The delivery to {vendor}, program {}", delivery.program));
    story.line(&format!("Delivery {}.", delivery.id));
    for attempt in &delivery.tries {
        story.event(attempt.started_at, &tried(attempt, vendor));
    }
    if delivery.tries.is_empty() {
        story.line("Nothing was sent yet.");
    }
    story.line(&state(delivery, vendor));
    for change in &delivery.commission_changes {
        let reason = change.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        story.event(
            change.changed_at,
            &format!("{vendor} says that the commission is {}{reason}.", change.commission.as_str()),
        );
    }
    if delivery.state == "recorded" {
        story.line(&commission(delivery, vendor));
    }
}

/// How the partner's commission stands.
fn commission(delivery: &DeliveryRow, vendor: &str) -> String {
    let Some(at) = delivery.commission_at.as_deref().map(moment) else {
        return format!("The commission is not known: {vendor} was not asked for it yet.");
    };
    let reason = delivery.commission_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match delivery.commission {
        Commission::Unknown => format!("The commission is not known{reason} (asked at {at})."),
        Commission::Pending => {
            format!("The commission is pending{reason}: the vendor has not decided (asked at {at}).")
        }
        Commission::Approved => format!("The commission is approved{reason}, and not paid out yet (asked at {at})."),
        Commission::Paid => format!("The commission is paid{reason} (asked at {at})."),
        Commission::Rejected => format!("The commission is rejected{reason} (asked at {at})."),
    }
}

/// One HTTP try, and what came of it.
fn tried(attempt: &AttemptRow, vendor: &str) -> String {
    let what = match (attempt.purpose.as_str(), attempt.generation) {
        ("look_up", _) => "Look-up".to_owned(),
        (_, 0 | 1) => format!("Attempt {}", attempt.number),
        (_, generation) => format!("Attempt {} of generation {generation}", attempt.number),
    };
    let status = attempt.http_status.map(|status| format!("HTTP {status}"));
    let took = attempt.duration_ms.map(|ms| format!("after {ms} ms"));
    let facts: Vec<String> = status.into_iter().chain(took).collect();
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(" ")) };
    let message = attempt.message.as_deref().filter(|message| !message.is_empty());
    let message = message.map(|message| format!(" Message: {message}")).unwrap_or_default();
    format!("{what}, {}: {}{facts}.{message}", attempt.request, outcome(attempt.outcome.as_deref(), vendor))
}

fn outcome(word: Option<&str>, vendor: &str) -> String {
    match word {
        None => "no answer is on record; the proxy stopped, or is still waiting".to_owned(),
        Some("absent") => format!("{vendor} does not have it"),
        Some("auth_failed") => format!("{vendor} refused the credential"),
        Some("conflict" | "differs") => format!("{vendor} has something else under this key"),
        Some("duplicate") => format!("{vendor} says it has this already"),
        Some("forbidden") => format!("the credential may not do this at {vendor}"),
        Some("found") => format!("{vendor} has it, as it was sent"),
        Some("ignored") => format!("{vendor} took it and attributes nothing"),
        Some("inconclusive") => format!("{vendor} gave no clear answer"),
        Some("recorded") => format!("{vendor} recorded it"),
        Some("rejected") => format!("{vendor} refused it for good"),
        Some("retry") => "it was certainly not processed and is worth another try".to_owned(),
        Some("throttled") => format!("{vendor} asked us to come back later; it was not processed"),
        Some("unknown") => format!("whether {vendor} processed it cannot be told"),
        Some("unverified") => format!("{vendor} took it and did not say what came of it"),
        Some(other) => other.replace('_', " "),
    }
}

/// Where it stands, and what comes next.
fn state(delivery: &DeliveryRow, vendor: &str) -> String {
    let id = &delivery.id;
    let reason = delivery.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let next = delivery.due_at.as_deref().map(moment);
    let at = next.as_deref().unwrap_or("once its lane is free");
    let reference = delivery.reference.as_deref().map(|name| format!(" as {name}")).unwrap_or_default();
    match delivery.state.as_str() {
        "recorded" => format!("It stands recorded{reference}: {vendor} has it, nothing is left to do."),
        "due" => format!("It is due{reason}. The next attempt comes at {at}."),
        "unverified" => format!("{vendor} accepted it{reason}. It is read back at {at}."),
        "uncertain" if next.is_some() => {
            format!("Whether {vendor} has it is uncertain{reason}. A look-up follows at {at}; nothing is sent blind.")
        }
        "uncertain" => {
            format!("Whether {vendor} has it is uncertain{reason}. Look there, then {}.", resolve(id))
        }
        "conflict" => {
            format!("{vendor} has something else under this key{reason}. Compare there, then {}.", resolve(id))
        }
        "ignored" => format!("{vendor} accepted it and attributes nothing{reason}. Nothing more will come of it."),
        "rejected" => format!("It was rejected{reason}. Mend the cause, then `trailmark outbox retry {id}`."),
        "dead" => format!("It is a dead letter, kept{reason}. Mend the cause, then `trailmark outbox retry {id}`."),
        "waiting" => format!("It waits{reason}. It goes on by itself."),
        "blocked" => format!("It is blocked{reason}. It goes on when what it waits for is settled."),
        "dropped" => format!("An operator gave it up{reason}."),
        "not_needed" => format!("{vendor} needs no call of its own for it{reason}."),
        "unsupported" => format!("{vendor} cannot take it{reason}."),
        other => format!("Its state is {}{reason}.", other.replace('_', " ")),
    }
}

fn resolve(delivery: &ConversionId) -> String {
    format!("`trailmark outbox resolve {delivery} --as recorded|rejected --reason …`")
}

/// The vendor's name as it writes itself.
pub fn vendor_title(vendor: VendorName) -> &'static str {
    match vendor {
        VendorName::PartnerStack => "PartnerStack",
        VendorName::Partnerize => "Partnerize",
        VendorName::Introw => "Introw",
        VendorName::Partnero => "Partnero",
    }
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

/// The growing text.
#[derive(Default)]
struct Story {
    text: String,
}

impl Story {
    fn heading(&mut self, heading: &str) {
        self.text.push('\n');
        self.line(heading);
    }

    fn line(&mut self, sentence: &str) {
        self.wrapped("", 0, sentence);
    }

    fn event(&mut self, at: UnixMillis, sentence: &str) {
        self.wrapped(&format!("{}  ", clock(at)), TIME_CHARS, sentence);
    }

    /// Breaks between words; a word that is longer than a line, such as a URL, gets one of its own.
    fn wrapped(&mut self, first: &str, indent: usize, sentence: &str) {
        let mut column = first.chars().count();
        let mut fresh = true;
        self.text.push_str(first);
        // What a vendor says may hold controls that would move a terminal's cursor.
        let sentence = sentence.replace(char::is_control, " ");
        for word in sentence.split_whitespace() {
            let length = word.chars().count();
            if !fresh && column + 1 + length > LINE_CHARS {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(indent));
                column = indent;
                fresh = true;
            }
            if !fresh {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += length;
            fresh = false;
        }
        self.text.push('\n');
    }
}
