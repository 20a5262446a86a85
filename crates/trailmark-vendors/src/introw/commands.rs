//! An operator's commands at Introw: partners, conversions, commission lines, payouts, sessions of the partner portal. The
//! table says what each takes; the functions below build its request and read the answer. Both dialects offer them all: seed
//! 003 is the list of partners, the others are those of the vendor's own pages.
//!
//! An amount is given in minor units beside its currency, and sent as the decimal that Introw counts in. Records show the
//! vendor's fields in our spelling (`shown`).
//!
//! Sources: seed 003 for the list of partners; vendors-2.md § 2 for the others.

use serde_json::{Map, Value};
use trailmark_wire::money::{Currency, Money};

use super::Account;
use super::answers::{self, text};
use super::conversions::{self, Word};
use super::lines::{self, PAGE};
use super::shown::{self, Thing};
use super::table;
use crate::Dialect;
use crate::command::{Ask, Command, Effect, Input, InputKind, Offer, Record, Refusal, Reply, Values};
use crate::exchange::{Call, Method};
use crate::outcome::Outcome;
use crate::root::{encoded, segment};
use crate::task::Rejection;

const PAGE_SIZE: Input = Input::of("page_size", InputKind::Number, "Items on a page, 1 to 100; 100 if not given");
const CURSOR: Input = Input::text("cursor", "Where to begin: the cursor of an earlier answer");

const DOMAIN: Input = Input::text("domain", "Domain of the company, 1 to 255 characters");
const TIER: Input = Input::text("tier", "Id of the tier");
const PHASE: Input = Input::text("phase", "Id of the phase");
const OWNER: Input = Input::text("owner", "Id of the owner, one of your users");
const EXPERIENCE: Input = Input::text("experience_template", "Id of the experience template");
const ACCESS: Input = Input::of(
    "portal_access",
    InputKind::Choice(&["RESTRICTED_USERS", "RESTRICTED_DOMAINS"]),
    "Who may enter the portal; it acts only with an experience template",
);

const AMOUNT: Input = Input::of("amount_minor", InputKind::Number, "What the partner earns, in minor units, not 0");
const CURRENCY: Input = Input::text("currency", "Its currency, such as EUR");
const SOURCE: Input = Input::of("source_amount_minor", InputKind::Number, "The amount that it comes from");
const DESCRIPTION: Input = Input::text("description", "What it is for; the partner sees it");

const STAGE: Input = Input::of("stage", InputKind::Choice(&STAGES), "Stage of the payout; any may follow any");
const STAGES: [&str; 11] = [
    "DRAFT",
    "PENDING_REVIEW",
    "PENDING_INVOICE",
    "APPROVED",
    "SCHEDULED",
    "PENDING_PAYMENT",
    "PAID",
    "DECLINED",
    "POSTPONED",
    "BLOCKED",
    "FAILED",
];

const OF_PARTNERS: &[&str] = &["id", "domain", "status", "external_id", "tier_id", "phase_id", "updated_at"];
const OF_LINES: &[&str] = &["id", "partner_id", "status", "amount_minor", "currency", "payout_id", "created_at"];
const OF_PAYOUTS: &[&str] = &["id", "partner_id", "stage", "amount_minor", "currency", "period_end"];
const OF_CONVERSIONS: &[&str] = &["status", "conversion_id", "form_submission_id"];

