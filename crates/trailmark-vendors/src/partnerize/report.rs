//! The conversion report: the vendor's own list of conversions, read page by page to find one by its id or our reference.
//! From it come look-ups of deliveries, the items that a refund changes (`refunds`), and commissions (`standings`). The report has no filter
//! by reference in the vendor's current documents (one in those of 2020), so this file filters. Pages are followed by
//! `next_page`, never built.
//!
//! A complete report without the conversion is not enough for "no such thing": `conversions/filter`, the one current call
//! that asks for a reference, must show none either. If the two disagree, nothing is known yet. No document states how late
//! the report may be; the proxy's settling time is all that guards against that.
//!
//! Amounts are decimals in JSON numbers, in `currency`; they count if they are whole minor units.
//!
//! Source: vendors-2.md § 1.2; the vendor's API description of 2026, `brand-conversions` and `conversions/filter`.

use std::sync::Arc;

use serde_json::{Value, json};
use trailmark_wire::conversion::Kind;
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::time::UnixMillis;

use super::answers::{self, text, word};
use super::{Account, conversion};
use crate::commission::{Commission, Standing};
use crate::exchange::{Answer, Call, Method, Step};
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::encoded;
use crate::task::Task;

pub(super) const LABEL: &str = "GET conversion report";
pub(super) const FILTER_LABEL: &str = "POST conversions/filter";

/// Entries of a page (the vendor's `limit`); a longer list names its next page.
const PAGE: usize = 300;
/// Pages of one walk. A look-up that needs more gives up, and says so.
pub(super) const PAGES: u32 = 100;
/// How far the window around a conversion reaches on each side. The vendor may date a conversion by our `conversion_time` or by
/// its own clock.
const SLACK_MS: i64 = 24 * 60 * 60 * 1000;

/// One conversion of the report.
#[derive(Clone)]
pub(super) struct Entry(Value);

/// One item of it that is not rejected.
pub(super) struct Item {
    pub(super) id: String,
    pub(super) sku: Option<String>,
    pub(super) value_minor: i64,
}

/// A page of the report.
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    /// The path of the next page.
    pub(super) next: Option<String>,
    /// Whether a further page exists that the vendor does not name.
    pub(super) is_cut: bool,
}

/// What a walk through the report ended with.
pub(super) enum Shown {
    /// The first entry that is the sought one.
    Entry(Entry),
    /// The whole report, without it.
    Nothing,
    /// An answer that is no page.
    Failed(Outcome),
}

/// What is sought.
#[derive(Clone)]
pub(super) struct Sought {
    /// The vendor's id of the conversion, if it is known.
    pub(super) id: Option<String>,
    pub(super) reference: String,
    pub(super) at: UnixMillis,
}

type Settle<T> = Arc<dyn Fn(&Answer, Shown) -> Step<T> + Send + Sync>;

/// What a look-up or question about a task goes through the report for: its own conversion, or the sale of a refund.
pub(super) fn sought(task: &Task, known: Option<&str>) -> Option<Sought> {
    let of_sale = task.sale.as_ref().and_then(|sale| sale.reference.as_deref());
    let (id, at) = match task.kind {
        Kind::Refund => (of_sale, task.sale.as_ref().map_or(task.occurred_at, |sale| sale.occurred_at)),
        Kind::Signup | Kind::Lead | Kind::Sale => (known, task.occurred_at),
    };
    let id = id.filter(|id| conversion::is_id(id)).map(str::to_owned);
    Some(Sought { id, reference: conversion::reference(task)?, at })
}

/// Reads the report until it shows the sought conversion, or ends. The window around its time comes first, since a busy campaign
/// has many pages after it. If the window does not show the conversion, the whole report may, since the vendor may date the
/// conversion by its own clock. Soon after the conversion (`is_soon`) the window is enough.
pub(super) fn walk<T: 'static>(account: &Account, task: &Task, sought: Sought, settle: Settle<T>) -> Call<Step<T>> {
    let around = path(account, sought.at, Some(sought.at.plus(SLACK_MS)));
    step(account.clone(), task.clone(), sought, settle, (around, false), PAGES)
}

