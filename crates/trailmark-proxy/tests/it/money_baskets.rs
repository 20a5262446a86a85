//! Random baskets with random partial refunds at every vendor, in both dialects: what the simulated vendor has booked
//! in the end is the sale less its refunds, exactly; or a conversion was refused as `inexact_amount`, and nothing of it
//! is there. Without a proxy: the adapters meet the strict vendors over real sockets, one conversion after another,
//! with the tasks that a ledger would make. Where the vendor accepts a repeat, some conversions are sent twice.
//! `money_vendors` plays three sales through the whole proxy.
//!
//! A failure prints the seed and the smallest basket that still fails. `PROPTEST_CASES` sets the number of
//! baskets.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::{Value, json};
use trailmark_proxy::clock::ManualClock;
use trailmark_proxy::egress::{Bounds, Egress};
use trailmark_simulator::Running;
use trailmark_vendors::exchange::{Call, Step};
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_vendors::{Adapter, Dialect, vendor};
use trailmark_wire::conversion::{Customer, Item, Kind, Order};
use trailmark_wire::ids::{ClickId, ConversionId, CustomerKey, OrderKey, PartnerKey, ProgramId, SiteId};
use trailmark_wire::money::Currency;
use trailmark_wire::time::UnixMillis;

use super::delivery_accounts::{in_dialect, settings};
use super::webhooks_town::double;

/// Millionths of a percent in the whole.
const WHOLE: i64 = 100_000_000;
/// Baskets of a run that names no number; each is played in both dialects.
const BASKETS: u32 = 128;
/// Baskets after which the simulator begins again, so that lists stay short.
const FRESH: u32 = 20;

/// A sale and its refunds, in minor units.
#[derive(Debug, Clone)]
struct Basket {
    currency: &'static str,
    /// SKU, price of one, quantity.
    lines: Vec<(String, i64, u32)>,
    total: i64,
    refunds: Vec<Back>,
    /// Whether the sale is sent twice.
    is_repeated: bool,
    /// What a partner of Introw earns, in millionths of a percent.
    share: i64,
}

#[derive(Debug, Clone)]
struct Back {
    amount: i64,
    has_lines: bool,
    is_repeated: bool,
}

fn baskets() -> impl Strategy<Value = Basket> {
    let line = (select(vec!["a", "a:%", "b/1", "[c]"]).prop_map(str::to_owned), 0..20_000_i64, 1..12_u32);
    // Above a thousand it is all that is left.
    let back = (1..=1250_i64, any::<bool>(), any::<bool>());
    let drawn = (
        select(vec!["EUR", "JPY", "KWD", "USD", "CLF"]),
        select(vec![1_i64, 10, 1000]),
        vec(line, 0..6),
        0..=1000_i64,
        vec(back, 0..5),
        any::<bool>(),
        select(vec![10_000_000, 12_500_000, 33_333_333, WHOLE, 1]),
    );
    drawn.prop_map(|(currency, grain, lines, kept, backs, is_repeated, share)| {
        let of_lines: i64 = lines.iter().map(|(_, unit, quantity)| unit * i64::from(*quantity)).sum();
        let whole = if lines.is_empty() { 1_234_567 } else { of_lines };
        let total = whole * kept / 1000 / grain * grain;
        let mut left = total;
        let refunds = backs.into_iter().filter_map(|(part, has_lines, is_repeated)| {
            let part = left * part / 1000 / grain * grain;
            let amount = part.max(1).min(left);
            left -= amount;
            (amount > 0).then_some(Back { amount, has_lines, is_repeated })
        });
        Basket { refunds: refunds.collect(), currency, lines, total, is_repeated, share }
    })
}

