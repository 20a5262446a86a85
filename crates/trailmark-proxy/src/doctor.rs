//! `trailmark doctor`: says why clicks or signups do not arrive. It loads a page as a browser does, reads its scripts and its
//! policy ([`page`], [`snippet`], [`policy`]), then asks the proxy through the page's own web server for what the SDK asks for:
//! a click, its repeat with the cookies, and a signup that is marked as a test ([`visit`]). [`front`] judges the answers. Each
//! [`Finding`] says what was seen; a fault also says why it matters, and names the line to change.
//!
//! Changes nothing at a vendor, and prints no secret. It leaves a touch of partner `trailmark-doctor` and a test conversion in
//! the ledger. `cli::doctor` adds what only the operator's machine knows, credentials and webhooks, and prints.

mod browser;
mod front;
mod page;
mod policy;
mod snippet;
mod visit;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use trailmark_wire::base64url::encode;
use trailmark_wire::click::ClickRequest;
use trailmark_wire::ids::{ArrivalId, Jti, SiteId};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;
use url::Url;

use self::front::{DOCTOR, Subject};
use self::page::Page;
use self::policy::{Needs, Policy};
use self::snippet::Snippet;
use self::visit::Visit;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::crypto::sha256;
use crate::random::{NoRandomness, Random};

/// What one check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nothing is wrong.
    Ok,
    /// It is wrong, and has a cure.
    Fault,
    /// It could not be looked at; what was seen says why.
    NotChecked,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// A stable word, which docs/troubleshooting.md explains.
    pub(crate) check: &'static str,
    pub(crate) state: State,
    /// What was seen.
    pub(crate) seen: String,
    /// Why it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'static str>,
    /// The line to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cure: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, state: State::Ok, seen: seen.into(), why: None, cure: None }
    }

    pub(crate) fn not_checked(check: &'static str, seen: impl Into<String>) -> Self {
        Self { state: State::NotChecked, ..Self::ok(check, seen) }
    }

    pub(crate) fn fault(
        check: &'static str,
        seen: impl Into<String>,
        why: &'static str,
        cure: impl Into<String>,
    ) -> Self {
        Self { check, state: State::Fault, seen: seen.into(), why: Some(why), cure: Some(cure.into()) }
    }
}

/// What is examined.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) page: Url,
    /// The site, if the page does not name it.
    pub(crate) site: Option<SiteId>,
    /// The proxy's address, if the page does not name it.
    pub(crate) endpoint: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    /// The page that was loaded, without its query.
    pub(crate) page: String,
    /// The site that it names.
    pub(crate) site: Option<String>,
    /// Where it sends clicks and signups, with a final slash.
    pub(crate) endpoint: Option<String>,
    /// In the order of the checks.
    pub(crate) findings: Vec<Finding>,
}

impl Checked {
    /// How many checks found a fault.
    pub(crate) fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.state == State::Fault).count()
    }
}

/// Checks everything that shows from outside. `config` is the proxy's, if it is on this machine; it only improves the cures and
/// the test click.
pub(crate) async fn examine(asked: Asked, config: Option<&Config>, clock: &Arc<dyn Clock>) -> Checked {
    let loaded = Visit::page(asked.page.clone(), clock).await;
    let (at, answer) = match loaded {
        Ok((at, answer)) if answer.status == 200 => (at, answer),
        Ok((at, answer)) => return unloaded(&at, &format!("answers {}", answer.status)),
        Err(reason) => return unloaded(&asked.page, &format!("does not load: {reason}")),
    };
    let mut html = Page::read(&String::from_utf8_lossy(&answer.body));
    let mut findings = vec![Finding::ok("page", format!("{} answers 200", shown(&at)))];
    let is_known = asked.site.is_some() && asked.endpoint.is_some();
    if !is_known
        && Snippet::of(&html).tag().is_none()
        && let Some(document) = browser::document(&at).await
        && let late = Page::read(&document)
        && Snippet::of(&late).tag().is_some()
    {
        findings.push(Finding::fault(
            "late",
            "only a script adds the snippet, after the page has begun",
            "a router may change the address before the stub sees it, and a blocked tag manager takes the SDK with it",
            "put both scripts into the HTML, at the beginning of `<head>`",
        ));
        html = late;
    }
    let snippet = Snippet::of(&html);
    findings.extend(snippet.findings(is_known));
    let site = asked.site.map(String::from).or(snippet.site().map(Cow::into_owned));
    let endpoint = match &asked.endpoint {
        Some(text) => snippet::endpoint_at(text, &at),
        None => snippet.endpoint(&at),
    };
    let sent = answer.headers.iter().filter(|(name, _)| name == "content-security-policy");
    let written = html.policies.iter().map(String::as_str);
    let policies = Policy::all(sent.map(|(_, value)| value.as_str()).chain(written));
    let sdk = snippet.sdk(&at);
    let (stub, tag) = (snippet.stub(), snippet.tag().zip(sdk.as_ref()));
    findings.extend(policy::findings(&policies, &Needs { page: &at, stub, tag, endpoint: endpoint.as_ref() }));
    match (&site, &endpoint) {
        (Some(site), Some(endpoint)) => {
            let visit = Visit { origin: at.origin().ascii_serialization(), clock: Arc::clone(clock) };
            let subject = Subject { site, page: &at, endpoint, config };
            findings.extend(proxy(&visit, &subject, sdk.as_ref()).await);
        }
        _ => findings.extend(unasked(&PROXY, "the page names no site or no address of the proxy")),
    }
    Checked { page: shown(&at), site, endpoint: endpoint.map(String::from), findings }
}

