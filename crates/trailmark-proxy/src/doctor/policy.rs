//! What a page's Content-Security-Policy allows of what the SDK does: the inline stub, `sdk.js` and its module, WebAssembly, and
//! requests to the proxy. Pure. By CSP Level 3 as far as these need it; a hash other than SHA-256 gets the benefit of the doubt.
//! A policy that only reports forbids nothing, so it is not read.

use trailmark_wire::base64url::encode;
use url::Url;

use super::Finding;
use super::page::Script;
use crate::keys::crypto::sha256;

/// A policy by its directives, in lower case; of two of the same name the first counts.
#[derive(Debug)]
pub(super) struct Policy(Vec<(String, Vec<String>)>);

impl Policy {
    /// Every policy of headers and `<meta>` elements; commas separate policies in a header.
    pub(super) fn all<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Self> {
        let policies = texts.flat_map(|text| text.split(','));
        policies.map(Self::read).filter(|policy| !policy.0.is_empty()).collect()
    }

    fn read(text: &str) -> Self {
        let directive = |text: &str| {
            let mut words = text.split_ascii_whitespace().map(str::to_owned);
            Some((words.next()?.to_ascii_lowercase(), words.collect()))
        };
        Self(text.split(';').filter_map(directive).collect())
    }

    /// The sources of the first of these directives that it has; `None`: it restricts nothing.
    fn sources(&self, names: &[&str]) -> Option<Sources<'_>> {
        let found = |name: &&str| self.0.iter().find(|(known, _)| known == name);
        names.iter().find_map(found).map(|(_, sources)| Sources(sources))
    }

    fn allows_inline(&self, script: &Script) -> bool {
        self.sources(&ELEMENTS).is_none_or(|sources| sources.allow_inline(script))
    }

    fn allows_script(&self, url: &Url, nonce: Option<&str>, page: &Url) -> bool {
        self.sources(&ELEMENTS).is_none_or(|sources| {
            sources.has_nonce(nonce) || (!sources.has("'strict-dynamic'") && sources.allow(url, page))
        })
    }

    fn allows_wasm(&self) -> bool {
        let sources = self.sources(&["script-src", "default-src"]);
        sources.is_none_or(|sources| sources.has("'wasm-unsafe-eval'") || sources.has("'unsafe-eval'"))
    }

    fn allows_request(&self, url: &Url, page: &Url) -> bool {
        self.sources(&["connect-src", "default-src"]).is_none_or(|sources| sources.allow(url, page))
    }

    /// Whether it is a sandbox in which no script runs.
    fn forbids_scripts(&self) -> bool {
        self.sources(&["sandbox"]).is_some_and(|sandbox| !sandbox.has("allow-scripts"))
    }
}

/// Where the rules of script elements stand, the most particular first.
const ELEMENTS: [&str; 3] = ["script-src-elem", "script-src", "default-src"];

#[derive(Clone, Copy)]
struct Sources<'p>(&'p [String]);

impl Sources<'_> {
    fn has(self, keyword: &str) -> bool {
        self.0.iter().any(|source| source.eq_ignore_ascii_case(keyword))
    }

    /// The values of the sources that begin so, such as `'nonce-`.
    fn of(&self, kind: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |source| {
            let (head, value) = source.split_at_checked(kind.len())?;
            if head.eq_ignore_ascii_case(kind) { value.strip_suffix('\'') } else { None }
        })
    }

    fn has_nonce(self, nonce: Option<&str>) -> bool {
        nonce.is_some_and(|nonce| !nonce.is_empty() && self.of("'nonce-").any(|known| known == nonce))
    }

    fn allow_inline(self, script: &Script) -> bool {
        let hash = encode(&sha256(script.text.as_bytes()));
        let is_hash = |known: &str| known.trim_end_matches('=').replace('+', "-").replace('/', "_") == hash;
        let is_strict = self.has("'strict-dynamic'")
            || ["'nonce-", "'sha256-", "'sha384-", "'sha512-"].into_iter().any(|kind| self.of(kind).next().is_some());
        (self.has("'unsafe-inline'") && !is_strict)
            || self.has_nonce(script.attribute("nonce"))
            || self.of("'sha256-").any(is_hash)
            || ["'sha384-", "'sha512-"].into_iter().any(|kind| self.of(kind).next().is_some())
    }

    fn allow(self, url: &Url, page: &Url) -> bool {
        self.0.iter().any(|source| matches(source, url, page))
    }
}

