//! `GET /reporting/report_advertiser/campaign/{id}/conversion.json` (vendors-2.md § 1.2, the vendor's page of 2026): every
//! conversion with its items, oldest first, page by page. New conversions are missing until they are visible.
//!
//! `hypermedia.pagination.next_page` is a path on the vendor's host with everything that the next call needs. It continues by
//! `cursor_id` as on the page of conventions, or by `offset`; a client follows it and does not care. Cursors give a stable
//! view, offsets shift when the result changes meanwhile.
//!
//! Unknown parameters are ignored, as version 3 does, and noted as violations. Left out: XML, other time zones than UTC, words
//! for dates but `today`, `yesterday` and `last N days`.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::envelope::Refusal;
use super::state::{Account, Conversion, Item, Rules, number};
use super::{PARTNERIZE_CAMPAIGN, time};
use crate::call::{Answer, Call, encode};
use crate::violations::{Breach, Rule};

const DAY_MS: i64 = 86_400_000;

/// The most on one page.
const LIMIT: usize = 300;

const PARAMETERS: [&str; 14] = [
    "start_date",
    "end_date",
    "text_date",
    "timezone",
    "currency[]",
    "date_type",
    "multipivot[publisher][]",
    "multipivot[product][]",
    "multipivot[advertiser_reference][]",
    "statuses[]",
    "include_payment_info",
    "offset",
    "limit",
    "cursor_id",
];

/// Only on the pages of 2020.
const OLD_PARAMETERS: [&str; 5] =
    ["conversion_reference", "conversion_id", "publisher_id", "ref_conversion_metric_id", "pagination"];

/// Which time of a conversion the dates mean.
#[derive(Clone, Copy)]
enum DateType {
    Standard,
    LastModified,
    ApprovedAt,
}

/// # Errors
/// A date is missing or none, or a parameter is out of its range.
pub(super) fn report(account: &Account, rules: &Rules, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let (start_ms, end_ms) = dates(rules, call, now_ms)?;
    let date_type = match call.parameter("date_type") {
        None | Some("standard") => DateType::Standard,
        Some("last_modified") => DateType::LastModified,
        Some("approved_at") => DateType::ApprovedAt,
        Some(_) => return Err(Refusal::bad_request("date_type must be standard, last_modified or approved_at")),
    };
    if call.parameter("timezone").is_some_and(|zone| !matches!(zone, "UTC" | "GMT")) {
        return Err(Refusal::bad_request("timezone must be UTC here"));
    }
    let statuses = all(call, "statuses[]");
    if statuses.iter().any(|status| !matches!(*status, "approved" | "pending" | "rejected")) {
        return Err(Refusal::bad_request("statuses must be approved, pending or rejected"));
    }
    let chosen = |one: &&Conversion| {
        let is_dated = match date_type {
            DateType::Standard => (start_ms..=end_ms).contains(&one.time_ms),
            DateType::LastModified => (start_ms..=end_ms).contains(&one.modified_ms),
            DateType::ApprovedAt => {
                one.items.iter().filter_map(|item| item.approved_ms).any(|at_ms| (start_ms..=end_ms).contains(&at_ms))
            }
        };
        is_dated
            && is_among(&statuses, one.status())
            && is_among(&all(call, "currency[]"), &one.currency)
            && is_among(&all(call, "multipivot[publisher][]"), &one.publisher_id)
            && pivots(call, one)
            && (!rules.filters_of_2020 || matches_old(call, one))
    };
    let all: Vec<&Conversion> = account.visible(now_ms).filter(chosen).collect();
    let page = Page::of(&all, rules, call)?;
    let has_payment = call.parameter("include_payment_info") == Some("true");
    let show = |one: &&Conversion| {
        let mut data = entry(account, one);
        if has_payment {
            add_payment(&mut data, one);
        }
        json!({ "conversion_data": data })
    };
    let shown = page.items.iter().map(show).collect::<Vec<_>>();
    let totals = |value: fn(&Conversion) -> i64| totals(&all, value);
    let mut body = json!({
        "total_conversion_count": counts(&all),
        "total_value": totals(Conversion::value),
        "total_commission_value": totals(Conversion::commission),
        "total_publisher_commission": totals(Conversion::commission),
        "start_date_time": time::spaced(start_ms),
        "end_date_time": time::spaced(end_ms),
        "start_date_time_utc": time::spaced(start_ms),
        "end_date_time_utc": time::spaced(end_ms),
        "limit": page.limit,
        "meta_data": [],
        "execution_time": "0.01 seconds",
        "conversions": shown,
    });
    if let Some(members) = body.as_object_mut() {
        members.extend(page.members(call, all.len()));
    }
    let unknown = call.query.iter().map(|(name, _)| name.as_str());
    let known = |name: &str| PARAMETERS.contains(&name) || (rules.filters_of_2020 && OLD_PARAMETERS.contains(&name));
    let breach = unknown.into_iter().find(|name| !known(name)).map(|name| Breach::new(Rule::UnknownParameter, name));
    Ok(Answer::json(StatusCode::OK, &body).with_breach(breach))
}

