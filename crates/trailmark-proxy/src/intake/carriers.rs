//! Carriers: a visit passes to another host of the site that shares no cookie with the first. `POST v1/carriers` announces
//! what a link is about to carry; the envelope's signature proves whose visit it is. [`carried`] finds the visitor when the
//! page behind the link reports its address to `v1/clicks`. The wire decides about time, the ledger about use.
//!
//! What a stranger could do with a link: nothing once the visitor's own page has used it, nothing a minute after the click.
//! Before that, the first browser to use it gets a touch that the partner's public link would give it as well.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use trailmark_wire::carrier::Carrier;
use trailmark_wire::click::ClickRequest;
use trailmark_wire::envelope::Posted;
use trailmark_wire::landing::Landing;
use trailmark_wire::time::UnixMillis;

use super::origin::Readers;
use super::problem::Problem;
use super::{Call, envelopes, says_no};
use crate::app::App;
use crate::config::Site;
use crate::json::Json as Reader;
use crate::keys::crypto::thumbprint;
use crate::store::carriers::{Carried, NewCarrier};

/// How long a page waits for its carrier to be announced. The page that announces it is being left, so the request may be late.
const WAIT: Duration = Duration::from_secs(2);

/// `POST v1/carriers`. A carrier that the page may not have is not kept; the page need not know.
pub(super) async fn keep(app: &App, call: Call, readers: &mut Readers) -> Result<Response, Problem> {
    let text = envelopes::read(app, &call.headers, call.body, call.client).await?;
    let posted = Posted::carrier(&text, &Reader)?;
    let now = app.clock.now();
    let (site, claims, _) = envelopes::checked(app, &call.headers, call.client, &posted, readers, now).await?;
    if !says_no(&call.headers) {
        let budget = app.budget(app.config.limits.touches_per_hour, call.client, now);
        let (site, id) = (site.id.clone(), posted.into_payload().jti);
        app.store.keep_carrier(NewCarrier { site, id, visitor: claims.sub, budget, now }).await?;
        app.carriers.notify_waiters();
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What the carrier in an arrival's address says; `Unknown` if there is none.
pub(super) async fn carried(
    app: &App,
    site: &Site,
    request: &ClickRequest,
    now: UnixMillis,
) -> Result<Carried, Problem> {
    let landing = Landing::parse(&request.url).ok();
    let Some(carrier) = landing.and_then(|landing| Carrier::of(&landing)) else { return Ok(Carried::Unknown) };
    // The page's own time, like the carrier's, however wrong that clock is.
    let arrived = request.at.as_deref().and_then(|at| UnixMillis::from_rfc3339(at).ok()).unwrap_or(now);
    if !carrier.is_in_time(arrived) {
        return Ok(Carried::Spent);
    }
    let jkt = request.jwk.as_ref().map(thumbprint);
    let mut late = std::pin::pin!(tokio::time::sleep(WAIT));
    loop {
        let news = app.carriers.notified();
        let carried = app.store.use_carrier(site.id.clone(), carrier.id.clone(), jkt.clone(), now).await?;
        if carried != Carried::Unknown {
            return Ok(carried);
        }
        tokio::select! {
            () = news => {}
            () = &mut late => return Ok(carried),
        }
    }
}
