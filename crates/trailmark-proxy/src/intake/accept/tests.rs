//! The rules over a real ledger: renewals, refunds, and how held conversions end. What a page may claim is in [`pages`].

use std::cell::Cell;
use std::sync::Arc;

use futures_util::future::join_all;
use trailmark_wire::conversion::{Customer, Order};
use trailmark_wire::ids::{DeliveryId, OrderKey, VisitorId};
use trailmark_wire::money::Currency;

use super::*;
use crate::outbox::State;
use crate::store::conformance::samples::{
    DAY_MS, NOW, arrival, claim, end, id, lane, program, recorded, send, sent, settlement, signup, touch,
    touched_visitor, visitor,
};
use crate::store::operator::{Afterwards, Change, ConversionDetail, Filter};
use crate::store::sqlite::SqliteStore;
use crate::store::{Accepted, Arrival, Store};

mod claims;
mod pages;
mod steps;
mod touches;

struct Shop {
    store: Arc<dyn Store>,
    rules: Rules,
    next: Cell<u16>,
    lease: Cell<u8>,
    folder: tempfile::TempDir,
}

/// A sale or refund of 10.00 EUR by default.
#[derive(Clone)]
struct Paid<'a> {
    key: &'a str,
    customer: Option<&'a str>,
    minor: i64,
    currency: &'a str,
    /// Makes it a refund.
    of: Option<&'a str>,
    at: UnixMillis,
}

const SALE: Paid<'_> = Paid { key: "o1", customer: Some("u_1"), minor: 1000, currency: "EUR", of: None, at: NOW };

const REFUND: Paid<'_> = Paid { key: "r1", customer: None, minor: 400, currency: "EUR", of: Some("o1"), at: NOW };

