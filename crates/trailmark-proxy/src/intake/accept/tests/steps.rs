//! Follow-up work for thousands of conversions: done in steps of at most fifty, safe across restarts.

use trailmark_wire::money::Money;

use super::*;
use crate::store::FOLLOWERS_AT_ONCE;

const MANY: usize = 2 * FOLLOWERS_AT_ONCE as usize + 20;

/// How many of these are no longer held.
async fn decided(shop: &Shop, receipts: &[Receipt]) -> usize {
    let mut number = 0;
    for receipt in receipts {
        number += usize::from(!shop.stands(receipt).await.starts_with("held"));
    }
    number
}

/// Refunds of 1.00 EUR each, before their sale.
async fn refunds(shop: &Shop) -> Vec<Receipt> {
    let mut refunds = Vec::new();
    for number in 0..MANY {
        let refund = shop.server(&Paid { key: &format!("r{number}"), minor: 100, ..REFUND }).await;
        assert_eq!(said(&refund), "held sale_unknown");
        refunds.push(refund);
    }
    refunds
}

#[tokio::test]
async fn a_sale_decides_fifty_of_its_refunds_at_once_and_owes_the_others() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let refunds = refunds(&shop).await;
    // The sale covers a hundred of the hundred and twenty.
    let sale = shop.server(&Paid { minor: 10_000, ..SALE }).await;
    assert_eq!(said(&sale), "accepted");
    assert_eq!(decided(&shop, &refunds).await, 50);
    // A refund in the meantime is decided against the remaining amount.
    assert_eq!(said(&shop.server(&Paid { key: "late", minor: 5_001, ..REFUND }).await), "rejected refund_above_sale");
    for (number, is_more) in [(100, true), (120, true), (120, false)] {
        assert_eq!(shop.follows_up().await, is_more);
        assert_eq!(decided(&shop, &refunds).await, number);
        shop.is_sound().await;
    }
    for (number, refund) in refunds.iter().enumerate() {
        let end = if number < 100 { "accepted" } else { "rejected refund_above_sale" };
        assert_eq!(shop.stands(refund).await, end, "{number}");
        assert_eq!(shop.detail(refund).await.changes[0].cause.as_ref(), Some(&sale.conversion_id));
    }
}

#[tokio::test]
async fn what_is_owed_is_done_after_a_restart() {
    let mut shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let refunds = refunds(&shop).await;
    shop.server(&Paid { minor: 100_000, ..SALE }).await;
    assert!(shop.follows_up().await);
    let path = shop.folder.path().join("ledger.db");
    shop.store.close().await.unwrap();
    shop.store = Arc::new(SqliteStore::open(&path).unwrap());
    assert_eq!(decided(&shop, &refunds).await, 100);
    while shop.follows_up().await {}
    assert_eq!(decided(&shop, &refunds).await, MANY);
    shop.is_sound().await;
}

#[tokio::test]
async fn a_step_that_cannot_be_written_is_still_owed() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let refunds = refunds(&shop).await;
    shop.server(&Paid { minor: 100_000, ..SALE }).await;
    let full: FollowRule = Arc::new(|_, _| Err(StoreError::Full(Limit::Queue)));
    assert_eq!(shop.store.follow_up(full, NOW).await, Err(StoreError::Full(Limit::Queue)));
    // A conversion that a rule refuses stays held and does not block the ones after it.
    let refusing: FollowRule = Arc::new(|_, _| Err(StoreError::Refused("no such site".into())));
    assert_eq!(shop.store.follow_up(refusing, NOW).await, Ok(true));
    while shop.follows_up().await {}
    assert_eq!(decided(&shop, &refunds).await, MANY - 50);
    shop.is_sound().await;
}

// field-faults row 77
#[tokio::test]
async fn an_operator_releases_a_held_conversion_when_pages_have_filled_the_queue() {
    let mut shop = Shop::open(Credit::One);
    (shop.rules.queue, shop.rules.signups_per_visitor) = (1, 1);
    let page = shop.customer(1, "u_1").await;
    let held = shop.signup(Assurance::Bound, page, "u_2").await;
    assert_eq!(said(&held), "held signups_per_visitor");
    let other = touched_visitor(&shop.store, 2, &["main"]).await;
    assert_eq!(shop.claim(other, "u_3").await, Err(StoreError::Full(Limit::Pages)));
    shop.release(&held).await.unwrap();
    assert_eq!(shop.stands(&held).await, "accepted");
}

#[tokio::test]
async fn what_many_pages_have_held_under_one_key_is_closed_in_steps() {
    let mut shop = Shop::open(Credit::One);
    shop.rules.require_signed_customer = true;
    let mut held = Vec::new();
    for number in 0..MANY {
        let page = touched_visitor(&shop.store, u8::try_from(number % 20).unwrap() + 1, &["main"]).await;
        held.push(shop.signup(Assurance::Bound, page, "u_1").await);
    }
    let stated = shop.signup(Assurance::Server, visitor(1), "u_1").await;
    assert_eq!(said(&stated), "accepted");
    assert_eq!(decided(&shop, &held).await, 50);
    for (number, is_more) in [(100, true), (120, true), (120, false)] {
        assert_eq!(shop.follows_up().await, is_more);
        assert_eq!(decided(&shop, &held).await, number);
    }
    assert_eq!(shop.stands(&held[MANY - 1]).await, "duplicate closed_by_server");
    shop.is_sound().await;
}

#[test]
fn a_ruling_reads_no_more_followers_than_it_decides() {
    let shop = Shop::open(Credit::One);
    let sale = shop.paid(Assurance::Server, visitor(1), &Paid { minor: 100_000, ..SALE });
    let waiting = Held {
        site: sale.site.clone(),
        id: id(1),
        kind: Kind::Refund,
        external_id: Some("r1".into()),
        customer: None,
        money: Some(Money { amount_minor: 1, currency: Currency::new("EUR").unwrap() }),
        occurred_at: NOW,
        is_held: true,
    };
    let consequences = |number: usize| {
        let known = Known { waiting: vec![waiting.clone(); number], ..Known::default() };
        let ruling = shop.rules.rule(&Case::of(&sale, None, None), &known).unwrap();
        let owes = ruling.consequences.iter().filter(|one| matches!(one, Consequence::Owes)).count();
        (ruling.consequences.iter().filter(|one| matches!(one, Consequence::Decides(_))).count(), owes)
    };
    assert_eq!((consequences(3), consequences(50), consequences(51)), ((3, 0), (50, 0), (50, 1)));
}
