//! A proxy under test: the real public listener on port 0, a real ledger in its own folder, a clock that stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;
use trailmark_proxy::app::App;
use trailmark_proxy::clock::{Clock as _, ManualClock};
use trailmark_proxy::config::{Overrides, Unlocked};
use trailmark_proxy::intake;
use trailmark_proxy::serve::Listening;
use trailmark_proxy::store::Store;
use trailmark_proxy::store::sqlite::SqliteStore;
use trailmark_wire::time::UnixMillis;

/// The origin of the page in most tests, and the public URL of site `acme`.
pub(crate) const ORIGIN: &str = "http://127.0.0.1:8787";

/// Its host.
pub(crate) const HOST: &str = "127.0.0.1:8787";

/// The clock's start: 2026-11-18T14:13:20.700Z, not a whole second.
pub(crate) const START: UnixMillis = UnixMillis(1_795_011_200_700);

/// `acme` on loopback http, `zeta` on https with a shared domain, `host` on https only.
pub(crate) const SITES: &str = r#"
[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1:8787"

[[sites]]
id = "acme"
origins = ["http://127.0.0.1:8787"]

[[sites.programs]]
id = "main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"
tracking_token = "env:KEY"
params = ["via"]

[[sites]]
id = "zeta"
public_url = "https://www.zeta.example"
origins = ["https://www.zeta.example"]
cookie_domain = "zeta.example"

[[sites.programs]]
id = "zeta-main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"
unique_keys = true

[[sites]]
id = "host"
public_url = "https://www.host.example"
origins = ["https://www.host.example", "https://app.host.example"]

[[sites.programs]]
id = "host-main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"
unique_keys = true
"#;

pub(crate) struct TestProxy {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) http: reqwest::Client,
    pub(crate) listening: Listening,
    folder: Arc<tempfile::TempDir>,
}

fn config(toml: &str, variables: &[(&'static str, String)]) -> Unlocked {
    let mut variables = variables.to_vec();
    variables.push(("KEY", "a-vendor-secret".to_owned()));
    let variable = move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    Unlocked::from_toml(toml, Path::new("test.toml"), &Overrides::from_variables(variable)).unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl TestProxy {
    pub(crate) async fn start() -> Self {
        Self::with(SITES).await
    }

    /// A proxy with this configuration.
    pub(crate) async fn with(toml: &str) -> Self {
        Self::with_variables(toml, &[]).await
    }

    /// The same with environment variables besides `KEY`.
    pub(crate) async fn with_variables(toml: &str, variables: &[(&'static str, String)]) -> Self {
        Self::at(START, toml, variables).await
    }

    /// The same with a clock that stands at another time.
    pub(crate) async fn at(now: UnixMillis, toml: &str, variables: &[(&'static str, String)]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let ledger = folder.path().join("ledger.db");
        let store = Arc::new(SqliteStore::open(&ledger).unwrap());
        let mut variables = variables.to_vec();
        variables.push(("TRAILMARK_STORE_URL", format!("sqlite:{}", ledger.display())));
        Self::on(config(toml, &variables), Arc::new(ManualClock::new(now)), store, folder).await
    }

    /// Another proxy on the same ledger and clock, as after a restart with another configuration.
    pub(crate) async fn reconfigured(&self, toml: &str) -> Self {
        Self::on(config(toml, &[]), self.clock.clone(), self.store.clone(), self.folder.clone()).await
    }

    async fn on(
        config: Unlocked,
        clock: Arc<ManualClock>,
        store: Arc<dyn Store>,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let app = App::open(config, clock.clone(), store.clone()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listening = Listening::start(listener, intake::router(app.clone(), None), 64).unwrap();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { app, clock, store, http, listening, folder }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The ledger's file.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// The URL of a path under the mount.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/tm/{path}", self.listening.address())
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    /// Posts a text from the page's origin.
    pub(crate) async fn post(&self, path: &str, body: impl Into<String>) -> Answer {
        self.send(self.request(path, body)).await
    }

    /// The request of [`Self::post`]; can be changed.
    pub(crate) fn request(&self, path: &str, body: impl Into<String>) -> reqwest::RequestBuilder {
        let request = self.http.post(self.url(path)).header("origin", ORIGIN);
        request.header("content-type", "text/plain;charset=UTF-8").body(body.into())
    }

    /// Requests a path from the host of site `acme`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_at(HOST, path).await
    }

    /// Requests a path as if the proxy had that host.
    pub(crate) async fn get_at(&self, host: &str, path: &str) -> Answer {
        self.send(self.http.get(self.url(path)).header("host", host)).await
    }

    /// Number of conversions in the ledger.
    pub(crate) async fn conversions(&self) -> u64 {
        self.store.counts().await.unwrap().conversions.iter().map(|(_, count)| count).sum()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }

    /// `status code`, or only the status.
    pub(crate) fn code(&self) -> String {
        let code = serde_json::from_str::<Value>(&self.body)
            .ok()
            .and_then(|body| Some(body.get("code")?.as_str()?.to_owned()));
        code.map_or_else(|| self.status.to_string(), |code| format!("{} {code}", self.status))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The cookies that it sets.
    pub(crate) fn cookies(&self) -> Vec<String> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    /// `name=value` of the cookie of this name.
    pub(crate) fn cookie(&self, name: &str) -> String {
        let cookies = self.cookies();
        let found = cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}=")));
        let found = found.unwrap_or_else(|| panic!("no {name} in {cookies:?}"));
        found.split(';').next().unwrap().to_owned()
    }
}
