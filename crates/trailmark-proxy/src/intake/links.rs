//! `GET r/{program}/{partner}?to=`: a partner's link on the merchant's host. Records the touch during the top-level
//! navigation, whose cookies keep their full lifetime in every browser, and redirects the visitor. [`step`] decides
//! purely from the request whether it counts; [`super::destination`] decides where a link may lead.
//!
//! A link always redirects: if a touch may not or cannot be recorded, the page gets the partner in a parameter and
//! handles it as consent allows.

use axum::response::{IntoResponse as _, Response};
use http::header::{HeaderMap, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE, USER_AGENT};
use http::{Method, StatusCode, Uri};
use trailmark_wire::capture::{Captured, Rule, Source};
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{ArrivalId, PartnerKey};
use trailmark_wire::landing::Landing;
use trailmark_wire::refusal::Refusal;
use url::Url;

use super::address::ClientNetwork;
use super::destination::{destination, with_others, with_param, without_captured};
use super::problem::Problem;
use super::visitor::{self, Seen};
use super::{Call, host};
use crate::app::App;
use crate::config::{Consent, Program, Site};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Refused with "try again": a browser prefetches the link, and nobody has clicked.
    Later,
    /// Redirected only: no visit of a person.
    Pass,
    /// Redirected with the partner in a parameter: the page must ask for consent.
    Carry,
    /// Recorded and redirected.
    Record,
}

/// How browsers' user agents begin; other programs begin differently.
const BROWSERS: [&str; 3] = ["mozilla/", "opera/", "ucweb/"];

/// Ends of words by which robots with such user agents identify themselves. Robots that hide are not detected: a
/// touch alone earns nothing.
const ROBOTS: [&str; 6] = ["bot", "crawler", "embedly", "preview", "slurp", "spider"];

/// `GET` and `HEAD` of a link; `link` is the decoded path below `r/`.
pub(super) async fn follow(app: &App, call: Call, method: &Method, uri: &Uri, link: &str) -> Result<Response, Problem> {
    app.rates.take(call.client)?;
    let (program, partner) = link.split_once('/').ok_or(Refusal::NotFound)?;
    let (site, program) = linked(app, call.host.as_deref(), program)?;
    let partner = partner_of(program, partner)?;
    app.rates.take_at(&site.id, call.client)?;
    let query = uri.query().unwrap_or_default();
    let to = destination(query, site, &app.config.server.mount).map_err(|problem| Problem::malformed("to", problem))?;
    let rules: Vec<Rule<'_>> = site.programs.iter().map(Program::rule).collect();
    let to = without_captured(with_others(to, query), &rules).map_err(|problem| Problem::malformed("to", problem))?;
    let cookies = match step(site.consent, method, &call.headers) {
        Step::Later => {
            return Err(Problem::unavailable()
                .with_detail("a prefetch is not a visit: request the link when the visitor clicks"));
        }
        Step::Pass => Vec::new(),
        Step::Carry => return Ok(lead(&carried(to, program, &partner), Vec::new())),
        Step::Record => match record(app, site, (program, &partner), &to, &call.headers, call.client).await {
            Ok(cookies) => cookies,
            // Logged where it occurred. The visitor must arrive, and the page may still succeed.
            Err(_problem) => return Ok(lead(&carried(to, program, &partner), Vec::new())),
        },
    };
    Ok(lead(&to, cookies))
}

/// The named program, if the host belongs to its site and its vendor accepts a partner's key.
fn linked<'a>(app: &'a App, host: Option<&str>, id: &str) -> Result<(&'a Site, &'a Program), Problem> {
    let all = app.config.sites.iter().flat_map(|site| site.programs.iter().map(move |program| (site, program)));
    let nowhere = |cure: &str| Problem::new(Refusal::NotFound).with_detail(cure);
    let (site, program) = all
        .into_iter()
        .find(|(_, program)| program.id.as_str().eq_ignore_ascii_case(id))
        .filter(|(site, _)| host.is_some_and(|host| host::is_own(site, host)))
        .ok_or_else(|| {
            nowhere("no program with this name belongs to this host: see `public_url` and `origins` of its site, and `trusted_proxies`")
        })?;
    match program.rule().takes_partner() {
        true => Ok((site, program)),
        false => Err(nowhere("this program's vendor needs its own click id: use the vendor's links")),
    }
}

/// The partner's key in the vendor's spelling, without text that was glued to the link's end.
fn partner_of(program: &Program, partner: &str) -> Result<PartnerKey, Problem> {
    let problem = match program.rule().partner(partner) {
        Some(Ok(partner)) => return Ok(partner),
        None => "is empty or an unfilled merge tag",
        Some(Err(Unusable::Characters)) => "has characters that no vendor uses",
        Some(Err(Unusable::Email)) => "is an e-mail address: use the key that the vendor shows for this partner",
        Some(Err(Unusable::TooLong)) => "is longer than 255 characters",
    };
    Err(Problem::new(Refusal::NotFound).with_detail(format!("the partner key of this link {problem}")))
}

/// Decides what happens to the request.
fn step(consent: Consent, method: &Method, headers: &HeaderMap) -> Step {
    let says = |name: &'static str| headers.get(name).and_then(|value| value.to_str().ok());
    let begins = |name, word| says(name).is_some_and(|value: &str| value.to_ascii_lowercase().starts_with(word));
    if begins("sec-purpose", "prefetch") || begins("purpose", "prefetch") || begins("x-moz", "prefetch") {
        Step::Later
    } else if method != Method::GET || !is_navigation(&says) || is_robot(headers) {
        Step::Pass
    } else if consent == Consent::Required || says("sec-gpc") == Some("1") {
        Step::Carry
    } else {
        Step::Record
    }
}

