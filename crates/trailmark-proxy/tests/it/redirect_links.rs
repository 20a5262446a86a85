//! Partners' links over HTTP: what the navigation records and sets, who is redirected without a record, dead ends,
//! and what the page does afterwards.

use serde_json::json;
use trailmark_proxy::store::operator::{Filter, TouchRow};
use trailmark_wire::capture::{Rule, capture};
use trailmark_wire::landing::Landing;
use trailmark_wire::vendor::VendorName;

use crate::support::browser::{BrowserKey, arrival, arrival_with, claims, signup, token};
use crate::support::proxy::{Answer, HOST, ORIGIN, START, TestProxy};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// `acme` needs no consent, `zeta` does; both allow few destinations.
const SITES: &str = r#"
[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1:8787"

[[sites]]
id = "acme"
origins = ["http://127.0.0.1:8787"]
consent = "not_required"
redirect_to = ["/pricing", "/app", "https://app.acme.example"]

[[sites.programs]]
id = "main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"
params = ["via"]

[[sites]]
id = "zeta"
public_url = "https://www.zeta.example"
origins = ["https://www.zeta.example"]
cookie_domain = "zeta.example"

[[sites.programs]]
id = "zeta-main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"
unique_keys = true
"#;

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

impl TestProxy {
    /// A browser's request when a person clicks a link; can be changed.
    pub(crate) fn clicked(&self, host: &str, link: &str) -> reqwest::RequestBuilder {
        let request = self.http.get(self.url(link)).header("host", host).header("user-agent", BROWSER);
        let request = request.header("accept", "text/html,*/*;q=0.8").header("sec-fetch-mode", "navigate");
        request.header("sec-fetch-dest", "document").header("sec-fetch-site", "cross-site")
    }

    async fn follow(&self, link: &str) -> Answer {
        self.send(self.clicked(HOST, link)).await
    }

    /// A program's request for JSON.
    fn program(&self, host: &str, link: &str) -> reqwest::RequestBuilder {
        self.http.get(self.url(link)).header("host", host).header("accept", "application/json")
    }

    /// How a program is refused.
    async fn refused(&self, link: &str) -> Answer {
        self.send(self.program(HOST, link)).await
    }

    pub(crate) async fn recorded(&self) -> Vec<TouchRow> {
        self.store.touches(Filter::default()).await.unwrap().items
    }
}

#[tokio::test]
async fn a_click_is_recorded_on_the_navigation_and_the_page_gets_its_token_by_the_cookie() {
    let proxy = TestProxy::with(SITES).await;
    let led = proxy.follow("r/main/ada?to=/pricing%3Futm_source%3Dblog%26session%3Dsecret%23plans").await;
    assert_eq!(led.status, 302, "{led:?}");
    assert_eq!(led.header("location"), format!("{ORIGIN}/pricing?utm_source=blog&session=secret#plans"));
    assert_eq!((led.header("cache-control"), led.body.as_str()), ("no-store", ""));
    assert_eq!(led.header("referrer-policy"), "strict-origin-when-cross-origin");
    let age = 90 * DAY_MS / 1000;
    let [visitor, flag] = led.cookies().try_into().unwrap();
    assert!(visitor.starts_with("tm_acme_v=ey"), "{visitor}");
    assert!(visitor.ends_with(&format!("; HttpOnly; SameSite=Lax; Path=/; Max-Age={age}")), "{visitor}");
    assert_eq!(flag, format!("tm_acme=1; SameSite=Lax; Path=/; Max-Age={age}"));

    let [touch] = proxy.recorded().await.try_into().unwrap();
    assert_eq!((touch.program.as_str(), touch.partner.as_deref()), ("main", Some("ada")));
    assert_eq!((touch.click_id, touch.source.as_str()), (None, "url"));
    assert_eq!((touch.at, touch.expires_at), (START, START.plus(90 * DAY_MS)));
    assert_eq!(touch.landing_url, format!("{ORIGIN}/pricing?utm_source=blog"));

    // The page finds the flag, asks, and gets a token bound to its key; its signup belongs to the partner.
    let key = BrowserKey::new();
    let plain = arrival_with(1, &format!("{ORIGIN}/pricing"), &key).to_string();
    let asked = proxy.send(proxy.request("v1/clicks", plain).header("cookie", led.cookie("tm_acme_v"))).await;
    assert_eq!((asked.status, &asked.json()["partner"]), (200, &json!("ada")));
    assert_eq!(claims(&token(&asked))["sub"], json!(touch.visitor.as_str()));
    let receipt = proxy.convert(1, &key, &token(&asked), signup("c1")).await;
    assert_eq!((receipt.status, &receipt.json()["status"]), (202, &json!("accepted")));
    assert_eq!(receipt.json()["attribution"][0]["partner"], "ada", "{receipt:?}");
}

#[tokio::test]
async fn a_second_link_is_the_same_visitors_next_touch() {
    let proxy = TestProxy::with(SITES).await;
    let first = proxy.follow("r/main/ada?to=/pricing").await;
    proxy.clock.advance(DAY_MS);
    let again = proxy.clicked(HOST, "r/main/grace?to=/app").header("cookie", first.cookie("tm_acme_v"));
    let again = proxy.send(again).await;
    assert_eq!((again.status, again.cookies().len()), (302, 2));
    let touches = proxy.recorded().await;
    assert_eq!(touches.len(), 2);
    assert_eq!(touches[0].visitor, touches[1].visitor);
    // Another browser is another visitor.
    proxy.follow("r/main/ada?to=/pricing").await;
    let visitors: std::collections::BTreeSet<_> =
        proxy.recorded().await.into_iter().map(|touch| touch.visitor).collect();
    assert_eq!(visitors.len(), 2);
}

#[tokio::test]
async fn whose_link_it_is_says_the_link_and_nothing_behind_it() {
    let proxy = TestProxy::with(SITES).await;
    let led =
        proxy.follow("r/main/ada?to=/pricing%3Fps_partner_key%3DZ3JhY2U%26via%3Dgrace%26ps_xid%3Dx%26a%3Db").await;
    assert_eq!(led.header("location"), format!("{ORIGIN}/pricing?a=b"));
    let led = proxy.follow("r/main/ada?to=/pricing%23via%3Dgrace&gspk=Z3JhY2U&a=b").await;
    assert_eq!(led.header("location"), format!("{ORIGIN}/pricing?a=b"));
}

// field-faults rows 17, 18, 23 and 27
#[tokio::test]
async fn a_links_key_is_read_as_people_paste_it_and_spelt_as_the_vendor_has_it() {
    let proxy = TestProxy::with(SITES).await;
    for (link, partner) in [
        ("r/main/ada/?to=/app", "ada"),
        ("r/main/ada//?to=/app", "ada"),
        ("r/Main/Ada?to=/app", "ada"),
        ("r/main/ada).?to=/app", "ada"),
        ("r/main/%20ada%E2%80%8B?to=/app", "ada"),
        ("r/main/%2561da?to=/app", "ada"),
        ("r/main/%C3%BC?to=/app", "ü"),
        ("r/main/Ada.Love-lace_1?To=/app", "ada.love-lace_1"),
        ("r/main/prt_abc123?to=/app", "prt_abc123"),
    ] {
        proxy.clock.advance(1);
        let led = proxy.follow(link).await;
        assert_eq!((led.status, led.header("location")), (302, format!("{ORIGIN}/app").as_str()), "{link}");
        let newest = proxy.recorded().await.into_iter().max_by_key(|touch| touch.at).unwrap();
        assert_eq!(newest.partner.as_deref(), Some(partner), "{link}");
    }
}

// field-faults row 26
#[tokio::test]
async fn other_parameters_of_the_link_are_passed_on_to_the_destination() {
    let proxy = TestProxy::with(SITES).await;
    let led = proxy.follow("r/main/ada?to=/pricing&utm_source=news&gclid=x").await;
    assert_eq!(led.header("location"), format!("{ORIGIN}/pricing?utm_source=news&gclid=x"));
    let own = proxy.follow("r/main/ada?to=/pricing%3Futm_source%3Dblog&utm_source=news&gclid=x").await;
    assert_eq!(own.header("location"), format!("{ORIGIN}/pricing?utm_source=blog&gclid=x"));
    let [first, _] = proxy.recorded().await.try_into().unwrap();
    assert!(first.landing_url.starts_with(&format!("{ORIGIN}/pricing?utm_source=")), "{}", first.landing_url);
    // The same if the page is told the partner.
    let private = proxy.clicked(HOST, "r/main/ada?to=/app&gclid=x").header("sec-gpc", "1");
    assert_eq!(proxy.send(private).await.header("location"), format!("{ORIGIN}/app?gclid=x&ps_partner_key=YWRh"));
}

// field-faults row 27
#[tokio::test]
async fn a_link_without_a_destination_leads_to_the_root() {
    let proxy = TestProxy::with(SITES).await;
    for link in ["r/zeta-main/ada", "r/zeta-main/ada/", "r/zeta-main/ada?to=", "r/zeta-main/ada/?to=&utm_source=x"] {
        let led = proxy.send(proxy.clicked("www.zeta.example", link)).await;
        assert_eq!(led.status, 302, "{link}");
        assert!(led.header("location").starts_with("https://www.zeta.example/?"), "{led:?}");
        assert_eq!(captured(led.header("location")).as_deref(), Some("ada"));
    }
}

// field-faults row 27
#[tokio::test]
async fn a_person_whose_link_is_refused_reads_a_page_with_a_way_on_and_a_program_the_code() {
    let proxy = TestProxy::with(SITES).await;
    let hostile = "r/main/%3Cscript%3Ealert(1)%3C%2Fscript%3E?to=/%22%3E%3Cscript%3E";
    for (host, link, status, way_on) in [
        (HOST, "r/none/ada?to=/app", 404, "http://127.0.0.1:8787/pricing"),
        (HOST, "r/main", 404, "http://127.0.0.1:8787/pricing"),
        (HOST, "r/main/{{partner}}?to=/app", 404, "http://127.0.0.1:8787/pricing"),
        (HOST, "r/main/ada?to=//evil.example", 400, "http://127.0.0.1:8787/pricing"),
        (HOST, "r/main/%FF?to=/app", 404, "http://127.0.0.1:8787/pricing"),
        (HOST, hostile, 404, "http://127.0.0.1:8787/pricing"),
        ("www.zeta.example", "r/zeta-main/a%20b", 404, "https://www.zeta.example/"),
        ("elsewhere.example", "r/main/ada", 404, "/"),
    ] {
        let page = proxy.send(proxy.clicked(host, link)).await;
        assert_eq!((page.status, page.header("content-type")), (status, "text/html; charset=utf-8"), "{link}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none';"), "{page:?}");
        assert!(page.body.contains(&format!("<a href=\"{way_on}\">")), "{link}: {page:?}");
        assert!(!page.body.contains("evil") && !page.body.contains("<script"), "nothing of the request: {page:?}");
        let program = proxy.send(proxy.program(host, link)).await;
        assert_eq!((program.status, program.header("content-type")), (status, "application/problem+json"), "{link}");
    }
    assert_eq!(proxy.recorded().await.len(), 0);
}

