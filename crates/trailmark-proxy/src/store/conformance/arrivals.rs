//! What an arrival makes: visitors and touches.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use futures_util::future::join_all;
use trailmark_wire::ids::SiteId;
use trailmark_wire::receipt::Status;

use super::Ground;
use super::samples::*;
use crate::store::operator::Filter;
use crate::store::{Arrival, Budget, NetworkHash, NewTouch, StoreError, TOUCHES_KNOWN};

const HOUR_MS: i64 = 60 * 60 * 1000;

pub async fn a_first_arrival_makes_a_visitor_and_a_touch(ground: &impl Ground) {
    let store = ground.open();
    let first = recorded(&store, arrival(1, vec![clicked(1, "main", "x1")])).await;
    assert_eq!((first.visitor, first.newest.touch.id, first.is_new), (visitor(1), id(1), true));
}

pub async fn a_repeat_by_the_same_cookie_gives_the_same_touch(ground: &impl Ground) {
    let store = ground.open();
    let first = recorded(&store, arrival(1, vec![touch(1, "main")])).await;
    let again =
        Arrival { known_visitor: Some(visitor(1)), fresh_visitor: visitor(2), ..arrival(1, vec![touch(2, "main")]) };
    let again = recorded(&store, again).await;
    assert_eq!((again.visitor, again.newest, again.is_new), (first.visitor, first.newest, false));
}

pub async fn a_repeat_by_the_same_browser_key_gives_the_same_visitor(ground: &impl Ground) {
    let store = ground.open();
    let with_key = |number, touch| Arrival {
        jkt: Some(browser_key(7)),
        fresh_visitor: visitor(number),
        ..arrival(1, vec![touch])
    };
    let first = recorded(&store, with_key(1, touch(1, "main"))).await;
    let again = recorded(&store, with_key(2, touch(2, "main"))).await;
    assert_eq!((again.visitor, again.newest, again.is_new), (first.visitor, first.newest, false));
    // field-faults row 72: arrival id and public key are sent in the open.
    assert_eq!((first.is_proved, again.is_proved), (true, false));
}

// field-faults row 72
pub async fn whoever_knows_an_arrival_and_its_public_key_adds_nothing_to_its_visitor(ground: &impl Ground) {
    let store = ground.open();
    let keyed = |touch| Arrival { jkt: Some(browser_key(7)), ..arrival(1, vec![touch]) };
    recorded(&store, keyed(touch(1, "main"))).await;
    let stranger = Arrival { fresh_visitor: visitor(2), at: NOW, ..keyed(touch(2, "other")) };
    let stranger = recorded(&store, stranger).await;
    assert_eq!((stranger.visitor, stranger.is_proved), (visitor(2), true), "a new visitor with a touch of their own");
    assert_eq!(store.live_touch(site(), visitor(1), NOW).await.unwrap().unwrap().touch.id, id(1));
}

pub async fn a_key_that_came_with_a_repeat_by_cookie_is_known_from_then_on(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![touch(1, "main")])).await;
    let keyed = Arrival { jkt: Some(browser_key(7)), ..arrival(1, vec![touch(2, "main")]) };
    recorded(&store, Arrival { known_visitor: Some(visitor(1)), ..keyed.clone() }).await;
    let by_key = recorded(&store, Arrival { fresh_visitor: visitor(2), ..keyed }).await;
    assert_eq!((by_key.visitor, by_key.is_new), (visitor(1), false));
}

pub async fn a_stranger_with_the_same_arrival_id_is_a_new_visitor(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![touch(1, "main")])).await;
    let stranger = Arrival { fresh_visitor: visitor(2), ..arrival(1, vec![touch(2, "main")]) };
    let stranger = recorded(&store, stranger).await;
    assert_eq!((stranger.visitor, stranger.newest.touch.id, stranger.is_new), (visitor(2), id(2), true));
}

pub async fn a_stranger_with_another_key_is_a_new_visitor(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, Arrival { jkt: Some(browser_key(7)), ..arrival(1, vec![touch(1, "main")]) }).await;
    let stranger =
        Arrival { jkt: Some(browser_key(8)), fresh_visitor: visitor(2), ..arrival(1, vec![touch(2, "main")]) };
    assert_eq!(recorded(&store, stranger).await.visitor, visitor(2));
}

