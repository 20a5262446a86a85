//! The outbox's machine by its rules: each outcome's consequence, and what must hold whatever the vendor says.

use proptest::prelude::*;
use trailmark_proxy::outbox::machine::{
    MOST_ATTEMPTS, MOST_ROUNDS, Moment, SCHEDULE_MS, after_crash, after_look_up, after_send, forbidden, without_look_up,
};
use trailmark_proxy::outbox::manual::{Past, dropped, replayed, resolved};
use trailmark_proxy::outbox::{Doubt, Progress, Purpose, State};
use trailmark_vendors::capability::Class;
use trailmark_vendors::outcome::{LookUp, Outcome, Probe};
use trailmark_wire::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const MINUTE: i64 = 60_000;
const SETTLING: i64 = 15 * MINUTE;
const CLASSES: [Class; 5] = [Class::Keyed, Class::Neither, Class::Searchable, Class::UniqueKey, Class::Upsert];

fn at(now: UnixMillis) -> Moment {
    Moment { now, jitter: u32::MAX, settling_ms: SETTLING }
}

/// A delivery whose first send is under way.
fn sending() -> Progress {
    Progress { attempts: 1, ..Progress::new(NOW) }
}

fn message() -> String {
    "the vendor's words".into()
}

fn unknown() -> Outcome {
    Outcome::Unknown { message: message() }
}

fn send(class: Class, outcome: Outcome) -> Progress {
    after_send(sending(), class, &outcome, at(NOW))
}

#[test]
fn a_rejection_is_a_dead_letter_with_the_vendors_message() {
    let next = send(Class::Searchable, Outcome::Rejected { message: message() });
    assert_eq!((next.state, next.reason, next.due_at), (State::Rejected, Some(message()), None));
    assert!(next.state.is_dead_letter());
}

#[test]
fn the_next_try_is_the_later_of_backoff_and_hint_and_a_hint_is_believed_for_a_day() {
    let retry = |not_before| send(Class::Keyed, Outcome::Retry { message: message(), not_before }).due_at;
    assert_eq!(retry(None), Some(NOW.plus(SCHEDULE_MS[0] - 1)));
    assert_eq!(retry(Some(NOW.plus(1))), Some(NOW.plus(SCHEDULE_MS[0] - 1)));
    assert_eq!(retry(Some(NOW.plus(60 * MINUTE))), Some(NOW.plus(60 * MINUTE)));
    assert_eq!(retry(Some(NOW.plus(i64::MAX))), Some(NOW.plus(24 * 60 * MINUTE)));
}

#[test]
fn the_schedule_reaches_day_seven_on_average() {
    let days = SCHEDULE_MS.iter().sum::<i64>() as f64 / 2.0 / (24.0 * 60.0 * MINUTE as f64);
    assert!((6.5..7.5).contains(&days), "{days}");
}

#[test]
fn throttling_and_a_refused_credential_consume_no_attempt() {
    let throttled = send(Class::Searchable, Outcome::Throttled { until: Some(NOW.plus(60 * MINUTE)) });
    assert_eq!((throttled.state, throttled.attempts), (State::Due, 0));
    assert_eq!(throttled.due_at, Some(NOW), "its lane waits, and may be opened before");
    let refused = send(Class::Searchable, Outcome::AuthFailed { message: message() });
    assert_eq!((refused.state, refused.attempts, refused.due_at), (State::Due, 0, Some(NOW)));
}

#[test]
fn a_403_is_judged_by_a_probe_of_the_credential() {
    assert_eq!(forbidden(message(), Probe::Good), Outcome::Rejected { message: message() });
    assert_eq!(forbidden(message(), Probe::Refused), Outcome::AuthFailed { message: message() });
    assert_eq!(forbidden(message(), Probe::Unclear), Outcome::Retry { message: message(), not_before: None });
}

#[test]
fn an_unknown_outcome_is_sent_again_only_where_the_class_allows_it() {
    for class in CLASSES {
        let next = send(class, unknown());
        let due = match class {
            Class::Keyed | Class::UniqueKey | Class::Upsert => (State::Due, Some(NOW.plus(SCHEDULE_MS[0] - 1))),
            Class::Searchable => (State::Uncertain, Some(NOW.plus(SETTLING))),
            Class::Neither => (State::Uncertain, None),
        };
        assert_eq!((next.state, next.due_at), due, "{class:?}");
    }
}

