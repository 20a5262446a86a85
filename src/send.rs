//! Sends one conversion over HTTP: its envelope, the request, and what the answer asks for. The decision is pure
//! ([`step`]). [`crate::tracker`] requests new tokens and stores what waits.

use trailmark_wire::envelope::{self, Payload, TokenHash};
use trailmark_wire::jws;
use trailmark_wire::receipt::Status;

use crate::click::Click;
use crate::config::Settings;
use crate::conversion::{Entry, Outcome, Pair};
use crate::json::Raw;
use crate::page::{Answer, Json, Method, Page, Request};

/// Whether a new token was already requested for this conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Not yet.
    Once,
    /// Yes; there is no third try.
    WithNewToken,
}

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

/// Decides what to do after an answer, or after none.
pub fn step<J: Json>(answer: Option<&Answer<J>>, tried: Tried) -> Step {
    let Some(answer) = answer else {
        return unreachable();
    };
    if matches!(answer.status, 200 | 202) {
        // Something else may have answered: a captive portal, another server.
        let outcome = answer.json.as_ref().and_then(outcome);
        return outcome.map_or_else(unreachable, Step::Done);
    }
    let code = refusal_code(answer);
    match answer.status {
        401 if tried == Tried::Once && RENEWABLE.contains(&code.as_str()) => Step::Renew,
        408 | 425 | 429 | 500.. => Step::Keep { code, rest: answer.retry_after },
        // A mistake in `origins` or `data-site` that somebody will correct.
        403 | 404 => Step::Keep { code, rest: None },
        // Not the proxy's answer: a web server's error page during a deployment, a challenge, a filter on the way.
        _ if code == REFUSED => Step::Keep { code, rest: None },
        _ => Step::Done(Outcome { code: Some(code), ..Outcome::coded("failed", "") }),
    }
}

/// No answer, or none of the proxy.
pub fn unreachable() -> Step {
    Step::Keep { code: UNREACHABLE.to_owned(), rest: Some(0) }
}

/// The stable code of a refusal; [`REFUSED`] if the answer has none.
pub fn refusal_code<J: Json>(answer: &Answer<J>) -> String {
    let code = answer.json.as_ref().and_then(|problem| problem.member_text("code"));
    code.unwrap_or_else(|| REFUSED.to_owned())
}

/// The page's form of a receipt; `None` if it is not one.
fn outcome<J: Json>(receipt: &J) -> Option<Outcome> {
    let word = receipt.member_text("status")?;
    let known = [Status::Accepted, Status::Duplicate, Status::Held, Status::Unattributed, Status::Rejected];
    let status = known.into_iter().map(Status::as_str).find(|status| *status == word)?;
    Some(Outcome {
        status,
        code: receipt.member_text("code"),
        conversion_id: receipt.member_text("conversion_id"),
        attribution: Some(pairs(receipt, "attribution", ["program", "partner"])),
        warnings: pairs(receipt, "warnings", ["field", "code"]),
    })
}

/// The two members of each object of a list.
fn pairs<J: Json>(receipt: &J, list: &str, names: [&'static str; 2]) -> Vec<Pair> {
    let [first, second] = names;
    let items = receipt.member(list).map(|list| list.items()).unwrap_or_default();
    let pair = |item: &J| Some(Pair { names, first: item.member_text(first)?, second: item.member_text(second) });
    items.iter().filter_map(pair).collect()
}

/// Sends a request. If it is refused, `data-debug` prints why and what to do, in the proxy's words if the proxy answered.
pub async fn post<P: Page>(page: &P, settings: &Settings, request: Request) -> Option<Answer<P::Json>> {
    let url = request.url.clone();
    let answer = page.send(request).await;
    let problem = match &answer {
        Some(Answer { status: ..400, .. }) => return answer,
        Some(answer) => answer
            .json
            .as_ref()
            .and_then(|problem| problem.member_text("detail").or_else(|| problem.member_text("title"))),
        None => None,
    };
    settings.explain(page, &[&url, ": ", problem.as_deref().unwrap_or(NO_PROXY)]);
    answer
}

/// Posts an entry and decides by the answer.
pub async fn exchange<P: Page>(page: &P, settings: &Settings, click: &Click, entry: &Entry, tried: Tried) -> Step {
    match request(page, settings, click, entry).await {
        Some(request) => step(post(page, settings, request).await.as_ref(), tried),
        // Without SHA-256 the browser cannot bind the conversion to its token.
        None => Step::Done(Outcome::coded("failed", "no_crypto")),
    }
}

fn explain<P: Page>(page: &P, settings: &Settings, problem: &str) {
    if settings.debug {
        page.warn(problem);
    }
}

/// `POST v1/conversions` for an entry: signed if this browser has a key, otherwise plain JSON.
async fn request<P: Page>(page: &P, settings: &Settings, click: &Click, entry: &Entry) -> Option<Request> {
    let jwk = page.key(&settings.site).await;
    let ath = TokenHash::from_digest(page.sha256(&click.click_token).await?);
    let payload = Payload {
        jti: entry.id.clone(),
        // As far as known, never ahead of the proxy's clock, even if the browser's clock was set since.
        iat: entry.at.min(page.now()).plus(click.offset).seconds(),
        aud: settings.site.clone(),
        ath,
        token: click.click_token.clone(),
        // An entry that the stub stored has not been checked before.
        data: Raw(page.body(entry.kind, &entry.input).map_err(|problem| explain(page, settings, &problem)).ok()?),
    };
    let mut body = page.write(&payload).ok()?;
    if let Some(jwk) = jwk {
        let input = envelope::signing_input(&jwk, &payload, page).ok()?;
        if let Some(signature) = page.sign(&input).await {
            body = jws::assemble(&input, &signature);
        }
    }
    Some(Request { method: Method::Post, url: settings.route("/v1/conversions"), body })
}