pub async fn the_same_click_of_the_same_visitor_is_the_same_touch(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![clicked(1, "main", "x1")])).await;
    let back = Arrival { known_visitor: Some(visitor(1)), ..arrival(2, vec![clicked(2, "main", "x1")]) };
    let back = recorded(&store, back).await;
    assert_eq!((back.newest.touch.id, back.is_new), (id(1), false));
    let other = Arrival { known_visitor: Some(visitor(1)), ..arrival(3, vec![clicked(3, "main", "X1")]) };
    assert!(recorded(&store, other).await.is_new, "click ids differ in case");
}

pub async fn the_same_click_of_another_visitor_is_another_touch(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![clicked(1, "main", "x1")])).await;
    let other = recorded(&store, arrival(2, vec![clicked(2, "main", "x1")])).await;
    assert_eq!((other.visitor, other.newest.touch.id, other.is_new), (visitor(2), id(2), true));
}

pub async fn the_same_partner_without_a_click_is_a_new_touch_at_a_new_arrival(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![touch(1, "main")])).await;
    let back = Arrival { known_visitor: Some(visitor(1)), ..arrival(2, vec![touch(2, "main")]) };
    let back = recorded(&store, back).await;
    assert_eq!((back.newest.touch.id, back.is_new), (id(2), true));
}

// field-faults row 28
pub async fn a_reload_makes_no_second_touch_of_what_the_visitor_has_and_every_touch_that_is_new(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![touch(1, "main")])).await;
    recorded(&store, Arrival { known_visitor: Some(visitor(1)), ..arrival(2, vec![clicked(2, "main", "x1")]) }).await;
    let again = |number, touch| Arrival { again: true, ..arrival(number, vec![touch]) };
    let known = |arrival| Arrival { known_visitor: Some(visitor(1)), ..arrival };
    let is_new = async |arrival| recorded(&store, arrival).await.is_new;
    assert!(!is_new(known(again(3, touch(3, "main")))).await, "told under another arrival");
    assert!(!is_new(known(again(4, clicked(4, "main", "x1")))).await);
    assert!(is_new(known(again(5, clicked(5, "main", "x2")))).await, "another click of the same partner");
    assert!(is_new(known(again(6, touch(6, "other")))).await, "another program");
    assert!(is_new(again(7, touch(7, "main"))).await, "another visitor");
    let over = Arrival { now: NOW.plus(91 * DAY_MS), at: NOW.plus(91 * DAY_MS), ..known(again(8, touch(8, "main"))) };
    let over = Arrival {
        touches: over
            .touches
            .iter()
            .map(|touch| NewTouch { expires_at: NOW.plus(181 * DAY_MS), ..touch.clone() })
            .collect(),
        ..over
    };
    assert!(is_new(over).await, "the one from before is over");
}

pub async fn a_vendors_cookie_counts_only_where_the_program_has_no_touch(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![touch(1, "main")])).await;
    let later =
        |number, touches| Arrival { known_visitor: Some(visitor(1)), now: NOW.plus(1000), ..arrival(number, touches) };
    let held = recorded(&store, later(2, vec![by_cookie(clicked(2, "main", "x2"))])).await;
    assert_eq!((held.newest.touch.id, held.is_new), (id(1), false));
    let free = recorded(&store, later(3, vec![by_cookie(clicked(3, "other", "x3"))])).await;
    assert_eq!((free.newest.touch.id, free.is_new), (id(3), true));
    // A vendor's cookie that lasts for months must not reopen an ended window.
    let closed = Arrival { now: NOW.plus(91 * DAY_MS), ..later(4, vec![by_cookie(clicked(4, "main", "x4"))]) };
    assert_eq!(store.record_arrival(closed).await.unwrap(), None);
}

