//! Every workflow that the seeds describe step by step, with the real binary against the running simulator: one test for
//! each, named by its seed and its number there (seeds 003 and 004 number none; they are their calls, in order).
//! `docs/workflows.md` shows the commands, and `tests/docs/workflows.test.mjs` holds the page to this file.
//!
//! Seed 000 has partners' customers and money, 001 users, 002 partners by hand, 003 a list, 004 a partner's creation.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trailmark_simulator::Running;
use trailmark_vendors::Dialect;

use super::cli_destroys::place;
use super::endpoints::Stage;
use super::support::backend::{customer, with};
use super::support::browser::arrival;
use super::support::operator::{Desk, Ran};
use super::support::proxy::ORIGIN;
use super::webhooks_process::Process;
use super::webhooks_town::{At, SECRET, double, sites, variables};

/// Longer than any wait of a passing test.
const PATIENCE: Duration = Duration::from_secs(120);

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A shop in dialect `guide`: the serving binary, the backend's key, and the simulated vendor.
struct Shop {
    double: Running,
    desk: Desk,
    process: Process,
    http: reqwest::Client,
    key: String,
}

impl Shop {
    async fn open() -> Self {
        let double = double().await;
        let desk = Desk::with(&sites(&double, At::Guide), variables());
        desk.run("store migrate").well();
        let key = desk.run("apikeys add --site acme --name shop --json").json()["key"].as_str().unwrap().to_owned();
        let process = Process::start(&desk, "log");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { double, desk, process, http, key }
    }

    /// A command on the shop's own program.
    fn run(&self, words: &str) -> Ran {
        self.desk.run(&format!("{words} --program main"))
    }

