//! Decisions about conversions: `conversions/bulk`, and the job that carries it out. The job is followed for a minute;
//! `jobs get` looks again. A job that ends with failed changes is an error: the vendor tells an unknown id or reference
//! nowhere else. A change whose job is not over, or does not count what failed, has an unknown outcome.
//!
//! Source: vendors-2.md § 1.3.

use serde_json::{Map, Value, json};
use trailmark_wire::time::UnixMillis;

use super::answers::{self, text};
use super::conversion::{self, rejection};
use super::{Account, refunds};
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::Call;
use crate::outcome::Outcome;
use crate::redaction::Redaction;
use crate::root::{encoded, segment};

/// Characters of a reason.
const REASON_CHARS: usize = 255;

/// Seconds before each look at a job after the first one, which comes at once.
const LOOKS_S: &[u64] = &[1, 2, 4, 8, 15, 30];

/// What to do where a job does not tell which of its changes failed.
const COMPARE: &str = "compare them with `trailmark commissions list`";

/// Approves conversions.
pub(super) fn approve(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    set(account, values, &json!({"status": "approved"}))
}

/// Rejects conversions, with a reason.
pub(super) fn reject(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let reason = values.text("reason").unwrap_or("rejected by the brand");
    let fits = |c: char| c.is_ascii_alphanumeric() || " :-_.,;#".contains(c);
    match reason.chars().count() <= REASON_CHARS && reason.chars().all(fits) {
        true => set(account, values, &refunds::rejected(reason)),
        false => Err(rejection("`reason` must have at most 255 of A-Z, a-z, 0-9, space and `: - _ . , ; #`").into()),
    }
}

/// `conversions/bulk` with the same value for every named conversion or item.
fn set(account: &Account, values: &Values, value: &Value) -> Result<Ask<Reply>, Refusal> {
    let kinds = [("conversions", "id"), ("conversion_references", "reference"), ("conversion_items", "item")];
    let stated: Vec<_> = kinds.into_iter().filter(|(_, input)| !values.texts(input).is_empty()).collect();
    let [(what, input)] = stated.as_slice() else {
        return Err(
            rejection("state conversions by `id`, by `reference` or by `item`, and by one of these alone").into()
        );
    };
    // A delivery sends a reference in this spelling.
    let key = |key: &String| if *input == "reference" { conversion::spelled(key) } else { key.clone() };
    let changes: Map<String, Value> = values.texts(input).iter().map(|text| (key(text), value.clone())).collect();
    let request = refunds::bulk(account, what, changes);
    let (account, values) = (account.clone(), values.clone());
    Ok(Call::new(request, move |answer| {
        let body = answers::asked(answer, &account.redaction(&values), &[])?;
        let id = refunds::job(&body).ok_or_else(|| answers::unclear(answer, "a job"))?;
        Ok(later(&account, &values, &id, "begun", (0, LOOKS_S)))
    }))
}

/// Looks at a job.
pub(super) fn get(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    segment(&values.key).ok_or_else(|| rejection("no URL can name this job"))?;
    Ok(looked(account, values, &values.key, &[]))
}

/// `GET /v3/jobs/{id}`, and further looks while the job is under way.
fn looked(account: &Account, values: &Values, id: &str, looks_s: &'static [u64]) -> Ask<Reply> {
    let request = account.get(&format!("/v3/jobs/{}", encoded(id)), refunds::JOB);
    let (account, values) = (account.clone(), values.clone());
    // The key is that of `jobs get`; a change has none.
    let is_change = values.key.is_empty();
    Call::new(request, move |answer| {
        let redaction = account.redaction(&values);
        let body = answers::content(answer, &redaction).map_err(|failure| match failure {
            // The look is refused, not the change.
            Outcome::Rejected { message } if is_change => Outcome::Unknown { message },
            other => other,
        })?;
        let id = refunds::job(&body).ok_or_else(|| answers::unclear(answer, "a job"))?;
        let job = body.get("data").unwrap_or(&Value::Null);
        let status = text(job, "status").unwrap_or("in no state");
        let count = |name: &str| job.get(name).and_then(Value::as_u64);
        match (status, count("item_error_count")) {
            ("complete", Some(0)) => Ok(Reply::Done(shown_job(&id, &body, &redaction))),
            ("complete", None) => Ok(Reply::Untold {
                why: format!("job {id} is complete, and the vendor does not tell whether changes failed: {COMPARE}"),
            }),
            ("complete" | "failed", failed) => {
                let told = |number: Option<u64>| number.map_or("an unknown number".into(), |number| number.to_string());
                let (failed, succeeded) = (told(failed), told(count("item_success_count")));
                Err(Outcome::Rejected {
                    message: format!(
                        "job {id} is {status}: {failed} of its changes failed, {succeeded} succeeded; an id or a \
                         reference may name nothing that the vendor shows yet: {COMPARE}, and send those that failed \
                         again"
                    ),
                })
            }
            (under_way, _) => {
                let status = redaction.apply(under_way);
                Ok(match looks_s.split_first() {
                    Some((wait_s, rest)) => later(&account, &values, &id, &status, (*wait_s, rest)),
                    None if is_change => {
                        Reply::Untold { why: format!("{}; after a minute it is {status}", taken(&id)) }
                    }
                    None => {
                        let note = format!("the job is not over: `trailmark jobs get {id}` looks again");
                        Reply::Done(shown_job(&id, &body, &redaction).with_text("note", Some(&note)))
                    }
                })
            }
        }
    })
}

/// The next look at a job that is not over: the seconds until then, and those before each look after it.
fn later(account: &Account, values: &Values, id: &str, status: &str, (wait_s, rest): (u64, &'static [u64])) -> Reply {
    Reply::Later {
        next: looked(account, values, id, rest),
        wait_s,
        why: format!("the vendor's job {id} is {status}"),
        taken: taken(id),
    }
}

/// That the vendor has the change, whatever a look at its job says.
fn taken(id: &str) -> String {
    format!("the vendor took the change as job {id}, so do not send it again: `trailmark jobs get {id}` looks again")
}

/// The job in an answer.
fn shown_job(id: &str, body: &Value, redaction: &Redaction<'_>) -> Record {
    let job = body.get("data").unwrap_or(&Value::Null);
    let status = text(job, "status").map(|status| redaction.apply(status));
    let number = |name: &str| job.get(name).filter(|number| number.is_u64()).cloned();
    let at = |name: &str| text(job, name).and_then(|time| UnixMillis::from_rfc3339(time).ok());
    Record::default()
        .with_text("id", Some(id))
        .with_text("status", status.as_deref())
        .with("percent", number("percentage_complete"))
        .with("succeeded", number("item_success_count"))
        .with("failed", number("item_error_count"))
        .with("total", number("item_total_count"))
        .with_time("created_at", at("created_at"))
        .with_time("completed_at", at("completed_at"))
}
