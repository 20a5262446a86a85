//! Which touch is credited, and what the trace says of the others.

use proptest::prelude::*;
use trailmark_attribution::{Credit, Decision, NoCredit, Touch, Verdict, decide};
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{PartnerKey, ProgramId, TouchId};
use trailmark_wire::time::UnixMillis;

const WINDOW: i64 = 1_000;

fn program(name: &str) -> ProgramId {
    ProgramId::new(name).unwrap()
}

fn touch(name: &str, partner: &str, at: i64) -> Touch {
    let random = [u8::try_from(partner.len()).unwrap(); 10];
    Touch {
        id: TouchId::from_parts(UnixMillis(at), random),
        program: program(name),
        partner: Some(PartnerKey::new(partner).unwrap()),
        at: UnixMillis(at),
        expires_at: UnixMillis(at + WINDOW),
        unusable: None,
        lacks_click: false,
    }
}

fn decide_at(at: i64, touches: &[Touch], credit: Credit) -> Decision {
    decide(UnixMillis(at), touches.to_vec(), &[program("main"), program("other")], credit)
}

/// `partner: verdict` for each touch, the latest first.
fn trace(decision: &Decision) -> Vec<String> {
    let line = |c: &trailmark_attribution::Considered| {
        format!("{}: {:?}", c.touch.partner.as_ref().map_or("-", |p| p.as_str()), c.verdict)
    };
    decision.considered.iter().map(line).collect()
}

#[test]
fn the_last_touch_within_the_window_is_credited_and_the_trace_tells_why_the_others_lost() {
    let touches =
        [touch("main", "a", 0), touch("main", "bb", 500), touch("other", "ccc", 400), touch("main", "dddd", 900)];
    let decision = decide_at(1_200, &touches, Credit::One);
    assert_eq!(
        trace(&decision),
        ["dddd: Credited", "bb: LaterTouchInProgram", "ccc: LaterTouchInOtherProgram", "a: Expired"]
    );
    assert_eq!(decision.no_credit(), None);
}

#[test]
fn credit_each_credits_the_last_touch_of_every_program() {
    let touches = [touch("main", "a", 100), touch("main", "bb", 200), touch("other", "ccc", 150)];
    let decision = decide_at(300, &touches, Credit::Each);
    assert_eq!(trace(&decision), ["bb: Credited", "ccc: Credited", "a: LaterTouchInProgram"]);
}

#[test]
fn a_touch_after_the_conversion_earns_nothing() {
    let decision = decide_at(100, &[touch("main", "a", 101)], Credit::One);
    assert_eq!(trace(&decision), ["a: AfterConversion"]);
    assert_eq!(decision.no_credit(), Some(NoCredit::TouchAfterConversion));
}

#[test]
fn the_window_is_open_at_its_end_and_closed_at_its_beginning() {
    let touches = [touch("main", "a", 100)];
    assert!(decide_at(100, &touches, Credit::One).credited().next().is_some());
    assert!(decide_at(100 + WINDOW - 1, &touches, Credit::One).credited().next().is_some());
    assert_eq!(decide_at(100 + WINDOW, &touches, Credit::One).no_credit(), Some(NoCredit::TouchExpired));
}

#[test]
fn without_a_touch_the_code_is_no_touch() {
    assert_eq!(decide_at(1, &[], Credit::One).no_credit(), Some(NoCredit::NoTouch));
}

#[test]
fn a_program_that_left_the_configuration_is_not_credited() {
    let decision = decide_at(10, &[touch("gone", "a", 1), touch("main", "bb", 0)], Credit::One);
    assert_eq!(trace(&decision), ["a: ProgramUnknown", "bb: Credited"]);
}

// field-faults § 2
#[test]
fn a_touch_whose_key_no_vendor_takes_never_displaces_an_earlier_one() {
    let unusable = |at| Touch {
        partner: None,
        unusable: Some(Unusable::Characters),
        ..touch("main", &"n".repeat(usize::try_from(at).unwrap() / 10), at)
    };
    let decision = decide_at(300, &[touch("main", "a", 100), unusable(200), unusable(250)], Credit::One);
    assert_eq!(trace(&decision), ["-: Unusable", "-: Unusable", "a: Credited"]);
    let nobody = decide_at(300, &[unusable(200)], Credit::One);
    assert_eq!((nobody.credited().count(), nobody.no_credit()), (0, Some(NoCredit::NoValidTouch)));
}

#[test]
fn a_touch_that_lacks_the_click_displaces_none_that_has_one() {
    let bare = |partner: &str, at| Touch { lacks_click: true, ..touch("main", partner, at) };
    let decision = decide_at(300, &[touch("main", "a", 100), bare("bb", 200), bare("ccc", 250)], Credit::One);
    assert_eq!(trace(&decision), ["ccc: LacksClick", "bb: LacksClick", "a: Credited"]);
    let older = decide_at(300, &[bare("bb", 100), touch("main", "a", 200)], Credit::One);
    assert_eq!(trace(&older), ["a: Credited", "bb: LaterTouchInProgram"]);
    let elsewhere = [touch("main", "a", 100), touch("other", "ccc", 150), bare("bb", 200)];
    let one = decide_at(300, &elsewhere, Credit::One);
    assert_eq!(trace(&one), ["bb: LacksClick", "ccc: Credited", "a: LaterTouchInOtherProgram"]);
    let each = decide_at(300, &elsewhere, Credit::Each);
    assert_eq!(trace(&each), ["bb: LacksClick", "ccc: Credited", "a: Credited"]);
}

