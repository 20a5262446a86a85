//! The SQLite ledger: the claims of every ledger, and those that hold only for one file on one machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::conformance::{Ground, samples};
use trailmark_proxy::store::sqlite::SqliteStore;
use trailmark_proxy::store::webhooks::AskClaim;
use trailmark_proxy::store::{Accepted, Store, StoreError};
use trailmark_wire::ids::{ConversionId, DeliveryId};

/// An empty folder for one ledger.
#[derive(Debug)]
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.path().join("trailmark.db")
    }
}

impl Ground for Folder {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.ledger()).unwrap())
    }
}

trailmark_proxy::store_conformance!(Folder::fresh);

/// Reads the file like another program.
fn raw(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn refused(result: Result<SqliteStore, StoreError>) -> StoreError {
    result.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_what_to_do() {
    let folder = Folder::fresh();
    let store = folder.open();
    let error = refused(SqliteStore::open(&folder.ledger()));
    assert!(matches!(&error, StoreError::InUse(_)) && error.to_string().contains("operator's listener"), "{error}");
    assert!(matches!(refused(SqliteStore::open_for_operator(&folder.ledger())), StoreError::InUse(_)));
    store.close().await.unwrap();
    SqliteStore::open_for_operator(&folder.ledger()).unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_lane() {
    let folder = Folder::fresh();
    let store = folder.open();
    for number in [1, 2, 3] {
        samples::signed_up(&store, number, &["main"]).await;
    }
    store.close().await.unwrap();
    let broken = samples::id::<DeliveryId>(samples::delivery_number(1));
    let changed =
        raw(&folder.ledger()).execute("UPDATE deliveries SET vendor = 'nobody' WHERE id = ?1", [broken.as_str()]);
    assert_eq!(changed, Ok(1));
    let store = folder.open();
    let leased = store.lease(samples::claim(samples::lane(), 1, 2, samples::NOW)).await.unwrap();
    assert_eq!(leased.iter().map(|leased| &leased.delivery).collect::<Vec<_>>(), [&samples::id(3008)]);
    // Its lease expires like any other and prevents nobody's recovery.
    let expired = store.expired(samples::lane(), samples::NOW.plus(60_000), 9).await.unwrap();
    assert_eq!(expired.iter().map(|one| &one.leased.delivery).collect::<Vec<_>>(), [&samples::id(3008)]);
    let next = store.lease(samples::claim(samples::lane(), 5, 9, samples::NOW)).await.unwrap();
    assert_eq!(next.iter().map(|leased| &leased.delivery).collect::<Vec<_>>(), [&samples::id(3012)]);
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_keeps_no_other_commission_from_being_asked_for() {
    let folder = Folder::fresh();
    let store = folder.open();
    for number in [1, 2] {
        samples::signed_up(&store, number, &["main"]).await;
        samples::sent(&store, number, "recorded", State::Recorded).await;
    }
    store.close().await.unwrap();
    let broken = samples::id::<ConversionId>(1001);
    let changed = raw(&folder.ledger())
        .execute("UPDATE conversion_payloads SET data = '{' WHERE conversion = ?1", [broken.as_str()]);
    assert_eq!(changed, Ok(1));
    let store = folder.open();
    let claim = || AskClaim {
        lane: samples::lane(),
        most: 9,
        gate: Box::new(|lane, due| (lane, due)),
        again_at: samples::NOW.plus(60_000),
        due_by: samples::NOW,
    };
    let asking = store.claim_commissions(claim()).await.unwrap();
    assert_eq!(asking.iter().map(|one| &one.delivery).collect::<Vec<_>>(), [&samples::id(3008)]);
    assert!(store.claim_commissions(claim()).await.unwrap().is_empty(), "it is put off like the others");
}

#[tokio::test]
async fn the_command_line_makes_no_ledger_and_migrates_none() {
    let folder = Folder::fresh();
    let path = folder.ledger();
    assert!(matches!(refused(SqliteStore::open_for_operator(&path)), StoreError::NotFound(_)));
    assert!(!path.exists());
    raw(&path).pragma_update(None, "application_id", 0x5452_4d4b).unwrap();
    let behind = refused(SqliteStore::open_for_operator(&path));
    assert!(matches!(&behind, StoreError::Refused(text) if text.contains("trailmark store migrate")), "{behind}");
    assert!(SqliteStore::migrate(&path).unwrap() >= 1);
    SqliteStore::open_for_operator(&path).unwrap();
}

#[tokio::test]
async fn a_ledger_of_a_newer_binary_is_refused() {
    let folder = Folder::fresh();
    drop(folder.open());
    let newer = "INSERT INTO refinery_schema_history
                 SELECT 9999, 'later', applied_on, checksum FROM refinery_schema_history LIMIT 1";
    raw(&folder.ledger()).execute(newer, []).unwrap();
    let error = refused(SqliteStore::open(&folder.ledger()));
    assert!(
        matches!(&error, StoreError::Refused(text) if text.contains("another build") && text.contains("9999")),
        "{error}"
    );
    let error = refused(SqliteStore::open_for_operator(&folder.ledger()));
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("9999")), "{error}");
}

#[tokio::test]
async fn a_ledger_of_another_build_with_the_same_version_is_refused_with_the_cure() {
    let folder = Folder::fresh();
    drop(folder.open());
    raw(&folder.ledger()).execute("UPDATE refinery_schema_history SET checksum = '1'", []).unwrap();
    let error = refused(SqliteStore::open(&folder.ledger()));
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("`store.url`")), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = Folder::fresh();
    std::fs::write(folder.ledger(), "not a database, but long enough to be asked whether it is one".repeat(20))
        .unwrap();
    assert!(matches!(refused(SqliteStore::open(&folder.ledger())), StoreError::Refused(_)));
}

#[cfg(unix)]
#[tokio::test]
async fn its_files_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::fresh();
    std::fs::write(folder.ledger(), "").unwrap();
    std::fs::set_permissions(folder.ledger(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = folder.open();
    samples::signed_up(&store, 1, &["main"]).await;
    let files = std::fs::read_dir(folder.0.path()).unwrap();
    let modes = files.map(|file| {
        let file = file.unwrap();
        (file.file_name().into_string().unwrap(), file.metadata().unwrap().permissions().mode() & 0o777)
    });
    let mut modes: Vec<_> = modes.collect();
    modes.sort();
    let expected = ["trailmark.db", "trailmark.db-shm", "trailmark.db-wal", "trailmark.db.lock"];
    assert_eq!(modes, expected.map(|name| (name.to_owned(), 0o600)));
}

/// What the kernel has of the files when the process dies: everything that was answered must be in it.
#[tokio::test]
async fn what_was_answered_is_in_the_files_at_that_moment() {
    let folder = Folder::fresh();
    let store = folder.open();
    let receipt = samples::signed_up(&store, 1, &["main"]).await;
    let after = Folder::fresh();
    for suffix in ["", "-wal"] {
        let name = |folder: &Folder| folder.0.path().join(format!("trailmark.db{suffix}"));
        std::fs::copy(name(&folder), name(&after)).unwrap();
    }
    let again = samples::signup(1, samples::visitor(1), "u_1");
    let replayed = after.open().accept(again, samples::no_rule()).await.unwrap();
    assert_eq!(replayed, Accepted::Replayed(receipt));
}

/// Runs a test of this binary in a process whose files may not exceed `blocks`, so that the kernel refuses a write.
#[cfg(unix)]
fn on_a_failing_disk(blocks: u32, claim: &str, folder: &Path) -> std::process::ExitStatus {
    std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$1\" --exact \"$2\""])
        .args([&blocks.to_string(), std::env::current_exe().unwrap().to_str().unwrap(), claim])
        .env("TMPDIR", folder)
        .output()
        .unwrap()
        .status
}