#[test]
fn a_unique_key_whose_last_send_is_unknown_is_looked_up_before_it_is_given_up() {
    let last = Progress { attempts: MOST_ATTEMPTS, ..Progress::new(NOW) };
    let next = after_send(last, Class::UniqueKey, &unknown(), at(NOW));
    assert_eq!((next.state, next.purpose()), (State::Uncertain, Some(Purpose::LookUp)));
    let next = after_look_up(next, &LookUp::Absent, NOW.plus(SETTLING), at(NOW.plus(SETTLING)));
    assert_eq!(next.state, State::Dead);
}

#[test]
fn a_look_up_before_the_settling_time_never_means_absent() {
    let uncertain = send(Class::Searchable, unknown());
    let settles_at = NOW.plus(SETTLING);
    // Asked too early and answered after the settling time: it still shows what was there when it was asked.
    let early = after_look_up(uncertain.clone(), &LookUp::Absent, settles_at.plus(-1), at(settles_at.plus(5)));
    assert_eq!((early.state, early.due_at), (State::Uncertain, Some(settles_at)));
    let settled = after_look_up(uncertain, &LookUp::Absent, settles_at, at(settles_at));
    assert_eq!((settled.state, settled.purpose()), (State::Due, Some(Purpose::Send)));
}

#[test]
fn what_a_look_up_finds_settles_the_doubt() {
    for outcome in [unknown(), Outcome::Unverified, Outcome::Duplicate { message: message() }] {
        let doubted = send(Class::Searchable, outcome);
        let found = LookUp::Found { reference: Some("cus_1".into()) };
        let next = after_look_up(doubted.clone(), &found, NOW, at(NOW));
        assert_eq!((next.state, next.reference.as_deref()), (State::Recorded, Some("cus_1")));
        let differs = LookUp::Differs { message: message() };
        assert_eq!(after_look_up(doubted, &differs, NOW, at(NOW)).state, State::Conflict);
    }
}

#[test]
fn already_exists_counts_only_when_a_look_up_shows_it_as_ours() {
    let duplicate = send(Class::UniqueKey, Outcome::Duplicate { message: message() });
    assert_eq!((duplicate.state, duplicate.doubt), (State::Unverified, Some(Doubt::Duplicate)));
    assert_eq!(duplicate.due_at, Some(NOW), "what exists can be asked for at once");
    let early = after_look_up(duplicate.clone(), &LookUp::Absent, NOW, at(NOW));
    assert_eq!(early.due_at, Some(NOW.plus(SETTLING)));
    let late = after_look_up(early, &LookUp::Absent, NOW.plus(SETTLING), at(NOW.plus(SETTLING)));
    assert_eq!(late.state, State::Conflict);
    assert_eq!(without_look_up(duplicate).state, State::Conflict);
    assert_eq!(send(Class::Neither, Outcome::Duplicate { message: message() }).state, State::Conflict);
}

#[test]
fn what_is_accepted_and_never_appears_ends_ignored() {
    let mut now = NOW;
    let mut progress = sending();
    for round in 1..=MOST_ROUNDS {
        progress = after_send(progress, Class::Searchable, &Outcome::Unverified, at(now));
        assert_eq!((progress.state, progress.due_at), (State::Unverified, Some(now.plus(SETTLING))));
        now = now.plus(SETTLING);
        progress = after_look_up(progress, &LookUp::Absent, now, at(now));
        assert_eq!(progress.rounds, round);
        progress.attempts += 1;
    }
    assert_eq!(progress.state, State::Ignored);
    assert!(progress.reason.unwrap_or_default().contains("accepted 3 times"));
}

