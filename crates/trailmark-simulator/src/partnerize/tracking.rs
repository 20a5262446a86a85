//! The tracking host, prf.hn: partners' links, and conversions whose address says everything (vendors-2.md § 1.1).
//!
//! `/conversion/tracking_mode:api/key:value/.../[key:value/...][...]`, by GET or POST, without credentials. The order of the
//! keys is free, and any unknown key is kept as meta data. Brackets stand as `/[a][b]` or `/[a]/[b]`; the third form, glued to
//! the segment before, is refused, since only one client uses it.
//!
//! With `tracking_mode:api` the answer is the conversion's id as text, or nothing if nothing was recorded; without, an
//! image in either case. Nothing is recorded for: an unknown campaign, an unknown or old click, a click of a partner who is
//! not approved, a reference that is known, a click that has converted often enough, and a value that is none. No document
//! shows an error of this host. An address that breaks the grammar is answered with 400 and no body here.
//!
//! Guesses: of a key that stands twice the last one counts; a conversion without brackets has one item without a value; a
//! conversion without money needs no currency, any other does.

use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::state::{Account, Conversion, Item, Rules, units};
use super::{PARTNERIZE_CAMPAIGN, time};
use crate::call::{Answer, Call, decode, encode};
use crate::violations::{Breach, Rule};

const DAY_MS: i64 = 86_400_000;

/// The smallest GIF: one transparent pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

type Pairs = Vec<(String, String)>;

/// What an address says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    header: Pairs,
    groups: Vec<Pairs>,
}

impl Line {
    /// Reads the address of a conversion, from what follows `/conversion/`.
    ///
    /// # Errors
    /// The sentence says what breaks the grammar.
    pub(super) fn read(path: &str, decode_first: bool) -> Result<Self, &'static str> {
        let decoded = |text: &str| decode(text).ok_or("an encoding is broken");
        let whole = if decode_first { decoded(path)? } else { path.to_owned() };
        let pair = |text: &str| {
            let (key, value) = text.split_once(':').ok_or("a segment has no colon")?;
            let both = if decode_first { (key.to_owned(), value.to_owned()) } else { (decoded(key)?, decoded(value)?) };
            Ok(both)
        };
        let pairs =
            |text: &str| text.split('/').filter(|part| !part.is_empty()).map(pair).collect::<Result<Pairs, _>>();
        let (mut header, mut groups, mut rest) = (Pairs::new(), Vec::new(), whole.as_str());
        while let Some((before, after)) = rest.split_once('[') {
            if !before.is_empty() && !before.ends_with('/') {
                return Err("a bracket is glued to a segment");
            }
            header.extend(pairs(before)?);
            let (inside, behind) = after.split_once(']').ok_or("a bracket is not closed")?;
            if inside.contains('[') || !(behind.is_empty() || behind.starts_with(['/', '['])) {
                return Err("brackets are nested or followed by a text");
            }
            groups.push(pairs(inside)?);
            rest = behind;
        }
        if rest.contains(']') {
            return Err("a bracket was not opened");
        }
        header.extend(pairs(rest)?);
        Ok(Self { header, groups })
    }

    /// The last value of that key, unless it is empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        value_of(&self.header, key)
    }
}

fn value_of<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
    let (_, value) = pairs.iter().rev().find(|(name, _)| name == key)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// The address of a conversion call, from the host's entrance on.
pub(super) fn line(call: &Call, rules: &Rules) -> Result<Line, &'static str> {
    let (_, path) = call.path.split_once("/conversion/").unwrap_or_default();
    Line::read(path, rules.decode_first)
}

/// `GET` or `POST /conversion/...`.
pub(super) fn convert(account: &mut Account, rules: &Rules, call: &Call, now_ms: i64) -> Answer {
    let line = match line(call, rules) {
        Ok(line) => line,
        Err(broken) => {
            return Answer::empty(StatusCode::BAD_REQUEST).with_breach(Some(Breach::new(Rule::Malformed, broken)));
        }
    };
    let twice = line.header.iter().enumerate().find_map(|(place, (name, _))| {
        line.header.iter().take(place).any(|(earlier, _)| earlier == name).then_some(name.as_str())
    });
    let (id, effects, breach) = match record(account, rules, &line, now_ms) {
        Ok(id) => (Some(id), 1, None),
        Err(Unrecorded::Silently(id)) => (id, 0, None),
        Err(Unrecorded::Wrong(name)) => (None, 0, Some(Breach::new(Rule::Malformed, name))),
    };
    let breach = breach.or_else(|| twice.map(|name| Breach::new(Rule::Malformed, format!("{name} stands twice"))));
    let text = id.filter(|_| rules.answers_id).unwrap_or_default();
    let answer = match line.get("tracking_mode") {
        Some("api") if text.is_empty() => Answer::empty(StatusCode::OK),
        Some("api") => Answer::plain(StatusCode::OK, text),
        _ => Answer { body: PIXEL.into(), ..Answer::empty(StatusCode::OK) }
            .with_header(http::header::CONTENT_TYPE, HeaderValue::from_static("image/gif")),
    };
    answer.with_effects(effects).with_breach(breach)
}