/// First and last moment.
fn dates(rules: &Rules, call: &Call, now_ms: i64) -> Result<(i64, i64), Refusal> {
    let midnight_ms = now_ms - now_ms.rem_euclid(DAY_MS);
    if let Some(words) = call.parameter("text_date") {
        let days = words.strip_prefix("last ").and_then(|rest| rest.strip_suffix(" days")?.parse::<i64>().ok());
        return match (words, days) {
            ("today", _) => Ok((midnight_ms, now_ms)),
            ("yesterday", _) => Ok((midnight_ms - DAY_MS, midnight_ms - 1)),
            (_, Some(days @ 1..=3_650)) => Ok((midnight_ms - days * DAY_MS, now_ms)),
            _ => Err(Refusal::bad_request("text_date must be today, yesterday or last N days here")),
        };
    }
    let read = |name: &str| {
        let Some(text) = call.parameter(name) else { return Ok(None) };
        time::read(text).map(Some).ok_or_else(|| Refusal::bad_request(format!("{name} is no date")))
    };
    let start_ms = match read("start_date")? {
        None if rules.dates_optional => i64::MIN,
        None => return Err(Refusal::bad_request("start_date is required")),
        Some(start_ms) => start_ms,
    };
    Ok((start_ms, read("end_date")?.unwrap_or(i64::MAX)))
}

fn all<'a>(call: &'a Call, name: &str) -> Vec<&'a str> {
    call.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

/// Whether a filter that names nothing, or among others this value, lets it pass.
fn is_among(wanted: &[&str], value: &str) -> bool {
    wanted.is_empty() || wanted.contains(&value)
}

fn pivots(call: &Call, one: &Conversion) -> bool {
    let products = all(call, "multipivot[product][]");
    let references = all(call, "multipivot[advertiser_reference][]");
    let has_product = one.items.iter().any(|item| is_among(&products, item.sku.as_deref().unwrap_or_default()));
    has_product && is_among(&references, one.advertiser_reference.as_deref().unwrap_or_default())
}

fn matches_old(call: &Call, one: &Conversion) -> bool {
    let is = |name: &str, value: &str| call.parameter(name).is_none_or(|wanted| wanted == value);
    is("conversion_reference", &one.reference) && is("conversion_id", &one.id) && is("publisher_id", &one.publisher_id)
}

/// One page, and how the next one is named.
struct Page<'a> {
    items: Vec<&'a Conversion>,
    limit: usize,
    offset: usize,
    is_cursor: bool,
    has_more: bool,
}

