//! Three sales and a part of each given back, through the whole proxy, at every vendor in both dialects: a basket with
//! a discount, a currency without decimals and one with three. One arrival brings a partner of each vendor, a page's
//! visitor signs up, and the backend reports the order. What each vendor has booked is compared with what each counts
//! in; where its unit is too coarse, the sale is rejected as `inexact_amount` and nothing of it is there.
//! `money_baskets` has random sales.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trailmark_proxy::clock::Clock as _;
use trailmark_proxy::delivery::{Engine, EngineHandle, LaneAccount, Parts, Settings};
use trailmark_proxy::egress::{Bounds, Egress};
use trailmark_proxy::explain::explain;
use trailmark_proxy::outbox::State;
use trailmark_proxy::random::Random;
use trailmark_proxy::store::operator::DeliveryRow;
use trailmark_simulator::Running;
use trailmark_vendors::Dialect;
use trailmark_wire::time::UnixMillis;

use super::delivery_accounts::{in_dialect, settings};
use super::money_baskets::{INTROW, PARTNERIZE, PARTNERO, PARTNERSTACK, Place, millionths};
use super::support::backend::{customer, with};
use super::support::browser::arrival;
use super::support::proxy::{ORIGIN, TestProxy};
use super::webhooks_town::double;

/// Longer than any wait of a passing test.
const PATIENCE: Duration = Duration::from_secs(60);

const PLACES: [Place; 4] = [PARTNERSTACK, PARTNERIZE, INTROW, PARTNERO];

