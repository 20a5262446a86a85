//! The click token in the browser: how it is requested, read and stored. The payload is read without verification, which
//! only the proxy can do, and only for its times and the visitor's reference. [`crate::tracker`] decides when to request
//! one.

use serde::{Serialize, Serializer};
use trailmark_wire::base64url;
use trailmark_wire::click::ClickRequest;
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;

use crate::capture::{self, Sighting};
use crate::config::{Arrival, Settings};
use crate::json::Members;
use crate::page::{Json, Method, Page, Request};

/// Milliseconds for which a conversion that an earlier page left waits for its touch.
pub const WAIT_MS: i64 = 30_000;

/// The current touch, as the page may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The program.
    pub program: String,
    /// The partner's key; absent if only a click id is known.
    pub partner: Option<String>,
    /// When the touch was, RFC 3339.
    pub at: String,
    /// When its window ends, RFC 3339.
    pub expires_at: String,
}

impl Serialize for Touch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = Members::begin(serializer)?;
        members.text("program", Some(&self.program))?;
        members.text("partner", self.partner.as_deref())?;
        members.text("at", Some(&self.at))?;
        members.text("expiresAt", Some(&self.expires_at))?;
        members.end()
    }
}

/// A click token with what it says: the members of the proxy's answer, and the clock offset. Stored in this form.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Click {
    /// The token, a compact JWS.
    pub click_token: String,
    /// Milliseconds to add to the browser's clock to get the proxy's.
    pub offset: i64,
    /// The program.
    pub program: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    at: String,
    expires_at: String,
    /// When the token expires, in seconds by the proxy's clock.
    #[serde(skip)]
    expires: i64,
    /// The visitor's random id, which a checkout's reference field may carry.
    #[serde(skip)]
    pub reference: String,
    /// Whether it is in storage. If it was and no longer is, another page removed it.
    #[serde(skip)]
    pub stored: bool,
}

impl Click {
    /// Reads the proxy's answer and stores it for later pages, which then need no request. If storage is denied, each page
    /// asks.
    pub fn receive<P: Page>(page: &P, settings: &Settings, answer: &P::Json) -> Option<Self> {
        let mut click = Self::read(page, answer)?;
        let text = page.write(&click);
        click.stored = text.is_ok_and(|text| page.store(&settings.click_key(), &text));
        if !click.stored {
            // Storage is full: later pages would take the previous entry for the current one.
            page.remove(&settings.click_key());
        }
        Some(click)
    }

    /// The click that an earlier page stored, unless its window is over.
    pub fn load<P: Page>(page: &P, settings: &Settings) -> Option<Self> {
        let kept = page.parse(&page.load(&settings.click_key())?)?;
        let click = Self::read(page, &kept)?;
        (page.now().plus(click.offset).seconds() < click.expires).then_some(click)
    }

    /// Stores a report in the token's place until it is answered, since the visitor may leave the page before.
    pub fn expect<P: Page>(page: &P, settings: &Settings, report: &Request) {
        page.store(&settings.click_key(), &report.body);
    }

    /// The report that an earlier page began and that nobody saw answered. Its arrival id and the browser key bring the same
    /// touch again; after the touch's window they bring none.
    pub fn expected<P: Page>(page: &P, settings: &Settings) -> Option<Request> {
        let text = page.load(&settings.click_key())?;
        page.parse(&text)?.member_text("id")?;
        Some(post(settings, text))
    }

    /// Reads a fresh answer, or a stored one, which has its `offset` with it.
    fn read<P: Page>(page: &P, answer: &P::Json) -> Option<Self> {
        let click_token = answer.member_text("click_token")?;
        let payload = base64url::decode(click_token.split('.').nth(1)?)?;
        let claims = page.parse(&String::from_utf8(payload).ok()?)?;
        let issued = UnixMillis::from_seconds(claims.member_integer("iat")?);
        Some(Self {
            click_token,
            offset: answer.member_integer("offset").unwrap_or_else(|| issued.since(page.now())),
            program: answer.member_text("program")?,
            partner: answer.member_text("partner"),
            at: answer.member_text("at")?,
            expires_at: answer.member_text("expires_at")?,
            expires: claims.member_integer("exp")?,
            reference: claims.member_text("sub")?,
            stored: true,
        })
    }

    /// The part that the page may see.
    pub fn touch(&self) -> Touch {
        Touch {
            program: self.program.clone(),
            partner: self.partner.clone(),
            at: self.at.clone(),
            expires_at: self.expires_at.clone(),
        }
    }
}

/// [`request`] for what this arrival carries ([`capture::look`]); stored until it is answered if it is a touch and there is
/// no token yet.
pub fn report<P: Page>(
    page: &P,
    settings: &Settings,
    arrival: &Arrival,
    told: bool,
    jwk: Option<EcPublicJwk>,
    kept: Option<&Click>,
) -> Option<Request> {
    let sighting = capture::look(arrival, told, &page.cookies(), &settings.params);
    let is_touch = sighting.source.is_some();
    let report = request(page, settings, arrival, sighting, jwk, kept)?;
    if is_touch && kept.is_none() {
        Click::expect(page, settings, &report);
    }
    Some(report)
}

/// `POST v1/clicks` for this arrival. A repeat with the same arrival id returns a lost or outdated token again. With `kept`, the
/// token of an earlier page, the proxy also says whether that token still counts.
fn request<P: Page>(
    page: &P,
    settings: &Settings,
    arrival: &Arrival,
    sighting: Sighting,
    jwk: Option<EcPublicJwk>,
    kept: Option<&Click>,
) -> Option<Request> {
    let body = ClickRequest {
        site: settings.site.clone(),
        id: arrival.id.clone(),
        url: sighting.url,
        // The proxy does not use it, so it stays in the page.
        referrer: None,
        at: Some(arrival.at.clone()),
        again: arrival.again,
        cookies: sighting.cookies,
        jwk,
        click_token: kept.map(|click| click.click_token.clone()),
    };
    Some(post(settings, page.write(&body).ok()?))
}

fn post(settings: &Settings, body: String) -> Request {
    Request { method: Method::Post, url: settings.route("/v1/clicks"), body }
}