/// The first page of the report with what happened from `first` on, until `last` if that is given. A conversion may be told
/// long after it happened, so only a report without an end shows that the vendor does not have it.
pub(super) fn path(account: &Account, first: UnixMillis, last: Option<UnixMillis>) -> String {
    let campaign = encoded(&account.campaign);
    let end = last.map(|last| format!("&end_date={}", encoded(&whole_second(last).to_rfc3339()))).unwrap_or_default();
    format!(
        "/reporting/report_advertiser/campaign/{campaign}/conversion.json?start_date={}{end}&include_payment_info=true",
        encoded(&since(first).to_rfc3339()),
    )
}

fn since(first: UnixMillis) -> UnixMillis {
    whole_second(UnixMillis(first.0.saturating_sub(SLACK_MS).max(0)))
}

fn whole_second(at: UnixMillis) -> UnixMillis {
    UnixMillis(at.0.div_euclid(1000) * 1000)
}

fn step<T: 'static>(
    account: Account,
    task: Task,
    sought: Sought,
    settle: Settle<T>,
    (path, is_whole): (String, bool),
    pages: u32,
) -> Call<Step<T>> {
    Call::new(account.get(&path, LABEL), move |answer| {
        let page = match page(&account, answer, &account.redaction_of(&task)) {
            Ok(page) => page,
            Err(failure) => return settle(answer, Shown::Failed(failure)),
        };
        if let Some(entry) = page.entries.iter().find(|entry| sought.is(entry)) {
            return settle(answer, Shown::Entry(entry.clone()));
        }
        let gave_up = |what: &str| {
            settle(answer, Shown::Failed(Outcome::Unknown { message: answers::said(answer.status, what) }))
        };
        let next = match page.next {
            Some(next) if next == path => return gave_up("the report's next page is the page itself"),
            Some(next) => (next, is_whole),
            None if page.is_cut => return gave_up("the report is longer than this page and names no next one"),
            None if is_whole || is_soon(&sought, answer) => return settle(answer, Shown::Nothing),
            None => (self::path(&account, sought.at, None), true),
        };
        if pages <= 1 {
            return gave_up("the report has too many pages to find one conversion");
        }
        Step::Next(step(account.clone(), task.clone(), sought.clone(), Arc::clone(&settle), next, pages - 1))
    })
}

/// Whether the window reaches more than 12 h past the answer: half of the 24 h after the conversion are left. What the vendor
/// dated by its own clock is in the window then, unless that clock is more than 12 h ahead.
fn is_soon(sought: &Sought, answer: &Answer) -> bool {
    answer.at.since(sought.at) < SLACK_MS / 2
}

/// A page of the report.
///
/// # Errors
/// The outcome of an answer that is none.
pub(super) fn page(account: &Account, answer: &Answer, redaction: &Redaction<'_>) -> Result<Page, Outcome> {
    let body = answers::content(answer, redaction)?;
    let list = body.get("conversions").and_then(Value::as_array);
    let list = list.ok_or_else(|| answers::unclear(answer, "`conversions`"))?;
    let entries: Option<Vec<_>> =
        list.iter().map(|entry| entry.get("conversion_data").filter(|data| data.is_object()).cloned()).collect();
    let entries = entries.ok_or_else(|| answers::unclear(answer, "`conversion_data` in each of `conversions`"))?;
    let next = next_page(account, &body).map_err(|what| answers::unclear(answer, what))?;
    let is_cut = next.is_none() && entries.len() >= PAGE && body.get("hypermedia").is_none();
    Ok(Page { entries: entries.into_iter().map(Entry).collect(), next, is_cut })
}

