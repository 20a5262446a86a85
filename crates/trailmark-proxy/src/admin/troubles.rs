//! What needs attention now, the worst first: the start of the ledger view, and its status dot. Pure except for the
//! route: counts, lanes and readiness in, sentences out. [`crate::answer`] has the sentences for single conversions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use trailmark_wire::receipt::Status;

use super::health;
use super::ledger::Answer;
use crate::answer::Tone;
use crate::app::App;
use crate::explain::moment;
use crate::outbox;
use crate::store::operator::{Counts, LaneRow};
use crate::store::webhooks::WebhookState;

/// One thing that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trouble {
    /// `bad`: an operator must act. `waiting`: it may go on by itself.
    pub(super) tone: Tone,
    /// What is wrong.
    pub(super) headline: String,
    /// What helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cure: Option<String>,
    /// The list with the affected rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) list: Option<List>,
}

/// A list of the API, filtered by one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum List {
    /// `GET v1/conversions?status=`.
    Conversions(String),
    /// `GET v1/deliveries?state=`.
    Deliveries(String),
}

/// `GET v1/troubles`.
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Vec<Trouble>> {
    let (counts, lanes) = (app.store.counts().await?, app.store.lanes(app.clock.now()).await?);
    let webhooks = app.store.count_webhooks().await?;
    let unready = health::ready(State(Arc::clone(&app))).await.err().map(|problem| problem.detail);
    Ok(Json(troubles(unready, &lanes, &counts, &webhooks)))
}

/// Everything that needs attention, the worst first; equal ones in the order in which a delivery meets them.
fn troubles(
    unready: Option<String>,
    lanes: &[LaneRow],
    counts: &Counts,
    webhooks: &[(WebhookState, u64)],
) -> Vec<Trouble> {
    let unready = unready.map(|why| Trouble {
        tone: Tone::Bad,
        headline: format!("The proxy is not ready: {why}"),
        cure: None,
        list: None,
    });
    let mut found: Vec<Trouble> = unready.into_iter().chain(of_lanes(lanes)).collect();
    found.extend(counts.deliveries.iter().filter_map(|(state, count)| of_deliveries(state, *count)));
    found.extend(counts.conversions.iter().filter_map(|(status, count)| of_conversions(status, *count)));
    found.extend(of_webhooks(webhooks));
    found.sort_by_key(|trouble| std::cmp::Reverse(trouble.tone));
    found
}

/// One trouble for each lane that is closed, whichever programs share it.
fn of_lanes(lanes: &[LaneRow]) -> impl Iterator<Item = Trouble> {
    lanes.iter().filter(|lane| lane.shares.is_none()).filter_map(|lane| {
        let name = Some(lane.name());
        let sharing = lanes.iter().filter(|other| other.shares == name);
        of_lane(lane, lane.waiting + sharing.map(|other| other.waiting).sum::<u64>())
    })
}

fn of_lane(lane: &LaneRow, count: u64) -> Option<Trouble> {
    let tone = match lane.state.as_str() {
        "open" => return None,
        // An operator must correct a credential; other states end by themselves.
        "paused" => Tone::Bad,
        _ => Tone::Waiting,
    };
    let name = lane.name();
    let reason = lane.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let next = lane.next_at.as_deref().map(|at| format!(" The next try is at {}.", moment(at))).unwrap_or_default();
    Some(Trouble {
        tone,
        headline: format!("Lane {name} is {}{reason}.", lane.state),
        cure: Some(format!("{} in it.{next} `trailmark lanes open {name}` opens it now.", waiting(count))),
        list: None,
    })
}

fn waiting(count: u64) -> String {
    if count == 1 { "1 delivery waits".to_owned() } else { format!("{count} deliveries wait") }
}

fn of_deliveries(state: &str, count: u64) -> Option<Trouble> {
    use outbox::State::{
        Blocked, Conflict, Dead, Dropped, Due, Ignored, NotNeeded, Recorded, Rejected, Uncertain, Unsupported,
        Unverified, Waiting,
    };
    if count == 0 {
        return None;
    }
    let (tone, one, many, cure) = match outbox::State::from_word(state)? {
        Conflict => (
            Tone::Bad,
            "is in conflict: what the vendor has differs from what was sent",
            "are in conflict: what the vendor has differs from what was sent",
            "Compare at the vendor, then run `trailmark outbox resolve`; `trailmark outbox retry` sends nothing that could count twice.",
        ),
        Rejected => (
            Tone::Bad,
            "was rejected by the vendor",
            "were rejected by the vendor",
            "Fix the cause, then run `trailmark outbox retry`; or give it up with `trailmark outbox drop`.",
        ),
        Dead => (
            Tone::Bad,
            "was tried for days without success",
            "were tried for days without success",
            "Fix the cause, then run `trailmark outbox retry`; or give it up with `trailmark outbox drop`.",
        ),
        Ignored => (
            Tone::Bad,
            "was accepted by the vendor, which credits nobody with it",
            "were accepted by the vendor, which credits nobody with them",
            "Look there for the cause; the history of each conversion says what to do.",
        ),
        Blocked => (
            Tone::Bad,
            "is blocked: the signup or sale that it follows is missing or failed",
            "are blocked: the signups or sales that they follow are missing or failed",
            "The history of each conversion says what to do.",
        ),
        Uncertain => (
            Tone::Waiting,
            "is uncertain: it is not known whether the vendor has it",
            "are uncertain: it is not known whether the vendor has them",
            "Trailmark asks the vendor before it sends anything again. If the vendor offers no look-up, run `trailmark outbox resolve`.",
        ),
        Dropped | Due | NotNeeded | Recorded | Unsupported | Unverified | Waiting => return None,
    };
    let headline = match count {
        1 => format!("1 delivery {one}."),
        _ => format!("{count} deliveries {many}."),
    };
    Some(Trouble { tone, headline, cure: Some(cure.to_owned()), list: Some(List::Deliveries(state.to_owned())) })
}

