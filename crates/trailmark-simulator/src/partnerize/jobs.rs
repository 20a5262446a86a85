//! Bulk changes of conversions and the jobs that carry them out (vendors-2.md § 1.3):
//! `POST /v3/brand/campaigns/{id}/conversions/bulk` answers 202 with a job, and `/v3/jobs/{id}` says how far it is.
//!
//! The body has exactly one of `conversions`, `conversion_items` and `conversion_references`, each an object by id or
//! reference. What is wrong with its form is refused at once; an id or reference that names nothing, or nothing visible yet, is
//! an error of the job alone. A job changes the conversions when it completes. It counts as effects what it will change, seen
//! at the time of the call; of what already is so, nothing.
//!
//! Guesses: `fraudulent` is shown as `rejected`; a reference that several conversions share changes all of them; a job is one
//! task, whose `result_data` is JSON as text; a job that is replayed runs once more on what is there then.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::envelope::Refusal;
use super::state::{Account, Conversion, OWN_USER, Rules, units};
use super::{PARTNERIZE_CAMPAIGN, time};
use crate::call::{Answer, Call};
use crate::fields::{Fields, Flaw, FlawKind};

/// The most entries of one call.
const MOST: usize = 100_000;

const STATUSES: &[&str] = &["approved", "rejected", "pending", "fraudulent"];
const REASON: RangeInclusive<usize> = 1..=255;
const REFERENCE: RangeInclusive<usize> = 1..=256;

/// The code of a body with several kinds of entries.
const MIXED: &str = "99B4BC14-8401-4A45-9AF5-CB79E4989C2E";

/// By what a job names conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Conversions,
    Items,
    References,
}

/// What one entry changes. Absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Change {
    status: Option<String>,
    reason: Option<String>,
    conversion_reference: Option<String>,
    customer_reference: Option<String>,
    publisher_reference: Option<String>,
    advertiser_reference: Option<String>,
    customer_type: Option<String>,
    item_value: Option<i64>,
    display_to_publisher: Option<bool>,
    category: Option<String>,
    sku: Option<String>,
}

/// A bulk change under way or done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    id: String,
    kind: Kind,
    entries: Vec<(String, Change)>,
    created_ms: i64,
    started_ms: i64,
    completed_ms: i64,
    is_done: bool,
    has_failed: bool,
    succeeded: Vec<String>,
    /// Ids or references, with what is wrong.
    errors: Vec<(String, String)>,
}

impl Job {
    fn status(&self, now_ms: i64) -> &'static str {
        match () {
            () if self.is_done && self.has_failed => "failed",
            () if self.is_done => "complete",
            () if now_ms >= self.started_ms => "active",
            () => "created",
        }
    }

    fn json(&self, now_ms: i64) -> Value {
        let (status, id) = (self.status(now_ms), &self.id);
        let data = json!({
            "id": id,
            "reference": null,
            "type": "conversion_bulk_update",
            "status": status,
            "created_at": time::offset(self.created_ms),
            "started_at": (status != "created").then(|| time::offset(self.started_ms)),
            "completed_at": self.is_done.then(|| time::offset(self.completed_ms)),
            "created_by": OWN_USER.to_string(),
            "created_by_username": "user1",
            "created_by_uri": format!("/v3/brand/campaigns/{PARTNERIZE_CAMPAIGN}/conversions/bulk"),
            "percentage_complete": if self.is_done { 100 } else { 0 },
            "item_success_count": self.succeeded.len(),
            "item_error_count": self.errors.len(),
            "item_total_count": self.entries.len(),
        });
        let links = json!({ "self": format!("/v3/jobs/{id}"), "tasks": format!("/v3/jobs/{id}/tasks") });
        json!({ "data": data, "hypermedia": { "links": links } })
    }

    fn task(&self) -> String {
        format!("{}1", self.id)
    }

    /// Its only task; `result_data` stands there when it is done.
    fn task_json(&self, now_ms: i64) -> Value {
        let error = |(id, message): &(String, String)| json!({ "id": id, "message": message });
        let errors: Vec<Value> = self.errors.iter().map(error).collect();
        let result = json!({ "success": self.succeeded, "errors": errors }).to_string();
        let status = self.status(now_ms);
        json!({ "data": {
            "id": self.task(),
            "job_id": self.id,
            "status": status,
            "created_at": time::offset(self.created_ms),
            "started_at": (status != "created").then(|| time::offset(self.started_ms)),
            "completed_at": self.is_done.then(|| time::offset(self.completed_ms)),
            "item_success_count": self.succeeded.len(),
            "item_error_count": self.errors.len(),
            "item_total_count": self.entries.len(),
            "result_data": self.is_done.then_some(result),
        } })
    }

    fn start(&mut self, rules: &Rules, now_ms: i64) {
        let busy_ms = rules.busy_ms();
        (self.created_ms, self.is_done, self.has_failed) = (now_ms, false, rules.jobs_fail);
        self.started_ms = now_ms.saturating_add(busy_ms / 2);
        self.completed_ms = now_ms.saturating_add(busy_ms);
        self.succeeded.clear();
        self.errors.clear();
    }
}