    async fn post(&self, url: String, request: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Value {
        let answer = request(self.http.post(&url)).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/tm/{path}", self.process.public)
    }

    /// The site's backend reports a conversion; the answer is its id.
    async fn reports(&self, body: Value) -> String {
        let call = |request: reqwest::RequestBuilder| {
            let request = request
                .bearer_auth(&self.key)
                .header("idempotency-key", format!("shop-{}", body["kind"].as_str().unwrap()));
            request.header("content-type", "application/json").body(body.to_string())
        };
        let receipt = self.post(self.url("v1/conversions"), call).await;
        assert_eq!(receipt["status"], "accepted", "{receipt}");
        receipt["conversion_id"].as_str().unwrap().to_owned()
    }

    /// A customer of partner `ada`, by a visitor's click.
    async fn attributed(&self) -> String {
        let landing = arrival(1, &format!("{ORIGIN}/pricing?ps_partner_key=YWRh")).to_string();
        let page = |request: reqwest::RequestBuilder| request.header("origin", ORIGIN).body(landing.clone());
        let token = self.post(self.url("v1/clicks"), page).await["click_token"].clone();
        let id = self.reports(with(customer("cust_001"), "click_token", token)).await;
        self.until(&id, "recorded");
        id
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("http://{}/control/{path}", self.double.address());
        let json = |request: reqwest::RequestBuilder| {
            request.header("content-type", "application/json").body(body.to_string())
        };
        self.post(url, json).await
    }

    async fn state(&self) -> Value {
        let url = format!("http://{}/control/state/partnerstack-guide", self.double.address());
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Asks the running proxy about a conversion until the answer has this word.
    fn until(&self, id: &str, word: &str) {
        let begun = Instant::now();
        loop {
            let mut command = self.desk.command(&format!("conversions show {id}"));
            let ran = command.env("TRAILMARK_SERVER_ADMIN_LISTEN", &self.process.operator).output().unwrap();
            let shown = String::from_utf8(ran.stdout).unwrap();
            if shown.contains(word) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no `{word}` in {shown}{}", String::from_utf8_lossy(&ran.stderr));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_000_1_attribute_a_new_customer_to_a_referring_partner() {
    let shop = Shop::open().await;
    shop.attributed().await;
    assert_eq!(shop.state().await["customers"][0]["partner_key"], "ada");
    let shown = shop.run("customers get cust_001 --json").json();
    assert_eq!((&shown["key"], &shown["partner"]), (&json!("cust_001"), &json!("ada")));
    // By hand, for a customer that no page reported; a key that exists is refused.
    let add = "customers add cust_002 --email user@example.com --partner ada";
    assert_eq!(shop.run(&format!("{add} --json")).json()["partner"], "ada");
    assert!(shop.run(add).fails(3).contains("already exists"));
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_000_2_record_a_renewal_to_trigger_a_commission() {
    let shop = Shop::open().await;
    shop.attributed().await;
    let order = json!({"key": "renewal_1", "amount_minor": 9900, "currency": "USD"});
    let id = shop.reports(json!({"kind": "sale", "customer": {"key": "cust_001"}, "order": order})).await;
    shop.until(&id, "recorded");
    let sale = shop.state().await["transactions"][0].clone();
    assert_eq!((&sale["customer_key"], &sale["amount"]), (&json!("cust_001"), &json!(9900)));
    assert!(shop.run("commissions list --status pending").well().contains("ada"));
    let hook = json!({"url": shop.url(&format!("v1/webhooks/main/{SECRET}")), "account": "partnerstack-guide"});
    shop.control("partnerstack/webhooks", hook).await;
    shop.control(&format!("partnerstack/rewards/{}/approve", sale["key"].as_str().unwrap()), json!({})).await;
    shop.until(&id, "approved");
    // By hand.
    let add = "transactions add --customer cust_001 --amount-minor 9900 --currency USD";
    assert!(shop.run(add).well().contains("pending"));
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_000_3_audit_all_active_partners_in_a_program() {
    for dialect in Dialect::ALL {
        let stage = Stage::at(place("partnerstack", dialect)).await;
        stage.desk.run("groups list").well();
        let audited = lines(&stage.desk.run("partnerships list --group grp_agency --profiles --json").well());
        assert!(audited.len() == 21 && audited.iter().all(|one| one["email"].is_string()), "{audited:?}");
        let is_active = |one: &&Value| match dialect {
            Dialect::Current => one["status"] != "invited",
            Dialect::Guide => one["status"] == "active",
        };
        let active = audited.iter().filter(is_active).count();
        assert!((1..21).contains(&active), "the others were invited and have not joined: {audited:?}");
        let pages = stage.logged("requests").await.iter().filter(|entry| entry["query"]["limit"].is_string()).count();
        assert!(pages >= 2, "{pages} lists were read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_001_1_provision_a_new_platform_user() {
    let stage = Stage::at(place("partnerize", Dialect::Guide)).await;
    assert_eq!(stage.desk.run("users self --json").json()["role"], "admin");
    let add = "users add --firstname John --lastname Smith --email john@example.com --password -";
    let made = stage.desk.run_with(&format!("{add} --json"), "SecurePass1!\n").json();
    assert!(made["id"].is_string() && made["status"] == "active", "{made}");
    let set =
        stage.desk.run("users update john@example.com --role standard --timezone UTC --locale en_GB --json").json();
    let told = ["role", "timezone", "locale", "firstname"].map(|name| set[name].as_str().unwrap());
    assert_eq!(told, ["standard", "UTC", "en_GB", "John"], "what is left out stays");
    let taken = stage.desk.run_with(add, "SecurePass1!\n").fails(3);
    assert!(taken.contains("400") && !taken.contains("SecurePass1!"), "{taken}");
    assert!(stage.desk.run(&add.replace("--password -", "--password SecurePass1!")).fails(2).contains("no place"));
    let none = stage.desk.run("users provision").fails(2);
    assert!(none.contains("there is no SCIM"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_001_2_deactivate_a_departed_user() {
    let stage = Stage::at(place("partnerize", Dialect::Guide)).await;
    let deactivate = "users deactivate --email user7@brand.example";
    let unsure = stage.desk.run(deactivate).fails(2);
    assert!(unsure.contains("can no longer sign in") && unsure.contains("--yes"), "{unsure}");
    assert!(stage.desk.run("users get user7@brand.example").well().contains("active"));
    let done = stage.desk.run(&format!("{deactivate} --yes --json")).json();
    assert_eq!((&done["status"], &done["lastname"]), (&json!("inactive"), &json!("User 7")), "{done}");
    let own = stage.desk.run("users deactivate --id 123 --yes").fails(3);
    assert!(own.contains("the user whose keys are used") && own.contains("--force"), "{own}");
    let methods = stage.logged("requests").await;
    assert!(methods.iter().all(|entry| entry["method"] != "DELETE"), "the record is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_001_3_audit_all_active_users() {
    let stage = Stage::at(place("partnerize", Dialect::Guide)).await;
    stage.desk.run("users deactivate --email user7@brand.example --yes").well();
    let before = stage.logged("requests").await.len();
    let active = lines(&stage.desk.run("users list --status active --json").well());
    assert_eq!(active.len(), 129);
    let asked = stage.logged("requests").await.split_off(before);
    let pages: Vec<_> = asked.iter().map(|entry| (&entry["query"]["page"], &entry["query"]["count"])).collect();
    assert_eq!(pages, [(&json!("1"), &json!("100")), (&json!("2"), &json!("100"))]);
    let known = active.iter().skip(1).map(|user| format!("{}\n", user["email"].as_str().unwrap()));
    stage.desk.write("idp.csv", format!("email\n{}", known.collect::<String>()));
    let audit = stage.desk.run("users audit --status active --against idp.csv");
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.out.contains(active[0]["email"].as_str().unwrap()), "the orphan is named: {audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_002_1_add_a_new_partner() {
    for dialect in Dialect::ALL {
        let stage = Stage::at(place("partnerstack", dialect)).await;
        let add = "partners add --email jane@partner.example --group grp_agency --key jane7 --first-name Jane \
                   --last-name Doe --manager-email mia@acme.example";
        let made = stage.desk.run(&format!("{add} --json")).json();
        assert_eq!((&made["key"], &made["status"]), (&json!("jane7"), &json!("invited")), "{made}");
        let listed = lines(&stage.desk.run("partners list --json").well());
        let flagged = listed.iter().find(|one| one["key"] == "jane7").unwrap();
        let flag = if dialect == Dialect::Guide { "inactive" } else { "invited" };
        assert_eq!(flagged["status"], flag, "until the partner joins");
        stage.desk.write("partners.csv", "email,group,key\nlee@partner.example,grp_agency,lee7\n");
        stage.desk.run("partners import partners.csv").well();
        assert!(stage.desk.run("members invite").fails(2).contains("Add Partners"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_002_2_remove_a_partner_and_re_add_it() {
    for dialect in Dialect::ALL {
        let stage = Stage::at(place("partnerstack", dialect)).await;
        let add = "partners add --email jane@partner.example --group grp_agency --key jane7";
        let first = stage.desk.run(&format!("{add} --json")).json();
        let unsure = stage.desk.run("partners remove jane7").fails(2);
        assert!(unsure.contains("new partnership without history") && unsure.contains("--yes"), "{unsure}");
        stage.desk.run("partners remove jane7 --yes").well();
        assert!(!stage.desk.run("partners list").well().contains("jane7"));
        let second = stage.desk.run(&format!("{add} --json")).json();
        assert!(first["id"].is_string() && first["id"] != second["id"], "a second partnership: {second}");
        let links = stage.desk.run("links deactivate").fails(2);
        assert!(links.contains("only in PartnerStack"), "{links}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_002_3_update_a_partners_group_and_key() {
    for dialect in Dialect::ALL {
        let stage = Stage::at(place("partnerstack", dialect)).await;
        stage.desk.run("partners move --partner ada --partner grace --group grp_agency").well();
        let moved = stage.desk.run("partnerships get grace --json").json();
        assert_eq!(moved["group"], "grp_agency");
        stage.desk.run("partners update ada --new-key ada7").well();
        assert_eq!(stage.desk.run("partnerships get ada7 --json").json()["key"], "ada7");
        assert!(stage.desk.run("partners update ada7 --new-key Ada").fails(2).contains("lower-case"));
        assert!(stage.desk.run("partners rename").fails(2).contains("the partner's own to change"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_003_list_partners_to_the_last_page() {
    for dialect in Dialect::ALL {
        let stage = Stage::at(place("introw", dialect)).await;
        let listed = lines(&stage.desk.run("partners list --page-size 25 --json").well());
        let ids: std::collections::BTreeSet<_> = listed.iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!((listed.len(), ids.len()), (68, 68), "{}", dialect.as_str());
        let asked = stage.logged("requests").await;
        assert_eq!(asked.len(), 3, "pages of 25");
        // A list that was ended goes on at its cursor.
        let cursor = asked[1]["query"]["cursor"].as_str().unwrap().to_owned();
        let rest = lines(&stage.desk.run(&format!("partners list --page-size 25 --json --cursor {cursor}")).well());
        assert_eq!(rest, listed[25..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_004_create_and_invite_a_partner() {
    for dialect in Dialect::ALL {
        let stage = Stage::at(place("partnero", dialect)).await;
        let add = "partners add --email john.doe@partnero.example --name John --surname Doe --tag new --tag premium";
        let made = stage.desk.run(&format!("{add} --json")).json();
        let told = ["email", "name", "surname", "status"].map(|name| made[name].as_str().unwrap());
        assert_eq!(told, ["john.doe@partnero.example", "John", "Doe", "active"], "{made}");
        assert!(made["referral_link"].as_str().unwrap().contains("?aff="), "{made}");
        let twice = stage.desk.run(add).fails(3);
        assert!(twice.contains("422") && twice.contains("`email`"), "{twice}");
        let nobody = stage.desk.run("partners add --email x@partnero.example --referring-key nobody").fails(3);
        assert!(nobody.contains("400") && nobody.contains("referring partner"), "{nobody}");
        let invite = "partners invite --email jane.smith@partnero.example --name Jane --surname Smith";
        assert!(stage.desk.run(invite).well().contains("invited"));
    }
}
