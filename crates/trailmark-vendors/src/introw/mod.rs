//! Introw. A signup or a lead converts the click token of its touch, which is possible once, ever. A sale is a commission
//! line for the partner that the touch names in a parameter of `params`: Introw has no orders, so the line is the partner's
//! pay, a configured share of the order. A refund is a negative line with the share of its sale's line, unless that line is
//! void. A sale whose touch names no partner converts the click token, without money.
//!
//! Which of the two calls a sale becomes depends only on whether its touch names a partner, never on earlier sends:
//! otherwise a repeat could make a line of what is a conversion already.
//!
//! This file has the account and decides which call a task becomes. The calls are in `conversions` and `lines`; `commands`
//! has an operator's commands, `shown` what they print, `answers` what all answers share; `table` describes everything for people.
//!
//! Seed 003 describes the list of partners, and that page is the vendor's own: both dialects send the same requests.
//! Introw reports nothing by itself, so there are no webhooks.
//!
//! Sources: <https://developers.introw.io>; vendors.md § 3, vendors-2.md § 2; seed 003.

mod conversions;

mod lines;

mod commands;

mod shown;

mod answers;

mod table;

use std::sync::Arc;

use serde_json::Value;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ClickId;

use self::lines::{Back, Line, Share, Sought};
use crate::account::{AccountError, KeySpace, Opening, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class};
use crate::command::{Ask, Command, Commands, Import, Lack, Offer, Once, Refusal, Reply, Values};
use crate::commission::{Earned, Standing};
use crate::exchange::{Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome, Probe};
use crate::redaction::{Credential, Redaction};
use crate::root::Root;
use crate::secret::Secret;
use crate::task::{Field, Plan, Rejection, Task};
use crate::{Adapter, Commissions, Delivery, Dialect, Pace, Vendor};

const NAME: &str = "introw";

const API_KEY: Setting = Setting::of("api_key", SettingKind::Secret, "key of its API").needed();
const COMMISSION_PERCENT: Setting = Setting::of(
    "commission_percent",
    SettingKind::Text { example: "12.5" },
    "percentage of an order that its partner earns; without it a sale is at most a conversion without money",
);
const BASE_URL: Setting = Setting::of(
    "base_url",
    SettingKind::Root { default: "https://api.introw.io" },
    "root of its API; the staging host is https://api.staging.introw.io",
);

/// The vendor.
pub(crate) struct Introw;

impl Vendor for Introw {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Introw"
    }

    fn settings(&self) -> &'static [Setting] {
        const { &[API_KEY, COMMISSION_PERCENT, BASE_URL] }
    }

    /// A line's key names site and program (`lines`); a conversion has none.
    fn key_space(&self) -> Option<KeySpace> {
        None
    }

    /// The vendor counts 120 requests in a fixed minute (vendors-2.md § 2): a full burst and a minute's refill stay within.
    fn pace(&self) -> Pace {
        Pace { per_minute: 110, burst: 10, concurrency: 4 }
    }

    fn capabilities(&self, dialect: Dialect) -> Capabilities {
        table::capabilities(dialect)
    }

    fn commands(&self, dialect: Dialect) -> Vec<&'static Command> {
        Offer::offered(&commands::OFFERS, dialect)
    }

    fn lacking(&self) -> &'static [Lack] {
        &table::LACKS
    }

    fn imports(&self) -> &'static [Import] {
        &[Import { noun: "partners", once: Once::Updates }]
    }

    /// A partner is a company, of which the list shows no address.
    fn matched_by(&self) -> &'static str {
        "domain"
    }

    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError> {
        let account = Arc::new(Account::new(settings)?);
        Ok(Adapter {
            vendor: NAME,
            dialect: settings.dialect,
            hosts: vec![account.api.host().to_owned()],
            reading_credential: API_KEY.name,
            delivery: account.clone(),
            commissions: Some(account.clone()),
            webhooks: None,
            commands: Some(account),
        })
    }
}