impl<'a> Page<'a> {
    fn of(all: &[&'a Conversion], rules: &Rules, call: &Call) -> Result<Self, Refusal> {
        let number = |name: &str| {
            let Some(text) = call.parameter(name) else { return Ok(None) };
            text.parse::<u64>().map(Some).map_err(|_| Refusal::bad_request(format!("{name} must be an integer")))
        };
        let size = |name: &str| number(name).map(|number| number.and_then(|number| usize::try_from(number).ok()));
        let limit = size("limit")?.unwrap_or(rules.report_page);
        if !(1..=LIMIT).contains(&limit) {
            return Err(Refusal::bad_request(format!("limit must be between 1 and {LIMIT}")));
        }
        let (cursor, offset) = (number("cursor_id")?, size("offset")?.unwrap_or_default());
        let rest = all.iter().copied().filter(|one| cursor.is_none_or(|cursor| one.number > cursor)).skip(offset);
        let rest: Vec<&Conversion> = rest.collect();
        let has_more = rest.len() > limit;
        let items = rest.into_iter().take(limit).collect();
        Ok(Self { items, limit, offset, is_cursor: rules.report_cursor, has_more })
    }

    /// `count`, `hypermedia` and the place of the page.
    fn members(&self, call: &Call, total: usize) -> Map<String, Value> {
        let last = self.items.last().map(|one| one.number);
        let next = |place: String| self.has_more.then(|| self.path(call, &place));
        let (count, pagination) = if self.is_cursor {
            let next_page = next(format!("&cursor_id={}", last.unwrap_or_default()));
            (self.items.len(), json!({ "first_page": self.path(call, ""), "next_page": next_page }))
        } else {
            let at = |offset: usize| self.path(call, &format!("&offset={offset}"));
            let pages = total.div_ceil(self.limit);
            let pagination = json!({
                "total_page_count": pages,
                "total_item_count": total,
                "first_page": at(0),
                "last_page": at(pages.saturating_sub(1) * self.limit),
                "next_page": next(format!("&offset={}", self.offset + self.limit)),
                "previous_page": (self.offset > 0).then(|| at(self.offset.saturating_sub(self.limit))),
            });
            (total, pagination)
        };
        let mut members = Map::new();
        members.insert("count".to_owned(), json!(count));
        members.insert("hypermedia".to_owned(), json!({ "pagination": pagination }));
        if self.is_cursor {
            members.insert("cursor_id".to_owned(), json!(last));
        } else {
            members.insert("offset".to_owned(), json!(self.offset));
        }
        members
    }

    /// The path of this report with the same filters.
    fn path(&self, call: &Call, place: &str) -> String {
        let filters = call.query.iter().filter(|(name, _)| !matches!(name.as_str(), "limit" | "offset" | "cursor_id"));
        let filters: String = filters.map(|(name, value)| format!("{}={}&", encode(name), encode(value))).collect();
        let report = format!("/reporting/report_advertiser/campaign/{PARTNERIZE_CAMPAIGN}/conversion.json");
        format!("{report}?{filters}limit={}{place}", self.limit)
    }
}

fn counts(all: &[&Conversion]) -> Value {
    let mut counts = BTreeMap::<&str, u64>::new();
    for one in all {
        *counts.entry(&one.currency).or_default() += 1;
    }
    json!(counts)
}

fn totals(all: &[&Conversion], value: fn(&Conversion) -> i64) -> Value {
    let mut totals = BTreeMap::<&str, i64>::new();
    for one in all {
        *totals.entry(&one.currency).or_default() += value(one);
    }
    totals.into_iter().map(|(currency, total)| (currency.to_owned(), number(total))).collect::<Map<_, _>>().into()
}

/// The members of `conversion_data`.
pub(super) fn entry(account: &Account, one: &Conversion) -> Value {
    let publisher = account.publisher(&one.publisher_id);
    json!({
        "conversion_id": one.id,
        "campaign_id": PARTNERIZE_CAMPAIGN,
        "publisher_id": one.publisher_id,
        "publisher_name": publisher.map(|publisher| &publisher.account_name),
        "conversion_time": time::spaced(one.time_ms),
        "currency": one.currency,
        "conversion_reference": one.reference,
        "advertiser_reference": one.advertiser_reference,
        "publisher_reference": one.publisher_reference,
        "customer_reference": one.customer_reference,
        "customer_type": one.customer_type,
        "country": one.country,
        "last_modified": time::spaced(one.modified_ms),
        "conversion_type": 1,
        "clickref": one.clickref,
        "click": {
            "campaign_id": PARTNERIZE_CAMPAIGN,
            "publisher_id": one.publisher_id,
            "status": "used",
            "set_time": time::spaced(one.clicked_ms),
            "clickref": one.clickref,
        },
        "conversion_value": {
            "conversion_status": one.status(),
            "value": number(one.value()),
            "commission": number(one.commission()),
            "publisher_commission": number(one.commission()),
        },
        "meta_data": meta(&one.meta),
        "conversion_items": one.items.iter().map(|item| item_json(item, one.voucher.as_deref())).collect::<Vec<_>>(),
        "was_disputed": false,
        "conversion_lag": (one.time_ms - one.clicked_ms).max(0) / 1_000,
        "currency_original": "",
        "currency_conversion_rate": "",
    })
}

fn item_json(item: &Item, voucher: Option<&str>) -> Value {
    let status_id = match item.status.as_str() {
        "approved" => 2,
        "rejected" => 3,
        _ => 1,
    };
    json!({
        "conversion_item_id": item.id,
        "sku": item.sku,
        "category": item.category,
        "item_value": number(item.value),
        "item_commission": number(item.commission()),
        "item_publisher_commission": number(item.commission()),
        "item_status": item.status,
        "item_status_id": status_id,
        "reject_reason": item.reason,
        "approved_at": item.approved_ms.map(time::spaced),
        "last_update": time::spaced(item.modified_ms),
        "display_to_publisher": u8::from(item.is_displayed),
        "invoice_id": null,
        "voucher_codes": voucher.map(|code| vec![json!({ "voucher_code": code })]).unwrap_or_default(),
        "meta_data": meta(&item.meta),
    })
}

/// The members that `include_payment_info` adds. No document shows where they stand; here each item has them.
fn add_payment(data: &mut Value, one: &Conversion) {
    let paid_at = one.paid_ms.map(time::spaced);
    let status = if paid_at.is_some() { "paid" } else { "unpaid" };
    let items = data.get_mut("conversion_items").and_then(Value::as_array_mut).into_iter().flatten();
    for members in items.filter_map(Value::as_object_mut) {
        members.insert("payment_status".to_owned(), json!(status));
        members.insert("invoice_create_date".to_owned(), json!(paid_at));
        members.insert("invoice_paid_date".to_owned(), json!(paid_at));
    }
}

/// An object, or an empty array if there is nothing in it.
fn meta(meta: &Map<String, Value>) -> Value {
    if meta.is_empty() { json!([]) } else { json!(meta) }
}
