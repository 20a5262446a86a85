//! The lists of PartnerStack, and the reading of one thing. `current` has only partnerships (a partner's membership in the
//! programme) for partners; the guide has partners beside partnerships. The next page starts after the key of the last item
//! or, in the guide's own lists, after the page's `ending_cursor`, until `has_more` is false. There are no page numbers. The
//! reader of a list notices where it comes back to itself.
//!
//! The guide has no list of groups, transactions and rewards: they are read as in `current`. No call of `current` reads a
//! single reward: the list is searched. No list of `current` can be filtered by group, so this file filters. `shown` reads
//! the items.
//!
//! Source: <https://docs.partnerstack.com/reference>; vendors.md § 1.2, 1.4, 1.6; seed 000.

use serde_json::Value;

use super::answers::{self, text};
use super::{Account, shown};
use crate::Dialect;
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::{Answer, Call, Request};
use crate::outcome::Outcome;
use crate::redaction::Redaction;
use crate::root::{encoded, segment};
use crate::task::Rejection;

/// Items per page, the most that a dialect allows.
const CURRENT_LIMIT: u32 = 250;
const GUIDE_LIMIT: u32 = 100;

/// A kind of thing that is listed or shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Customer,
    Group,
    Partner,
    Partnership,
    Reward,
    Transaction,
    Webhook,
}

/// How a dialect reads a thing.
#[derive(Clone, Copy)]
struct Rule {
    path: &'static str,
    label: &'static str,
    /// The label of the request for a single one.
    label_of_one: &'static str,
    /// The name of an item in a sentence.
    noun: &'static str,
    /// Whether seed 000 describes this list: then it has its own cursor and no filter by time.
    is_guides: bool,
}

impl Rule {
    fn of(thing: Thing, dialect: Dialect) -> Self {
        let is_guides = dialect == Dialect::Guide;
        let (path, label, label_of_one, noun, is_guides) = match thing {
            Thing::Customer => {
                let one = "GET /v2/customers/{customer_key}";
                ("/api/v2/customers", "GET /v2/customers", one, "customer", is_guides)
            }
            Thing::Group => ("/api/v2/groups", "GET /v2/groups", "GET /v2/groups/{group_key}", "group", false),
            Thing::Partner if is_guides => {
                ("/api/v2/partners", "GET /v2/partners", "GET /v2/partners/{partner_key}", "partner", true)
            }
            Thing::Partner | Thing::Partnership => {
                let one = "GET /v2/partnerships/{key}";
                ("/api/v2/partnerships", "GET /v2/partnerships", one, "partnership", is_guides)
            }
            Thing::Reward => ("/api/v2/rewards", "GET /v2/rewards", "GET /v2/rewards", "reward", false),
            Thing::Transaction => {
                ("/api/v2/transactions", "GET /v2/transactions", "GET /v2/transactions", "transaction", false)
            }
            Thing::Webhook => ("/api/v2/webhooks", "GET /v2/webhooks", "GET /v2/webhooks/{key}", "webhook", false),
        };
        Self { path, label, label_of_one, noun, is_guides }
    }
}

impl Thing {
    /// The sentence for a key that names nothing.
    pub(super) fn none(self) -> &'static str {
        match self {
            Self::Customer => "no such customer",
            Self::Group => "no such group",
            Self::Partner | Self::Partnership => "no such partner",
            Self::Reward => "no such commission",
            Self::Transaction => "no such transaction",
            Self::Webhook => "no such webhook",
        }
    }

    /// Where its keys are found.
    fn known(self) -> &'static str {
        match self {
            Self::Customer => "`trailmark customers list` shows the keys",
            Self::Group => "`trailmark groups list` shows the keys",
            Self::Partner | Self::Partnership => "`trailmark partners list` shows the keys",
            Self::Reward => "`trailmark commissions list` shows the keys",
            Self::Transaction => "`trailmark transactions list` shows the keys",
            Self::Webhook => "`trailmark webhooks vendor-list` shows the keys",
        }
    }
}

/// The most items that a page may have.
pub(super) fn most(dialect: Dialect) -> u32 {
    match dialect {
        Dialect::Current => CURRENT_LIMIT,
        Dialect::Guide => GUIDE_LIMIT,
    }
}

/// The path and label of the smallest list.
pub(super) fn smallest(dialect: Dialect) -> (String, &'static str) {
    let rule = Rule::of(Thing::Partner, dialect);
    (format!("{}?limit=1", rule.path), rule.label)
}

