//! The ledger on SQLite: one file, one process, one writing thread.
//!
//! A write goes through `writer`'s queue and is answered after a COMMIT, which it may share with other waiting
//! writes. A read uses one of a few read-only connections. This file only forwards the contract's methods; each
//! subject has a module with its SQL, as plain functions over a connection. Decisions come in as closures.
//!
//! A failed fsync ends the process ([`std::process::abort`]), because the kernel may have dropped the pages and would
//! let a second try succeed. After a restart SQLite recovers to the last commit that reached the disk.

mod error;
mod lock;

mod connection;
mod migrate;
mod rows;

mod readers;
mod writer;

mod keys;

mod budget;
mod touches;

mod carriers;

mod callers;
mod claims;
mod known;

mod conversions;
mod held;
mod overrule;
mod owed;

mod attempts;
mod order;

mod deliveries;
mod lanes;
mod tasks;

mod webhooks;

mod commissions;

mod by_hand;
mod health;
mod lists;
mod paging;
mod standings;
mod sums;

use std::path::Path;

use trailmark_vendors::task::Task;
use trailmark_vendors::webhook::Meaning;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, DeliveryId, Jti, SiteId, VisitorId, WebhookId};
use trailmark_wire::jwk::Thumbprint;
use trailmark_wire::time::UnixMillis;

use self::connection::Reading;
use self::lock::LockFile;
use self::readers::Readers;
use self::writer::Writer;
use super::callers::{ApiKeyChange, ApiKeyRow, CallerStore, ServerCall};
use super::carriers::{Carried, CarrierStore, NewCarrier};
use super::delivery::{
    AttemptEnd, AttemptKey, Claim, DeliveryStore, Expired, Glance, LaneKey, LaneRule, Leased, NewAttempt, Settlement,
    TurnRule,
};
use super::operator::{
    Change, ConversionDetail, ConversionRow, Counts, DeliveryRow, Filter, Health, LaneRow, OperatorStore, Page,
    TouchRow,
};
use super::sums::{SumFilter, SumStore, Sums};
use super::webhooks::{
    AskClaim, Asking, Kept, NewWebhook, Told, Unread, WebhookChange, WebhookRow, WebhookState, WebhookStore,
};
use super::{
    AcceptRule, Accepted, Arrival, FollowRule, KeyChange, KeyRow, NewConversion, RecordedArrival, ReleaseRule, Reply,
    Store, StoreError, StoredTouch,
};

/// A ledger in one file of this machine.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Readers,
    // Dropped last: it waits for the writing thread, which then owns the file alone.
    writer: Writer,
}

impl SqliteStore {
    /// Opens the ledger at `path` for serving; creates and migrates it if needed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it open; [`StoreError::Unavailable`] if the file cannot be opened;
    /// [`StoreError::Refused`] if a setting that durability needs does not hold, or the file belongs to another
    /// program or a newer binary; [`StoreError::Corrupt`] if it is no database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        connection::recognise(path)?;
        let lock = LockFile::take(path)?;
        let mut connection = connection::writer(path)?;
        migrate::migrate(&mut connection)?;
        Self::start(path, connection, lock)
    }

    /// Opens an existing ledger for the command line while no proxy serves it; does not migrate. If this process may
    /// not write the file, the store only reads and refuses every change.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; [`StoreError::NotFound`] if there is no such file; [`StoreError::Refused`] if its
    /// schema version is not this binary's.
    pub fn open_for_operator(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::NotFound("ledger file; `trailmark serve` creates it"));
        }
        connection::recognise(path)?;
        if !connection::is_writable(path) {
            return Self::observe(path);
        }
        let lock = LockFile::take(path)?;
        let connection = connection::writer(path)?;
        migrate::assert_current(&connection)?;
        Self::start(path, connection, lock)
    }

    /// Checks an existing ledger that no proxy serves, without changing any file.
    ///
    /// # Errors
    /// As [`SqliteStore::open_for_operator`].
    pub fn check(path: &Path) -> Result<Health, StoreError> {
        connection::recognise(path)?;
        let _lock = LockFile::take_existing(path)?;
        let connection = connection::reader(path, Reading::Observing)?;
        migrate::assert_current(&connection)?;
        health::health(&connection)
    }

    fn observe(path: &Path) -> Result<Self, StoreError> {
        let lock = LockFile::take_existing(path)?;
        migrate::assert_current(&connection::reader(path, Reading::Observing)?)?;
        let reason =
            format!("{} or its folder is not writable for this user: the ledger can only be read", path.display());
        Ok(Self { readers: Readers::new(path.to_owned(), Reading::Observing)?, writer: Writer::refusing(reason, lock) })
    }

    /// Creates or migrates the ledger at `path` to this binary's schema; returns the schema's version.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn migrate(path: &Path) -> Result<u32, StoreError> {
        connection::recognise(path)?;
        let _lock = LockFile::take(path)?;
        migrate::migrate(&mut connection::writer(path)?)
    }

    fn start(path: &Path, connection: rusqlite::Connection, lock: LockFile) -> Result<Self, StoreError> {
        let readers = Readers::new(path.to_owned(), Reading::Shared)?;
        Ok(Self { readers, writer: Writer::start(connection, lock)? })
    }
}

