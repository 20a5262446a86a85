//! The operator's commands of every vendor over real HTTP: the real binary, and the running simulator with its own account
//! of each vendor and dialect. A table has a row for each command; a row has what is typed, the requests that the simulator
//! logged, and what is printed. A command without a row fails the test.
//!
//! This file has the stage and what holds for every row; each `endpoints_VENDOR` has the tables of one vendor.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trailmark_simulator::{Running, Settings, Simulator};
use trailmark_vendors::{Dialect, vendor};

use super::support::operator::{Desk, Ran};

/// What is typed, the requests that arrive at the vendor, one a line, and a part of what is printed.
///
/// * `NAME = WORDS` keeps the id of the thing that is shown; `{NAME}` means it from then on.
/// * `control PATH BODY` calls a control route of the simulator, and `call PATH` the simulator itself.
/// * A line that begins with white space and no method goes on with the line before it.
/// * `3: TEXT` as the last part is a run that ends with 3 and says `TEXT`.
pub(crate) type Row = (&'static str, &'static str, &'static str);

/// What is asked of the simulator first, what is typed, how the run ends, and what the message says.
///
/// The first part is a fault without its vendor, or `PATH BODY` of a control route, or empty.
pub(crate) type Refused = (&'static str, &'static str, i32, &'static [&'static str]);

/// An account of the simulator, and a program that uses it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) vendor: &'static str,
    pub(crate) dialect: Dialect,
    /// Its name in the log, and the path of its API.
    pub(crate) account: &'static str,
    /// The program's settings; `ROOT` is the simulator.
    pub(crate) settings: &'static str,
    /// The environment variables that they name.
    pub(crate) secrets: &'static [(&'static str, &'static str)],
    /// The headers of every request; those with a body also have `content-type`.
    pub(crate) headers: &'static [&'static str],
}

/// Headers that every client of HTTP sends.
pub(crate) const TRANSPORT: [&str; 5] = ["accept-encoding", "connection", "content-length", "host", "user-agent"];

/// Secrets that commands read.
const TYPED: [(&str, &str); 2] = [("PASSWORD", "Passw0rd-9"), ("URL", "http://127.0.0.1:9/hook-s3cret")];

/// A simulator, and a folder with a program that uses it.
pub(crate) struct Stage {
    pub(crate) place: Place,
    double: Running,
    pub(crate) desk: Desk,
    http: reqwest::Client,
    /// What `{NAME}` means.
    names: BTreeMap<&'static str, String>,
}

impl Stage {
    pub(crate) async fn at(place: Place) -> Self {
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
        let double = Simulator::start(settings).await.unwrap();
        let program = place.settings.replace("ROOT", &format!("http://{}", double.address()));
        let toml = format!(
            "[[sites]]\nid = \"acme\"\norigins = [\"http://127.0.0.1:8787\"]\n\n[[sites.programs]]\nid = \"main\"\n\
             vendor = \"{}\"\ndialect = \"{}\"\n{program}",
            place.vendor,
            place.dialect.as_str(),
        );
        let secrets = place.secrets.iter().chain(&TYPED).map(|(name, secret)| (*name, (*secret).to_owned()));
        let desk = Desk::with(&toml, secrets.collect());
        let http = reqwest::Client::builder().no_proxy().user_agent("a test").build().unwrap();
        Self { place, double, desk, http, names: BTreeMap::new() }
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<String>) -> String {
        let mut request = self.http.request(method, format!("http://{}{path}", self.double.address()));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }

    /// A control route below `/control/`.
    pub(crate) async fn control(&self, path: &str, body: String) -> String {
        self.send(reqwest::Method::POST, &format!("/control/{path}"), Some(body)).await
    }

    /// What the simulator has logged.
    pub(crate) async fn logged(&self, list: &str) -> Vec<Value> {
        let log = self.send(reqwest::Method::GET, &format!("/control/{list}"), None).await;
        let mut log: Value = serde_json::from_str(&log).unwrap();
        serde_json::from_value(log[list].take()).unwrap()
    }

