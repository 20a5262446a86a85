//! How lists are paged, limited in time and searched.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use std::sync::Arc;

use super::Ground;
use super::samples::*;
use crate::outbox::State;
use crate::store::listing::{Filter, Page};
use crate::store::{NewConversion, Store};
use trailmark_wire::ids::ConversionId;

/// All pages of a list, with `limit` rows each, as the ids of the rows.
async fn pages<T>(
    limit: u32,
    filter: Filter,
    ask: impl AsyncFn(Filter) -> Page<T>,
    id: impl Fn(&T) -> String,
) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = ask(Filter { limit: Some(limit), cursor, ..filter.clone() }).await;
        pages.push(page.iter().map(&id).collect());
        match page.next {
            None => return pages,
            next => cursor = next,
        }
    }
}

/// Five customers of two visitors, received in three milliseconds.
async fn five(store: &Arc<dyn Store>) {
    for number in [1_u8, 2] {
        signed_up(store, number, &["main", "other"]).await;
    }
    for (number, after) in [(3, 1), (4, 1), (5, 2)] {
        let new = signup(number, touched_visitor(store, 3, &["main"]).await, &format!("u_{number}"));
        accepted(store, number, NewConversion { received_at: NOW.plus(after), ..new }).await;
    }
}

// field-faults row 80
pub async fn a_list_goes_on_behind_its_cursor_to_the_end(ground: &impl Ground) {
    let store = ground.open();
    five(&store).await;
    let by_id = |numbers: &[u16]| {
        numbers.iter().map(|number| id::<ConversionId>(1000 + number).to_string()).collect::<Vec<_>>()
    };
    let ask = async |filter: Filter| store.conversions(filter).await.unwrap();
    for limit in [1, 2, 3] {
        let found = pages(limit, Filter::default(), ask, |row| row.id.to_string()).await;
        assert!(found.iter().all(|page| page.len() <= limit as usize && !page.is_empty()), "{found:?}");
        assert_eq!(found.concat(), by_id(&[5, 4, 3, 2, 1]), "{limit}");
    }
    let of_one = Filter { customer: Some("u_4".into()), ..Filter::default() };
    assert_eq!(pages(1, of_one, ask, |row| row.id.to_string()).await, [by_id(&[4])]);
    let touches =
        pages(2, Filter::default(), async |filter| store.touches(filter).await.unwrap(), |row| row.id.to_string());
    let whole = store.touches(Filter::default()).await.unwrap();
    assert_eq!(touches.await.concat(), whole.iter().map(|row| row.id.to_string()).collect::<Vec<_>>());
    let all = Filter { settled: true, ..Filter::default() };
    let ask = async |filter: Filter| store.deliveries(filter).await.unwrap();
    let deliveries = pages(2, all.clone(), ask, |row| row.id.to_string()).await;
    let whole = ask(all).await;
    assert_eq!((whole.len(), whole.next.clone()), (7, None));
    assert_eq!(deliveries.concat(), whole.iter().map(|row| row.id.to_string()).collect::<Vec<_>>());
}

// field-faults row 80
pub async fn a_page_is_not_moved_by_what_comes_meanwhile(ground: &impl Ground) {
    let store = ground.open();
    five(&store).await;
    let first = store.conversions(Filter { limit: Some(2), ..Filter::default() }).await.unwrap();
    let new = signup(6, touched_visitor(&store, 3, &["main"]).await, "u_6");
    accepted(&store, 6, NewConversion { received_at: NOW.plus(9), ..new }).await;
    let rest = store.conversions(Filter { cursor: first.next, ..Filter::default() }).await.unwrap();
    let ids: Vec<_> = rest.iter().map(|row| row.id.clone()).collect();
    assert_eq!(ids, [id(1003), id(1002), id(1001)]);
}

// field-faults row 80
pub async fn a_list_begins_and_ends_where_it_is_told_to(ground: &impl Ground) {
    let store = ground.open();
    five(&store).await;
    let between = |since: i64, until: i64| Filter {
        since: Some(NOW.plus(since)),
        until: Some(NOW.plus(until)),
        ..Filter::default()
    };
    let found = async |filter: Filter| {
        let rows = store.conversions(filter).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(found(between(0, 1)).await, [id(1002), id(1001)]);
    assert_eq!(found(between(1, 2)).await, [id(1004), id(1003)], "the end is not in it");
    assert_eq!(found(Filter { since: Some(NOW.plus(2)), ..Filter::default() }).await, [id(1005)]);
    assert_eq!(found(between(3, 9)).await, []);
    assert_eq!(found(Filter { q: Some("u_4".into()), ..between(0, 1) }).await, []);
    assert_eq!(store.touches(between(-9, 9)).await.unwrap().len(), 5);
    assert_eq!(store.touches(between(5, 9)).await.unwrap().len(), 0);
}

// field-faults rows 57, 80 and 85
pub async fn a_conversion_is_found_by_any_name_that_people_have_for_it(ground: &impl Ground) {
    let store = ground.open();
    five(&store).await;
    let found = async |name: &str| {
        let filter = Filter { q: Some(name.to_owned()), ..Filter::default() };
        let rows = store.conversions(filter).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let page_id = signup(4, visitor(1), "u_4").jti;
    let (own, upper) = (id::<ConversionId>(1004), id::<ConversionId>(1004).as_str().to_uppercase());
    for name in [
        "u_4",
        " u_4 ",
        "u_4@mail.example",
        "U_4@Mail.Example",
        page_id.as_str(),
        own.as_str(),
        &own.as_str()[..18],
        &upper,
    ] {
        assert_eq!(found(name).await, std::slice::from_ref(&own), "{name}");
    }
    assert_eq!(found("ada").await.len(), 5, "by partner");
    for nobody in ["", "u_", "u_4@mail", "%", "grace", "u_4' OR '1'='1", &own.as_str()[..7]] {
        assert_eq!(found(nobody).await, [], "{nobody}");
    }
}

// field-faults row 55
pub async fn a_row_tells_how_its_deliveries_stand(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    sent(&store, 1, "rejected", State::Rejected).await;
    let rows = store.conversions(Filter::default()).await.unwrap();
    let stand: Vec<_> = rows[0].standings.iter().map(|of| (of.program.as_str(), of.state)).collect();
    assert_eq!(stand, [("main", State::Rejected), ("other", State::Due)]);
    assert_eq!(rows[0].page_id, Some(id(2001)));
    let new = signup(2, touched_visitor(&store, 2, &["main"]).await, "u_1");
    accepted(&store, 2, new).await;
    let rows = store.conversions(Filter { state: Some("duplicate".into()), ..Filter::default() }).await.unwrap();
    assert_eq!((rows.len(), rows[0].key_owner.clone()), (1, Some(id(1001))));
}
