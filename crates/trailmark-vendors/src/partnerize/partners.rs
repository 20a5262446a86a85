//! The partners of the campaign, as an operator sees and decides about them. Lists are read from one page to the next, as the
//! vendor names it. No document shows what the answer to a decision contains, so the partner is read afterwards, and must
//! have the new status.
//!
//! Source: vendors-2.md § 1.4.

use serde_json::{Value, json};

use super::Account;
use super::answers::{self, text, word};
use super::conversion::rejection;
use super::report;
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::{Call, Method};
use crate::outcome::Outcome;
use crate::root::{encoded, segment};

fn path(account: &Account) -> String {
    format!("/campaign/{}/publisher", encoded(&account.campaign))
}

/// `GET /campaign/{id}/publisher`.
pub(super) fn list(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    Ok(listed(account, values, &path(account)))
}

fn listed(account: &Account, values: &Values, path: &str) -> Ask<Reply> {
    let request = account.get(path, "GET /campaign/{campaign_id}/publisher");
    let (account, values) = (account.clone(), values.clone());
    Call::new(request, move |answer| {
        let body = answers::asked(answer, &account.redaction(&values), &[])?;
        let partners = publishers(&body).ok_or_else(|| answers::unclear(answer, "`publishers`, each with an id"))?;
        let next = report::next_page(&account, &body).map_err(|what| answers::unclear(answer, what))?;
        let wanted = values.text("status");
        let is_wanted = |partner: &&Value| wanted.is_none_or(|wanted| status_of(partner).as_deref() == Some(wanted));
        Ok(Reply::Page {
            items: partners.into_iter().filter(is_wanted).map(shown_partner).collect(),
            next: next.map(|path| listed(&account, &values, &path)),
        })
    })
}

/// `GET /campaign/{id}/publisher/{publisher_id}`.
pub(super) fn get(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    Ok(one(account, values, &path_of_one(account, values)?, None))
}

/// The path of the partner that the command names.
fn path_of_one(account: &Account, values: &Values) -> Result<String, Refusal> {
    let key = segment(&values.key).ok_or_else(|| rejection("no URL can name this partner"))?;
    Ok(format!("{}/{key}", path(account)))
}

/// Reads a partner. After a decision, `letter` is the status that the partner must have.
fn one(account: &Account, values: &Values, path: &str, letter: Option<&'static str>) -> Ask<Reply> {
    let request = account.get(path, "GET /campaign/{campaign_id}/publisher/{publisher_id}");
    let (account, values) = (account.clone(), values.clone());
    Call::new(request, move |answer| {
        let body = answers::asked(answer, &account.redaction(&values), &[]).map_err(|failure| match failure {
            // The look is refused, not the decision.
            Outcome::Rejected { message } if letter.is_some() => Outcome::Unknown { message },
            other => other,
        })?;
        let is_meant = |partner: &&Value| word(partner, "publisher_id").as_deref() == Some(values.key.as_str());
        let partner = publishers(&body).and_then(|partners| partners.into_iter().find(is_meant));
        let partner = partner.ok_or_else(|| answers::unclear(answer, "`publishers` with this partner"))?;
        if letter.is_some() && text(partner, "campaign_status") != letter {
            let status = account.redaction(&values).apply(&status_of(partner).unwrap_or_else(|| "in no state".into()));
            return Ok(Reply::Untold { why: format!("{}; so far the partner is {status}", taken(&values)) });
        }
        Ok(Reply::Done(shown_partner(partner)))
    })
}

/// `POST /campaign/{id}/publisher` with status `a`.
pub(super) fn approve(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    decide(account, values, "a")
}

/// The same with status `r`.
pub(super) fn reject(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    decide(account, values, "r")
}

fn decide(account: &Account, values: &Values, letter: &'static str) -> Result<Ask<Reply>, Refusal> {
    let path_of_one = path_of_one(account, values)?;
    let body = json!({"publishers": [{"publisher_id": values.key, "campaign_status": letter}]});
    let request = account.send(Method::Post, &path(account), &body, "POST /campaign/{campaign_id}/publisher");
    let (account, values) = (account.clone(), values.clone());
    Ok(Call::new(request, move |answer| {
        answers::asked(answer, &account.redaction(&values), &[])?;
        let next = one(&account, &values, &path_of_one, Some(letter));
        Ok(Reply::Later { next, wait_s: 0, why: "the vendor took the decision".into(), taken: taken(&values) })
    }))
}

/// That the vendor has the decision, whatever the look at the partner says.
fn taken(values: &Values) -> String {
    format!("the vendor took the decision; before you repeat it, look with `trailmark partners get {}`", values.key)
}

/// The partners of an answer, each wrapped in `publisher`.
fn publishers(body: &Value) -> Option<Vec<&Value>> {
    let list = body.get("publishers")?.as_array()?;
    let inner =
        list.iter().map(|entry| entry.get("publisher").filter(|partner| word(partner, "publisher_id").is_some()));
    inner.collect()
}

/// The word for the letter of a partner's status in the campaign; no document says what `n` means, so it stays a letter.
fn status_of(partner: &Value) -> Option<String> {
    Some(match text(partner, "campaign_status")? {
        "a" => "approved".into(),
        "p" => "pending".into(),
        "r" => "rejected".into(),
        other => other.into(),
    })
}

fn shown_partner(partner: &Value) -> Record {
    Record::default()
        .with_text("id", word(partner, "publisher_id").as_deref())
        .with_text("name", text(partner, "account_name"))
        .with_text("email", text(partner, "contact_email"))
        .with_text("status", status_of(partner).as_deref())
        .with_text("network_status", text(partner, "network_status"))
        .with_text("company", text(partner, "company_name"))
        .with_text("website", text(partner, "website"))
        .with_text("country", text(partner, "operating_country"))
        .with_text("camref", text(partner, "camref"))
}
