//! The click token in the browser: how it is requested, read and stored. The payload is read without verification, which
//! only the proxy can do, and only for its times and the visitor's reference. [`crate::tracker`] decides when to request
//! one.

use trailmark_wire::base64url;
use trailmark_wire::click::ClickRequest;
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::landing::split;
use trailmark_wire::time::UnixMillis;

use crate::capture::Sighting;
use crate::config::{Arrival, Settings};
use crate::json::{integer, number, object, to_text};
use crate::page::{Page, SEPARATOR};

/// Milliseconds for which a conversion that an earlier page left waits for its touch.
pub const WAIT_MS: i64 = 30_000;

/// A click token with what it says: the members of the proxy's answer, and the clock offset. Stored in this form.
#[derive(Debug, PartialEq, Eq)]
pub struct Click {
    /// The token, a compact JWS.
    pub click_token: String,
    /// Milliseconds to add to the browser's clock to get the proxy's.
    pub offset: i64,
    /// The program.
    pub program: String,
    /// The partner's key; empty if only a click id is known.
    partner: String,
    /// When the touch was, RFC 3339.
    at: String,
    /// When its window ends, RFC 3339.
    expires_at: String,
    /// When the token expires, in seconds by the proxy's clock.
    expires: i64,
    /// The visitor's random id, which a checkout's reference field may carry.
    pub reference: String,
    /// The origins to which links take the visit along: a list as JSON, empty if there are none.
    pub carry_to: String,
    /// Whether it is in storage. If it was and no longer is, another page removed it.
    pub stored: bool,
}

impl Click {
    /// Reads the proxy's answer and stores it for later pages, which then need no request. If storage is denied, each page
    /// asks.
    pub fn receive(page: &dyn Page, settings: &Settings, answer: &str) -> Option<Self> {
        let mut click = Self::read(page, answer)?;
        let offset = number(click.offset);
        let Self { click_token, program, partner, at, expires_at, carry_to, .. } = &click;
        let values = [click_token, &offset, program, partner, at, expires_at, carry_to];
        let text = object("click_token =offset program partner at expires_at =carry_to", &values.map(String::as_str));
        let key = settings.click_key();
        click.stored = page.store(&key, &text);
        if !click.stored {
            // Storage is full: later pages would take the previous entry for the current one.
            page.store(&key, "");
        }
        Some(click)
    }

    /// The click that an earlier page stored, unless its window is over.
    pub fn load(page: &dyn Page, settings: &Settings) -> Option<Self> {
        let click = Self::read(page, &page.load(&settings.click_key())?)?;
        (page.now().plus(click.offset).seconds() < click.expires).then_some(click)
    }

    /// The report that an earlier page began and that nobody saw answered: it stands in the token's place until it is
    /// answered, since the visitor may leave the page before. Its arrival id and the browser key bring the same touch again;
    /// after the touch's window they bring none.
    pub fn expected(page: &dyn Page, settings: &Settings) -> Option<String> {
        let text = page.load(&settings.click_key())?;
        let id = page.members(&text, "id")?;
        (!id.is_empty()).then_some(text)
    }

    /// Reads a fresh answer, or a stored one, which has its `offset` with it.
    fn read(page: &dyn Page, answer: &str) -> Option<Self> {
        let members = page.members(answer, "click_token program at expires_at partner offset carry_to")?;
        let [click_token, program, at, expires_at, partner, offset, carry_to, ..] = texts(&members);
        let claims = page.members(&payload(click_token)?, "iat exp sub")?;
        let [issued, expires, reference, ..] = texts(&claims);
        // Of at most 15 digits, so that nothing overflows.
        let issued = UnixMillis(integer(issued)? * 1_000);
        if [program, at, expires_at, reference].contains(&"") {
            return None;
        }
        Some(Self {
            click_token: click_token.to_owned(),
            offset: integer(offset).unwrap_or_else(|| issued.since(page.now())),
            program: program.to_owned(),
            partner: partner.to_owned(),
            at: at.to_owned(),
            expires_at: expires_at.to_owned(),
            expires: integer(expires)?,
            reference: reference.to_owned(),
            carry_to: carry_to.to_owned(),
            stored: true,
        })
    }

    /// The current touch as JSON, the part that the page may see.
    pub fn touch(&self) -> String {
        object("program partner at expiresAt", &[&self.program, &self.partner, &self.at, &self.expires_at])
    }
}

/// The JSON of the payload of a compact JWS, or of what is signed of it.
pub(crate) fn payload(jws: &str) -> Option<String> {
    let (_, rest) = split(jws, b".");
    let (payload, _) = split(rest.get(1..)?, b".");
    String::from_utf8(base64url::decode(payload)?).ok()
}

/// The texts of [`Page::members`]; those that are missing are empty. Always as many as anything has, so that the module has
/// this once. The ninth is all that is left, with any separators in it.
pub(crate) fn texts(members: &str) -> [&str; 9] {
    let (mut texts, mut rest) = ([""; 9], members);
    let [first @ .., last] = &mut texts;
    for text in first {
        let (member, after) = split(rest, SEPARATOR);
        (*text, rest) = (member, after.get(1..).unwrap_or_default());
    }
    *last = rest;
    texts
}

/// The body of `POST v1/clicks` for this arrival. A repeat with the same arrival id returns a lost or outdated token again.
/// With `kept`, the token of an earlier page, the proxy also says whether that token still counts.
pub fn request(
    settings: &Settings,
    arrival: &Arrival,
    sighting: Sighting,
    jwk: Option<EcPublicJwk>,
    kept: Option<String>,
) -> Option<String> {
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
        click_token: kept,
    };
    to_text(&body).ok()
}
