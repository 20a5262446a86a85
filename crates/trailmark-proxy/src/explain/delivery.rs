//! The last part of a story: a delivery's attempts, its state and what comes next, and the commission, in sentences. Pure.

use trailmark_vendors::commission::Commission;
use trailmark_vendors::title;
use trailmark_wire::ids::DeliveryId;

use super::{Story, moment};
use crate::answer::{Answer, again, compared, of_delivery};
use crate::code::Code;
use crate::store::operator::{AttemptRow, ConversionDetail, DeliveryRow, LaneRow};

/// All attempts of a delivery, its state and what comes next.
pub(super) fn delivery(story: &mut Story, detail: &ConversionDetail, delivery: &DeliveryRow, lanes: &[LaneRow]) {
    let vendor = title(delivery.vendor.as_str());
    story.heading(&format!("The delivery to {vendor}, program {}", delivery.program));
    story.line(&format!("Delivery {}.", delivery.id));
    for attempt in &delivery.tries {
        story.event(attempt.started_at, &tried(attempt, vendor));
    }
    if delivery.tries.is_empty() {
        story.line(if delivery.due_at.is_some() { "Nothing was sent yet." } else { "Nothing was sent." });
    }
    for note in &delivery.notes {
        story.line(&format!("Not everything was sent to {vendor}: {note}."));
    }
    story.line(&state(detail, delivery, vendor, standing_still(delivery, lanes).as_deref()));
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

/// State of the partner's commission.
fn commission(delivery: &DeliveryRow, vendor: &str) -> String {
    let Some(at) = delivery.commission_at.as_deref().map(moment) else { return unknown(delivery, vendor) };
    let amount = delivery.commission_amount.map(|amount| format!(", {amount}")).unwrap_or_default();
    let reason = delivery.commission_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let reason = format!("{amount}{reason}");
    match delivery.commission {
        Commission::Unknown => format!("The commission is not known{reason} (asked at {at})."),
        Commission::Pending => {
            format!("The commission is pending{reason}: the vendor has not decided (asked at {at}).")
        }
        Commission::Approved => format!("The commission is approved{reason} but not paid yet (asked at {at})."),
        Commission::Paid => format!("The commission is paid{reason} (asked at {at})."),
        Commission::Rejected => format!("The commission is rejected{reason} (asked at {at})."),
    }
}

/// The last question and its answer, if the commission is not known.
fn unknown(delivery: &DeliveryRow, vendor: &str) -> String {
    let said = delivery.commission_said.as_deref().zip(delivery.commission_asked_at.as_deref().map(moment));
    match (said, delivery.commission_asked) {
        (Some((said, at)), times) => {
            let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
            format!(
                "The commission is not known. {vendor} was asked {times}, last at {at}, but did not tell it: {said}."
            )
        }
        (None, 0) => format!("The commission is not known: {vendor} has not been asked about it yet."),
        (None, _) => format!("The commission is not known: {vendor} is being asked about it."),
    }
}

/// One HTTP attempt and its outcome.
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
        None => "no answer was recorded; the proxy stopped or is still waiting".to_owned(),
        Some("absent") => format!("{vendor} does not have it"),
        Some("auth_failed") => format!("{vendor} refused the credential"),
        Some("conflict" | "differs") => format!("{vendor} has something else under this key"),
        Some("duplicate") => format!("{vendor} says it has this already"),
        Some("forbidden") => format!("the credential may not do this at {vendor}"),
        Some("found") => format!("{vendor} has it, as it was sent"),
        Some("ignored") => format!("{vendor} accepted it but attributes nothing"),
        Some("missing") => format!("{vendor} says that it has nothing to delete"),
        Some("not_needed") => format!("nothing is left to do at {vendor}"),
        Some("inconclusive") => format!("{vendor} gave no clear answer"),
        Some("recorded") => format!("{vendor} recorded it"),
        Some("rejected") => format!("{vendor} refused it permanently"),
        Some("rekeyed") => format!("{vendor} recorded it under another key"),
        Some("retry") => "it was certainly not processed; another try may help".to_owned(),
        Some("throttled") => format!("{vendor} asked us to come back later and did not process it"),
        Some("unknown") => format!("it is not known whether {vendor} processed it"),
        Some("unverified") => format!("{vendor} accepted it without showing the result"),
        Some(other) => other.replace('_', " "),
    }
}

