//! Conflicts between a page and the backend about a customer (field-faults row 60), over a real ledger: the backend
//! decides whatever the page's sends did, and no sale is paid to a partner whose credit ended.

use trailmark_vendors::capability::Class;
use trailmark_wire::ids::{KeyId, TouchId};

use super::*;
use crate::outbox::Purpose;
use crate::outbox::order::Earlier;
use crate::store::callers::{ApiKeyChange, ApiKeyRow};
use crate::store::conformance::samples::site;
use crate::store::delivery::{Leased, NewAttempt};
use crate::store::operator::DeliveryRow;

const EVE: u8 = 1;
const ADAS: u8 = 2;

/// The send of a signup in a class with look-ups.
fn signup_send() -> NewAttempt {
    NewAttempt { class: Some(Class::UniqueKey), ..send() }
}

impl Shop {
    /// A visitor's page claims a customer, in these programs.
    async fn claimed(&self, number: u8, programs: &[&str], customer: &str) -> Receipt {
        let visitor = touched_visitor(&self.store, number, programs).await;
        let receipt = self.signup(Assurance::Bound, visitor, customer).await;
        assert_eq!(receipt.status, Status::Accepted);
        receipt
    }

    async fn delivery(&self, of: &Receipt, program_name: &str) -> DeliveryRow {
        let rows = self.detail(of).await.deliveries;
        rows.into_iter().find(|row| row.program == program(program_name)).unwrap()
    }

    /// Leases the delivery of a conversion in a program; other deliveries stay unchanged.
    async fn lease(&self, of: &Receipt, program_name: &str) -> Leased {
        let lane = crate::store::delivery::LaneKey { site: site(), program: program(program_name) };
        let leased = self.store.lease(claim(lane, self.lease.replace(self.lease.get() + 9), 9, NOW)).await.unwrap();
        let (mut ours, others): (Vec<_>, Vec<_>) = leased.into_iter().partition(|l| l.conversion == of.conversion_id);
        for other in others {
            self.store.release(&other).await.unwrap();
        }
        ours.pop().expect("it is due")
    }

    /// Sends its delivery in a program, with this end.
    async fn sent(&self, of: &Receipt, program_name: &str, outcome: &'static str, state: State) {
        let leased = self.lease(of, program_name).await;
        let key = self.store.begin_attempt(&leased, signup_send()).await.unwrap();
        self.store.settle(&leased, settlement(&leased, state, Some((key, end(outcome))))).await.unwrap();
    }

    /// What the delivery must follow.
    async fn earlier(&self, of: &Receipt, program_name: &str) -> Earlier {
        let leased = self.lease(of, program_name).await;
        let (tell, told) = std::sync::mpsc::channel();
        let rule = Box::new(move |earlier| {
            tell.send(earlier).unwrap();
            None
        });
        assert!(self.store.turn(&leased, Kind::Signup, rule).await.unwrap());
        self.store.release(&leased).await.unwrap();
        told.recv().unwrap()
    }

    async fn with_api_key(self) -> Self {
        let key = ApiKeyRow {
            site: site(),
            id: KeyId::new("key1").unwrap(),
            name: "shop".into(),
            hash: [1; 32],
            created_at: NOW,
            last_used_at: None,
            revoked_at: None,
        };
        self.store.change_api_key(ApiKeyChange::Add(key)).await.unwrap();
        self
    }
}

