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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Click {
    /// The token, a compact JWS.
    pub token: String,
    /// The touch behind it.
    pub touch: Touch,
    /// Milliseconds to add to the browser's clock to have the proxy's.
    pub offset: i64,
    /// When it ends, seconds by the proxy's clock.
    #[serde(skip)]
    pub expires: i64,
}

impl Click {
    /// Reads the proxy's answer, received at `now`.
    pub fn from_answer<P: Page>(page: &P, body: &str, now: UnixMillis) -> Option<Self> {
        let answer = page.parse(body)?;
        let token = answer.member_text("click_token")?;
        let issued = claim(page, &token, "iat")?;
        let touch = Touch {
            program: answer.member_text("program")?,
            partner: answer.member_text("partner"),
            at: answer.member_text("at")?,
            expires_at: answer.member_text("expires_at")?,
        };
        let expires = claim(page, &token, "exp")?;
        Some(Self { token, touch, offset: UnixMillis::from_seconds(issued).since(now), expires })
    }

    /// The click that an earlier page kept, unless its window is over.
    pub fn load<P: Page>(page: &P, settings: &Settings) -> Option<Self> {
        let kept = page.parse(&page.load(&settings.click_key())?)?;
        let token = kept.member_text("token")?;
        let touch = kept.member("touch")?;
        let touch = Touch {
            program: touch.member_text("program")?,
            partner: touch.member_text("partner"),
            at: touch.member_text("at")?,
            expires_at: touch.member_text("expiresAt")?,
        };
        let expires = claim(page, &token, "exp")?;
        let click = Self { token, touch, offset: kept.member_integer("offset")?, expires };
        (page.now().plus(click.offset).seconds() < expires).then_some(click)
    }

    /// Keeps it for later pages, so that they need not ask. Where storage is denied they ask.
    pub fn keep<P: Page>(&self, page: &P, settings: &Settings) {
        if let Ok(text) = page.write(self) {
            page.store(&settings.click_key(), &text);
        }
    }
}

/// A number out of the token's payload.
fn claim<P: Page>(page: &P, token: &str, name: &str) -> Option<i64> {
    let payload = base64url::decode(token.split('.').nth(1)?)?;
    page.parse(&String::from_utf8(payload).ok()?)?.member_integer(name)
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
