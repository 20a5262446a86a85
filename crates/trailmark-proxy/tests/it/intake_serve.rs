//! `serve` as a whole with a simulator: both listeners, static files, the followed clock, one click up to the
//! vendor's answer, and shutdown.

use std::path::Path;

use serde_json::{Value, json};
use trailmark_proxy::config::{Overrides, Unlocked};
use trailmark_proxy::serve::{Options, Running, ServeError};
use trailmark_proxy::store::operator::{Filter, OperatorStore as _};
use trailmark_proxy::store::sqlite::SqliteStore;
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, Pace, Settings, Simulator, TRACKING_TOKEN};

use crate::support::browser::{BrowserKey, arrival_with, claims, jti, signup};
use crate::support::proxy::ORIGIN;

const HOUR_MS: i64 = 60 * 60 * 1000;

struct Stage {
    simulator: trailmark_simulator::Running,
    folder: tempfile::TempDir,
    http: reqwest::Client,
}

impl Stage {
    async fn set() -> Self {
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), pace: Pace::Demo, ..Settings::default() };
        let simulator = Simulator::start(settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "<!doctype html><title>Acme</title>").unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { simulator, folder, http }
    }

    fn config(&self, vendor: &str) -> Unlocked {
        self.speaking("current", &format!("{vendor}/partnerstack"), vendor)
    }

    /// Dialect `guide`; its simulator has its own root.
    fn guided(&self) -> Unlocked {
        self.speaking("guide", &format!("{}/partnerstack-guide", self.vendor()), &self.vendor())
    }

    fn speaking(&self, dialect: &str, base_url: &str, vendor: &str) -> Unlocked {
        let toml = format!(
            r#"
            [server]
            listen = "127.0.0.1:0"
            admin_listen = "127.0.0.1:0"
            [limits]
            requests_per_minute = 1000000
            [store]
            url = "sqlite:{}"
            [[sites]]
            id = "acme"
            origins = ["{ORIGIN}"]
            public_url = "{ORIGIN}"
            [[sites.programs]]
            id = "main"
            vendor = "partnerstack"
            dialect = "{dialect}"
            public_key = "env:PUBLIC"
            private_key = "env:PRIVATE"
            tracking_token = "env:TRACKING"
            base_url = "{base_url}"
            tracking_url = "{vendor}/partnerlinks"
            confirm_after = "4s"
            "#,
            self.ledger().display()
        );
        let variable = |name: &str| match name {
            "PUBLIC" => Some(PUBLIC_KEY.to_owned()),
            "PRIVATE" => Some(PRIVATE_KEY.to_owned()),
            "TRACKING" => Some(TRACKING_TOKEN.to_owned()),
            _ => None,
        };
        Unlocked::from_toml(&toml, Path::new("test.toml"), &Overrides::from_variables(variable)).unwrap()
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn vendor(&self) -> String {
        format!("http://{}", self.simulator.address())
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/control/{path}", self.vendor())).body(body.to_string());
        let text = request.header("content-type", "application/json").send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    async fn options(&self) -> Options {
        let clock_url = Some(format!("{}/control/clock", self.vendor()));
        Options { www: Some(self.folder.path().to_owned()), clock_url }
    }

    async fn post(&self, running: &Running, path: &str, body: String) -> (u16, Value) {
        let url = format!("http://{}/tm/{path}", running.public_address());
        let answer = self.http.post(url).header("origin", ORIGIN).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_becomes_a_customer_at_the_vendor_and_the_way_down_loses_nothing() {
    let stage = Stage::set().await;
    let config = stage.config(&stage.vendor());
    one_click_becomes_a_customer(stage, config).await.simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_becomes_a_customer_of_the_guide() {
    let stage = Stage::set().await;
    let (config, vendor, http) = (stage.guided(), stage.vendor(), stage.http.clone());
    let seen = async move || {
        let text =
            http.get(format!("{vendor}/control/state/partnerstack-guide")).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["customers"].clone()
    };
    assert_eq!(seen().await, json!([]));
    let stage = one_click_becomes_a_customer(stage, config).await;
    let customers = seen().await;
    assert_eq!((&customers[0]["customer_key"], &customers[0]["partner_key"]), (&json!("c1"), &json!("ada")));
    stage.simulator.shutdown().await;
}

/// From the click to a recorded delivery, and shutdown.
async fn one_click_becomes_a_customer(stage: Stage, config: Unlocked) -> Stage {
    let running = Running::start(config, stage.options().await).await.unwrap();
    let page = stage.http.get(format!("http://{}/", running.public_address())).send().await.unwrap();
    assert_eq!(
        (page.status().as_u16(), page.headers()["content-type"].to_str().unwrap()),
        (200, "text/html; charset=utf-8")
    );
    let ready = stage.http.get(format!("http://{}/readyz", running.operator_address())).send().await.unwrap();
    assert_eq!(ready.status().as_u16(), 200);

    let minted = stage.control("partnerstack/clicks", json!({"partner_key": "ada"})).await;
    let xid = minted["xid"].as_str().unwrap_or_else(|| panic!("{minted}")).to_owned();
    let key = BrowserKey::new();
    let url = format!("{ORIGIN}/?ps_xid={xid}&ps_partner_key=YWRh");
    let (status, click) = stage.post(&running, "v1/clicks", arrival_with(1, &url, &key).to_string()).await;
    assert_eq!(status, 201, "{click}");
    let token = click["click_token"].as_str().unwrap();
    let payload = json!({
        "jti": jti(1), "iat": claims(token)["iat"], "aud": "acme", "token": token, "data": signup("c1"),
        "ath": trailmark_wire::base64url::encode(&trailmark_proxy::keys::crypto::sha256(token.as_bytes())),
    });
    let (status, receipt) = stage.post(&running, "v1/conversions", key.envelope(&payload)).await;
    assert_eq!((status, receipt["status"].as_str()), (202, Some("accepted")), "{receipt}");

    // The operator's listener shows when it has settled; meanwhile simulated time passes.
    let list = format!("http://{}/v1/conversions", running.operator_address());
    loop {
        let text = stage.http.get(&list).send().await.unwrap().text().await.unwrap();
        let rows: Value = serde_json::from_str(&text).unwrap();
        if rows["items"][0]["deliveries"] == json!(["recorded"]) {
            break;
        }
        stage.control("clock", json!({"advance_ms": 500})).await;
    }
    running.stop().await.unwrap();
    let store = SqliteStore::open(&stage.ledger()).unwrap();
    let rows = store.conversions(Filter::default()).await.unwrap();
    assert_eq!((rows.len(), rows[0].deliveries.as_slice()), (1, &["recorded".to_owned()][..]));
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulators_clock_is_followed_and_never_a_step_behind() {
    let stage = Stage::set().await;
    stage.control("clock", json!({"advance_ms": 5 * HOUR_MS})).await;
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let running = Running::start(stage.config(&stage.vendor()), stage.options().await).await.unwrap();
    let url = format!("{ORIGIN}/?ps_xid=click1");
    let now_s = async |arrival| {
        let body = arrival_with(arrival, &url, &BrowserKey::new()).to_string();
        let (_, click) = stage.post(&running, "v1/clicks", body).await;
        claims(click["click_token"].as_str().unwrap())["iat"].as_i64().unwrap()
    };
    assert!(now_s(1).await >= (before + 5 * HOUR_MS) / 1000);
    stage.control("clock", json!({"advance_ms": HOUR_MS})).await;
    assert!(now_s(2).await >= (before + 6 * HOUR_MS) / 1000, "from the first call after the step on");
    running.stop().await.unwrap();
    stage.simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let stage = Stage::set().await;
    let start =
        async |config: Unlocked, options: Options| Running::start(config, options).await.unwrap_err().to_string();
    let options = || Options { www: None, clock_url: None };
    let clock = |url: &str| Options { clock_url: Some(url.to_owned()), ..options() };

    let real = start(stage.config("https://api.partnerstack.example"), stage.options().await).await;
    assert!(real.contains("api.partnerstack.example is not on loopback and uses real time"), "{real}");
    for (url, reason) in [
        ("http://example.com/clock", "is not on loopback"),
        ("nonsense", "is not an address"),
        (&format!("{}/control/faults", stage.vendor()), "does not answer like a simulator's clock"),
        (
            "http://127.0.0.1:9/clock",
            "cannot read the clock at http://127.0.0.1:9/clock (--clock-url): no connection to",
        ),
        ("http://127.0.0.1:9/clock", "Start `trailmark simulate` first, or correct the address"),
    ] {
        let text = start(stage.config(&stage.vendor()), clock(url)).await;
        assert!(text.contains(reason), "{text}");
    }
    let mut taken = stage.config(&stage.vendor());
    taken.config.server.listen = stage.simulator.address();
    let text = start(taken, options()).await;
    // field-faults row 51
    for part in ["cannot listen on 127.0.0.1:", "`server.listen`", "TRAILMARK_SERVER_LISTEN", "--listen"] {
        assert!(text.contains(part), "{text}");
    }
    let mut taken = stage.config(&stage.vendor());
    taken.config.server.admin_listen = stage.simulator.address();
    let text = start(taken, options()).await;
    assert!(text.contains("`server.admin_listen`") && text.contains("or --admin-listen"), "{text}");
    let nowhere = Options { www: Some("does/not/exist".into()), ..options() };
    assert!(start(stage.config(&stage.vendor()), nowhere).await.contains("is not a folder"));

    let first = Running::start(stage.config(&stage.vendor()), options()).await.unwrap();
    let second = Running::start(stage.config(&stage.vendor()), options()).await.unwrap_err();
    assert!(matches!(second, ServeError::Store(_)), "two proxies must not share a ledger file: {second}");
    first.stop().await.unwrap();
    stage.simulator.shutdown().await;
}