// field-faults row 60
#[tokio::test]
async fn a_customer_claimed_in_advance_is_the_backends_and_the_stranger_gains_nothing() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "victim@shop.example").await;
    let honest = touched_visitor(&shop.store, ADAS, &["other"]).await;
    let stated = shop.signup(Assurance::Server, honest, "victim@shop.example").await;
    assert_eq!(said(&stated), "accepted claimed_by_page other");
    assert_eq!(shop.stands(&page).await, "duplicate overruled_by_server");
    let change = shop.detail(&page).await.changes.pop().unwrap();
    assert_eq!((change.change, change.cause.as_ref()), (Afterwards::Overruled, Some(&stated.conversion_id)));
    // Her deliveries were not sent, and are not sent later.
    assert_eq!(shop.delivery(&page, "main").await.state, "dropped");
    assert_eq!(shop.delivery(&stated, "other").await.state, "due");
    let sale = shop.server(&Paid { customer: Some("victim@shop.example"), ..SALE }).await;
    assert_eq!((said(&sale).as_str(), sale.attribution.len()), ("accepted other", 1));
    // The dispute is recorded, listed and counted; her page gets its earlier answer and cannot claim again.
    let disputes = Filter { code: Some("claimed_by_page".into()), ..Filter::default() };
    let listed = shop.store.conversions(disputes).await.unwrap();
    assert_eq!(listed.iter().map(|row| &row.id).collect::<Vec<_>>(), [&stated.conversion_id]);
    assert_eq!(shop.store.counts().await.unwrap().claimed_by_page, 1);
    assert_eq!(said(&shop.signup(Assurance::Bound, visitor(EVE), "victim@shop.example").await), "duplicate");
    shop.is_sound().await;
}

// field-faults row 60
#[tokio::test]
async fn where_the_vendor_was_told_the_sales_are_held_until_it_credits_the_right_partner() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    shop.sent(&page, "main", "recorded", State::Recorded).await;
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    let stated = shop.signup(Assurance::Server, honest, "u_1").await;
    assert_eq!(said(&stated), "accepted claimed_by_page");
    assert_eq!(shop.delivery(&page, "main").await.state, "recorded", "what the vendor has stays on record");
    // The vendor is asked before anything is sent.
    let delivery = shop.delivery(&stated, "main").await;
    assert_eq!(delivery.state, "uncertain");
    assert_eq!(shop.lease(&stated, "main").await.progress.purpose(), Some(Purpose::LookUp));
    let sale = shop.server(&SALE).await;
    assert_eq!(said(&sale), "held signup_disputed");
    assert!(matches!(shop.release(&sale).await, Err(StoreError::Refused(text)) if text.contains("reassign")));
    let refund = shop.server(&REFUND).await;
    assert_eq!(said(&refund), "held sale_unknown");
    let other_customer = shop.server(&Paid { key: "o9", customer: Some("u_9"), ..SALE }).await;
    assert_eq!(said(&other_customer), "unattributed no_touch", "another customer's sale is not held");
    assert!(!shop.follows_up().await, "nothing is owed while it is disputed");
    shop.is_sound().await;
}

// field-faults row 60
#[tokio::test]
async fn held_sales_and_their_refunds_go_on_once_the_vendor_credits_the_right_partner() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    shop.sent(&page, "main", "recorded", State::Recorded).await;
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    let stated = shop.signup(Assurance::Server, honest, "u_1").await;
    let (sale, refund) = (shop.server(&SALE).await, shop.server(&REFUND).await);
    let found = shop.lease(&stated, "main").await;
    shop.store.settle(&found, settlement(&found, State::Recorded, None)).await.unwrap();
    assert_eq!(shop.stands(&sale).await, "held signup_disputed", "in a step of its own");
    assert!(shop.follows_up().await);
    assert_eq!((shop.stands(&sale).await, shop.stands(&refund).await), ("accepted".into(), "accepted".into()));
    let detail = shop.detail(&sale).await;
    assert_eq!(
        (detail.changes[0].change, detail.changes[0].cause.as_ref()),
        (Afterwards::Followed, Some(&stated.conversion_id))
    );
    assert_eq!(detail.touches.len(), 1, "the true visitor's touch is told");
    assert!(!shop.follows_up().await);
    assert_eq!(said(&shop.server(&Paid { key: "o2", ..SALE }).await), "accepted", "later ones are not held");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_backend_that_says_nobody_brought_the_customer_ends_a_pages_claim() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    shop.sent(&page, "main", "recorded", State::Recorded).await;
    assert_eq!(said(&shop.signup(Assurance::Server, visitor(200), "u_1").await), "unattributed claimed_by_page");
    assert_eq!(shop.stands(&page).await, "duplicate overruled_by_server");
    assert_eq!(said(&shop.server(&SALE).await), "unattributed no_touch");
    // A touch of the sale's own brings its partner nothing either: the vendor would pay the stranger.
    let touched = touched_visitor(&shop.store, ADAS, &["main"]).await;
    let sale = shop.pay(Assurance::Server, touched, &Paid { key: "o2", ..SALE }).await;
    assert_eq!(shop.earlier(&sale, "main").await, Earlier::Absent);
    shop.is_sound().await;
}