/// One Introw account.
#[derive(Debug, Clone)]
struct Account {
    dialect: Dialect,
    key: Secret,
    api: Root,
    /// What a partner earns of an order; without it sales and refunds cannot be expressed.
    share: Option<Share>,
    /// The key in every spelling in which it may come back.
    credentials: Vec<Credential>,
}

/// The call that a task becomes.
enum Wanted<'a> {
    /// `POST /api/v1/affiliate/conversions`
    Conversion(&'a ClickId),
    /// `POST /api/v1/commission-lines`
    Line(Line),
    /// The same, after `GET /api/v1/commission-lines/{id}` of the sale.
    Back(Back),
    /// None, and why.
    Nothing(Plan),
}

impl Account {
    fn new(settings: &Settings) -> Result<Self, AccountError> {
        let opening = Opening { vendor: NAME, settings };
        let key = opening.needed_secret(&API_KEY)?;
        let percent = settings.texts.get(COMMISSION_PERCENT.name).map(|text| Share::of_percent(text));
        let share = percent.transpose().map_err(|problem| opening.unusable(&COMMISSION_PERCENT, problem))?;
        Ok(Self {
            dialect: settings.dialect,
            key: key.clone(),
            api: opening.root(&BASE_URL)?,
            share,
            credentials: Credential::token(key),
        })
    }

    fn wanted<'a>(&self, task: &'a Task) -> Result<Wanted<'a>, Rejection> {
        match (task.kind, &task.partner) {
            (Kind::Sale | Kind::Refund, Some(partner)) => lines::wanted(task, partner, self.share),
            (Kind::Refund, None) => Ok(Wanted::Nothing(Plan::Unsupported {
                why: "its touch names no partner, so its sale was a conversion, which has no money to take back; reject \
                      the conversion in Introw",
            })),
            (Kind::Signup | Kind::Lead | Kind::Sale, _) => conversions::wanted(task, self.share.is_some()),
        }
    }

    /// A request; `path` is below `/api/v1`, and values in it are encoded.
    fn request(&self, method: Method, path: &str, body: Option<&Value>, label: &'static str) -> Request {
        let json = || Secret::new("application/json");
        let mut headers = vec![("accept", json()), ("x-api-key", self.key.clone())];
        if body.is_some() {
            headers.push(("content-type", json()));
        }
        let body = body.map(|body| body.to_string().into_bytes());
        Request { method, url: self.api.url(&format!("/api/v1{path}")), headers, body, label }
    }

    fn get(&self, path: &str, label: &'static str) -> Request {
        self.request(Method::Get, path, None, label)
    }

    /// Adds a line.
    fn adding(&self, line: Line, task: Task) -> Call<Step<Outcome>> {
        let request = self.request(Method::Post, lines::PATH, Some(&line.body()), lines::ADD);
        let account = self.clone();
        Call::new(request, move |answer| {
            Step::Done(line.read(answer, &Redaction::of_task(&account.credentials, &task)))
        })
    }

    /// A look-up that goes on page after page until one settles it.
    fn looking(&self, task: Task, sought: Sought, cursor: Option<&str>) -> Call<Step<LookUp>> {
        let account = self.clone();
        let request = self.get(&sought.list(cursor), lines::LIST);
        Call::new(request, move |answer| match sought.find(answer, &Redaction::of_task(&account.credentials, &task)) {
            Ok(found) => Step::Done(found),
            Err(cursor) => Step::Next(account.looking(task.clone(), sought.clone(), Some(&cursor))),
        })
    }
}

impl Delivery for Account {
    /// Conversions and lines know no customer, so only a refund follows something.
    fn follows(&self, kind: Kind) -> Option<Kind> {
        (kind == Kind::Refund).then_some(Kind::Sale)
    }

