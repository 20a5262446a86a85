//! Judges what the proxy answers through the page's own web server: whether it is reached, and what the servers in front do to
//! caching, cookies, the client's address and the host. Pure. The clock is compared by the time in the click token, which no
//! server in front writes, as they write `Date`.

use serde_json::Value;
use trailmark_vendors::exchange::Answer;
use trailmark_wire::base64url::decode;
use trailmark_wire::capture::Rule;
use trailmark_wire::click::ClickAnswer;
use trailmark_wire::ids::PartnerKey;
use trailmark_wire::limits::FUTURE_SKEW_MS;
use trailmark_wire::receipt::{Receipt, Status};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;
use url::Url;

use super::Finding;
use super::snippet::site_known;
use crate::code::Code;
use crate::config::{Config, Site};
use crate::intake::{SEEN, Told};

/// An answer, or why there is none.
pub(super) type Answered = Result<Answer, String>;

/// The partner of the test click, and the customer of the test signup.
pub(super) const DOCTOR: &str = "trailmark-doctor";

/// What the checks are about.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) site: &'a str,
    pub(super) page: &'a Url,
    pub(super) endpoint: &'a Url,
    /// The proxy's configuration, if it is on this machine.
    pub(super) config: Option<&'a Config>,
}

impl Subject<'_> {
    fn configured(&self) -> Option<&Site> {
        self.config?.sites.iter().find(|site| site.id.as_str() == self.site)
    }

    /// The page's address with the parameters of a partner's link for each vendor that the site may have.
    pub(super) fn link(&self) -> String {
        let mut link = self.page.clone();
        link.set_fragment(None);
        {
            let mut query = link.query_pairs_mut();
            query.clear();
            let mut add = |rule: Rule<'_>| {
                let partner = PartnerKey::new(DOCTOR).ok();
                let pair = partner.as_ref().and_then(|partner| rule.partner_param(partner));
                if let Some((name, value)) = pair {
                    query.append_pair(name, &value);
                } else if let Some(name) = rule.click_param() {
                    query.append_pair(name, DOCTOR);
                }
            };
            match self.configured() {
                Some(site) => site.programs.iter().for_each(|program| add(program.rule())),
                None => VendorName::all().for_each(|vendor| {
                    let params: Vec<String> = vendor.default_params().iter().map(|name| (*name).to_owned()).collect();
                    add(Rule { vendor: Some(vendor), params: &params });
                }),
            }
        }
        link.into()
    }
}

/// Whether the endpoint leads to a proxy; `answered` is that of its public keys.
pub(super) fn route(answered: &Answered, subject: &Subject<'_>) -> Finding {
    let place = subject.endpoint.as_str();
    let seen = match answered {
        Ok(answer) if is_proxys(answer) => return Finding::ok("route", format!("the proxy answers at {place}")),
        Ok(answer) => format!("another server answers {} at {place}", answer.status),
        Err(reason) => format!("nothing answers at {place}: {reason}"),
    };
    let mount = subject.config.map_or("/tm", |config| config.server.mount.as_str());
    Finding::fault(
        "route",
        seen,
        "clicks and signups go to this address",
        format!(
            "pass the path to the proxy, in nginx `location ^~ {mount}/ {{ proxy_pass http://127.0.0.1:8787; }}` (docs/deploy.md), \
             or correct `src` and `data-endpoint` of the script tag"
        ),
    )
}

/// Whether a proxy wrote the answer: its public keys, or a refusal of its own.
pub(super) fn is_proxys(answer: &Answer) -> bool {
    let body = json(answer);
    let is_refusal = text(&body, "type").is_some_and(|kind| kind.starts_with("urn:trailmark:refusal:"));
    is_refusal || (answer.status == 200 && body.get("keys").is_some_and(Value::is_array))
}

