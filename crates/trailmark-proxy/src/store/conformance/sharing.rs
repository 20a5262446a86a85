//! Lanes that several programs share because they have one account at the vendor.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use super::Ground;
use super::samples::*;
use crate::outbox::Progress;
use crate::store::delivery::{Lane, LaneKey, Pause, Settlement};

fn other() -> LaneKey {
    LaneKey { site: site(), program: program("other") }
}

fn paused(credential: &str) -> Pause {
    Pause { credential: credential.into(), reason: "it is refused".into(), since: NOW, probe_at: NOW.plus(9) }
}

pub async fn a_shared_lane_leases_the_longest_due_of_all_its_programs_at_one_pace(ground: &impl Ground) {
    let store = ground.open();
    for number in [1, 2] {
        signed_up(&store, number, &["main", "other"]).await;
    }
    store.share_lane(lane(), vec![lane(), other()]).await.unwrap();
    store.share_lane(lane(), vec![lane(), other()]).await.unwrap();
    let spend = |lane: Lane, wanted: u32| (Lane { spent_milli: lane.spent_milli + 1000, ..lane }, wanted);
    let mut asked = claim(other(), 1, 3, NOW);
    asked.gate = Box::new(spend);
    let leased = store.lease(asked).await.unwrap();
    let mut programs: Vec<_> = leased.iter().map(|leased| leased.lane.program.as_str()).collect();
    programs.sort_unstable();
    programs.dedup();
    assert_eq!((leased.len(), programs), (3, vec!["main", "other"]));
    assert_eq!(store.expired(lane(), NOW.plus(60_000), 9).await.unwrap().len(), 3);
    let glances = [store.glance(lane()).await.unwrap(), store.glance(other()).await.unwrap()];
    assert_eq!(glances[0], glances[1], "either program names the lane");
    assert_eq!((glances[0].lane.spent_milli, glances[0].next_due), (1000, Some(NOW)));
}

pub async fn a_lane_that_is_joined_stays_closed_for_what_closed_one_of_them(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    let (pause, until) = (paused("tracking_token"), NOW.plus(60_000));
    let main = Lane { failures: 2, pauses: vec![paused("private_key")], ..Lane::default() };
    let its_own = Lane { throttled_until: Some(until), pauses: vec![pause.clone()], ..Lane::default() };
    store.change_lane(lane(), Box::new(|_| main)).await.unwrap();
    store.change_lane(other(), Box::new(|_| its_own)).await.unwrap();
    store.share_lane(lane(), vec![lane(), other()]).await.unwrap();
    let joined = store.glance(other()).await.unwrap().lane;
    assert_eq!((joined.throttled_until, joined.failures), (Some(until), 2));
    assert_eq!(joined.pauses.len(), 2, "{joined:?}");
    let rows = store.lanes(NOW).await.unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| (row.program.as_str(), row.shares.as_deref(), row.state.as_str())).collect();
    assert_eq!(told, [("main", None, "paused"), ("other", Some("acme/main"), "paused")]);
    assert_eq!(rows.iter().map(|row| row.waiting).collect::<Vec<_>>(), [1, 1], "each program's own");
}

pub async fn a_program_that_leaves_a_lane_takes_no_wait_with_it(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    store.share_lane(lane(), vec![lane(), other()]).await.unwrap();
    store.change_lane(lane(), Box::new(|lane| Lane { pauses: vec![paused("private_key")], ..lane })).await.unwrap();
    for held in store.lease(claim(lane(), 1, 2, NOW)).await.unwrap() {
        let progress = Progress { paused_by: Some("private_key".into()), ..held.progress.clone() };
        store.settle(&held, Settlement { progress, attempt: None, lane: None }).await.unwrap();
    }
    assert_eq!(store.health().await.unwrap().violations, [""; 0], "both wait for a pause of the lane they share");
    assert_eq!(store.lease(claim(lane(), 3, 2, NOW)).await.unwrap(), []);
    store.share_lane(lane(), vec![lane()]).await.unwrap();
    store.share_lane(other(), vec![other()]).await.unwrap();
    assert_eq!(store.health().await.unwrap().violations, [""; 0]);
    assert_eq!(store.lease(claim(lane(), 5, 2, NOW)).await.unwrap(), [], "the pause stays with its lane");
    assert_eq!(store.lease(claim(other(), 7, 2, NOW)).await.unwrap().len(), 1);
    // The first program of the file is another one now: the lane moves to it.
    store.share_lane(other(), vec![other(), lane()]).await.unwrap();
    let moved = store.glance(lane()).await.unwrap().lane;
    assert_eq!(moved.pauses, [paused("private_key")]);
    store.change_lane(lane(), Box::new(|lane| Lane { pauses: Vec::new(), ..lane })).await.unwrap();
    assert_eq!(store.lease(claim(other(), 9, 2, NOW)).await.unwrap().len(), 1, "either name resumes all of them");
}