/// Whether a source names the address.
fn matches(source: &str, url: &Url, page: &Url) -> bool {
    let is_same_scheme = |scheme: &str| url.scheme() == scheme || (scheme == "http" && url.scheme() == "https");
    if source == "*" {
        return matches!(url.scheme(), "http" | "https");
    }
    if source.eq_ignore_ascii_case("'self'") {
        return url.origin() == page.origin();
    }
    if source.starts_with('\'') {
        return false;
    }
    if let Some(scheme) = source.strip_suffix(':') {
        return is_same_scheme(&scheme.to_ascii_lowercase());
    }
    let (scheme, rest) = source
        .split_once("://")
        .map_or((page.scheme().to_owned(), source), |(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let (place, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if port == "*" || port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (place, None),
    };
    let (host, own) = (host.to_ascii_lowercase(), url.host_str().unwrap_or_default());
    let is_host = match host.strip_prefix("*.") {
        Some(above) => own.strip_suffix(above).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => own == host,
    };
    let is_port = match port {
        Some("*") => true,
        Some(port) => url.port_or_known_default().is_some_and(|own| own.to_string() == port),
        None => url.port().is_none(),
    };
    let is_path = match path {
        "" | "/" => true,
        folder if folder.ends_with('/') => url.path().starts_with(folder),
        file => url.path() == file,
    };
    is_same_scheme(&scheme) && is_host && is_port && is_path
}

/// What the policies must allow.
pub(super) struct Needs<'a> {
    pub(super) page: &'a Url,
    /// The inline stub.
    pub(super) stub: Option<&'a Script>,
    /// The script tag, and its address.
    pub(super) tag: Option<(&'a Script, &'a Url)>,
    /// Where the SDK sends its requests, with a final slash.
    pub(super) endpoint: Option<&'a Url>,
}

/// Judges the policies of a page.
pub(super) fn findings(policies: &[Policy], needs: &Needs<'_>) -> Vec<Finding> {
    if policies.is_empty() {
        return vec![Finding::ok("policy", "the page sends no Content-Security-Policy")];
    }
    let mut found = vec![scripts(policies, needs), wasm(policies)];
    found.push(match needs.endpoint {
        Some(endpoint) => requests(policies, needs, endpoint),
        None => Finding::not_checked("connects", "no address of the proxy is known"),
    });
    found.push(Finding::ok("workers", "the SDK starts no worker, so `worker-src` does not matter"));
    found
}

fn scripts(policies: &[Policy], needs: &Needs<'_>) -> Finding {
    const WHY: &str = "the browser refuses the script, and the page has no SDK";
    if policies.iter().any(Policy::forbids_scripts) {
        return Finding::fault(
            "scripts",
            "the policy is a `sandbox` without scripts",
            WHY,
            "add `allow-scripts` to `sandbox`",
        );
    }
    if let Some(stub) = needs.stub.filter(|stub| !policies.iter().all(|policy| policy.allows_inline(stub))) {
        let hash = encode(&sha256(stub.text.as_bytes())).replace('-', "+").replace('_', "/");
        let cure = format!(
            "give the stub the nonce of the policy, `<script nonce=\"…\">`, or add its hash to `script-src`: 'sha256-{hash}='"
        );
        return Finding::fault("scripts", "`script-src` forbids the inline stub", WHY, cure);
    }
    let Some((tag, sdk)) = needs.tag else {
        return Finding::not_checked("scripts", "no script tag is in the page");
    };
    // The tag's module has another name in each version, and is imported by the tag's script.
    let module = sdk.join("sdk-0.js").unwrap_or_else(|_same| sdk.clone());
    let is_allowed =
        |url: &Url| policies.iter().all(|policy| policy.allows_script(url, tag.attribute("nonce"), needs.page));
    match is_allowed(sdk) && is_allowed(&module) {
        true => Finding::ok("scripts", "the policy allows the stub, `sdk.js` and its module"),
        false => {
            let cure =
                format!("add {} to `script-src`, or give the tag the nonce of the policy", source(sdk, needs.page));
            Finding::fault("scripts", "`script-src` forbids `sdk.js` or its module", WHY, cure)
        }
    }
}

fn wasm(policies: &[Policy]) -> Finding {
    match policies.iter().all(Policy::allows_wasm) {
        true => Finding::ok("wasm", "the policy allows WebAssembly"),
        false => Finding::fault(
            "wasm",
            "`script-src` has no 'wasm-unsafe-eval'",
            "the browser refuses the SDK's WebAssembly and reports that once a session; the SDK runs as JavaScript, which is larger",
            "add 'wasm-unsafe-eval' to `script-src`; it allows no `eval`",
        ),
    }
}

fn requests(policies: &[Policy], needs: &Needs<'_>, endpoint: &Url) -> Finding {
    let clicks = endpoint.join("v1/clicks").unwrap_or_else(|_same| endpoint.clone());
    let modules = needs.tag.and_then(|(_, sdk)| sdk.join("sdk-0.wasm").ok());
    let forbidden = [Some(clicks), modules]
        .into_iter()
        .flatten()
        .find(|url| !policies.iter().all(|policy| policy.allows_request(url, needs.page)));
    match forbidden {
        None => Finding::ok("connects", "the policy allows requests to the proxy"),
        Some(url) => Finding::fault(
            "connects",
            format!("`connect-src` forbids requests to {}", url.origin().ascii_serialization()),
            "the browser sends no click and no signup",
            format!("add {} to `connect-src`", source(&url, needs.page)),
        ),
    }
}

/// How a policy names the origin of an address.
fn source(url: &Url, page: &Url) -> String {
    if url.origin() == page.origin() { "'self'".to_owned() } else { url.origin().ascii_serialization() }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::super::page::Page;
    use super::*;

    fn faults(policy: &str) -> Vec<&'static str> {
        let html = "<script nonce=n1>stub</script><script nonce=n1 src=/tm/sdk.js></script>";
        let (page, html) = (Url::parse("https://www.example.com/").unwrap(), Page::read(html));
        let (sdk, endpoint) = (page.join("/tm/sdk.js").unwrap(), page.join("/tm/").unwrap());
        let needs = Needs {
            page: &page,
            stub: html.scripts.first(),
            tag: html.scripts.get(1).map(|tag| (tag, &sdk)),
            endpoint: Some(&endpoint),
        };
        let found = findings(&Policy::all([policy].into_iter()), &needs);
        found.into_iter().filter(|finding| finding.state == State::Fault).map(|finding| finding.check).collect()
    }

    #[test]
    fn a_policy_forbids_what_it_says_and_nothing_else() {
        // SHA-256 of `stub`.
        let hash = encode(&sha256(b"stub")).replace('-', "+").replace('_', "/");
        let by_hash = format!("script-src 'self' 'wasm-unsafe-eval' 'sha256-{hash}='");
        for (policy, faulty) in [
            ("", &[][..]),
            ("img-src 'none'", &[]),
            ("default-src 'self'", &["scripts", "wasm"]),
            ("default-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'", &[]),
            ("default-src 'none'; script-src 'nonce-n1' 'strict-dynamic' 'unsafe-eval'", &["connects"]),
            ("script-src 'nonce-other' 'wasm-unsafe-eval'", &["scripts"]),
            ("script-src 'nonce-n1' 'unsafe-inline' 'wasm-unsafe-eval'; connect-src 'self'", &[]),
            (by_hash.as_str(), &[]),
            ("script-src 'self' 'unsafe-inline'; connect-src https://api.example.com", &["wasm", "connects"]),
            ("script-src 'unsafe-inline' *.example.com 'wasm-unsafe-eval'; connect-src https:", &[]),
            (
                "script-src 'unsafe-inline' https://www.example.com/tm/ 'wasm-unsafe-eval', connect-src 'none'",
                &["connects"],
            ),
            ("script-src 'unsafe-inline' www.example.com:8443 'wasm-unsafe-eval'", &["scripts"]),
            ("SCRIPT-SRC 'SELF' 'Unsafe-Inline' 'WASM-unsafe-eval'", &[]),
            ("sandbox allow-forms", &["scripts"]),
            ("sandbox allow-scripts allow-same-origin", &[]),
        ] {
            assert_eq!(faults(policy), faulty, "{policy}");
        }
    }
}