/// Every command.
pub(super) static OFFERS: [Offer<Account>; 15] = [
    offer(
        ("partners", "list", "List the partners of the organisation", None),
        &[PAGE_SIZE, CURSOR],
        (Effect::Reads, OF_PARTNERS, "GET /api/v1/partners", table::PARTNERS_LISTED),
        |account, values| list(account, values, &PARTNERS, &[]),
    ),
    offer(
        ("partners", "get", "Show a partner", Some("Introw's id of the partner, or its id in the CRM")),
        &[],
        (Effect::Reads, OF_PARTNERS, "GET /api/v1/partners/{id}", table::PARTNERS),
        |account, values| one(account, values, &PARTNERS),
    ),
    offer(
        ("partners", "add", "Add a partner, or update the one of the same name or domain", None),
        &[
            Input::text("name", "Its name, 1 to 200 characters").needed(),
            DOMAIN,
            TIER,
            PHASE,
            OWNER,
            EXPERIENCE,
            ACCESS,
        ],
        (Effect::Changes, OF_PARTNERS, "POST /api/v1/partners", table::PARTNERS),
        |account, values| Ok(post(account, values, &PARTNERS, "POST /api/v1/partners", texts(values, &OF_A_PARTNER)?)),
    ),
    offer(
        ("partners", "update", "Change a partner; what is not given stays", Some("Introw's id, or its id in the CRM")),
        &[
            Input::text("name", "Its name, 1 to 200 characters"),
            DOMAIN,
            Input::of("clear_domain", InputKind::Flag, "Take its domain away"),
            TIER,
            PHASE,
            OWNER,
            EXPERIENCE,
            ACCESS,
        ],
        (Effect::Changes, OF_PARTNERS, "PATCH /api/v1/partners/{id}", table::PARTNERS),
        |account, values| {
            patch(account, values, &PARTNERS, texts(values, &OF_A_PARTNER)?, &[("clear_domain", "domain")])
        },
    ),
    offer(
        ("conversions", "add", "Convert a click token, which is possible once", None),
        &[
            Input::text("click_id", "The click token, `irw_id`, 1 to 256 characters").needed(),
            Input::text("email", "E-mail address of the customer"),
            Input::of("property", InputKind::Pairs, "A field of the campaign's form, by its id"),
            Input::text("publishable_key", "A campaign's key: a token of another campaign is ignored then"),
        ],
        (Effect::Changes, OF_CONVERSIONS, conversions::LABEL, table::CONVERSIONS),
        convert,
    ),
    offer(
        ("commissions", "list", "List commission lines", None),
        &[
            Input::text("partner", "Only those of this partner, by Introw's id"),
            Input::text("payout", "Only those on this payout"),
            Input::text("status", "Only those with this status, such as PENDING"),
            PAGE_SIZE,
            CURSOR,
        ],
        (Effect::Reads, OF_LINES, lines::LIST, table::LINES),
        |account, values| {
            let filters = [("partner", "partnerId"), ("payout", "payoutId"), ("status", "status")];
            list(account, values, &LINES, &filters)
        },
    ),
    offer(
        ("commissions", "get", "Show a commission line", Some("Introw's id of the line")),
        &[],
        (Effect::Reads, OF_LINES, lines::GET, table::LINES),
        |account, values| one(account, values, &LINES),
    ),
    offer(
        ("commissions", "add", "Add a commission line", None),
        &[
            Input::text("partner", "Introw's id of the partner").needed(),
            AMOUNT.needed(),
            CURRENCY.needed(),
            Input::text("idempotency_key", "A key of your own: a repeat shows the first line and adds none").needed(),
            SOURCE,
            DESCRIPTION,
            Input::text("payout", "The payout to put it on; without one it waits in the pending pool"),
        ],
        (Effect::Changes, OF_LINES, lines::ADD, table::KEYED_LINES),
        |account, values| Ok(post(account, values, &LINES, lines::ADD, line(values)?)),
    ),
    offer(
        ("commissions", "update", "Change a commission line that is not void", Some("Introw's id of the line")),
        &[
            AMOUNT,
            CURRENCY,
            SOURCE,
            DESCRIPTION,
            Input::text("note", "A note"),
            Input::of("clear_note", InputKind::Flag, "Take its note away"),
        ],
        (Effect::Changes, OF_LINES, "PATCH /api/v1/commission-lines/{id}", table::LINES),
        |account, values| patch(account, values, &LINES, line(values)?, &[("clear_note", "note")]),
    ),
    offer(
        ("commissions", "decline", "Decline a commission line that is on a payout", Some("Introw's id of the line")),
        &[Input::of(
            "reason",
            InputKind::Pairs,
            "The reason, as FIELD=WORD: our documents do not show the vendor's field and words",
        )],
        (
            Effect::Destroys { follows: "the line is void for good, and the partner is not paid for it" },
            OF_LINES,
            "POST /api/v1/commission-lines/{id}/decline",
            table::LINES,
        ),
        |account, values| {
            let reason = values.pairs("reason").map(conversions::properties).unwrap_or_default();
            act(account, values, "decline", "POST /api/v1/commission-lines/{id}/decline", Some(reason))
        },
    ),
    offer(
        ("commissions", "detach", "Take a commission line off its payout", Some("Introw's id of the line")),
        &[],
        (Effect::Changes, OF_LINES, "POST /api/v1/commission-lines/{id}/detach", table::LINES),
        |account, values| act(account, values, "detach", "POST /api/v1/commission-lines/{id}/detach", None),
    ),
    offer(
        ("payouts", "list", "List payouts", None),
        &[Input { purpose: "Only those in this stage", ..STAGE }, PAGE_SIZE, CURSOR],
        (Effect::Reads, OF_PAYOUTS, "GET /api/v1/payouts", table::PAYOUTS),
        |account, values| list(account, values, &PAYOUTS, &[("stage", "stage")]),
    ),
    offer(
        ("payouts", "get", "Show a payout", Some("Introw's id of the payout")),
        &[],
        (Effect::Reads, OF_PAYOUTS, lines::GET_PAYOUT, table::PAYOUTS),
        |account, values| one(account, values, &PAYOUTS),
    ),
    offer(
        ("payouts", "update", "Change the stage or order number of a payout", Some("Introw's id of the payout")),
        &[
            STAGE,
            Input::text("po_number", "Number of the purchase order"),
            Input::of("clear_po_number", InputKind::Flag, "Take its number away"),
        ],
        (Effect::Changes, OF_PAYOUTS, "PATCH /api/v1/payouts/{id}", table::PAYOUTS),
        |account, values| {
            let given = texts(values, &[("stage", "stage", 255), ("po_number", "poNumber", 255)])?;
            patch(account, values, &PAYOUTS, given, &[("clear_po_number", "poNumber")])
        },
    ),
    offer(
        ("portal-sessions", "add", "Make an address that opens the partner portal once, without a login", None),
        &[
            Input::text("email", "E-mail address of a visitor who has access to the portal").needed(),
            Input::text("room", "Id of the room"),
        ],
        (Effect::Changes, &["url"], SESSIONS, table::SESSIONS),
        open_portal,
    ),
];

