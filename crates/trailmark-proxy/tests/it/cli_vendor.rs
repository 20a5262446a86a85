//! Commands that ask the vendor, with the real binary and the running simulator, in both dialects: every call of seed
//! 000, what each dialect lacks, the messages if the vendor refuses or does not answer, and what holds for every command.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, Running, Settings, Simulator};

use super::support::operator::Desk;

/// A simulator, and a folder whose only program uses it in one dialect.
struct Stage {
    double: Running,
    desk: Desk,
    account: &'static str,
}

impl Stage {
    async fn of(dialect: &str) -> Self {
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
        let double = Simulator::start(settings).await.unwrap();
        let account = if dialect == "guide" { "partnerstack-guide" } else { "partnerstack" };
        let desk = at(double.address(), account, dialect);
        Self { double, desk, account }
    }

    /// Calls the simulator's control routes.
    async fn control(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = http.request(method, format!("http://{}/control/{path}", self.double.address()));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Everything of one kind in the account.
    async fn held(&self, kind: &str) -> Vec<Value> {
        let state = self.control(reqwest::Method::GET, &format!("state/{}", self.account), None).await;
        state[kind].as_array().unwrap().clone()
    }

    /// Method, path and query of every request so far, sorted by name, without the root.
    async fn asked(&self) -> Vec<String> {
        let log = self.control(reqwest::Method::GET, "requests", None).await;
        let text = |entry: &Value| {
            let path = entry["path"].as_str().unwrap().replace(&format!("/{}/api/v2/", self.account), "");
            let query = entry["query"].as_object().unwrap().iter();
            let query: Vec<_> = query.map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
            let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
            format!("{} {path}{query}", entry["method"].as_str().unwrap())
        };
        log["requests"].as_array().unwrap().iter().map(text).collect()
    }

    async fn fault(&self, fault: Value) {
        self.control(reqwest::Method::POST, "faults", Some(fault)).await;
    }
}

/// A folder whose program uses the account with this name.
fn at(address: SocketAddr, account: &str, dialect: &str) -> Desk {
    let toml = format!(
        "[[sites]]\nid = \"acme\"\norigins = [\"http://127.0.0.1:8787\"]\n\n[[sites.programs]]\nid = \"main\"\n\
         vendor = \"partnerstack\"\ndialect = \"{dialect}\"\npublic_key = \"env:PUBLIC\"\n\
         private_key = \"env:PRIVATE\"\nbase_url = \"http://{address}/{account}\"\n\
         tracking_url = \"http://{address}/partnerlinks\"\n"
    );
    Desk::with(&toml, vec![("PUBLIC", PUBLIC_KEY.to_owned()), ("PRIVATE", PRIVATE_KEY.to_owned())])
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// No line is wider than a terminal.
#[track_caller]
fn narrow(text: &str) {
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

const ADD: &str = "customers add cust_001 --email user@example.com --partner ada";

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_customer_is_added_shown_changed_listed_and_removed_with_every_field() {
    let stage = Stage::of("guide").await;
    let every = "--name Jane --first-name Jane --last-name Doe --status active --external-key crm-7 \
                 --group grp_affiliate --data plan=team --data seats=4";
    let made = stage.desk.run(&format!("{ADD} {every} --json")).json();
    assert_eq!((&made["key"], &made["partner"]), (&json!("cust_001"), &json!("ada")));
    let held = &stage.held("customers").await[0];
    let told = ["email", "name", "first_name", "last_name", "status", "external_key", "group_key", "partner_key"];
    let expected = ["user@example.com", "Jane", "Jane", "Doe", "active", "crm-7", "grp_affiliate", "ada"];
    assert_eq!(told.map(|field| held[field].as_str().unwrap()), expected);
    assert_eq!(held["mdata"], json!({ "plan": "team", "seats": "4" }));

    let changed = stage.desk.run("customers update cust_001 --email newemail@example.com --status inactive").well();
    assert!(changed.contains("newemail@example.com") && changed.contains("inactive"), "{changed}");
    assert!(changed.contains("crm-7") && changed.contains("plan=team"), "what is left out stays: {changed}");
    let shown = stage.desk.run("customers get cust_001 --json").json();
    assert_eq!(shown["email"], "newemail@example.com");
    let listed = lines(&stage.desk.run("customers list --json").well());
    assert_eq!((listed.len(), &listed[0]["first_name"]), (1, &json!("Jane")));
    let table = stage.desk.run("customers list").well();
    narrow(&table);
    assert!(table.contains("cust_001") && !table.contains('@') && !table.contains("Jane"), "{table}");

    let unsure = stage.desk.run("customers remove cust_001").fails(2);
    assert!(unsure.contains("--yes"), "{unsure}");
    assert_eq!(stage.desk.run("customers remove cust_001 --yes --json").json(), json!({ "removed": "cust_001" }));
    assert_eq!(stage.desk.run("customers list").well(), "no customers\n");
    let asked = stage.asked().await;
    assert_eq!(asked[..2], ["POST customers", "PUT customers/cust_001"]);
    assert!(asked.contains(&"GET customers?limit=100".to_owned()), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_customer_is_added_shown_changed_listed_and_removed() {
    let stage = Stage::of("current").await;
    let made = stage.desk.run(&format!("{ADD} --name Jane --provider-key stripe_1 --member-key mem_1 --json")).json();
    assert_eq!(made["key"], "cust_001");
    assert!(made["id"].as_str().unwrap().starts_with("cus_"));
    let held = &stage.held("customers").await[0];
    assert_eq!((&held["provider_key"], &held["member_key"]), (&json!("stripe_1"), &json!("mem_1")));
    stage.desk.run("customers update cust_001 --email newemail@example.com").well();
    let facts = stage.desk.run("customers get cust_001").well();
    assert!(facts.contains("newemail@example.com") && facts.contains("Jane") && facts.contains("cus_"), "{facts}");
    let later = stage.desk.run("customers list --since 2999-01-01T00:00:00Z").well();
    assert_eq!(later, "no customers\n");
    assert_eq!(lines(&stage.desk.run("customers list --json").well()).len(), 1);
    stage.desk.run("customers remove cust_001 --yes").well();
    assert!(stage.desk.run("customers get cust_001").fails(3).contains("no such customer"));
    assert_eq!(stage.asked().await[..2], ["POST customers", "PATCH customers/cust_001"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_customers_goes_on_to_the_vendors_own_end_in_both_dialects() {
    for (dialect, pages) in [("current", 2), ("guide", 3)] {
        let stage = Stage::of(dialect).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/{}/api/v2/customers", stage.double.address(), stage.account);
        for number in 0..253 {
            let body = json!({ "customer_key": format!("u_{number}"), "email": format!("a{number}@b.example"), "partner_key": "ada" });
            let request = http.post(&url).basic_auth(PUBLIC_KEY, Some(PRIVATE_KEY));
            let answer =
                request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
            assert!(answer.status().is_success());
        }
        let listed = lines(&stage.desk.run("customers list --json").well());
        let keys: BTreeSet<_> = listed.iter().map(|one| one["key"].as_str().unwrap()).collect();
        assert_eq!((listed.len(), keys.len()), (253, 253), "{dialect}");
        let asked = stage.asked().await.into_iter().filter(|call| call.starts_with("GET customers")).count();
        assert_eq!(asked, pages, "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_added_listed_and_removed_in_both_dialects() {
    for (dialect, more) in [("current", "--key order_1 --category plan --data seats=4"), ("guide", "")] {
        let stage = Stage::of(dialect).await;
        stage.desk.run(ADD).well();
        let add = format!("transactions add --customer cust_001 --amount-minor 1230 --currency JPY {more} --json");
        let made = stage.desk.run(&add).json();
        let held = &stage.held("transactions").await[0];
        assert_eq!((&held["amount"], &held["customer_key"]), (&json!(123_000), &json!("cust_001")), "{dialect}");
        assert_eq!((&made["amount_minor"], &made["currency"]), (&json!(1230), &json!("JPY")), "{dialect}");
        let table = stage.desk.run("transactions list").well();
        narrow(&table);
        assert!(table.contains("1230 JPY") && table.contains("cust_001"), "{table}");
        let key = made["key"].as_str().unwrap();
        assert_eq!(lines(&stage.desk.run("transactions list --json").well())[0]["key"], key);
        assert!(stage.desk.run(&format!("transactions remove {key}")).fails(2).contains("commission"));
        stage.desk.run(&format!("transactions remove {key} --yes")).well();
        assert_eq!(stage.held("transactions").await[0]["deleted"], true);
        assert_eq!(stage.desk.run("transactions list").well(), "no transactions\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_partnerships_are_read_as_each_dialect_has_them() {
    let guide = Stage::of("guide").await;
    let group = guide.desk.run("groups get grp_affiliate --json").json();
    assert_eq!((&group["name"], &group["slug"]), (&json!("Affiliate Program"), &json!("affiliate")));
    assert!(guide.desk.run("groups get grp_nothing").fails(3).contains("no such group"));
    let current = Stage::of("current").await;
    let unread = current.desk.run("groups get grp_affiliate").fails(2);
    assert!(unread.contains("unsupported by PartnerStack in dialect current") && unread.contains("list"), "{unread}");
    assert_eq!(current.asked().await, [""; 0], "nothing is sent");

    let mut members = Vec::new();
    for stage in [&guide, &current] {
        assert_eq!(stage.desk.run("groups list").well().lines().count(), 4);
        let agency = lines(&stage.desk.run("partnerships list --group grp_agency --json").well());
        assert!(agency.len() == 21 && agency.iter().all(|one| one["group"] == "grp_agency"));
        members.push(agency.iter().map(|one| one["key"].to_string()).collect::<BTreeSet<_>>());
        let all = stage.desk.run("partnerships list").well();
        narrow(&all);
        assert_eq!(all.lines().count(), 65);
        assert!(stage.desk.run("partnerships get ada").well().contains("part_"));
    }
    assert_eq!(members[0], members[1]);
    assert!(guide.asked().await.contains(&"GET partnerships?group_key=grp_agency&limit=100".to_owned()));
    assert!(guide.desk.run("partnerships list --group grp_nothing").fails(3).contains("group"));
    assert_eq!(current.desk.run("partnerships list --group grp_nothing").well(), "no partnerships\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_a_group_reads_every_partner_of_it() {
    for (dialect, partner) in [("guide", "GET partners/"), ("current", "GET partnerships/")] {
        let stage = Stage::of(dialect).await;
        let profiles = lines(&stage.desk.run("partnerships list --group grp_agency --profiles --json").well());
        assert!(profiles.len() == 21 && profiles.iter().all(|one| one["email"].is_string() && one["name"].is_string()));
        let asked = stage.asked().await;
        assert_eq!(asked.iter().filter(|call| call.starts_with(partner)).count(), 21, "{asked:?}");
        let table = stage.desk.run("partnerships list --group grp_agency --profiles").well();
        assert!(table.starts_with("KEY") && !table.contains('@') && table.lines().count() == 22, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_is_added_changed_and_removed_in_both_dialects_and_nobody_is_invited_blindly() {
    for dialect in ["current", "guide"] {
        let stage = Stage::of(dialect).await;
        let words = "partners add --email jane@p.example --group grp_agency --first-name Jane --last-name Doe --json";
        let made = stage.desk.run(words).json();
        assert_eq!((&made["key"], &made["status"]), (&json!("janedoe"), &json!("invited")), "{dialect}");
        stage.desk.run("partners update janedoe --new-key jd7 --group grp_reseller").well();
        let held = stage.held("partners").await.pop().unwrap();
        assert_eq!((&held["partner_key"], &held["group_key"]), (&json!("jd7"), &json!("grp_reseller")), "{dialect}");
        assert!(stage.desk.run("partners get jd7").well().contains("Jane Doe"));
        let taken = stage.desk.run("partners update jd7 --new-key ada").fails(3);
        assert!(taken.contains("belongs to a partner already"), "{taken}");
        let unsure = stage.desk.run("partners remove jd7").fails(2);
        assert!(unsure.contains("without history") && unsure.contains("--yes"), "{unsure}");
        stage.desk.run("partners remove jd7 --yes").well();
        assert_eq!(stage.held("partners").await.pop().unwrap()["archived"], true);
        assert!(stage.desk.run("partners remove jd7 --yes").fails(3).contains("no such partner"));
        let before = stage.asked().await.len();
        let invited = stage.desk.run("partners invite --email ada@p.example").fails(2);
        assert!(invited.contains(&format!("unsupported by PartnerStack in dialect {dialect}")), "{invited}");
        assert_eq!(stage.asked().await.len(), before, "nothing is sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dialect_lacks_ends_with_2_before_anything_is_sent() {
    let rows = [
        (
            "current",
            "customers add u_1 --email a@b.example --partner ada --first-name A",
            "--first-name is not for PartnerStack",
        ),
        ("current", "customers add u_1 --email a@b.example", "missing `partner`"),
        ("guide", "customers add u_1 --email a@b.example --provider-key x", "--provider-key is not for PartnerStack"),
        ("guide", "customers add u_1", "missing `email`"),
        ("guide", "customers update u_1", "nothing to change"),
        ("guide", "customers update u_1 --data plan", "NAME=VALUE"),
        ("guide", "customers list --since 2026-01-01T00:00:00Z", "but for PartnerStack: dialect current"),
        ("current", "customers list --since yesterday", "yesterday"),
        ("current", "transactions add --customer u --amount-minor 1 --currency USD", "missing `key`"),
        ("current", "transactions add --amount-minor 1 --currency USD --key order_1", "give one of `customer`"),
        (
            "guide",
            "transactions add --customer u --amount-minor 1 --currency USD --key order_1",
            "--key is not for PartnerStack",
        ),
        ("guide", "transactions add --customer-id cus_1 --amount-minor 1 --currency USD", "--customer-id"),
        ("guide", "transactions add --customer u --amount-minor 1235 --currency KWD", "inexact_amount"),
        ("guide", "transactions add --customer u --amount-minor 1.5 --currency USD", "1.5"),
        ("guide", "transactions add --customer u --amount-minor 1 --currency dollars", "ISO 4217"),
        ("current", "partners add --email a@b.example --group g --key Jane", "lower-case"),
        ("current", "partners update ada", "nothing to change"),
        ("current", "partners move --partner ada", "missing `group`"),
        ("current", "partners rename ada", "the partner's own to change"),
        ("current", "links deactivate ada", "only in PartnerStack"),
        ("current", "webhooks register --event x --url https://a@b.example/", "no place for a secret"),
        ("current", "commissions list --status lost", "one of hold, pending"),
        ("guide", "webhooks vendor-list", "in PartnerStack only"),
        ("guide", "customers list --limit 0", "--limit"),
    ];
    for dialect in ["current", "guide"] {
        let stage = Stage::of(dialect).await;
        for (_, words, named) in rows.iter().filter(|(of, _, _)| *of == dialect) {
            let error = stage.desk.run(words).fails(2);
            assert!(error.contains(named), "`{words}` should name `{named}`: {error}");
            assert!(!error.contains("a@b.example"), "{error}");
        }
        assert_eq!(stage.asked().await, [""; 0], "{dialect}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_with_3_says_why_and_repeats_nobody() {
    for dialect in ["current", "guide"] {
        let stage = Stage::of(dialect).await;
        stage.desk.run(ADD).well();
        let twice = stage.desk.run(ADD).fails(3);
        assert!(twice.contains("already exists") && twice.contains("check the existing one"), "{twice}");
        let message = "user@example.com and cust_001 are not welcome";
        stage
            .fault(json!({ "vendor": stage.account, "kind": "status", "status": 400, "message": message, "times": 1 }))
            .await;
        let refused = stage.desk.run("customers update cust_001 --email user@example.com").fails(3);
        assert!(refused.contains("are not welcome"), "{refused}");
        assert!(
            !refused.contains("user@") && !refused.contains("cust_001") && !refused.contains(PRIVATE_KEY),
            "{refused}"
        );
        assert!(stage.desk.run("customers update nobody --name X").fails(3).contains("no such customer"));
        let key = if dialect == "current" { "--key order_1" } else { "" };
        let words = format!("transactions add --customer nobody --amount-minor 100 --currency USD {key}");
        assert!(stage.desk.run(&words).fails(3).contains("customer not found"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_outcome_is_unknown_is_sent_once_and_a_question_is_asked_again() {
    let stage = Stage::of("guide").await;
    stage.fault(json!({ "vendor": stage.account, "kind": "reset_after", "method": "POST", "times": 1 })).await;
    let lost = stage.desk.run(ADD).fails(4);
    assert!(lost.contains("may or may not have made the change") && lost.contains("check at the vendor"), "{lost}");
    assert_eq!(stage.held("customers").await.len(), 1, "it had been made");
    assert_eq!(stage.asked().await, ["POST customers"]);
    stage
        .fault(json!({ "vendor": stage.account, "kind": "status", "status": 429, "retry_after_s": 0, "times": 1 }))
        .await;
    stage.desk.run("customers update cust_001 --name Jane").well();
    assert_eq!(stage.asked().await.len(), 3, "too many requests means not processed");
    stage.fault(json!({ "vendor": stage.account, "kind": "reset_before", "method": "GET", "times": 1 })).await;
    assert!(stage.desk.run("customers get cust_001").well().contains("Jane"));
    assert_eq!(stage.asked().await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_partners_move_to_a_group_and_each_is_named() {
    for dialect in ["current", "guide"] {
        let stage = Stage::of(dialect).await;
        for number in ["1", "2"] {
            stage
                .desk
                .run(&format!("partners add --email p{number}@p.example --group grp_agency --key pk{number}"))
                .well();
        }
        let moved = stage.desk.run("partners move --partner pk1 --partner pk2 --group grp_reseller --json").well();
        let moved: Vec<_> = lines(&moved).iter().map(|one| (one["key"].clone(), one["group"].clone())).collect();
        assert_eq!(moved, ["pk1", "pk2"].map(|key| (json!(key), json!("grp_reseller"))), "{dialect}");
        let half = stage.desk.run("partners move --partner pk1 --partner nobody --group grp_agency");
        assert_eq!(half.code, Some(3), "{half:?}");
        assert!(half.out.contains("pk1") && half.err.contains("no such partner"), "what has moved is said: {half:?}");
        let help = stage.desk.run("partners move --help").well();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("the new group's rules may change running commissions"), "{help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_the_request_without_secrets_and_sends_nothing() {
    let stage = Stage::of("current").await;
    let text = stage.desk.run(&format!("{ADD} --dry-run")).well();
    assert!(text.starts_with("POST http://127.0.0.1:") && text.contains("/api/v2/customers\n"), "{text}");
    assert!(text.contains("authorization: [redacted]") && text.contains(r#""customer_key":"cust_001""#), "{text}");
    let hook = stage.desk.run("webhooks register --event customer_created --url env:PUBLIC --dry-run").well();
    assert!(hook.contains(r#""target_url":"[redacted]""#) && !hook.contains(PUBLIC_KEY), "{hook}");
    stage.desk.run("partners remove ada --dry-run").well();
    assert!(stage.desk.run("webhooks vendor-list --dry-run").well().contains("/api/v2/webhooks?limit=250"));
    assert_eq!(stage.asked().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_ends_at_its_limit_and_asks_for_no_more() {
    let stage = Stage::of("current").await;
    assert_eq!(lines(&stage.desk.run("partners list --limit 5 --json").well()).len(), 5);
    assert_eq!(stage.desk.run("partners list --limit 5").well().lines().count(), 6);
    assert_eq!(stage.asked().await.len(), 2);
    let help = stage.desk.run("customers add --help").well();
    assert!(
        help.contains("(PartnerStack: dialect guide)") && help.contains("(PartnerStack: dialect current)"),
        "{help}"
    );
}

/// A vendor whose list shows one partner and promises more for ever.
fn endless() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let body = r#"{"data":{"items":[{"key":"part_1","partner_key":"ada"}],"has_more":true},"status":200}"#;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut head);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_list_that_comes_back_to_itself_shows_each_item_once_and_ends_with_an_error() {
    let ran = at(endless(), "partnerstack", "current").run("partners list --json");
    assert_eq!((ran.code, lines(&ran.out).len()), (Some(4), 1), "{ran:?}");
    assert!(ran.err.contains("the list has no end"), "{ran:?}");
}