/// The path of `hypermedia.pagination.next_page`, which the vendor gives with or without its root. If it repeats the query of
/// the request, the keys in it are left out: each request adds them itself, and the path is shown to operators.
///
/// # Errors
/// What was expected, if the next page is elsewhere.
pub(super) fn next_page(account: &Account, body: &Value) -> Result<Option<String>, &'static str> {
    let Some(next) = body.pointer("/hypermedia/pagination").and_then(|pagination| text(pagination, "next_page")) else {
        return Ok(None);
    };
    let path = next.strip_prefix(account.api.url("").expose()).unwrap_or(next);
    let fits = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '#']);
    if !fits || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a next page on the vendor's own host");
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_key = |pair: &&str| KEYS.iter().any(|name| pair.split('=').next() == Some(name));
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !is_key(pair)).collect();
    Ok(Some(if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }))
}

/// The parameters of the guide's `auth = "query"`.
const KEYS: [&str; 2] = ["application_key", "user_api_key"];

impl Sought {
    pub(super) fn is(&self, entry: &Entry) -> bool {
        match &self.id {
            Some(id) => entry.word("conversion_id").as_ref() == Some(id),
            None => entry.word("conversion_reference").as_ref() == Some(&self.reference),
        }
    }
}

impl Entry {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        text(&self.0, name)
    }

    pub(super) fn word(&self, name: &str) -> Option<String> {
        word(&self.0, name)
    }

    pub(super) fn currency(&self) -> Option<Currency> {
        Currency::new(self.text("currency")?).ok()
    }

    /// The click reference, exactly as the vendor shows it.
    pub(super) fn clickref(&self) -> Option<&str> {
        self.text("clickref").or_else(|| text(self.0.get("click")?, "clickref"))
    }

    /// An amount of the whole conversion: `value` or `publisher_commission`.
    pub(super) fn amount(&self, name: &str) -> Option<Money> {
        let currency = self.currency()?;
        let amount_minor = minor(self.0.get("conversion_value")?.get(name)?, currency)?;
        Some(Money { amount_minor, currency })
    }

    pub(super) fn decimal(&self, name: &str) -> Option<String> {
        word(self.0.get("conversion_value")?, name)
    }

    fn items(&self) -> impl Iterator<Item = &Value> {
        self.0.get("conversion_items").and_then(Value::as_array).into_iter().flatten()
    }

    /// The items that are not rejected, as the vendor shows them.
    fn unrejected(&self) -> impl Iterator<Item = &Value> {
        self.items().filter(|item| !text(item, "item_status").is_some_and(is_refusal))
    }

    /// What the report says about the payment, of the conversion or of its items: no document shows where it stands.
    pub(super) fn payment(&self, name: &str) -> Option<&str> {
        self.text(name).or_else(|| self.items().find_map(|item| text(item, name)))
    }

    /// Whether the partner was paid for the conversion, or for all items that are not rejected.
    fn is_paid(&self) -> bool {
        let is_paid = |of: &Value| {
            text(of, "payment_status").is_some_and(|status| status.eq_ignore_ascii_case("paid"))
                || text(of, "invoice_paid_date").is_some()
        };
        is_paid(&self.0) || (self.unrejected().next().is_some() && self.unrejected().all(is_paid))
    }

    /// The statuses of its items, or else its own.
    pub(super) fn statuses(&self) -> Vec<&str> {
        let of_items: Vec<_> = self.items().filter_map(|item| text(item, "item_status")).collect();
        let own = self.0.get("conversion_value").and_then(|value| text(value, "conversion_status"));
        if of_items.is_empty() { own.into_iter().collect() } else { of_items }
    }

    /// Its statuses in one text, each once: `pending`, or `approved, rejected` for an order of which a part is rejected.
    pub(super) fn status(&self) -> String {
        let mut statuses = self.statuses();
        statuses.sort_unstable();
        statuses.dedup();
        statuses.join(", ")
    }

    /// Whether all of it is rejected.
    pub(super) fn is_rejected(&self) -> bool {
        let statuses = self.statuses();
        !statuses.is_empty() && statuses.iter().all(|status| is_refusal(status))
    }

    /// Whether the vendor shows its statuses, and nothing of it is rejected.
    pub(super) fn is_untouched(&self) -> bool {
        let statuses = self.statuses();
        !statuses.is_empty() && !statuses.iter().any(|status| is_refusal(status))
    }

    /// The items that are not rejected.
    ///
    /// # Errors
    /// What is wrong with them, as half a sentence.
    pub(super) fn standing_items(&self) -> Result<Vec<Item>, &'static str> {
        let currency = self.currency().ok_or("no currency")?;
        let items = self.unrejected().map(|item| {
            let id =
                word(item, "conversion_item_id").filter(|id| conversion::is_id(id)).ok_or("an item without an id")?;
            let value = item.get("item_value").ok_or("an item without a value")?;
            let value_minor = minor(value, currency).ok_or("an item whose value is finer than the currency")?;
            Ok(Item { id, sku: word(item, "sku"), value_minor })
        });
        let items = items.collect::<Result<Vec<_>, _>>()?;
        if items.is_empty() { Err("no items") } else { Ok(items) }
    }
}