impl Shop {
    fn open(credit: Credit) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("ledger.db")).unwrap());
        let programs = [
            ("main", VendorName::from_name("partnerstack").unwrap()),
            ("other", VendorName::from_name("partnero").unwrap()),
        ];
        let rules = Rules {
            programs: programs.map(|(name, vendor)| (program(name), vendor)).into(),
            credit,
            signups_per_visitor: 3,
            require_signed_customer: false,
            signups_from: SignupsFrom::Both,
            signup_wait_ms: 5 * 60_000,
            queue: 10_000,
        };
        Self { store, rules, next: Cell::new(1), lease: Cell::new(100), folder }
    }

    fn number(&self) -> u16 {
        self.next.replace(self.next.get() + 1)
    }

    async fn post(&self, new: NewConversion) -> Receipt {
        let (rules, case) = (self.rules.clone(), Case::of(&new, None, None));
        match self.store.accept(new, Box::new(move |known| rules.rule(&case, known))).await.unwrap() {
            Accepted::New(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    }

    /// A page states a signup, which may be refused.
    async fn claim(&self, visitor: VisitorId, customer: &str) -> Result<Receipt, StoreError> {
        let new = signup(self.number(), visitor, customer);
        let (rules, case) = (self.rules.clone(), Case::of(&new, None, None));
        match self.store.accept(new, Box::new(move |known| rules.rule(&case, known))).await? {
            Accepted::New(receipt) => Ok(receipt),
            other => panic!("{other:?}"),
        }
    }

    /// States a signup.
    async fn signup(&self, by: Assurance, visitor: VisitorId, customer: &str) -> Receipt {
        self.post(NewConversion { assurance: by, ..signup(self.number(), visitor, customer) }).await
    }

    /// States a sale or refund.
    async fn pay(&self, by: Assurance, visitor: VisitorId, paid: &Paid<'_>) -> Receipt {
        self.post(self.paid(by, visitor, paid)).await
    }

    fn paid(&self, by: Assurance, visitor: VisitorId, paid: &Paid<'_>) -> NewConversion {
        let order = Order {
            key: OrderKey::new(paid.key).unwrap(),
            amount_minor: paid.minor,
            currency: Currency::new(paid.currency).unwrap(),
            items: Vec::new(),
        };
        let mut new = signup(self.number(), visitor, "u_0");
        new.conversion.customer = paid
            .customer
            .map(|key| CustomerClaim::Plain(Customer { key: CustomerKey::new(key).unwrap(), email: None, name: None }));
        new.conversion.event = match paid.of {
            Some(sale) => Event::Refund { refund: order, sale: OrderKey::new(sale).unwrap() },
            None => Event::Sale(OrderClaim::Plain(order)),
        };
        NewConversion { assurance: by, occurred_at: paid.at, received_at: paid.at, ..new }
    }

    /// The same from a server that names no visitor.
    async fn server(&self, paid: &Paid<'_>) -> Receipt {
        self.pay(Assurance::Server, visitor(200), paid).await
    }

    /// A visitor of `main` who signed up as this customer through a page.
    async fn customer(&self, number: u8, customer: &str) -> VisitorId {
        let visitor = touched_visitor(&self.store, number, &["main"]).await;
        assert_eq!(said(&self.signup(Assurance::Bound, visitor.clone(), customer).await), "accepted");
        visitor
    }

    async fn detail(&self, receipt: &Receipt) -> ConversionDetail {
        self.store.conversion(receipt.conversion_id.as_str().into()).await.unwrap()
    }

    /// Its `status code` now.
    async fn stands(&self, receipt: &Receipt) -> String {
        let row = self.detail(receipt).await.conversion;
        [row.status.as_str(), row.code.as_deref().unwrap_or_default()].join(" ").trim().to_owned()
    }

    async fn release(&self, receipt: &Receipt) -> Result<ConversionDetail, StoreError> {
        let rules = self.rules.clone();
        let rule: ReleaseRule = Box::new(move |held, known| rules.release(held, known, NOW.plus(9)));
        let id = receipt.conversion_id.as_str().to_owned();
        self.store.release_held(id, "seen the invoice".into(), rule, NOW.plus(9)).await
    }

    /// Sends its delivery in `main`, which ends in `state`; other deliveries stay due.
    async fn ends(&self, receipt: &Receipt, state: State) -> DeliveryId {
        let leased = self.store.lease(claim(lane(), self.lease.replace(self.lease.get() + 9), 9, NOW)).await.unwrap();
        let (of, others): (Vec<_>, Vec<_>) =
            leased.into_iter().partition(|leased| leased.conversion == receipt.conversion_id);
        for other in others {
            self.store.release(&other).await.unwrap();
        }
        let key = self.store.begin_attempt(&of[0], send()).await.unwrap();
        self.store.settle(&of[0], settlement(&of[0], state, Some((key, end(state.as_str()))))).await.unwrap();
        of[0].delivery.clone()
    }

    /// Runs one follow-up step.
    async fn follows_up(&self) -> bool {
        let rules = self.rules.clone();
        let rule: FollowRule = Arc::new(move |held, known| rules.rule(&Case::of_held(held, NOW.plus(7)), known));
        self.store.follow_up(rule, NOW.plus(7)).await.unwrap()
    }

    async fn is_sound(&self) {
        assert_eq!(self.store.health().await.unwrap().violations, Vec::<String>::new());
    }
}

/// `status code`, and the programs of the deliveries.
fn said(receipt: &Receipt) -> String {
    let programs = receipt.deliveries.iter().map(|delivery| delivery.program.as_str());
    let words = [receipt.status.as_str(), receipt.code.as_deref().unwrap_or_default()];
    let words = words.into_iter().filter(|word| !word.is_empty());
    let programs: Vec<&str> = programs.filter(|program| *program != "main").collect();
    words.chain(programs).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_renewal_goes_where_its_customers_signup_went_whatever_the_window() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let renewal = shop.server(&Paid { at: NOW.plus(400 * DAY_MS), ..SALE }).await;
    assert_eq!((said(&renewal).as_str(), renewal.attribution.len()), ("accepted", 1));
    let detail = shop.detail(&renewal).await;
    assert_eq!(detail.touches.len(), 1, "the inherited touch is told");
    assert_eq!(detail.decision["considered"][0]["verdict"], "inherited");
    let stranger = shop.server(&Paid { key: "o2", customer: Some("u_9"), ..SALE }).await;
    assert_eq!(said(&stranger), "unattributed no_touch");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_sale_before_its_signup_is_unattributed_and_may_be_said_again() {
    let shop = Shop::open(Credit::One);
    assert_eq!(said(&shop.server(&SALE).await), "unattributed no_touch");
    shop.customer(1, "u_1").await;
    assert_eq!(said(&shop.server(&SALE).await), "accepted");
    assert_eq!(said(&shop.server(&REFUND).await), "accepted", "of the sale that counts");
}

#[tokio::test]
async fn an_own_touch_goes_before_an_inherited_one() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let elsewhere = touched_visitor(&shop.store, 2, &["other"]).await;
    assert_eq!(said(&shop.pay(Assurance::Server, elsewhere, &SALE).await), "accepted other");
}

#[tokio::test]
async fn a_signup_that_every_vendor_refused_leaves_nothing_to_inherit() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    sent(&shop.store, 1, "rejected", State::Rejected).await;
    assert_eq!(said(&shop.server(&SALE).await), "unattributed signup_rejected");
    assert_eq!(said(&shop.server(&REFUND).await), "unattributed sale_unattributed");
    // A page must not learn whose customer it is.
    assert_eq!(said(&shop.pay(Assurance::Bound, visitor(9), &SALE).await), "unattributed no_touch");
    assert_eq!(said(&shop.server(&Paid { key: "o2", customer: Some("u_9"), ..SALE }).await), "unattributed no_touch");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_second_signup_without_a_visitor_points_to_the_first_that_was_rejected() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    sent(&shop.store, 1, "rejected", State::Rejected).await;
    let second = shop.signup(Assurance::Server, visitor(9), "u_1").await;
    assert_eq!(said(&second), "unattributed signup_rejected");
    let row = shop.detail(&second).await.conversion;
    assert_eq!(row.signup.map(|signup| (signup.conversion, signup.status)), Some((id(1001), Status::Rejected)));
    // A page learns nothing of it.
    assert_eq!(said(&shop.signup(Assurance::Bound, visitor(8), "u_1").await), "unattributed no_touch");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_sale_reported_again_after_a_rejected_signup_was_corrected_counts() {
    let shop = Shop::open(Credit::One);
    let visitor = shop.customer(1, "u_1").await;
    sent(&shop.store, 1, "rejected", State::Rejected).await;
    assert_eq!(said(&shop.server(&SALE).await), "unattributed signup_rejected");
    assert_eq!(said(&shop.signup(Assurance::Server, visitor, "u_1").await), "accepted");
    assert_eq!(said(&shop.server(&SALE).await), "accepted");
    shop.is_sound().await;
}

#[tokio::test]
async fn credit_each_delivers_signup_renewal_and_refund_to_every_program() {
    let shop = Shop::open(Credit::Each);
    let visitor = touched_visitor(&shop.store, 1, &["main", "other"]).await;
    let all = [
        shop.signup(Assurance::Bound, visitor, "u_1").await,
        shop.server(&Paid { at: NOW.plus(400 * DAY_MS), ..SALE }).await,
        shop.server(&Paid { at: NOW.plus(401 * DAY_MS), ..REFUND }).await,
    ];
    for receipt in all {
        assert_eq!((receipt.status, receipt.deliveries.len(), receipt.attribution.len()), (Status::Accepted, 2, 2));
    }
    shop.is_sound().await;
}

#[tokio::test]
async fn each_refund_has_its_defined_end() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    shop.server(&SALE).await;
    let lost = Paid { key: "o2", customer: Some("u_9"), ..SALE };
    assert_eq!(said(&shop.server(&lost).await), "unattributed no_touch");
    for (refund, end) in [
        (REFUND, "accepted"),
        (REFUND, "duplicate"),
        (Paid { key: "r2", currency: "USD", ..REFUND }, "rejected refund_currency"),
        (Paid { key: "r2", customer: Some("u_2"), ..REFUND }, "rejected refund_customer"),
        (Paid { key: "r2", minor: 601, ..REFUND }, "rejected refund_above_sale"),
        (Paid { key: "r2", minor: i64::MAX, ..REFUND }, "rejected refund_above_sale"),
        (Paid { key: "r2", minor: 600, customer: Some("u_1"), ..REFUND }, "accepted"),
        (Paid { key: "r3", minor: 1, ..REFUND }, "rejected refund_above_sale"),
        (Paid { key: "r4", of: Some("o2"), ..REFUND }, "unattributed sale_unattributed"),
        (Paid { key: "r5", of: Some("o9"), ..REFUND }, "held sale_unknown"),
    ] {
        let receipt = shop.server(&refund).await;
        assert_eq!(said(&receipt), end, "{}", refund.key);
        assert_eq!(receipt.deliveries.is_empty(), end != "accepted");
    }
    shop.is_sound().await;
}