/// Why a conversion was not recorded.
enum Unrecorded {
    /// As campaigns are set up; with the id of an earlier conversion, if that is answered.
    Silently(Option<String>),
    /// The value of this key is none.
    Wrong(String),
}

fn record(account: &mut Account, rules: &Rules, line: &Line, now_ms: i64) -> Result<String, Unrecorded> {
    let nothing = || Unrecorded::Silently(None);
    let items = items(line)?;
    let time_ms = match line.get("conversion_time") {
        None => now_ms,
        Some(text) => time::read(text).ok_or_else(|| wrong("conversion_time"))?,
    };
    let currency = currency(line, items.iter().any(|item| item.value > 0))?;
    let country = checked(line, "country", |text| is_code(text, 2))?;
    let customer_type = checked(line, "customertype", |text| matches!(text, "new" | "existing"))?;
    if line.get("campaign").is_some_and(|campaign| campaign != PARTNERIZE_CAMPAIGN) {
        return Err(nothing());
    }
    let click = line.get("clickref").and_then(|clickref| account.clicked(clickref)).ok_or_else(nothing)?.clone();
    let is_approved = account.publisher(&click.publisher_id).is_some_and(|one| one.is_approved());
    let is_late = now_ms - click.created_ms > rules.cookie_days.saturating_mul(DAY_MS);
    if !is_approved || is_late {
        return Err(nothing());
    }
    if rules.dedupe {
        let earlier = line.get("conversionref").and_then(|reference| account.referred(reference));
        if let Some(earlier) = earlier.filter(|_| rules.unique_refs) {
            return Err(Unrecorded::Silently(Some(earlier.id.clone()).filter(|_| rules.repeat_answers_id)));
        }
        if rules.per_click.is_some_and(|limit| click.conversions >= limit) {
            return Err(nothing());
        }
    }
    let id = account.mint();
    let own = |name: &str| line.get(name).map(str::to_owned);
    let numbered = items.into_iter().map(|item| Item { id: account.mint(), modified_ms: now_ms, ..item });
    let items = numbered.collect();
    account.record(Conversion {
        number: u64::try_from(account.conversions.len()).unwrap_or_default() + 1,
        reference: own("conversionref").unwrap_or_else(|| format!("AUTO-{id}")),
        id: id.clone(),
        publisher_id: click.publisher_id,
        clickref: click.clickref,
        clicked_ms: click.created_ms,
        time_ms,
        visible_ms: now_ms.saturating_add(rules.unseen_ms()),
        modified_ms: now_ms,
        paid_ms: None,
        currency,
        country,
        customer_type,
        customer_reference: own("custref").or_else(|| own("customer_reference")),
        advertiser_reference: own("advertiser_reference"),
        publisher_reference: own("publisher_reference"),
        voucher: own("voucher"),
        meta: meta(&line.header, &HEADER_KEYS),
        items,
    });
    Ok(id)
}

/// The keys with a meaning; all others are meta data.
const HEADER_KEYS: [&str; 19] = [
    "tracking_mode",
    "campaign",
    "clickref",
    "conversionref",
    "currency",
    "country",
    "customertype",
    "voucher",
    "custref",
    "customer_reference",
    "publisher_reference",
    "advertiser_reference",
    "conversion_time",
    "tsource",
    "tmetric",
    "device",
    "context",
    "tmethod",
    "tplatform",
];

/// `category` and `quantity` are needed, and `value` where commission is a share of it, as here; it is the price of one.
fn items(line: &Line) -> Result<Vec<Item>, Unrecorded> {
    if line.groups.is_empty() {
        return Ok(vec![item("", 0, None, Map::new())]);
    }
    let read = |group: &Pairs| {
        let category = value_of(group, "category").ok_or_else(|| wrong("category"))?;
        let quantity = value_of(group, "quantity").and_then(|text| text.parse::<i64>().ok());
        let quantity = quantity.filter(|quantity| *quantity >= 1).ok_or_else(|| wrong("quantity"))?;
        let value = match value_of(group, "value") {
            None => 0,
            Some(text) => units(text).and_then(|one| one.checked_mul(quantity)).ok_or_else(|| wrong("value"))?,
        };
        let sku = value_of(group, "sku").map(str::to_owned);
        Ok(item(category, value, sku, meta(group, &["category", "quantity", "value", "sku"])))
    };
    line.groups.iter().map(read).collect()
}