/// What a command is called (noun, verb, summary, the key it takes), its flags, what it does (effect, columns, calls, and
/// their source), and what starts it.
const fn offer(
    (noun, verb, summary, key): (&'static str, &'static str, &'static str, Option<&'static str>),
    inputs: &'static [Input],
    (effect, columns, calls, source): (Effect, &'static [&'static str], &'static str, &'static str),
    start: fn(&Account, &Values) -> Result<Ask<Reply>, Refusal>,
) -> Offer<Account> {
    let command = Command { noun, verb, summary, key, inputs, effect, columns, calls, source };
    Offer { command, dialects: &Dialect::ALL, start }
}

const PARTNERS: Thing = Thing {
    path: "/partners",
    one: "a partner",
    known: "`trailmark partners list` shows the ids",
    list: "GET /api/v1/partners",
    get: "GET /api/v1/partners/{id}",
    patch: "PATCH /api/v1/partners/{id}",
    reads: "partners:read",
    writes: "partners:write",
};

const LINES: Thing = Thing {
    path: lines::PATH,
    one: "a commission line",
    known: "`trailmark commissions list` shows the ids",
    list: lines::LIST,
    get: lines::GET,
    patch: "PATCH /api/v1/commission-lines/{id}",
    reads: lines::READ,
    writes: lines::WRITE,
};

const PAYOUTS: Thing = Thing {
    path: "/payouts",
    one: "a payout",
    known: "`trailmark payouts list` shows the ids",
    list: "GET /api/v1/payouts",
    get: lines::GET_PAYOUT,
    patch: "PATCH /api/v1/payouts/{id}",
    reads: lines::READ,
    writes: lines::WRITE,
};

const SESSIONS: &str = "POST /api/v1/auth/session";

/// A flag, the member of the body that it fills, and the most characters of it.
type Filled = (&'static str, &'static str, usize);

const OF_A_PARTNER: [Filled; 7] = [
    ("name", "name", 200),
    ("domain", "domain", 255),
    ("tier", "tierId", 255),
    ("phase", "phaseId", 255),
    ("owner", "partnerOwnerId", 255),
    ("experience_template", "experienceTemplateId", 255),
    ("portal_access", "portalAccess", 255),
];

