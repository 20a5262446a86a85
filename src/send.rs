//! One conversion over HTTP: its envelope, the request, and what the answer asks for. Deciding is pure ([`step`]); whether a
//! token is asked for again, and what is kept, is [`crate::tracker`]'s.

use trailmark_wire::envelope::{self, Payload, TokenHash};
use trailmark_wire::jws;
use trailmark_wire::receipt::Status;

use crate::click::Click;
use crate::config::Settings;
use crate::conversion::{Entry, Outcome, Pair};
use crate::json::Raw;
use crate::page::{Answer, Json, Method, Page, Request};

/// Whether a new token was asked for on behalf of this conversion already.
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
    /// The conversion is done with, so.
    Done(Outcome),
    /// Keep it for later.
    Keep {
        /// Why.
        code: String,
        /// Milliseconds for which nothing else need be tried either; `None` where it may be this conversion alone.
        rest: Option<u32>,
    },
    /// Ask for a token, which also sets the clock, and sign again.
    Renew,
}

/// Refusals after which the same conversion may pass with a new token: the three that are about the token, a signature by
/// a key that this page has lost, and a clock that was set since. The test `codes_are_the_wires` ties them to the wire.
pub const RENEWABLE: [&str; 5] =
    ["from_the_future", "key_mismatch", "signature_invalid", "token_expired", "token_invalid"];

/// The code where no proxy answered.
pub const UNREACHABLE: &str = "unreachable";

/// The code of a refusal that states none, and so is not the proxy's.
const REFUSED: &str = "refused";

/// What is explained where nobody answers, or nobody who is the proxy.
const NO_PROXY: &str = "no Trailmark proxy answers this page here: check data-endpoint, and origins in trailmark.toml";

/// What to do after an answer, or after none.
pub fn step<J: Json>(answer: Option<&Answer<J>>, tried: Tried) -> Step {
    let Some(answer) = answer else {
        return unreachable();
    };
    if matches!(answer.status, 200 | 202) {
        // Something may have answered that is no proxy of ours: a captive portal, another server.
        let outcome = answer.json.as_ref().and_then(outcome);
        return outcome.map_or_else(unreachable, Step::Done);
    }
    let code = refusal_code(answer);
    match answer.status {
        401 if tried == Tried::Once && RENEWABLE.contains(&code.as_str()) => Step::Renew,
        408 | 425 | 429 | 500.. => Step::Keep { code, rest: answer.retry_after },
        // A mistake in `origins` or `data-site` that somebody will correct.
        403 | 404 => Step::Keep { code, rest: None },
        // Not the proxy's word: a web server's page while it is set up anew, a challenge, a filter on the way.
        _ if code == REFUSED => Step::Keep { code, rest: None },
        _ => Step::Done(Outcome { code: Some(code), ..Outcome::coded("failed", "") }),
    }
}

/// Nobody answered who is the proxy.
pub fn unreachable() -> Step {
    Step::Keep { code: UNREACHABLE.to_owned(), rest: Some(0) }
}

/// The stable code of a refusal; [`REFUSED`] of an answer without one.
pub fn refusal_code<J: Json>(answer: &Answer<J>) -> String {
    let code = answer.json.as_ref().and_then(|problem| problem.member_text("code"));
    code.unwrap_or_else(|| REFUSED.to_owned())
}

/// A receipt as the page hears of it.
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

/// Sends a request. Where it is refused, `data-debug` says why and what to do: in the proxy's words, if it is the proxy that
/// answers.
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

/// Posts an entry and reads the answer.
pub async fn exchange<P: Page>(page: &P, settings: &Settings, click: &Click, entry: &Entry, tried: Tried) -> Step {
    match request(page, settings, click, entry).await {
        Some(request) => step(post(page, settings, request).await.as_ref(), tried),
        // The browser cannot hash, and so cannot say which token it means.
        None => Step::Done(Outcome::coded("failed", "no_crypto")),
    }
}

fn explain<P: Page>(page: &P, settings: &Settings, problem: &str) {
    if settings.debug {
        page.warn(problem);
    }
}

/// `POST v1/conversions` for an entry: signed where this browser has a key, else in plain JSON.
async fn request<P: Page>(page: &P, settings: &Settings, click: &Click, entry: &Entry) -> Option<Request> {
    let jwk = page.key(&settings.site).await;
    let ath = TokenHash::from_digest(page.sha256(&click.click_token).await?);
    let payload = Payload {
        jti: entry.id.clone(),
        // Never ahead of the proxy's clock as far as it is known, whatever was done to this one since.
        iat: entry.at.min(page.now()).plus(click.offset).seconds(),
        aud: settings.site.clone(),
        ath,
        token: click.click_token.clone(),
        // What the stub has kept was not looked at before.
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
