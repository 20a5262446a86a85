//! The rules of lanes: token bucket, breaker, throttle, pause.

use trailmark_proxy::lanes::{
    Gate, LONGEST_BREAK_MS, Limits, Shut, Signal, after, after_down_probe, after_probe, being_tried, come_back, gate,
    is_paused, look_up_signal, opened, signal, take, to_be_tried,
};
use trailmark_proxy::store::delivery::Lane;
use trailmark_vendors::exchange::{Answer, Step};
use trailmark_vendors::outcome::{LookUp, Outcome, Probe};
use trailmark_vendors::task::Task;
use trailmark_vendors::{Dialect, Pace, VENDORS};
use trailmark_wire::conversion::{Customer, Kind, Order};
use trailmark_wire::ids::{ClickId, ConversionId, CustomerKey, OrderKey, PartnerKey, ProgramId, SiteId};
use trailmark_wire::money::Currency;
use trailmark_wire::time::UnixMillis;

use super::delivery_accounts::lane;

const KEY: &str = "private_key";
const TOKEN: &str = "tracking_token";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn limits() -> Limits {
    Limits { per_minute: 600, burst: 20, failures: 3, break_ms: 30_000, probe_every_ms: 300_000, trial_ms: 120_000 }
}

fn failed(times: u32) -> Lane {
    (0..times).fold(Lane::default(), |lane, _| after(lane, Signal::Failed, &limits(), NOW))
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let (lane, taken) = take(Lane::default(), 100, &limits(), NOW);
    assert_eq!(taken, 20);
    assert_eq!(gate(&lane, &limits(), NOW), Gate::Closed(NOW.plus(100)));
    assert_eq!(gate(&lane, &limits(), NOW.plus(99)), Gate::Closed(NOW.plus(100)));
    assert_eq!(gate(&lane, &limits(), NOW.plus(100)), Gate::Open(1));
    let (lane, taken) = take(lane, 100, &limits(), NOW.plus(500));
    assert_eq!(taken, 5);
    assert_eq!(gate(&lane, &limits(), NOW.plus(3_600_000)), Gate::Open(20));
    assert_eq!(gate(&lane, &limits(), NOW), Gate::Open(20), "a clock that went back must not starve the lane");
}

#[test]
fn a_slow_account_has_its_own_bucket_and_loses_nothing_between_looks() {
    let slow = limits().at(Pace { per_minute: 6, burst: 2, concurrency: 1 });
    let (lane, taken) = take(Lane::default(), 100, &slow, NOW);
    assert_eq!((taken, gate(&lane, &slow, NOW)), (2, Gate::Closed(NOW.plus(10_000))));
    let looked = (1..10_000).fold(lane, |lane, ms| take(lane, 1, &slow, NOW.plus(ms)).0);
    assert_eq!(gate(&looked, &slow, NOW.plus(9_999)), Gate::Closed(NOW.plus(10_000)));
    assert_eq!(gate(&looked, &slow, NOW.plus(10_000)), Gate::Open(1));
}

#[test]
fn the_breaker_opens_after_failures_in_a_row_and_lets_one_trial_through() {
    assert_eq!(gate(&failed(2), &limits(), NOW), Gate::Open(20));
    let broken = failed(3);
    assert_eq!(gate(&broken, &limits(), NOW), Gate::Closed(NOW.plus(30_000)));
    let then = NOW.plus(30_000);
    let (trial, taken) = take(broken, 8, &limits(), then);
    assert_eq!(taken, 1);
    assert_eq!(take(trial.clone(), 8, &limits(), then).1, 0, "one trial at a time");
    let back = after(trial.clone(), Signal::Answered(KEY), &limits(), then);
    assert_eq!(gate(&back, &limits(), then), Gate::Open(19));
    let still = after(trial, Signal::Failed, &limits(), then);
    assert_eq!(gate(&still, &limits(), then), Gate::Closed(then.plus(30_000)));
    assert_eq!(gate(&failed(6), &limits(), NOW), Gate::Closed(NOW.plus(60_000)), "it grows with every round");
}

#[test]
fn a_break_stays_within_its_longest_and_a_lost_trial_is_repeated() {
    assert_eq!(gate(&failed(1000), &limits(), NOW), Gate::Closed(NOW.plus(LONGEST_BREAK_MS)));
    let (lost, _) = take(failed(3), 1, &limits(), NOW.plus(30_000));
    assert_eq!(take(lost, 1, &limits(), NOW.plus(30_000 + 120_000)).1, 1);
}

#[test]
fn a_trial_that_was_not_sent_after_all_leaves_room_for_another() {
    let then = NOW.plus(30_000);
    let (trial, _) = take(failed(3), 1, &limits(), then);
    let untried = after(trial, Signal::Untried, &limits(), then);
    assert_eq!(take(untried, 8, &limits(), then).1, 1);
    let open = after(Lane::default(), Signal::Untried, &limits(), then);
    assert_eq!(gate(&open, &limits(), then), Gate::Open(20));
}

