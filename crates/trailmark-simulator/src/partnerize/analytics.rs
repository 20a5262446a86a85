//! `POST /v3/brand/analytics/conversions/filter` (vendors-2.md § 1.2, the vendor's page of 2026): the values of some
//! dimensions, one row for each combination that occurs. The only documented way to ask for one reference.
//!
//! Rows have the dimensions of `group_by`, and a metric only if `order_by` names it. A partner and a campaign become id and
//! name. New conversions are missing until they are visible. Metrics are not converted into `output_currency`.
//!
//! Left out, and refused: metrics that need clicks, other time zones than UTC, and fields of a date range but `date_time`. Of
//! a dimension of which this simulator knows nothing, such as a browser, every value is null.

use std::cmp::Ordering;

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::envelope::Refusal;
use super::state::{Account, Conversion, Item, number};
use super::{PARTNERIZE_CAMPAIGN, time};
use crate::call::{Answer, Call};
use crate::fields::{Fields, Flaw, FlawKind};

const DIMENSIONS: &[&str] = &[
    "advertiser_reference",
    "browser_family",
    "browser_major",
    "browser_minor",
    "browser_patch",
    "campaign",
    "category",
    "conversion_metric",
    "conversion_reference",
    "conversion_status",
    "conversion_type",
    "country",
    "creative",
    "currency",
    "customer_reference",
    "customer_type",
    "date_time",
    "device",
    "os_family",
    "os_major",
    "os_minor",
    "os_patch",
    "partner",
    "partnership_model",
    "sku",
    "traffic_source",
    "type",
    "user_context",
    "voucher_code",
    "voucher_status",
];

const FILTERS: &[&str] = &[
    "commission",
    "partner_commission",
    "order_value",
    "advertiser_reference",
    "campaign_id",
    "campaign_name",
    "category",
    "conversion_reference",
    "conversion_status",
    "country",
    "currency",
    "customer_reference",
    "customer_type",
    "partner_id",
    "partner_name",
    "sku",
    "voucher_code",
];

const METRICS: &[&str] = &[
    "total_conversion_items",
    "total_conversions",
    "total_commission",
    "total_partner_commission",
    "total_order_value",
];

const TEXT_OPERATORS: &[&str] = &["EQUALS", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "SEARCH"];
const NUMBER_OPERATORS: &[&str] =
    &["EQUALS", "GREATER_THAN", "GREATER_THAN_OR_EQUALS", "LESS_THAN", "LESS_THAN_OR_EQUALS"];

const ORDERS: &[&str] = &["ASCENDING", "DESCENDING"];

/// The campaign's name.
const CAMPAIGN_NAME: &str = "Acme";

/// One condition of `filter_by`.
struct Filter {
    field: &'static str,
    value: String,
    operator: &'static str,
    is_not: bool,
}

/// A row while it is put together.
struct Row<'a> {
    shown: Map<String, Value>,
    parts: Vec<(&'a Conversion, &'a Item)>,
}

/// # Errors
/// A field is missing, unknown, or has another value than the page allows.
pub(super) fn filter(account: &Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let ranges = ranges(&mut fields)?;
    scope(&mut fields)?;
    let dimensions = words(&mut fields, "group_by", DIMENSIONS)?;
    let filters = filters(&mut fields)?;
    let orders = orders(&mut fields)?;
    let top = fields.integer("top", 1..=10_000)?;
    let is_counted = fields.flag("include_total_row_count")?.unwrap_or(false);
    fields.text("output_currency", 3..=3)?;
    fields.choice("timezone", &["UTC", "GMT"])?;
    fields.finish()?;
    let parts = account.visible(now_ms).flat_map(|one| one.items.iter().map(move |item| (one, item)));
    let parts = parts.filter(|(one, _)| ranges.iter().any(|(start, end)| (*start..*end).contains(&one.time_ms)));
    let parts = parts.filter(|part| filters.iter().all(|filter| filter.lets_pass(account, *part)));
    let mut rows: Vec<Row<'_>> = Vec::new();
    for part in parts {
        let shown: Map<String, Value> = dimensions.iter().flat_map(|name| dimension(account, name, part)).collect();
        match rows.iter_mut().find(|row| row.shown == shown) {
            Some(row) => row.parts.push(part),
            None => rows.push(Row { shown, parts: vec![part] }),
        }
    }
    for (field, _) in orders.iter().filter(|(field, _)| METRICS.contains(field)) {
        for row in &mut rows {
            row.shown.insert((*field).to_owned(), metric(field, &row.parts));
        }
    }
    rows.sort_by(|one, other| compare(one, other, &orders));
    let total = rows.len();
    let most = top.and_then(|top| usize::try_from(top).ok()).unwrap_or(total);
    let data: Vec<Value> = rows.into_iter().take(most).map(|row| Value::Object(row.shown)).collect();
    let answer = Answer::json(StatusCode::OK, &json!({ "data": data }));
    let name = HeaderName::from_static("x-total-row-count");
    Ok(if is_counted { answer.with_header(name, HeaderValue::from(total)) } else { answer })
}