#[tokio::test]
async fn of_many_refunds_at_once_no_more_pass_than_the_sale_bears() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    shop.server(&SALE).await;
    let keys: Vec<String> = (0..25).map(|number| format!("r{number}")).collect();
    let refunds = keys.iter().map(|key| Paid { key: key.as_str(), minor: 90, ..REFUND }).collect::<Vec<_>>();
    let ends = join_all(refunds.iter().map(|refund| shop.server(refund))).await;
    assert_eq!(ends.iter().filter(|receipt| receipt.status == Status::Accepted).count(), 11);
    shop.is_sound().await;
}

#[tokio::test]
async fn a_refund_that_was_refused_is_replayed_only_as_far_as_its_sale_still_bears_it() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    shop.server(&SALE).await;
    let refused = shop.server(&Paid { minor: 600, ..REFUND }).await;
    let delivery = shop.ends(&refused, State::Rejected).await;
    let retry = |at| shop.store.change(Change::Retry { delivery: delivery.clone(), accept_double: false }, at);
    let second = shop.server(&Paid { key: "r2", minor: 600, ..REFUND }).await;
    assert_eq!((said(&second).as_str(), shop.stands(&refused).await.as_str()), ("accepted", "rejected"));
    assert!(matches!(retry(NOW).await, Err(StoreError::Refused(text)) if text.contains("exceed the sale's amount")));
    assert_eq!(shop.stands(&refused).await, "rejected");
    shop.ends(&second, State::Rejected).await;
    retry(NOW).await.unwrap();
    assert_eq!(shop.stands(&refused).await, "accepted");
    assert_eq!(said(&shop.server(&Paid { key: "r3", minor: 600, ..REFUND }).await), "rejected refund_above_sale");
    shop.is_sound().await;
}

