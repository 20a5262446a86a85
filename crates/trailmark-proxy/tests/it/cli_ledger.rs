//! Which ledger a command reads, and that reading changes nothing: neither the file and its neighbours, nor another
//! proxy's ledger.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use super::support::operator::{Desk, Office};
use super::support::proxy::SITES;

/// Name, mode, change time and content of every file in a folder.
fn picture(folder: &Path) -> BTreeMap<String, (u32, i64, Vec<u8>)> {
    use std::os::unix::fs::MetadataExt as _;
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let shot = |entry: std::fs::DirEntry| {
        let meta = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, (meta.mode(), meta.mtime_nsec(), std::fs::read(entry.path()).unwrap()))
    };
    files.map(shot).collect()
}

// field-faults row 52
#[test]
fn a_file_that_is_no_ledger_keeps_its_mode_and_gets_no_lock_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::unserved(SITES);
    std::fs::write(desk.path("notes.txt"), "no ledger, and longer than the header of a database would be: ".repeat(3))
        .unwrap();
    std::fs::write(desk.path("short.txt"), "x").unwrap();
    Connection::open(desk.path("theirs.db"))
        .unwrap()
        .execute_batch("PRAGMA application_id = 7; CREATE TABLE t (a)")
        .unwrap();
    for name in ["notes.txt", "short.txt", "theirs.db"] {
        std::fs::set_permissions(desk.path(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let before = picture(&desk.path("."));
    for name in ["notes.txt", "short.txt", "theirs.db"] {
        for words in ["store check", "store migrate", "conversions list", "keys list", "keys rotate --site acme"] {
            let error = desk.run(&format!("{words} --store sqlite:{name}")).fails(1);
            assert!(error.contains(name) && error.contains("not a Trailmark ledger"), "{words}: {error}");
        }
    }
    assert!(picture(&desk.path(".")) == before, "a refused file was changed");
}

// field-faults row 52
#[test]
fn a_check_changes_nothing_of_a_ledger_and_reads_what_only_its_log_holds() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate --store sqlite:live.db").well();
    // As after a kill: the last commits are only in the log, and the log's index is missing.
    let writer = Connection::open(desk.path("live.db")).unwrap();
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; INSERT INTO tallies VALUES ('acme', 'touch', 'url', 41)")
        .unwrap();
    for suffix in ["", "-wal"] {
        std::fs::copy(desk.path(&format!("live.db{suffix}")), desk.path(&format!("copy.db{suffix}"))).unwrap();
    }
    drop(writer);
    let before = picture(&desk.path("."));
    let report = desk.run("store check --store sqlite:copy.db --json");
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(report.out.contains("tallies that differ"), "the row in the log was not read: {report:?}");
    assert_eq!(desk.run("store check --store sqlite:live.db").code, Some(1));
    let after = picture(&desk.path("."));
    assert!(after == before, "{:?} became {:?}", before.keys(), after.keys());
}

// field-faults row 52
#[test]
fn a_check_refuses_a_ledger_that_another_process_has_open() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate --store sqlite:live.db").well();
    let lock = std::fs::File::open(desk.path("live.db.lock")).unwrap();
    lock.lock().unwrap();
    let error = desk.run("store check --store sqlite:live.db").fails(4);
    assert!(error.contains("live.db") && error.contains("stop it first"), "{error}");
}

#[test]
fn where_no_proxy_answers_and_the_ledger_is_in_use_the_address_is_named_as_the_mistake() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate").well();
    let lock = std::fs::File::open(desk.path("trailmark.db.lock")).unwrap();
    lock.lock().unwrap();
    for words in ["conversions list", "store check", "store migrate", "keys list --site acme"] {
        let error = desk.run(words).fails(4);
        assert!(error.contains("no proxy answers at 127.0.0.1:"), "{words}: {error}");
        assert!(error.contains("trailmark.db open: correct `server.admin_listen`"), "{words}: {error}");
    }
}

// field-faults row 50
#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_configuration_names_another_ledger_than_the_proxy_is_refused_and_told_both() {
    let office = Office::open().await;
    let id = office.signup(1).await;
    let listen = office.operator.address().to_string();
    let other = Desk::with(SITES, vec![("TRAILMARK_SERVER_ADMIN_LISTEN", listen.clone())]);
    let theirs = office.proxy.ledger().canonicalize().unwrap().display().to_string();
    for words in [
        "conversions list",
        "keys rotate --site acme",
        "apikeys add --site acme --name ci",
        "store check",
        "store migrate",
    ] {
        let error = other.run(words).fails(2);
        let own = other.path("trailmark.db").canonicalize().unwrap_or_else(|_| other.path("trailmark.db"));
        for named in [theirs.as_str(), &own.display().to_string(), listen.as_str(), "--store"] {
            assert!(error.contains(named), "`{words}` should name {named}: {error}");
        }
    }
    assert!(!other.path("trailmark.db").exists());
    // The same ledger under another name.
    std::os::unix::fs::symlink(office.proxy.ledger(), other.path("trailmark.db")).unwrap();
    assert_eq!(other.run("conversions list --json").json()[0]["id"], json!(id));
}