/// The checks of the proxy, in their order.
const PROXY: [&str; 10] =
    ["route", "cache", "site", "origin", "click", "cookies", "clock", "signup", "address", "host"];

/// Asks the proxy for what the SDK asks for. Each check needs the ones before it.
async fn proxy(visit: &Visit, subject: &Subject<'_>, sdk: Option<&Url>) -> Vec<Finding> {
    let mut found = Vec::new();
    let stopped = told(visit, subject, sdk, &mut found).await.unwrap_or("this system provides no randomness");
    let missing: Vec<&'static str> =
        PROXY.into_iter().filter(|check| found.iter().all(|finding| finding.check != *check)).collect();
    found.extend(unasked(&missing, stopped));
    found
}

/// The checks that could be made; says what the others lacked.
async fn told(
    visit: &Visit,
    subject: &Subject<'_>,
    sdk: Option<&Url>,
    found: &mut Vec<Finding>,
) -> Result<&'static str, NoRandomness> {
    let below = |path: &str| subject.endpoint.join(path).unwrap_or_else(|_same| subject.endpoint.clone());
    let (keys, clicks) = (below(".well-known/jwks.json"), below("v1/clicks"));
    let first = visit.get(&keys).await;
    found.push(front::route(&first, subject));
    if found.iter().any(|finding| finding.state == State::Fault) {
        return Ok("the proxy is not reached");
    }
    if let Some(sdk) = sdk {
        found.push(front::sdk(&visit.get(sdk).await));
    }
    found.push(front::cache([&first, &visit.get(&keys).await]));
    let Some(request) = arrival(subject, subject.link())? else {
        let cure = snippet::site_known(subject.site, subject.config);
        let why = "the proxy refuses every click and signup of the page";
        found.push(Finding::fault("site", format!("`{}` is no id of a site", subject.site), why, cure));
        return Ok("the site is not known");
    };
    let clicked = visit.post(&clicks, request, None).await;
    let (more, touch) = front::click(&clicked, subject);
    found.extend(more);
    let (Ok(clicked), Some(touch)) = (clicked, touch) else { return Ok("the test click left no touch") };
    match front::cookies(&clicked, subject.site) {
        Err(fault) => found.push(fault),
        Ok(cookies) => {
            let again = arrival(subject, shown(subject.page))?.unwrap_or_default();
            found.push(front::returned(&visit.post(&clicks, again, Some(cookies)).await));
        }
    }
    let Some(at) = front::signed_at(&touch) else { return Ok("the proxy's click token cannot be read") };
    found.push(front::clock(at, visit.clock.now()));
    let signup = json!({
        "jti": Jti::from_parts(UnixMillis::from_seconds(at), Random.bytes()?),
        "iat": at,
        "aud": subject.site,
        "ath": encode(&sha256(touch.click_token.as_bytes())),
        "token": touch.click_token,
        "data": { "kind": "signup", "customer": { "key": DOCTOR }, "test": true },
    });
    let answered = visit.post(&below("v1/conversions"), signup.to_string(), None).await;
    found.extend(front::signup(&answered, subject));
    Ok("the test signup failed")
}

/// Whether a webhook's address leads to a proxy; otherwise why not. It is asked with GET, which no webhook uses, so nothing is
/// kept of it.
pub(crate) async fn leads_to_proxy(url: &Url, clock: &Arc<dyn Clock>) -> Result<(), String> {
    let answer = Visit { origin: String::new(), clock: Arc::clone(clock) }.get(url).await?;
    if front::is_proxys(&answer) { Ok(()) } else { Err(format!("another server answers {} there", answer.status)) }
}

/// The body that reports an arrival at `url`; `None` if the site's id can be none.
fn arrival(subject: &Subject<'_>, url: String) -> Result<Option<String>, NoRandomness> {
    let Ok(site) = SiteId::new(subject.site) else { return Ok(None) };
    let request = ClickRequest {
        site,
        id: ArrivalId::from_random(Random.bytes()?),
        url,
        referrer: None,
        at: None,
        again: false,
        cookies: TextMap::default(),
        jwk: None,
        click_token: None,
    };
    Ok(serde_json::to_string(&request).ok())
}

fn unasked<'c>(checks: &'c [&'static str], why: &'c str) -> impl Iterator<Item = Finding> + 'c {
    checks.iter().map(move |&check| Finding::not_checked(check, why))
}

fn unloaded(at: &Url, what: &str) -> Checked {
    let fault = Finding::fault(
        "page",
        format!("{} {what}", shown(at)),
        "nothing of the page can be looked at",
        "name a page that shows without a login; if it shows in a browser, exempt the user agent `trailmark` from the challenge",
    );
    Checked { page: shown(at), site: None, endpoint: None, findings: vec![fault] }
}

/// An address without what may be personal or secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