// field-faults § 2
pub async fn a_touch_that_is_never_credited_stands_in_no_ones_way(ground: &impl Ground) {
    let store = ground.open();
    assert_eq!(store.record_arrival(arrival(1, vec![unusable(1, "main")])).await, Ok(None), "it gives nobody a cookie");
    let known = |number, touches| Arrival { known_visitor: Some(visitor(1)), ..arrival(number, touches) };
    let cookie = recorded(&store, known(2, vec![by_cookie(touch(2, "main"))])).await;
    assert_eq!((cookie.newest.touch.id, cookie.is_new), (id(2), true));
    let later = Arrival { at: NOW.plus(1), ..known(3, vec![unusable(3, "main")]) };
    let later = recorded(&store, later).await;
    assert_eq!(
        (later.newest.touch.id, later.is_new),
        (id(2), true),
        "it is recorded, and the earlier one stays the newest"
    );
    let rows = store.touches(Filter::default()).await.unwrap();
    let reasons: Vec<_> = rows.iter().filter_map(|row| Some((row.id.clone(), row.unusable?))).collect();
    assert_eq!(reasons.len(), 2, "{rows:?}");
}

pub async fn touches_that_are_never_credited_push_no_other_out_of_a_decision(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![touch(1, "main")])).await;
    for number in 2..=u8::try_from(TOUCHES_KNOWN).unwrap() + 2 {
        let known =
            Arrival { known_visitor: Some(visitor(1)), ..arrival(number, vec![unusable(number.into(), "main")]) };
        recorded(&store, Arrival { at: NOW.plus(number.into()), ..known }).await;
    }
    let receipt = accepted(&store, 1, signup(1, visitor(1), "u_1")).await;
    assert_eq!((receipt.status, receipt.attribution.len()), (Status::Accepted, 1));
}

pub async fn one_arrival_may_touch_several_programs(ground: &impl Ground) {
    let store = ground.open();
    let both = recorded(&store, arrival(1, vec![touch(1, "main"), touch(2, "other")])).await;
    assert_eq!((both.newest.touch.id, both.is_new), (id(2), true));
    let third = Arrival {
        known_visitor: Some(visitor(1)),
        ..arrival(1, vec![touch(3, "main"), touch(4, "other"), touch(5, "third")])
    };
    let third = recorded(&store, third).await;
    assert_eq!((third.newest.touch.id, third.is_new), (id(5), true));
    assert_eq!(touches_of(&store, site()).await, 3);
}

pub async fn nothing_is_written_where_nothing_counts(ground: &impl Ground) {
    let store = ground.open();
    assert_eq!(store.record_arrival(arrival(1, Vec::new())).await.unwrap(), None);
    let mut over = touch(1, "main");
    over.expires_at = NOW;
    assert_eq!(store.record_arrival(arrival(1, vec![over])).await.unwrap(), None);
    assert_eq!(touches_of(&store, site()).await, 0);
    let known = Arrival { known_visitor: Some(visitor(9)), ..arrival(2, Vec::new()) };
    assert_eq!(store.record_arrival(known).await.unwrap(), None);
}

pub async fn the_newest_live_touch_is_the_latest_whose_window_is_open(ground: &impl Ground) {
    let store = ground.open();
    let mut short = touch(1, "main");
    short.expires_at = NOW.plus(DAY_MS);
    recorded(&store, arrival(1, vec![short])).await;
    let earlier =
        Arrival { known_visitor: Some(visitor(1)), at: NOW.plus(-1000), ..arrival(2, vec![touch(2, "main")]) };
    recorded(&store, earlier).await;
    let live = |now| {
        let store = &store;
        async move { store.live_touch(site(), visitor(1), now).await.unwrap().map(|stored| stored.touch.id) }
    };
    assert_eq!(live(NOW).await, Some(id(1)));
    assert_eq!(live(NOW.plus(DAY_MS)).await, Some(id(2)));
    assert_eq!(live(NOW.plus(90 * DAY_MS)).await, None);
    assert_eq!(store.live_touch(site(), visitor(2), NOW).await.unwrap(), None);
}