fn item(category: &str, value: i64, sku: Option<String>, meta: Map<String, Value>) -> Item {
    Item {
        id: String::new(),
        sku,
        category: category.to_owned(),
        value,
        status: "pending".to_owned(),
        reason: None,
        approved_ms: None,
        modified_ms: 0,
        is_displayed: true,
        meta,
    }
}

fn currency(line: &Line, has_money: bool) -> Result<String, Unrecorded> {
    let currency = checked(line, "currency", |text| is_code(text, 3))?;
    if currency.is_none() && has_money {
        return Err(wrong("currency"));
    }
    Ok(currency.unwrap_or_default())
}

fn checked(line: &Line, key: &str, is_right: impl Fn(&str) -> bool) -> Result<Option<String>, Unrecorded> {
    match line.get(key) {
        Some(text) if !is_right(text) => Err(wrong(key)),
        text => Ok(text.map(str::to_owned)),
    }
}

fn is_code(text: &str, letters: usize) -> bool {
    text.len() == letters && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn meta(pairs: &Pairs, known: &[&str]) -> Map<String, Value> {
    let unknown = pairs.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    unknown.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

fn wrong(key: &str) -> Unrecorded {
    Unrecorded::Wrong(key.to_owned())
}

/// `GET /click/camref:X/...`: to the landing page, with the `clickref` if the campaign appends it. Other keys of the link are
/// taken and have no effect here: a `destination` could lead anywhere. The link of a partner who is not approved redirects
/// without a click.
pub(super) fn follow(account: &mut Account, rules: &Rules, keys: &[&str], landing_url: &str, now_ms: i64) -> Answer {
    let camref = keys.iter().find_map(|key| key.strip_prefix("camref:")).unwrap_or_default();
    let Some(publisher) = account.publishers.iter().find(|one| one.camref == camref).cloned() else {
        return Answer::html(StatusCode::NOT_FOUND, "<h1>This link leads nowhere</h1>".to_owned());
    };
    let clickref = publisher.is_approved().then(|| account.click(None, &publisher.id, now_ms).ok()).flatten();
    let effects = u64::from(clickref.is_some());
    let parameter = clickref.filter(|_| rules.append_clickref).map(|one| format!("clickref={}", encode(&one)));
    let location = HeaderValue::try_from(landing(landing_url, parameter.as_deref()));
    match location {
        Ok(location) => Answer::redirect(StatusCode::FOUND, location).with_effects(effects),
        Err(_) => Answer::empty(StatusCode::BAD_REQUEST),
    }
}

fn landing(landing_url: &str, parameter: Option<&str>) -> String {
    let Some(parameter) = parameter else { return landing_url.to_owned() };
    let (page, fragment) = landing_url.split_once('#').map_or((landing_url, None), |(page, rest)| (page, Some(rest)));
    let joint = if page.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{page}{joint}{parameter}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::{Line, Pairs};

    fn pairs(text: &str) -> Pairs {
        text.split_whitespace().filter_map(|pair| pair.split_once(':')).map(|(a, b)| (a.into(), b.into())).collect()
    }

    #[test]
    fn both_forms_of_brackets_are_read_and_the_order_of_keys_is_free() {
        let wanted = Line { header: pairs("tracking_mode:api a:b c:d"), groups: vec![pairs("x:1 y:2"), pairs("x:3")] };
        for path in [
            "tracking_mode:api/a:b/c:d/[x:1/y:2][x:3]",
            "tracking_mode:api/a:b/[x:1/y:2]/[x:3]/c:d",
            "tracking_mode:api/[x:1/y:2]/a:b/[/x:3]/c:d/",
            "tracking_mode:api/a:b/c:d/%5Bx:1/y:2%5D%5Bx:3%5D",
        ] {
            assert_eq!(Line::read(path, true).as_ref(), Ok(&wanted), "{path}");
        }
    }

    #[test]
    fn encoding_protects_only_where_the_path_is_split_first() {
        let path = "conversionref:a%2Fclickref%3Astolen";
        assert_eq!(Line::read(path, true).unwrap().get("clickref"), Some("stolen"));
        let line = Line::read(path, false).unwrap();
        assert_eq!((line.get("clickref"), line.get("conversionref")), (None, Some("a/clickref:stolen")));
    }

    #[test]
    fn what_breaks_the_grammar_is_named() {
        for path in ["a", "a:b[x:1]", "a:b/[x:1", "a:b/x:1]", "[[x:1]]", "[x:1]a:b", "a:%ZZ"] {
            assert!(Line::read(path, true).is_err(), "{path}");
        }
    }
}
