//! The world of the delivery tests: a real ledger on disk, the real engine, the strict simulated vendors over real
//! sockets, and a clock that moves only by hand. The engine does not poll; it acts when woken. Vendors and settings are
//! in `delivery_accounts`; without another word the vendor is PartnerStack.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use trailmark_attribution::{Credit, decide};
use trailmark_proxy::clock::{Clock, ManualClock};
use trailmark_proxy::delivery::{Engine, EngineHandle, LaneAccount, Parts, Settings};
use trailmark_proxy::egress::{Bounds, Egress};
use trailmark_proxy::lanes::{self, Gate, Limits};
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::delivery::{
    AttemptEnd, AttemptKey, Claim, DeliveryStore, Expired, Glance, LaneKey, LaneRule, Leased, NewAttempt, Settlement,
    TurnRule,
};
use trailmark_proxy::store::operator::{DeliveryRow, LaneRow, OperatorStore};
use trailmark_proxy::store::sqlite::SqliteStore;
use trailmark_proxy::store::{
    Accepted, Arrival, Assurance, Budget, Consequence, NetworkHash, NewConversion, NewDelivery, NewTouch, Reply,
    Ruling, Store,
};
use trailmark_simulator::{Running, Simulator};
use trailmark_vendors::task::Task;
use trailmark_wire::capture::{Captured, Source};
use trailmark_wire::conversion::{Conversion, Customer, CustomerClaim, Event, Kind};
use trailmark_wire::ids::{
    ArrivalId, ClickId, ConversionId, CustomerKey, DeliveryId, Jti, PartnerKey, ProgramId, SiteId, TouchId, VisitorId,
};
use trailmark_wire::receipt::{Receipt, Status};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

pub(crate) use super::delivery_accounts::{SETTLING_MS, account, guide_account};
pub(crate) use super::delivery_told::{refund, sale};

/// Longer than any wait of a passing test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than a test: an engine with this poll acts only when woken.
const NEVER: Duration = Duration::from_secs(3600);

/// Never draws the same twice in a test run, even after a crash: a lease id is used once.
static DRAWN: AtomicU64 = AtomicU64::new(1);

/// Everything of one test.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Observed>,
    pub(crate) engine: EngineHandle,
    /// The partner that all touches name.
    pub(crate) partner: String,
    double: Running,
    http: reqwest::Client,
    made: AtomicU64,
    accounts: Vec<LaneAccount>,
    _folder: TempDir,
}

/// The ledger behind a wrapper: a test can wait for the engine's steps and delay settlements.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) ledger: Arc<SqliteStore>,
    pub(crate) steps: watch::Sender<u64>,
    looks: watch::Sender<u64>,
    leased: AtomicUsize,
    held: watch::Sender<bool>,
    /// While true, a delivery's first attempt does not go on after it was begun.
    pub(crate) stalled: watch::Sender<bool>,
    /// Settlements that are delayed now.
    waiting: watch::Sender<u64>,
}

impl World {
    /// One program, `main`.
    pub(crate) async fn start() -> Self {
        Self::with(|double| vec![account("main", &double.address().to_string())]).await
    }

    /// One program, whose engine polls.
    pub(crate) async fn polling() -> Self {
        let mut world = Self::start().await;
        world.engine.shutdown().await;
        let poll = Duration::from_millis(5);
        world.engine = engine(&world.store, &world.clock, world.accounts.clone(), poll);
        world
    }

    /// The given programs.
    pub(crate) async fn with(accounts: impl FnOnce(&Running) -> Vec<LaneAccount>) -> Self {
        let settings = trailmark_simulator::Settings { listen: ([127, 0, 0, 1], 0).into(), ..Default::default() };
        let double = Simulator::start(settings).await.unwrap();
        let folder = TempDir::new().unwrap();
        let ledger = SqliteStore::open(&folder.path().join("ledger.db")).unwrap();
        let store = Arc::new(Observed::new(Arc::new(ledger)));
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let now = control(&http, &double, "GET", "clock", &Value::Null).await["now_ms"].as_i64().unwrap();
        let clock = Arc::new(ManualClock::new(UnixMillis(now)));
        let accounts = accounts(&double);
        let engine = engine(&store, &clock, accounts.clone(), NEVER);
        let partner = "ada".to_owned();
        Self { clock, store, engine, partner, double, http, made: AtomicU64::new(0), accounts, _folder: folder }
    }

