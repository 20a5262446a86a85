//! Rows for the suite, made from small numbers, so that a failing claim always prints the same ids. The rule here is simple;
//! the proxy's own rule is in `intake`.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use std::fmt;

use std::sync::Arc;

use trailmark_attribution::{Credit, Decision, decide};
use trailmark_wire::capture::{Captured, Source};
use trailmark_wire::conversion::{Conversion, Customer, CustomerClaim, Event};
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{ArrivalId, ClickId, ConversionId, CustomerKey, PartnerKey, ProgramId, SiteId, VisitorId};
use trailmark_wire::jwk::Thumbprint;
use trailmark_wire::receipt::{DeliveryNote, Receipt, Status};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

use crate::code::Code;
use crate::outbox::{Progress, Purpose, State};
use crate::store::delivery::{AttemptEnd, AttemptKey, Claim, LaneKey, LeaseId, Leased, NewAttempt, Settlement};
use crate::store::operator::Filter;
use crate::store::{
    AcceptRule, Accepted, Arrival, Assurance, Budget, Known, NetworkHash, NewConversion, NewDelivery, NewTouch,
    RecordedArrival, Ruling, Store, StoreError,
};

/// The default time of every sample.
pub const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// A day in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The site of most samples.
pub fn site() -> SiteId {
    SiteId::new("acme").unwrap()
}

/// A program by name.
pub fn program(name: &str) -> ProgramId {
    ProgramId::new(name).unwrap()
}

/// The lane of the program `main`.
pub fn lane() -> LaneKey {
    LaneKey { site: site(), program: program("main") }
}

/// A visitor by number.
pub fn visitor(number: u8) -> VisitorId {
    VisitorId::from_random([number; 16])
}

/// An arrival id by number.
pub fn arrival_id(number: u8) -> ArrivalId {
    ArrivalId::from_random([number; 16])
}

/// The thumbprint of a browser key by number.
pub fn browser_key(number: u8) -> Thumbprint {
    Thumbprint::from_digest([number; 32])
}

/// A budget for the hour before [`NOW`]; one network may use all of it.
pub fn budget(most: u64) -> Budget {
    let since = NOW.plus(-60 * 60 * 1000);
    Budget { most, most_of_network: most, network: NetworkHash([1; 8]), since }
}

/// An id by number. Each has its own first eight characters; a higher number is later.
pub fn id<Id: TryFrom<String, Error: fmt::Debug>>(number: u16) -> Id {
    let [high, low] = number.to_be_bytes();
    let id = ConversionId::from_parts(NOW.plus(i64::from(number) << 16), [0, high, low, 0, 0, 0, 0, 0, high, low]);
    Id::try_from(id.into()).unwrap()
}

/// A lease by number.
pub fn lease_id(number: u8) -> LeaseId {
    LeaseId([number; 16])
}

/// A touch in a program with a partner only, from the landing URL, with a window of 90 days.
pub fn touch(number: u16, in_program: &str) -> NewTouch {
    let captured = Captured {
        click_id: None,
        partner: Some(PartnerKey::new("ada").unwrap()),
        raw_partner: None,
        source: Source::Url,
        twins_differ: false,
        unusable: None,
    };
    NewTouch { id: id(number), program: program(in_program), captured, expires_at: NOW.plus(90 * DAY_MS) }
}

/// The same, with a click id.
pub fn clicked(number: u16, in_program: &str, click: &str) -> NewTouch {
    let mut touch = touch(number, in_program);
    touch.captured.click_id = Some(ClickId::new(click).unwrap());
    touch
}

/// A touch whose link has no key that the vendor could use.
pub fn unusable(number: u16, in_program: &str) -> NewTouch {
    let mut touch = touch(number, in_program);
    touch.captured.partner = None;
    touch.captured.unusable = Some(Unusable::Characters);
    touch
}

/// The same, from a vendor's cookie.
pub fn by_cookie(touch: NewTouch) -> NewTouch {
    NewTouch { captured: Captured { source: Source::Cookie, ..touch.captured }, ..touch }
}

/// An arrival without a known visitor; `number` names arrival and fresh visitor.
pub fn arrival(number: u8, touches: Vec<NewTouch>) -> Arrival {
    Arrival {
        site: site(),
        id: arrival_id(number),
        known_visitor: None,
        fresh_visitor: visitor(number),
        jkt: None,
        again: false,
        touches,
        landing_url: "https://acme.example/pricing?ps_xid=x".into(),
        at: NOW,
        budget: budget(u64::MAX),
        now: NOW,
    }
}

/// Number of touches of a site.
pub async fn touches_of(store: &Arc<dyn Store>, site: SiteId) -> usize {
    store.touches(Filter { site: Some(site), ..Filter::default() }).await.unwrap().len()
}

/// Records an arrival that must give a live touch.
pub async fn recorded(store: &Arc<dyn Store>, arrival: Arrival) -> RecordedArrival {
    store.record_arrival(arrival).await.unwrap().expect("a live touch")
}

/// A visitor with one touch in `main`, and one in each further program.
pub async fn touched_visitor(store: &Arc<dyn Store>, number: u8, programs: &[&str]) -> VisitorId {
    let first = u16::from(number) * 10;
    let touches = (first..).zip(programs).map(|(number, program)| touch(number, program)).collect();
    recorded(store, arrival(number, touches)).await.visitor
}

