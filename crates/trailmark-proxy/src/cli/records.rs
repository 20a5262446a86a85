//! Prints a vendor's records: as lines of a list, or one record with all its facts. List columns have fixed widths, because
//! later pages are not known yet. Lists leave out customers' names and e-mail addresses; facts and JSON have them.

use serde_json::Value;
use trailmark_vendors::directory::Thing;
use trailmark_vendors::records::{Customer, Group, Partner, Record, Transaction};
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::time::UnixMillis;

use super::output;

/// The plural name of a list's items.
pub(super) fn noun(thing: Thing) -> &'static str {
    match thing {
        Thing::Customer => "customers",
        Thing::Group => "groups",
        Thing::Partner => "partners",
        Thing::Partnership => "partnerships",
        Thing::Transaction => "transactions",
    }
}

/// The names of a list's columns.
pub(super) fn header(thing: Thing) -> String {
    let names: &[&str] = match thing {
        Thing::Customer => &["CUSTOMER", "PARTNER", "STATUS", "CREATED"],
        Thing::Group => &["GROUP", "SLUG", "NAME"],
        Thing::Partner => &["PARTNER", "STATUS", "GROUP", "NAME"],
        Thing::Partnership => &["PARTNER", "STATUS", "GROUP", "ID"],
        Thing::Transaction => &["TRANSACTION", "CUSTOMER", "AMOUNT", "STATUS", "CREATED"],
    };
    columns(thing, names)
}

/// One line of a list.
pub(super) fn row(thing: Thing, record: &Record) -> String {
    match record {
        Record::Customer(one) => {
            let key = first(&[&one.key, &one.id]);
            columns(
                thing,
                &[key, first(&[&one.partner, &one.partnership]), first(&[&one.status]), &when(one.created_at)],
            )
        }
        Record::Group(one) => columns(thing, &[&one.key, first(&[&one.slug]), first(&[&one.name])]),
        Record::Partner(one) => {
            let last = if thing == Thing::Partnership { first(&[&one.id]) } else { first(&[&one.name]) };
            columns(thing, &[&one.key, first(&[&one.status]), first(&[&one.group]), last])
        }
        Record::Transaction(one) => {
            let (customer, amount) = (first(&[&one.customer, &one.customer_id]), amount(one).unwrap_or_default());
            columns(thing, &[&one.key, customer, &amount, first(&[&one.status]), &when(one.created_at)])
        }
        Record::Removed(one) => output::plain(&one.removed),
    }
}

/// Every fact that the vendor returns of one record.
pub(super) fn facts(record: &Record) -> String {
    let rows = match record {
        Record::Customer(one) => customer(one),
        Record::Group(one) => group(one),
        Record::Partner(one) => partner(one),
        Record::Transaction(one) => transaction(one),
        Record::Removed(one) => vec![("removed", Some(one.removed.clone()))],
    };
    let shown = rows.iter().filter_map(|(name, value)| Some(format!("{name:<12} {}", output::plain(value.as_ref()?))));
    shown.collect::<Vec<_>>().join("\n")
}

type Facts = Vec<(&'static str, Option<String>)>;

fn customer(one: &Customer) -> Facts {
    let mut facts = vec![
        ("customer", one.key.clone()),
        ("id", one.id.clone()),
        ("e-mail", one.email.clone()),
        ("name", one.name.clone()),
        ("first name", one.first_name.clone()),
        ("last name", one.last_name.clone()),
        ("partner", one.partner.clone()),
        ("partnership", one.partnership.clone()),
        ("group", one.group.clone()),
        ("status", one.status.clone()),
        ("external key", one.external_key.clone()),
        ("provider key", one.provider_key.clone()),
        ("member key", one.member_key.clone()),
        ("test", one.test.map(|test| test.to_string())),
    ];
    facts.extend(one.data.iter().map(|(name, value)| ("data", Some(datum(name, value)))));
    facts.extend([("created", exact(one.created_at)), ("updated", exact(one.updated_at))]);
    facts
}

fn group(one: &Group) -> Facts {
    vec![
        ("group", Some(one.key.clone())),
        ("name", one.name.clone()),
        ("slug", one.slug.clone()),
        ("created", exact(one.created_at)),
    ]
}

fn partner(one: &Partner) -> Facts {
    vec![
        ("partner", Some(one.key.clone())),
        ("id", one.id.clone()),
        ("name", one.name.clone()),
        ("e-mail", one.email.clone()),
        ("group", one.group.clone()),
        ("status", one.status.clone()),
        ("created", exact(one.created_at)),
        ("updated", exact(one.updated_at)),
    ]
}

fn transaction(one: &Transaction) -> Facts {
    let mut facts = vec![
        ("transaction", Some(one.key.clone())),
        ("customer", one.customer.clone()),
        ("customer id", one.customer_id.clone()),
        ("amount", amount(one)),
        ("status", one.status.clone()),
        ("category", one.category.clone()),
        ("product", one.product.clone()),
        ("test", one.test.map(|test| test.to_string())),
    ];
    facts.extend(one.data.iter().map(|(name, value)| ("data", Some(datum(name, value)))));
    facts.push(("created", exact(one.created_at)));
    facts
}

fn datum(name: &str, value: &Value) -> String {
    value.as_str().map_or_else(|| format!("{name}={value}"), |text| format!("{name}={text}"))
}

/// The amount in the currency's units or, if the currency is unknown, in the vendor's cents.
fn amount(one: &Transaction) -> Option<String> {
    let currency = one.currency.as_deref().and_then(|code| Currency::new(code).ok());
    match (one.amount_minor, currency, one.amount_cents) {
        (Some(minor), Some(currency), _) => {
            Some(format!("{} {currency}", Money { amount_minor: minor, currency }.to_decimal()))
        }
        (_, _, Some(cents)) => Some(format!("{cents} cents")),
        (_, _, None) => None,
    }
}

fn exact(at: Option<UnixMillis>) -> Option<String> {
    at.map(UnixMillis::to_rfc3339)
}

fn when(at: Option<UnixMillis>) -> String {
    at.map_or_else(|| "-".to_owned(), output::when)
}

fn first<'a>(texts: &[&'a Option<String>]) -> &'a str {
    texts.iter().find_map(|text| text.as_deref()).unwrap_or("-")
}

/// Columns of fixed width; a longer text pushes the rest on.
fn columns(thing: Thing, cells: &[&str]) -> String {
    let widths: &[usize] = match thing {
        Thing::Customer => &[30, 18, 8],
        Thing::Group => &[26, 20],
        Thing::Partner | Thing::Partnership => &[26, 10, 14],
        Thing::Transaction => &[20, 14, 12, 8],
    };
    let widths = widths.iter().copied().chain(std::iter::repeat(0));
    let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    output::plain(padded.join("  ").trim_end())
}
