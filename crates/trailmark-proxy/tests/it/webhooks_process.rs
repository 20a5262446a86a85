//! Webhooks with the real process: operators' commands, what remains after a kill, and that the secret in the address
//! appears nowhere.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::support::operator::Desk;
use super::webhooks_town::{At, SECRET, Town, double, sites, variables};

fn updated(customer: &str) -> Value {
    json!({"event": "customer_updated", "customer_key": customer, "email": format!("{customer}@customers.example")})
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_replay_and_drop_webhooks_and_have_commissions_checked() {
    let town = Town::open().await;
    let desk = town.desk(At::Current);
    let id = town.signup(1, "u_1").await;
    for body in [updated("u_1"), json!({"event": "moon.landed"}), updated("nobody")] {
        assert_eq!(town.tell(&body).await.status, 204);
        town.until_interpreted().await;
    }
    let table = desk.run("webhooks list").well();
    for part in ["customer_updated", "moon.landed", "followed", "unknown_event", "unmatched"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    assert!(!table.contains('@'), "{table}");
    let quarantine = desk.run("webhooks list --quarantined --json").json();
    assert_eq!(quarantine.as_array().unwrap().len(), 2);
    let unknown = quarantine[1]["id"].as_str().unwrap().to_owned();
    assert_eq!(quarantine[1]["event"], "moon.landed");
    let shown = desk.run(&format!("webhooks show {}", &unknown[..18])).well();
    assert!(shown.contains("the vendor's documents do not describe this event"), "{shown}");
    desk.run(&format!("webhooks replay {unknown}")).well();
    town.until_interpreted().await;
    let again = desk.run(&format!("webhooks show {unknown} --json")).json();
    assert_eq!(again["state"], "unknown_event", "read again, to the same end");
    let dropped = desk.run(&format!("webhooks drop {unknown} --reason nonsense --json")).json();
    assert_eq!((&dropped["state"], &dropped["reason"]), (&json!("dropped"), &json!("nonsense")));
    let error = desk.run(&format!("webhooks drop {unknown} --reason nonsense")).fails(1);
    assert!(error.contains("nothing to drop"), "{error}");
    assert!(desk.run("webhooks show ffffffff").fails(1).contains("no such webhook"));

    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    assert_eq!(desk.run(&format!("conversions check {id} --json")).json()["deliveries"], 1);
    town.until_commission(&id, "pending").await;
    let shown = desk.run(&format!("conversions show {id}")).well();
    assert!(shown.contains("commission  main pending"), "{shown}");
    let story = desk.run(&format!("conversions explain {id}")).well();
    assert!(story.contains("PartnerStack says that the commission is pending."), "{story}");

    let (_proxy, _double) = town.close().await;
    assert_eq!(desk.run("webhooks list --json").json().as_array().unwrap().len(), 3, "without a proxy, from the store");
    assert_eq!(desk.run(&format!("conversions check {id} --json")).json()["deliveries"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_shown_where_its_refusal_points() {
    let town = Town::open().await;
    let desk = town.desk(At::Current);
    let refused = desk.run("applications list --program main").fails(2);
    assert!(refused.contains("trailmark webhooks list"), "{refused}");
    let application = json!({"event": "application_created", "key": "appl_1", "partnership_key": "part_1",
        "partner_key": "ada7", "group": {"key": "grp_1", "name": "Friends", "slug": "friends"},
        "content": {"first_name": "Ada", "email": "ada@partners.example"}});
    assert_eq!(town.tell(&application).await.status, 204);
    let id = town.until_interpreted().await.id;
    let named = "application appl_1, partner ada7, partnership part_1, group grp_1: concerns no commission";
    for words in ["webhooks list", "webhooks list --json", &format!("webhooks show {id}")] {
        let shown = desk.run(words).well();
        assert!(shown.contains(named), "{words}: {shown}");
        assert!(!shown.contains('@') && !shown.contains("Friends"), "{words}: {shown}");
    }
    let url = format!("http://{}/v1/webhooks", town.operator.address());
    let listed = town.proxy.send(town.proxy.http.get(url)).await.json();
    assert_eq!((&listed["items"][0]["state"], &listed["items"][0]["reason"]), (&json!("followed"), &json!(named)));
}

/// A proxy process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    pub(crate) public: String,
    pub(crate) operator: String,
}

impl Process {
    /// Starts it with the most detailed log.
    pub(crate) fn start(desk: &Desk, name: &str) -> Self {
        let log = desk.path(name);
        let mut command = desk.command("serve");
        command.env("TRAILMARK_SERVER_LOG_LEVEL", "trace").env("TRAILMARK_SERVER_LOG_FORMAT", "json");
        let child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut process = Self { child, log, public: String::new(), operator: String::new() };
        let begun = std::time::Instant::now();
        while process.public.is_empty() {
            if let Some(line) = Self::lines(&process.log).into_iter().find(|line| line["message"] == "serving") {
                let of = |name: &str| line[name].as_str().unwrap().to_owned();
                (process.public, process.operator) = (of("public"), of("operator"));
            }
            assert!(begun.elapsed().as_secs() < 30, "{}", std::fs::read_to_string(&process.log).unwrap());
        }
        process
    }

    fn lines(log: &PathBuf) -> Vec<Value> {
        let text = std::fs::read_to_string(log).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_webhook_that_was_answered() {
    let double = double().await;
    let toml = sites(&double, At::Current).replace("webhooks = 6", "webhooks = 1000");
    let desk = Desk::with(&toml, variables());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answered = 0;
    for round in 0..5 {
        let process = Process::start(&desk, &format!("log-{round}"));
        let url = format!("http://{}/tm/v1/webhooks/main/{SECRET}", process.public);
        let posts = (0..40).map(|number| {
            let body = json!({"event": "moon.landed", "round": round, "number": number}).to_string();
            let request = http.post(&url).body(body);
            async move { request.send().await.map(|answer| answer.status().as_u16()) }
        });
        let mut posts: futures_util::stream::FuturesUnordered<_> = posts.collect();
        // Killed while others are under way, right after the last of these was answered.
        for _ in 0..20 {
            let answer = futures_util::StreamExt::next(&mut posts).await.unwrap().unwrap();
            assert_eq!(answer, 204);
            answered += 1;
        }
        process.kill();
    }
    let process = Process::start(&desk, "log-last");
    let list = format!("http://{}/v1/webhooks?limit=1000", process.operator);
    let begun = std::time::Instant::now();
    loop {
        let rows: Value = serde_json::from_str(&http.get(&list).send().await.unwrap().text().await.unwrap()).unwrap();
        let rows = rows["items"].as_array().unwrap().clone();
        assert!(rows.len() >= answered, "{} of {answered}", rows.len());
        if rows.iter().all(|row| row["state"] == "unknown_event") {
            break;
        }
        assert!(begun.elapsed().as_secs() < 30, "some are never interpreted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_and_the_bodies_show_in_no_log_metric_or_answer() {
    let double = double().await;
    let desk = Desk::with(&sites(&double, At::Current), variables());
    let process = Process::start(&desk, "log");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let address = format!("http://{}/tm/v1/webhooks", process.public);
    let wrong = "a-guess-that-nobody-shall-see";
    let mut said = String::new();
    for (path, body) in [
        (format!("main/{SECRET}"), updated("u_1").to_string()),
        (format!("main/{SECRET}"), "not json, of ada@example.com".to_owned()),
        (format!("main/{SECRET}"), "x".repeat(100_000)),
        (format!("main/{wrong}"), updated("u_1").to_string()),
        (format!("deaf-main/{SECRET}"), updated("u_1").to_string()),
    ] {
        let answer = http.post(format!("{address}/{path}")).body(body).send().await.unwrap();
        said.push_str(&format!("{:?}", answer.headers()));
        said.push_str(&answer.text().await.unwrap());
    }
    for path in ["metrics", "v1/webhooks", "v1/deliveries"] {
        let answer = http.get(format!("http://{}/{path}", process.operator)).send().await.unwrap();
        said.push_str(&answer.text().await.unwrap());
    }
    assert!(said.contains("trailmark_webhooks{state=\"received\"}") && said.contains("unreadable"), "{said}");
    said.push_str(&desk.run("config print").well());
    assert!(said.contains("[redacted] from env:HOOK"));
    let log = std::fs::read_to_string(process.kill()).unwrap();
    assert!(log.contains("webhook kept") && log.contains("v1/webhooks/{program}/{secret}"), "{log}");
    for text in [&said, &log] {
        for hidden in [SECRET, wrong, "customers.example", "ada@example.com"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}