/// Whether a browser loads a page, not a frame, an image or a script. Browsers without `Sec-Fetch-*` accept HTML.
fn is_navigation<'h>(says: &impl Fn(&'static str) -> Option<&'h str>) -> bool {
    match (says("sec-fetch-mode"), says("sec-fetch-dest")) {
        (None, None) => says("accept").is_some_and(|accept| accept.contains("text/html")),
        (mode, destination) => {
            mode.is_none_or(|mode| mode == "navigate") && destination.is_none_or(|to| to == "document")
        }
    }
}

/// Whether the user agent says that it is not a person's browser.
fn is_robot(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    let agent = agent.unwrap_or_default();
    // Cubot makes phones.
    let is_robot = |word: &str| word != "cubot" && ROBOTS.iter().any(|ending| word.ends_with(ending));
    !BROWSERS.iter().any(|browser| agent.starts_with(browser))
        || agent.split(|c: char| !c.is_ascii_alphanumeric()).any(is_robot)
}

/// Records the touch and returns the cookies.
async fn record(
    app: &App,
    site: &Site,
    (program, partner): (&Program, &PartnerKey),
    to: &Url,
    headers: &HeaderMap,
    client: ClientNetwork,
) -> Result<Vec<HeaderValue>, Problem> {
    let now = app.clock.now();
    let known = visitor::known(app, site, headers, now).await?;
    let captured = Captured {
        click_id: None,
        partner: Some(partner.clone()),
        raw_partner: None,
        source: Source::Url,
        twins_differ: false,
        unusable: None,
    };
    let seen = Seen {
        id: ArrivalId::from_random(app.random.bytes()?),
        jkt: None,
        client,
        again: false,
        touches: vec![(program.id.clone(), captured)],
        landing_url: Landing::parse(to.as_str()).map(|landing| landing.stored(&[])).unwrap_or_default(),
        at: now,
    };
    match visitor::record(app, site, seen, known, now).await? {
        Some((found, _)) => visitor::cookies(app, site, &found, now).await,
        None => Ok(Vec::new()),
    }
}

/// The destination with the partner in a parameter that the page's capture rules find.
fn carried(to: Url, program: &Program, partner: &PartnerKey) -> Url {
    match program.rule().partner_param(partner) {
        Some((name, value)) => with_param(to, name, &value),
        None => to,
    }
}

fn lead(to: &Url, cookies: Vec<HeaderValue>) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to.as_str()) {
        headers.insert(LOCATION, to);
    }
    // The page learns which site sent the visitor, as usual, but not which page.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str =
        "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 Version/26.1 Safari/604.1";
    const NAVIGATION: [(&str, &str); 3] =
        [("user-agent", BROWSER), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

    /// The step for a `GET` without required consent; a later header replaces an earlier one.
    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], expected: Step) {
        assert_eq!(step(Consent::NotRequired, &Method::GET, &of(headers)), expected, "{headers:?}");
    }

    fn of(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn navigation_with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        NAVIGATION.iter().chain(more).copied().collect()
    }

    #[test]
    fn only_a_persons_navigation_is_recorded() {
        check(&NAVIGATION, Step::Record);
        // Browsers before Safari 16.4 do not send `Sec-Fetch-*`.
        check(&[("user-agent", BROWSER), ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], Step::Record);
        check(&[("user-agent", BROWSER), ("accept", "image/avif,image/webp,*/*;q=0.8")], Step::Pass);
        check(&[("user-agent", BROWSER)], Step::Pass);
        for (mode, destination) in [
            ("no-cors", "image"),
            ("cors", "empty"),
            ("navigate", "iframe"),
            ("navigate", "embed"),
            ("websocket", "document"),
        ] {
            check(&navigation_with(&[("sec-fetch-mode", mode), ("sec-fetch-dest", destination)]), Step::Pass);
        }
        assert_eq!(step(Consent::NotRequired, &Method::HEAD, &of(&NAVIGATION)), Step::Pass);
    }

    #[test]
    fn what_only_may_become_a_visit_is_told_to_come_again() {
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "Prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
        ] {
            check(&navigation_with(&[(name, value)]), Step::Later);
            assert_eq!(step(Consent::Required, &Method::GET, &of(&navigation_with(&[(name, value)]))), Step::Later);
        }
        check(&navigation_with(&[("sec-purpose", "")]), Step::Record);
    }

    #[test]
    fn without_consent_or_with_global_privacy_control_the_page_is_told() {
        check(&navigation_with(&[("sec-gpc", "1")]), Step::Carry);
        check(&navigation_with(&[("sec-gpc", "0")]), Step::Record);
        assert_eq!(step(Consent::Required, &Method::GET, &of(&NAVIGATION)), Step::Carry);
    }

    #[test]
    fn robots_that_say_so_are_no_visits() {
        for robot in [
            "",
            "curl/8.16.0",
            "Wget/1.25",
            "python-requests/2.32",
            "Go-http-client/2.0",
            "facebookexternalhit/1.1",
            "WhatsApp/2.23",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/140.0 Safari/537.36",
            "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
            "Mozilla/5.0 (compatible; Discordbot/2.0)",
            "Mozilla/5.0 (compatible; YandexBot/3.0)",
            "Mozilla/5.0 (compatible; Yahoo! Slurp)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0)",
        ] {
            check(&navigation_with(&[("user-agent", robot)]), Step::Pass);
        }
        for browser in [
            "Mozilla/5.0 (Linux; Android 14; CUBOT NOTE 21) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Opera/9.80 (Android; Opera Mini/36.2) Presto/2.12.423 Version/12.16",
        ] {
            check(&navigation_with(&[("user-agent", browser)]), Step::Record);
        }
    }
}
