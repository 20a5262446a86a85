//! Which sites a request's host belongs to. Several sites may share one proxy, each with its own hosts: that of its
//! public URL and those of its origins. `X-Forwarded-Host` is believed only from `trusted_proxies`.

use http::header::HOST;
use http::{Extensions, HeaderMap, HeaderName, Uri};

use super::address::{Peer, is_trusted};
use super::origin::text;
use crate::config::{Config, Origin, Server, Site};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Host and port as the browser wrote them.
pub(super) fn asked(server: &Server, uri: &Uri, extensions: &Extensions, headers: &HeaderMap) -> Option<String> {
    let forwarded = || {
        let peer = extensions.get::<Peer>()?;
        let nearest = headers.get_all(FORWARDED_HOST).iter().next_back()?;
        // The nearest proxy wrote the last value.
        let host = nearest.to_str().ok()?.rsplit(',').next()?.trim().to_owned();
        is_trusted(server, peer.0.ip()).then_some(host)
    };
    // A request line with a full URL overrides the header: RFC 9112 § 3.2.2.
    let said =
        || uri.authority().map(|authority| authority.as_str()).or_else(|| text(headers, &HOST)).map(str::to_owned);
    forwarded().or_else(said)
}

/// Whether `host` belongs to the site.
pub(super) fn is_own(site: &Site, host: &str) -> bool {
    // Tries both schemes, so that a default port may be present or not.
    let asked = |scheme| Origin::parse(&format!("{scheme}://{host}"));
    ["https", "http"].into_iter().filter_map(|scheme| asked(scheme).ok()).any(|origin| site.is_own(origin.as_str()))
}

/// The sites of `host`. A single site has every host.
pub(super) fn sites<'c>(config: &'c Config, host: Option<&str>) -> Vec<&'c Site> {
    match config.sites.as_slice() {
        [only] => vec![only],
        sites => sites.iter().filter(|site| host.is_some_and(|host| is_own(site, host))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http::HeaderValue;

    use super::*;
    use crate::config::Overrides;

    fn config() -> Config {
        let toml = r#"
            [server]
            trusted_proxies = ["10.0.0.0/8"]
            [[sites]]
            id = "acme"
            public_url = "https://tm.acme.example"
            origins = ["https://www.acme.example", "http://localhost:3000"]
        "#;
        Config::from_toml(toml, std::path::Path::new("test.toml"), &Overrides::from_variables(|_| None)).unwrap()
    }

    #[test]
    fn a_site_has_the_hosts_of_its_public_url_and_origins_with_their_ports() {
        let config = config();
        for (host, own) in [
            ("tm.acme.example", true),
            ("TM.acme.example:443", true),
            ("www.acme.example", true),
            ("localhost:3000", true),
            ("localhost", false),
            ("tm.acme.example:8443", false),
            ("tm.acme.example.", false),
            ("acme.example", false),
            ("user@tm.acme.example", false),
            ("tm.acme.example/x", false),
            ("", false),
        ] {
            assert_eq!(is_own(&config.sites[0], host), own, "{host}");
        }
    }

    #[test]
    fn a_forwarded_host_is_believed_from_trusted_proxies_alone() {
        let server = config().server;
        let ask = |peer: &str, forwarded: &'static str, uri: &'static str| {
            let mut extensions = Extensions::new();
            extensions.insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("inside:8787"))]);
            if !forwarded.is_empty() {
                headers.insert(FORWARDED_HOST, HeaderValue::from_static(forwarded));
            }
            asked(&server, &Uri::from_static(uri), &extensions, &headers).unwrap()
        };
        assert_eq!(ask("10.1.1.1", "tm.acme.example", "/"), "tm.acme.example");
        assert_eq!(ask("10.1.1.1", "forged.example, tm.acme.example", "/"), "tm.acme.example");
        assert_eq!(ask("10.1.1.1", "", "/"), "inside:8787");
        assert_eq!(ask("203.0.113.9", "tm.acme.example", "/"), "inside:8787");
        assert_eq!(ask("203.0.113.9", "", "http://www.acme.example/"), "www.acme.example");
    }
}