fn of_conversions(status: &str, count: u64) -> Option<Trouble> {
    if count == 0 || status != Status::Held.as_str() {
        return None;
    }
    let what = if count == 1 { "1 conversion is held".to_owned() } else { format!("{count} conversions are held") };
    Some(Trouble {
        tone: Tone::Waiting,
        headline: format!("{what}: waiting for a server, an operator or a sale."),
        cure: Some("Decide with `trailmark conversions release` or `reject`.".to_owned()),
        list: Some(List::Conversions(status.to_owned())),
    })
}

fn of_webhooks(webhooks: &[(WebhookState, u64)]) -> Option<Trouble> {
    let count: u64 = webhooks.iter().filter(|(state, _)| state.is_quarantined()).map(|(_, count)| count).sum();
    let what = match count {
        0 => return None,
        1 => "1 webhook could".to_owned(),
        _ => format!("{count} webhooks could"),
    };
    Some(Trouble {
        tone: Tone::Waiting,
        headline: format!("{what} not be read or matched."),
        cure: Some("`trailmark webhooks list` shows why.".to_owned()),
        list: None,
    })
}

#[cfg(test)]
mod tests {
    use trailmark_wire::ids::{ProgramId, SiteId};

    use super::*;

    fn lane(state: &str, reason: &str, waiting: u64) -> LaneRow {
        LaneRow {
            shares: None,
            site: SiteId::new("acme").unwrap(),
            program: ProgramId::new("main").unwrap(),
            state: state.into(),
            reason: (!reason.is_empty()).then(|| reason.into()),
            next_at: (!reason.is_empty()).then(|| "2026-11-28T09:00:00Z".into()),
            waiting,
            stuck: 0,
        }
    }

    fn counts(deliveries: &[(&str, u64)], held: u64) -> Counts {
        let deliveries = deliveries.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect();
        Counts { deliveries, conversions: vec![("accepted".into(), 3), ("held".into(), held)], ..Counts::default() }
    }

    fn lines(found: &[Trouble]) -> Vec<String> {
        found.iter().map(|trouble| format!("{:?}: {}", trouble.tone, trouble.headline)).collect()
    }

    // field-faults row 83
    #[test]
    fn the_worst_trouble_comes_first() {
        let sharing = LaneRow {
            program: ProgramId::new("eu").unwrap(),
            shares: Some("acme/main".into()),
            ..lane("throttled", "the vendor answers 429", 1)
        };
        let lanes = [lane("throttled", "the vendor answers 429", 1), sharing, lane("paused", "the key is wrong", 1)];
        let found =
            troubles(Some("the disk is full".into()), &lanes, &counts(&[("dead", 1), ("uncertain", 2)], 1), &[]);
        assert_eq!(
            lines(&found),
            [
                "Bad: The proxy is not ready: the disk is full",
                "Bad: Lane acme/main is paused: the key is wrong.",
                "Bad: 1 delivery was tried for days without success.",
                "Waiting: Lane acme/main is throttled: the vendor answers 429.",
                "Waiting: 2 deliveries are uncertain: it is not known whether the vendor has them.",
                "Waiting: 1 conversion is held: waiting for a server, an operator or a sale.",
            ]
        );
        assert_eq!(
            found[3].cure.as_deref(),
            Some(
                "2 deliveries wait in it. The next try is at 2026-11-28T09:00:00Z. `trailmark lanes open acme/main` \
                 opens it now."
            )
        );
    }

    #[test]
    fn what_goes_on_by_itself_or_was_given_up_is_no_trouble() {
        let well = ["due", "unverified", "waiting", "recorded", "dropped", "not_needed", "unsupported"];
        let well: Vec<_> = well.iter().map(|state| (*state, 5)).chain([("dead", 0), ("blocked", 0)]).collect();
        let webhooks = [(WebhookState::Followed, 9), (WebhookState::Received, 9), (WebhookState::Unreadable, 0)];
        assert_eq!(troubles(None, &[lane("open", "", 7)], &counts(&well, 0), &webhooks), []);
    }

    #[test]
    fn every_state_that_needs_somebody_leads_to_its_rows() {
        for state in ["conflict", "rejected", "dead", "ignored", "blocked", "uncertain"] {
            let found = troubles(None, &[], &counts(&[(state, 2)], 0), &[]);
            assert_eq!(found[0].list, Some(List::Deliveries(state.into())), "{state}");
            assert!(found[0].headline.starts_with("2 deliveries") && found[0].cure.is_some(), "{found:?}");
        }
        let found = troubles(None, &[], &counts(&[], 2), &[(WebhookState::Unmatched, 1), (WebhookState::TooLarge, 1)]);
        assert_eq!(found[0].list, Some(List::Conversions("held".into())));
        assert_eq!(found[1].headline, "2 webhooks could not be read or matched.");
        assert_eq!(serde_json::to_value(&found[0]).unwrap()["list"]["conversions"], "held");
    }
}