/// An order, a part of it that is given back, and what each vendor has booked before and after, in the order of
/// [`PLACES`]. Nothing stands for a refused sale. Introw's partner earns ten percent.
struct Sold {
    order: fn() -> Value,
    part: i64,
    before: [&'static str; 4],
    after: [&'static str; 4],
}

const SALES: [Sold; 3] = [
    Sold {
        order: || {
            let item = json!({"sku": "seat", "unit_amount_minor": 1000, "quantity": 3});
            json!({"amount_minor": 2900, "currency": "EUR", "items": [item]})
        },
        part: 1000,
        before: ["29.00", "19.34 9.66", "2.90", "29"],
        after: ["29.00 -10.00", "9.34 9.66", "2.90 -1.00", "19"],
    },
    Sold {
        order: || json!({"amount_minor": 1000, "currency": "JPY"}),
        part: 400,
        before: ["1000", "1000", "100", "1000"],
        after: ["1000 -400", "600", "100 -40", "600"],
    },
    Sold {
        order: || json!({"amount_minor": 1234, "currency": "KWD"}),
        part: 4,
        before: ["", "1.234", "", ""],
        after: ["", "1.230", "", ""],
    },
];

/// A site with a program at every vendor.
struct Town {
    proxy: TestProxy,
    double: Running,
    key: String,
    engine: EngineHandle,
    dialect: Dialect,
}

impl Town {
    async fn open(dialect: Dialect) -> Self {
        let double = double().await;
        let mut variables = Vec::new();
        let mut file = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"{ORIGIN}\"\n\n[[sites]]\nid = \"acme\"\n\
             origins = [\"{ORIGIN}\"]\ncredit = \"each\"\nsignup_wait = \"0s\"\n"
        );
        for Place { vendor, .. } in PLACES {
            let settings = settings(vendor, dialect, &double.address().to_string());
            let dialect = dialect.as_str();
            file +=
                &format!("\n[[sites.programs]]\nid = \"{vendor}\"\nvendor = \"{vendor}\"\ndialect = \"{dialect}\"\n");
            for (name, secret) in &settings.secrets {
                let variable: &'static str = format!("{vendor}_{name}").to_uppercase().leak();
                file += &format!("{name} = \"env:{variable}\"\n");
                variables.push((variable, secret.expose().to_owned()));
            }
            for (name, text) in &settings.texts {
                file += &format!("{name} = \"{text}\"\n");
            }
            file += if vendor == "introw" { "params = [\"via\"]\n" } else { "" };
        }
        let proxy = TestProxy::with_variables(&file, &variables).await;
        let accounts: Vec<LaneAccount> = proxy.app.accounts.iter().map(LaneAccount::from).collect();
        let hosts: Vec<_> = accounts.iter().flat_map(|account| account.adapter.hosts.clone()).collect();
        let engine = Engine::start(Parts {
            store: proxy.store.clone() as _,
            clock: proxy.clock.clone(),
            egress: Arc::new(Egress::new(hosts, Bounds::default(), proxy.clock.clone()).unwrap()),
            random: Arc::new(|bytes: &mut [u8]| Random.fill(bytes).unwrap()),
            accounts,
            settings: Settings { poll: Duration::from_millis(20), ..Settings::default() },
        });
        let town = Self { key: proxy.api_key("acme").await, proxy, double, engine, dialect };
        for Place { hurry: (route, body), .. } in PLACES {
            town.control("POST", route, &serde_json::from_str(body).unwrap()).await;
        }
        town
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("http://{}/control/{path}", self.double.address());
        let request = self.proxy.http.request(method.parse().unwrap(), url).header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.proxy.send(request.body(body)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    async fn state(&self, vendor: &str) -> Value {
        self.control("GET", &format!("state/{}", in_dialect(vendor, self.dialect)), &Value::Null).await
    }

    /// The id of Introw's partner whose link `alder-advisory` is.
    async fn partner(&self) -> String {
        (INTROW.partner)(&self.state("introw").await)
    }

    /// A visitor who arrives with this query and signs up.
    async fn sign_up(&self, number: u8, query: &str) -> Vec<DeliveryRow> {
        let page = arrival(number, &format!("{ORIGIN}/pricing?{query}")).to_string();
        let token = self.proxy.post("v1/clicks", page).await.json()["click_token"].clone();
        let mut body = with(customer(&format!("c_{number}")), "click_token", token);
        body["customer"]["email"] = format!("c_{number}@customers.example").into();
        self.report(&format!("signup-{number}"), &body).await
    }

    /// The deliveries of what a backend reports, once nothing more happens to them.
    async fn report(&self, idempotency_key: &str, body: &Value) -> Vec<DeliveryRow> {
        let answer = self.proxy.report(&self.key, idempotency_key, body).await;
        assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("accepted")), "{answer:?}");
        self.engine.wake();
        let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
        let is_over = |row: &&DeliveryRow| row.state == "blocked" || State::from_word(&row.state).unwrap().is_settled();
        let begun = Instant::now();
        loop {
            let rows = self.proxy.store.conversion(id.clone()).await.unwrap().deliveries;
            let open: Vec<_> = rows.iter().filter(|row| !is_over(row)).collect();
            let Some(row) = open.first() else { return rows };
            assert!(begun.elapsed() < PATIENCE, "it stands so: {open:#?}");
            // What has answered, and is read back later, is read back now.
            let is_quiet = |row: &&&DeliveryRow| row.tries.iter().all(|one| one.outcome.is_some());
            let due_at = row.due_at.as_deref().map(|at| UnixMillis::from_rfc3339(at).unwrap());
            let early = due_at.map_or(0, |due_at| due_at.since(self.proxy.clock.now()));
            if early > 0 && open.iter().all(|row| is_quiet(&row)) {
                self.proxy.clock.advance(early);
                self.engine.wake();
            }
        }
    }

    /// The amounts that a vendor has booked for the customer of this number, in millionths, as written in the table.
    async fn booked(&self, place: &Place, number: u8) -> Vec<i128> {
        let state = self.state(place.vendor).await;
        let booked = (place.booked)(&state, &format!("c_{number}"), &format!("o_{number}_sold"));
        booked.iter().map(|(amount, _)| millionths(amount)).collect()
    }
}

fn amounts(table: &str) -> Vec<i128> {
    table.split_whitespace().map(|amount| millionths(&amount.into())).collect()
}

fn of<'r>(rows: &'r [DeliveryRow], vendor: &str) -> &'r DeliveryRow {
    rows.iter().find(|row| row.program.as_str() == vendor).unwrap_or_else(|| panic!("no {vendor} in {rows:#?}"))
}