#[tokio::test]
async fn a_send_under_way_is_ended_and_its_late_answer_kept_and_the_next_one_asks_first() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    let under_way = shop.lease(&page, "main").await;
    let key = shop.store.begin_attempt(&under_way, signup_send()).await.unwrap();
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    let stated = shop.signup(Assurance::Server, honest, "u_1").await;
    shop.is_sound().await;
    let late = settlement(&under_way, State::Recorded, Some((key.clone(), end("recorded"))));
    assert_eq!(shop.store.settle(&under_way, late).await, Err(StoreError::LeaseLost));
    shop.store.record_late(key, end("recorded"), None).await.unwrap();
    let delivery = shop.delivery(&page, "main").await;
    assert_eq!((delivery.state.as_str(), delivery.tries[0].outcome.as_deref()), ("dropped", Some("recorded")));
    assert_eq!(shop.delivery(&stated, "main").await.state, "uncertain");
    shop.is_sound().await;
}

#[tokio::test]
async fn what_is_leased_and_not_yet_sent_is_not_sent_any_more() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    let leased = shop.lease(&page, "main").await;
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    let stated = shop.signup(Assurance::Server, honest, "u_1").await;
    assert_eq!(shop.store.begin_attempt(&leased, signup_send()).await, Err(StoreError::LeaseLost));
    assert_eq!(shop.delivery(&stated, "main").await.state, "due", "nobody was told, so nobody is asked");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_claim_in_several_programs_ends_in_all_of_them() {
    let shop = Shop::open(Credit::Each);
    let page = shop.claimed(EVE, &["main", "other"], "u_1").await;
    shop.sent(&page, "other", "recorded", State::Recorded).await;
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    assert_eq!(said(&shop.signup(Assurance::Server, honest, "u_1").await), "accepted claimed_by_page");
    assert_eq!(said(&shop.server(&SALE).await), "accepted", "where nobody was told it goes on");
    let elsewhere = touched_visitor(&shop.store, 3, &["other"]).await;
    let sale = shop.pay(Assurance::Server, elsewhere, &Paid { key: "o2", ..SALE }).await;
    assert_eq!(shop.earlier(&sale, "other").await, Earlier::Absent, "the stranger's signup is no customer to follow");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_lead_that_a_page_claimed_in_advance_is_the_backends_too() {
    let shop = Shop::open(Credit::One);
    let lead = |by, visitor| {
        let mut new = signup(shop.number(), visitor, "u_1");
        new.conversion.event = Event::Lead;
        shop.post(NewConversion { assurance: by, ..new })
    };
    let eve = touched_visitor(&shop.store, EVE, &["main"]).await;
    let page = lead(Assurance::Bound, eve).await;
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    assert_eq!(said(&lead(Assurance::Server, honest).await), "accepted claimed_by_page");
    assert_eq!(shop.stands(&page).await, "duplicate overruled_by_server");
    shop.is_sound().await;
}

#[tokio::test]
async fn what_the_merchant_said_first_is_no_pages_claim() {
    let shop = Shop::open(Credit::One);
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    // By a signature that a page passed on, and by an earlier call.
    let mut vouched = signup(shop.number(), touched_visitor(&shop.store, EVE, &["main"]).await, "u_1");
    let Some(CustomerClaim::Plain(customer)) = vouched.conversion.customer else { panic!("a customer") };
    vouched.conversion.customer = Some(CustomerClaim::Vouched(customer, "jws".into()));
    assert_eq!(said(&shop.post(vouched).await), "accepted");
    assert_eq!(said(&shop.signup(Assurance::Server, honest.clone(), "u_1").await), "duplicate");
    let third = touched_visitor(&shop.store, 3, &["main"]).await;
    assert_eq!(said(&shop.signup(Assurance::Server, third, "u_2").await), "accepted");
    assert_eq!(said(&shop.signup(Assurance::Server, honest, "u_2").await), "duplicate");
    assert_eq!(shop.store.counts().await.unwrap().claimed_by_page, 0);
}

#[tokio::test]
async fn an_operator_moves_no_delivery_of_a_claim_that_was_overruled() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    shop.signup(Assurance::Server, visitor(200), "u_1").await;
    let delivery = shop.delivery(&page, "main").await.id;
    for change in [
        Change::Retry { delivery: delivery.clone(), accept_double: true },
        Change::Drop { delivery, reason: "no more".into() },
    ] {
        assert!(
            matches!(shop.store.change(change, NOW).await, Err(StoreError::Refused(text)) if text.contains("overruled"))
        );
    }
    assert_eq!(said(&shop.server(&SALE).await), "unattributed no_touch");
    shop.is_sound().await;
}