    /// With what the names mean.
    fn filled(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, is)| text.replace(&format!("{{{name}}}"), is))
    }

    /// With the names instead of what they mean.
    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, is)| text.replace(is.as_str(), &format!("{{{name}}}")))
    }

    /// A request as one line, without the account's own path.
    fn line(&self, method: &str, path: &str, query: &BTreeMap<String, String>, body: &Value) -> String {
        line(method, path.strip_prefix(&format!("/{}", self.place.account)).unwrap_or(path), query, body)
    }

    /// A logged request; says what is wrong with its headers.
    fn arrived(&self, entry: &Value, wrong: &mut Vec<String>) -> String {
        let query = serde_json::from_value(entry["query"].clone()).unwrap();
        let (method, path) = (entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap());
        let line = self.line(method, path, &query, &entry["body"]);
        let names = entry["headers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let headers: Vec<_> = names.filter(|name| !TRANSPORT.contains(name)).collect();
        if headers != self.headers(!entry["body"].is_null()) {
            wrong.push(format!("`{line}` has the headers {headers:?}"));
        }
        wrong.extend(strange(entry).map(|what| format!("`{line}` is sent {what}")));
        line
    }

    /// The headers of a request, in alphabetical order.
    fn headers(&self, has_body: bool) -> Vec<&'static str> {
        let mut headers = self.place.headers.to_vec();
        headers.extend(has_body.then_some("content-type"));
        headers.sort_unstable();
        headers
    }

    /// The request that `--dry-run` shows, as [`Stage::arrived`] writes it.
    fn shown(&self, text: &str, wrong: &mut Vec<String>) -> String {
        let (head, body) = text.trim_end().split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let mut head = head.lines();
        let (method, url) = head.next().and_then(|first| first.split_once(' ')).unwrap_or_default();
        let Ok(url) = reqwest::Url::parse(url) else { return text.to_owned() };
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let body = serde_json::from_str(body).unwrap_or_default();
        let line = self.line(method, url.path(), &query, &body);
        let mut headers: Vec<_> = head.filter_map(|header| Some(header.split_once(": ")?.0)).collect();
        headers.sort_unstable();
        if headers != self.headers(!body.is_null()) {
            wrong.push(format!("--dry-run of `{line}` shows the headers {headers:?}"));
        }
        line
    }

    /// Every secret of this stage.
    fn secrets(&self) -> impl Iterator<Item = &'static str> {
        self.place.secrets.iter().chain(&TYPED).map(|(_, secret)| *secret)
    }

    /// Without the secrets.
    fn redacted(&self, text: &str) -> String {
        self.secrets().fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
    }

    /// No run prints a credential.
    fn keeps_quiet(&self, ran: &Ran, wrong: &mut Vec<String>) {
        let said = format!("{}{}", ran.out, ran.err);
        if self.place.secrets.iter().any(|(_, secret)| said.contains(secret)) {
            wrong.push(format!("`{}` prints a secret: {said}", ran.words));
        }
    }

    /// Plays one row; the first thing that is shown is kept under its name.
    async fn play(&mut self, (words, asks, says): Row, wrong: &mut Vec<String>) {
        let (kept, words) = match words.split_once(" = ") {
            Some((name, words)) if !name.contains(' ') => (Some(name), words),
            _ => (None, words),
        };
        let words = self.filled(words);
        let answer = match words.split_once(' ') {
            Some(("control", call)) => {
                let (path, body) = call.split_once(' ').unwrap();
                self.control(path, body.to_owned()).await
            }
            Some(("call", path)) => self.send(reqwest::Method::GET, path, None).await,
            _ => self.typed(&words, kept, (asks, says), wrong).await,
        };
        if let Some(name) = kept {
            match id(&answer) {
                Some(id) => drop(self.names.insert(name, id)),
                None => wrong.push(format!("`{words}` shows no id: {answer}")),
            }
        }
    }

    /// Types a command, first with `--dry-run`.
    async fn typed(
        &mut self,
        words: &str,
        kept: Option<&'static str>,
        (asks, says): (&str, &str),
        wrong: &mut Vec<String>,
    ) -> String {
        let before = self.logged("requests").await.len();
        let dry = self.desk.run(&format!("{words} --dry-run"));
        if self.logged("requests").await.len() != before {
            wrong.push(format!("`{words} --dry-run` sends something"));
        }
        let ran = self.desk.run(&format!("{words}{}", if kept.is_some() { " --json" } else { "" }));
        let log = self.logged("requests").await.split_off(before);
        let arrived: Vec<_> = log.iter().map(|entry| self.arrived(entry, wrong)).collect();
        let announced = self.shown(&dry.out, wrong);
        if dry.code != Some(0) || arrived.first().is_some_and(|first| self.redacted(first) != announced) {
            wrong.push(format!("`{words} --dry-run` shows\n  {announced}\ninstead of the first request: {dry:?}"));
        }
        if let (Some(name), Some(id)) = (kept, id(&ran.out)) {
            self.names.insert(name, id);
        }
        let (arrived, wanted) = (self.named(&arrived.join("\n")), lines(asks));
        if arrived != wanted {
            wrong.push(format!("`{words}` sends\n{arrived}\ninstead of\n{wanted}"));
        }
        let (code, says) = says.split_once(": ").filter(|(code, _)| code.len() == 1).unwrap_or(("0", says));
        let says = self.filled(says);
        let is_said = ran.out.contains(&says) || ran.err.contains(&says);
        if ran.code.map(|code| code.to_string()).as_deref() != Some(code) || !is_said {
            wrong.push(format!("`{words}` should end with {code} and say `{says}`: {ran:?}"));
        }
        self.keeps_quiet(&dry, wrong);
        self.keeps_quiet(&ran, wrong);
        ran.out
    }

    /// Plays a refusal. A fault is over afterwards; a setting stays.
    async fn refuses(&self, (first, words, code, says): Refused, wrong: &mut Vec<String>) {
        match first.split_once(' ') {
            _ if first.is_empty() => {}
            _ if first.starts_with('{') => {
                let mut fault: Value = serde_json::from_str(first).unwrap();
                fault["vendor"] = self.place.account.into();
                self.control("faults", fault.to_string()).await;
            }
            Some((path, body)) => drop(self.control(path, body.to_owned()).await),
            None => panic!("`{first}` is neither a fault nor a route with a body"),
        }
        let words = self.filled(words);
        let ran = self.desk.run(&words);
        let said = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        if ran.code != Some(code) || !says.iter().all(|part| said.contains(part)) {
            wrong.push(format!("`{words}` after `{first}` should end with {code} and say {says:?}: {ran:?}"));
        }
        self.keeps_quiet(&ran, wrong);
        if first.starts_with('{') {
            self.send(reqwest::Method::DELETE, "/control/faults", None).await;
        }
    }
}

