//! An operator: the operator's listener of a proxy under test, and the real binary with the same configuration.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use trailmark_proxy::admin;
use trailmark_proxy::serve::Listening;

use super::browser::{arrival, jti, landing, signup, token};
use super::proxy::{Answer, SITES, TestProxy};
use trailmark_proxy::keys::crypto::sha256;
use trailmark_wire::base64url::encode;

/// The admin key of [`Office::locked`].
pub(crate) const ADMIN_KEY: &str = "an-admin-key-of-a-test";

/// A proxy with its operator's listener, and a folder with the binary's configuration.
pub(crate) struct Office {
    pub(crate) proxy: TestProxy,
    pub(crate) operator: Listening,
    pub(crate) desk: Desk,
}

/// Where the binary runs.
pub(crate) struct Desk {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Office {
    /// Without an admin key.
    pub(crate) async fn open() -> Self {
        Self::with(SITES, Vec::new()).await
    }

    /// With [`ADMIN_KEY`].
    pub(crate) async fn locked() -> Self {
        let sites = SITES.replace("[server]", "[server]\nadmin_key = \"env:ADMIN_KEY\"");
        Self::with(&sites, vec![("ADMIN_KEY", ADMIN_KEY.to_owned())]).await
    }

    async fn with(sites: &str, mut variables: Vec<(&'static str, String)>) -> Self {
        let proxy = TestProxy::with_variables(sites, &variables).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let operator = Listening::start(listener, admin::router(proxy.app.clone()), 64).unwrap();
        variables.push(("TRAILMARK_SERVER_ADMIN_LISTEN", operator.address().to_string()));
        variables.push(("TRAILMARK_STORE_URL", format!("sqlite:{}", proxy.ledger().display())));
        Self { proxy, operator, desk: Desk::with(sites, variables) }
    }

    /// A visitor of partner `ada` who signs up; returns the conversion's id.
    pub(crate) async fn signup(&self, number: u8) -> String {
        self.signup_of(number, &format!("u_{number}")).await
    }

    /// The same with a customer key that others may have used.
    pub(crate) async fn signup_of(&self, number: u8, customer: &str) -> String {
        let answer =
            self.proxy.post("v1/clicks", arrival(number, &landing(&format!("click{number}"))).to_string()).await;
        let token = token(&answer);
        let payload = json!({
            "jti": jti(number), "iat": self.proxy.now().seconds(), "aud": "acme",
            "ath": encode(&sha256(token.as_bytes())), "token": token, "data": signup(customer),
        });
        let answer = self.proxy.post("v1/conversions", payload.to_string()).await;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        answer.json()["conversion_id"].as_str().unwrap().to_owned()
    }

    /// The URL of a path on the operator's listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.operator.address())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.proxy.send(self.proxy.http.get(self.url(path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.proxy.http.post(self.url(path)).header("content-type", "application/json");
        self.proxy.send(request.body(body.to_string())).await
    }

    /// Stops the proxy, so that commands open the store themselves.
    pub(crate) async fn close(self) -> (Desk, TestProxy) {
        self.operator.stop().await;
        self.proxy.store.close().await.unwrap();
        (self.desk, self.proxy)
    }
}

impl Desk {
    /// A folder with this `trailmark.toml` and these environment variables; `KEY` is set.
    pub(crate) fn with(toml: &str, mut variables: Vec<(&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("trailmark.toml"), toml).unwrap();
        if !variables.iter().any(|(name, _)| *name == "KEY") {
            variables.push(("KEY", "a-vendor-secret".to_owned()));
        }
        Self { folder, variables }
    }

    /// The same for a proxy that is not running: nothing listens at the operator's address. A port that is only free now may
    /// be another test's proxy later.
    pub(crate) fn unserved(toml: &str) -> Self {
        Self::with(toml, vec![("TRAILMARK_SERVER_ADMIN_LISTEN", "127.0.0.1:1".to_owned())])
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with these arguments, split at spaces.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
        command.args(words.split_whitespace()).current_dir(self.folder.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Runs the binary to its end with this standard input.
    pub(crate) fn run_with(&self, words: &str, input: &str) -> Ran {
        let piped = std::process::Stdio::piped;
        let mut command = self.command(words);
        let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        Ran::of(words, child.wait_with_output().unwrap())
    }

    /// Runs a line in a shell that finds the binary by its name.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let folder = std::path::Path::new(env!("CARGO_BIN_EXE_trailmark")).parent().unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).current_dir(self.folder.path()).env_clear().env("PATH", folder);
        shell.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        Ran::of(line, shell.output().unwrap())
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, words: &str) -> Ran {
        Ran::of(words, self.command(words).output().unwrap())
    }
}

/// A finished run of the binary.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) words: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(words: &str, output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { words: words.to_owned(), code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The output of a successful run.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "`{}`: {self:?}", self.words);
        self.out
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let text = self.well();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The error text of a run that must end with this code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "`{}`: {self:?}", self.words);
        assert_eq!(self.out, "", "{self:?}");
        self.err
    }
}
