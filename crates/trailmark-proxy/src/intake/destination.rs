//! Destinations of links: reads `?to=` as browsers do, relative to the site's public URL, and allows only the site's
//! list. The redirect uses the parsed and rewritten URL, never the incoming text, so that no other reader can
//! understand it differently. Pure; [`super::links`] decides who is redirected and what is recorded.

use trailmark_wire::capture::Rule;
use trailmark_wire::landing::{self, Landing};
use trailmark_wire::limits::URL_BYTES;
use url::{Url, form_urlencoded};

use crate::config::Site;

/// Layers of percent-encoding removed from a path: servers behind the site remove one, careless ones two.
const LAYERS: usize = 4;

/// The destination in a link's query: its only `to`; `/` if it is missing or empty.
///
/// # Errors
/// Why the site does not allow the destination.
pub(super) fn destination(query: &str, site: &Site, mount: &str) -> Result<Url, &'static str> {
    let pairs = pieces(query).flat_map(|piece| form_urlencoded::parse(piece.as_bytes()));
    let mut named = pairs.filter(|(name, to)| is_to(name) && !to.is_empty()).map(|(_, to)| to);
    let to = named.next().unwrap_or("/".into());
    if named.next().is_some() {
        return Err("is given twice");
    }
    let url = read(&to, site)?;
    if !site.redirect_to.iter().any(|allowed| allowed.covers(&url, &site.public_url)) {
        return Err("is not allowed by `redirect_to` of the site");
    }
    let back = url.path().strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if back && site.is_own(&url.origin().ascii_serialization()) {
        return Err("leads back to the proxy");
    }
    Ok(url)
}

/// A link's parameters as written, without the rest of an `&amp;` before them. `?` and `;` separate nothing here,
/// because `to` may contain them.
fn pieces(query: &str) -> impl Iterator<Item = &str> {
    let bare = |piece| {
        ["amp;", "amp%3B", "amp%3b"].into_iter().find_map(|rest| str::strip_prefix(piece, rest)).unwrap_or(piece)
    };
    query.split('&').map(bare).filter(|piece| !piece.is_empty())
}

fn is_to(name: &str) -> bool {
    name.eq_ignore_ascii_case("to")
}

fn read(to: &str, site: &Site) -> Result<Url, &'static str> {
    let unreadable = "is not the address of a page";
    // U+FFFD shows that the text was not UTF-8.
    if to.len() > URL_BYTES || to.contains(|c: char| c.is_control() || c == '\\' || c == '\u{fffd}') {
        return Err(unreadable);
    }
    let base = Url::parse(site.public_url.as_str()).map_err(|_configured| unreadable)?;
    let url = base.join(to).map_err(|_error| unreadable)?;
    // The scheme first: the origin of `blob:https://…` is the URL inside it.
    if !matches!(url.scheme(), "https" | "http") {
        return Err(unreadable);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain credentials");
    }
    match is_plain(url.path()) {
        true => Ok(url),
        false => Err("has a path that other readers would understand differently"),
    }
}