/// A signup; `number` names conversion and `jti`.
pub fn signup(number: u16, visitor: VisitorId, customer: &str) -> NewConversion {
    let key = CustomerKey::new(customer).unwrap();
    let customer = Customer { key, email: Some(format!("{customer}@mail.example")), name: Some("Ada Byron".into()) };
    NewConversion {
        site: site(),
        id: id(1000 + number),
        visitor,
        jti: id(2000 + number),
        content_hash: [1; 32],
        conversion: Conversion {
            customer: Some(CustomerClaim::Plain(customer)),
            event: Event::Signup,
            data: TextMap::from([("plan".into(), "team".into())]),
            test: false,
        },
        occurred_at: NOW,
        received_at: NOW,
        assurance: Assurance::Bound,
        budget: None,
    }
}

/// Credits every program's last touch, unless the key is claimed; deliveries are numbered from `first_delivery`.
pub fn rule(new: &NewConversion, first_delivery: u16) -> AcceptRule {
    let (conversion, at) = (new.id.clone(), new.occurred_at);
    Box::new(move |known| Ok(rule_on(known, conversion, at, first_delivery)))
}

fn rule_on(known: &Known, conversion: ConversionId, at: UnixMillis, first_delivery: u16) -> Ruling {
    let touches: Vec<_> = known.touches.iter().map(|stored| stored.touch.clone()).collect();
    let programs: Vec<_> = touches.iter().map(|touch| touch.program.clone()).collect();
    let decision = decide(at, touches, &programs, Credit::Each);
    let (status, code) = match () {
        () if !known.claimed.is_empty() => (Status::Duplicate, None),
        () => decision
            .no_credit()
            .map_or((Status::Accepted, None), |why| (Status::Unattributed, Some(Code::from(why).as_str()))),
    };
    let deliveries = if status == Status::Accepted { deliveries(&decision, at, first_delivery) } else { Vec::new() };
    let note = |delivery: &NewDelivery| DeliveryNote { program: delivery.program.clone(), state: "due".into() };
    let receipt = Receipt {
        conversion_id: conversion,
        status,
        code: code.map(String::from),
        attribution: if status == Status::Accepted { decision.attribution() } else { Vec::new() },
        deliveries: deliveries.iter().map(note).collect(),
        warnings: Vec::new(),
        replayed: false,
    };
    Ruling { receipt, decision, deliveries, consequences: Vec::new() }
}

fn deliveries(decision: &Decision, due_at: UnixMillis, first: u16) -> Vec<NewDelivery> {
    let vendor = VendorName::all().next().unwrap();
    let credited = (first..).zip(decision.credited());
    let delivery = |(number, touch): (u16, &trailmark_attribution::Touch)| NewDelivery {
        id: id(number),
        program: touch.program.clone(),
        vendor,
        touch: touch.id.clone(),
        due_at,
        reason: None,
    };
    credited.map(delivery).collect()
}

/// A rule that must not be called.
pub fn no_rule() -> AcceptRule {
    Box::new(|_| panic!("the rule was asked"))
}

/// Accepts with [`rule`]; deliveries are numbered from [`delivery_number`].
pub async fn accept(store: &Arc<dyn Store>, number: u16, new: NewConversion) -> Result<Accepted, StoreError> {
    let rule = rule(&new, delivery_number(number));
    store.accept(new, rule).await
}

/// Accepts a new conversion.
pub async fn accepted(store: &Arc<dyn Store>, number: u16, new: NewConversion) -> Receipt {
    match accept(store, number, new).await.unwrap() {
        Accepted::New(receipt) => receipt,
        other => panic!("not new: {other:?}"),
    }
}

/// The number of a conversion's first delivery.
pub fn delivery_number(conversion: u16) -> u16 {
    3000 + conversion * 4
}

/// Signs up a visitor with the conversion's number: one delivery for each program.
pub async fn signed_up(store: &Arc<dyn Store>, number: u8, programs: &[&str]) -> Receipt {
    let visitor = touched_visitor(store, number, programs).await;
    let number = u16::from(number);
    accepted(store, number, signup(number, visitor, &format!("u_{number}"))).await
}

/// Claims up to `most` leases of a minute, numbered from `first`, on an open lane.
pub fn claim(lane: LaneKey, first: u8, most: u8, now: UnixMillis) -> Claim {
    let leases = (first..first + most).map(lease_id).collect();
    let gate = Box::new(|lane, waiting| (lane, waiting));
    Claim { lane, paused_by: None, most: most.into(), gate, leases, until: now.plus(60_000), now }
}

/// Leases the only due delivery in `main`.
pub async fn leased(store: &Arc<dyn Store>, lease: u8) -> Leased {
    let mut leases = store.lease(claim(lane(), lease, 1, NOW)).await.unwrap();
    leases.pop().expect("one is due")
}

/// A send before its request.
pub fn send() -> NewAttempt {
    let (purpose, request, notes) = (Purpose::Send, "POST conversion/xid", Vec::new());
    NewAttempt { purpose, class: None, request, notes, is_touch_unused: false, started_at: NOW.plus(1) }
}

/// An attempt's end with this outcome.
pub fn end(outcome: &'static str) -> AttemptEnd {
    AttemptEnd { outcome, http_status: Some(200), message: None, ended_at: NOW.plus(2) }
}

/// A settlement into a state without a due time.
pub fn settlement(leased: &Leased, state: State, attempt: Option<(AttemptKey, AttemptEnd)>) -> Settlement {
    let progress = Progress { state, due_at: None, ..leased.progress.clone() };
    Settlement { progress, attempt, lane: None }
}

/// Sends the due delivery in `main` and settles it with this outcome and state.
pub async fn sent(store: &Arc<dyn Store>, lease: u8, outcome: &'static str, state: State) -> Leased {
    let leased = leased(store, lease).await;
    let key = store.begin_attempt(&leased, send()).await.unwrap();
    store.settle(&leased, settlement(&leased, state, Some((key, end(outcome))))).await.unwrap();
    leased
}