    /// Drops the engine like a crash and starts another on the same ledger. Delayed settlements never happen.
    pub(crate) fn crash(&mut self) {
        self.store = Arc::new(Observed::new(self.store.ledger.clone()));
        self.engine = engine(&self.store, &self.clock, self.accounts.clone(), NEVER);
    }

    /// Answer of the simulator's control routes.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        control(&self.http, &self.double, method, path, body).await
    }

    /// Arms a fault for the vendor's calls whose path contains `conversion`.
    pub(crate) async fn fault(&self, fault: Value) {
        let mut armed = json!({ "vendor": "partnerstack", "path_contains": "conversion" });
        armed.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        self.control("POST", "faults", &armed).await;
    }

    /// Moves both clocks and wakes the engine.
    pub(crate) async fn advance(&self, ms: i64) {
        self.control("POST", "clock", &json!({ "advance_ms": ms })).await;
        self.clock.advance(ms);
        self.engine.wake();
    }

    /// Moves both clocks to the delivery's due time.
    pub(crate) async fn advance_to_due(&self, row: &DeliveryRow) {
        let due_at = UnixMillis::from_rfc3339(row.due_at.as_deref().unwrap()).unwrap();
        self.advance(due_at.since(self.clock.now()).max(0)).await;
    }

    /// Moves both clocks to the next try of the delivery's lane, if it is closed, and until it has a token.
    async fn advance_to_lane(&self, row: &DeliveryRow) {
        let lanes = self.store.ledger.lanes(self.clock.now()).await.unwrap();
        let shut = lanes.iter().find(|lane| lane.program == row.program).and_then(|lane| lane.next_at.as_deref());
        if let Some(next_at) = shut {
            let next_at = UnixMillis::from_rfc3339(next_at).unwrap();
            self.advance(next_at.since(self.clock.now()).max(0)).await;
        }
        // A list of many pages has spent what the lane may send at once.
        let account = self.accounts.iter().find(|account| account.program == row.program).unwrap();
        let lane = self.store.ledger.glance(account.lane.clone()).await.unwrap().lane;
        let limits = Limits::default().at(account.pace);
        let is_shut = lane.broken_until.is_some() || lane.throttled_until.is_some();
        if let Gate::Closed(until) = lanes::gate(&lane, &limits, self.clock.now())
            && !is_shut
        {
            self.advance(until.since(self.clock.now()).max(0)).await;
        }
    }

    /// An accepted signup with a click of partner `ada`; wakes the engine.
    pub(crate) async fn signup(&self, key: &str) -> ConversionId {
        let click = self.control("POST", "partnerstack/clicks", &json!({ "partner_key": "ada" })).await;
        self.accept("main", key, click["xid"].as_str()).await
    }

    /// A signup in a program, with or without a click id.
    pub(crate) async fn accept(&self, program: &str, key: &str, click: Option<&str>) -> ConversionId {
        self.accept_customer(program, customer(key, &format!("{key}@customers.example")), click).await
    }

    /// A signup without a click id, with or without the customer's address.
    pub(crate) async fn accept_as(&self, program: &str, key: &str, email: &str) -> ConversionId {
        self.accept_customer(program, customer(key, email), None).await
    }

    /// Address of the simulator.
    pub(crate) fn address(&self) -> String {
        self.double.address().to_string()
    }

    async fn accept_customer(&self, program: &str, customer: CustomerClaim, click: Option<&str>) -> ConversionId {
        self.accept_event(program, customer, Event::Signup, click).await
    }

    /// A lead, sale or refund of a customer in program `main`, stated by a server.
    pub(crate) async fn event(&self, key: &str, event: Event) -> ConversionId {
        self.accept_event("main", customer(key, ""), event, None).await
    }

    /// A signup in program `main`, with or without a click id, by which a server overrules other claims on the key.
    pub(crate) async fn overrule(&self, key: &str, click: Option<&str>) -> ConversionId {
        let customer = customer(key, &format!("{key}@customers.example"));
        let (data, consequences) = (Default::default(), vec![Consequence::Overrules]);
        self.decided("main", customer, Event::Signup, click, (data, consequences)).await
    }

    /// An event of a customer in a program, with or without a click id.
    pub(crate) async fn accept_event(
        &self,
        program: &str,
        customer: CustomerClaim,
        event: Event,
        click: Option<&str>,
    ) -> ConversionId {
        self.report(program, customer, event, click, Default::default()).await
    }

    /// A conversion with any content.
    pub(crate) async fn report(
        &self,
        program: &str,
        customer: CustomerClaim,
        event: Event,
        click: Option<&str>,
        data: TextMap,
    ) -> ConversionId {
        self.decided(program, customer, event, click, (data, Vec::new())).await
    }

    async fn decided(
        &self,
        program: &str,
        customer: CustomerClaim,
        event: Event,
        click: Option<&str>,
        (data, consequences): (TextMap, Vec<Consequence>),
    ) -> ConversionId {
        let now = self.clock.now();
        let touch = self.touch(program, click, now).await;
        let conversion = Conversion { customer: Some(customer), event, data, test: false };
        let (id, delivery) = (self.id(ConversionId::from_parts), self.id(DeliveryId::from_parts));
        let new = NewConversion {
            site: site(),
            id: id.clone(),
            visitor: touch.visitor.clone(),
            jti: self.id(Jti::from_parts),
            content_hash: [0; 32],
            conversion,
            occurred_at: now,
            received_at: now,
            assurance: Assurance::Bound,
            budget: None,
        };
        let program = ProgramId::new(program).unwrap();
        let lane = self.accounts.iter().find(|account| account.program == program).unwrap();
        let vendor = VendorName::from_name(lane.adapter.vendor).unwrap();
        let receipt = Receipt {
            conversion_id: id.clone(),
            status: Status::Accepted,
            code: None,
            attribution: Vec::new(),
            deliveries: Vec::new(),
            warnings: Vec::new(),
            replayed: false,
        };
        let rule = Box::new(move |_: &_| {
            let decision = decide(now, vec![touch.touch.clone()], std::slice::from_ref(&program), Credit::One);
            let touch = touch.touch.id.clone();
            Ok(Ruling {
                receipt,
                decision,
                deliveries: vec![NewDelivery { id: delivery, program, vendor, touch, due_at: now, reason: None }],
                consequences,
            })
        });
        assert!(matches!(self.store.ledger.accept(new, rule).await.unwrap(), Accepted::New(_)));
        self.engine.wake();
        id
    }

    async fn touch(&self, program: &str, click: Option<&str>, now: UnixMillis) -> trailmark_proxy::store::StoredTouch {
        let captured = Captured {
            click_id: click.map(|click| ClickId::new(click).unwrap()),
            partner: Some(PartnerKey::new(self.partner.as_str()).unwrap()),
            raw_partner: None,
            source: Source::Url,
            twins_differ: false,
            unusable: None,
        };
        let (program, expires_at) = (ProgramId::new(program).unwrap(), now.plus(90 * 86_400_000));
        let touch = NewTouch { id: self.id(TouchId::from_parts), program, captured, expires_at };
        let arrival = Arrival {
            site: site(),
            id: ArrivalId::from_random(self.bytes()),
            known_visitor: None,
            fresh_visitor: VisitorId::from_random(self.bytes()),
            jkt: None,
            again: false,
            touches: vec![touch],
            landing_url: "https://shop.example/".into(),
            at: now,
            budget: Budget { most: u64::MAX, most_of_network: u64::MAX, network: NetworkHash([1; 8]), since: now },
            now,
        };
        self.store.ledger.record_arrival(arrival).await.unwrap().unwrap().newest
    }

    fn bytes(&self) -> [u8; 16] {
        u128::from(self.made.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
    }

    /// A new id, made by `from_parts` of its type.
    fn id<Id>(&self, make: fn(UnixMillis, [u8; 10]) -> Id) -> Id {
        let [.., a, b, c, d, e, f, g, h] = self.bytes();
        make(self.clock.now(), [0, 0, a, b, c, d, e, f, g, h])
    }

    /// The conversion's only delivery, now.
    pub(crate) async fn row(&self, conversion: &ConversionId) -> DeliveryRow {
        let mut detail = self.store.ledger.conversion(conversion.as_str().to_owned()).await.unwrap();
        detail.deliveries.remove(0)
    }

    /// The delivery, once the engine has brought it there.
    pub(crate) async fn until(&self, conversion: &ConversionId, there: impl Fn(&DeliveryRow) -> bool) -> DeliveryRow {
        let mut steps = self.store.steps.subscribe();
        loop {
            steps.mark_unchanged();
            let row = self.row(conversion).await;
            if there(&row) {
                return row;
            }
            let waited = tokio::time::timeout(PATIENCE, steps.changed()).await;
            assert!(waited.is_ok(), "the engine rests, and the delivery stands so: {row:#?}");
        }
    }

    /// The delivery, once it is in this state.
    pub(crate) async fn until_state(&self, conversion: &ConversionId, state: State) -> DeliveryRow {
        self.until(conversion, |row| row.state == state.as_str() && settled_down(row)).await
    }

    /// Moves time from due time to due time until the delivery is settled.
    pub(crate) async fn to_the_end(&self, conversion: &ConversionId) -> DeliveryRow {
        loop {
            let row = self.until(conversion, settled_down).await;
            if State::from_word(&row.state).unwrap().is_settled() || row.due_at.is_none() {
                return row;
            }
            self.advance_to_due(&row).await;
            self.advance_to_lane(&row).await;
            let tries = row.tries.len();
            self.until(conversion, |row| row.tries.len() > tries && settled_down(row)).await;
        }
    }

    /// Waits for three looks of the engine: the first may probe, the second leases what the probe freed, and the third comes
    /// after that lease.
    pub(crate) async fn looked(&self) {
        let mut looks = self.store.looks.subscribe();
        for _ in 0..3 {
            looks.mark_unchanged();
            self.engine.wake();
            tokio::time::timeout(PATIENCE, looks.changed()).await.unwrap().unwrap();
        }
    }

    /// The only lane.
    pub(crate) async fn lane(&self) -> LaneRow {
        self.store.ledger.lanes(self.clock.now()).await.unwrap().remove(0)
    }

    /// Number of requests at the vendor with this text in their path.
    pub(crate) async fn requests(&self, path: &str) -> usize {
        let answer = self.control("GET", &format!("requests?path={path}"), &Value::Null).await;
        answer["requests"].as_array().unwrap().len()
    }

    /// State of the vendor's account with this name.
    pub(crate) async fn vendor_state(&self, account: &str) -> Value {
        self.control("GET", &format!("state/{account}"), &Value::Null).await
    }

    /// Number of customers with this key at the vendor, counting every accepted conversion.
    pub(crate) async fn effects(&self, key: &str) -> i64 {
        let answer = self.control("GET", &format!("effects?vendor=partnerstack&key={key}"), &Value::Null).await;
        let rows = answer["effects"].as_array().unwrap();
        rows.iter().filter_map(|row| row["effects"].as_i64()).sum()
    }
}