#[test]
fn an_answer_in_between_starts_the_count_of_failures_anew() {
    let lane = after(failed(2), Signal::Answered(KEY), &limits(), NOW);
    let lane = after(lane, Signal::Failed, &limits(), NOW);
    assert_eq!(gate(&lane, &limits(), NOW), Gate::Open(20));
}

#[test]
fn a_throttled_lane_is_closed_until_the_vendors_point_of_at_most_32_days() {
    let hour = NOW.plus(3_600_000);
    let lane = after(Lane::default(), Signal::Throttled(Some(hour)), &limits(), NOW);
    assert_eq!(gate(&lane, &limits(), NOW), Gate::Closed(hour));
    let sooner = after(lane.clone(), Signal::Throttled(Some(NOW.plus(1))), &limits(), NOW);
    assert_eq!(gate(&sooner, &limits(), NOW), Gate::Closed(hour), "a later answer shortens nothing");
    assert_eq!(gate(&lane, &limits(), hour), Gate::Open(20));
    let year = after(Lane::default(), Signal::Throttled(Some(NOW.plus(365 * 86_400_000))), &limits(), NOW);
    let bound = NOW.plus(32 * 86_400_000);
    assert_eq!(gate(&year, &limits(), NOW), Gate::Closed(bound));
    let month = after(Lane::default(), Signal::Throttled(Some(NOW.plus(31 * 86_400_000))), &limits(), NOW);
    for day in 0..31 {
        let gate = gate(&month, &limits(), NOW.plus(day * 86_400_000));
        assert_eq!(gate, Gate::Closed(NOW.plus(31 * 86_400_000)), "day {day}");
    }
    let later = after(month, Signal::Throttled(None), &limits(), NOW);
    assert_eq!(gate(&later, &limits(), NOW.plus(30 * 86_400_000)), Gate::Closed(NOW.plus(31 * 86_400_000)));
}

// field-faults row 44
#[test]
fn a_refused_credential_pauses_what_uses_it_and_nothing_else() {
    let paused = after(Lane::default(), Signal::Refused(TOKEN), &limits(), NOW);
    assert_eq!((is_paused(&paused, TOKEN), is_paused(&paused, KEY)), (true, false));
    assert_eq!(take(paused.clone(), 8, &limits(), NOW).1, 8, "the rest of the lane goes on");
    let reason = &paused.pauses[0].reason;
    assert!(reason.contains("refuses `tracking_token`") && paused.pauses[0].since == NOW, "{reason}");
    let both = after(paused.clone(), Signal::Refused(KEY), &limits(), NOW.plus(1));
    let both = after(both, Signal::Refused(TOKEN), &limits(), NOW.plus(2));
    assert_eq!(both.pauses.len(), 2, "each once");
    let answered = after(both, Signal::Answered(KEY), &limits(), NOW.plus(3));
    assert_eq!((is_paused(&answered, TOKEN), is_paused(&answered, KEY)), (true, false));
}

#[test]
fn a_refused_credential_is_tried_again_until_it_is_good() {
    let paused = after(Lane::default(), Signal::Refused(KEY), &limits(), NOW);
    let then = NOW.plus(300_000);
    assert_eq!(to_be_tried(&paused, &limits(), then.plus(-1)), [""; 0]);
    assert_eq!(to_be_tried(&paused, &limits(), then), [KEY]);
    for probe in [Probe::Refused, Probe::Unclear] {
        let still = after_probe(paused.clone(), KEY, probe, &limits(), then);
        assert_eq!(to_be_tried(&still, &limits(), then.plus(299_999)), [""; 0]);
        assert_eq!(to_be_tried(&still, &limits(), then.plus(300_000)), [KEY]);
    }
    assert_eq!(being_tried(paused.clone(), KEY, &limits(), then).pauses[0].since, NOW);
    let good = after_probe(paused.clone(), KEY, Probe::Good, &limits(), then);
    assert_eq!((good.pauses.len(), take(good, 8, &limits(), then).1), (0, 8));
    let other = after_probe(paused, TOKEN, Probe::Good, &limits(), then);
    assert!(is_paused(&other, KEY), "a probe of another credential proves nothing");
}