/// Whether the SDK's script loads.
pub(super) fn sdk(answered: &Answered) -> Finding {
    let seen = match answered {
        Ok(answer)
            if answer.status == 200 && answer.header("content-type").is_some_and(|kind| kind.contains("script")) =>
        {
            return Finding::ok("sdk", "`sdk.js` loads");
        }
        Ok(answer) => format!("`sdk.js` is answered with {} and is no script", answer.status),
        Err(reason) => format!("`sdk.js` does not load: {reason}"),
    };
    let cure = match answered {
        Ok(answer) if answer.status == 503 && is_proxys(answer) => {
            "run `cargo xtask build-sdk`, then build the proxy again: this binary was built without the SDK"
        }
        _ => "copy the script tag again, as `trailmark snippet` prints it",
    };
    Finding::fault("sdk", seen, "without `sdk.js` the page reports nothing", cure)
}

/// Whether a server in front keeps answers, by two answers to the same question.
pub(super) fn cache(both: [&Answered; 2]) -> Finding {
    let kept = both.into_iter().flatten().find_map(kept);
    let Some(seen) = kept else { return Finding::ok("cache", "answers are not cached") };
    Finding::fault(
        "cache",
        format!("a server in front caches answers: {seen}"),
        "one visitor would get the cookies and tokens of another, and new clicks are not recorded",
        "exempt the path from every rule that caches, such as *Cache Everything*, and pass `Cache-Control: no-store` on",
    )
}

/// The header that shows that an answer was kept, or may be.
fn kept(answer: &Answer) -> Option<String> {
    let hits = ["x-cache", "cf-cache-status", "x-cache-status", "x-proxy-cache"]
        .into_iter()
        .find(|name| answer.header(name).is_some_and(|value| value.to_ascii_lowercase().contains("hit")));
    let age = || answer.header("age").filter(|age| *age != "0").map(|age| format!("`Age: {age}`"));
    let control = answer.header("cache-control").unwrap_or_default();
    let is_free = !control.to_ascii_lowercase().contains("no-store");
    let freed = || is_free.then(|| format!("`Cache-Control: {control}` in place of `no-store`"));
    hits.and_then(|name| Some(format!("`{name}: {}`", answer.header(name)?))).or_else(age).or_else(freed)
}

/// What became of the test click; the touch's token, if there is one.
pub(super) fn click(answered: &Answered, subject: &Subject<'_>) -> (Vec<Finding>, Option<ClickAnswer>) {
    const WHY: &str = "a visitor's click is not recorded";
    let (site, origin) = (subject.site, subject.page.origin().ascii_serialization());
    let known = || Finding::ok("site", format!("the proxy has the site `{site}`"));
    let allowed = || Finding::ok("origin", format!("the site allows {origin}"));
    let answer = match answered {
        Ok(answer) => answer,
        Err(reason) => {
            let cure = "let servers and firewalls in front pass `POST` below the path, without a challenge";
            return (vec![Finding::fault("click", format!("a click gets no answer: {reason}"), WHY, cure)], None);
        }
    };
    let body = json(answer);
    if let Some(code) = text(&body, "code").filter(|_| is_proxys(answer)) {
        let detail = text(&body, "detail").or(text(&body, "title")).unwrap_or_default();
        return (
            match code {
                "site_unknown" => vec![Finding::fault(
                    "site",
                    format!("the proxy has no site `{site}`"),
                    "the proxy refuses every click and signup of the page",
                    site_known(site, subject.config),
                )],
                "origin_not_allowed" => vec![
                    known(),
                    Finding::fault(
                        "origin",
                        format!("the site does not allow {origin}"),
                        "the proxy refuses every click and signup of the page",
                        format!("add \"{origin}\" to `origins` of the site in trailmark.toml, and restart the proxy"),
                    ),
                ],
                _ => vec![Finding::fault("click", format!("the proxy refuses a click: {code}"), WHY, detail)],
            },
            None,
        );
    }
    let mut found = vec![known(), allowed()];
    let touch = serde_json::from_slice::<ClickAnswer>(&answer.body).ok();
    found.push(match (&touch, answer.status, subject.configured()) {
        (Some(touch), ..) => Finding::ok("click", format!("a test click was recorded in program `{}`", touch.program)),
        (None, 204 | 205, Some(_)) => Finding::fault(
            "click",
            "no program of the site captures a partner's link",
            "visitors of partners leave no touch",
            "add the program to [[sites.programs]] in trailmark.toml, or its `params`",
        ),
        (None, 204 | 205, None) => Finding::not_checked(
            "click",
            "no program captured the test click; on the proxy's machine, doctor knows the site's own parameters",
        ),
        (None, status, _) => {
            let cure = "let servers and firewalls in front pass `POST` below the path, without a challenge";
            Finding::fault("click", format!("another server answers a click with {status}"), WHY, cure)
        }
    });
    (found, touch)
}

