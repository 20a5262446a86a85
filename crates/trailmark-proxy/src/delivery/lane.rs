//! One lane's task: finds due deliveries of the programs with this vendor account, asks `lanes` how many the vendor may
//! get now, leases them and carries them out concurrently. It also ends expired leases and retries refused credentials:
//! by a probe, or by one of the waiting deliveries if the vendor offers no probe.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{error, info, warn};
use trailmark_vendors::outcome::Probe;
use trailmark_wire::time::UnixMillis;

use super::errand::Errand;
use super::{Account, LaneAccount, Shared, report};
use crate::lanes::{self, Gate, Limits};
use crate::outbox::{Purpose, machine};
use crate::store::StoreError;
use crate::store::delivery::{Claim, Expired, Lane, LaneKey, Settlement};

/// Expired leases handled in one look.
const EXPIRED_AT_ONCE: u32 = 64;

/// A lane's task.
pub(super) struct LaneTask {
    lane: LaneKey,
    /// The account's programs, 1 or more.
    accounts: Vec<Arc<Account>>,
    limits: Limits,
    /// Concurrent exchanges, 1 or more.
    concurrency: u32,
    shared: Arc<Shared>,
    woken: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    under_way: JoinSet<()>,
    /// Credentials that are paused at the start are tried at once.
    is_first_look: bool,
}

/// Whether another look may find more at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Again,
    Rest,
}

impl LaneTask {
    pub(super) fn new(
        lane: LaneKey,
        accounts: Vec<LaneAccount>,
        shared: Arc<Shared>,
        woken: watch::Receiver<u64>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let concurrency = accounts.iter().map(|account| account.pace.concurrency).min().unwrap_or(1).max(1);
        let pace = accounts.iter().map(|account| account.pace).min_by_key(|pace| pace.per_minute);
        let limits = pace.map_or(shared.settings.limits, |pace| shared.settings.limits.at(pace));
        let of = |account: LaneAccount| {
            Arc::new(Account {
                program: LaneKey { site: account.site, program: account.program },
                limits,
                adapter: account.adapter,
                confirm_after_ms: account.confirm_after_ms,
                shared: shared.clone(),
            })
        };
        let accounts = accounts.into_iter().map(of).collect();
        let under_way = JoinSet::new();
        Self { lane, accounts, limits, concurrency, shared, woken, stopped, under_way, is_first_look: true }
    }

    pub(super) async fn run(mut self) {
        while !*self.stopped.borrow() {
            match self.look().await {
                Ok(Look::Again) => {}
                Ok(Look::Rest) => self.rest().await,
                Err(problem) => {
                    warn!(program = %self.lane.program, error = %problem, "the lane could not look for work");
                    self.rest().await;
                }
            }
        }
        while let Some(done) = self.under_way.join_next().await {
            noted(done);
        }
    }

    /// Waits for a wake-up, a finished delivery, the stop signal or the next poll.
    async fn rest(&mut self) {
        let poll = self.shared.settings.poll;
        tokio::select! {
            Some(done) = self.under_way.join_next() => noted(done),
            _ = self.woken.changed() => {}
            _ = self.stopped.changed() => {}
            () = tokio::time::sleep(poll) => {}
        }
    }

    async fn look(&mut self) -> Result<Look, StoreError> {
        while let Some(done) = self.under_way.try_join_next() {
            noted(done);
        }
        if self.is_first_look {
            let programs = self.accounts.iter().map(|account| account.program.clone()).collect();
            self.shared.store.share_lane(self.lane.clone(), programs).await?;
        }
        let glance = self.shared.store.glance(self.lane.clone()).await?;
        let now = self.shared.clock.now();
        if glance.has_expired(now) {
            self.recover(now).await?;
        }
        let limits = self.limits;
        let to_be_tried: Vec<String> = match std::mem::take(&mut self.is_first_look) {
            true => glance.lane.pauses.iter().map(|pause| pause.credential.clone()).collect(),
            false => lanes::to_be_tried(&glance.lane, &limits, now),
        };
        if !to_be_tried.is_empty() {
            for credential in to_be_tried {
                self.try_again(credential, &glance.lane, now).await?;
            }
            return Ok(Look::Again);
        }
        match lanes::gate(&glance.lane, &limits, now) {
            Gate::Open(_) if glance.is_due(now) => self.lease(self.free(), None, glance.lane, now).await,
            Gate::Probe => self.ask_whether_back().await,
            Gate::Open(_) | Gate::Closed(_) => Ok(Look::Rest),
        }
    }

    /// How many more exchanges may start.
    fn free(&self) -> u32 {
        let busy = u32::try_from(self.under_way.len()).unwrap_or(u32::MAX);
        self.concurrency.saturating_sub(busy)
    }

    async fn lease(
        &mut self,
        most: u32,
        paused_by: Option<String>,
        lane: Lane,
        now: UnixMillis,
    ) -> Result<Look, StoreError> {
        if most == 0 {
            return Ok(Look::Rest);
        }
        let (shared, limits) = (&self.shared, self.limits);
        let claim = Claim {
            lane: self.lane.clone(),
            paused_by,
            most,
            gate: Box::new(move |lane, due| lanes::take(lane, due, &limits, now)),
            leases: (0..most).map(|_| shared.lease_id()).collect(),
            until: now.plus(shared.lease_ms),
            now,
        };
        let leased = shared.store.lease(claim).await?;
        let look = if leased.is_empty() { Look::Rest } else { Look::Again };
        let lane = Arc::new(lane);
        for leased in leased {
            match self.account_of(&leased.lane) {
                Some(account) => drop(self.under_way.spawn(Errand { account, leased, lane: lane.clone() }.carry_out())),
                None => report::foreign(&leased),
            }
        }
        Ok(look)
    }

