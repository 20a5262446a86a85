//! The world of the webhook tests: the real public and operator's listeners, a real ledger, delivery and the
//! commissions watch, the strict simulated PartnerStack over real sockets, and a clock that moves only by hand.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trailmark_proxy::admin;
use trailmark_proxy::commissions::{self, Watch};
use trailmark_proxy::delivery::{Engine, EngineHandle, LaneAccount, Parts, Settings};
use trailmark_proxy::egress::{Bounds, Egress};
use trailmark_proxy::lanes::Limits;
use trailmark_proxy::random::Random;
use trailmark_proxy::serve::Listening;
use trailmark_proxy::store::operator::{ConversionDetail, DeliveryRow, Filter};
use trailmark_proxy::store::webhooks::WebhookRow;
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, Running, Simulator, TRACKING_TOKEN};

use super::support::backend::{customer, with};
use super::support::browser::arrival;
use super::support::operator::Desk;
use super::support::proxy::{Answer, ORIGIN, TestProxy};

/// The secret segment of program `main`.
pub(crate) const SECRET: &str = "a-webhook-path-of-a-test";

/// The secret segment of program `zeta-main`.
pub(crate) const ZETA_SECRET: &str = "another-webhook-path-000";

/// Longer than any wait of a passing test.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Town {
    pub(crate) proxy: TestProxy,
    pub(crate) operator: Listening,
    /// An API key of site `acme`.
    pub(crate) key: String,
    pub(crate) double: Running,
    engine: EngineHandle,
    watch: Option<Watch>,
}

/// The simulator's account of `main`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Current,
    Guide,
}

impl At {
    fn name(self) -> &'static str {
        if self == Self::Guide { "partnerstack-guide" } else { "partnerstack" }
    }
}

/// The configuration for a simulator.
pub(crate) fn sites(double: &Running, at: At) -> String {
    let (address, root) = (double.address(), at.name());
    let dialect = if at == At::Guide { "guide" } else { "current" };
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
public_url = "{ORIGIN}"

[limits]
webhooks = 6

[[sites]]
id = "acme"
origins = ["{ORIGIN}"]

[[sites.programs]]
id = "main"
vendor = "partnerstack"
dialect = "{dialect}"
public_key = "env:PUBLIC"
private_key = "env:PRIVATE"
tracking_token = "env:TRACKING"
params = ["via"]
base_url = "http://{address}/{root}"
tracking_url = "http://{address}/partnerlinks"
webhook_path = "env:HOOK"

[[sites]]
id = "zeta"
public_url = "https://www.zeta.example"
origins = ["https://www.zeta.example"]

[[sites.programs]]
id = "zeta-main"
vendor = "partnerstack"
unique_keys = true
public_key = "env:PUBLIC"
private_key = "env:PRIVATE"
base_url = "http://{address}/{root}"
tracking_url = "http://{address}/partnerlinks"
webhook_path = "env:ZETA_HOOK"

[[sites]]
id = "deaf"
public_url = "https://www.deaf.example"
origins = ["https://www.deaf.example"]

[[sites.programs]]
id = "deaf-main"
vendor = "partnerstack"
unique_keys = true
public_key = "env:PUBLIC"
private_key = "env:PRIVATE"
base_url = "http://{address}/{root}"
tracking_url = "http://{address}/partnerlinks"
"#
    )
}

/// The environment of the configuration.
pub(crate) fn variables() -> Vec<(&'static str, String)> {
    let pairs = [
        ("PUBLIC", PUBLIC_KEY),
        ("PRIVATE", PRIVATE_KEY),
        ("TRACKING", TRACKING_TOKEN),
        ("HOOK", SECRET),
        ("ZETA_HOOK", ZETA_SECRET),
    ];
    pairs.map(|(name, value)| (name, value.to_owned())).to_vec()
}

pub(crate) async fn double() -> Running {
    let settings = trailmark_simulator::Settings { listen: ([127, 0, 0, 1], 0).into(), ..Default::default() };
    Simulator::start(settings).await.unwrap()
}

impl Town {
    pub(crate) async fn open() -> Self {
        let mut town = Self::asleep(At::Current).await;
        town.awake();
        town
    }

