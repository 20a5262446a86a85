//! The rules of the outbox: the consequence of each outcome, and what must hold whatever the vendor says.

use proptest::prelude::*;
use trailmark_proxy::outbox::machine::{
    MOST_ATTEMPTS, MOST_ROUNDS, Moment, READ_BACK_MS, REFUSAL_LOOK_UPS, SCHEDULE_MS, after_crash, after_late,
    after_look_up, after_send, forbidden, without_look_up, without_sending,
};
use trailmark_proxy::outbox::manual::{Open, Past, Tried, dropped, replayed, resolved};
use trailmark_proxy::outbox::sent::SendOutcome;
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

/// What a send leaves open that may have taken effect, or that met something at the vendor.
fn open(outcome: SendOutcome, class: Class) -> Past {
    Past::Unsure(Open { outcome: Some(outcome), class: Some(class), was_absent: false })
}

fn send(class: Class, outcome: Outcome) -> Progress {
    after_send(sending(), class, &outcome, false, at(NOW))
}

/// The second send after a send with an unknown outcome.
fn send_again(class: Class, outcome: Outcome) -> Progress {
    after_send(Progress { attempts: 2, ..Progress::new(NOW) }, class, &outcome, true, at(NOW))
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

// field-faults row 40: the last send, too, may have taken effect, and so may one during which the proxy died
#[test]
fn a_last_send_whose_outcome_is_unknown_is_looked_up_before_it_is_given_up() {
    let last = Progress { attempts: MOST_ATTEMPTS, ..Progress::new(NOW) };
    let settled = NOW.plus(SETTLING);
    for class in [Class::Keyed, Class::UniqueKey, Class::Upsert] {
        let sent = after_send(last.clone(), class, &unknown(), false, at(NOW));
        let crashed = after_crash(last.clone(), Some((Purpose::Send, Some(class))), at(NOW));
        for next in [sent, crashed] {
            assert_eq!((next.state, next.purpose()), (State::Uncertain, Some(Purpose::LookUp)), "{class:?}");
            assert_eq!(after_look_up(next, &LookUp::Absent, settled, at(settled)).state, State::Dead);
        }
    }
}

#[test]
fn a_look_up_before_the_settling_time_never_means_absent() {
    let uncertain = send(Class::Searchable, unknown());
    let settles_at = NOW.plus(SETTLING);
    // Asked too early and answered after the settling time: the answer shows the state when it was asked.
    let early = after_look_up(uncertain.clone(), &LookUp::Absent, settles_at.plus(-1), at(settles_at.plus(5)));
    assert_eq!((early.state, early.due_at), (State::Uncertain, Some(settles_at)));
    let settled = after_look_up(uncertain, &LookUp::Absent, settles_at, at(settles_at));
    assert_eq!((settled.state, settled.purpose()), (State::Due, Some(Purpose::Send)));
}

#[test]
fn what_a_look_up_finds_settles_the_doubt() {
    for outcome in [unknown(), Outcome::Unverified { reference: None }, Outcome::Duplicate { message: message() }] {
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
        progress = after_send(progress, Class::Searchable, &Outcome::Unverified { reference: None }, false, at(now));
        assert_eq!((progress.state, progress.due_at), (State::Unverified, Some(now.plus(SETTLING))));
        now = now.plus(SETTLING);
        progress = after_look_up(progress, &LookUp::Absent, now, at(now));
        assert_eq!(progress.rounds, round);
        progress.attempts += 1;
    }
    assert_eq!(progress.state, State::Ignored);
    assert!(progress.reason.unwrap_or_default().contains("accepted 3 times"));
}

// field-faults row 40
#[test]
fn a_refusal_after_an_unknown_send_is_looked_up_before_it_is_believed() {
    let refusals = [Outcome::Rejected { message: message() }, Outcome::Ignored { message: message() }];
    for (class, refusal) in CLASSES.into_iter().flat_map(|class| refusals.iter().map(move |one| (class, one.clone()))) {
        let next = send_again(class, refusal);
        let due = (class != Class::Neither).then(|| NOW.plus(SETTLING));
        assert_eq!((next.state, next.due_at), (State::Uncertain, due), "{class:?}");
        if due.is_none() {
            continue;
        }
        let found = LookUp::Found { reference: Some("cus_1".into()) };
        let settled = NOW.plus(SETTLING);
        assert_eq!(after_look_up(next.clone(), &found, settled, at(settled)).state, State::Recorded);
        let early = after_look_up(next.clone(), &LookUp::Absent, NOW, at(NOW));
        assert_eq!((early.state, early.due_at), (State::Uncertain, Some(settled)), "not before the settling time");
        let (mut absent, mut now) = (next.clone(), settled);
        for wait in READ_BACK_MS.into_iter().take(REFUSAL_LOOK_UPS as usize - 1) {
            absent = after_look_up(absent, &LookUp::Absent, now, at(now));
            assert_eq!((absent.state, absent.due_at), (State::Uncertain, Some(now.plus(wait))));
            now = now.plus(wait);
        }
        let absent = after_look_up(absent, &LookUp::Absent, now, at(now));
        assert_eq!((absent.state, absent.reason, absent.due_at), (State::Rejected, Some(message()), None));
        let differs = LookUp::Differs { message: message() };
        assert_eq!(after_look_up(next.clone(), &differs, settled, at(settled)).state, State::Conflict);
        assert_eq!(without_look_up(next).due_at, None, "a vendor that cannot be asked leaves it to an operator");
    }
}

#[test]
fn what_is_too_early_again_and_again_is_told_with_the_number_of_times() {
    let said = |attempts: u32| {
        let progress = Progress { attempts, ..Progress::new(NOW) };
        let premature = Outcome::Premature { message: message() };
        after_send(progress, Class::UniqueKey, &premature, false, at(NOW)).reason.unwrap()
    };
    assert_eq!((said(1), said(3)), (message(), message()));
    assert_eq!(said(4), format!("{} (4 times now)", message()), "only the adapter knows what is missing");
    assert!(said(MOST_ATTEMPTS).contains("gave up after"));
}

// field-faults row 40: the schedule's end is a final state too
#[test]
fn a_schedule_that_ends_after_an_unknown_send_is_looked_up_before_it_is_dead() {
    let last = Progress { attempts: MOST_ATTEMPTS, ..Progress::new(NOW) };
    for outcome in [
        Outcome::Retry { message: message(), not_before: None },
        Outcome::Premature { message: message() },
        Outcome::Forbidden { message: message() },
    ] {
        let dead = after_send(last.clone(), Class::UniqueKey, &outcome, false, at(NOW));
        assert_eq!(dead.state, State::Dead, "{outcome:?}");
        let next = after_send(last.clone(), Class::UniqueKey, &outcome, true, at(NOW));
        assert_eq!((next.state, next.purpose()), (State::Uncertain, Some(Purpose::LookUp)), "{outcome:?}");
        let settled = NOW.plus(SETTLING);
        assert_eq!(after_look_up(next, &LookUp::Absent, settled, at(settled)).state, State::Dead);
    }
}

// field-faults row 40: so is a plan that refuses a delivery that was sent before
#[test]
fn a_plan_that_refuses_what_may_have_been_sent_is_looked_up_first() {
    for state in [State::Rejected, State::NotNeeded, State::Unsupported] {
        let clear = without_sending(Progress::new(NOW), state, &message(), false, at(NOW));
        assert_eq!((clear.state, clear.due_at), (state, None));
        let unsure = without_sending(Progress::new(NOW), state, &message(), true, at(NOW));
        assert_eq!((unsure.state, unsure.purpose()), (State::Uncertain, Some(Purpose::LookUp)), "{state:?}");
    }
}

fn missing() -> Outcome {
    Outcome::Missing { message: message() }
}

// field-faults row 39
#[test]
fn what_is_missing_after_an_earlier_unknown_deletion_is_deleted_once_the_vendor_shows_it_no_more() {
    let (again, settled) = (send_again(Class::Upsert, missing()), NOW.plus(SETTLING));
    assert_eq!((again.state, again.due_at), (State::Uncertain, Some(settled)));
    let gone = LookUp::Found { reference: Some("o_1".into()) };
    let next = after_look_up(again.clone(), &gone, settled, at(settled));
    assert_eq!((next.state, next.reference.as_deref()), (State::Recorded, Some("o_1")));
    let there = after_look_up(again, &LookUp::Absent, settled, at(settled));
    assert_eq!((there.state, there.purpose()), (State::Due, Some(Purpose::Send)));
}

// field-faults row 39
#[test]
fn what_is_missing_at_the_first_deletion_is_looked_for_and_ends_as_a_conflict_that_says_so() {
    let settled = NOW.plus(SETTLING);
    let first = send(Class::Upsert, missing());
    let gone = LookUp::Found { reference: Some("o_1".into()) };
    let next = after_look_up(first.clone(), &gone, settled, at(settled));
    assert_eq!((next.state, next.due_at), (State::Conflict, None));
    assert!(next.reason.unwrap().contains("nothing to delete"));
    let there = after_look_up(first.clone(), &LookUp::Absent, settled, at(settled));
    assert_eq!(
        (there.state, there.purpose()),
        (State::Due, Some(Purpose::Send)),
        "it is there, so it is deleted again"
    );
    let unclear = LookUp::Inconclusive { message: message(), not_before: None };
    let mut asked = first;
    for _ in 0..=SCHEDULE_MS.len() {
        asked = after_look_up(asked, &unclear, settled, at(settled));
    }
    assert_eq!((asked.state, asked.due_at), (State::Uncertain, None), "an operator decides");
}

// field-faults row 43
#[test]
fn what_is_ignored_is_read_back_ever_more_slowly_for_a_week_and_never_sent() {
    let last = Progress { rounds: MOST_ROUNDS - 1, ..send(Class::Searchable, Outcome::Unverified { reference: None }) };
    let mut now = NOW.plus(SETTLING);
    let mut progress = after_look_up(last, &LookUp::Absent, now, at(now));
    for (index, wait) in READ_BACK_MS.into_iter().enumerate() {
        assert_eq!((progress.state, progress.purpose()), (State::Ignored, Some(Purpose::LookUp)));
        assert_eq!(progress.due_at, Some(now.plus(wait)));
        now = now.plus(wait);
        let found = after_look_up(progress.clone(), &LookUp::Found { reference: None }, now, at(now));
        assert_eq!(found.state, State::Recorded, "shown late is recorded");
        let unclear = LookUp::Inconclusive { message: message(), not_before: None };
        let nothing = if index % 2 == 0 { LookUp::Absent } else { unclear };
        progress = after_look_up(progress, &nothing, now, at(now));
    }
    assert_eq!((progress.state, progress.due_at), (State::Ignored, None));
    let days = now.since(NOW) / (24 * 60 * MINUTE);
    assert!((7..8).contains(&days), "{days}");
    assert!(READ_BACK_MS.is_sorted(), "ever more slowly");
    assert!(READ_BACK_MS[0] <= 15 * MINUTE, "55 minutes after the first send it is seen within the hour");
}

// field-faults row 43
#[test]
fn what_is_ignored_is_listed_and_can_be_settled_by_hand() {
    assert!(State::Ignored.is_dead_letter());
    let ignored = send(Class::Neither, Outcome::Ignored { message: message() });
    assert_eq!((ignored.state, ignored.due_at), (State::Ignored, None));
    let searched = send(Class::Searchable, Outcome::Ignored { message: message() });
    assert_eq!((searched.state, searched.purpose()), (State::Ignored, Some(Purpose::LookUp)));
    let now = searched.due_at.unwrap();
    let found = after_look_up(searched.clone(), &LookUp::Found { reference: None }, now, at(now));
    assert_eq!(found.state, State::Recorded, "the vendor said nothing and has it");
    let nobodys = after_look_up(searched, &LookUp::Differs { message: message() }, now, at(now));
    assert_eq!((nobodys.state, nobodys.due_at), (State::Ignored, None), "the vendor has it for nobody");
    assert_eq!(resolved(ignored.clone(), true, message()).unwrap().state, State::Recorded);
    assert_eq!(dropped(ignored, message()).unwrap().state, State::Dropped);
}

/// The outcome words shared by `explain`, claims and replays.
#[test]
fn one_place_says_which_sends_may_have_taken_effect() {
    let with_effect: Vec<_> = SendOutcome::ALL.into_iter().filter(|one| one.may_have_effect()).collect();
    let expected = [SendOutcome::Recorded, SendOutcome::Rekeyed, SendOutcome::Unknown, SendOutcome::Unverified];
    assert_eq!(with_effect, expected);
    let words = SendOutcome::words(SendOutcome::may_have_effect);
    assert_eq!(words, "'recorded', 'rekeyed', 'unknown', 'unverified'");
    assert!(!with_effect.into_iter().any(SendOutcome::was_turned_away));
    for outcome in SendOutcome::ALL {
        assert_eq!(SendOutcome::from_word(outcome.as_str()), Some(outcome));
    }
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
fn an_answer_that_came_late_is_believed_or_looked_up_before_anything_is_sent_again() {
    let due = sending();
    let late = |class, outcome| after_late(due.clone(), Some(class), outcome, Some("txn_7".into()), NOW);
    for class in CLASSES {
        let next = late(class, SendOutcome::Recorded).unwrap();
        assert_eq!((next.state, next.due_at, next.reference.as_deref()), (State::Recorded, None, Some("txn_7")));
        let mut harmless = SendOutcome::ALL.into_iter().filter(|outcome| !outcome.may_have_effect());
        assert!(harmless.all(|outcome| late(class, outcome).is_none()), "{class:?}");
        assert_eq!(late(class, SendOutcome::Unknown), None, "it says nothing new");
    }
    for outcome in [SendOutcome::Rekeyed, SendOutcome::Unverified] {
        let next = late(Class::Searchable, outcome).unwrap();
        assert_eq!((next.purpose(), next.reference.as_deref()), (Some(Purpose::LookUp), Some("txn_7")));
        let early = after_look_up(next, &LookUp::Absent, NOW, at(NOW));
        assert_eq!((early.state, early.due_at), (State::Uncertain, Some(NOW.plus(SETTLING))));
        assert_eq!(late(Class::UniqueKey, outcome), None, "the vendor refuses a second one");
    }
    let uncertain = send(Class::Searchable, unknown());
    assert_eq!(after_late(uncertain, Some(Class::Searchable), SendOutcome::Recorded, None, NOW), None);
}

#[test]
fn a_replay_after_an_unknown_attempt_starts_with_a_look_up_or_needs_consent() {
    let dead = Progress { state: State::Dead, due_at: None, attempts: 9, ..Progress::new(NOW) };
    let replay = |past, accept| replayed(dead.clone(), past, accept, NOW);
    let fresh = replay(Past::Clear, false).unwrap();
    assert_eq!((fresh.purpose(), fresh.attempts), (Some(Purpose::Send), 0));
    let unsure = |class| open(SendOutcome::Unknown, class);
    let searched = replay(unsure(Class::Searchable), false).unwrap();
    assert_eq!((searched.purpose(), searched.doubt), (Some(Purpose::LookUp), Some(Doubt::Unknown)));
    assert_eq!(replay(unsure(Class::Keyed), false).unwrap().purpose(), Some(Purpose::Send));
    assert!(replay(unsure(Class::Neither), false).unwrap_err().0.contains("--accept-double"));
    assert_eq!(replay(unsure(Class::Neither), true).unwrap().purpose(), Some(Purpose::Send));
    let recorded = Progress { state: State::Recorded, due_at: None, ..dead.clone() };
    assert!(replayed(recorded, Past::Clear, true, NOW).is_err(), "the vendor has it");
}

#[test]
fn a_replay_looks_first_wherever_the_vendor_said_that_it_has_something() {
    let sent = |outcome, class| Tried::Send(Some(outcome), Some(class));
    let past = |outcome, class| Past::of([sent(outcome, class)]);
    for class in CLASSES {
        // Elsewhere the vendor refuses or replaces a second one.
        let is_open = matches!(class, Class::Neither | Class::Searchable);
        for outcome in [SendOutcome::Conflict, SendOutcome::Duplicate] {
            let expected = if is_open { open(outcome, class) } else { Past::Clear };
            assert_eq!(past(outcome, class), expected, "{class:?}");
        }
    }
    let ignored = open(SendOutcome::Ignored, Class::Searchable);
    assert_eq!(past(SendOutcome::Ignored, Class::Searchable), ignored);
    assert_eq!(past(SendOutcome::Ignored, Class::Neither), Past::Clear, "nobody can be asked");
    let turned_away = SendOutcome::ALL.into_iter().filter(|outcome| outcome.was_turned_away());
    for outcome in turned_away.filter(|outcome| *outcome != SendOutcome::Duplicate) {
        assert_eq!(past(outcome, Class::Searchable), Past::Clear, "{outcome:?}");
        let after_a_conflict = [outcome, SendOutcome::Conflict].map(|one| sent(one, Class::Searchable));
        assert_eq!(Past::of(after_a_conflict), open(SendOutcome::Conflict, Class::Searchable), "{outcome:?}");
    }
    let unended = Past::Unsure(Open { outcome: None, class: None, was_absent: false });
    assert_eq!(Past::of([Tried::Send(None, None)]), unended, "a send without an outcome");
    let conflict = send(Class::Searchable, Outcome::Conflict { message: message() });
    assert_eq!((conflict.state, conflict.due_at), (State::Conflict, None));
    let again = replayed(conflict, past(SendOutcome::Conflict, Class::Searchable), false, NOW).unwrap();
    let settled = Some(NOW.plus(SETTLING));
    assert_eq!((again.purpose(), again.settles_at), (Some(Purpose::LookUp), settled), "it may show late");
    let rekeyed = send(Class::Searchable, Outcome::Rekeyed { message: message(), reference: "txn_7".into() });
    assert_eq!(rekeyed.state, State::Conflict);
    let again = replayed(rekeyed, past(SendOutcome::Rekeyed, Class::Searchable), false, NOW).unwrap();
    assert_eq!((again.purpose(), again.reference.as_deref()), (Some(Purpose::LookUp), Some("txn_7")));
}

#[test]
fn a_conflict_of_an_older_version_is_sent_again_only_with_consent() {
    let past = open(SendOutcome::Conflict, Class::Searchable);
    let old = Progress { state: State::Conflict, due_at: None, ..Progress::new(NOW) };
    let refused = replayed(old.clone(), past, false, NOW).unwrap_err().0;
    assert!(refused.contains("under another key") && refused.contains("`--accept-double`"), "{refused}");
    assert_eq!(replayed(old.clone(), past, true, NOW).unwrap().purpose(), Some(Purpose::Send));
    let replaced = open(SendOutcome::Unknown, Class::Upsert);
    assert_eq!(replayed(old, replaced, false, NOW).unwrap().purpose(), Some(Purpose::Send), "a repeat is harmless");
    // A conflict of this version is looked up, however it arose.
    let differs = LookUp::Differs { message: message() };
    let unknown = send(Class::Searchable, unknown());
    let exists = send(Class::Searchable, Outcome::Duplicate { message: message() });
    let settled = NOW.plus(SETTLING);
    let conflicts = [
        send(Class::Searchable, Outcome::Conflict { message: message() }),
        after_look_up(unknown, &differs, NOW, at(NOW)),
        after_look_up(exists.clone(), &differs, NOW, at(NOW)),
        after_look_up(exists.clone(), &LookUp::Absent, settled, at(settled)),
        without_look_up(exists),
        after_look_up(send(Class::Searchable, missing()), &LookUp::Found { reference: None }, NOW, at(NOW)),
    ];
    for conflict in conflicts {
        assert_eq!(conflict.state, State::Conflict);
        assert_eq!(replayed(conflict.clone(), past, false, NOW).unwrap().purpose(), Some(Purpose::LookUp));
        for left in [dropped(conflict.clone(), message()), resolved(conflict, false, message())] {
            assert_eq!(replayed(left.unwrap(), past, false, NOW).unwrap().purpose(), Some(Purpose::LookUp));
        }
    }
}

#[test]
fn a_conflict_of_an_older_version_that_was_dropped_or_rejected_is_sent_again_only_with_consent() {
    let past = open(SendOutcome::Conflict, Class::Searchable);
    let old = Progress { state: State::Conflict, due_at: None, ..Progress::new(NOW) };
    // Sent again with consent once, and turned away.
    let turned_away = Progress { state: State::Rejected, ..old.clone() };
    for left in [dropped(old.clone(), message()), resolved(old.clone(), false, message()), Ok(turned_away)] {
        let left = left.unwrap();
        let refused = replayed(left.clone(), past, false, NOW).unwrap_err().0;
        assert!(refused.contains("under another key") && refused.contains("`--accept-double`"), "{refused}");
        assert!(!refused.contains("outbox resolve"), "that would be refused: {refused}");
        assert_eq!(replayed(left, past, true, NOW).unwrap().purpose(), Some(Purpose::Send));
    }
    let refused = replayed(old.clone(), past, false, NOW).unwrap_err().0;
    assert!(refused.contains("run `outbox resolve`"), "{refused}");
    // A look-up after a conflict of this version found nothing, and the next send was turned away.
    let sent = |outcome| Tried::Send(Some(outcome), Some(Class::Searchable));
    let looked_up = Past::of([sent(SendOutcome::Rejected), Tried::Absent, sent(SendOutcome::Conflict)]);
    let rejected = Progress { state: State::Rejected, ..old };
    assert_eq!(replayed(rejected, looked_up, false, NOW).unwrap().purpose(), Some(Purpose::LookUp));
}

#[test]
fn what_was_rejected_by_hand_while_it_settled_settles_on_when_it_is_replayed() {
    let uncertain = send(Class::Searchable, unknown());
    let rejected = resolved(uncertain, false, message()).unwrap();
    let again = replayed(rejected, open(SendOutcome::Unknown, Class::Searchable), false, NOW).unwrap();
    assert_eq!((again.purpose(), again.settles_at), (Some(Purpose::LookUp), Some(NOW.plus(SETTLING))));
}

#[test]
fn what_the_vendor_shows_as_done_is_not_needed_and_looked_up_where_an_earlier_send_may_have_done_it() {
    let done = || Outcome::NotNeeded { message: message() };
    let next = send(Class::Searchable, done());
    assert_eq!((next.state, next.reason, next.due_at), (State::NotNeeded, Some(message()), None));
    for class in CLASSES {
        // Also where a look-up came first: the operator may have sent again without one.
        assert_eq!(send_again(class, done()).state, State::Uncertain, "{class:?}");
    }
    let planned = without_sending(Progress::new(NOW), State::NotNeeded, &message(), true, at(NOW));
    for mut progress in [send_again(Class::Searchable, done()), planned] {
        for _ in 0..REFUSAL_LOOK_UPS {
            assert_eq!(progress.purpose(), Some(Purpose::LookUp));
            let due_at = progress.due_at.unwrap();
            progress = after_look_up(progress, &LookUp::Absent, due_at, at(due_at));
        }
        assert_eq!((progress.state, progress.reason), (State::NotNeeded, Some(message())));
    }
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

/// The next event.
#[derive(Debug, Clone)]
struct Event {
    outcome: Outcome,
    found: LookUp,
    crashes: bool,
    jitter: u32,
    /// Between the due time and the step.
    late_ms: i64,
    /// Between question and answer.
    takes_ms: i64,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let hint = || prop::option::of((0_i64..100_000_000).prop_map(|ms| NOW.plus(ms)));
    prop_oneof![
        4 => Just(unknown()),
        3 => Just(Outcome::Unverified { reference: None }),
        3 => hint().prop_map(|not_before| Outcome::Retry { message: message(), not_before }),
        2 => hint().prop_map(|until| Outcome::Throttled { until }),
        1 => Just(Outcome::AuthFailed { message: message() }),
        1 => Just(Outcome::Duplicate { message: message() }),
        1 => Just(missing()),
        1 => Just(Outcome::Forbidden { message: message() }),
        1 => Just(Outcome::Premature { message: message() }),
        1 => prop_oneof![
            Just(Outcome::Conflict { message: message() }),
            Just(Outcome::Ignored { message: message() }),
            Just(Outcome::NotNeeded { message: message() }),
            Just(Outcome::Recorded { reference: None }),
            Just(Outcome::Rejected { message: message() }),
            Just(Outcome::Rekeyed { message: message(), reference: message() }),
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
    /// The product's invariant, whatever the vendor says: if one effect cannot be told from two, nothing is sent
    /// after an unknown outcome until a look-up after the settling time has said "absent".
    #[test]
    fn an_unknown_send_is_never_repeated_before_a_settled_look_up_says_absent(
        class in prop::sample::select(&CLASSES[..]),
        events in events(),
    ) {
        let mut progress = Progress::new(NOW);
        let mut now = NOW;
        let mut open_since: Option<UnixMillis> = None;
        let mut sends = 0;
        // A send may have taken effect, and no settled look-up has denied it.
        let mut may_have_effect = false;
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
                    let unsure = may_have_effect;
                    let is_missing = matches!(outcome, Outcome::Missing { .. });
                    let open = matches!(outcome, Outcome::Unverified { reference: None } | Outcome::Duplicate { .. })
                        || is_missing
                        || (outcome == unknown() && !class.resends_blind());
                    may_have_effect |= SendOutcome::from(&outcome).may_have_effect();
                    open_since = open.then_some(now);
                    progress = if event.crashes {
                        after_crash(progress, Some((Purpose::Send, Some(class))), moment)
                    } else {
                        after_send(progress, class, &outcome, unsure, moment)
                    };
                    if matches!(progress.doubt, Some(Doubt::Needless | Doubt::Refused)) {
                        open_since = Some(now);
                    }
                }
                Purpose::LookUp if event.crashes => {
                    progress = after_crash(progress, Some((Purpose::LookUp, None)), moment);
                }
                Purpose::LookUp => {
                    let settled = open_since.is_none_or(|since| asked_at >= since.plus(SETTLING));
                    if settled && event.found == LookUp::Absent {
                        open_since = None;
                        may_have_effect = false;
                    }
                    progress = after_look_up(progress, &event.found, asked_at, moment);
                }
            }
            let is_read_back = progress.state == State::Ignored;
            prop_assert_eq!(progress.due_at.is_some() && progress.state.is_settled() && !is_read_back, false);
            let is_denied =
                matches!(progress.state, State::Dead | State::Ignored | State::NotNeeded | State::Rejected);
            prop_assert!(!(is_denied && may_have_effect), "{:?} though a send may have taken effect", progress);
            prop_assert_eq!(progress.doubt.is_some(), matches!(progress.state, State::Uncertain | State::Unverified));
            let waits = progress.due_at.is_some() || progress.state == State::Uncertain;
            prop_assert!(waits || progress.state.is_settled(), "{:?} is stranded", progress);
        }
        prop_assert!(class.resends_blind() || sends <= 120);
    }

    /// A settled delivery stays settled unless an operator replays it.
    #[test]
    fn settled_states_have_nothing_to_do(state in prop::sample::select(&State::ALL[..])) {
        let progress = Progress { state, due_at: None, ..Progress::new(NOW) };
        prop_assert_eq!(progress.purpose(), None);
        let again = State::from_word(state.as_str());
        prop_assert_eq!(again, Some(state));
    }
}