#[tokio::test]
async fn where_one_program_is_credited_what_is_said_again_is_no_second_ones() {
    let said_again = async |credit: Credit| {
        let shop = Shop::open(credit);
        let visitor = shop.customer(1, "u_1").await;
        assert_eq!(said(&shop.pay(Assurance::Server, visitor.clone(), &SALE).await), "accepted");
        // A partner of another program brings the visitor again before the backend repeats its report.
        let later = Arrival { known_visitor: Some(visitor.clone()), ..arrival(9, vec![touch(90, "other")]) };
        recorded(&shop.store, later).await;
        let signup = shop.signup(Assurance::Server, visitor.clone(), "u_1").await;
        let sale = shop.pay(Assurance::Server, visitor, &SALE).await;
        shop.is_sound().await;
        [signup, sale]
    };
    for receipt in said_again(Credit::One).await {
        assert_eq!(
            (said(&receipt).as_str(), receipt.attribution),
            ("duplicate", Vec::new()),
            "nobody is credited again"
        );
    }
    for receipt in said_again(Credit::Each).await {
        assert_eq!(said(&receipt), "accepted other");
    }
}

#[tokio::test]
async fn refunds_before_their_sale_follow_when_it_comes_as_far_as_it_bears_them() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let (first, second) = (shop.server(&REFUND).await, shop.server(&Paid { key: "r2", minor: 700, ..REFUND }).await);
    let third = shop.server(&Paid { key: "r3", minor: 600, ..REFUND }).await;
    let repeated = shop.server(&Paid { key: "r3", minor: 600, ..REFUND }).await;
    assert_eq!(said(&first), "held sale_unknown");
    // A page's sale does not count: a mere claim must not end a refund.
    shop.pay(Assurance::Bound, visitor(9), &SALE).await;
    assert_eq!(shop.stands(&first).await, "held sale_unknown");
    let meanwhile = shop.server(&Paid { key: "r9", minor: 1001, ..REFUND }).await;
    assert_eq!(said(&meanwhile), "held sale_unknown");
    let sale = shop.server(&SALE).await;
    assert_eq!(said(&sale), "accepted");
    for (refund, end) in [
        (&first, "accepted"),
        (&second, "rejected refund_above_sale"),
        (&third, "duplicate closed_by_server"),
        (&repeated, "accepted"),
    ] {
        assert_eq!(shop.stands(refund).await, end);
    }
    let detail = shop.detail(&first).await;
    assert_eq!((detail.deliveries.len(), detail.changes[0].change), (1, Afterwards::Followed));
    assert_eq!(detail.changes[0].cause.as_ref(), Some(&sale.conversion_id));
    let late = shop.server(&Paid { key: "r4", minor: 1, ..REFUND }).await;
    assert_eq!(said(&late), "rejected refund_above_sale");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_refund_of_a_sale_that_nobody_earned_on_ends_when_that_is_known() {
    let shop = Shop::open(Credit::One);
    let refund = shop.server(&REFUND).await;
    assert_eq!(said(&shop.server(&SALE).await), "unattributed no_touch");
    assert_eq!(shop.stands(&refund).await, "unattributed sale_unattributed");
}