    pub(crate) async fn guided() -> Self {
        let mut town = Self::asleep(At::Guide).await;
        town.awake();
        town
    }

    /// A town that keeps webhooks without interpreting them.
    pub(crate) async fn asleep(at: At) -> Self {
        let double = double().await;
        let toml = sites(&double, at);
        Self::of(double, &toml, &variables()).await
    }

    /// The same with another configuration.
    pub(crate) async fn of(double: Running, toml: &str, variables: &[(&'static str, String)]) -> Self {
        let proxy = TestProxy::with_variables(toml, variables).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let operator = Listening::start(listener, admin::router(proxy.app.clone()), 64).unwrap();
        let key = proxy.api_key("acme").await;
        let engine = engine(&proxy);
        Self { proxy, operator, key, double, engine, watch: None }
    }

    /// Starts the watch; again, as after a crash.
    pub(crate) fn awake(&mut self) {
        self.watch = Some(Watch::start(commissions::Parts {
            store: self.proxy.store.clone(),
            clock: self.proxy.clock.clone(),
            egress: egress(&self.proxy),
            accounts: self.proxy.app.accounts.iter().map(LaneAccount::from).collect(),
            limits: Limits::default(),
            poll: Duration::from_millis(5),
        }));
    }

    /// Where the binary runs that knows this proxy by its configuration.
    pub(crate) fn desk(&self, at: At) -> Desk {
        let mut variables = variables();
        variables.push(("TRAILMARK_SERVER_ADMIN_LISTEN", self.operator.address().to_string()));
        variables.push(("TRAILMARK_STORE_URL", format!("sqlite:{}", self.proxy.ledger().display())));
        Desk::with(&sites(&self.double, at), variables)
    }

    /// Stops everything except the simulator and closes the ledger; the proxy keeps its folder.
    pub(crate) async fn close(self) -> (TestProxy, Running) {
        self.engine.shutdown().await;
        if let Some(watch) = &self.watch {
            watch.shutdown().await;
        }
        self.operator.stop().await;
        self.proxy.store.close().await.unwrap();
        (self.proxy, self.double)
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("http://{}/control/{path}", self.double.address());
        let request = self.proxy.http.request(method.parse().unwrap(), url).header("content-type", "application/json");
        let answer = self.proxy.send(request.body(body.to_string())).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// A customer of partner `ada`, recorded at the vendor; returns the conversion's id.
    pub(crate) async fn signup(&self, number: u8, customer_key: &str) -> String {
        let id = self.sign_up(number, customer_key).await;
        self.until(&id, |row| row.state == "recorded").await;
        id
    }

    /// The same, without waiting.
    pub(crate) async fn sign_up(&self, number: u8, customer_key: &str) -> String {
        self.sign_up_by(number, customer_key, "via=ada").await
    }

    /// The same by another partner's link.
    pub(crate) async fn sign_up_by(&self, number: u8, customer_key: &str, query: &str) -> String {
        let page = arrival(number, &format!("{ORIGIN}/pricing?{query}")).to_string();
        let token = self.proxy.post("v1/clicks", page).await.json()["click_token"].clone();
        let mut body = with(customer(customer_key), "click_token", token);
        body["customer"]["email"] = format!("{customer_key}@customers.example").into();
        self.report(&format!("signup-{customer_key}"), &body).await
    }

    /// A sale to a known customer, recorded at the vendor.
    pub(crate) async fn sale(&self, customer_key: &str, order: &str) -> String {
        let order_body = json!({"key": order, "amount_minor": 4900, "currency": "EUR"});
        let body = json!({"kind": "sale", "customer": {"key": customer_key}, "order": order_body});
        let id = self.report(&format!("sale-{order}"), &body).await;
        self.until(&id, |row| row.state == "recorded").await;
        id
    }

    /// Reports a conversion, which is accepted; returns its id.
    pub(crate) async fn report(&self, idempotency_key: &str, body: &Value) -> String {
        let answer = self.proxy.report(&self.key, idempotency_key, body).await;
        assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("accepted")), "{answer:?}");
        self.engine.wake();
        answer.json()["conversion_id"].as_str().unwrap().to_owned()
    }

    /// The address of `main` for its vendor.
    pub(crate) fn hook(&self) -> String {
        self.proxy.url(&format!("v1/webhooks/main/{SECRET}"))
    }

    /// Sends a webhook to `main`.
    pub(crate) async fn tell(&self, body: &Value) -> Answer {
        self.bring(&format!("main/{SECRET}"), body.to_string()).await
    }

    /// Sends anything to any address, a moment after the previous one.
    pub(crate) async fn bring(&self, address: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.proxy.clock.advance(1);
        let url = self.proxy.url(&format!("v1/webhooks/{address}"));
        self.proxy.send(self.proxy.http.post(url).header("content-type", "application/json").body(body)).await
    }

    pub(crate) async fn detail(&self, conversion: &str) -> ConversionDetail {
        self.proxy.store.conversion(conversion.to_owned()).await.unwrap()
    }

    /// The conversion's only delivery, once it exists.
    pub(crate) async fn until(&self, conversion: &str, there: impl Fn(&DeliveryRow) -> bool) -> DeliveryRow {
        let begun = std::time::Instant::now();
        loop {
            let row = self.detail(conversion).await.deliveries.remove(0);
            if there(&row) {
                return row;
            }
            assert!(begun.elapsed() < PATIENCE, "it stands so: {row:#?}");
        }
    }

    pub(crate) async fn until_commission(&self, conversion: &str, word: &str) -> DeliveryRow {
        self.until(conversion, |row| row.commission.as_str() == word && row.commission_at.is_some()).await
    }

    pub(crate) async fn webhooks(&self) -> Vec<WebhookRow> {
        self.proxy.store.webhooks(Filter::default()).await.unwrap().items
    }

    /// The newest webhook, once all are interpreted.
    pub(crate) async fn until_interpreted(&self) -> WebhookRow {
        self.until_webhooks(|rows| rows.iter().all(|row| row.state.as_str() != "received")).await
    }

    /// The newest webhook, once all are in this state.
    pub(crate) async fn until_webhooks(&self, there: impl Fn(&[WebhookRow]) -> bool) -> WebhookRow {
        let begun = std::time::Instant::now();
        loop {
            let rows = self.webhooks().await;
            if !rows.is_empty() && there(&rows) {
                return rows.into_iter().next().unwrap();
            }
            assert!(begun.elapsed() < PATIENCE, "{rows:#?}");
        }
    }

    /// Waits for this many requests for rewards at the vendor.
    pub(crate) async fn until_asked(&self, times: usize) {
        let begun = std::time::Instant::now();
        while self.asked().await < times {
            assert!(begun.elapsed() < PATIENCE, "asked {} times, not {times}", self.asked().await);
        }
    }

    /// State of the only lane, once it is this or time is up.
    pub(crate) async fn until_lane(&self, state: &str) {
        let begun = std::time::Instant::now();
        while self.lane().await != state {
            assert!(begun.elapsed() < PATIENCE, "the lane is {}", self.lane().await);
        }
    }

    /// State of the only lane.
    pub(crate) async fn lane(&self) -> String {
        self.proxy.store.lanes(self.proxy.now()).await.unwrap().remove(0).state
    }

    /// Number of requests for rewards at the vendor.
    pub(crate) async fn asked(&self) -> usize {
        let log = self.control("GET", "requests?path=rewards", &Value::Null).await;
        log["requests"].as_array().unwrap().len()
    }
}

fn egress(proxy: &TestProxy) -> Arc<Egress> {
    let hosts: Vec<_> = proxy.app.accounts.iter().flat_map(|account| account.adapter.hosts.clone()).collect();
    let bounds = Bounds { total: Duration::from_secs(5), ..Bounds::default() };
    Arc::new(Egress::new(hosts, bounds, proxy.clock.clone()).unwrap())
}

fn engine(proxy: &TestProxy) -> EngineHandle {
    Engine::start(Parts {
        store: proxy.store.clone() as _,
        clock: proxy.clock.clone(),
        egress: egress(proxy),
        random: Arc::new(|bytes: &mut [u8]| Random.fill(bytes).unwrap()),
        accounts: proxy.app.accounts.iter().map(LaneAccount::from).collect(),
        settings: Settings { poll: Duration::from_millis(5), ..Settings::default() },
    })
}