/// A sale that every vendor can look up.
fn sale() -> Task {
    Task {
        site: SiteId::new("acme").unwrap(),
        program: ProgramId::new("main").unwrap(),
        conversion: ConversionId::from_parts(NOW, [0; 10]),
        kind: Kind::Sale,
        occurred_at: NOW,
        customer: Some(Customer { key: CustomerKey::new("u_1").unwrap(), email: None, name: None }),
        order: Some(Order {
            key: OrderKey::new("o_1001").unwrap(),
            amount_minor: 1230,
            currency: Currency::new("EUR").unwrap(),
            items: Vec::new(),
        }),
        refund_of: None,
        sale: None,
        customer_reference: None,
        click_id: Some(ClickId::new("click_1").unwrap()),
        partner: Some(PartnerKey::new("ada").unwrap()),
        data: Default::default(),
        reference: None,
        touch_used_by: None,
        is_unsent: false,
        may_have_acted: true,
    }
}

#[test]
fn a_429_without_a_time_as_the_answer_to_a_look_up_closes_the_lane_for_a_minute_at_every_vendor() {
    for (vendor, dialect) in VENDORS.iter().flat_map(|vendor| Dialect::ALL.map(|dialect| (vendor, dialect))) {
        let adapter = lane(vendor.name(), dialect, "main", "127.0.0.1:9").adapter;
        // The guide's transactions cannot be looked up.
        let task = match (vendor.name(), dialect) {
            ("partnerstack", Dialect::Guide) => Task { kind: Kind::Signup, order: None, ..sale() },
            _ => sale(),
        };
        let look_up = adapter.delivery.look_up(&task).unwrap();
        let answer = Answer { status: 429, headers: Vec::new(), body: Vec::new(), at: NOW };
        let Step::Done(found) = (look_up.read)(&answer) else { panic!("{} asks on", vendor.name()) };
        let closed = after(Lane::default(), look_up_signal(&found, Some(429), KEY), &limits(), NOW);
        assert_eq!(gate(&closed, &limits(), NOW), Gate::Closed(NOW.plus(60_000)), "{}: {found:?}", vendor.name());
    }
}

// field-faults row 37
#[test]
fn a_look_up_that_says_nothing_is_no_sign_that_the_vendor_is_broken() {
    let unclear = |not_before| LookUp::Inconclusive { message: "no".into(), not_before };
    for status in [200, 302, 400, 403, 404, 418] {
        assert_eq!(look_up_signal(&unclear(None), Some(status), KEY), Signal::Untried, "{status}");
    }
    for status in [None, Some(500), Some(502), Some(503)] {
        assert_eq!(look_up_signal(&unclear(None), status, KEY), Signal::Failed, "{status:?}");
    }
    assert_eq!(look_up_signal(&unclear(Some(NOW)), Some(429), KEY), Signal::Throttled(Some(NOW)));
    assert_eq!(look_up_signal(&LookUp::AuthFailed, Some(401), KEY), Signal::Refused(KEY));
}

#[test]
fn a_clock_that_went_back_keeps_no_lane_closed_for_longer_than_anything_may() {
    let ahead = NOW.plus(400 * 24 * 60 * 60 * 1000);
    let throttled = after(Lane::default(), Signal::Throttled(None), &limits(), ahead);
    let broken = (0..3).fold(Lane::default(), |lane, _| after(lane, Signal::Failed, &limits(), ahead));
    let paused = after(Lane::default(), Signal::Refused(KEY), &limits(), ahead);
    assert_eq!(to_be_tried(&paused, &limits(), NOW), [KEY]);
    for (lane, then) in [(throttled, Gate::Open(20)), (broken, Gate::Open(1))] {
        assert!(matches!(gate(&lane, &limits(), ahead), Gate::Closed(_)));
        assert_eq!(gate(&lane, &limits(), NOW), then, "{lane:?}");
    }
}

#[test]
fn a_vendor_that_refuses_and_says_at_once_is_left_alone_for_a_second() {
    let lane = after(Lane::default(), Signal::Throttled(Some(NOW)), &limits(), NOW);
    assert_eq!(gate(&lane, &limits(), NOW), Gate::Closed(NOW.plus(1000)));
    assert_eq!(gate(&lane, &limits(), NOW.plus(1000)), Gate::Open(20));
}

#[test]
fn one_unknown_customer_says_nothing_about_the_vendor() {
    let message = || "status 404".to_owned();
    let premature = signal(&Outcome::Premature { message: message() }, Some(404), KEY);
    let lane = (0..9).fold(failed(2), |lane, _| after(lane, premature.clone(), &limits(), NOW));
    assert!(matches!(gate(&lane, &limits(), NOW), Gate::Open(_)));
    let broken = signal(&Outcome::Retry { message: message(), not_before: None }, Some(500), KEY);
    assert_eq!((broken, lane.failures), (Signal::Failed, 0));
}

fn word(lane: &Lane, now: UnixMillis) -> &'static str {
    Shut::of(lane, now).as_ref().map_or("open", Shut::as_str)
}

