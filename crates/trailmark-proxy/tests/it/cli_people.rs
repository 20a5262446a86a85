//! `users audit`, `users watch` and `partners audit` with the real binary against the running simulator.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trailmark_vendors::Dialect;

use super::endpoints::Stage;
use super::endpoints_introw;
use super::endpoints_partnerize::place;

/// Longer than any wait of a passing test.
const PATIENCE: Duration = Duration::from_secs(120);

/// An identity provider's export: everybody at the vendor but `user77`, and somebody else.
fn export(column: &str, without: &[u32]) -> String {
    let people = (1..=130).filter(|number| !without.contains(number));
    let lines: String = people.map(|number| format!("\"Person, {number}\",USER{number}@Brand.example\r\n")).collect();
    format!("\u{feff}Name,{column}\r\n{lines}Ghost, ghost@brand.example \r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_names_who_is_in_one_list_and_not_in_the_other_and_fails_for_an_orphan() {
    let stage = Stage::at(place(Dialect::Guide)).await;
    stage.desk.write("idp.csv", export("Email", &[77]));
    let ran = stage.desk.run("users audit --status active --against idp.csv");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("1 of 130 users are not in idp.csv"), "{ran:?}");
    assert!(ran.out.contains("129 users of Partnerize are in idp.csv"), "{ran:?}");
    assert!(ran.out.contains("user77@brand.example") && ran.out.contains("  ghost@brand.example"), "{ran:?}");
    assert!(!ran.out.contains("user76@") && ran.out.lines().count() == 5, "{ran:?}");

    let json = stage.desk.run("users audit --status active --against idp.csv --json");
    let found: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &found["in_both"], &found["count"]), (Some(1), &json!(129), &json!(130)));
    assert_eq!(found["not_in_file"][0]["email"], "user77@brand.example");
    assert_eq!(found["only_in_file"], json!(["ghost@brand.example"]));

    // The orphan is deactivated, and counts no more.
    stage.desk.run("users deactivate --email user77@brand.example --yes").well();
    stage.desk.run("users audit --status active --against idp.csv").well();
    let all = stage.desk.run("users audit --against idp.csv");
    assert_eq!(all.code, Some(1), "without a filter everybody counts: {all:?}");

    stage.desk.write("idp.csv", export("Work mail", &[]));
    let other = stage.desk.run("users audit --against idp.csv").fails(2);
    assert!(other.contains("has no column `email`") && other.contains("Name, Work mail"), "{other}");
    let mut named = stage.desk.command("users audit --against idp.csv --column");
    assert!(named.arg("work mail").output().unwrap().status.success());
    stage.desk.write("idp.csv", "email,name\na@x.example,\"A\" B\n");
    assert!(stage.desk.run("users audit --against idp.csv").fails(2).contains("line 2 has text behind"));
    stage.desk.write("idp.csv", "email,name\n,A\n");
    assert!(stage.desk.run("users audit --against idp.csv").fails(2).contains("column `email` is empty"));
    let current = Stage::at(place(Dialect::Current)).await;
    let none = current.desk.run("users audit --against idp.csv").fails(2);
    assert!(none.contains("unsupported by Partnerize in dialect current"), "{none}");
}

// Introw's partners are companies, and no call shows their addresses.
#[tokio::test(flavor = "multi_thread")]
async fn partners_of_introw_are_audited_by_domain() {
    let stage = Stage::at(endpoints_introw::place(Dialect::Current)).await;
    let listed = stage.desk.run("partners list --json").well();
    let partners: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut domains: Vec<String> =
        partners.iter().filter_map(|one| one["domain"].as_str()).map(str::to_uppercase).collect();
    let orphan = domains.remove(0).to_lowercase();
    stage.desk.write("crm.csv", format!("Domain\n{}\nghost.example\n", domains.join("\n")));
    let ran = stage.desk.run("partners audit --against crm.csv");
    let missing = partners.len() - domains.len();
    assert!(missing < partners.len() / 2, "most partners have a domain");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains(&format!("{missing} of {} partners are not in crm.csv", partners.len())), "{ran:?}");
    assert!(ran.out.contains(&format!("{} partners of Introw are in crm.csv", domains.len())), "{ran:?}");
    assert!(ran.out.contains(&format!("  {orphan}  ")), "{ran:?}");
    assert!(ran.out.contains("1 domains of crm.csv are of none of these partners:\n  ghost.example"), "{ran:?}");
    let help = |words: &str| stage.desk.run(words).well().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help("partners audit --help").contains("by e-mail address (domain at Introw)"));
    assert!(!help("users audit --help").contains("Introw"), "it shows no users");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_prints_who_is_added_changed_and_removed_until_ctrl_c() {
    let stage = Stage::at(place(Dialect::Guide)).await;
    assert!(stage.desk.run("users watch --interval 1s").fails(2).contains("is less than 5s"));
    // The first look finds the vendor ill for a moment.
    let fault = json!({"vendor": stage.place.account, "kind": "html", "status": 502, "method": "GET", "times": 1});
    stage.control("faults", fault.to_string()).await;
    let notes = stage.desk.path("notes");
    let mut command = stage.desk.command("users watch --interval 5s");
    let command = command.stdout(Stdio::piped()).stderr(File::create(&notes).unwrap());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while !std::fs::read_to_string(&notes).unwrap().contains("watching 130 users, every 5s") {
        assert!(begun.elapsed() < PATIENCE, "no first look");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.control("partnerize/users", json!({"add": 1, "account": stage.place.account}).to_string()).await;
    stage.control("partnerize/users/125/remove", json!({"account": stage.place.account}).to_string()).await;
    stage.desk.run("users update 126 --role reader").well();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().take(3).map(Result::unwrap).collect();
    let told =
        |word: &str| lines.iter().find(|line| line.contains(&format!("  {word}  "))).cloned().unwrap_or_default();
    assert!(told("removed").contains("  125  "), "{lines:?}");
    assert!(told("changed").contains("  126  role: standard -> reader"), "{lines:?}");
    assert!(told("added").contains("status: active"), "{lines:?}");
    assert!(!lines.concat().contains('@'), "a list names nobody: {lines:?}");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(std::fs::read_to_string(&notes).unwrap().contains("trying again in"), "the vendor was ill");
}
