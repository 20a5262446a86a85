//! `POST v1/webhooks/{program}/{secret}`: webhooks from vendors. The last path segment is the secret; a wrong one
//! gets the same answer as an unknown address. The body is stored unchanged before the answer, because no vendor
//! documents how often it retries; [`crate::commissions`] interprets it. A vendor's signature is checked first. The
//! secret appears in no log, metric or problem.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use trailmark_wire::ids::WebhookId;
use trailmark_wire::refusal::Refusal;

use super::body;
use super::problem::Problem;
use super::{Call, ClientNetwork};
use crate::app::App;
use crate::config::Account;
use crate::keys::crypto::{hmac_sha256, is_same, sha256};
use crate::store::webhooks::NewWebhook;

/// Most bytes of a webhook that is read. Events are flat objects of a few hundred bytes.
const WHOLE_BYTES: usize = trailmark_wire::limits::BODY_BYTES;

/// Bytes kept of a larger one: enough to recognise it.
const CUT_BYTES: usize = 4 * 1024;

/// Receives a webhook.
pub(super) async fn receive(app: &App, call: Call, program: &str, secret: &str) -> Result<Response, Problem> {
    let account = addressed(app, call.client, program, secret)?;
    let new = new(app, account, call).await?;
    let is_cut = new.meaning.is_none();
    let kept = app.store.keep_webhook(new).await?;
    app.committed();
    tracing::info!(program = %account.program, kept = ?kept, is_cut, "webhook kept");
    match is_cut {
        // Kept in quarantine, but refused too, so that the vendor's log shows it.
        true => Err(Refusal::BodyTooLarge.into()),
        false => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// The account with this address. Guesses count against the rate of the client's network; the vendor's own calls do
/// not, because a caller who knows the secret may send a burst.
fn addressed<'a>(app: &'a App, client: ClientNetwork, program: &str, secret: &str) -> Result<&'a Account, Problem> {
    let named = app.accounts.iter().find(|account| account.program.as_str() == program);
    let path = named.and_then(|account| account.webhook_path.as_ref());
    // Compares even without an account, so that the time does not reveal which programs exist.
    let matches = is_same(secret, path.map_or("", |path| path.expose()));
    match named.filter(|_| matches && path.is_some()) {
        Some(found) => Ok(found),
        None => {
            app.rates.take(client)?;
            Err(Refusal::NotFound.into())
        }
    }
}

/// Refuses a body whose signature is wrong, where the vendor signs. Nothing of it is kept: a commission that it reports is
/// asked about anyway when its time has come. The beginning of a larger body has no signature, so a vendor that signs has
/// nothing of it kept either: otherwise everybody who knows the address could fill the quarantine.
fn signed(account: &Account, headers: &HeaderMap, body: &[u8], is_cut: bool) -> Result<(), Problem> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    account.adapter.verify_webhook(&header, body, hmac_sha256).map_err(|problem| {
        if is_cut {
            tracing::warn!(program = %account.program, "webhook refused: too large for its signature to be checked");
            return Refusal::BodyTooLarge.into();
        }
        tracing::warn!(program = %account.program, problem, "webhook refused: compare the program's webhook_secret with the vendor's");
        Problem::from(Refusal::SignatureInvalid).with_detail(problem)
    })
}

async fn new(app: &App, account: &Account, call: Call) -> Result<NewWebhook, Problem> {
    let (mut body, is_cut) = body::read_bytes(call.body, WHOLE_BYTES).await?;
    signed(account, &call.headers, &body, is_cut)?;
    if is_cut {
        body.truncate(CUT_BYTES);
    }
    let received_at = app.clock.now();
    Ok(NewWebhook {
        site: account.site.clone(),
        id: WebhookId::from_parts(received_at, app.random.bytes()?),
        program: account.program.clone(),
        body_hash: sha256(&body),
        meaning: (!is_cut).then(|| account.adapter.read_webhook(&body)),
        body,
        received_at,
        most: app.config.limits.webhooks,
    })
}
