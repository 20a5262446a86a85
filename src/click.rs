//! The click token in the browser: how it is asked for, read and kept. Reads the token's payload without verifying it, which
//! is the proxy's to do, and trusts it for two numbers only: when it was signed and when it ends. Who asks, and when, stands
//! in [`crate::tracker`].

use serde::Serialize;
use trailmark_wire::base64url;
use trailmark_wire::click::ClickRequest;
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;

use crate::capture::Sighting;
use crate::config::{Arrival, Settings};
use crate::page::{Json, Method, Page, Request};

/// The current touch as the page may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Touch {
    /// The program.
    pub program: String,
    /// The partner's key; absent where only a click id is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// When the touch was, RFC 3339.
    pub at: String,
    /// When its window ends, RFC 3339.
    pub expires_at: String,
}

/// A click token with what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// The token, a compact JWS.
    pub token: String,
    /// The touch behind it.
    pub touch: Touch,
    /// Milliseconds to add to the browser's clock to have the proxy's.
    pub offset: i64,
    /// When the token ends, seconds by the proxy's clock.
    expires: i64,
}

/// What lies in storage: the proxy's answer as it came, and the clock that it was received by.
#[derive(Serialize)]
struct Kept<'a> {
    answer: &'a str,
    offset: i64,
}

impl Click {
    /// Takes the proxy's answer, received at `now`, and keeps it for later pages, so that they need not ask. Where storage
    /// is denied they ask.
    pub fn receive<P: Page>(page: &P, settings: &Settings, answer: &str, now: UnixMillis) -> Option<Self> {
        let (mut click, issued) = Self::read(page, answer)?;
        click.offset = UnixMillis::from_seconds(issued).since(now);
        if let Ok(text) = page.write(&Kept { answer, offset: click.offset }) {
            page.store(&settings.click_key(), &text);
        }
        Some(click)
    }

    /// The click that an earlier page kept, unless its window is over.
    pub fn load<P: Page>(page: &P, settings: &Settings) -> Option<Self> {
        let kept = page.parse(&page.load(&settings.click_key())?)?;
        let (mut click, _issued) = Self::read(page, &kept.member_text("answer")?)?;
        click.offset = kept.member_integer("offset")?;
        (page.now().plus(click.offset).seconds() < click.expires).then_some(click)
    }

    /// The click of an answer, and when its token was signed.
    fn read<P: Page>(page: &P, answer: &str) -> Option<(Self, i64)> {
        let answer = page.parse(answer)?;
        let token = answer.member_text("click_token")?;
        let payload = base64url::decode(token.split('.').nth(1)?)?;
        let claims = page.parse(&String::from_utf8(payload).ok()?)?;
        let touch = Touch {
            program: answer.member_text("program")?,
            partner: answer.member_text("partner"),
            at: answer.member_text("at")?,
            expires_at: answer.member_text("expires_at")?,
        };
        let (issued, expires) = (claims.member_integer("iat")?, claims.member_integer("exp")?);
        Some((Self { token, touch, offset: 0, expires }, issued))
    }
}

/// `POST v1/clicks` for this arrival. A repeat, which the proxy knows by the arrival's id, is how a lost or outdated token
/// is had again.
pub fn request<P: Page>(
    page: &P,
    settings: &Settings,
    arrival: &Arrival,
    sighting: &Sighting,
    jwk: Option<EcPublicJwk>,
) -> Option<Request> {
    let body = ClickRequest {
        site: settings.site.clone(),
        id: arrival.id.clone(),
        url: sighting.url.clone(),
        referrer: sighting.referrer.clone(),
        at: Some(arrival.at.clone()),
        cookies: sighting.cookies.clone(),
        jwk,
    };
    let body = page.write(&body).ok()?;
    Some(Request { method: Method::Post, url: settings.route("/v1/clicks"), body })
}