impl Store for SqliteStore {
    fn record_arrival(&self, arrival: Arrival) -> Reply<'_, Option<RecordedArrival>> {
        Box::pin(self.writer.run(move |ledger| touches::record(ledger, &arrival)))
    }

    fn live_touch(&self, site: SiteId, visitor: VisitorId, now: UnixMillis) -> Reply<'_, Option<StoredTouch>> {
        Box::pin(self.readers.read(move |ledger| touches::newest_alive(ledger, &site, &visitor, now)))
    }

    fn accept(&self, new: NewConversion, rule: AcceptRule) -> Reply<'_, Accepted> {
        Box::pin(self.writer.run(move |ledger| conversions::accept(ledger, &new, rule)))
    }

    fn follow_up(&self, rule: FollowRule, now: UnixMillis) -> Reply<'_, bool> {
        Box::pin(self.writer.run(move |ledger| owed::follow_up(ledger, &rule, now)))
    }

    fn keys(&self, site: SiteId) -> Reply<'_, Vec<KeyRow>> {
        Box::pin(self.readers.read(move |ledger| keys::of_site(ledger, &site)))
    }

    fn change_keys(&self, changes: Vec<KeyChange>) -> Reply<'_, ()> {
        Box::pin(self.writer.run(move |ledger| keys::change(ledger, &changes)))
    }

    fn records(&self) -> Reply<'_, ()> {
        Box::pin(self.writer.records())
    }

    fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.writer.refusals()
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async {
            self.readers.close().await;
            self.writer.close().await
        })
    }
}

impl CarrierStore for SqliteStore {
    fn keep_carrier(&self, new: NewCarrier) -> Reply<'_, ()> {
        Box::pin(self.writer.run(move |ledger| carriers::keep(ledger, &new)))
    }

    fn use_carrier(&self, site: SiteId, id: Jti, jkt: Option<Thumbprint>, now: UnixMillis) -> Reply<'_, Carried> {
        Box::pin(self.writer.run(move |ledger| carriers::use_once(ledger, &site, &id, jkt.as_ref(), now)))
    }
}

impl CallerStore for SqliteStore {
    fn api_key(&self, site: SiteId, hash: [u8; 32]) -> Reply<'_, Option<ApiKeyRow>> {
        Box::pin(self.readers.read(move |ledger| callers::key(ledger, &site, &hash)))
    }

    fn api_keys(&self, site: SiteId) -> Reply<'_, Vec<ApiKeyRow>> {
        Box::pin(self.readers.read(move |ledger| callers::keys(ledger, &site)))
    }

    fn change_api_key(&self, change: ApiKeyChange) -> Reply<'_, ()> {
        Box::pin(self.writer.run(move |ledger| callers::change(ledger, &change)))
    }

    fn accept_from_server(&self, new: NewConversion, call: ServerCall, rule: AcceptRule) -> Reply<'_, Accepted> {
        Box::pin(self.writer.run(move |ledger| callers::accept(ledger, new, &call, rule)))
    }

    fn conversion_of(&self, site: SiteId, id: ConversionId) -> Reply<'_, Option<ConversionDetail>> {
        Box::pin(self.readers.read(move |ledger| by_hand::by_either_id(ledger, &site, &id)))
    }
}