/// Whether a path means the same to readers that remove percent-encoding before they split it: no encoded slash,
/// backslash, control or dot segment, however often encoded.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|segment| {
        let mut bytes = segment.as_bytes().to_vec();
        for _ in 0..LAYERS {
            let decoded = percent_decoded(&bytes);
            let odd = |byte: &u8| byte.is_ascii_control() || matches!(byte, b'/' | b'\\');
            // Some servers also remove what follows a semicolon.
            let bare = decoded.split(|byte| *byte == b';').next().unwrap_or_default();
            if decoded.iter().any(odd) || matches!(bare, b"." | b"..") {
                return false;
            }
            if decoded == bytes {
                return true;
            }
            bytes = decoded;
        }
        false
    })
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let escape = match tail {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        decoded.push(escape.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escape.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    decoded
}

/// The destination with the link's other parameters, as written except that `\` becomes `%5C`. The destination's own
/// parameters win over parameters with the same name. If the result would be too long for a URL, the destination stays unchanged.
pub(super) fn with_others(mut url: Url, query: &str) -> Url {
    let name = |piece: &str| form_urlencoded::parse(piece.as_bytes()).next().map(|(name, _)| name.into_owned());
    let own: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    let is_other = |piece: &&str| name(piece).is_some_and(|name| !is_to(&name) && !own.contains(&name));
    let others = pieces(query).filter(is_other);
    let whole: Vec<&str> = url.query().into_iter().filter(|own| !own.is_empty()).chain(others).collect();
    // After the `?` browsers keep a backslash as it is (URL Standard, query state), but RFC 3986 does not allow it.
    let whole = whole.join("&").replace('\\', "%5C");
    if !whole.is_empty() && url.as_str().len() + whole.len() <= URL_BYTES {
        url.set_query(Some(&whole));
    }
    url
}

/// The destination without parameters that a program of the site captures, in query and fragment: only the link
/// decides on the partner.
///
/// # Errors
/// Such a parameter is in the path, which cannot be changed.
pub(super) fn without_captured(mut url: Url, rules: &[Rule<'_>]) -> Result<Url, &'static str> {
    let query = url.query().map(|query| without(query, rules));
    url.set_query(query.as_deref().filter(|query| !query.is_empty()));
    let fragment = url.fragment().map(|fragment| without(fragment, rules));
    url.set_fragment(fragment.as_deref().filter(|fragment| !fragment.is_empty()));
    let captured = |url: &Url| {
        Landing::parse(url.as_str()).is_ok_and(|url| url.pairs().any(|(name, _)| is_captured(&name, rules)))
    };
    if captured(&url) { Err("names a partner in its path") } else { Ok(url) }
}

/// The rest of a query or fragment, piece by piece as written, in its original encoding.
fn without(text: &str, rules: &[Rule<'_>]) -> String {
    let separators = ['&', '?', ';', '#'];
    let is_kept = |piece: &&str| {
        let pair = landing::pair(piece.trim_end_matches(separators));
        !pair.is_some_and(|(name, _)| is_captured(&name, rules))
    };
    let kept: String = text.split_inclusive(separators).filter(is_kept).collect();
    match kept.len() < text.len() {
        true => kept.trim_end_matches(separators).to_owned(),
        false => kept,
    }
}

fn is_captured(name: &str, rules: &[Rule<'_>]) -> bool {
    rules.iter().any(|rule| rule.names_param(name))
}

/// The destination with one more parameter.
pub(super) fn with_param(mut url: Url, name: &str, value: &str) -> Url {
    url.query_pairs_mut().append_pair(name, value);
    url
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, Overrides};

    fn site() -> Site {
        let toml = r#"
            [server]
            public_url = "https://www.acme.example"
            [[sites]]
            id = "acme"
            origins = ["https://www.acme.example", "https://app.acme.example"]
            redirect_to = ["/app", "/pricing/", "/tm", "https://app.acme.example"]
        "#;
        Config::from_toml(toml, Path::new("test.toml"), &Overrides::from_variables(|_| None)).unwrap().sites.remove(0)
    }

    fn of(to: &str) -> Result<Url, &'static str> {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish();
        destination(&query, &site(), "/tm")
    }

    #[test]
    fn what_is_on_the_list_is_written_as_browsers_write_it() {
        for (to, url) in [
            ("/app", "https://www.acme.example/app"),
            ("/app/", "https://www.acme.example/app/"),
            ("/app/a%20b/ü?q=%2F..%5C&r=%0d#top", "https://www.acme.example/app/a%20b/%C3%BC?q=%2F..%5C&r=%0d#top"),
            ("/app?next=https://evil.example", "https://www.acme.example/app?next=https://evil.example"),
            ("app/x", "https://www.acme.example/app/x"),
            ("/other/../app/./x", "https://www.acme.example/app/x"),
            ("/app/100%", "https://www.acme.example/app/100%"),
            ("/pricing", "https://www.acme.example/pricing"),
            ("HTTPS://WWW.Acme.Example:443/app", "https://www.acme.example/app"),
            ("//www.acme.example/app", "https://www.acme.example/app"),
            ("https://app.acme.example/any/where", "https://app.acme.example/any/where"),
            ("https://app.acme.example/tm-guide", "https://app.acme.example/tm-guide"),
        ] {
            assert_eq!(of(to).map(String::from).as_deref(), Ok(url), "{to}");
        }
    }

    #[test]
    fn nothing_hostile_leaves_the_list() {
        for to in [
            // Another host by the rules of URLs.
            "//evil.example",
            "///evil.example",
            "////evil.example/app",
            "https:evil.example",
            "https:///evil.example",
            "https://evil.example/app",
            "//evil.example/www.acme.example/app",
            "http:evil.example",
            // Backslashes, which browsers take for slashes.
            "/\\evil.example",
            "\\\\evil.example",
            "/app\\..\\..",
            "https:\\\\evil.example",
            "/app/\\evil.example",
            "/app/%5Cevil.example",
            "/app/%255Cevil.example",
            // Tabs, line breaks and other controls, which URL parsers drop.
            "/\t/evil.example",
            "\t//evil.example",
            "/app\r\nSet-Cookie: a=b",
            "/app%0d%0aSet-Cookie:%20a=b",
            "/app%250d%250a",
            "java\nscript:alert(1)",
            "/app\0",
            "/app%00",
            "/app\u{85}",
            "\u{1}//evil.example",
            // Encoded slashes and dots, once or more often.
            "/%2F/evil.example",
            "/%2f%2fevil.example",
            "/%252f%252fevil.example",
            "/app/%2e%2e/admin",
            "/app/..%2fadmin",
            "/app/..%252fadmin",
            "/app/%252e%252e/admin",
            "/app/%25252e%25252e/admin",
            "/app/../admin",
            "/app/..;/admin",
            "/app/..;a=b/admin",
            "/app/%2e%2e%3b/admin",
            // Credentials, and hosts that look like ours.
            "https://www.acme.example@evil.example/app",
            "https://user@www.acme.example/app",
            "https://user:secret@www.acme.example/app",
            "https://:secret@app.acme.example/",
            "https://www.acme.example:pw@evil.example/app",
            "https://www.acme.example.evil.example/app",
            "https://www.acme.example%2eevil.example/app",
            "https://www.acme.example%00.evil.example/app",
            "https://evilacme.example/app",
            "https://acme.example/app",
            "https://www.acme.example./app",
            "https://www.\u{430}cme.example/app",
            "https://www.acme.example\u{ff0f}.evil.example/app",
            "https://evil.example#@www.acme.example/app",
            "https://evil.example?www.acme.example/app",
            "https://[::ffff:203.0.113.9]/app",
            "https://3405803785/app",
            // Another port or scheme.
            "https://www.acme.example:8443/app",
            "http://www.acme.example/app",
            "http://www.acme.example:443/app",
            "ftp://www.acme.example/app",
            "javascript:alert(1)",
            "JavaScript://www.acme.example/app%0aalert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://www.acme.example/app",
            "blob:https://app.acme.example/1",
            "view-source:https://www.acme.example/app",
            "about:blank",
            // Another path.
            "/",
            "/apple",
            "/app.evil",
            "/app%2Fx",
            "/APP",
            "/App",
            "/pricings",
            "?a=b",
            "#app",
            // Back into the proxy: a chain of links, or a loop.
            "/tm/r/main/ada",
            "/tm",
            "https://app.acme.example/tm/r/main/ada",
            "/app/../tm/v1/clicks",
            // No text.
            "/app/\u{fffd}",
            "https://",
            "https://[",
        ] {
            assert!(of(to).is_err(), "{to:?} leads to {}", of(to).unwrap());
        }
    }

    #[test]
    fn a_link_has_one_destination_of_a_usable_length_or_the_root() {
        let site = site();
        for query in ["to=/app&to=/pricing", "to=/app%ff", "", "to", "to="] {
            assert!(destination(query, &site, "/tm").is_err(), "{query}");
        }
        for query in ["x=1&to=/app&y=2", "to=/app&to=", "To=/app", "x=1&amp;to=/app", "x=1&amp%3Bto=/app"] {
            assert_eq!(destination(query, &site, "/tm").unwrap().path(), "/app", "{query}");
        }
        assert!(of(&format!("/app?{}", "x".repeat(URL_BYTES))).is_err());
        let open = Site { redirect_to: vec![crate::config::RedirectTo::parse("/").unwrap()], ..site };
        // field-faults row 27
        for query in ["", "to", "to=", "utm_source=x&to="] {
            assert_eq!(destination(query, &open, "/tm").unwrap().as_str(), "https://www.acme.example/", "{query}");
        }
    }

    // field-faults row 26
    #[test]
    fn other_parameters_of_the_link_are_passed_on_and_what_the_destination_names_wins() {
        for (query, led) in [
            ("to=/app&utm_source=news&gclid=x", "/app?utm_source=news&gclid=x"),
            ("utm_source=news&to=/app", "/app?utm_source=news"),
            ("to=/app%3Fplan%3Da%26utm_source%3Dblog&utm_source=news&b=1", "/app?plan=a&utm_source=blog&b=1"),
            ("to=/app?plan=a&plan=b&plan=c", "/app?plan=a"),
            ("to=/app%23top&utm_source=news", "/app?utm_source=news#top"),
            ("to=/app&a=%7E+%C3%BC&&b&c=", "/app?a=%7E+%C3%BC&b&c="),
            ("to=/app&amp;utm_source=news", "/app?utm_source=news"),
            ("to=/app&a='%22<>%0d%0aSet-Cookie:%20a=b", "/app?a=%27%22%3C%3E%0d%0aSet-Cookie:%20a=b"),
            (
                r"to=/app&utm_campaign=spring\2026&x=\\evil.example",
                "/app?utm_campaign=spring%5C2026&x=%5C%5Cevil.example",
            ),
            ("To=/app&TO=", "/app"),
        ] {
            let to = destination(query, &site(), "/tm").unwrap();
            assert_eq!(with_others(to, query).as_str(), format!("https://www.acme.example{led}"), "{query}");
        }
        let long = format!("to=/app&a={}", "x".repeat(URL_BYTES));
        let to = destination(&long, &site(), "/tm").unwrap();
        assert_eq!(with_others(to, &long).as_str(), "https://www.acme.example/app");
    }

    #[test]
    fn captured_parameters_go_and_the_rest_stays_as_written() {
        let rules = [
            Rule { vendor: trailmark_wire::vendor::VendorName::from_name("partnerstack"), params: &["via".to_owned()] },
            Rule { vendor: trailmark_wire::vendor::VendorName::from_name("introw"), params: &[] },
        ];
        for (before, after) in [
            ("/", "/"),
            ("/?", "/"),
            ("/?a=b", "/?a=b"),
            ("/?ps_xid=x", "/"),
            ("/?a=%7e+x&%70s_partner_key=YWRh&utm_source=b&irw_id=1&via=x&gspk", "/?a=%7e+x&utm_source=b&gspk"),
            ("/?aff=ada#gspk=1", "/?aff=ada"),
            ("/?PS_XID=x&a=b?via=y&c=d;gspk=1", "/?a=b?c=d"),
            ("/?a=b&amp;via=x", "/?a=b&amp"),
            ("/#/signup?via=x&plan=a", "/#/signup?plan=a"),
            ("/#top", "/#top"),
        ] {
            let url = |text: &str| Url::parse("https://www.acme.example").unwrap().join(text).unwrap();
            assert_eq!(without_captured(url(before), &rules), Ok(url(after)), "{before}");
            // The destination captures nothing, as the page's own rules read it.
            let captured = |rule| Landing::parse(url(after).as_str()).is_ok_and(|led| led.told(&[rule]).is_touch);
            assert!(!rules.iter().any(|rule| captured(*rule)), "{after}");
        }
        for path in ["/app;via=x", "/app&gspk=1", "/app%3Fvia=x", "/app;a=b?c=d&e=f#;IRW_ID=x"] {
            let url = Url::parse("https://www.acme.example").unwrap().join(path).unwrap();
            assert_eq!(without_captured(url, &rules).is_err(), !path.contains('#'), "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_leads_somewhere_leads_onto_the_list(to in "([/\\\\.:@?#%\t ]|%2[fFeE]|%5[cC]|app|tm|www|acme|example|evil|https?|[a-z0-9]){0,12}") {
            if let Ok(url) = of(&to) {
                // Parsed again, as the browser parses the header.
                let url = Url::parse(url.as_str()).unwrap();
                let path = url.path();
                let on_the_list = match url.origin().ascii_serialization().as_str() {
                    "https://www.acme.example" => {
                        ["/app", "/pricing"].iter().any(|p| path == *p || path.starts_with(&format!("{p}/")))
                    }
                    "https://app.acme.example" => true,
                    _ => false,
                };
                prop_assert!(on_the_list, "{to:?} leads to {url}");
            }
        }
    }
}