fn is_refusal(status: &str) -> bool {
    matches!(status, "rejected" | "fraudulent")
}

/// A decimal of the report in minor units, if it is a whole number of them. The vendor computes with binary fractions, so
/// 29.000000000000004 is 29.00.
fn minor(value: &Value, currency: Currency) -> Option<i64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    let scaled = number * 10_f64.powi(i32::try_from(currency.exponent()).ok()?);
    let whole = scaled.round();
    // Up to 2^53 every whole number of minor units has a binary form of its own.
    let is_exact = (scaled - whole).abs() < 1e-3 && whole.abs() <= 9_007_199_254_740_992.0;
    is_exact.then_some(whole as i64)
}

/// Whether the vendor's amount is ours: the report may show two decimals of a currency that has more.
fn is_same(shown: i64, ours: i64, currency: Currency) -> bool {
    let finest = 10_i64.pow(currency.exponent().saturating_sub(2));
    shown.abs_diff(ours) < finest.unsigned_abs()
}

/// The look-up of a signup, lead or sale.
pub(super) fn look_up(account: &Account, task: &Task) -> Option<Call<Step<LookUp>>> {
    let sought = sought(task, task.reference.as_deref())?;
    let (owner, asked, reference) = (account.clone(), task.clone(), sought.reference.clone());
    let settle = move |answer: &Answer, shown: Shown| match shown {
        Shown::Entry(entry) => Step::Done(compared(&entry, &asked)),
        Shown::Failed(failure) => Step::Done(answers::not_looked_up(answer, failure)),
        Shown::Nothing => Step::Next(second_opinion(&owner, &asked, &reference, answer.at)),
    };
    Some(walk(account, task, sought, Arc::new(settle)))
}

/// Whether the vendor's conversion is ours.
fn compared(entry: &Entry, task: &Task) -> LookUp {
    let ours = task.click_id.as_ref().map(|click_id| click_id.as_str());
    let other_click = match (entry.clickref(), ours) {
        (Some(shown), Some(ours)) => shown != ours,
        // Before our first send, only the click proves that the credited partner is ours.
        _ => task.is_unsent,
    };
    let order = task.order.as_ref().filter(|_| task.kind == Kind::Sale);
    let other_value = order.zip(entry.amount("value")).is_some_and(|(order, shown)| {
        shown.currency == order.currency && !is_same(shown.amount_minor, order.amount_minor, order.currency)
    });
    let other_customer = conversion::customer_reference(task)
        .zip(entry.word("customer_reference"))
        .is_some_and(|(ours, shown)| ours != shown);
    let fields = [("the click", other_click), ("the value", other_value), ("the customer", other_customer)];
    let differing: Vec<_> = fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect();
    match differing.is_empty() {
        true => LookUp::Found { reference: entry.word("conversion_id") },
        false => LookUp::Differs {
            message: format!("the vendor's conversion under our reference differs in {}", differing.join(", ")),
        },
    }
}

