//! Touches under everything that pages, visitors and liars do: recorded touches stay true, as the credit of the next
//! conversion shows.

use futures_util::future::join_all;
use serde_json::{Value, json};
use trailmark_wire::base64url::encode;

use crate::support::browser::{BrowserKey, arrival, arrival_with, claims, landing, signup, token};
use crate::support::proxy::{Answer, ORIGIN, SITES, START, TestProxy};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A landing URL with a partner's click.
fn from(partner: &str, click: &str) -> String {
    format!("{ORIGIN}/?ps_xid={click}&ps_partner_key={}", encode(partner.as_bytes()))
}

/// One visitor: a key, and the proxy's cookies.
struct Visitor<'a> {
    proxy: &'a TestProxy,
    key: BrowserKey,
    cookie: String,
    token: String,
}

impl<'a> Visitor<'a> {
    /// The first visit.
    async fn arrives(proxy: &'a TestProxy, number: u8, url: &str) -> Self {
        let mut visitor = Self { proxy, key: BrowserKey::new(), cookie: String::new(), token: String::new() };
        assert_eq!(visitor.opens(number, url).await.status, 201);
        visitor
    }

    /// Opens a page; its arrival id is made from the number.
    async fn opens(&mut self, number: u8, url: &str) -> Answer {
        let body = arrival_with(number, url, &self.key);
        self.reports(body).await
    }

    /// Opens a page while this partner's vendor cookie is present.
    async fn opens_with_vendors_cookie(&mut self, number: u8, url: &str, partner: &str) -> Answer {
        let mut body = arrival_with(number, url, &self.key);
        body["cookies"] = json!({"growSumoPartnerKey": partner});
        self.reports(body).await
    }

    async fn reports(&mut self, body: Value) -> Answer {
        let request = self.proxy.request("v1/clicks", body.to_string());
        let answer = self.proxy.send(request.header("cookie", &self.cookie)).await;
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        (self.cookie, self.token) = (answer.cookie("tm_acme_v"), token(&answer));
        answer
    }

    /// Signs up and returns the credited partner.
    async fn credits(&self, number: u8) -> Value {
        let receipt = self.proxy.convert(number, &self.key, &self.token, signup(&format!("c{number}"))).await;
        assert_eq!(receipt.json()["status"], "accepted", "{receipt:?}");
        receipt.json()["attribution"][0]["partner"].clone()
    }

    fn name(&self) -> Value {
        claims(&self.token)["sub"].clone()
    }
}

async fn touches(proxy: &TestProxy) -> usize {
    proxy.recorded().await.len()
}

#[tokio::test]
async fn a_spent_touch_budget_costs_no_known_visitor_and_no_other_site_anything() {
    let proxy = TestProxy::with(&format!("[limits]\ntouches_per_hour = 3\n{SITES}")).await;
    let mut known = Visitor::arrives(&proxy, 1, &from("ada", "click1")).await;
    for number in 2..=3 {
        Visitor::arrives(&proxy, number, &from("grace", &format!("click{number}"))).await;
    }
    // A flood of invented arrivals: none is recorded, each gets a Retry-After, none gets a cookie.
    for number in 10..40 {
        let body = arrival(number, &from("grace", &format!("click{number}")));
        let spent = proxy.post("v1/clicks", body.to_string()).await;
        assert_eq!((spent.code().as_str(), spent.header("retry-after")), ("429 too_many_requests", "60"));
        assert_eq!(spent.cookies().len(), 0);
    }
    assert_eq!(touches(&proxy).await, 3);
    // Visitors with earlier touches are still served and credited.
    assert_eq!(known.opens(4, &format!("{ORIGIN}/pricing")).await.status, 200);
    assert_eq!(known.credits(1).await, "ada");
    // The budget belongs to the site and returns as its hour slides.
    let mut body = arrival(5, "https://www.zeta.example/?ps_xid=click5");
    body["site"] = json!("zeta");
    let theirs = proxy.http.post(proxy.url("v1/clicks")).header("origin", "https://www.zeta.example");
    assert_eq!(proxy.send(theirs.body(body.to_string())).await.status, 201);
    proxy.clock.advance(60 * 60 * 1000 + 1);
    Visitor::arrives(&proxy, 6, &from("grace", "click6")).await;
}