// field-faults row 48
#[test]
fn a_lane_says_whether_the_vendor_is_down_or_asks_for_fewer_requests_or_fails() {
    let hour = Some(NOW.plus(3_600_000));
    let throttled = Outcome::Throttled { until: hour };
    for (status, expected) in [(Some(429), "throttled"), (Some(503), "down"), (None, "throttled")] {
        let lane = after(Lane::default(), signal(&throttled, status, KEY), &limits(), NOW);
        assert_eq!(word(&lane, NOW), expected, "{status:?}");
    }
    assert_eq!(word(&failed(3), NOW), "broken");
    assert_eq!(word(&after(Lane::default(), Signal::Refused(KEY), &limits(), NOW), NOW), "paused");
    let down = after(Lane::default(), Signal::Down(hour), &limits(), NOW);
    assert_eq!(word(&after(down.clone(), Signal::Throttled(hour), &limits(), NOW), NOW), "throttled", "the later word");
    assert_eq!(word(&down, NOW.plus(3_600_000)), "open", "its hour is over");
    let shut = Shut::of(&down, NOW).unwrap();
    assert!(shut.reason().contains("503") && shut.reason().contains("2027-01-15T09:00:00Z"), "{}", shut.reason());
    assert_eq!(shut.next_at(), NOW.plus(300_000));
}

// field-faults row 48
#[test]
fn a_vendor_that_was_down_is_probed_and_its_lane_opens_once_it_answers() {
    let down = after(Lane::default(), come_back(Some(NOW.plus(3_600_000)), Some(503)), &limits(), NOW);
    let then = NOW.plus(300_000);
    assert_eq!(gate(&down, &limits(), NOW), Gate::Closed(then));
    assert_eq!(gate(&down, &limits(), then), Gate::Probe);
    let still = after_down_probe(down.clone(), Probe::Unclear, &limits(), then);
    assert_eq!(gate(&still, &limits(), then), Gate::Closed(then.plus(300_000)));
    for probe in [Probe::Good, Probe::Refused] {
        let back = after_down_probe(down.clone(), probe, &limits(), then);
        assert_eq!((word(&back, then), take(back.clone(), 8, &limits(), then).1), ("open", 1), "{probe:?}");
        let again = after(back, Signal::Failed, &limits(), then);
        assert_eq!(word(&again, then), "broken", "a first request that fails shuts it again");
    }
    let throttled = after(Lane::default(), Signal::Throttled(Some(NOW.plus(3_600_000))), &limits(), NOW);
    assert_eq!(gate(&throttled, &limits(), then), Gate::Closed(NOW.plus(3_600_000)), "429 is believed to its end");
}

// Seen in the journey `outage`: calls of one path answered 503 while all others were answered.
#[test]
fn a_vendor_that_answers_a_probe_and_then_503_again_is_left_alone_until_its_time() {
    let (hour, then) = (NOW.plus(3_600_000), NOW.plus(300_000));
    let down = after(Lane::default(), Signal::Down(Some(hour)), &limits(), NOW);
    let trial = take(after_down_probe(down, Probe::Good, &limits(), then), 8, &limits(), then).0;
    let again = after(trial, Signal::Down(Some(hour)), &limits(), then);
    for minute in 5..60 {
        assert_eq!(gate(&again, &limits(), NOW.plus(minute * 60_000)), Gate::Closed(hour), "minute {minute}");
    }
    assert_eq!(gate(&again, &limits(), hour), Gate::Open(20));
    let shut = Shut::of(&again, then).unwrap();
    assert!(shut.reason().contains("503 again"), "{}", shut.reason());
    assert_eq!(shut.next_at(), hour);
    let next = after(again, Signal::Down(Some(hour.plus(3_600_000))), &limits(), hour);
    assert_eq!(gate(&next, &limits(), hour.plus(300_000)), Gate::Probe, "a later outage is probed again");
}

// field-faults row 48
#[test]
fn an_operator_opens_a_lane_whatever_keeps_it_shut_and_one_request_goes_first() {
    let hour = Some(NOW.plus(3_600_000));
    let of = |signal| after(Lane::default(), signal, &limits(), NOW);
    for lane in [of(Signal::Throttled(hour)), of(Signal::Down(hour)), failed(3)] {
        let open = opened(lane, &limits(), NOW);
        assert_eq!((word(&open, NOW), take(open.clone(), 8, &limits(), NOW).1), ("open", 1), "{open:?}");
        let answered = after(open, Signal::Answered(KEY), &limits(), NOW);
        assert_eq!(gate(&answered, &limits(), NOW), Gate::Open(20));
    }
    let refused = of(Signal::Refused(TOKEN));
    assert_eq!(to_be_tried(&refused, &limits(), NOW), [""; 0]);
    assert_eq!(to_be_tried(&opened(refused, &limits(), NOW), &limits(), NOW), [TOKEN], "it is tried at once");
}