#[cfg(unix)]
#[tokio::test]
async fn a_commit_that_the_disk_refuses_ends_the_process_and_the_ledger_recovers() {
    use std::os::unix::process::ExitStatusExt as _;
    const ABORTED: i32 = 6;
    let claim = "store::many_at_once_are_all_kept_and_each_gets_its_own_answer";
    // The commit that fails depends on the schema's size and on how the commits are grouped, so the limit is searched.
    let aborted = (15..150).map(|step| step * 20).find_map(|blocks| {
        let folder = tempfile::tempdir().unwrap();
        let status = on_a_failing_disk(blocks, claim, folder.path());
        (status.signal() == Some(ABORTED)).then_some(folder)
    });
    let aborted = aborted.unwrap();
    let left = std::fs::read_dir(aborted.path()).unwrap().next().unwrap().unwrap().path();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&left.join("trailmark.db")).unwrap());
    let health = store.health().await.unwrap();
    assert_eq!((health.integrity.as_str(), health.violations), ("ok", Vec::new()));
}

#[tokio::test]
async fn a_closed_ledger_is_one_file() {
    let folder = Folder::fresh();
    let store = folder.open();
    samples::signed_up(&store, 1, &["main"]).await;
    store.conversions(Default::default()).await.unwrap();
    store.close().await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["trailmark.db", "trailmark.db.lock"]);
}