/// A list with its filters.
#[derive(Clone)]
struct Listing {
    account: Account,
    thing: Thing,
    rule: Rule,
    /// The filters that the vendor applies, as query parameters.
    filters: String,
    /// The group by which this file filters, because the vendor cannot.
    group: Option<String>,
    /// Whether each partner of a page is read too.
    is_profiled: bool,
    /// The only item that is wanted.
    sought: Option<String>,
}

/// A list, as many items a page as the dialect allows. Reads the inputs `group`, `since`, `until`, `status`, `customer_id`
/// and `profiles`.
pub(super) fn list(account: &Account, thing: Thing, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let (since, until) = (values.time("since"), values.time("until"));
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err(Rejection { reason: "`since` must not be later than `until`".into() }.into());
    }
    let rule = Rule::of(thing, account.dialect);
    let group = values.text("group").map(str::to_owned);
    let texts = [
        ("group_key", group.as_deref().filter(|_| rule.is_guides)),
        ("status", values.text("status")),
        ("customer_key", values.text("customer_id")),
    ];
    let texts = texts.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", encoded(value?))));
    let times = [("min_created", since), ("max_created", until)];
    let times = times.into_iter().filter_map(|(name, at)| Some(format!("&{name}={}", at?.0.max(0))));
    let listing = Listing {
        account: account.clone(),
        thing,
        rule,
        filters: texts.chain(times).collect(),
        group: group.filter(|_| !rule.is_guides),
        is_profiled: values.has("profiles"),
        sought: None,
    };
    Ok(listing.page(None))
}

/// One thing, searched in its list.
pub(super) fn search(account: &Account, thing: Thing, key: &str) -> Ask<Reply> {
    let rule = Rule::of(thing, account.dialect);
    let (account, sought) = (account.clone(), Some(key.to_owned()));
    Listing { account, thing, rule, filters: String::new(), group: None, is_profiled: false, sought }.page(None)
}

impl Listing {
    /// The request for the page after this cursor.
    fn page(&self, after: Option<&str>) -> Ask<Reply> {
        let Rule { path, label, .. } = self.rule;
        let cursor = after.map(|cursor| format!("&starting_after={}", encoded(cursor))).unwrap_or_default();
        let limit = most(self.account.dialect);
        let request = self.account.get(&format!("{path}?limit={limit}{}{cursor}", self.filters), label);
        let listing = self.clone();
        Call::new(request, move |answer| listing.read(answer))
    }

    fn read(&self, answer: &Answer) -> Result<Reply, Outcome> {
        let page = envelope(answer, &Redaction::of(&self.account.credentials, self.sought.as_deref()))?;
        let keyless = || unreadable(answer, &format!("a {} without `key`", self.rule.noun));
        let mut items = Vec::with_capacity(page.items.len());
        for item in &page.items {
            cursor_of(item).ok_or_else(keyless)?;
            items.push(shown::record(self.thing, self.account.dialect, item).ok_or_else(keyless)?);
        }
        let after = next(self.rule, answer, page)?;
        if let Some(key) = &self.sought {
            let found = items.into_iter().find(|item| told(item, "key") == Some(key));
            return match (found, after) {
                (Some(item), _) => Ok(Reply::Done(item)),
                (None, Some(after)) => Ok(Reply::Next(self.page(Some(&after)))),
                (None, None) => Err(none(self.thing)),
            };
        }
        items.retain(|item| self.group.is_none() || told(item, "group") == self.group.as_deref());
        if self.is_profiled {
            let mut keys: Vec<_> = items.iter().filter_map(|item| told(item, "key")).map(str::to_owned).collect();
            keys.reverse();
            return Ok(self.profiled(keys, Vec::new(), after));
        }
        Ok(self.with_next(items, after.as_deref()))
    }

    fn with_next(&self, items: Vec<Record>, after: Option<&str>) -> Reply {
        Reply::Page { items, next: after.map(|after| self.page(Some(after))) }
    }

    /// Reads the partners of a page one after the other, from the last key to the first. Who has left since the page was read
    /// is left out.
    fn profiled(&self, mut keys: Vec<String>, read: Vec<Record>, after: Option<String>) -> Reply {
        let Some(key) = keys.pop() else { return self.with_next(read, after.as_deref()) };
        let (listing, request) = (self.clone(), request_of_one(&self.account, Thing::Partner, &key));
        Reply::Next(Call::new(request, move |answer| {
            let profile = match read_one(&listing.account, Thing::Partner, &key, answer) {
                Err(Outcome::Missing { .. }) => None,
                profile => Some(profile?),
            };
            let read = read.iter().cloned().chain(profile).collect();
            Ok(listing.profiled(keys.clone(), read, after.clone()))
        }))
    }
}