async fn three_sales_are_exact_or_refused_at_every_vendor(dialect: Dialect) {
    let town = Town::open(dialect).await;
    let partner = town.partner().await;
    for (number, Sold { order, part, before, after }) in (1_u8..).zip(SALES) {
        let account = |vendor| in_dialect(vendor, dialect);
        let asked = json!({ "account": account("partnerize") });
        let clickref = town.control("POST", "partnerize/clicks", &asked).await["clickref"].take();
        let asked = json!({ "link": "alder-advisory", "account": account("introw") });
        let irw_id = town.control("POST", "introw/clicks", &asked).await["irw_id"].take();
        let (clickref, irw_id) = (clickref.as_str().unwrap(), irw_id.as_str().unwrap());
        let query = format!("ps_partner_key=YWRh&clickref={clickref}&irw_id={irw_id}&via={partner}&aff=amiraito");
        let signed_up = town.sign_up(number, &query).await;
        assert!(signed_up.len() == 4 && signed_up.iter().all(|row| row.state == "recorded"), "{signed_up:#?}");

        let (order, key) = (order(), format!("o_{number}_sold"));
        let customer = json!({ "key": format!("c_{number}") });
        let sale = json!({"kind": "sale", "customer": customer, "order": with(order.clone(), "key", key.as_str())});
        let sold = town.report(&key, &sale).await;
        for (place, before) in PLACES.iter().zip(before) {
            let row = of(&sold, place.vendor);
            let is_refused = before.is_empty();
            assert_eq!(row.state, if is_refused { "rejected" } else { "recorded" }, "{row:#?}");
            assert_eq!(row.reason.as_deref().is_some_and(|why| why.starts_with("inexact_amount: ")), is_refused);
            assert_eq!(town.booked(place, number).await, amounts(before), "{} {order}", place.vendor);
        }

        let back = json!({"key": format!("r_{number}_part"), "amount_minor": part, "currency": order["currency"]});
        let back =
            town.report(&format!("r_{number}"), &json!({"kind": "refund", "refund_of": key, "order": back})).await;
        for (place, after) in PLACES.iter().zip(after) {
            let row = of(&back, place.vendor);
            assert_eq!(row.state, if after.is_empty() { "blocked" } else { "recorded" }, "{row:#?}");
            assert_eq!(town.booked(place, number).await, amounts(after), "{} {part} of {order}", place.vendor);
        }
    }
    let violations = town.control("GET", "violations", &Value::Null).await;
    assert_eq!(violations["total"], 0, "{violations}");
}

#[tokio::test]
async fn three_sales_are_exact_or_refused_at_every_vendor_in_dialect_current() {
    three_sales_are_exact_or_refused_at_every_vendor(Dialect::Current).await;
}

#[tokio::test]
async fn three_sales_are_exact_or_refused_at_every_vendor_in_dialect_guide() {
    three_sales_are_exact_or_refused_at_every_vendor(Dialect::Guide).await;
}

#[tokio::test]
async fn a_link_that_names_introws_partner_alone_brings_no_signup_and_the_line_of_each_sale() {
    let town = Town::open(Dialect::Current).await;
    let partner = town.partner().await;
    let signed_up = town.sign_up(1, &format!("via={partner}")).await;
    let row = of(&signed_up, "introw");
    assert_eq!((signed_up.len(), row.state.as_str()), (1, "unsupported"), "{signed_up:#?}");
    assert!(row.reason.as_deref().unwrap().contains("only with its click token `irw_id`"), "{row:#?}");
    let detail = town.proxy.store.conversion(row.conversion.to_string()).await.unwrap();
    let story = explain(&detail, &[]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(story.contains(&format!("partner {partner}")) && story.contains("the touch has none"), "{story}");
    for (number, amount, earned) in [(1, 2900, "2.90"), (2, 1000, "1")] {
        let order = json!({"key": format!("o_{number}_sold"), "amount_minor": amount, "currency": "EUR"});
        let sale = json!({"kind": "sale", "customer": {"key": "c_1"}, "order": order});
        let sold = town.report(&format!("sale-{number}"), &sale).await;
        assert_eq!(of(&sold, "introw").state, "recorded", "{sold:#?}");
        let state = town.state("introw").await;
        let lines = (INTROW.booked)(&state, "c_1", &format!("o_{number}_sold"));
        assert_eq!(lines.iter().map(|(amount, _)| millionths(amount)).collect::<Vec<_>>(), amounts(earned));
    }
    let lines = town.state("introw").await["commission_lines"].take();
    assert!(lines.as_array().unwrap().iter().all(|line| line["partnerId"] == partner), "{lines}");
}