#[test]
fn a_touch_that_lacks_the_click_takes_no_credit_from_another_program_where_one_is_credited() {
    let bare = Touch { lacks_click: true, ..touch("main", "bb", 200) };
    let of = |other: Touch, credit| trace(&decide_at(300, &[other, bare.clone()], credit));
    assert_eq!(of(touch("other", "a", 100), Credit::One), ["bb: LacksClick", "a: Credited"]);
    assert_eq!(of(touch("other", "a", 100), Credit::Each), ["bb: Credited", "a: Credited"]);
    let expired = Touch { expires_at: UnixMillis(250), ..touch("other", "a", 100) };
    assert_eq!(of(expired, Credit::One), ["bb: Credited", "a: Expired"], "no other touch is valid");
    let also_bare = Touch { lacks_click: true, ..touch("other", "a", 100) };
    assert_eq!(of(also_bare, Credit::One), ["bb: Credited", "a: LaterTouchInOtherProgram"], "none is complete");
}

#[test]
fn a_touch_that_lacks_the_click_is_credited_where_no_valid_one_has_it() {
    let bare = Touch { lacks_click: true, ..touch("main", "bb", 200) };
    let with = |other: Touch, at| trace(&decide_at(at, &[bare.clone(), other], Credit::One));
    assert_eq!(with(touch("main", "a", 100), 1_150), ["bb: Credited", "a: Expired"]);
    assert_eq!(with(touch("main", "a", 301), 300), ["a: AfterConversion", "bb: Credited"]);
    let unusable = Touch { partner: None, unusable: Some(Unusable::Characters), ..touch("main", "a", 100) };
    assert_eq!(with(unusable, 300), ["bb: Credited", "-: Unusable"]);
}

#[test]
fn what_follows_a_credited_signup_inherits_its_touch_whatever_the_window() {
    let programs = [program("main"), program("other")];
    let signup = vec![touch("main", "a", 0), touch("gone", "bb", 1)];
    let late = decide_at(5_000, &signup[..1], Credit::One).inheriting(signup.clone(), &programs);
    assert_eq!(trace(&late), ["a: Inherited", "bb: ProgramUnknown"]);
    assert_eq!((late.no_credit(), late.attribution().len()), (None, 1));
    let touched = decide_at(500, &[touch("other", "ccc", 400)], Credit::One).inheriting(signup, &programs);
    assert_eq!(trace(&touched), ["ccc: Credited"], "an own touch goes first");
}

/// Touches as a ledger has them: no two share an id.
fn any_touches() -> impl Strategy<Value = Vec<Touch>> {
    let one = (prop_oneof!["main", "other", "gone"], "[a-z]{1,6}", 0_i64..3_000);
    let named = |(index, (program, partner, at)): (usize, (String, String, i64))| {
        let random = [u8::try_from(index).unwrap(); 10];
        Touch { id: TouchId::from_parts(UnixMillis(at), random), ..touch(&program, &partner, at) }
    };
    proptest::collection::vec(one, 0..12).prop_map(move |all| all.into_iter().enumerate().map(named).collect())
}

proptest! {
    #[test]
    fn the_order_of_the_touches_does_not_matter(touches in any_touches(), at in 0_i64..4_000, each: bool) {
        let credit = if each { Credit::Each } else { Credit::One };
        let reversed: Vec<Touch> = touches.iter().rev().cloned().collect();
        let programs_and_verdicts = |d: &Decision| d.considered.iter().map(|c| (c.touch.at, c.verdict)).collect::<Vec<_>>();
        let (forward, backward) = (decide_at(at, &touches, credit), decide_at(at, &reversed, credit));
        prop_assert_eq!(programs_and_verdicts(&forward), programs_and_verdicts(&backward));
    }

    #[test]
    fn a_credited_touch_is_valid_and_the_latest_valid_one_of_its_program(touches in any_touches(), at in 0_i64..4_000) {
        let decision = decide_at(at, &touches, Credit::Each);
        let valid = |t: &&Touch| t.at.0 <= at && at < t.expires_at.0 && t.program.as_str() != "gone";
        for credited in decision.credited() {
            let latest = touches.iter().filter(valid).filter(|t| t.program == credited.program).map(|t| t.at).max();
            prop_assert_eq!(Some(credited.at), latest);
        }
        let programs: std::collections::BTreeSet<_> = touches.iter().filter(valid).map(|t| t.program.clone()).collect();
        prop_assert_eq!(decision.credited().count(), programs.len());
    }

    #[test]
    fn credit_one_credits_at_most_one_and_it_is_the_latest_valid_touch(touches in any_touches(), at in 0_i64..4_000) {
        let decision = decide_at(at, &touches, Credit::One);
        let credited: Vec<_> = decision.credited().map(|t| t.at).collect();
        let valid = |t: &&Touch| t.at.0 <= at && at < t.expires_at.0 && t.program.as_str() != "gone";
        prop_assert_eq!(credited, touches.iter().filter(valid).map(|t| t.at).max().into_iter().collect::<Vec<_>>());
        let losers = decision.considered.iter().filter(|c| c.verdict != Verdict::Credited).count();
        prop_assert_eq!(losers + decision.credited().count(), touches.len());
    }
}