impl Observed {
    fn new(ledger: Arc<SqliteStore>) -> Self {
        let (count, flag) = (|| watch::channel(0).0, || watch::channel(false).0);
        let (steps, looks, waiting, leased) = (count(), count(), count(), AtomicUsize::new(0));
        Self { ledger, steps, looks, leased, held: flag(), stalled: flag(), waiting }
    }

    /// Number of leases of a delivery so far.
    pub(crate) fn leased(&self) -> usize {
        self.leased.load(Ordering::Relaxed)
    }

    /// From now on settlements wait, as if the proxy had stalled.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets delayed settlements go on.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// Waits until a settlement is delayed: the vendor has answered, and the answer is not recorded.
    pub(crate) async fn until_held(&self) {
        let mut waiting = self.waiting.subscribe();
        tokio::time::timeout(PATIENCE, waiting.wait_for(|count| *count > 0)).await.unwrap().unwrap();
    }

    fn stepped<T: Send>(&self, result: T) -> T {
        self.steps.send_modify(|count| *count += 1);
        result
    }
}

impl DeliveryStore for Observed {
    fn glance(&self, lane: LaneKey) -> Reply<'_, Glance> {
        Box::pin(async move {
            let glance = self.ledger.glance(lane).await;
            self.looks.send_modify(|count| *count += 1);
            glance
        })
    }

    fn share_lane(&self, lane: LaneKey, programs: Vec<LaneKey>) -> Reply<'_, ()> {
        self.ledger.share_lane(lane, programs)
    }

    fn lease(&self, claim: Claim) -> Reply<'_, Vec<Leased>> {
        Box::pin(async move {
            let leased = self.ledger.lease(claim).await?;
            self.leased.fetch_add(leased.len(), Ordering::Relaxed);
            Ok(leased)
        })
    }

    fn task(&self, site: SiteId, delivery: DeliveryId) -> Reply<'_, Task> {
        self.ledger.task(site, delivery)
    }

    fn turn(&self, leased: &Leased, follows: Kind, rule: TurnRule) -> Reply<'_, bool> {
        let leased = leased.clone();
        Box::pin(async move { self.stepped(self.ledger.turn(&leased, follows, rule).await) })
    }

    fn begin_attempt(&self, leased: &Leased, attempt: NewAttempt) -> Reply<'_, AttemptKey> {
        let leased = leased.clone();
        Box::pin(async move {
            let begun = self.stepped(self.ledger.begin_attempt(&leased, attempt).await)?;
            self.stalled.subscribe().wait_for(|stalled| !stalled || begun.number > 1).await.unwrap();
            Ok(begun)
        })
    }

    fn settle(&self, leased: &Leased, settlement: Settlement) -> Reply<'_, ()> {
        let leased = leased.clone();
        Box::pin(async move {
            // Recovery does not change the lane and is never delayed.
            if settlement.lane.is_some() && *self.held.borrow() {
                self.waiting.send_modify(|count| *count += 1);
                self.held.subscribe().wait_for(|held| !held).await.unwrap();
            }
            self.stepped(self.ledger.settle(&leased, settlement).await)
        })
    }

    fn release(&self, leased: &Leased) -> Reply<'_, ()> {
        let leased = leased.clone();
        Box::pin(async move { self.stepped(self.ledger.release(&leased).await) })
    }

    fn expired(&self, lane: LaneKey, now: UnixMillis, most: u32) -> Reply<'_, Vec<Expired>> {
        self.ledger.expired(lane, now, most)
    }

    fn record_late(&self, attempt: AttemptKey, end: AttemptEnd, reference: Option<String>) -> Reply<'_, ()> {
        Box::pin(async move { self.stepped(self.ledger.record_late(attempt, end, reference).await) })
    }

    fn change_lane(&self, lane: LaneKey, rule: LaneRule) -> Reply<'_, ()> {
        Box::pin(async move { self.stepped(self.ledger.change_lane(lane, rule).await) })
    }
}