impl DeliveryStore for SqliteStore {
    fn glance(&self, lane: LaneKey) -> Reply<'_, Glance> {
        Box::pin(self.readers.read(move |ledger| deliveries::glance(ledger, &lane)))
    }

    fn share_lane(&self, lane: LaneKey, programs: Vec<LaneKey>) -> Reply<'_, ()> {
        Box::pin(self.writer.run(move |ledger| lanes::share(ledger, &lane, &programs)))
    }

    fn lease(&self, claim: Claim) -> Reply<'_, Vec<Leased>> {
        Box::pin(self.writer.run(move |ledger| deliveries::lease(ledger, claim)))
    }

    fn task(&self, site: SiteId, delivery: DeliveryId) -> Reply<'_, Task> {
        Box::pin(self.readers.read(move |ledger| tasks::of_delivery(ledger, &site, &delivery)))
    }

    fn turn(&self, leased: &Leased, follows: Kind, rule: TurnRule) -> Reply<'_, bool> {
        let held = leased.clone();
        Box::pin(self.writer.run(move |ledger| deliveries::turn(ledger, &held, follows, rule)))
    }

    fn begin_attempt(&self, leased: &Leased, attempt: NewAttempt) -> Reply<'_, AttemptKey> {
        let held = leased.clone();
        Box::pin(self.writer.run(move |ledger| deliveries::begin_attempt(ledger, &held, &attempt)))
    }

    fn settle(&self, leased: &Leased, settlement: Settlement) -> Reply<'_, ()> {
        let held = leased.clone();
        Box::pin(self.writer.run(move |ledger| deliveries::settle(ledger, &held, settlement)))
    }

    fn release(&self, leased: &Leased) -> Reply<'_, ()> {
        let held = leased.clone();
        Box::pin(self.writer.run(move |ledger| deliveries::release(ledger, &held)))
    }

    fn expired(&self, lane: LaneKey, now: UnixMillis, most: u32) -> Reply<'_, Vec<Expired>> {
        Box::pin(self.readers.read(move |ledger| deliveries::expired(ledger, &lane, now, most)))
    }

    fn record_late(&self, attempt: AttemptKey, end: AttemptEnd, reference: Option<String>) -> Reply<'_, ()> {
        Box::pin(self.writer.run(move |ledger| deliveries::record_late(ledger, &attempt, &end, reference.as_deref())))
    }

    fn change_lane(&self, lane: LaneKey, rule: LaneRule) -> Reply<'_, ()> {
        Box::pin(self.writer.run(move |ledger| lanes::change(ledger, &lane, rule)))
    }
}

impl OperatorStore for SqliteStore {
    fn conversions(&self, filter: Filter) -> Reply<'_, Page<ConversionRow>> {
        Box::pin(self.readers.read(move |ledger| lists::conversions(ledger, &filter)))
    }

    fn conversion(&self, id: String) -> Reply<'_, ConversionDetail> {
        Box::pin(self.readers.read(move |ledger| by_hand::conversion(ledger, &id)))
    }

    fn touches(&self, filter: Filter) -> Reply<'_, Page<TouchRow>> {
        Box::pin(self.readers.read(move |ledger| lists::touches(ledger, &filter)))
    }

    fn deliveries(&self, filter: Filter) -> Reply<'_, Page<DeliveryRow>> {
        Box::pin(self.readers.read(move |ledger| lists::deliveries(ledger, &filter)))
    }

    fn lanes(&self, now: UnixMillis) -> Reply<'_, Vec<LaneRow>> {
        Box::pin(self.readers.read(move |ledger| lists::lane_rows(ledger, now)))
    }

    fn change(&self, change: Change, now: UnixMillis) -> Reply<'_, DeliveryRow> {
        Box::pin(self.writer.run(move |ledger| by_hand::change(ledger, &change, now)))
    }

    fn release_held(
        &self,
        id: String,
        reason: String,
        rule: ReleaseRule,
        now: UnixMillis,
    ) -> Reply<'_, ConversionDetail> {
        Box::pin(self.writer.run(move |ledger| held::release(ledger, &id, &reason, rule, now)))
    }

    fn reject_held(&self, id: String, reason: String, now: UnixMillis) -> Reply<'_, ConversionDetail> {
        Box::pin(self.writer.run(move |ledger| held::reject(ledger, &id, &reason, now)))
    }

    fn counts(&self) -> Reply<'_, Counts> {
        Box::pin(self.readers.read(health::counts))
    }

    fn health(&self) -> Reply<'_, Health> {
        Box::pin(self.readers.read(health::health))
    }
}