#[test]
fn a_look_up_without_a_clear_answer_is_asked_again_until_an_operator_must() {
    let unclear = LookUp::Inconclusive { message: message(), not_before: None };
    let mut progress = send(Class::Searchable, unknown());
    for wait in SCHEDULE_MS {
        progress = after_look_up(progress, &unclear, NOW, at(NOW));
        assert_eq!((progress.state, progress.due_at), (State::Uncertain, Some(NOW.plus(wait - 1))));
    }
    let hinted = LookUp::Inconclusive { message: message(), not_before: Some(NOW.plus(MINUTE)) };
    assert_eq!(after_look_up(progress.clone(), &hinted, NOW, at(NOW)), progress, "its lane waits for that");
    progress = after_look_up(progress, &unclear, NOW, at(NOW));
    assert_eq!((progress.state, progress.due_at), (State::Uncertain, None));
}

#[test]
fn a_crash_before_the_attempt_changes_nothing_and_after_it_leaves_the_outcome_unknown() {
    assert_eq!(after_crash(Progress::new(NOW), None, at(NOW)), Progress::new(NOW));
    let uncertain = send(Class::Searchable, unknown());
    assert_eq!(after_crash(uncertain.clone(), Some((Purpose::LookUp, None)), at(NOW)), uncertain);
    for class in CLASSES {
        let next = after_crash(sending(), Some((Purpose::Send, Some(class))), at(NOW));
        let same = send(class, unknown());
        assert_eq!((next.state, next.due_at, next.doubt), (same.state, same.due_at, same.doubt), "{class:?}");
    }
    let unnamed = after_crash(sending(), Some((Purpose::Send, None)), at(NOW));
    assert_eq!((unnamed.state, unnamed.due_at), (State::Uncertain, None));
}

#[test]
fn a_replay_after_an_unknown_attempt_starts_with_a_look_up_or_needs_consent() {
    let dead = Progress { state: State::Dead, due_at: None, attempts: 9, ..Progress::new(NOW) };
    let replay = |past, accept| replayed(dead.clone(), past, accept, NOW);
    let fresh = replay(Past::Clear, false).unwrap();
    assert_eq!((fresh.purpose(), fresh.attempts), (Some(Purpose::Send), 0));
    let searched = replay(Past::Unsure(Some(Class::Searchable)), false).unwrap();
    assert_eq!((searched.purpose(), searched.doubt), (Some(Purpose::LookUp), Some(Doubt::Unknown)));
    assert_eq!(replay(Past::Unsure(Some(Class::Keyed)), false).unwrap().purpose(), Some(Purpose::Send));
    assert!(replay(Past::Unsure(Some(Class::Neither)), false).unwrap_err().0.contains("--accept-double"));
    assert_eq!(replay(Past::Unsure(Some(Class::Neither)), true).unwrap().purpose(), Some(Purpose::Send));
    let recorded = Progress { state: State::Recorded, due_at: None, ..dead.clone() };
    assert!(replayed(recorded, Past::Clear, true, NOW).is_err(), "the vendor has it");
}

#[test]
fn operators_settle_what_is_open_and_nothing_else() {
    let uncertain = send(Class::Neither, unknown());
    assert_eq!(resolved(uncertain.clone(), true, message()).unwrap().state, State::Recorded);
    assert_eq!(resolved(uncertain.clone(), false, message()).unwrap().state, State::Rejected);
    assert_eq!(dropped(uncertain, message()).unwrap().state, State::Dropped);
    let recorded = send(Class::Neither, Outcome::Recorded { reference: None });
    assert!(resolved(recorded.clone(), false, message()).is_err());
    assert!(dropped(recorded, message()).is_err());
    assert!(resolved(Progress::new(NOW), true, message()).is_err());
}

/// What the world does next.
#[derive(Debug, Clone)]
struct Event {
    outcome: Outcome,
    found: LookUp,
    crashes: bool,
    jitter: u32,
    /// Between the due time and the step.
    late_ms: i64,
    /// Between asking and answer.
    takes_ms: i64,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let hint = || prop::option::of((0_i64..100_000_000).prop_map(|ms| NOW.plus(ms)));
    prop_oneof![
        4 => Just(unknown()),
        3 => Just(Outcome::Unverified),
        3 => hint().prop_map(|not_before| Outcome::Retry { message: message(), not_before }),
        2 => hint().prop_map(|until| Outcome::Throttled { until }),
        1 => Just(Outcome::AuthFailed { message: message() }),
        1 => Just(Outcome::Duplicate { message: message() }),
        1 => Just(Outcome::Forbidden { message: message() }),
        1 => Just(Outcome::Premature { message: message() }),
        1 => prop_oneof![
            Just(Outcome::Conflict { message: message() }),
            Just(Outcome::Ignored { message: message() }),
            Just(Outcome::Recorded { reference: None }),
            Just(Outcome::Rejected { message: message() }),
        ],
    ]
}