const OF_A_LINE: [Filled; 5] = [
    ("partner", "partnerId", 255),
    ("idempotency_key", "idempotencyKey", 255),
    ("description", "description", 2000),
    ("payout", "payoutId", 255),
    ("note", "note", 2000),
];

/// The texts that were given, as members of a body.
fn texts(values: &Values, filled: &[Filled]) -> Result<Map<String, Value>, Refusal> {
    let mut body = Map::new();
    for (flag, member, most) in filled {
        match values.text(flag) {
            Some(text) if text.chars().count() > *most => {
                return Err(rejected(format!("`{flag}` must have at most {most} characters")));
            }
            Some(text) => drop(body.insert((*member).to_owned(), text.into())),
            None => {}
        }
    }
    Ok(body)
}

/// The members of a commission line.
fn line(values: &Values) -> Result<Map<String, Value>, Refusal> {
    let mut body = texts(values, &OF_A_LINE)?;
    let currency = values.text("currency").map(Currency::new).transpose();
    let currency = currency.map_err(|_unknown| rejected("`currency` must be an ISO 4217 code, such as EUR".into()))?;
    if let Some(currency) = currency {
        body.insert("currency".into(), currency.as_str().into());
    }
    for (flag, member) in [("amount_minor", "amount"), ("source_amount_minor", "sourceAmount")] {
        match (values.number(flag), currency) {
            (None, _) => {}
            (Some(0), _) if member == "amount" => return Err(rejected("`amount_minor` must not be 0".into())),
            (Some(amount_minor), Some(currency)) => {
                body.insert(member.to_owned(), Money { amount_minor, currency }.to_decimal().into());
            }
            (Some(_), None) => {
                return Err(rejected(format!("`{flag}` needs `currency`, which says what its minor units are")));
            }
        }
    }
    Ok(body)
}

fn list(
    account: &Account,
    values: &Values,
    thing: &'static Thing,
    filters: &[(&str, &str)],
) -> Result<Ask<Reply>, Refusal> {
    let size = values.number("page_size").unwrap_or(PAGE);
    if !(1..=PAGE).contains(&size) {
        return Err(rejected("`page_size` must be 1 to 100".into()));
    }
    let stated = filters.iter().filter_map(|(flag, name)| Some(format!("&{name}={}", encoded(values.text(flag)?))));
    let query = format!("{}?limit={size}{}", thing.path, stated.collect::<String>());
    Ok(page(account, values, thing, query, values.text("cursor")))
}

/// The page at a cursor, which leads to the next one.
fn page(account: &Account, values: &Values, thing: &'static Thing, query: String, cursor: Option<&str>) -> Ask<Reply> {
    let at = cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    let request = account.get(&format!("{query}{at}"), thing.list);
    let (account, values) = (account.clone(), values.clone());
    Call::new(request, move |answer| {
        shown::succeeded(&account, &values, answer, thing.reads)?;
        let items = answers::page(answer).and_then(|(items, next)| {
            let records: Option<Vec<Record>> = items.iter().map(shown::record).collect();
            Some((records?, next))
        });
        let (items, next) = items.ok_or_else(|| answers::unproved(answer, "a list with its cursor"))?;
        let next = next.map(|cursor| page(&account, &values, thing, query.clone(), Some(&cursor)));
        Ok(Reply::Page { items, next })
    })
}

fn one(account: &Account, values: &Values, thing: &'static Thing) -> Result<Ask<Reply>, Refusal> {
    let request = account.get(&at_key(values, thing.path)?, thing.get);
    let (account, values) = (account.clone(), values.clone());
    Ok(Call::new(request, move |answer| shown::one(&account, &values, answer, thing, thing.reads).map(Reply::Done)))
}

fn post(
    account: &Account,
    values: &Values,
    thing: &'static Thing,
    label: &'static str,
    body: Map<String, Value>,
) -> Ask<Reply> {
    let request = account.request(Method::Post, thing.path, Some(&Value::Object(body)), label);
    let (account, values) = (account.clone(), values.clone());
    Call::new(request, move |answer| {
        // Both calls that add answer 200 for what was there before: the partner of that name, the line of that key.
        let result = if answer.status == 201 { "created" } else { "existed" };
        let record = shown::one(&account, &values, answer, thing, thing.writes)?;
        Ok(Reply::Done(record.with_text("result", Some(result))))
    })
}