/// Its state and what comes next.
fn state(detail: &ConversionDetail, delivery: &DeliveryRow, vendor: &str, lane: Option<&str>) -> String {
    let id = &delivery.id;
    let reason = delivery.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let next = delivery.due_at.as_deref().map(moment);
    let at = next.as_deref().unwrap_or("once its lane is free");
    let lane = lane.map(|lane| format!(" But {lane}.")).unwrap_or_default();
    let reference = delivery.reference.as_deref().map(|name| format!(" as {name}")).unwrap_or_default();
    if let Some(credential) = &delivery.paused_by {
        return format!(
            "It waits: {vendor} refuses `{credential}`{reason}. Correct it in the program's configuration or at {vendor}; this then goes \
             on automatically. Deliveries that do not need the credential go on meanwhile."
        );
    }
    match delivery.state.as_str() {
        "recorded" => format!("It is recorded{reference}: {vendor} has it, and nothing is left to do."),
        "due" if lane.is_empty() => format!("It is due{reason}. The next attempt comes at {at}."),
        "due" => format!("It is due{reason}.{lane}"),
        "unverified" => format!("{vendor} accepted it{reason}. It is read back at {at}.{lane}"),
        "uncertain" if next.is_some() => {
            format!(
                "Whether {vendor} has it is uncertain{reason}. Trailmark asks {vendor} at {at}, before it sends anything again.{lane}"
            )
        }
        "uncertain" => {
            format!("Whether {vendor} has it is uncertain{reason}. Check there, then run {}.", resolve(id))
        }
        "conflict" if detail.conversion.code.as_deref() == Some(Code::ClaimedByPage.as_str()) => format!(
            "{vendor} was told of this customer on a page's word and may credit another partner{reason}. No call of its API \
             changes that: have the customer moved there, or remove the customer with `trailmark customers remove`, then \
             `trailmark conversions reassign {}`. The customer's sales are held until then.",
            detail.conversion.id
        ),
        "conflict" => {
            format!("What {vendor} has differs from what was sent{reason}. {}", compared(id, vendor))
        }
        "ignored" if next.is_some() => {
            format!(
                "{vendor} accepted it and so far credits nobody{reason}. It is read back at {at}, then in growing intervals for a \
                 week; nothing is sent meanwhile.{lane} {}",
                cure(detail, delivery)
            )
        }
        "ignored" => format!("{vendor} accepted it and credits nobody{reason}. {}", cure(detail, delivery)),
        "rejected" => format!("It was rejected{reason}. {}", cure(detail, delivery)),
        "dead" => format!("It is a dead letter, kept{reason}. {}", cure(detail, delivery)),
        "waiting" => format!("It waits{reason}. It goes on automatically. {}", chain(detail, delivery)),
        "blocked" => format!("It is blocked{reason}. {}", chain(detail, delivery)),
        "dropped" => format!("An operator gave it up{reason}."),
        "not_needed" => format!("Nothing is left to do at {vendor}{reason}."),
        "unsupported" => format!("{vendor} cannot take it{reason}."),
        other => format!("Its state is {}{reason}.", other.replace('_', " ")),
    }
}

/// What a waiting delivery waits for, down to the cause, and the command that shows it.
fn chain(detail: &ConversionDetail, delivery: &DeliveryRow) -> String {
    let row = &detail.conversion;
    let Some(standing) = row.standings.iter().find(|one| one.delivery == delivery.id && one.follows.is_some()) else {
        return String::new();
    };
    let Answer { reason, cure, .. } = of_delivery(row, standing, &[]);
    cure.iter().fold(reason, |reason, cure| format!("{reason} {cure}"))
}

/// What helps a delivery that ended badly; a report counts again only where its key is free.
fn cure(detail: &ConversionDetail, delivery: &DeliveryRow) -> String {
    let id = &delivery.id;
    if let Some(holder) = detail.holder.as_ref().filter(|holder| holder.programs.contains(&delivery.program)) {
        return format!(
            "Conversion {} now has its key, so it cannot be sent again. Run `trailmark outbox drop {id} --reason …`.",
            holder.id
        );
    }
    let row = &detail.conversion;
    let standing = row.standings.iter().find(|standing| standing.delivery == *id);
    standing.map(|standing| again(row, standing)).unwrap_or_default()
}

/// Whether its closed lane delays a delivery, and until when.
fn standing_still(delivery: &DeliveryRow, lanes: &[LaneRow]) -> Option<String> {
    delivery.due_at.as_ref()?;
    let lane = lanes.iter().find(|lane| lane.program == delivery.program && lane.state != "open")?;
    // A refused credential delays only deliveries that need it, and they say so themselves.
    if lane.state == "paused" {
        return None;
    }
    let reason = lane.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let next = lane.next_at.as_deref().map(|at| format!("; the next try comes at {}", moment(at))).unwrap_or_default();
    Some(format!("lane {} is {}{reason}{next}", lane.name(), lane.state))
}

fn resolve(delivery: &DeliveryId) -> String {
    format!("`trailmark outbox resolve {delivery} --as recorded|rejected --reason …`")
}