/// A request as one line.
pub(crate) fn line(method: &str, path: &str, query: &BTreeMap<String, String>, body: &Value) -> String {
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let body = if body.is_null() { String::new() } else { format!(" {body}") };
    format!("{method} {path}{query}{body}")
}

/// Sender and content type of a logged request, if they are not ours.
pub(crate) fn strange(entry: &Value) -> Option<String> {
    let is_ours = entry["user_agent"].as_str().is_some_and(|agent| agent.starts_with("trailmark/"));
    let is_json = entry["body"].is_null() || entry["content_type"] == "application/json";
    (!(is_ours && is_json)).then(|| format!("by {} as {}", entry["user_agent"], entry["content_type"]))
}

/// The first id in an answer, or in the first line of a list.
fn id(text: &str) -> Option<String> {
    let shown = serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()?;
    let id = ["id", "key", "irw_id", "clickref"].into_iter().find_map(|name| shown.get(name))?;
    Some(id.as_str().map_or_else(|| id.to_string(), str::to_owned))
}

/// The lines of a row, with those that go on with the line before.
pub(crate) fn lines(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let is_request = line.split_once(' ').is_some_and(|(method, _)| method.bytes().all(|b| b.is_ascii_uppercase()));
        match lines.last_mut() {
            Some(last) if !is_request => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Plays a table. Every command of the vendor in this dialect has a row, but those of `elsewhere`; nothing that the
/// commands send is outside the vendor's documents.
pub(crate) async fn all_commands_are_sent_as_written(place: Place, rows: &[Row], elsewhere: &[&str]) {
    let (mut stage, mut wrong) = (Stage::at(place).await, Vec::new());
    for row in rows {
        stage.play(*row, &mut wrong).await;
    }
    for command in vendor(place.vendor).unwrap().commands(place.dialect) {
        let (typed, other) =
            (format!("{} {}", command.noun, command.verb), format!("{} vendor-{}", command.noun, command.verb));
        let is_of = |words: &str| {
            let words = words.split_once(" = ").map_or(words, |(_, words)| words);
            [&typed, &other].into_iter().any(|name| words == name || words.starts_with(&format!("{name} ")))
        };
        if !rows.iter().any(|row| is_of(row.0)) && !elsewhere.contains(&typed.as_str()) {
            wrong.push(format!("`{typed}` has no row"));
        }
    }
    let broken = stage.logged("violations").await;
    if !broken.is_empty() {
        wrong.push(format!("no document allows {}", json!(broken)));
    }
    assert!(wrong.is_empty(), "{} in dialect {}:\n{}", place.vendor, place.dialect.as_str(), wrong.join("\n\n"));
}

/// Plays refusals after the rows that make what they name.
pub(crate) async fn all_refusals_name_the_cure(place: Place, rows: &[Row], refusals: &[Refused]) {
    let (mut stage, mut wrong) = (Stage::at(place).await, Vec::new());
    for row in rows {
        let mut other = Vec::new();
        stage.play((row.0, "", ""), &mut other).await;
        wrong.extend(other.into_iter().filter(|text: &String| text.contains("should end with")));
    }
    for refusal in refusals {
        stage.refuses(*refusal, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{} in dialect {}:\n{}", place.vendor, place.dialect.as_str(), wrong.join("\n\n"));
}