fn findings() -> impl Strategy<Value = LookUp> {
    prop_oneof![
        6 => Just(LookUp::Absent),
        2 => Just(LookUp::Inconclusive { message: message(), not_before: None }),
        1 => Just(LookUp::AuthFailed),
        1 => Just(LookUp::Differs { message: message() }),
        1 => Just(LookUp::Found { reference: None }),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (outcomes(), findings(), prop::bool::weighted(0.1), any::<u32>(), 0..SETTLING, 0..2 * SETTLING);
    let event = event.prop_map(|(outcome, found, crashes, jitter, late_ms, takes_ms)| Event {
        outcome,
        found,
        crashes,
        jitter,
        late_ms,
        takes_ms,
    });
    prop::collection::vec(event, 1..120)
}

proptest! {
    /// The invariant of the product, over whatever a vendor may say: where one effect cannot be told from two, nothing is
    /// sent after an unknown outcome until a look-up, asked after the settling time, has said "absent".
    #[test]
    fn an_unknown_send_is_never_repeated_before_a_settled_look_up_says_absent(
        class in prop::sample::select(&CLASSES[..]),
        events in events(),
    ) {
        let mut progress = Progress::new(NOW);
        let mut now = NOW;
        let mut open_since: Option<UnixMillis> = None;
        let mut sends = 0;
        for event in events {
            let Some(purpose) = progress.purpose() else { break };
            now = progress.due_at.unwrap_or(now).max(now).plus(event.late_ms);
            let asked_at = now;
            now = now.plus(event.takes_ms);
            let moment = Moment { now, jitter: event.jitter, settling_ms: SETTLING };
            match purpose {
                Purpose::Send => {
                    prop_assert_eq!(open_since, None, "sent while an outcome was open");
                    progress.attempts += 1;
                    sends += 1;
                    prop_assert!(progress.attempts <= MOST_ATTEMPTS);
                    let outcome = if event.crashes { unknown() } else { event.outcome };
                    let open = matches!(outcome, Outcome::Unverified | Outcome::Duplicate { .. })
                        || (outcome == unknown() && !class.resends_blind());
                    open_since = open.then_some(now);
                    progress = if event.crashes {
                        after_crash(progress, Some((Purpose::Send, Some(class))), moment)
                    } else {
                        after_send(progress, class, &outcome, moment)
                    };
                }
                Purpose::LookUp if event.crashes => {
                    progress = after_crash(progress, Some((Purpose::LookUp, None)), moment);
                }
                Purpose::LookUp => {
                    let settled = open_since.is_none_or(|since| asked_at >= since.plus(SETTLING));
                    if settled && event.found == LookUp::Absent {
                        open_since = None;
                    }
                    progress = after_look_up(progress, &event.found, asked_at, moment);
                }
            }
            prop_assert_eq!(progress.due_at.is_some() && progress.state.is_settled(), false);
            prop_assert_eq!(progress.doubt.is_some(), matches!(progress.state, State::Uncertain | State::Unverified));
            let waits = progress.due_at.is_some() || progress.state == State::Uncertain;
            prop_assert!(waits || progress.state.is_settled(), "{:?} is stranded", progress);
        }
        prop_assert!(class.resends_blind() || sends <= 120);
    }

    /// What is settled stays so, unless an operator replays it.
    #[test]
    fn settled_states_have_nothing_to_do(state in prop::sample::select(&State::ALL[..])) {
        let progress = Progress { state, due_at: None, ..Progress::new(NOW) };
        prop_assert_eq!(progress.purpose(), None);
        let again = State::from_word(state.as_str());
        prop_assert_eq!(again, Some(state));
    }
}