pub async fn a_touch_is_read_back_as_it_was_captured(ground: &impl Ground) {
    let store = ground.open();
    let mut new = clicked(1, "main", "pé-Ab_9");
    new.captured.raw_partner = Some("YWRh".into());
    new.captured.twins_differ = true;
    let stored = recorded(&store, arrival(1, vec![new.clone()])).await.newest;
    assert_eq!(stored.captured, new.captured);
    assert_eq!((stored.touch.at, stored.touch.expires_at), (NOW, new.expires_at));
    assert_eq!(stored.touch.partner, new.captured.partner);
    assert_eq!(stored.landing_url, "https://acme.example/pricing?ps_xid=x");
    assert_eq!(store.live_touch(site(), visitor(1), NOW).await.unwrap(), Some(stored));
}

pub async fn a_spent_budget_refuses_what_is_new_and_nothing_else(ground: &impl Ground) {
    let store = ground.open();
    let at = |after_s: i64, number: u8, touches: Vec<NewTouch>| {
        let now = NOW.plus(after_s * 1000);
        Arrival { now, budget: Budget { since: now.plus(-HOUR_MS), ..budget(3) }, ..arrival(number, touches) }
    };
    for number in [1, 2] {
        recorded(&store, at(0, number, vec![touch(number.into(), "main")])).await;
    }
    // All touches of an arrival, or none.
    let two = at(500, 3, vec![touch(3, "main"), touch(4, "other")]);
    assert_eq!(store.record_arrival(two.clone()).await, Err(StoreError::OverBudget));
    recorded(&store, at(500, 5, vec![touch(5, "main")])).await;
    assert_eq!(store.record_arrival(two).await, Err(StoreError::OverBudget));
    let again = Arrival { known_visitor: Some(visitor(1)), ..at(500, 1, vec![touch(6, "main")]) };
    assert!(!recorded(&store, again).await.is_new, "a repeat needs no room");
    assert_eq!(touches_of(&store, site()).await, 3);
    // The budget slides; and writes made while the clock was ahead block nobody.
    assert!(recorded(&store, at(3600, 7, vec![touch(7, "main"), touch(8, "other")])).await.is_new);
    assert!(recorded(&store, at(-86_400, 9, vec![touch(9, "main")])).await.is_new);
}

// field-faults row 73
pub async fn one_network_cannot_take_the_whole_budget_of_a_site(ground: &impl Ground) {
    let store = ground.open();
    let from = |network: u8, number: u8| {
        let budget = Budget { most_of_network: 2, network: NetworkHash([network; 8]), ..budget(5) };
        Arrival { budget, ..arrival(number, vec![touch(number.into(), "main")]) }
    };
    for number in [1, 2] {
        recorded(&store, from(1, number)).await;
    }
    assert_eq!(store.record_arrival(from(1, 3)).await, Err(StoreError::OverBudget));
    // Other networks go on, up to the site's budget.
    for number in [4, 5] {
        recorded(&store, from(2, number)).await;
    }
    recorded(&store, from(3, 6)).await;
    assert_eq!(store.record_arrival(from(4, 7)).await, Err(StoreError::OverBudget));
    assert_eq!(touches_of(&store, site()).await, 5);
}

pub async fn of_many_arrivals_at_once_no_more_are_recorded_than_the_budget_allows(ground: &impl Ground) {
    let store = ground.open();
    let many =
        (1..=40).map(|number| Arrival { budget: budget(5), ..arrival(number, vec![touch(number.into(), "main")]) });
    let all = join_all(many.map(|arrival| store.record_arrival(arrival))).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 5);
    assert_eq!(touches_of(&store, site()).await, 5);
}

pub async fn sites_do_not_see_each_other(ground: &impl Ground) {
    let store = ground.open();
    let other = SiteId::new("other").unwrap();
    recorded(&store, arrival(1, vec![clicked(1, "main", "x1")])).await;
    let same = Arrival { site: other.clone(), ..arrival(1, vec![clicked(1, "main", "x1")]) };
    assert!(recorded(&store, same).await.is_new, "even ids are a site's own");
    assert_eq!(store.live_touch(other.clone(), visitor(2), NOW).await.unwrap(), None);
    assert_eq!(touches_of(&store, other).await, 1);
}