// field-faults row 60
#[tokio::test]
async fn a_pages_signup_waits_for_a_backend_that_can_call_and_no_longer_than_for_its_word() {
    let due_at = async |shop: &Shop, receipt: &Receipt| shop.delivery(receipt, "main").await.due_at.unwrap();
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    assert_eq!(due_at(&shop, &page).await, NOW.to_rfc3339(), "a site without a backend waits for nobody");
    let shop = shop.with_api_key().await;
    let page = shop.claimed(ADAS, &["main"], "u_2").await;
    assert_eq!(due_at(&shop, &page).await, NOW.plus(5 * 60_000).to_rfc3339());
    assert!(shop.delivery(&page, "main").await.reason.unwrap().contains("at most 5m for the site's backend"));
    // The backend names the same visitor.
    assert_eq!(said(&shop.signup(Assurance::Server, visitor(ADAS), "u_2").await), "duplicate");
    let confirmed = shop.delivery(&page, "main").await;
    assert_eq!((confirmed.due_at, confirmed.reason), (Some(NOW.to_rfc3339()), None));
    // Signed customers and the backend's customers do not wait.
    let honest = touched_visitor(&shop.store, 3, &["main"]).await;
    let stated = shop.signup(Assurance::Server, honest, "u_3").await;
    assert_eq!(due_at(&shop, &stated).await, NOW.to_rfc3339());
    shop.is_sound().await;
}

