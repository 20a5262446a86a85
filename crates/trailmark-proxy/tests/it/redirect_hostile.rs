//! Destinations outside the site's list, over HTTP: each is refused, and no answer names another place.
//! `intake::destination` tests more cases and random ones.

use url::Url;

use crate::support::proxy::{HOST, ORIGIN, SITES, TestProxy};

/// Allowed destinations of site `acme`.
const LIST: &str = "consent = \"not_required\"\nredirect_to = [\"/pricing\", \"/app\", \"https://app.acme.example\"]";

/// As a link's author could write them into the query, after one decoding.
const HOSTILE: [&str; 44] = [
    // Another host by a spelling of `//`.
    "//evil.example",
    "///evil.example/app",
    "/\\evil.example",
    "\\\\evil.example\\app",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example/app",
    "//evil.example\\@127.0.0.1:8787/app",
    "/app//../..//evil.example",
    "https:evil.example",
    "https:/evil.example/app",
    "https:\\\\evil.example\\app",
    // Encoded once more.
    "%2F%2Fevil.example",
    "/%5Cevil.example",
    "/%2F%2Fevil.example",
    "https%3A%2F%2Fevil.example",
    "/app/%2e%2e/admin",
    "/app/%252e%252e/admin",
    "/app/..%2f..%2fadmin",
    // Credentials and hosts that look like ours.
    "http://127.0.0.1:8787@evil.example/app",
    "http://user@127.0.0.1:8787/app",
    "https://app.acme.example:secret@evil.example/",
    "https://app.acme.example.evil.example",
    "https://evilapp.acme.example",
    "https://acme.example",
    "https://app.acme.example./",
    "https://app.\u{430}cme.example",
    "https://app.acme.example\u{ff0f}.evil.example",
    "http://2130706433:8787/admin",
    // Another port or scheme.
    "http://127.0.0.1:8788/app",
    "https://127.0.0.1:8787/app",
    "http://app.acme.example",
    "javascript:alert(1)",
    "JaVaScRiPt://app.acme.example/%0aalert(1)",
    "data:text/html,x",
    "blob:https://app.acme.example/1",
    // Another path, by whole segments; and back into the proxy.
    "/apple",
    "/app.evil",
    "/APP",
    "/",
    "/tm/r/main/ada",
    "/app/../tm/v1/clicks",
];

/// Every byte encoded, so that nothing on the way interprets it.
fn encoded(to: &str) -> String {
    to.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn no_hostile_destination_leads_anywhere_and_none_is_recorded() {
    let proxy = TestProxy::with(&SITES.replacen("id = \"acme\"", &format!("id = \"acme\"\n{LIST}"), 1)).await;
    for to in HOSTILE {
        for written in [encoded(to), to.replace('%', "%25").replace('&', "%26").replace('#', "%23")] {
            let refused = proxy.send(proxy.clicked(HOST, &format!("r/main/ada?to={written}"))).await;
            assert_eq!(refused.status, 400, "{to:?} as {written}: {refused:?}");
            assert_eq!((refused.header("location"), refused.cookies().len()), ("", 0), "{to:?}");
            assert!(!refused.body.contains("evil"), "the answer repeats nothing of {to:?}");
        }
    }
    assert_eq!(proxy.recorded().await.len(), 0);
    // Allowed destinations still work.
    for (to, leads) in [
        ("/app", format!("{ORIGIN}/app")),
        ("/pricing/teams?a=//evil.example", format!("{ORIGIN}/pricing/teams?a=//evil.example")),
        ("https://app.acme.example/x", "https://app.acme.example/x".to_owned()),
    ] {
        let led = proxy.send(proxy.clicked(HOST, &format!("r/main/ada?to={}", encoded(to)))).await;
        assert_eq!((led.status, Url::parse(led.header("location")).unwrap().as_str()), (302, leads.as_str()));
    }
}
