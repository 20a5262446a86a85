//! First state of a delivery whose key a page had claimed before the site's backend overruled it. The page's send may
//! have taken effect at the vendor, so the outbox's main rule covers both deliveries: no send without a look-up.

use trailmark_vendors::capability::Class;
use trailmark_wire::time::UnixMillis;

use super::manual::Past;
use super::{Doubt, Progress, State};
use crate::store::delivery::FURTHEST_DUE_MS;

/// State of the new delivery. `past` is what the page's sends leave open.
///
/// If they may have taken effect, the vendor is asked first; if it cannot be asked about this conversion, an operator
/// decides. A look-up that finds nothing is believed one settling time after the first look-up, because the page's
/// send may be seconds old.
pub fn begins(past: Past, due_at: UnixMillis) -> Progress {
    let fresh = Progress::new(due_at);
    let Past::Unsure(open) = past else { return fresh };
    match open.class {
        Some(Class::Keyed | Class::Searchable | Class::UniqueKey | Class::Upsert) => Progress {
            state: State::Uncertain,
            reason: Some("a page's claim on this customer was sent to the vendor before".into()),
            doubt: Some(Doubt::Unknown),
            // `machine` replaces this by one settling time after the first look-up.
            settles_at: Some(due_at.plus(FURTHEST_DUE_MS)),
            ..fresh
        },
        Some(Class::Neither) | None => Progress {
            state: State::Conflict,
            reason: Some(
                "a page's claim on this customer was sent to the vendor before, and this vendor offers no look-up"
                    .into(),
            ),
            due_at: None,
            ..fresh
        },
    }
}

#[cfg(test)]
mod tests {
    use trailmark_vendors::outcome::LookUp;

    use super::*;
    use crate::outbox::Purpose;
    use crate::outbox::machine::{Moment, after_look_up};
    use crate::outbox::manual::Open;
    use crate::outbox::sent::SendOutcome;

    const NOW: UnixMillis = UnixMillis(1_795_248_000_000);
    const SETTLING_MS: i64 = 15 * 60 * 1000;

    fn unsure(class: Option<Class>) -> Past {
        Past::Unsure(Open { outcome: Some(SendOutcome::Unknown), class, was_absent: false })
    }

    fn asked(progress: Progress, found: &LookUp, now: UnixMillis) -> Progress {
        after_look_up(progress, found, now, Moment { now, jitter: 0, settling_ms: SETTLING_MS })
    }

    #[test]
    fn what_nobody_was_told_is_sent_at_its_time() {
        assert_eq!(begins(Past::Clear, NOW), Progress::new(NOW));
    }

    #[test]
    fn what_the_vendor_may_have_is_asked_for_and_sent_only_when_it_settled_without_it() {
        for class in [Class::Keyed, Class::Searchable, Class::UniqueKey, Class::Upsert] {
            let first = begins(unsure(Some(class)), NOW);
            assert_eq!((first.purpose(), first.due_at), (Some(Purpose::LookUp), Some(NOW)), "{class:?}");
            let early = asked(first.clone(), &LookUp::Absent, NOW);
            assert_eq!((early.state, early.due_at), (State::Uncertain, Some(NOW.plus(SETTLING_MS))));
            let later = asked(early, &LookUp::Absent, NOW.plus(SETTLING_MS));
            assert_eq!(later.purpose(), Some(Purpose::Send));
            let found = asked(first.clone(), &LookUp::Found { reference: Some("cus_1".into()) }, NOW);
            assert_eq!(found.state, State::Recorded, "the same partner");
            let differs = asked(first, &LookUp::Differs { message: "`partner_key`".into() }, NOW);
            assert_eq!((differs.state, differs.due_at), (State::Conflict, None));
        }
    }

    #[test]
    fn a_vendor_that_cannot_be_asked_leaves_it_to_a_person() {
        for class in [Some(Class::Neither), None] {
            let begins = begins(unsure(class), NOW);
            assert_eq!((begins.state, begins.purpose()), (State::Conflict, None), "{class:?}");
        }
    }
}