    /// The account of a program of this lane. `None` only if another proxy with another configuration shares lanes in this
    /// ledger, too.
    fn account_of(&self, program: &LaneKey) -> Option<Arc<Account>> {
        self.accounts.iter().find(|account| account.program == *program).cloned()
    }

    /// Ends expired leases: a send under way becomes unknown, everything else is unchanged.
    async fn recover(&self, now: UnixMillis) -> Result<(), StoreError> {
        let store = &self.shared.store;
        for expired in store.expired(self.lane.clone(), now, EXPIRED_AT_ONCE).await? {
            let ended = match (&expired.open, self.account_of(&expired.leased.lane)) {
                (None, _) => store.release(&expired.leased).await,
                (Some(_), Some(account)) => store.settle(&expired.leased, account.unknown(&expired)).await,
                (Some(_), None) => continue,
            };
            match ended {
                Ok(()) => report::expired(&expired),
                // Its holder or another proxy was faster.
                Err(StoreError::LeaseLost) => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(())
    }

    /// Asks a vendor that said it was down whether it is back. The stop signal abandons the request, which has no
    /// effect.
    async fn ask_whether_back(&mut self) -> Result<Look, StoreError> {
        let Some(account) = self.accounts.first().cloned() else { return Ok(Look::Rest) };
        let probe = tokio::select! {
            probe = account.probe(account.adapter.reading_credential) => probe,
            _ = self.stopped.changed() => return Ok(Look::Rest),
        };
        let (limits, now) = (self.limits, account.now());
        let rule = Box::new(move |lane| lanes::after_down_probe(lane, probe, &limits, now));
        self.shared.store.change_lane(self.lane.clone(), rule).await?;
        info!(program = %self.lane.program, vendor = %account.adapter.vendor, probe = ?probe, "probed a vendor that had said it was down");
        Ok(if probe == Probe::Unclear { Look::Rest } else { Look::Again })
    }

    /// Finds out whether the vendor accepts a refused credential again: with a harmless request if the vendor has one for
    /// it, otherwise with one of the waiting deliveries. The stop signal abandons the request.
    async fn try_again(&mut self, credential: String, lane: &Lane, now: UnixMillis) -> Result<(), StoreError> {
        let can_probe = |account: &&Arc<Account>| account.adapter.delivery.probe(&credential).is_some();
        let Some(account) = self.accounts.iter().find(can_probe).cloned() else {
            return self.trial(credential, lane, now).await;
        };
        let probe = tokio::select! {
            probe = account.probe(&credential) => probe,
            _ = self.stopped.changed() => return Ok(()),
        };
        info!(program = %self.lane.program, credential, probe = ?probe, "refused credential probed");
        let (limits, now) = (self.limits, account.now());
        let rule = Box::new(move |lane| lanes::after_probe(lane, &credential, probe, &limits, now));
        self.shared.store.change_lane(self.lane.clone(), rule).await
    }

    /// Tries it with one of the waiting deliveries.
    async fn trial(&mut self, credential: String, lane: &Lane, now: UnixMillis) -> Result<(), StoreError> {
        let (limits, tried) = (self.limits, credential.clone());
        let rule = Box::new(move |lane| lanes::being_tried(lane, &tried, &limits, now));
        self.shared.store.change_lane(self.lane.clone(), rule).await?;
        let mut lane = lane.clone();
        lane.pauses.retain(|pause| pause.credential != credential);
        self.lease(1, Some(credential), lane, now).await.map(|_| ())
    }
}

impl Account {
    /// What a crash left: a send under way is unknown.
    fn unknown(&self, expired: &Expired) -> Settlement {
        let at = self.moment();
        let open = expired.open.as_ref().map(|open| (open.purpose, open.class));
        let progress = machine::after_crash(expired.leased.progress.clone(), open, at);
        if open.is_some_and(|(purpose, _)| purpose == Purpose::Send) {
            self.doubted(&expired.leased, &progress);
        }
        Settlement {
            progress,
            attempt: expired.open.as_ref().map(|open| (open.key.clone(), report::no_answer(at.now))),
            lane: None,
        }
    }

    /// Asks the vendor about a credential; unclear if it offers no probe.
    pub(super) async fn probe(&self, credential: &str) -> Probe {
        let Some(call) = self.adapter.delivery.probe(credential) else { return Probe::Unclear };
        match self.shared.egress.send(&call.request).await {
            Ok(answer) => (call.read)(&answer),
            Err(_no_answer) => Probe::Unclear,
        }
    }
}

/// After a panic the lease expires by itself; the attempt is then unknown.
fn noted(done: Result<(), JoinError>) {
    if let Err(problem) = done
        && problem.is_panic()
    {
        error!("a delivery's task panicked; its attempt counts as unknown once its lease ends");
    }
}