/// A text of a record.
fn told<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    record.get(name).and_then(Value::as_str)
}

struct Envelope {
    items: Vec<Value>,
    has_more: bool,
    ending_cursor: Option<String>,
}

fn envelope(answer: &Answer, redaction: &Redaction<'_>) -> Result<Envelope, Outcome> {
    let data = success(answer, redaction)?;
    let items = data.get("items").and_then(Value::as_array).ok_or_else(|| unreadable(answer, "no `data.items`"))?;
    let has_more = data.get("has_more").and_then(Value::as_bool);
    let has_more = has_more.ok_or_else(|| unreadable(answer, "no `data.has_more`"))?;
    let ending_cursor = text(&data, "ending_cursor").map(str::to_owned);
    Ok(Envelope { items: items.clone(), has_more, ending_cursor })
}

/// The key of an item, after which the next page starts; the guide's partnerships have only their partner's.
fn cursor_of(item: &Value) -> Option<&str> {
    text(item, "key").or_else(|| text(item, "partner_key"))
}

/// The cursor of the next page.
fn next(rule: Rule, answer: &Answer, page: Envelope) -> Result<Option<String>, Outcome> {
    match (page.has_more, rule.is_guides) {
        (false, _) => Ok(None),
        (true, false) => {
            let last = page.items.last().and_then(cursor_of).map(str::to_owned);
            last.map(Some).ok_or_else(|| unreadable(answer, "more pages, and no item to go on after"))
        }
        (true, true) => {
            let cursor = page.ending_cursor;
            cursor.map(Some).ok_or_else(|| unreadable(answer, "more pages, and no `data.ending_cursor`"))
        }
    }
}

/// One thing. Customers and, in `current`, partnerships are read by more than one key; in the guide a partner is read by
/// partner key alone.
pub(super) fn one(account: &Account, thing: Thing, key: &str) -> Ask<Reply> {
    let (account, key) = (account.clone(), key.to_owned());
    Call::new(request_of_one(&account, thing, &key), move |answer| {
        read_one(&account, thing, &key, answer).map(Reply::Done)
    })
}

fn request_of_one(account: &Account, thing: Thing, key: &str) -> Request {
    let rule = Rule::of(thing, account.dialect);
    account.get(&format!("{}/{}", rule.path, path_segment(key)), rule.label_of_one)
}

fn read_one(account: &Account, thing: Thing, key: &str, answer: &Answer) -> Result<Record, Outcome> {
    let data = shown_of(thing, answer, &Redaction::of(&account.credentials, [key]))?;
    shown::record(thing, account.dialect, &data).ok_or_else(|| unreadable(answer, "nothing with a `key`"))
}

/// The `data` of a success about a thing that the path names; the vendor's own 404 says that there is none.
pub(super) fn shown_of(thing: Thing, answer: &Answer, redaction: &Redaction<'_>) -> Result<Value, Outcome> {
    match answers::says_no_such_thing(answer) {
        true => {
            let what = format!("{}; {}", thing.none(), thing.known());
            Err(Outcome::Missing { message: answers::said(answer.status, &what) })
        }
        false => success(answer, redaction),
    }
}

fn none(thing: Thing) -> Outcome {
    Outcome::Rejected { message: format!("{} in the whole list", thing.none()) }
}

/// Where one partnership is read, and the label of that request.
pub(super) fn path_of_partnership(dialect: Dialect, key: &str) -> (String, &'static str) {
    let rule = Rule::of(Thing::Partnership, dialect);
    (format!("{}/{}", rule.path, path_segment(key)), rule.label_of_one)
}

/// A key as a path segment. What cannot be one names nothing, and a blank says so to the vendor without reaching
/// another route.
pub(super) fn path_segment(key: &str) -> String {
    segment(key).unwrap_or_else(|| "%20".to_owned())
}

/// The `data` of a success.
pub(super) fn success(answer: &Answer, redaction: &Redaction<'_>) -> Result<Value, Outcome> {
    match answers::failure(answer, "base_url", redaction) {
        Some(failure) => Err(failure),
        None => answers::data(answer).ok_or_else(|| unreadable(answer, "no `data`")),
    }
}

/// An answer that does not answer the question.
pub(super) fn unreadable(answer: &Answer, what: &str) -> Outcome {
    Outcome::Unknown { message: answers::said(answer.status, what) }
}
