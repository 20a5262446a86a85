//! One conversion on its way to the proxy: its envelope, which carriers have too, and what the answer asks for. Pure.
//! [`crate::tracker`] has it signed and sent, requests new tokens and stores what waits.

use trailmark_wire::envelope::{self, Payload, TokenHash};
use trailmark_wire::ids::Jti;
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use crate::click::texts;
use crate::config::Settings;
use crate::conversion::Outcome;
use crate::json::{Json, Raw, integer, to_text};
use crate::page::{Done, Page};

/// What an answer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The conversion is finished, with this outcome.
    Done(Outcome),
    /// Keep the conversion for later.
    Keep {
        /// Why.
        code: String,
        /// Milliseconds for which the other waiting conversions rest too; `None` if the cause may be this conversion alone.
        rest: Option<u32>,
    },
    /// Request a token, which also corrects the clock offset, and sign again.
    Renew,
}

/// Refusals after which the same conversion may pass with a new token: three are about the token, one about a key that this
/// page has lost, one about a clock that was set. The test `codes_are_the_wires` compares them with the wire.
pub const RENEWABLE: [&str; 5] =
    ["from_the_future", "key_mismatch", "signature_invalid", "token_expired", "token_invalid"];

/// The code if no proxy answered.
pub const UNREACHABLE: &str = "unreachable";

/// The code of a refusal that has none, and so is not the proxy's.
const REFUSED: &str = "refused";

/// What `data-debug` prints if nothing answers, or something other than the proxy.
const NO_PROXY: &str = "no Trailmark proxy answered: check data-endpoint, and origins in trailmark.toml";

/// Decides what to do after an answer, or after none. There is no third try: `renewed` says that a new token was already
/// requested.
pub fn step(page: &dyn Page, answer: &Done, renewed: bool) -> Step {
    if matches!(answer.status, 200 | 202) {
        // Something else may have answered: a captive portal, another server.
        return outcome(page, &answer.text).map_or_else(unreachable, Step::Done);
    }
    let code = refusal_code(page, answer);
    match answer.status {
        0 => unreachable(),
        401 if !renewed && RENEWABLE.contains(&code.as_str()) => Step::Renew,
        408 | 425 | 429 | 500.. => {
            let seconds = integer(&answer.retry_after).and_then(|seconds| u32::try_from(seconds).ok());
            Step::Keep { code, rest: seconds.map(|seconds| seconds.saturating_mul(1_000)) }
        }
        // A mistake in `origins` or `data-site` that somebody will correct.
        403 | 404 => Step::Keep { code, rest: None },
        // Not the proxy's answer: a web server's error page during a deployment, a challenge, a filter on the way.
        _ if code == REFUSED => Step::Keep { code, rest: None },
        _ => Step::Done(Outcome::coded("failed", &code)),
    }
}

/// No answer, or none of the proxy.
fn unreachable() -> Step {
    Step::Keep { code: UNREACHABLE.to_owned(), rest: Some(0) }
}

/// The stable code of a refusal; [`REFUSED`] if the answer has none, [`UNREACHABLE`] if there was no answer.
pub fn refusal_code(page: &dyn Page, answer: &Done) -> String {
    let code = page.members(&answer.text, "code").unwrap_or_default();
    match answer.status {
        0 => UNREACHABLE.to_owned(),
        _ if code.is_empty() => REFUSED.to_owned(),
        _ => code,
    }
}

/// Why a request was refused, and what to do: in the proxy's words if the proxy answered. `None` if it was not refused.
pub fn problem(page: &dyn Page, answer: &Done) -> Option<String> {
    if (1..400).contains(&answer.status) {
        return None;
    }
    let members = page.members(&answer.text, "detail title").unwrap_or_default();
    let [detail, title, ..] = texts(&members);
    let words = [detail, title, NO_PROXY].into_iter().find(|words| !words.is_empty());
    words.map(str::to_owned)
}

/// The page's form of a receipt; `None` if it is not one.
fn outcome(page: &dyn Page, receipt: &str) -> Option<Outcome> {
    let members = page.members(receipt, "status code attribution warnings")?;
    let [word, code, attribution, warnings, ..] = texts(&members);
    let known = [Status::Accepted, Status::Duplicate, Status::Held, Status::Unattributed, Status::Rejected];
    let status = known.into_iter().map(Status::as_str).find(|status| *status == word)?;
    let list = |json: &str| json.starts_with('[').then(|| json.to_owned());
    Some(Outcome {
        status,
        code: code.to_owned(),
        attribution: list(attribution).unwrap_or_else(|| "[]".to_owned()),
        warnings: list(warnings).filter(|json| json != "[]").unwrap_or_default(),
    })
}

/// What [`crate::page::Work::Key`] gave: the browser key, and the hash of the token.
pub fn keys(text: &str) -> (Option<EcPublicJwk>, Option<TokenHash>) {
    let [x, y, hash, ..] = texts(text);
    (EcPublicJwk::new(x, y).ok(), TokenHash::try_from(hash.to_owned()).ok())
}

/// What an envelope is to hold.
pub(crate) struct Content {
    /// Its type: [`envelope::CONVERSION`] or [`envelope::CARRIER`].
    pub(crate) typ: &'static str,
    /// The conversion's or carrier's id.
    pub(crate) id: Jti,
    /// When it happened, by the browser's clock.
    pub(crate) at: UnixMillis,
    /// The JSON of the payload's `data`; otherwise what is wrong with the page's argument.
    pub(crate) data: String,
    /// The click token.
    pub(crate) token: String,
    /// Milliseconds to add to the browser's clock to get the proxy's.
    pub(crate) offset: i64,
}

/// What is posted to `v1/conversions` or `v1/carriers`: what is to be signed, or plain JSON if this browser has no key. Without
/// SHA-256 the browser cannot bind the content to its token.
///
/// # Errors
/// What is wrong with the page's argument; an entry that the stub stored has not been checked before. Empty if there is no
/// hash.
pub(crate) fn envelope(
    page: &dyn Page,
    settings: &Settings,
    content: Content,
    keys: &str,
) -> Result<(String, bool), String> {
    let (jwk, ath) = self::keys(keys);
    let Content { typ, id, at, data, token, offset } = content;
    if !data.starts_with('{') {
        return Err(data);
    }
    let payload = Payload {
        jti: id,
        // As far as known, never ahead of the proxy's clock, even if the browser's clock was set since.
        iat: at.min(page.now()).plus(offset).seconds(),
        aud: settings.site.clone(),
        ath: ath.ok_or_else(String::new)?,
        token,
        data: Raw(data),
    };
    let (text, is_signed) = match jwk {
        Some(jwk) => (envelope::signing_input(typ, &jwk, &payload, &Json), true),
        None => (to_text(&payload), false),
    };
    text.map(|text| (text, is_signed)).map_err(|_kind| String::new())
}
