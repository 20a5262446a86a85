//! Sums of what partners brought.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use std::sync::Arc;

use trailmark_vendors::commission::Commission;
use trailmark_wire::conversion::{Conversion, Event, Order, OrderClaim};
use trailmark_wire::ids::{ConversionId, OrderKey, PartnerKey};
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::Ground;
use super::samples::*;
use crate::outbox::State;
use crate::store::delivery::Lane;
use crate::store::sums::{CONVERSIONS_AN_ANSWER, Place, SumFilter, SumRow, Sums};
use crate::store::webhooks::{AskClaim, Told};
use crate::store::{NewConversion, Store};

fn euros(amount_minor: i64) -> Money {
    Money { amount_minor, currency: Currency::new("EUR").unwrap() }
}

fn order(key: &str, amount: Money) -> Order {
    let Money { amount_minor, currency } = amount;
    Order { key: OrderKey::new(key).unwrap(), amount_minor, currency, items: Vec::new() }
}

/// A sale or refund of visitor `visitor_number`, received `after_ms` after [`NOW`].
fn report(number: u16, visitor_number: u8, event: Event, after_ms: i64) -> NewConversion {
    let new = signup(number, visitor(visitor_number), "u_1");
    let conversion = Conversion { event, ..new.conversion };
    NewConversion { conversion, content_hash: [2; 32], received_at: NOW.plus(after_ms), ..new }
}

fn sale(number: u16, visitor_number: u8, amount: Money) -> NewConversion {
    let event = Event::Sale(OrderClaim::Plain(order(&format!("o_{number}"), amount)));
    report(number, visitor_number, event, i64::from(number))
}

fn refund(number: u16, visitor_number: u8, amount: Money, of: u16) -> NewConversion {
    let sale = OrderKey::new(format!("o_{of}")).unwrap();
    let event = Event::Refund { refund: order(&format!("r_{number}"), amount), sale };
    report(number, visitor_number, event, i64::from(number))
}

/// A visitor who followed a partner's link.
async fn brought(store: &Arc<dyn Store>, number: u8, partner: &str) {
    let mut touch = touch(u16::from(number) * 10, "main");
    touch.captured.partner = Some(PartnerKey::new(partner).unwrap());
    recorded(store, arrival(number, vec![touch])).await;
}

/// Everything in one answer.
fn all() -> SumFilter {
    SumFilter { most: CONVERSIONS_AN_ANSWER, ..SumFilter::default() }
}

async fn rows(store: &Arc<dyn Store>, filter: SumFilter) -> Vec<SumRow> {
    store.sums(filter).await.unwrap().rows
}

/// A row as `partner currency: sales refunds, recorded, stopped`.
fn line(row: &SumRow) -> String {
    let partner = row.partner.as_deref().unwrap_or("-");
    let SumRow { currency, sales, sales_minor, refunds, refunds_minor, recorded_minor, stopped_minor, .. } = row;
    format!("{partner} {currency}: {sales}={sales_minor} {refunds}={refunds_minor}, {recorded_minor}, {stopped_minor}")
}

pub async fn sales_and_refunds_are_added_up_by_partner_and_currency(ground: &impl Ground) {
    let store = ground.open();
    brought(&store, 1, "ada").await;
    brought(&store, 2, "grace").await;
    accepted(&store, 1, sale(1, 1, euros(1000))).await;
    sent(&store, 1, "recorded", State::Recorded).await;
    accepted(&store, 2, sale(2, 1, euros(500))).await;
    sent(&store, 2, "rejected", State::Rejected).await;
    accepted(&store, 3, refund(3, 1, euros(300), 1)).await;
    sent(&store, 3, "recorded", State::Recorded).await;
    accepted(&store, 4, sale(4, 2, euros(700))).await;
    let yen = Money { amount_minor: 90, currency: Currency::new("JPY").unwrap() };
    accepted(&store, 5, sale(5, 2, yen)).await;
    let lines: Vec<String> = rows(&store, all()).await.iter().map(line).collect();
    assert_eq!(lines, ["ada EUR: 2=1500 1=300, 700, 500", "grace EUR: 1=700 0=0, 0, 0", "grace JPY: 1=90 0=0, 0, 0"]);
    let elsewhere = SumFilter { program: Some(program("other")), ..all() };
    assert_eq!(rows(&store, elsewhere).await, []);
    let elsewhere = SumFilter { site: Some("none".to_owned().try_into().unwrap()), ..all() };
    assert_eq!(rows(&store, elsewhere).await, []);
}