fn missing(fields: &Fields<'_>, name: &str) -> Flaw {
    fields.flaw(name, FlawKind::Missing)
}

/// From the start of a range, without its end.
fn ranges(fields: &mut Fields<'_>) -> Result<Vec<(i64, i64)>, Refusal> {
    let list = fields.objects("date_time_ranges")?.ok_or_else(|| missing(fields, "date_time_ranges"))?;
    if list.is_empty() {
        return Err(fields.flaw("date_time_ranges", FlawKind::TooFew(1)).into());
    }
    let mut ranges = Vec::new();
    for mut range in list {
        let mut moment = |name: &'static str| {
            let text = range.required_text(name, 1..=40)?;
            // A time without an offset is none in version 3.
            let at_ms = time::read(&text).filter(|_| text.contains('T') && text.len() > 19);
            at_ms.ok_or_else(|| range.flaw(name, FlawKind::Form("a date-time with its offset")))
        };
        let (start_ms, end_ms) = (moment("start")?, moment("end")?);
        range.choice("field", &["date_time"])?;
        range.finish()?;
        ranges.push((start_ms, end_ms));
    }
    Ok(ranges)
}

fn scope(fields: &mut Fields<'_>) -> Result<(), Refusal> {
    let mut scope = fields.object("scope")?.ok_or_else(|| missing(fields, "scope"))?;
    let campaigns = scope.texts("campaigns")?;
    if campaigns.is_empty() {
        return Err(scope.flaw("campaigns", FlawKind::Missing).into());
    }
    scope.finish()?;
    match campaigns.iter().find(|campaign| *campaign != PARTNERIZE_CAMPAIGN) {
        Some(campaign) => Err(Refusal::not_found("campaign", campaign)),
        None => Ok(()),
    }
}

/// Some of the known words, at least one.
fn words(
    fields: &mut Fields<'_>,
    name: &'static str,
    known: &'static [&'static str],
) -> Result<Vec<&'static str>, Refusal> {
    if fields.take(name).is_none() {
        return Err(missing(fields, name).into());
    }
    let texts = fields.texts(name)?;
    if texts.is_empty() {
        return Err(fields.flaw(name, FlawKind::TooFew(1)).into());
    }
    let word = |text: &String| {
        let word = known.iter().find(|word| *word == text).copied();
        word.ok_or_else(|| fields.flaw(name, FlawKind::Choice(known)))
    };
    Ok(texts.iter().map(word).collect::<Result<_, _>>()?)
}

fn filters(fields: &mut Fields<'_>) -> Result<Vec<Filter>, Refusal> {
    let mut filters = Vec::new();
    for mut filter in fields.objects("filter_by")?.unwrap_or_default() {
        let field = filter.choice("field", FILTERS)?.ok_or_else(|| missing(&filter, "field"))?;
        let operators = if is_number(field) { NUMBER_OPERATORS } else { TEXT_OPERATORS };
        let operator = filter.choice("operator", operators)?.ok_or_else(|| missing(&filter, "operator"))?;
        let value = match filter.take("value") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(filter.flaw("value", FlawKind::Type("a string or a number")).into()),
            None => return Err(missing(&filter, "value").into()),
        };
        let is_not = filter.flag("not")?.unwrap_or(false);
        filter.finish()?;
        filters.push(Filter { field, value, operator, is_not });
    }
    Ok(filters)
}

