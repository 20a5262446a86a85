//! Metrics in Prometheus' text format 0.0.4. The values are the store's own counts at the time of the request, so
//! they survive restarts. Only refused writes are counted in memory, because a ledger that refuses a write cannot
//! record it.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use super::problem::Problem;
use crate::app::App;
use crate::outbox;
use crate::store::operator::{Counts, LaneRow};
use crate::store::webhooks::WebhookState;

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let counts = app.store.counts().await?;
    let lanes = app.store.lanes(app.clock.now()).await?;
    let webhooks = app.store.count_webhooks().await?;
    Ok(([(CONTENT_TYPE, FORMAT)], exposition(&counts, &lanes, &webhooks, &app.store.refusals())))
}

/// The text that Prometheus reads.
fn exposition(
    counts: &Counts,
    lanes: &[LaneRow],
    webhooks: &[(WebhookState, u64)],
    refusals: &[(&'static str, u64)],
) -> String {
    let mut page = Page::default();
    page.family("trailmark_touches_total", "counter", "Touches in the ledger.");
    page.sample("", counts.touches);
    page.family("trailmark_conversions_total", "counter", "Conversions in the ledger, by status.");
    for (status, count) in &counts.conversions {
        page.sample(&label("status", status), *count);
    }
    page.family("trailmark_claimed_by_page_total", "counter", "Pages' claims that a backend overruled.");
    page.sample("", counts.claimed_by_page);
    page.family("trailmark_deliveries", "gauge", "Deliveries, by state.");
    for state in outbox::State::ALL.map(outbox::State::as_str) {
        let count = counts.deliveries.iter().find(|(word, _)| word == state);
        page.sample(&label("state", state), count.map_or(0, |(_, count)| *count));
    }
    page.family("trailmark_lane_open", "gauge", "1 if a lane is open, 0 if it is paused, throttled, down or broken.");
    for lane in lanes {
        page.sample(&label("program", lane.program.as_str()), u64::from(lane.state == "open"));
    }
    page.family("trailmark_lane_waiting", "gauge", "Deliveries that wait in a lane and go on automatically.");
    for lane in lanes {
        page.sample(&label("program", lane.program.as_str()), lane.waiting);
    }
    let stuck = "Deliveries that need an operator: `outbox list` shows them.";
    page.family("trailmark_lane_stuck", "gauge", stuck);
    for lane in lanes {
        page.sample(&label("program", lane.program.as_str()), lane.stuck);
    }
    page.family("trailmark_webhooks", "gauge", "Stored webhooks, by state.");
    for (state, count) in webhooks {
        page.sample(&label("state", state.as_str()), *count);
    }
    page.family(
        "trailmark_ledger_refusals_total",
        "counter",
        "Writes that the ledger refused since the proxy started, by reason; each was answered 503.",
    );
    for (reason, count) in refusals {
        page.sample(&label("reason", reason), *count);
    }
    let paused = lanes.iter().filter(|lane| lane.state == "paused" && lane.shares.is_none()).count();
    page.family("trailmark_lanes_paused", "gauge", "Lanes with a refused credential: correct it.");
    page.sample("", u64::try_from(paused).unwrap_or(u64::MAX));
    page.text
}

/// Words and ids contain no quote, backslash or line break, so nothing is escaped.
fn label(name: &str, value: &str) -> String {
    format!("{{{name}=\"{value}\"}}")
}

#[derive(Default)]
struct Page {
    text: String,
    family: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, labels: &str, value: u64) {
        let _ = writeln!(self.text, "{}{labels} {value}", self.family);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_lane_and_every_count_show() {
        let counts = Counts {
            touches: 3,
            conversions: vec![("accepted".to_owned(), 2)],
            claimed_by_page: 1,
            deliveries: vec![("recorded".to_owned(), 1), ("due".to_owned(), 1)],
        };
        let lane = LaneRow {
            shares: None,
            site: trailmark_wire::ids::SiteId::new("acme").unwrap(),
            program: trailmark_wire::ids::ProgramId::new("main").unwrap(),
            state: "paused".to_owned(),
            reason: None,
            next_at: None,
            waiting: 1,
            stuck: 2,
        };
        let text = exposition(&counts, &[lane], &[(WebhookState::Unmatched, 2)], &[("disk_full", 4)]);
        for line in [
            "trailmark_touches_total 3",
            "trailmark_conversions_total{status=\"accepted\"} 2",
            "trailmark_claimed_by_page_total 1",
            "trailmark_deliveries{state=\"due\"} 1",
            "trailmark_deliveries{state=\"dead\"} 0",
            "trailmark_lane_open{program=\"main\"} 0",
            "trailmark_lane_waiting{program=\"main\"} 1",
            "trailmark_lane_stuck{program=\"main\"} 2",
            "trailmark_webhooks{state=\"unmatched\"} 2",
            "trailmark_ledger_refusals_total{reason=\"disk_full\"} 4",
            "trailmark_lanes_paused 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
    }
}
