//! Finds the snippet in a page: the inline stub and the script tag, where they stand, and what the tag says. Pure. A stub is
//! known by its assignment to `window.trailmark`, a tag by `data-site`, or `site` in its address, and an address that ends in
//! `sdk.js`, so that those of other versions are found too.

use std::borrow::Cow;

use trailmark_wire::ids::SiteId;
use url::{Url, form_urlencoded};

use super::Finding;
use super::page::{Page, Script};
use crate::config::Config;
use crate::nearest::nearest;

/// The snippet of a page.
#[derive(Debug, Default)]
pub(super) struct Snippet<'p> {
    stub: Option<(usize, &'p Script)>,
    tag: Option<(usize, &'p Script)>,
}

impl<'p> Snippet<'p> {
    pub(super) fn of(page: &'p Page) -> Self {
        let first = |is: fn(&Script) -> bool| page.scripts.iter().enumerate().find(|(_, script)| is(script));
        Self { stub: first(is_stub), tag: first(is_tag) }
    }

    pub(super) fn stub(&self) -> Option<&'p Script> {
        self.stub.map(|(_, script)| script)
    }

    pub(super) fn tag(&self) -> Option<&'p Script> {
        self.tag.map(|(_, script)| script)
    }

    /// The tag's address.
    pub(super) fn sdk(&self, page: &Url) -> Option<Url> {
        page.join(self.tag()?.attribute("src")?).ok()
    }

    /// The site that the tag names.
    pub(super) fn site(&self) -> Option<Cow<'p, str>> {
        setting(self.tag()?, "site")
    }

    /// Where the tag sends requests, with a final slash: `data-endpoint`, otherwise the folder of `sdk.js`.
    pub(super) fn endpoint(&self, page: &Url) -> Option<Url> {
        match setting(self.tag()?, "endpoint") {
            Some(endpoint) => endpoint_at(&endpoint, page),
            None => self.sdk(page)?.join(".").ok(),
        }
    }

    /// Whether both scripts are there, run, and come in the right order. `is_known`: the caller named site and endpoint, as for
    /// a page with the npm package, which has no snippet.
    pub(super) fn findings(&self, is_known: bool) -> Vec<Finding> {
        const STUB: &str =
            "until `sdk.js` has arrived, calls of `trailmark` fail, and a router may change the address unseen";
        let Some((tag_at, tag)) = self.tag else { return vec![self.absent(is_known)] };
        let mut found = vec![Finding::ok("snippet", "the script tag is in the page")];
        found.extend(blocked(tag));
        let Some((stub_at, stub)) = self.stub else {
            let seen = "there is no inline stub before the script tag";
            found.push(Finding::fault("stub", seen, STUB, format!("paste both scripts of {}", printed(tag))));
            return found;
        };
        found.push(Finding::ok("stub", "the inline stub is in the page"));
        let place = [
            (stub_at > tag_at, "the stub stands behind the script tag"),
            (!stub.is_in_head, "the stub is not in the head"),
            (!tag.is_in_head, "the script tag is not in the head"),
        ];
        found.push(match place.into_iter().find(|(is_wrong, _)| *is_wrong) {
            None => Finding::ok("order", "the stub stands before the script tag, both in the head"),
            Some((_, seen)) => {
                Finding::fault("order", seen, STUB, "move both scripts to the beginning of `<head>`, the stub first")
            }
        });
        found
    }

    fn absent(&self, is_known: bool) -> Finding {
        let stub = if self.stub.is_some() { "the stub is there, but " } else { "" };
        let seen = format!("{stub}the page has no script tag with `data-site` and `sdk.js`");
        match is_known {
            true => Finding::not_checked("snippet", format!("{seen}; it may use the npm package")),
            false => Finding::fault(
                "snippet",
                seen,
                "without it the page loads no SDK, and reports nothing",
                "put the first part of `trailmark snippet --site ID` into `<head>`; for the npm package, name --site and --endpoint",
            ),
        }
    }
}

/// Whether another product keeps the tag from running: consent platforms and optimisers change its type.
fn blocked(tag: &Script) -> Option<Finding> {
    let kind = tag.attribute("type").unwrap_or_default().trim().to_ascii_lowercase();
    let is_script = matches!(kind.as_str(), "" | "module" | "text/javascript" | "application/javascript");
    let seen = || format!("the script tag has type=\"{kind}\", so the browser does not run it");
    (!is_script).then(|| {
        Finding::fault(
            "type",
            seen(),
            "a consent platform or an optimiser decides when the SDK starts, perhaps never",
            "remove `type` from the tag, and exempt it there: the SDK waits for consent by itself",
        )
    })
}

/// What prints the snippet of the tag's site.
fn printed(tag: &Script) -> String {
    let site = setting(tag, "site").and_then(|site| SiteId::new(site).ok());
    format!("`trailmark snippet --site {}`", site.as_ref().map_or("ID", SiteId::as_str))
}

