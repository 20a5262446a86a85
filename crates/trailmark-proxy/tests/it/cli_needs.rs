//! What the real binary needs for a command: only the secrets that it uses, and the ledger that the command line
//! names.

use serde_json::json;

use super::support::operator::{Desk, Office};
use super::support::proxy::SITES;

/// A folder whose configuration names unset secrets, and a port without a listener.
fn desk(toml: &str) -> Desk {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Desk::with(toml, vec![("TRAILMARK_SERVER_ADMIN_LISTEN", free.to_string())])
}

fn without_secrets() -> Desk {
    let toml =
        SITES.replace("env:KEY", "env:NOT_SET").replace("[server]", "[server]\nadmin_key = \"env:NO_ADMIN_KEY\"");
    desk(&toml)
}

#[test]
fn a_command_on_the_ledger_needs_no_secret() {
    let desk = without_secrets();
    for words in [
        "store migrate",
        "store check",
        "conversions list",
        "outbox list",
        "webhooks list",
        "keys rotate --site acme",
        "keys list",
        "apikeys add --site acme --name shop",
        "apikeys list",
        "config print",
    ] {
        desk.run(words).well();
    }
}

#[test]
fn what_talks_to_vendors_names_every_secret_that_is_missing() {
    let desk = without_secrets();
    for words in ["serve --listen 127.0.0.1:0", "config check"] {
        let error = desk.run(words).fails(2);
        assert!(error.contains("NOT_SET, which is not set: export it") && error.contains("NO_ADMIN_KEY"), "{error}");
    }
    let error = desk.run("partners list --program main").fails(2);
    assert!(error.contains("NOT_SET") && !error.contains("NO_ADMIN_KEY"), "{error}");
}

#[test]
fn a_question_to_one_vendor_account_needs_no_other_accounts_secrets() {
    let program = |id: &str, variable: &str| {
        format!(
            "[[sites]]\nid = \"{id}\"\norigins = [\"http://127.0.0.1:8787\"]\n[[sites.programs]]\nid = \"{id}\"\n\
             vendor = \"partnerstack\"\npublic_key = \"env:{variable}\"\nprivate_key = \"env:{variable}\"\n\
             base_url = \"http://127.0.0.1:1\"\ntracking_url = \"http://127.0.0.1:1\"\n"
        )
    };
    let desk = desk(&format!("{}{}", program("known", "KEY"), program("locked", "NOT_SET")));
    let error = desk.run("partners get ada --program known").fails(4);
    assert!(error.contains("cannot be reached"), "{error}");
    let error = desk.run("partners get ada --program locked").fails(2);
    assert!(error.contains("NOT_SET"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_key_is_needed_once_a_proxy_runs() {
    let office = Office::locked().await;
    let output = office.desk.command("conversions list").env_remove("ADMIN_KEY").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("`server.admin_key` needs the environment variable ADMIN_KEY"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_the_command_line_names_is_meant_itself_although_a_proxy_runs() {
    let office = Office::locked().await;
    office.signup(1).await;
    assert_eq!(office.desk.run("store check --json").json()["conversions"], json!(1));

    office.desk.run("store migrate --store sqlite:copy.db").well();
    assert!(office.desk.path("copy.db").exists());
    assert_eq!(office.desk.run("store check --store sqlite:copy.db --json").json()["conversions"], json!(0));
    assert_eq!(office.desk.run("conversions list --store sqlite:copy.db --json").json(), json!([]));
    let missing = office.desk.run("store check --store sqlite:missing.db").fails(4);
    assert!(missing.contains("missing.db"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_a_proxy_holds_is_asked_for_without_store() {
    let office = Office::locked().await;
    let held = format!("sqlite:{}", office.proxy.ledger().display());
    let error = office.desk.run(&format!("store check --store {held}")).fails(4);
    assert!(error.contains("another trailmark process") && error.contains("without --store"), "{error}");
}

#[test]
fn only_what_reads_a_ledger_takes_one() {
    let desk = desk(SITES);
    for words in
        ["partners list", "customers list", "transactions list", "groups list", "snippet --site acme", "vendors"]
    {
        let error = desk.run(&format!("{words} --store sqlite:copy.db")).fails(2);
        assert!(error.contains("--store"), "{words}: {error}");
    }
}