/// Asks `conversions/filter` whether the reference is known to it by `now`.
fn second_opinion(account: &Account, task: &Task, reference: &str, now: UnixMillis) -> Call<Step<LookUp>> {
    let (since, until) = (since(task.occurred_at), whole_second(now.plus(SLACK_MS)));
    let offset = |at: UnixMillis| at.to_rfc3339().replace('Z', "+00:00");
    let body = json!({
        "date_time_ranges": [{"start": offset(since), "end": offset(until)}],
        "scope": {"campaigns": [account.campaign]},
        "group_by": ["conversion_reference"],
        "filter_by": [{"field": "conversion_reference", "value": reference, "operator": "EQUALS"}],
    });
    let request = account.send(Method::Post, "/v3/brand/analytics/conversions/filter", &body, FILTER_LABEL);
    let (account, task) = (account.clone(), task.clone());
    Call::new(request, move |answer| {
        Step::Done(match answers::content(answer, &account.redaction_of(&task)) {
            // The key may not use analytics, or the account has none: then the complete report stands alone. A 400 is about
            // our question, and answers nothing.
            Err(Outcome::Forbidden { .. } | Outcome::Rejected { .. }) if matches!(answer.status, 403..=405) => {
                LookUp::Absent
            }
            Err(failure) => answers::not_looked_up(answer, failure),
            Ok(body) => match body.get("data").and_then(Value::as_array).map(Vec::is_empty) {
                Some(true) => LookUp::Absent,
                Some(false) => inconclusive(answer, "`conversions/filter` shows the reference, the report not yet"),
                None => inconclusive(answer, "no `data` in the answer of `conversions/filter`"),
            },
        })
    })
}

pub(super) fn inconclusive(answer: &Answer, what: &str) -> LookUp {
    LookUp::Inconclusive { message: answers::said(answer.status, what), not_before: None }
}

/// What a whole report says about a conversion that it does not show.
pub(super) fn not_shown() -> Standing {
    unknown("the vendor's report does not show it so far")
}

/// What an answer that is no page says about a commission.
pub(super) fn not_read(answer: &Answer, failure: Outcome) -> Standing {
    if let Outcome::Forbidden { .. } = failure {
        return unknown("the key may not read the conversion report; allow it at the vendor");
    }
    match answers::not_looked_up(answer, failure) {
        LookUp::AuthFailed => Standing::AuthFailed,
        LookUp::Inconclusive { message, not_before } => Standing::NotNow { message, not_before },
        LookUp::Absent | LookUp::Differs { .. } | LookUp::Found { .. } => unknown("no clear answer"),
    }
}

fn unknown(reason: &str) -> Standing {
    Standing::Is { commission: Commission::Unknown, reason: Some(reason.to_owned()), amount: None }
}

/// The least advanced item decides, and a rejected one counts only if all are rejected.
pub(super) fn standing(entry: &Entry, redaction: &Redaction<'_>) -> Standing {
    let statuses = entry.statuses();
    let has = |word: &str| statuses.contains(&word);
    let strange = statuses.iter().find(|status| !matches!(**status, "pending" | "approved") && !is_refusal(status));
    let (commission, reason) = match strange {
        Some(word) => (Commission::Unknown, Some(format!("the vendor calls it `{}`", redaction.apply(word)))),
        None if statuses.is_empty() => (Commission::Unknown, Some("the vendor shows no status of it".to_owned())),
        None if has("pending") => (Commission::Pending, None),
        None if has("approved") && entry.is_paid() => (Commission::Paid, None),
        None if has("approved") => (Commission::Approved, None),
        None => (Commission::Rejected, None),
    };
    Standing::Is { commission, reason, amount: entry.amount("publisher_commission") }
}