    fn needs(&self, _kind: Kind, _has_click_id: bool) -> &'static [Field] {
        &[]
    }

    fn plan(&self, task: &Task) -> Result<Plan, Rejection> {
        let mut notes = Vec::new();
        let (account, owned) = (self.clone(), task.clone());
        let (call, class): (Call<Step<Outcome>>, _) = match self.wanted(task)? {
            Wanted::Nothing(plan) => return Ok(plan),
            Wanted::Conversion(click_id) => {
                let body = conversions::body(task, click_id, &mut notes);
                let request = self.request(Method::Post, conversions::PATH, Some(&body), conversions::LABEL);
                let read = move |answer: &_| {
                    let redaction = Redaction::of_task(&account.credentials, &owned);
                    Step::Done(conversions::read(&owned, answer, &redaction))
                };
                (Call::new(request, read), Class::UniqueKey)
            }
            Wanted::Line(line) => {
                lines::note_what_is_left_out(task, &mut notes);
                (self.adding(line, owned), Class::Searchable)
            }
            Wanted::Back(back) => {
                lines::note_what_is_left_out(task, &mut notes);
                let request = self.get(&back.path, lines::GET);
                let read = move |answer: &_| match back.owed(answer, &Redaction::of_task(&account.credentials, &owned))
                {
                    Ok(line) => Step::Next(account.adding(line, owned.clone())),
                    Err(outcome) => Step::Done(outcome),
                };
                (Call::new(request, read), Class::Searchable)
            }
        };
        Ok(Plan::Send { call, class, credential: API_KEY.name, notes })
    }

    /// No call reads a conversion; its repeat is answered by `duplicate`.
    fn look_up(&self, task: &Task) -> Option<Call<Step<LookUp>>> {
        match self.wanted(task).ok()? {
            Wanted::Line(line) => Some(self.looking(task.clone(), line.sought(), None)),
            Wanted::Back(back) => {
                let (account, owned, request) = (self.clone(), task.clone(), self.get(&back.path, lines::GET));
                Some(Call::new(request, move |answer| {
                    match back.sought(answer, &Redaction::of_task(&account.credentials, &owned)) {
                        Ok(sought) => Step::Next(account.looking(owned.clone(), sought, None)),
                        Err(outcome) => Step::Done(answers::not_looked_up(answer, outcome)),
                    }
                }))
            }
            Wanted::Conversion(_) | Wanted::Nothing(_) => None,
        }
    }

    /// A 403 of the vendor means that the key is good and lacks the scope `partners:read`, which no delivery needs.
    fn probe(&self, credential: &str) -> Option<Call<Probe>> {
        let account = self.clone();
        (credential == API_KEY.name).then(|| {
            Call::new(self.get("/partners?limit=1", "GET /api/v1/partners"), move |answer| {
                match answers::failure(answer, "partners:read", &Redaction::of(&account.credentials, [])) {
                    None if answers::page(answer).is_some() => Probe::Good,
                    Some(Outcome::Forbidden { .. }) => Probe::Good,
                    Some(Outcome::AuthFailed { .. }) => Probe::Refused,
                    None | Some(_) => Probe::Unclear,
                }
            })
        })
    }
}

impl Commissions for Account {
    /// Only a line tells; what becomes of a conversion is shown in Introw alone.
    fn ask(&self, earned: &Earned) -> Option<Call<Step<Standing>>> {
        let is_line = matches!(earned.task.kind, Kind::Sale | Kind::Refund) && earned.task.partner.is_some();
        let path = lines::path(earned.reference.as_deref().filter(|_| is_line)?)?;
        let (account, task) = (self.clone(), earned.task.clone());
        Some(Call::new(self.get(&path, lines::GET), move |answer| {
            let redaction = Redaction::of_task(&account.credentials, &task);
            match lines::standing(answer, &redaction) {
                Ok(standing) => Step::Done(standing),
                Err(paid_out) => {
                    let (account, task) = (account.clone(), task.clone());
                    let request = account.get(&paid_out.path, lines::GET_PAYOUT);
                    Step::Next(Call::new(request, move |answer| {
                        Step::Done(paid_out.standing(answer, &Redaction::of_task(&account.credentials, &task)))
                    }))
                }
            }
        }))
    }
}

impl Commands for Account {
    fn start(&self, command: &Command, values: &Values) -> Result<Ask<Reply>, Refusal> {
        Offer::start(&commands::OFFERS, self, self.dialect, command, values)
    }
}