#[tokio::test]
async fn a_prefetch_is_told_to_come_again_and_the_visit_itself_counts_once() {
    let proxy = TestProxy::with(SITES).await;
    for purpose in ["prefetch", "prefetch;prerender"] {
        let ahead = proxy.clicked(HOST, "r/main/ada?to=/app").header("sec-purpose", purpose);
        let ahead = proxy.send(ahead).await;
        assert_eq!((ahead.status, ahead.header("cache-control")), (503, "no-store"));
        assert_eq!((ahead.header("location"), ahead.cookies().len()), ("", 0));
    }
    assert_eq!(proxy.recorded().await.len(), 0);
    assert_eq!(proxy.follow("r/main/ada?to=/app").await.status, 302);
    assert_eq!(proxy.recorded().await.len(), 1);
}

#[tokio::test]
async fn what_is_no_visit_is_led_on_unrecorded() {
    let proxy = TestProxy::with(SITES).await;
    let link = "r/main/ada?to=/app";
    let asks = |name: &'static str, value: &'static str| {
        let mut request = proxy.clicked(HOST, link).build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        reqwest::RequestBuilder::from_parts(proxy.http.clone(), request)
    };
    for request in [
        proxy
            .http
            .head(proxy.url(link))
            .header("host", HOST)
            .header("user-agent", BROWSER)
            .header("accept", "text/html"),
        proxy.http.get(proxy.url(link)).header("host", HOST),
        asks("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
        asks("sec-fetch-dest", "iframe"),
        asks("sec-fetch-dest", "image"),
        asks("sec-fetch-mode", "no-cors"),
    ] {
        let led = proxy.send(request).await;
        assert_eq!((led.status, led.header("location")), (302, format!("{ORIGIN}/app").as_str()), "{led:?}");
        assert_eq!(led.cookies().len(), 0, "{led:?}");
    }
    assert_eq!(proxy.recorded().await.len(), 0);
}

/// The partner that the page's own capture rules find in a URL.
fn captured(url: &str) -> Option<String> {
    let rule = Rule { vendor: VendorName::from_name("partnerstack"), params: &[] };
    let captured = capture(&Landing::parse(url).unwrap(), |_| None, &rule)?;
    captured.partner.map(String::from)
}

#[tokio::test]
async fn without_consent_nothing_is_recorded_or_set_and_the_page_is_told_the_partner() {
    let proxy = TestProxy::with(SITES).await;
    let private = proxy.clicked(HOST, "r/main/ada?to=/app%3Fa%3Db%26gspk%3Dx").header("sec-gpc", "1");
    let required = proxy.clicked("www.zeta.example", "r/zeta-main/%C3%BC~ada?to=/");
    for (request, location, partner) in [
        (private, format!("{ORIGIN}/app?a=b&ps_partner_key=YWRh"), "ada"),
        (required, "https://www.zeta.example/?ps_partner_key=w7x-YWRh".to_owned(), "ü~ada"),
    ] {
        let led = proxy.send(request).await;
        assert_eq!((led.status, led.header("location")), (302, location.as_str()));
        assert_eq!(captured(&location).as_deref(), Some(partner));
        assert_eq!(led.cookies().len(), 0);
    }
    assert_eq!(proxy.recorded().await.len(), 0);
    // Once it may, the page reports the URL that it was redirected to.
    let mut body = arrival(1, "https://www.zeta.example/?ps_partner_key=w7x-YWRh");
    body["site"] = json!("zeta");
    let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", "https://www.zeta.example");
    let answer = proxy.send(request.body(body.to_string())).await;
    assert_eq!((answer.status, &answer.json()["partner"]), (201, &json!("ü~ada")));
}

#[tokio::test]
async fn a_destination_that_is_not_allowed_is_refused_and_nothing_recorded() {
    let proxy = TestProxy::with(SITES).await;
    for to in [
        "//evil.example",
        "/%5Cevil.example",
        "https://evil.example/pricing",
        "https%3A%2F%2Fevil.example",
        "javascript:alert(1)",
        "/apple",
        "/app/%252e%252e/admin",
        "/%09/evil.example",
        "http://127.0.0.1:8787@evil.example/app",
        "http://127.0.0.1:8788/app",
        "http://localhost:8787/app",
        "https://app.acme.example.evil.example",
        "/tm/r/main/ada",
        "/app&to=/pricing",
        "/app;via=grace",
        "",
    ] {
        let refused = proxy.refused(&format!("r/main/ada?to={to}")).await;
        assert_eq!(refused.code(), "400 malformed", "{to}");
        assert_eq!((refused.json()["field"].as_str(), refused.header("location")), (Some("to"), ""), "{to}");
        assert_eq!((refused.header("cache-control"), refused.cookies().len()), ("no-store", 0));
    }
    assert_eq!(proxy.refused("r/main/ada").await.code(), "400 malformed", "the root is not on this site's list");
    assert_eq!(proxy.recorded().await.len(), 0);
    let allowed = proxy.follow("r/main/ada?to=https%3A%2F%2Fapp.acme.example%2Fwelcome").await;
    assert_eq!(allowed.header("location"), "https://app.acme.example/welcome");
}

#[tokio::test]
async fn what_names_no_program_and_partner_is_not_found() {
    let proxy = TestProxy::with(SITES).await;
    let long = format!("r/main/{}?to=/app", "x".repeat(256));
    for link in [
        "r/none/ada?to=/app",
        "r/main/?to=/app",
        "r/main?to=/app",
        "r/main/a%20b?to=/app",
        "r/main/%FF?to=/app",
        "r/main/a/b?to=/app",
        "r/main/a%2Fb?to=/app",
        "r/main/ada@lovelace.org?to=/app",
        "r/main/undefined?to=/app",
        &long,
    ] {
        let refused = proxy.refused(link).await;
        assert_eq!(refused.code(), "404 not_found", "{link}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
    }
    let posted = proxy.http.post(proxy.url("r/main/ada?to=/app")).header("host", HOST);
    assert_eq!(proxy.send(posted).await.status, 405);
    assert_eq!(proxy.recorded().await.len(), 0);
}

#[tokio::test]
async fn one_network_may_not_ask_without_end() {
    let proxy = TestProxy::with(&format!("[limits]\nrequests_per_minute = 3\n{SITES}")).await;
    for _ in 0..3 {
        assert_eq!(proxy.follow("r/main/ada?to=/app").await.status, 302);
    }
    let refused = proxy.refused("r/main/ada?to=/app").await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("429 too_many_requests", "20"));
    assert_eq!(proxy.recorded().await.len(), 3);
    // Guessed names count against the rate too.
    let guessed = TestProxy::with(&format!("[limits]\nrequests_per_minute = 3\n{SITES}")).await;
    for status in [404, 404, 404, 404, 404, 404, 429] {
        assert_eq!(guessed.follow("r/none/ada?to=/app").await.status, status);
    }
}

#[tokio::test]
async fn a_link_leads_on_when_the_budget_is_spent_or_the_ledger_is_away() {
    let proxy = TestProxy::with(&format!("[limits]\ntouches_per_hour = 1\n{SITES}")).await;
    assert_eq!(proxy.follow("r/main/ada?to=/app").await.cookies().len(), 2);
    let carried = format!("{ORIGIN}/app?ps_partner_key=YWRh");
    let spent = proxy.follow("r/main/ada?to=/app").await;
    assert_eq!((spent.status, spent.header("location"), spent.cookies().len()), (302, carried.as_str(), 0));
    assert_eq!(proxy.recorded().await.len(), 1);
    proxy.store.close().await.unwrap();
    let away = proxy.follow("r/main/ada?to=/app").await;
    assert_eq!((away.status, away.header("location"), away.cookies().len()), (302, carried.as_str(), 0));
}
