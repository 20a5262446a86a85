//! `POST v1/webhooks/{program}/{secret}`: what a vendor tells by itself. The last segment of the address is the secret that
//! lets it in; a wrong one is answered like an address that does not exist, whatever else is right. What comes in is kept
//! as it is before it is answered, since no vendor documents how often it tries again; what it means is
//! [`crate::commissions`]' to find out. The secret stands in no log, metric or problem.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use trailmark_wire::refusal::Refusal;

use super::body;
use super::problem::Problem;
use super::{Call, ClientNetwork};
use crate::app::App;
use crate::config::Account;
use crate::keys::crypto::{is_same, sha256};
use crate::store::webhooks::NewWebhook;

/// Bytes of one that is read. Events are flat objects of a few hundred.
const WHOLE_BYTES: usize = trailmark_wire::limits::BODY_BYTES;

/// Bytes that are kept of one that is larger: enough to see what it was.
const CUT_BYTES: usize = 4 * 1024;

/// Takes a webhook in.
pub(super) async fn receive(app: &App, call: Call, program: &str, secret: &str) -> Result<Response, Problem> {
    let account = addressed(app, call.client, program, secret)?;
    let new = new(app, account, call.body).await?;
    let is_cut = new.meaning.is_none();
    let kept = app.store.keep_webhook(new).await?;
    app.committed();
    tracing::info!(program = %account.program, kept = ?kept, is_cut, "webhook kept");
    match is_cut {
        // Kept in quarantine; told all the same, for the vendor's own log.
        true => Err(Refusal::BodyTooLarge.into()),
        false => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// The account whose address this is. Guesses use up the rate of the client's network; the vendor's own calls do not, since
/// whoever knows the secret may come in a burst.
fn addressed<'a>(app: &'a App, client: ClientNetwork, program: &str, secret: &str) -> Result<&'a Account, Problem> {
    let named = app.accounts.iter().find(|account| account.program.as_str() == program);
    let path = named.and_then(|account| account.webhook_path.as_ref());
    // Compared even where there is none, so that the time does not tell which programs there are.
    let matches = is_same(secret, path.map_or("", |path| path.expose()));
    match named.filter(|_| matches && path.is_some()) {
        Some(found) => Ok(found),
        None => {
            app.rates.take(client)?;
            Err(Refusal::NotFound.into())
        }
    }
}

async fn new(app: &App, account: &Account, body: Body) -> Result<NewWebhook, Problem> {
    let (mut body, is_cut) = body::read_bytes(body, WHOLE_BYTES).await?;
    if is_cut {
        body.truncate(CUT_BYTES);
    }
    let received_at = app.clock.now();
    Ok(NewWebhook {
        site: account.site.clone(),
        id: app.random.ledger_id(received_at)?,
        program: account.program.clone(),
        body_hash: sha256(&body),
        meaning: (!is_cut).then(|| account.adapter.read_webhook(&body)),
        body,
        received_at,
        most: app.config.limits.webhooks,
    })
}