/// An endpoint as the SDK reads it: relative to the page, with or without a final slash.
pub(super) fn endpoint_at(text: &str, page: &Url) -> Option<Url> {
    let mut endpoint = page.join(text).ok()?;
    endpoint.set_query(None);
    endpoint.set_fragment(None);
    if !endpoint.path().ends_with('/') {
        let folder = format!("{}/", endpoint.path());
        endpoint.set_path(&folder);
    }
    Some(endpoint)
}

/// What to do about a site that the proxy does not know; `config` is the proxy's, if it is on this machine.
pub(super) fn site_known(site: &str, config: Option<&Config>) -> String {
    let known: Vec<&str> = config.iter().flat_map(|config| &config.sites).map(|site| site.id.as_str()).collect();
    match (nearest(site, known.iter().copied()).or(known.first().copied()), known.as_slice()) {
        (Some(meant), [_]) => format!("write data-site=\"{meant}\""),
        (Some(meant), several) => format!("write data-site=\"{meant}\", or another of {}", several.join(", ")),
        (None, _) => "write the `id` of a table [[sites]] of trailmark.toml into `data-site`".to_owned(),
    }
}

fn is_stub(script: &Script) -> bool {
    let text: String = script.text.split_whitespace().collect();
    let mut assigned = text.match_indices(".trailmark=").map(|(at, found)| text.get(at.saturating_add(found.len())..));
    script.attribute("src").is_none() && assigned.any(|behind| behind.is_some_and(|behind| !behind.starts_with('=')))
}

fn is_tag(script: &Script) -> bool {
    let path = script.attribute("src").unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
    path.ends_with("sdk.js") && (script.attribute("data-site").is_some() || setting(script, "site").is_some())
}

/// A setting of a tag, as the SDK reads it: of the attribute, otherwise of the address; `None` if it is empty.
fn setting<'p>(tag: &'p Script, name: &str) -> Option<Cow<'p, str>> {
    let attribute = tag.attribute(&format!("data-{name}")).map(Cow::Borrowed);
    let query = || tag.attribute("src")?.split('#').next()?.split_once('?').map(|(_, query)| query);
    let in_address =
        || form_urlencoded::parse(query()?.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value);
    attribute.or_else(in_address).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    const STUB: &str = include_str!("../../../../pkg-template/stub.js");

    fn read(html: &str) -> (Vec<(&'static str, State)>, Option<String>, Option<String>) {
        let (html, page) = (Page::read(html), Url::parse("https://www.example.com/de/start").unwrap());
        let snippet = Snippet::of(&html);
        let states = snippet.findings(false).into_iter().map(|finding| (finding.check, finding.state)).collect();
        (states, snippet.site().map(Cow::into_owned), snippet.endpoint(&page).map(String::from))
    }

    #[test]
    fn the_snippet_is_found_with_its_order_site_and_endpoint() {
        const TAG: &str = r#"<script async src="/tm/sdk.js" data-site="acme"></script>"#;
        let (ok, fault) = (State::Ok, State::Fault);
        let stub = format!("<script>{STUB}</script>");
        let (states, site, endpoint) = read(&format!("<head>{stub}{TAG}</head>"));
        assert_eq!(states, [("snippet", ok), ("stub", ok), ("order", ok)]);
        assert_eq!((site.as_deref(), endpoint.as_deref()), (Some("acme"), Some("https://www.example.com/tm/")));

        let calls = "<script>if (window.trailmark === undefined) trailmark.signup()</script>";
        assert_eq!(read(&format!("<head>{calls}{TAG}")).0, [("snippet", ok), ("stub", fault)]);
        for html in [format!("<head>{TAG}{stub}"), format!("<head></head>{stub}{TAG}"), format!("{stub}<body>{TAG}")] {
            assert_eq!(read(&html).0, [("snippet", ok), ("stub", ok), ("order", fault)], "{html}");
        }
        let blocked = TAG.replace("async", "type=text/plain");
        assert_eq!(
            read(&format!("{stub}{blocked}")).0,
            [("snippet", ok), ("type", fault), ("stub", ok), ("order", ok)]
        );
        assert_eq!(read("<script src=/other/sdk.js></script>").0, [("snippet", fault)]);
        let elsewhere = TAG.replace("data-site", "data-endpoint=https://tm.example.net/x data-site");
        assert_eq!(read(&elsewhere).2.as_deref(), Some("https://tm.example.net/x/"));
        let managed = r#"<script async src="/tm/sdk.js?site=acme&amp;consent=granted&amp;endpoint=%2Fx"></script>"#;
        let (states, site, endpoint) = read(&format!("<head>{stub}{managed}</head>"));
        assert_eq!(states, [("snippet", ok), ("stub", ok), ("order", ok)]);
        assert_eq!((site.as_deref(), endpoint.as_deref()), (Some("acme"), Some("https://www.example.com/x/")));
    }
}