#[tokio::test]
async fn a_refund_that_ended_with_its_sale_counts_once_the_sale_does() {
    let shop = Shop::open(Credit::One);
    let other = Paid { key: "r2", minor: 700, ..REFUND };
    shop.server(&SALE).await;
    let ended = [shop.server(&REFUND).await, shop.server(&REFUND).await, shop.server(&other).await];
    for refund in &ended {
        assert_eq!(said(refund), "unattributed sale_unattributed");
    }
    // Repeated without a touch, nothing changes; after the customer's signup the sale and its refunds count.
    assert_eq!(said(&shop.server(&SALE).await), "unattributed no_touch");
    assert!(shop.detail(&ended[1]).await.changes.is_empty());
    shop.customer(1, "u_1").await;
    let sale = shop.server(&SALE).await;
    assert_eq!(said(&sale), "accepted");
    for (refund, end) in ended.iter().zip(["unattributed sale_unattributed", "accepted", "rejected refund_above_sale"])
    {
        assert_eq!(shop.stands(refund).await, end);
    }
    let detail = shop.detail(&ended[1]).await;
    assert_eq!((detail.deliveries.len(), &detail.changes[0].cause), (1, &Some(sale.conversion_id)));
    assert_eq!(said(&shop.server(&REFUND).await), "duplicate");
    shop.is_sound().await;
}

#[tokio::test]
async fn what_is_released_is_decided_again_and_delivered_once_with_what_waited_for_it() {
    let shop = Shop::open(Credit::One);
    let visitor = shop.customer(1, "u_1").await;
    let sale = shop.pay(Assurance::Bound, visitor, &SALE).await;
    let refund = shop.server(&REFUND).await;
    assert_eq!((said(&sale).as_str(), said(&refund).as_str()), ("held money_unsigned", "held sale_unknown"));
    assert!(matches!(shop.release(&refund).await, Err(StoreError::Refused(text)) if text.contains("when the sale")));
    let released = shop.release(&sale).await.unwrap();
    assert_eq!((released.conversion.status, released.deliveries.len()), (Status::Accepted, 1));
    assert_eq!(released.changes[0].reason.as_deref(), Some("seen the invoice"));
    assert_eq!(shop.stands(&refund).await, "accepted");
    assert!(matches!(shop.release(&sale).await, Err(StoreError::Refused(text)) if text.contains("`accepted`")));
    assert_eq!(said(&shop.server(&SALE).await), "duplicate", "a release claims the key");
    let glance = shop.store.glance(lane()).await.unwrap();
    assert_eq!(glance.next_due, Some(NOW));
    shop.is_sound().await;
}