/// All tables of the ledger.
fn tables(ledger: &Connection) -> Vec<(String, String)> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'refinery%'";
    let mut statement = ledger.prepare(sql).unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn personal_data_stands_in_one_table_and_can_go_without_the_ledger() {
    let folder = Folder::fresh();
    let store = folder.open();
    let receipt = samples::signed_up(&store, 1, &["main"]).await;
    store.close().await.unwrap();
    drop(store);
    let ledger = raw(&folder.ledger());
    let holding = tables(&ledger).into_iter().map(|(name, _)| name).filter(|name| {
        let mut statement = ledger.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut found = false;
        while let Some(row) = rows.next().unwrap() {
            let texts = (0..columns).filter_map(|column| row.get::<_, String>(column).ok());
            found |= texts.into_iter().any(|text| text.contains("@mail.example") || text.contains("Byron"));
        }
        found
    });
    assert_eq!(holding.collect::<Vec<_>>(), ["conversion_payloads"]);
    ledger.execute("DELETE FROM conversion_payloads", []).unwrap();
    drop(ledger);
    let store = folder.open();
    let again = samples::signup(1, samples::visitor(1), "u_1");
    assert_eq!(store.accept(again, samples::no_rule()).await.unwrap(), Accepted::Replayed(receipt));
    let task = store.task(samples::site(), samples::id(samples::delivery_number(1))).await.unwrap();
    assert_eq!(task.customer.unwrap().email, None);
    assert_eq!(store.health().await.unwrap().violations, Vec::<String>::new());
}

#[tokio::test]
async fn every_table_is_strict_and_every_key_begins_with_the_site() {
    let folder = Folder::fresh();
    drop(folder.open());
    let ledger = raw(&folder.ledger());
    for (table, sql) in tables(&ledger) {
        assert!(sql.contains("STRICT"), "{table} is not strict");
        let first = |sql: &str| ledger.query_row(sql, [&table], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(first("SELECT name FROM pragma_table_info(?1) WHERE pk = 1"), "site", "primary key of {table}");
        let foreign = "SELECT coalesce(group_concat(DISTINCT \"from\" || '>' || \"to\"), 'site>site')
                       FROM pragma_foreign_key_list(?1) WHERE seq = 0";
        assert_eq!(first(foreign), "site>site", "foreign keys of {table}");
        let indexes = "SELECT coalesce(group_concat(DISTINCT i.name), 'site')
                       FROM pragma_index_list(?1) l, pragma_index_info(l.name) i WHERE i.seqno = 0";
        assert_eq!(first(indexes), "site", "indexes of {table}");
    }
}

#[tokio::test]
async fn a_violated_invariant_is_named() {
    let folder = Folder::fresh();
    let store = folder.open();
    samples::signed_up(&store, 1, &["main"]).await;
    samples::leased(&store, 1).await;
    drop(store);
    let ledger = raw(&folder.ledger());
    ledger
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM claims; DELETE FROM decisions; DELETE FROM touches")
        .unwrap();
    drop(ledger);
    let violations = folder.open().health().await.unwrap().violations;
    let expected = [
        "rows that refer to missing rows: 1, in deliveries",
        "conversions without a decision: 1",
        "unsettled deliveries without a claim on their business key: 1",
        "tallies that differ from the rows they count: 1",
    ];
    assert_eq!(violations, expected);
}
