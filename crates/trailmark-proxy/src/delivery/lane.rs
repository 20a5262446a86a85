//! One lane's task: finds due deliveries, asks `lanes` how many the vendor may get now, leases them and carries them
//! out concurrently. It also ends expired leases and retries refused credentials: by a probe, or by one of the
//! waiting deliveries if the vendor offers no probe.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{error, info, warn};
use trailmark_vendors::outcome::Probe;
use trailmark_wire::time::UnixMillis;

use super::errand::Errand;
use super::{Account, LaneAccount, Shared, report};
use crate::lanes::{self, Gate};
use crate::outbox::{Purpose, machine};
use crate::store::StoreError;
use crate::store::delivery::{Claim, Expired, Lane, LaneKey, Settlement};

/// Expired leases handled in one look.
const EXPIRED_AT_ONCE: u32 = 64;

/// A lane's task.
pub(super) struct LaneTask {
    account: Arc<Account>,
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
        account: LaneAccount,
        shared: Arc<Shared>,
        woken: watch::Receiver<u64>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let key = LaneKey { site: account.site, program: account.program };
        let account = Account {
            key,
            limits: shared.settings.limits.at(account.pace),
            concurrency: account.pace.concurrency.max(1),
            adapter: account.adapter,
            confirm_after_ms: account.confirm_after_ms,
            shared,
        };
        Self { account: Arc::new(account), woken, stopped, under_way: JoinSet::new(), is_first_look: true }
    }

    pub(super) async fn run(mut self) {
        while !*self.stopped.borrow() {
            match self.look().await {
                Ok(Look::Again) => {}
                Ok(Look::Rest) => self.rest().await,
                Err(problem) => {
                    warn!(program = %self.account.key.program, error = %problem, "the lane could not look for work");
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
        let poll = self.account.shared.settings.poll;
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
        let glance = self.account.shared.store.glance(self.account.key.clone()).await?;
        let now = self.account.now();
        if glance.has_expired(now) {
            self.recover(now).await?;
        }
        let limits = self.account.limits;
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
        self.account.concurrency.saturating_sub(busy)
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
        let shared = &self.account.shared;
        let limits = self.account.limits;
        let claim = Claim {
            lane: self.account.key.clone(),
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
            let errand = Errand { account: self.account.clone(), leased, lane: lane.clone() };
            self.under_way.spawn(errand.carry_out());
        }
        Ok(look)
    }

    /// Ends expired leases: a send under way becomes unknown, everything else is unchanged.
    async fn recover(&self, now: UnixMillis) -> Result<(), StoreError> {
        let store = &self.account.shared.store;
        for expired in store.expired(self.account.key.clone(), now, EXPIRED_AT_ONCE).await? {
            let ended = match &expired.open {
                None => store.release(&expired.leased).await,
                Some(_) => store.settle(&expired.leased, self.unknown(&expired)).await,
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

    fn unknown(&self, expired: &Expired) -> Settlement {
        let at = self.account.moment();
        let open = expired.open.as_ref().map(|open| (open.purpose, open.class));
        let progress = machine::after_crash(expired.leased.progress.clone(), open, at);
        if open.is_some_and(|(purpose, _)| purpose == Purpose::Send) {
            self.account.doubted(&expired.leased, &progress);
        }
        Settlement {
            progress,
            attempt: expired.open.as_ref().map(|open| (open.key.clone(), report::no_answer(at.now))),
            lane: None,
        }
    }

    /// Asks a vendor that said it was down whether it is back. The stop signal abandons the request, which has no
    /// effect.
    async fn ask_whether_back(&mut self) -> Result<Look, StoreError> {
        let account = self.account.clone();
        let probe = tokio::select! {
            probe = account.probe(account.adapter.reading_credential) => probe,
            _ = self.stopped.changed() => return Ok(Look::Rest),
        };
        let (limits, now) = (account.limits, account.now());
        let rule = Box::new(move |lane| lanes::after_down_probe(lane, probe, &limits, now));
        account.shared.store.change_lane(account.key.clone(), rule).await?;
        info!(program = %account.key.program, vendor = %account.adapter.vendor, probe = ?probe, "probed a vendor that had said it was down");
        Ok(if probe == Probe::Unclear { Look::Rest } else { Look::Again })
    }

    /// Finds out whether the vendor accepts a refused credential again.
    async fn try_again(&mut self, credential: String, lane: &Lane, now: UnixMillis) -> Result<(), StoreError> {
        if self.account.adapter.delivery.probe(&credential).is_some() {
            self.probe(credential).await
        } else {
            self.trial(credential, lane, now).await
        }
    }

    /// Tries it with a harmless request. The stop signal abandons the request.
    async fn probe(&mut self, credential: String) -> Result<(), StoreError> {
        let account = self.account.clone();
        let probe = tokio::select! {
            probe = account.probe(&credential) => probe,
            _ = self.stopped.changed() => return Ok(()),
        };
        info!(program = %account.key.program, credential, probe = ?probe, "refused credential probed");
        let (limits, now) = (account.limits, account.now());
        let rule = Box::new(move |lane| lanes::after_probe(lane, &credential, probe, &limits, now));
        account.shared.store.change_lane(account.key.clone(), rule).await
    }

    /// Tries it with one of the waiting deliveries.
    async fn trial(&mut self, credential: String, lane: &Lane, now: UnixMillis) -> Result<(), StoreError> {
        let (limits, tried) = (self.account.limits, credential.clone());
        let rule = Box::new(move |lane| lanes::being_tried(lane, &tried, &limits, now));
        self.account.shared.store.change_lane(self.account.key.clone(), rule).await?;
        let mut lane = lane.clone();
        lane.pauses.retain(|pause| pause.credential != credential);
        self.lease(1, Some(credential), lane, now).await.map(|_| ())
    }
}

impl Account {
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