pub async fn what_is_credited_to_nobody_is_added_up_apart_and_duplicates_count_nowhere(ground: &impl Ground) {
    let store = ground.open();
    brought(&store, 1, "ada").await;
    accepted(&store, 1, sale(1, 1, euros(1000))).await;
    let again = NewConversion { jti: id(2500), id: id(2501), ..sale(1, 1, euros(1000)) };
    assert_eq!(accepted(&store, 2, again).await.status, Status::Duplicate);
    assert_eq!(accepted(&store, 3, sale(3, 9, euros(40))).await.status, Status::Unattributed);
    let found = rows(&store, all()).await;
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), ["- EUR: 1=40 0=0, 0, 0", "ada EUR: 1=1000 0=0, 0, 0"]);
    assert_eq!(found[0].program, None);
}

pub async fn only_the_chosen_time_is_added_up(ground: &impl Ground) {
    let store = ground.open();
    brought(&store, 1, "ada").await;
    for number in 1..=4 {
        accepted(&store, number, sale(number, 1, euros(1 << number))).await;
    }
    let sum = async |since: Option<i64>, until: Option<i64>| {
        let filter = SumFilter { since: since.map(|ms| NOW.plus(ms)), until: until.map(|ms| NOW.plus(ms)), ..all() };
        rows(&store, filter).await.iter().map(|row| row.sales_minor).sum::<i128>()
    };
    assert_eq!(sum(None, None).await, 0b11110);
    assert_eq!(sum(Some(2), None).await, 0b11100, "from its first millisecond on");
    assert_eq!(sum(None, Some(3)).await, 0b00110, "its last millisecond is not in it");
    assert_eq!(sum(Some(2), Some(4)).await, 0b01100);
    assert_eq!(sum(Some(4), Some(2)).await, 0);
}

pub async fn answers_of_one_conversion_each_add_up_to_the_whole(ground: &impl Ground) {
    let store = ground.open();
    brought(&store, 1, "ada").await;
    for number in 1..=4 {
        // Two are received in the same millisecond.
        let new = NewConversion { received_at: NOW.plus(i64::from(number / 2)), ..sale(number, 1, euros(1 << number)) };
        accepted(&store, number, new).await;
    }
    let (mut whole, mut questions, mut after) = (0, 0, None);
    loop {
        let Sums { rows, next, conversions, .. } =
            store.sums(SumFilter { after, most: 1, ..SumFilter::default() }).await.unwrap();
        whole += rows.iter().map(|row| row.sales_minor).sum::<i128>();
        questions += 1;
        assert!(conversions <= 1 && questions < 9, "one at most, and an end");
        let Some(next) = next else { break };
        after = Some(Place::try_from(next.as_str()).unwrap());
    }
    assert_eq!(whole, 0b11110);
    let Sums { reaches_back_to, next, conversions, .. } = store.sums(all()).await.unwrap();
    assert_eq!((reaches_back_to, next, conversions), (Some(NOW.to_rfc3339()), None, 4));
    for text in ["", "1", "x_y_z", "1_2_acme", "1_019aa5a0-6f70-7000-8000-000000000001_No Site"] {
        assert!(Place::try_from(text).is_err(), "{text}");
    }
}

pub async fn sums_beyond_64_bits_are_exact(ground: &impl Ground) {
    let store = ground.open();
    brought(&store, 1, "ada").await;
    for number in 1..=3 {
        accepted(&store, number, sale(number, 1, euros(i64::MAX))).await;
    }
    let row = rows(&store, all()).await.remove(0);
    assert_eq!(row.sales_minor, 3 * i128::from(i64::MAX));
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(json["sales_minor"], "27670116110564327421");
    assert_eq!(serde_json::from_value::<SumRow>(json).unwrap(), row);
}

pub async fn a_commission_is_added_up_as_the_vendor_told_it(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    sent(&store, 1, "recorded", State::Recorded).await;
    for (commission, amount, row) in [
        (Commission::Pending, Some(euros(250)), Some([250, 0, 0])),
        (Commission::Approved, Some(euros(200)), Some([0, 200, 0])),
        (Commission::Paid, Some(euros(200)), Some([0, 0, 200])),
        (Commission::Rejected, Some(euros(200)), Some([0, 0, 0])),
        (Commission::Approved, None, None),
    ] {
        let gate = Box::new(|lane: Lane, waiting: u32| (lane, waiting));
        let claim = AskClaim { lane: lane(), most: 1, gate, again_at: UnixMillis(0), due_by: NOW };
        let asking = store.claim_commissions(claim).await.unwrap().remove(0);
        let told =
            Told { standing: Some((commission, None)), amount, said: None, next_at: Some(UnixMillis(0)), now: NOW };
        assert!(store.tell_commission(&asking, told).await.unwrap());
        let found = rows(&store, all()).await;
        let sums = found.first().map(|row| [row.pending_minor, row.approved_minor, row.paid_minor]);
        assert_eq!(sums, row, "{commission:?}");
        let delivery = store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap().deliveries.remove(0);
        assert_eq!(delivery.commission_amount, amount);
    }
}