/// What differs between vendors.
pub(crate) struct Place {
    pub(crate) vendor: &'static str,
    /// The partner's key, from the state of an account.
    pub(crate) partner: fn(&Value) -> String,
    /// Its control routes with bodies, without which it takes longer than a test.
    pub(crate) hurry: (&'static str, &'static str),
    /// What it has booked for a customer, under this order: an amount and its currency each.
    pub(crate) booked: fn(&Value, customer: &str, order: &str) -> Vec<(Value, Value)>,
    /// Whether an amount and a partner's share of it can be told in its unit.
    is_exact: fn(minor: i64, currency: Currency, share: i64) -> bool,
}

fn rows<'v>(state: &'v Value, list: &str, name: &'v str, value: &'v str) -> impl Iterator<Item = &'v Value> {
    state[list].as_array().unwrap().iter().filter(move |row| row[name] == value && row["deleted"] != true)
}

/// Hundredths, whatever the currency.
fn in_hundredths(minor: i64, currency: Currency, _share: i64) -> bool {
    minor * 100 % 10_i64.pow(currency.exponent()) == 0
}

pub(crate) const PARTNERSTACK: Place = Place {
    vendor: "partnerstack",
    partner: |_| "ada".to_owned(),
    hurry: ("partnerstack/settings", r#"{"visible_after_ms": 0}"#),
    booked: |state, customer, _| {
        let cents = |row: &Value| json!(format!("{}e-2", row["amount"].as_i64().unwrap()));
        rows(state, "transactions", "customer_key", customer).map(|row| (cents(row), row["currency"].clone())).collect()
    },
    is_exact: in_hundredths,
};

pub(crate) const PARTNERIZE: Place = Place {
    vendor: "partnerize",
    partner: |_| "amber".to_owned(),
    hurry: ("partnerize/settings", r#"{"visible_after_ms": 0, "job_ms": 0}"#),
    booked: |state, customer, order| {
        let own = rows(state, "conversions", "customer_reference", customer);
        let sales = own.filter(|row| row["conversion_items"][0]["category"] != "signup");
        let items = sales.flat_map(|row| {
            assert_eq!(row["conversion_reference"], order, "{row}");
            row["conversion_items"].as_array().unwrap().iter().map(|item| (item, row["currency"].clone()))
        });
        let standing = items.filter(|(item, _)| item["item_status"] != "rejected");
        standing.map(|(item, currency)| (item["item_value"].clone(), currency)).collect()
    },
    is_exact: |_, _, _| true,
};

pub(crate) const INTROW: Place = Place {
    vendor: "introw",
    partner: |state| state["partners"][0]["id"].as_str().unwrap().to_owned(),
    hurry: ("introw/settings", r#"{"rate_limit_per_minute": null}"#),
    booked: |state, _, order| {
        let lines = state["commission_lines"].as_array().unwrap().iter();
        let named = format!("rder {order} (");
        let own = lines.filter(|line| line["description"].as_str().unwrap().contains(&named));
        own.map(|line| (line["amount"].clone(), line["currency"].clone())).collect()
    },
    is_exact: |minor, _, share| minor * share % WHOLE == 0,
};

pub(crate) const PARTNERO: Place = Place {
    vendor: "partnero",
    partner: |_| "amiraito".to_owned(),
    hurry: ("partnero/settings", r#"{"visible_after_ms": 0}"#),
    booked: |state, customer, order| {
        let own = rows(state, "transactions", "customer_key", customer);
        own.map(|row| {
            assert_eq!(row["key"], order, "{row}");
            (row["shown"]["amount"].clone(), row["shown"]["amount_units"].clone())
        })
        .collect()
    },
    is_exact: in_hundredths,
};

/// Millionths of a shown amount, exactly. `123e-2` are hundredths.
pub(crate) fn millionths(shown: &Value) -> i128 {
    let text = shown.as_str().map_or_else(|| shown.to_string(), str::to_owned);
    if let Some(hundredths) = text.strip_suffix("e-2") {
        return hundredths.parse::<i128>().unwrap() * 10_000;
    }
    let (sign, text) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 6, "{shown}");
    sign * format!("{whole}{fraction:0<6}").parse::<i128>().unwrap()
}

/// What became of a conversion.
enum End {
    Done(Option<String>),
    Inexact,
    /// There was nothing to tell the vendor.
    Nothing,
}

/// One simulated vendor.
struct Shop {
    place: Place,
    double: Running,
    http: reqwest::Client,
    egress: Egress,
    /// Of the account in each dialect.
    partner: [String; 2],
    /// A click in each account, where the vendor has clicks.
    click: [Option<String>; 2],
    now: UnixMillis,
    played: u32,
    recorded: u32,
    inexact: u32,
}

impl Shop {
    async fn open(place: Place) -> Self {
        let double = double().await;
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let clock = Arc::new(ManualClock::new(UnixMillis(0)));
        let egress = Egress::new([double.address().to_string()], Bounds::default(), clock).unwrap();
        let (partner, click, now) = (Default::default(), Default::default(), UnixMillis(0));
        Self { place, double, http, egress, partner, click, now, played: 0, recorded: 0, inexact: 0 }
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("http://{}/control/{path}", self.double.address());
        let request = self.http.request(method.parse().unwrap(), url).header("content-type", "application/json");
        let answer = request.body(if body.is_null() { String::new() } else { body.to_string() }).send().await.unwrap();
        let (is_good, text) = (answer.status().is_success(), answer.text().await.unwrap());
        assert!(is_good, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn state(&self, dialect: Dialect) -> Value {
        self.control("GET", &format!("state/{}", in_dialect(self.place.vendor, dialect)), &Value::Null).await
    }

    /// Empties the vendor. What it had, it had without a violation.
    async fn begin(&mut self) {
        let violations = self.control("GET", "violations", &Value::Null).await;
        assert_eq!(violations["total"], 0, "{violations}");
        self.now = UnixMillis(self.control("POST", "reset", &json!({})).await["now_ms"].as_i64().unwrap());
        let (route, body) = self.place.hurry;
        self.control("POST", route, &serde_json::from_str(body).unwrap()).await;
        for (index, dialect) in Dialect::ALL.into_iter().enumerate() {
            // A vendor always begins with the same partners.
            if self.played == 0 {
                self.partner[index] = (self.place.partner)(&self.state(dialect).await);
            }
            if self.place.vendor == "partnerize" {
                let account = json!({ "account": in_dialect(self.place.vendor, dialect) });
                let click = self.control("POST", "partnerize/clicks", &account).await;
                self.click[index] = Some(click["clickref"].as_str().unwrap().to_owned());
            }
        }
    }

    async fn walk<T>(&self, mut call: Call<Step<T>>) -> T {
        loop {
            let answer = self.egress.send(&call.request).await.unwrap();
            match (call.read)(&answer) {
                Step::Done(done) => return done,
                Step::Next(next) => call = next,
            }
        }
    }

    /// Sends a conversion and looks it up where its answer proves nothing; twice, if it may be repeated.
    async fn deliver(&self, adapter: &Adapter, task: &Task, is_repeated: bool) -> Result<End, String> {
        let (call, class) = match adapter.delivery.plan(task) {
            Ok(Plan::Send { call, class, .. }) => (call, class),
            Ok(Plan::NotNeeded { .. }) => return Ok(End::Nothing),
            Ok(Plan::Unsupported { why }) => return Err(why.to_owned()),
            Err(rejection) if rejection.reason.starts_with("inexact_amount: ") => return Ok(End::Inexact),
            Err(rejection) => return Err(rejection.reason),
        };
        let sent = Task { is_unsent: false, may_have_acted: true, ..task.clone() };
        let mut end = match self.walk(call).await {
            // The simulated Partnero takes no transaction of 0; no document says.
            Outcome::Rejected { .. } if task.order.as_ref().is_some_and(|order| order.amount_minor == 0) => {
                return Ok(End::Nothing);
            }
            // Of the amount of another line, which was read first.
            Outcome::Rejected { message } if message.starts_with("inexact_amount: ") => return Ok(End::Inexact),
            // Of a repeated deletion.
            Outcome::Missing { .. } if !task.is_unsent => End::Done(None),
            Outcome::Recorded { reference } => End::Done(reference),
            Outcome::Unverified { reference } => {
                let look_up = adapter.delivery.look_up(&Task { reference, ..sent.clone() });
                match self.walk(look_up.ok_or("no look-up")?).await {
                    LookUp::Found { reference } => End::Done(reference),
                    other => return Err(format!("looked up: {other:?}")),
                }
            }
            other => return Err(format!("sent: {other:?}")),
        };
        if is_repeated && class.resends_blind() {
            let again = Box::pin(self.deliver(adapter, &sent, false)).await?;
            if let (End::Done(reference), End::Done(Some(repeated))) = (&mut end, again) {
                *reference = Some(repeated);
            }
        }
        Ok(end)
    }

    /// Plays a basket in one account.
    async fn play(&mut self, dialect: Dialect, basket: &Basket) -> Result<(), String> {
        if self.played.is_multiple_of(FRESH) {
            self.begin().await;
        }
        self.played += 1;
        let index = usize::from(dialect == Dialect::Guide);
        let share = if self.place.vendor == "introw" { basket.share } else { WHOLE };
        let (customer, order) = (format!("c{}", self.played), format!("o{}sold", self.played));
        let percent = format!("{}.{:06}", basket.share / 1_000_000, basket.share % 1_000_000);
        let settings = settings(self.place.vendor, dialect, &self.double.address().to_string());
        let settings = settings.with_text("commission_percent", percent);
        let adapter = vendor(self.place.vendor).unwrap().open(&settings).unwrap();
        let currency = Currency::new(basket.currency).unwrap();
        let item = |sku: &str, unit_amount_minor, quantity| Item {
            sku: sku.to_owned(),
            category: None,
            unit_amount_minor,
            quantity,
        };
        let signup = Task {
            site: SiteId::new("acme").unwrap(),
            program: ProgramId::new("main").unwrap(),
            conversion: ConversionId::from_parts(self.now, [0; 10]),
            kind: Kind::Signup,
            occurred_at: self.now,
            customer: Some(Customer {
                key: CustomerKey::new(customer.as_str()).unwrap(),
                email: Some(format!("{customer}@customers.example")),
                name: None,
            }),
            order: None,
            refund_of: None,
            sale: None,
            customer_reference: None,
            click_id: self.click[index].as_deref().map(|click| ClickId::new(click).unwrap()),
            partner: Some(PartnerKey::new(self.partner[index].as_str()).unwrap()),
            data: Default::default(),
            reference: None,
            touch_used_by: None,
            is_unsent: true,
            may_have_acted: false,
        };
        let mut sale = Task {
            kind: Kind::Sale,
            order: Some(Order {
                key: OrderKey::new(order.as_str()).unwrap(),
                amount_minor: basket.total,
                currency,
                items: basket.lines.iter().map(|(sku, unit, quantity)| item(sku, *unit, *quantity)).collect(),
            }),
            ..signup.clone()
        };
        if adapter.delivery.follows(Kind::Sale) == Some(Kind::Signup) {
            let End::Done(reference) = self.deliver(&adapter, &signup, false).await? else { panic!("{customer}") };
            sale.customer_reference = reference;
        }
        let (sold, reference) = match self.deliver(&adapter, &sale, basket.is_repeated).await? {
            End::Done(reference) => (basket.total, reference),
            End::Nothing => (0, None),
            End::Inexact => {
                self.is_refused_rightly(basket.total, currency, share)?;
                return self.has_booked(dialect, (&customer, &order), 0, currency, share).await;
            }
        };
        let mut refunded_minor = 0;
        for (number, Back { amount, has_lines, is_repeated }) in basket.refunds.iter().enumerate() {
            let half = (amount + 1) / 2;
            let refund = Task {
                kind: Kind::Refund,
                order: Some(Order {
                    key: OrderKey::new(format!("r_{}_{number}", self.played)).unwrap(),
                    amount_minor: *amount,
                    currency,
                    items: if *has_lines { vec![item("b/1", half, 1), item("x", half, 1)] } else { Vec::new() },
                }),
                refund_of: sale.order.as_ref().map(|order| order.key.clone()),
                sale: Some(EarlierSale {
                    occurred_at: self.now,
                    amount_minor: basket.total,
                    refunded_minor,
                    currency,
                    items: sale.order.as_ref().map(|order| order.items.clone()).unwrap_or_default(),
                    reference: reference.clone(),
                    refund_reference: None,
                }),
                ..sale.clone()
            };
            match self.deliver(&adapter, &refund, *is_repeated).await? {
                End::Done(_) => {
                    refunded_minor += amount;
                    self.recorded += 1;
                }
                End::Inexact => self.is_refused_rightly(*amount, currency, share)?,
                End::Nothing => return Err("a refund of an amount was not sent".into()),
            }
        }
        self.has_booked(dialect, (&customer, &order), sold - refunded_minor, currency, share).await
    }

    fn is_refused_rightly(&mut self, minor: i64, currency: Currency, share: i64) -> Result<(), String> {
        self.inexact += 1;
        match (self.place.is_exact)(minor, currency, share) {
            true => Err(format!("{minor} of {currency} was refused as inexact, and the vendor's unit can tell it")),
            false => Ok(()),
        }
    }

    /// The vendor has exactly so much, or a partner's share of it.
    async fn has_booked(
        &self,
        dialect: Dialect,
        (customer, order): (&str, &str),
        minor: i64,
        currency: Currency,
        share: i64,
    ) -> Result<(), String> {
        let booked = (self.place.booked)(&self.state(dialect).await, customer, order);
        let is_of = |shown: &Value| shown.as_str().is_some_and(|code| code.eq_ignore_ascii_case(currency.as_str()));
        let sum: i128 = booked.iter().map(|(amount, _)| millionths(amount)).sum();
        let expected = i128::from(minor) * 10_i128.pow(6 - currency.exponent()) * i128::from(share);
        if sum * i128::from(WHOLE) == expected && booked.iter().all(|(_, code)| is_of(code)) {
            return Ok(());
        }
        Err(format!("{dialect:?}: {minor} minor units of {currency} should be booked, and these are: {booked:?}"))
    }
}

fn every_basket_is_booked_exactly_or_refused(place: Place) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = BASKETS;
    }
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()),
    };
    let shop = RefCell::new(runtime.block_on(Shop::open(place)));
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..config });
    let ran = runner.run(&baskets(), |basket| {
        for dialect in Dialect::ALL {
            let played = runtime.block_on(shop.borrow_mut().play(dialect, &basket));
            played.map_err(|why| TestCaseError::fail(format!("{dialect:?}: {why}")))?;
        }
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("with PROPTEST_RNG_SEED={seed} {failure}");
    }
    let shop = shop.into_inner();
    let violations = runtime.block_on(shop.control("GET", "violations", &Value::Null));
    assert_eq!(violations["total"], 0, "{violations}");
    // The claim is not empty.
    let (some, is_coarse) = (shop.played / 8, shop.place.vendor != "partnerize");
    let counts = format!("{} baskets, {} refunds, {} inexact", shop.played, shop.recorded, shop.inexact);
    assert!(shop.recorded >= some && (shop.inexact >= some / 4 || !is_coarse), "{counts}");
}

#[test]
fn random_baskets_are_exact_at_partnerstack() {
    every_basket_is_booked_exactly_or_refused(PARTNERSTACK);
}

#[test]
fn random_baskets_are_exact_at_partnerize() {
    every_basket_is_booked_exactly_or_refused(PARTNERIZE);
}

#[test]
fn random_baskets_are_exact_at_introw() {
    every_basket_is_booked_exactly_or_refused(INTROW);
}

#[test]
fn random_baskets_are_exact_at_partnero() {
    every_basket_is_booked_exactly_or_refused(PARTNERO);
}