fn engine(store: &Arc<Observed>, clock: &Arc<ManualClock>, accounts: Vec<LaneAccount>, poll: Duration) -> EngineHandle {
    let hosts: Vec<String> = accounts.iter().flat_map(|account| account.adapter.hosts.clone()).collect();
    let bounds = Bounds { total: Duration::from_secs(3), ..Bounds::default() };
    Engine::start(Parts {
        store: store.clone(),
        clock: clock.clone(),
        egress: Arc::new(Egress::new(hosts, bounds, clock.clone()).unwrap()),
        random: Arc::new(|bytes: &mut [u8]| {
            let next = DRAWN.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            bytes.iter_mut().zip(next.to_be_bytes().into_iter().cycle()).for_each(|(byte, drawn)| *byte = drawn);
        }),
        accounts,
        settings: Settings { poll, ..Settings::default() },
    })
}

async fn control(http: &reqwest::Client, double: &Running, method: &str, path: &str, body: &Value) -> Value {
    let request = http.request(method.parse().unwrap(), format!("http://{}/control/{path}", double.address()));
    let sent = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.header("content-type", "application/json").body(sent);
    let answer = request.send().await.unwrap();
    let (is_good, text) = (answer.status().is_success(), answer.text().await.unwrap());
    assert!(is_good, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn site() -> SiteId {
    SiteId::new("acme").unwrap()
}

/// A customer with this key; without an address if it is empty.
pub(crate) fn customer(key: &str, email: &str) -> CustomerClaim {
    let email = Some(email.to_owned()).filter(|email| !email.is_empty());
    CustomerClaim::Plain(Customer { key: CustomerKey::new(key).unwrap(), email, name: None })
}

/// Nothing is under way.
fn settled_down(row: &DeliveryRow) -> bool {
    !row.tries.is_empty() && row.tries.iter().all(|attempt| attempt.outcome.is_some())
}