#[tokio::test]
async fn a_forged_origin_writes_nothing_sets_nothing_and_reads_nothing() {
    let proxy = TestProxy::start().await;
    let body = arrival(1, &from("ada", "click1")).to_string();
    for origin in [
        "https://evil.example",
        "https://www.zeta.example",
        "http://127.0.0.1:8787.evil.example",
        "http://127.0.0.1",
        "https://127.0.0.1:8787",
        "http://localhost:8787",
        "http://127.0.0.1:8787/",
        "null",
        "",
    ] {
        let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", origin).body(body.clone());
        let refused = proxy.send(request.header("sec-fetch-site", "cross-site")).await;
        assert_eq!(refused.code(), "403 origin_not_allowed", "{origin}");
        assert_eq!((refused.cookies().len(), refused.header("access-control-allow-origin")), (0, ""), "{origin}");
    }
    let none = proxy.send(proxy.http.post(proxy.url("v1/clicks")).body(body)).await;
    assert_eq!((none.code().as_str(), none.cookies().len()), ("403 origin_not_allowed", 0));
    assert_eq!(touches(&proxy).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_that_is_repeated_is_one_touch_however_often_and_at_once() {
    let proxy = TestProxy::start().await;
    let mut visitor = Visitor::arrives(&proxy, 1, &from("ada", "click1")).await;
    let again = arrival_with(1, &from("ada", "click1"), &visitor.key).to_string();
    let all = join_all((0..50).map(|_| proxy.post("v1/clicks", again.clone()))).await;
    assert!(all.iter().all(|answer| answer.status == 201 && claims(&token(answer))["sub"] == visitor.name()));
    // A reload of the same URL is another arrival with the same click.
    let name = visitor.name();
    for number in 2..10 {
        visitor.opens(number, &from("ada", "click1")).await;
        assert_eq!(visitor.name(), name);
    }
    assert_eq!(touches(&proxy).await, 1);
    // The same link in another person's mail is another visitor.
    let stranger = Visitor::arrives(&proxy, 1, &from("ada", "click1")).await;
    assert_ne!(stranger.name(), name);
    assert_eq!(touches(&proxy).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_arrival_reported_fifty_times_at_once_is_one_visitor_with_one_touch() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let body = arrival_with(1, &from("ada", "click1"), &key).to_string();
    let all = join_all((0..50).map(|_| proxy.post("v1/clicks", body.clone()))).await;
    let names: std::collections::BTreeSet<_> =
        all.iter().map(|answer| claims(&token(answer))["sub"].to_string()).collect();
    assert_eq!((names.len(), touches(&proxy).await), (1, 1));
}

#[tokio::test]
async fn going_back_after_a_second_partner_leaves_the_second_one_credited() {
    let proxy = TestProxy::start().await;
    let mut visitor = Visitor::arrives(&proxy, 1, &from("ada", "click1")).await;
    proxy.clock.advance(60_000);
    visitor.opens(2, &from("grace", "click2")).await;
    proxy.clock.advance(60_000);
    // Restored with its own arrival id, and loaded again with another.
    visitor.opens(1, &from("ada", "click1")).await;
    visitor.opens(3, &from("ada", "click1")).await;
    assert_eq!((touches(&proxy).await, visitor.credits(1).await), (2, json!("grace")));
    // A new click on the first partner's link is a new touch.
    proxy.clock.advance(60_000);
    visitor.opens(4, &from("ada", "click3")).await;
    assert_eq!((touches(&proxy).await, visitor.credits(2).await), (3, json!("ada")));
}

#[tokio::test]
async fn a_late_report_of_an_earlier_arrival_does_not_overtake_a_later_one() {
    let proxy = TestProxy::start().await;
    proxy.clock.advance(DAY_MS / 2);
    let mut visitor = Visitor::arrives(&proxy, 1, &from("grace", "click2")).await;
    let mut late = arrival_with(2, &from("ada", "click1"), &visitor.key);
    late["at"] = json!(START.to_rfc3339());
    visitor.reports(late).await;
    assert_eq!((touches(&proxy).await, visitor.credits(1).await), (2, json!("grace")));
}

#[tokio::test]
async fn a_vendors_cookie_on_every_page_is_one_touch_and_overrides_no_click() {
    let proxy = TestProxy::start().await;
    let page = |number: u8| format!("{ORIGIN}/page/{number}");
    // Only the cookie: one touch on the first page; its age does not restart on every page.
    let mut visitor = Visitor { proxy: &proxy, key: BrowserKey::new(), cookie: String::new(), token: String::new() };
    let first = visitor.opens_with_vendors_cookie(1, &page(1), "ada").await;
    for number in 2..20 {
        proxy.clock.advance(60_000);
        let next = visitor.opens_with_vendors_cookie(number, &page(number), "ada").await;
        assert_eq!(next.json()["expires_at"], first.json()["expires_at"]);
    }
    assert_eq!((touches(&proxy).await, visitor.credits(1).await), (1, json!("ada")));
    // After a click, the old cookie is still on every page but makes no touch.
    visitor.opens(20, &from("grace", "click1")).await;
    for number in 21..40 {
        proxy.clock.advance(60_000);
        visitor.opens_with_vendors_cookie(number, &page(number), "ada").await;
    }
    assert_eq!((touches(&proxy).await, visitor.credits(2).await), (2, json!("grace")));
    // It does not revive an expired touch either.
    proxy.clock.advance(91 * DAY_MS);
    let over = visitor.opens_with_vendors_cookie(40, &page(40), "ada").await;
    assert_eq!((over.status, touches(&proxy).await), (201, 3), "the visitor cookie is over, so this is somebody new");
}

#[tokio::test]
async fn a_time_in_the_future_is_now_and_outlives_nothing() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let mut body = arrival_with(1, &from("ada", "click1"), &key);
    body["at"] = json!(START.plus(400 * DAY_MS).to_rfc3339());
    let first = proxy.post("v1/clicks", body.to_string()).await;
    assert_eq!(first.json()["at"], START.to_rfc3339());
    assert_eq!(first.json()["expires_at"], START.plus(90 * DAY_MS).to_rfc3339());
    let mut visitor = Visitor { proxy: &proxy, key, cookie: first.cookie("tm_acme_v"), token: token(&first) };
    // A click a minute later is the later one, whatever the first one claimed.
    proxy.clock.advance(60_000);
    visitor.opens(2, &from("grace", "click2")).await;
    assert_eq!(visitor.credits(1).await, "grace");
    for touch in proxy.recorded().await {
        assert!(touch.at <= proxy.now() && touch.expires_at <= proxy.now().plus(90 * DAY_MS), "{}", touch.at);
    }
    // Nor can one reach further back than a day, the largest accepted clock error.
    let mut old = arrival_with(3, &landing("click3"), &visitor.key);
    old["at"] = json!("1999-01-01T00:00:00Z");
    assert_eq!(visitor.reports(old).await.status, 201);
    let earliest = proxy.recorded().await.into_iter().map(|touch| touch.at).min();
    assert_eq!(earliest, Some(proxy.now().plus(-DAY_MS)));
}
