//! Random sequences of arrivals, conversions, deliveries and restarts, compared with a one-page model: the same post
//! always gets the same answer, whatever happened in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::conformance::Ground as _;
use trailmark_proxy::store::conformance::samples::*;
use trailmark_proxy::store::{Accepted, Arrival, NewConversion, Store};
use trailmark_wire::receipt::{Receipt, Status};

use crate::store::Folder;

/// One event. Small numbers make collisions likely.
#[derive(Debug, Clone)]
enum Step {
    /// A visitor gets a touch in a program.
    Touch { visitor: u8, program: u8 },
    /// A visitor posts a signup of a customer with one of the visitor's `jti`s.
    Post { visitor: u8, jti: u8, customer: u8 },
    /// The due delivery in `main` is sent, and recorded or rejected.
    Send { rejected: bool },
    /// The proxy restarts.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_u8, 0..2_u8).prop_map(|(visitor, program)| Step::Touch { visitor, program }),
        8 => (0..3_u8, 0..3_u8, 0..3_u8).prop_map(|(visitor, jti, customer)| Step::Post { visitor, jti, customer }),
        2 => any::<bool>().prop_map(|rejected| Step::Send { rejected }),
        1 => Just(Step::Restart),
    ]
}

const PROGRAMS: [&str; 2] = ["main", "other"];

/// A simple model of the ledger.
#[derive(Debug, Default)]
struct Model {
    /// Programs by visitor.
    touched: BTreeMap<u8, Vec<u8>>,
    /// Customer and receipt by visitor and `jti`.
    answered: BTreeMap<(u8, u8), (u8, Receipt)>,
    /// Customer and programs, undelivered or delivered, by the owner of the customer's key.
    holders: BTreeMap<u8, Vec<u8>>,
    /// Customers whose delivery to `main` waits, the longest first.
    waiting: Vec<u8>,
}

impl Model {
    /// The expected answer to a post, given the receipt if it is a new one.
    fn check(&mut self, (visitor, jti, customer): (u8, u8, u8), answer: Accepted) {
        match (self.answered.get(&(visitor, jti)), answer) {
            (Some((first, receipt)), Accepted::Replayed(again)) => {
                assert_eq!((*first, receipt), (customer, &again));
            }
            (Some((first, _)), Accepted::Mismatch) => assert_ne!(*first, customer),
            (None, Accepted::New(receipt)) => self.check_new((visitor, jti, customer), receipt),
            (earlier, answer) => panic!("{answer:?} after {earlier:?}"),
        }
    }

    fn check_new(&mut self, (visitor, jti, customer): (u8, u8, u8), receipt: Receipt) {
        let programs = self.touched.get(&visitor).cloned().unwrap_or_default();
        let status = match () {
            () if self.holders.contains_key(&customer) => Status::Duplicate,
            () if programs.is_empty() => Status::Unattributed,
            () => Status::Accepted,
        };
        assert_eq!(receipt.status, status);
        if status == Status::Accepted {
            assert_eq!(receipt.deliveries.len(), programs.len());
            if programs.contains(&0) {
                self.waiting.push(customer);
            }
            self.holders.insert(customer, programs);
        }
        self.answered.insert((visitor, jti), (customer, receipt));
    }

    /// The delivery to `main` that waited longest was sent. A key is free again when every program rejected it.
    fn sent(&mut self, rejected: bool) {
        let customer = self.waiting.remove(0);
        if rejected && self.holders.get(&customer).is_some_and(|programs| programs.as_slice() == [0]) {
            self.holders.remove(&customer);
        }
    }
}

async fn run(steps: Vec<Step>) {
    let folder = Folder::fresh();
    let mut store = folder.open();
    let mut model = Model::default();
    for (number, step) in (1_u8..).zip(steps) {
        match step {
            Step::Touch { visitor, program } => touched(&store, &mut model, number, (visitor, program)).await,
            Step::Post { visitor: v, jti, customer } => {
                let mut new = signup(number.into(), visitor(v), &format!("u_{customer}"));
                (new.jti, new.content_hash) = (id(2000 + u16::from(jti)), [customer; 32]);
                model.check((v, jti, customer), post(&store, number, new).await);
            }
            Step::Send { rejected } => {
                if !model.waiting.is_empty() {
                    let (outcome, state) =
                        if rejected { ("rejected", State::Rejected) } else { ("recorded", State::Recorded) };
                    sent(&store, number, outcome, state).await;
                    model.sent(rejected);
                }
            }
            Step::Restart => {
                drop(store);
                store = folder.open();
            }
        }
    }
    let health = store.health().await.unwrap();
    assert_eq!((health.integrity.as_str(), health.violations), ("ok", Vec::new()));
    assert_eq!(health.conversions, u64::try_from(model.answered.len()).unwrap());
}

async fn touched(store: &Arc<dyn Store>, model: &mut Model, number: u8, (of, program): (u8, u8)) {
    let touch = touch(u16::from(number), PROGRAMS[usize::from(program)]);
    let arrival = Arrival { known_visitor: Some(visitor(of)), ..arrival(number, vec![touch]) };
    assert!(recorded(store, arrival).await.is_new);
    let programs = model.touched.entry(of).or_default();
    if !programs.contains(&program) {
        programs.push(program);
    }
}

async fn post(store: &Arc<dyn Store>, number: u8, new: NewConversion) -> Accepted {
    accept(store, number.into(), new).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_once_is_answered_again(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}