/// The only name of the entries, for the counts of effects: that of the entry if there is one.
pub(super) fn external_key(call: &Call) -> Option<String> {
    let crate::call::Body::Json(body) = &call.body else { return None };
    let names = ["conversions", "conversion_items", "conversion_references"];
    let entries = names.iter().find_map(|name| body.get(name)?.as_object())?;
    let mut keys = entries.keys();
    let first = keys.next()?;
    keys.next().is_none().then(|| first.clone())
}

/// # Errors
/// The body has another form than the page allows.
pub(super) fn bulk(account: &mut Account, rules: &Rules, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let (kind, entries) = read(call)?;
    let changes = |(key, change): &(String, Change)| match attempt(account, kind, key, change, now_ms) {
        Ok(changed) => changed.iter().any(|(place, after)| {
            !rules.dedupe || account.conversions.get(*place).is_some_and(|before| !is_same(before, after))
        }),
        Err(_) => false,
    };
    let effects = if rules.jobs_fail { 0 } else { entries.iter().filter(|entry| changes(entry)).count() };
    let mut job = Job {
        id: account.mint(),
        kind,
        entries,
        created_ms: now_ms,
        started_ms: now_ms,
        completed_ms: now_ms,
        is_done: false,
        has_failed: false,
        succeeded: Vec::new(),
        errors: Vec::new(),
    };
    job.start(rules, now_ms);
    let answer = Answer::json(StatusCode::ACCEPTED, &job.json(now_ms));
    account.jobs.push(job);
    Ok(answer.with_effects(u64::try_from(effects).unwrap_or_default()))
}

/// Whether two states of a conversion differ only in when they were written.
fn is_same(before: &Conversion, after: &Conversion) -> bool {
    let timeless = |one: &Conversion| {
        let mut one = Conversion { modified_ms: 0, ..one.clone() };
        for item in &mut one.items {
            (item.modified_ms, item.approved_ms) = (0, None);
        }
        one
    };
    timeless(before) == timeless(after)
}

fn read(call: &Call) -> Result<(Kind, Vec<(String, Change)>), Refusal> {
    let mut fields = Fields::of(call)?;
    let kinds = [
        ("conversions", Kind::Conversions),
        ("conversion_items", Kind::Items),
        ("conversion_references", Kind::References),
    ];
    let mut found = Vec::new();
    for (name, kind) in kinds {
        if let Some(value) = fields.take(name) {
            let entries = value.as_object().ok_or_else(|| fields.flaw(name, FlawKind::Type("an object")))?;
            found.push((name, kind, entries));
        }
    }
    let [(name, kind, entries)] = found.as_slice() else {
        return Err(match found.len() {
            0 => fields.flaw("conversions", FlawKind::Missing).into(),
            _ => Refusal::coded(MIXED, "only one kind of identifiers is allowed in one request"),
        });
    };
    match entries.len() {
        0 => return Err(fields.flaw(name, FlawKind::TooFew(1)).into()),
        count if count > MOST => return Err(fields.flaw(name, FlawKind::TooMany(MOST)).into()),
        _ => {}
    }
    let entry = |(key, value): (&String, &Value)| Ok((key.clone(), change(name, *kind, key, value)?));
    let entries = entries.iter().map(entry).collect::<Result<_, Flaw>>()?;
    fields.finish()?;
    Ok((*kind, entries))
}