/// The cookies that a click's answer sets, as the browser sends them back; otherwise what is wrong.
pub(super) fn cookies(answer: &Answer, site: &str) -> Result<String, Finding> {
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let pairs: Vec<&str> = set.filter_map(|(_, value)| value.split(';').next()).map(str::trim).collect();
    let flag = format!("tm_{site}=");
    let visitor = [format!("__Host-tm_{site}="), format!("__Secure-tm_{site}="), format!("tm_{site}_v=")];
    let is_there = |begin: &String| pairs.iter().any(|pair| pair.starts_with(begin.as_str()));
    if is_there(&flag) && visitor.iter().any(is_there) {
        return Ok(pairs.join("; "));
    }
    Err(Finding::fault(
        "cookies",
        "the answer to a click sets no cookies",
        "a visitor is forgotten when the browser's storage is cleared, and Safari does so after a week",
        "let nothing in front remove `Set-Cookie` below the path, such as nginx's `proxy_hide_header Set-Cookie` or a rule of the CDN",
    ))
}

/// Whether the proxy knew the visitor again by the cookies alone.
pub(super) fn returned(answered: &Answered) -> Finding {
    match answered {
        Ok(answer) if answer.status == 200 => Finding::ok("cookies", "cookies are set, and come back to the proxy"),
        Ok(answer) if matches!(answer.status, 204 | 205) => Finding::fault(
            "cookies",
            "cookies are set, but do not come back to the proxy",
            "a visitor is not known again on the next page",
            "let the server in front pass the request's `Cookie` on, also where it caches",
        ),
        Ok(answer) => Finding::not_checked("cookies", format!("the second click was answered with {}", answer.status)),
        Err(reason) => Finding::not_checked("cookies", format!("the second click got no answer: {reason}")),
    }
}

/// When the proxy signed the token, in seconds of its own clock.
pub(super) fn signed_at(touch: &ClickAnswer) -> Option<i64> {
    let claims = decode(touch.click_token.split('.').nth(1)?)?;
    serde_json::from_slice::<Value>(&claims).ok()?.get("iat")?.as_i64()
}

/// Whether the proxy's clock shows our time.
pub(super) fn clock(signed_at: i64, now: UnixMillis) -> Finding {
    let ahead_s = UnixMillis::from_seconds(signed_at).since(now) / 1000;
    if ahead_s.saturating_abs() <= FUTURE_SKEW_MS / 1000 {
        return Finding::ok("clock", "the proxy's clock agrees with this machine's");
    }
    let way = if ahead_s > 0 { "ahead of" } else { "behind" };
    Finding::fault(
        "clock",
        format!("the proxy's clock is {} s {way} this machine's", ahead_s.saturating_abs()),
        "touches end too early or too late, signed orders are refused, and vendors refuse times in the future",
        "set the wrong one of the two: `timedatectl set-ntp true` on that machine",
    )
}