#[tokio::test]
async fn what_is_rejected_by_hand_is_sent_nowhere_and_its_key_is_free() {
    let shop = Shop::open(Credit::One);
    let visitor = shop.customer(1, "u_1").await;
    let sale = shop.pay(Assurance::Bound, visitor, &SALE).await;
    let id = sale.conversion_id.as_str().to_owned();
    let rejected = shop.store.reject_held(id, "no such order".into(), NOW).await.unwrap();
    assert_eq!((rejected.conversion.status, rejected.changes[0].change), (Status::Rejected, Afterwards::Rejected));
    assert!(matches!(shop.release(&sale).await, Err(StoreError::Refused(_))));
    assert_eq!(said(&shop.server(&SALE).await), "accepted");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_release_that_another_conversion_forestalled_changes_nothing() {
    let shop = Shop::open(Credit::One);
    let visitor = shop.customer(1, "u_1").await;
    let sale = shop.pay(Assurance::Bound, visitor, &SALE).await;
    let mut vouched = shop.paid(Assurance::Bound, touched_visitor(&shop.store, 3, &["main"]).await, &SALE);
    let Event::Sale(OrderClaim::Plain(order)) = vouched.conversion.event else { panic!("a sale") };
    vouched.conversion.event = Event::Sale(OrderClaim::Vouched(order, "jws".into()));
    assert_eq!(said(&shop.post(vouched).await), "accepted");
    assert!(
        matches!(shop.release(&sale).await, Err(StoreError::Refused(text)) if text.contains("holds this business"))
    );
    assert_eq!(shop.stands(&sale).await, "held money_unsigned");
    shop.is_sound().await;
}

#[tokio::test]
async fn an_order_that_the_merchant_signed_inherits_like_a_servers() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let mut vouched = shop.paid(Assurance::Bound, visitor(9), &SALE);
    let Event::Sale(OrderClaim::Plain(order)) = vouched.conversion.event else { panic!("a sale") };
    vouched.conversion.event = Event::Sale(OrderClaim::Vouched(order, "jws".into()));
    assert_eq!(said(&shop.post(vouched).await), "accepted");
}

#[tokio::test]
async fn sites_share_no_sale_no_customer_and_nothing_that_is_held() {
    let shop = Shop::open(Credit::One);
    let own = shop.customer(1, "u_1").await;
    let held = shop.pay(Assurance::Bound, own, &SALE).await;
    let refund = shop.server(&REFUND).await;
    assert_eq!(said(&refund), "held sale_unknown");
    let elsewhere = SiteId::new("other").unwrap();
    recorded(&shop.store, Arrival { site: elsewhere.clone(), ..arrival(7, vec![touch(70, "main")]) }).await;
    let there = |new: NewConversion| NewConversion { site: elsewhere.clone(), ..new };
    let sale = shop.post(there(shop.paid(Assurance::Server, visitor(7), &SALE))).await;
    assert_eq!(said(&sale), "accepted");
    assert_eq!(shop.stands(&held).await, "held money_unsigned");
    assert_eq!(shop.stands(&refund).await, "held sale_unknown");
    let renewal = shop.post(there(shop.paid(Assurance::Server, visitor(8), &Paid { key: "o3", ..SALE }))).await;
    assert_eq!(said(&renewal), "unattributed no_touch");
    assert_eq!(shop.store.conversions(Filter::default()).await.unwrap().len(), 5);
}

#[test]
fn a_delivery_has_one_id_for_each_conversion_and_program() {
    let ids =
        [(1, "main"), (1, "other"), (2, "main")].map(|(number, name)| delivery_id(&id(number), &program(name), NOW));
    assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
    assert_eq!(ids[0], delivery_id(&id(1), &program("main"), NOW));
}