fn change(name: &str, kind: Kind, key: &str, value: &Value) -> Result<Change, Flaw> {
    let place = format!("{name}.{key}");
    let object: &Map<String, Value> =
        value.as_object().ok_or_else(|| Flaw::new(&place, FlawKind::Type("an object")))?;
    let mut fields = Fields::within(object, format!("{place}."));
    let mut change = Change {
        status: fields.choice("status", STATUSES)?.map(str::to_owned),
        reason: patterned(&mut fields, "reason", REASON)?,
        ..Change::default()
    };
    fields.flag("force_commission_recalculation")?;
    if kind == Kind::Items {
        change.item_value = item_value(&mut fields)?;
        change.display_to_publisher = fields.flag("display_to_publisher")?;
        change.category = fields.text("category", 1..=128)?;
        change.sku = fields.text("sku", 1..=512)?;
    } else {
        change.conversion_reference = patterned(&mut fields, "conversion_reference", REFERENCE)?;
        change.customer_reference = patterned(&mut fields, "customer_reference", REFERENCE)?;
        change.publisher_reference = patterned(&mut fields, "publisher_reference", REFERENCE)?;
        change.advertiser_reference = patterned(&mut fields, "advertiser_reference", REFERENCE)?;
        change.customer_type = fields.choice("customer_type", &["new", "existing"])?.map(str::to_owned);
        for name in ["ref_partnership_model_id", "traffic_source_id", "conversion_metric_id"] {
            fields.integer(name, 0..=i64::MAX)?;
        }
    }
    fields.finish()?;
    Ok(change)
}

/// A text of `^[a-zA-Z0-9 :\-_.,;#]+$`.
fn patterned(
    fields: &mut Fields<'_>,
    name: &'static str,
    length: RangeInclusive<usize>,
) -> Result<Option<String>, Flaw> {
    let text = fields.text(name, length)?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || " :-_.,;#".contains(letter);
    match text {
        Some(text) if !text.chars().all(fits) => {
            Err(fields.flaw(name, FlawKind::Form("letters, digits, blanks and :-_.,;# only")))
        }
        text => Ok(text),
    }
}

/// 0 to 99999999.9999.
fn item_value(fields: &mut Fields<'_>) -> Result<Option<i64>, Flaw> {
    let Some(value) = fields.take("item_value") else { return Ok(None) };
    let Value::Number(given) = value else { return Err(fields.flaw("item_value", FlawKind::Type("a number"))) };
    if given.as_f64().is_some_and(|given| given < 0.0) {
        return Err(fields.flaw("item_value", FlawKind::TooLow(0..=99_999_999)));
    }
    let read = units(&given.to_string()).filter(|units| *units <= 999_999_999_999);
    read.map(Some).ok_or_else(|| fields.flaw("item_value", FlawKind::TooHigh(0..=99_999_999)))
}

/// The conversions that an entry would change, as they would be.
fn attempt(
    account: &Account,
    kind: Kind,
    key: &str,
    change: &Change,
    now_ms: i64,
) -> Result<Vec<(usize, Conversion)>, String> {
    let is_meant = |one: &Conversion| match kind {
        Kind::Conversions => one.id == key,
        Kind::Items => one.items.iter().any(|item| item.id == key),
        Kind::References => one.reference == key,
    };
    let visible = account.conversions.iter().enumerate().filter(|(_, one)| one.visible_ms <= now_ms && is_meant(one));
    let changed = |one: &Conversion| changed(one.clone(), (kind == Kind::Items).then_some(key), change, now_ms);
    let all: Vec<_> = visible.map(|(place, one)| (place, changed(one))).collect();
    if all.is_empty() { Err(format!("conversion not found for '{key}'")) } else { Ok(all) }
}

fn changed(mut one: Conversion, item_id: Option<&str>, change: &Change, now_ms: i64) -> Conversion {
    let set = |place: &mut Option<String>, value: &Option<String>| *place = value.clone().or_else(|| place.take());
    one.reference = change.conversion_reference.clone().unwrap_or(one.reference);
    set(&mut one.customer_reference, &change.customer_reference);
    set(&mut one.publisher_reference, &change.publisher_reference);
    set(&mut one.advertiser_reference, &change.advertiser_reference);
    set(&mut one.customer_type, &change.customer_type);
    one.modified_ms = now_ms;
    for item in one.items.iter_mut().filter(|item| item_id.is_none_or(|id| item.id == id)) {
        let status = change.status.as_deref().map(|status| if status == "fraudulent" { "rejected" } else { status });
        if let Some(status) = status.filter(|status| *status != item.status) {
            item.approved_ms = (status == "approved").then_some(now_ms);
            item.status = status.to_owned();
        }
        set(&mut item.reason, &change.reason);
        set(&mut item.sku, &change.sku);
        item.value = change.item_value.unwrap_or(item.value);
        item.category = change.category.clone().unwrap_or_else(|| item.category.clone());
        item.is_displayed = change.display_to_publisher.unwrap_or(item.is_displayed);
        item.modified_ms = now_ms;
    }
    one
}

