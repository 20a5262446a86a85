//! What the real binary needs for a command: only the secrets that it uses, and the ledger that the command line
//! names.

use serde_json::json;

use super::support::operator::{Desk, Office};
use super::support::proxy::SITES;

fn without_secrets() -> Desk {
    let toml =
        SITES.replace("env:KEY", "env:NOT_SET").replace("[server]", "[server]\nadmin_key = \"env:NO_ADMIN_KEY\"");
    Desk::unserved(&toml)
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
    let desk = Desk::unserved(&format!("{}{}", program("known", "KEY"), program("locked", "NOT_SET")));
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
    let desk = Desk::unserved(SITES);
    for words in
        ["partners list", "customers list", "transactions list", "groups list", "snippet --site acme", "vendors"]
    {
        let error = desk.run(&format!("{words} --store sqlite:copy.db")).fails(2);
        assert!(error.contains("--store"), "{words}: {error}");
    }
}

/// The warnings of `config check` where variables of these names are set.
fn warned(names: &[&'static str]) -> Vec<String> {
    let toml = SITES.replacen("env:KEY", "env:TRAILMARK_KEY", 1);
    let mut variables = vec![("TRAILMARK_KEY", "a-vendor-secret".to_owned())];
    variables.extend(names.iter().map(|name| (*name, "a value that nobody may see".to_owned())));
    let checked = Desk::with(&toml, variables).run("config check").well();
    assert!(!checked.contains("nobody may see") && checked.contains("sound"), "{checked}");
    checked.lines().filter_map(|line| line.strip_prefix("warning: ")).map(str::to_owned).collect()
}

#[test]
fn a_variable_that_looks_like_a_setting_and_is_none_is_warned_about_with_the_nearest_one() {
    for (name, cure) in [
        ("TRAILMARK_SERVER_LISTN", "did you mean TRAILMARK_SERVER_LISTEN?"),
        ("TRAILMARK_SERVER__LISTEN", "did you mean TRAILMARK_SERVER_LISTEN?"),
        ("trailmark_store_url", "did you mean TRAILMARK_STORE_URL?"),
        ("TRAILMARK_LIMIT_QUEUE", "did you mean TRAILMARK_LIMITS_QUEUE?"),
        ("TRAILMARK_KEYS", "did you mean TRAILMARK_KEY?"),
        ("TRAILMARK_WINDOW_DAYS", "only settings of [server], [store] and [limits] have variables"),
        ("TRAILMARK_\u{1b}[2J\u{202e}", "only settings of [server], [store] and [limits] have variables"),
    ] {
        let warnings = warned(&[name]);
        let [warning] = &warnings[..] else { panic!("{name}: {warnings:?}") };
        assert!(warning.contains(cure) && warning.contains("is not a setting and is ignored"), "{name}: {warning}");
        assert!(!warning.contains(['\u{1b}', '\u{202e}']), "{warning:?}");
    }
    let ours = ["TRAILMARK_API_KEY", "TRAILMARKET_X", "MY_TRAILMARK_SERVER_LISTN"];
    assert_eq!(warned(&ours), [""; 0], "the docs' own, and strangers'");
}

#[cfg(unix)]
#[test]
fn a_settings_variable_that_is_not_utf_8_is_warned_about() {
    use std::os::unix::ffi::OsStringExt as _;
    let value = std::ffi::OsString::from_vec(b"/t\xffm".to_vec());
    let checked = Desk::unserved(SITES).command("config check").env("TRAILMARK_SERVER_MOUNT", value).output().unwrap();
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(text.contains("warning: TRAILMARK_SERVER_MOUNT is not UTF-8 and is ignored: set it again"), "{text}");
}

#[test]
fn serve_says_at_its_start_which_variable_it_ignores() {
    let desk = Desk::with(SITES, vec![("TRAILMARK_SERVER_LISTN", "127.0.0.1:0".to_owned())]);
    // A folder for `--www` that is not there ends it after its first lines.
    let ran = desk.run("serve --listen 127.0.0.1:0 --www nowhere");
    let log = format!("{}{}", ran.out, ran.err);
    assert!(log.contains("TRAILMARK_SERVER_LISTN is not a setting and is ignored"), "{log}");
}