impl SumStore for SqliteStore {
    fn sums(&self, filter: SumFilter) -> Reply<'_, Sums> {
        Box::pin(self.readers.read(move |ledger| sums::sums(ledger, &filter)))
    }
}

impl WebhookStore for SqliteStore {
    fn keep_webhook(&self, new: NewWebhook) -> Reply<'_, Kept> {
        Box::pin(self.writer.run(move |ledger| webhooks::keep(ledger, &new)))
    }

    fn unread_webhooks(&self, lane: LaneKey, most: u32) -> Reply<'_, Vec<Unread>> {
        Box::pin(self.readers.read(move |ledger| webhooks::unread(ledger, &lane, most)))
    }

    fn follow_webhook(
        &self,
        site: SiteId,
        id: WebhookId,
        meaning: Meaning,
        now: UnixMillis,
    ) -> Reply<'_, WebhookState> {
        Box::pin(self.writer.run(move |ledger| webhooks::follow(ledger, &site, &id, &meaning, now)))
    }

    fn claim_commissions(&self, claim: AskClaim) -> Reply<'_, Vec<Asking>> {
        Box::pin(self.writer.run(move |ledger| commissions::claim(ledger, claim)))
    }

    fn next_commission(&self, lane: LaneKey) -> Reply<'_, Option<UnixMillis>> {
        Box::pin(self.readers.read(move |ledger| commissions::next(ledger, &lane)))
    }

    fn tell_commission(&self, asking: &Asking, told: Told) -> Reply<'_, bool> {
        let asking = asking.clone();
        Box::pin(self.writer.run(move |ledger| commissions::tell(ledger, &asking, &told)))
    }

    fn ask_commissions(&self, id: String, now: UnixMillis) -> Reply<'_, u32> {
        Box::pin(self.writer.run(move |ledger| commissions::ask(ledger, &id, now)))
    }

    fn webhooks(&self, filter: Filter) -> Reply<'_, Page<WebhookRow>> {
        Box::pin(self.readers.read(move |ledger| webhooks::list(ledger, &filter)))
    }

    fn webhook(&self, id: String) -> Reply<'_, WebhookRow> {
        Box::pin(self.readers.read(move |ledger| webhooks::one(ledger, &id)))
    }

    fn change_webhook(&self, id: String, change: WebhookChange, now: UnixMillis) -> Reply<'_, WebhookRow> {
        Box::pin(self.writer.run(move |ledger| webhooks::change(ledger, &id, &change, now)))
    }

    fn count_webhooks(&self) -> Reply<'_, Vec<(WebhookState, u64)>> {
        Box::pin(self.readers.read(webhooks::counts))
    }
}

#[cfg(test)]
mod tests {
    //! The suite of `tests/it/store.rs` again: only this crate's own tests make `rows` check every statement's plan.

    use std::sync::Arc;

    use super::SqliteStore;
    use crate::store::Store;
    use crate::store::conformance::Ground;

    /// An empty folder for one ledger.
    #[derive(Debug)]
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn fresh() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
    }

    impl Ground for Folder {
        fn open(&self) -> Arc<dyn Store> {
            Arc::new(SqliteStore::open(&self.0.path().join("trailmark.db")).unwrap())
        }
    }

    crate::store_conformance!(Folder::fresh);
}