/// Names of rows with whether they ascend. A name that no row has changes nothing.
fn orders(fields: &mut Fields<'_>) -> Result<Vec<(&'static str, bool)>, Refusal> {
    let mut orders = Vec::new();
    for mut order in fields.objects("order_by")?.unwrap_or_default() {
        let text = order.required_text("field", 1..=64)?;
        let known = METRICS.iter().chain(DIMENSIONS).chain(FILTERS).find(|word| **word == text);
        let field = known.copied().ok_or_else(|| order.flaw("field", FlawKind::Choice(METRICS)))?;
        let direction = order.choice("direction", ORDERS)?.unwrap_or("ASCENDING");
        order.finish()?;
        orders.push((field, direction == "ASCENDING"));
    }
    Ok(orders)
}

fn is_number(field: &str) -> bool {
    matches!(field, "commission" | "partner_commission" | "order_value")
}

impl Filter {
    fn lets_pass(&self, account: &Account, (one, item): (&Conversion, &Item)) -> bool {
        let passes = if is_number(self.field) {
            let units = if self.field == "order_value" { item.value } else { item.commission() };
            let wanted: Option<f64> = self.value.parse().ok();
            let order = number(units).as_f64().zip(wanted).and_then(|(is, wanted)| is.partial_cmp(&wanted));
            match self.operator {
                "GREATER_THAN" => order == Some(Ordering::Greater),
                "GREATER_THAN_OR_EQUALS" => order.is_some_and(Ordering::is_ge),
                "LESS_THAN" => order == Some(Ordering::Less),
                "LESS_THAN_OR_EQUALS" => order.is_some_and(Ordering::is_le),
                _ => order == Some(Ordering::Equal),
            }
        } else {
            let text = value(account, self.field, (one, item)).as_str().unwrap_or_default().to_owned();
            match self.operator {
                "STARTS_WITH" => text.starts_with(&self.value),
                "ENDS_WITH" => text.ends_with(&self.value),
                "CONTAINS" => text.contains(&self.value),
                "SEARCH" => text.to_lowercase().contains(&self.value.to_lowercase()),
                _ => text == self.value,
            }
        };
        passes != self.is_not
    }
}

/// The members of a row for one dimension.
fn dimension(account: &Account, name: &str, part: (&Conversion, &Item)) -> Vec<(String, Value)> {
    let members: Vec<String> = match name {
        "partner" | "campaign" => vec![format!("{name}_id"), format!("{name}_name")],
        _ => vec![name.to_owned()],
    };
    members.into_iter().map(|name| (name.clone(), value(account, &name, part))).collect()
}

fn value(account: &Account, name: &str, (one, item): (&Conversion, &Item)) -> Value {
    match name {
        "advertiser_reference" => json!(one.advertiser_reference),
        "campaign_id" => json!(PARTNERIZE_CAMPAIGN),
        "campaign_name" => json!(CAMPAIGN_NAME),
        "category" => json!(item.category),
        "conversion_reference" => json!(one.reference),
        "conversion_status" => json!(item.status),
        "country" => json!(one.country),
        "currency" => json!(one.currency),
        "customer_reference" => json!(one.customer_reference),
        "customer_type" => json!(one.customer_type),
        "date_time" => json!(time::offset(one.time_ms)),
        "partner_id" => json!(one.publisher_id),
        "partner_name" => json!(account.publisher(&one.publisher_id).map(|publisher| &publisher.account_name)),
        "sku" => json!(item.sku),
        "voucher_code" => json!(one.voucher),
        _ => Value::Null,
    }
}

fn metric(name: &str, parts: &[(&Conversion, &Item)]) -> Value {
    let sum = |of: fn(&Item) -> i64| number(parts.iter().map(|(_, item)| of(item)).sum());
    match name {
        "total_conversions" => {
            let mut ids: Vec<&str> = parts.iter().map(|(one, _)| one.id.as_str()).collect();
            ids.dedup();
            json!(ids.len())
        }
        "total_conversion_items" => json!(parts.len()),
        "total_order_value" => sum(|item| item.value),
        _ => sum(Item::commission),
    }
}

fn compare(one: &Row<'_>, other: &Row<'_>, orders: &[(&str, bool)]) -> Ordering {
    let each = orders.iter().map(|(field, ascends)| {
        let [left, right] = [one, other].map(|row| row.shown.get(*field).unwrap_or(&Value::Null));
        let order = match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            _ => left.as_str().cmp(&right.as_str()),
        };
        if *ascends { order } else { order.reverse() }
    });
    each.fold(Ordering::Equal, Ordering::then)
}