/// Changes the status of a conversion as people do in the vendor's console; by id or reference.
///
/// # Errors
/// There is none.
pub(super) fn decide(account: &mut Account, key: &str, status: &str, now_ms: i64) -> Result<Value, String> {
    let change = Change { status: Some(status.to_owned()), ..Change::default() };
    let mut all = attempt(account, Kind::Conversions, key, &change, i64::MAX);
    if all.is_err() {
        all = attempt(account, Kind::References, key, &change, i64::MAX);
    }
    for (place, mut one) in all? {
        one.modified_ms = now_ms;
        for item in &mut one.items {
            (item.modified_ms, item.approved_ms) = (now_ms, item.approved_ms.map(|_| now_ms));
        }
        account.replace(place, one);
    }
    Ok(json!({ "status": status }))
}

/// Completes the jobs whose time has come.
pub(super) fn settle(account: &mut Account, now_ms: i64) {
    let due = |job: &Job| !job.is_done && job.completed_ms <= now_ms;
    while let Some(place) = account.jobs.iter().position(due) {
        let Some(job) = account.jobs.get_mut(place) else { return };
        job.is_done = true;
        let (kind, entries, at_ms) = (job.kind, job.entries.clone(), job.completed_ms);
        let (mut succeeded, mut errors) = (Vec::new(), Vec::new());
        for (key, change) in entries {
            let attempted = if job_failed(account, place) {
                Err("the job has failed".to_owned())
            } else {
                attempt(account, kind, &key, &change, at_ms)
            };
            match attempted {
                Err(message) => errors.push((key, message)),
                Ok(changed) => {
                    for (place, one) in changed {
                        account.replace(place, one);
                    }
                    succeeded.push(key);
                }
            }
        }
        if let Some(job) = account.jobs.get_mut(place) {
            (job.succeeded, job.errors) = (succeeded, errors);
        }
    }
}

fn job_failed(account: &Account, place: usize) -> bool {
    account.jobs.get(place).is_some_and(|job| job.has_failed)
}

/// `GET /v3/jobs`.
///
/// # Errors
/// A parameter is no number.
pub(super) fn list(account: &Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let is_wanted = |_: &&Job| call.parameter("type").is_none_or(|kind| kind == "conversion_bulk_update");
    // No job here has a reference.
    let jobs = account.jobs.iter().filter(is_wanted).filter(|_| call.parameter("reference").is_none());
    let jobs: Vec<&Job> = jobs.collect();
    let shown = |job: &&Job| job.json(now_ms).get("data").cloned().unwrap_or_default();
    super::publishers::page(call, 20, "/v3/jobs", &jobs, shown)
        .map(|page| Answer::json(StatusCode::OK, &json!({ "data": page.items, "hypermedia": page.hypermedia })))
}

/// `GET /v3/jobs/{id}`.
///
/// # Errors
/// There is no such job.
pub(super) fn one(account: &Account, id: &str, now_ms: i64) -> Result<Answer, Refusal> {
    Ok(Answer::json(StatusCode::OK, &found(account, id)?.json(now_ms)))
}

/// `GET /v3/jobs/{id}/tasks`, and `/{task}` with its result.
///
/// # Errors
/// There is no such job or task.
pub(super) fn tasks(account: &Account, id: &str, task: Option<&str>, now_ms: i64) -> Result<Answer, Refusal> {
    let job = found(account, id)?;
    let Some(task) = task else {
        let (task, path) = (job.task(), format!("/v3/jobs/{id}/tasks"));
        let links = json!({ "links": { "self": format!("{path}/{task}") } });
        let pagination = json!({
            "total_page_count": 1,
            "total_item_count": 1,
            "first_page": path,
            "last_page": path,
            "next_page": null,
            "previous_page": null,
        });
        let item = json!({ "id": task, "status": job.status(now_ms), "hypermedia": links });
        return Ok(Answer::json(
            StatusCode::OK,
            &json!({ "data": [item], "hypermedia": { "pagination": pagination } }),
        ));
    };
    if task != job.task() {
        return Err(Refusal::not_found("task", task));
    }
    Ok(Answer::json(StatusCode::OK, &job.task_json(now_ms)))
}

/// `POST /v3/jobs/{id}/replay`.
///
/// # Errors
/// There is no such job.
pub(super) fn replay(account: &mut Account, rules: &Rules, id: &str, now_ms: i64) -> Result<Answer, Refusal> {
    let job = account.jobs.iter_mut().find(|job| job.id == id).ok_or_else(|| Refusal::not_found("job", id))?;
    job.start(rules, now_ms);
    Ok(Answer::json(StatusCode::OK, &job.json(now_ms)).with_effects(1))
}

fn found<'a>(account: &'a Account, id: &str) -> Result<&'a Job, Refusal> {
    account.jobs.iter().find(|job| job.id == id).ok_or_else(|| Refusal::not_found("job", id))
}