// field-faults row 60
#[tokio::test]
async fn signups_from_says_whose_count() {
    let mut shop = Shop::open(Credit::One);
    let eve = touched_visitor(&shop.store, EVE, &["main"]).await;
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    shop.rules.signups_from = SignupsFrom::Backend;
    let page = shop.signup(Assurance::Bound, eve.clone(), "u_1").await;
    assert_eq!(said(&page), "held signups_from_backend");
    assert_eq!(said(&shop.signup(Assurance::Server, honest.clone(), "u_1").await), "accepted");
    assert_eq!(shop.stands(&page).await, "duplicate closed_by_server");
    shop.rules.signups_from = SignupsFrom::Pages;
    assert_eq!(said(&shop.signup(Assurance::Server, honest.clone(), "u_2").await), "rejected signups_from_pages");
    assert_eq!(said(&shop.server(&Paid { customer: Some("u_2"), ..SALE }).await), "unattributed no_touch");
    assert_eq!(said(&shop.signup(Assurance::Bound, eve, "u_2").await), "accepted", "a page may still claim it");
    assert_eq!(said(&shop.signup(Assurance::Server, honest, "u_2").await), "rejected signups_from_pages");
    assert_eq!(said(&shop.server(&Paid { key: "o2", customer: Some("u_2"), ..SALE }).await), "accepted");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_sale_that_was_told_before_the_backend_named_the_visitor_is_decided_again_unless_it_was_sent() {
    let shop = Shop::open(Credit::One);
    let page = shop.claimed(EVE, &["main"], "u_1").await;
    let sent = shop.server(&Paid { key: "sent", ..SALE }).await;
    let (unsent, own) = (shop.server(&SALE).await, touched_visitor(&shop.store, 3, &["main"]).await);
    let own = shop.pay(Assurance::Server, own, &Paid { key: "own", ..SALE }).await;
    shop.sent(&sent, "main", "recorded", State::Recorded).await;
    let honest = touched_visitor(&shop.store, ADAS, &["other"]).await;
    assert_eq!(said(&shop.signup(Assurance::Server, honest, "u_1").await), "accepted claimed_by_page other");
    assert_eq!(shop.stands(&unsent).await, "held signup_disputed");
    assert_eq!(shop.delivery(&unsent, "main").await.state, "dropped");
    shop.is_sound().await;
    assert!(shop.follows_up().await);
    assert_eq!(shop.stands(&unsent).await, "accepted");
    assert_eq!(shop.delivery(&unsent, "other").await.state, "due");
    // What was sent cannot be undone, and a sale with its own touch never depended on the page.
    assert_eq!((shop.stands(&sent).await.as_str(), shop.stands(&own).await.as_str()), ("accepted", "accepted"));
    assert_eq!(shop.delivery(&page, "main").await.state, "dropped");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_sale_that_goes_to_the_same_program_again_restarts_its_delivery() {
    let shop = Shop::open(Credit::One);
    shop.claimed(EVE, &["main"], "u_1").await;
    let sale = shop.server(&SALE).await;
    let before = shop.delivery(&sale, "main").await;
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    shop.signup(Assurance::Server, honest, "u_1").await;
    assert!(shop.follows_up().await);
    let after = shop.delivery(&sale, "main").await;
    assert_eq!((after.id, after.state.as_str(), after.reason), (before.id, "due", None));
    let touch = shop.detail(&sale).await.decision["considered"][0]["touch"]["id"].clone();
    assert_eq!(touch, id::<TouchId>(u16::from(ADAS) * 10).as_str());
    shop.is_sound().await;
}

#[tokio::test]
async fn a_sale_of_a_customer_whom_nobody_brought_goes_nowhere_once_that_is_known() {
    let shop = Shop::open(Credit::One);
    shop.claimed(EVE, &["main"], "u_1").await;
    let sale = shop.server(&SALE).await;
    assert_eq!(said(&sale), "accepted");
    shop.signup(Assurance::Server, visitor(200), "u_1").await;
    assert!(shop.follows_up().await);
    assert_eq!(shop.stands(&sale).await, "unattributed no_touch");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_key_that_a_backend_stated_is_no_strangers_when_the_vendor_refuses_it() {
    let shop = Shop::open(Credit::One);
    let honest = touched_visitor(&shop.store, ADAS, &["main"]).await;
    let stated = shop.signup(Assurance::Server, honest.clone(), "u_1").await;
    shop.sent(&stated, "main", "rejected", State::Rejected).await;
    let eve = touched_visitor(&shop.store, EVE, &["main"]).await;
    assert_eq!(said(&shop.signup(Assurance::Bound, eve, "u_1").await), "duplicate");
    assert_eq!(said(&shop.server(&SALE).await), "unattributed signup_rejected");
    // The visitor that the backend named may correct it, through a page too.
    assert_eq!(said(&shop.signup(Assurance::Bound, honest, "u_1").await), "accepted");
    assert_eq!(said(&shop.server(&SALE).await), "accepted");
    shop.is_sound().await;
}