/// What became of the test signup, and what it says about the servers in front.
pub(super) fn signup(answered: &Answered, subject: &Subject<'_>) -> Vec<Finding> {
    const WHY: &str = "a signup of a partner's visitor credits nobody";
    let answer = match answered {
        Ok(answer) => answer,
        Err(reason) => {
            let cure = "let servers and firewalls in front pass `POST` below the path, without a challenge";
            return vec![Finding::fault("signup", format!("a signup gets no answer: {reason}"), WHY, cure)];
        }
    };
    let receipt = serde_json::from_slice::<Receipt>(&answer.body).ok();
    let is_test = |receipt: &&Receipt| receipt.code.as_deref() == Some(Code::Test.as_str());
    let first = match receipt.as_ref().filter(is_test) {
        Some(receipt) if receipt.status == Status::Accepted => {
            let programs: Vec<&str> = receipt.attribution.iter().map(|credited| credited.program.as_str()).collect();
            let (id, programs) = (&receipt.conversion_id, programs.join(", "));
            let seen = format!("a test signup was credited in {programs} and sent to no vendor: conversion {id}");
            Finding::ok("signup", seen)
        }
        Some(receipt) => {
            let seen =
                format!("a test signup after a test click credited nobody: conversion {}", receipt.conversion_id);
            Finding::fault(
                "signup",
                seen,
                WHY,
                format!("`trailmark conversions explain {}` says why", receipt.conversion_id),
            )
        }
        None if answer.status == 400 => Finding::not_checked(
            "signup",
            "the proxy is of an earlier version, which takes no tests; nothing was recorded",
        ),
        None => {
            let (status, body) = (answer.status, json(answer));
            let code = text(&body, "code").unwrap_or("an answer that is not the proxy's");
            let detail = text(&body, "detail").or(text(&body, "title"));
            let cure =
                detail.unwrap_or("let servers and firewalls in front pass `POST` below the path, without a challenge");
            Finding::fault("signup", format!("a signup is answered with {status}: {code}"), WHY, cure)
        }
    };
    let mut words = answer.header(SEEN.as_str()).unwrap_or_default().split(' ');
    let (told, host) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    vec![first, address(told, subject), self::host(host, subject)]
}

/// Whether the proxy sees the client's address; `word` is that of [`Told`].
fn address(word: &str, subject: &Subject<'_>) -> Finding {
    const WHY: &str = "every visitor has the address of the server in front, and all share one rate and one budget";
    let told = Told::ALL.into_iter().find(|told| told.as_str() == word);
    let header = subject.config.map_or("x-forwarded-for", |config| config.server.client_ip_header.as_str());
    let trust = "add the address of the server in front to `trusted_proxies` in trailmark.toml, and restart the proxy";
    match told {
        None => Finding::not_checked("address", "the proxy did not say how it learned the client's address"),
        Some(Told::Forwarded) => Finding::ok("address", "the server in front names the client's address"),
        // The proxy speaks no TLS, so https always ends at a server in front.
        Some(Told::Direct) if subject.endpoint.scheme() != "https" => {
            Finding::ok("address", "no server is in front of the proxy")
        }
        Some(Told::Direct) => Finding::fault(
            "address",
            format!("the server in front sends no `{header}`, and is not trusted"),
            WHY,
            trust,
        ),
        Some(Told::Untrusted) => {
            let seen = format!("`{header}` names the client, but the proxy does not trust the server that sends it");
            Finding::fault("address", seen, WHY, trust)
        }
        Some(Told::Missing) => Finding::fault(
            "address",
            format!("the server in front sends no `{header}`"),
            WHY,
            "in nginx: `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`",
        ),
    }
}

/// Whether the proxy sees the host that the browser asked for.
fn host(word: &str, subject: &Subject<'_>) -> Finding {
    let host = subject.endpoint.host_str().unwrap_or_default();
    match word {
        "own" => Finding::ok("host", "the proxy sees one of the site's hosts"),
        "other" => Finding::fault(
            "host",
            format!("the proxy does not see {host} as the host, or that is none of the site's"),
            "partner links below `/r` and the public keys are 404, once the proxy has two sites",
            "in nginx: `proxy_set_header X-Forwarded-Host $host;`; or add the origin to `origins` of the site",
        ),
        _ => Finding::not_checked("host", "the proxy did not say which host it sees"),
    }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

/// A text member of an object.
fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}