/// `PATCH`: a member is changed if it is given, and taken away if its flag says so.
fn patch(
    account: &Account,
    values: &Values,
    thing: &'static Thing,
    mut body: Map<String, Value>,
    clears: &[(&str, &str)],
) -> Result<Ask<Reply>, Refusal> {
    for (flag, member) in clears.iter().filter(|(flag, _)| values.has(flag)) {
        if body.insert((*member).to_owned(), Value::Null).is_some() {
            return Err(rejected(format!("`{flag}` excludes a new value for the same field")));
        }
    }
    if body.is_empty() {
        return Err(rejected("nothing to change: give a field".into()));
    }
    let path = at_key(values, thing.path)?;
    let request = account.request(Method::Patch, &path, Some(&Value::Object(body)), thing.patch);
    let (account, values) = (account.clone(), values.clone());
    Ok(Call::new(request, move |answer| shown::one(&account, &values, answer, thing, thing.writes).map(Reply::Done)))
}

/// `POST` of a verb below a commission line.
fn act(
    account: &Account,
    values: &Values,
    verb: &str,
    label: &'static str,
    body: Option<Map<String, Value>>,
) -> Result<Ask<Reply>, Refusal> {
    let path = format!("{}/{verb}", at_key(values, LINES.path)?);
    let request = account.request(Method::Post, &path, body.map(Value::Object).as_ref(), label);
    let (account, values) = (account.clone(), values.clone());
    Ok(Call::new(request, move |answer| shown::one(&account, &values, answer, &LINES, LINES.writes).map(Reply::Done)))
}

fn convert(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let members = [("click_id", "clickId", 256), ("email", "email", 255), ("publishable_key", "publishableKey", 128)];
    let mut body = texts(values, &members)?;
    if let Some(properties) = values.pairs("property").map(conversions::properties).filter(|map| !map.is_empty()) {
        body.insert("properties".into(), Value::Object(properties));
    }
    let body = Value::Object(body);
    let request = account.request(Method::Post, conversions::PATH, Some(&body), conversions::LABEL);
    let (account, values) = (account.clone(), values.clone());
    Ok(Call::new(request, move |answer| {
        shown::succeeded(&account, &values, answer, conversions::SCOPE)?;
        match conversions::word(answer) {
            Some(Word::Recorded { id }) => {
                let form = answers::object(answer);
                let form = form.as_ref().and_then(|body| text(body, "formSubmissionId"));
                let record =
                    Record::default().with_text("status", Some("recorded")).with_text("conversion_id", Some(&id));
                Ok(Reply::Done(record.with_text("form_submission_id", form)))
            }
            Some(Word::Duplicate { .. }) => {
                Err(Outcome::Duplicate { message: answers::said(answer, "the click token was converted before") })
            }
            Some(Word::Ignored) => Err(Outcome::Ignored { message: answers::said(answer, conversions::IGNORED) }),
            None => Err(answers::unproved(answer, "`recorded`, `duplicate` or `ignored`")),
        }
    }))
}

fn open_portal(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let body = Value::Object(texts(values, &[("email", "email", 255), ("room", "roomId", 255)])?);
    let request = account.request(Method::Post, "/auth/session", Some(&body), SESSIONS);
    let (account, values) = (account.clone(), values.clone());
    Ok(Call::new(request, move |answer| {
        // The vendor answers 401 for a visitor without access, too (vendors-2.md § 2).
        shown::succeeded(&account, &values, answer, "portal-sessions:write").map_err(|failure| match failure {
            Outcome::AuthFailed { message } => Outcome::Rejected {
                message: format!("{message}; either the visitor has no access to the portal, or the key is refused"),
            },
            failure => failure,
        })?;
        let body = answers::object(answer);
        let url = body.as_ref().and_then(|body| text(body, "url")).filter(|url| url.starts_with("http"));
        let record = url.map(|url| Record::default().with_text("url", Some(url)));
        record.map(Reply::Done).ok_or_else(|| answers::unproved(answer, "an address of the portal"))
    }))
}

fn at_key(values: &Values, path: &str) -> Result<String, Refusal> {
    let key = segment(&values.key).ok_or_else(|| rejected("the id cannot be part of a URL".into()))?;
    Ok(format!("{path}/{key}"))
}

fn rejected(reason: String) -> Refusal {
    Refusal::Input(Rejection { reason })
}
