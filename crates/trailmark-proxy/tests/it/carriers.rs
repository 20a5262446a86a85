//! A visit that passes from one host of a site to another that shares no cookie with it, over HTTP: who may announce a carrier,
//! which browser it works for and for how long, and which touch counts afterwards.

use serde_json::{Value, json};

use crate::support::browser::{BrowserKey, arrival_with, claims, jti, landing, payload, signup, token};
use crate::support::proxy::{Answer, ORIGIN, SITES, START, TestProxy};

/// The origin of the other host.
const APP: &str = "https://app.other.example";

const MINUTE_MS: i64 = 60 * 1000;

/// A visitor of the first host, and the browser key that the same person has on the other one.
struct World {
    proxy: TestProxy,
    www: BrowserKey,
    app: BrowserKey,
    token: String,
}

impl World {
    async fn new() -> Self {
        let own = format!("origins = [\"{ORIGIN}\"]");
        let proxy = TestProxy::with(&SITES.replace(&own, &format!("origins = [\"{ORIGIN}\", \"{APP}\"]"))).await;
        let (www, app) = (BrowserKey::new(), BrowserKey::new());
        let token = proxy.arrive(1, &www).await;
        Self { proxy, www, app, token }
    }

    /// The payload that announces a carrier, which a row may spoil.
    fn payload(&self, number: u8, change: impl FnOnce(&mut Value)) -> Value {
        let mut payload = payload(&self.proxy, number, &self.token, json!({}));
        change(&mut payload);
        payload
    }

    /// The envelope of a payload.
    fn envelope(&self, key: &BrowserKey, payload: &Value) -> String {
        key.jws(&json!({"alg": "ES256", "typ": "carrier+jwt", "jwk": key.jwk()}), payload)
    }

    async fn post(&self, body: String) -> Answer {
        self.proxy.post("v1/carriers", body).await
    }

    /// Announces a carrier, as a page does while the visitor follows its link.
    async fn announce(&self, number: u8) {
        let answer = self.post(self.envelope(&self.www, &self.payload(number, |_| {}))).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    }

    /// The address of a link that was followed at the start of the clock.
    fn link(&self, number: u8) -> String {
        format!("{APP}/welcome?_tm={}.{}", jti(number), START.seconds())
    }

    /// The report of a page on the other host that was reached `after_ms` later.
    fn report(&self, arrival: u8, url: &str, key: &BrowserKey, after_ms: i64) -> Value {
        let mut body = arrival_with(arrival, url, key);
        body["at"] = json!(START.plus(after_ms).to_rfc3339());
        body
    }

    async fn tell(&self, body: &Value, cookie: &str) -> Answer {
        let request = self.proxy.http.post(self.proxy.url("v1/clicks")).header("origin", APP);
        let request = request.header("content-type", "text/plain;charset=UTF-8").header("cookie", cookie);
        self.proxy.send(request.body(body.to_string())).await
    }

    /// Arrives on the other host by the link, a second after the click.
    async fn follow(&self, number: u8, key: &BrowserKey) -> Answer {
        self.tell(&self.report(100 + number, &self.link(number), key, 1_000), "").await
    }
}

#[tokio::test]
async fn a_carrier_makes_the_other_host_know_the_visitor_once() {
    let world = World::new().await;
    world.announce(1).await;
    let known = world.follow(1, &world.app).await;
    assert_eq!((known.status, known.json()["partner"].as_str()), (200, Some("ada")), "{known:?}");
    let (before, after) = (claims(&world.token), claims(&token(&known)));
    assert_eq!((&before["sub"], &before["exp"]), (&after["sub"], &after["exp"]), "the same visitor and touch");
    assert_ne!(before["cnf"], after["cnf"], "bound to the key of the other host");
    assert_eq!(known.cookies().len(), 2);
    assert_eq!(known.json()["carry_to"], json!([ORIGIN]), "and back");
    // The link works for no one else, and for the same browser again, whose answer was lost; but that proves nothing.
    for stranger in [BrowserKey::new(), BrowserKey::new()] {
        let nothing = world.follow(1, &stranger).await;
        assert_eq!((nothing.status, nothing.cookies().len()), (204, 0));
    }
    let again = world.follow(1, &world.app).await;
    assert_eq!((again.status, again.cookies().len()), (200, 0));
    assert_eq!(claims(&token(&again))["cnf"], after["cnf"]);
    let signed = world.proxy.convert(9, &world.app, &token(&known), signup("c1")).await;
    assert_eq!(signed.json()["attribution"], json!([{"program": "main", "partner": "ada"}]));
}

#[tokio::test]
async fn a_link_that_was_followed_more_than_a_minute_before_carries_nothing() {
    let world = World::new().await;
    world.announce(1).await;
    for after_ms in [MINUTE_MS + 1_000, 10 * MINUTE_MS, -5_000] {
        let late = world.report(9, &world.link(1), &world.app, after_ms);
        assert_eq!(world.tell(&late, "").await.status, 204, "{after_ms}");
    }
    let in_time = world.report(9, &world.link(1), &world.app, MINUTE_MS - 1_000);
    assert_eq!(world.tell(&in_time, "").await.status, 200, "what was too late has used nothing");
}

#[tokio::test]
async fn a_visitor_who_was_asked_for_consent_first_is_known_half_an_hour_after() {
    let world = World::new().await;
    world.announce(1).await;
    world.announce(2).await;
    world.proxy.clock.advance(29 * MINUTE_MS);
    assert_eq!(world.follow(1, &world.app).await.status, 200);
    world.proxy.clock.advance(2 * MINUTE_MS);
    assert_eq!(world.follow(2, &BrowserKey::new()).await.status, 204);
}

#[tokio::test]
async fn a_clock_that_is_wrong_does_no_harm() {
    let world = World::new().await;
    world.announce(1).await;
    let day = 24 * 60 * MINUTE_MS;
    for (number, off_ms) in [(1, 3 * day), (2, -3 * day)] {
        world.announce(number).await;
        let link = format!("{APP}/?_tm={}.{}", jti(number), START.plus(off_ms).seconds());
        let report = world.report(number, &link, &world.app, off_ms + 2_000);
        assert_eq!(world.tell(&report, "").await.status, 200, "{off_ms}");
    }
}

#[tokio::test]
async fn only_whoever_is_the_visitor_announces_a_carrier() {
    let world = World::new().await;
    let thief = BrowserKey::new();
    let good = world.payload(1, |_| {});
    let later = world.proxy.now().seconds() + 3600;
    let rows = [
        ("nothing", String::new(), "400 malformed"),
        ("no signature", good.to_string(), "401 signature_invalid"),
        ("another key", world.envelope(&thief, &good), "401 key_mismatch"),
        (
            "a signature by another key",
            thief.jws(&json!({"alg": "ES256", "typ": "carrier+jwt", "jwk": world.www.jwk()}), &good),
            "401 signature_invalid",
        ),
        ("a conversion", world.www.envelope(&payload(&world.proxy, 1, &world.token, signup("c"))), "400 malformed"),
        ("data", world.envelope(&world.www, &world.payload(1, |body| body["data"] = signup("c"))), "400 malformed"),
        (
            "another member",
            world.envelope(&world.www, &world.payload(1, |body| body["to"] = json!(1))),
            "400 malformed",
        ),
        (
            "another site",
            world.envelope(&world.www, &world.payload(1, |body| body["aud"] = json!("zeta"))),
            "403 origin_not_allowed",
        ),
        (
            "another token's hash",
            world.envelope(&world.www, &world.payload(1, |body| body["ath"] = json!("A".repeat(43)))),
            "401 token_mismatch",
        ),
        (
            "the future",
            world.envelope(&world.www, &world.payload(1, |body| body["iat"] = json!(later))),
            "401 from_the_future",
        ),
    ];
    for (row, body, expected) in rows {
        assert_eq!(world.post(body).await.code(), expected, "{row}");
    }
    let carrier = world.envelope(&world.www, &good);
    let conversion = world.proxy.post("v1/conversions", carrier.clone()).await;
    assert_eq!(conversion.code(), "400 malformed", "a carrier is no conversion");
    let foreign = world.proxy.http.post(world.proxy.url("v1/carriers")).header("origin", "https://evil.example");
    assert_eq!(world.proxy.send(foreign.body(carrier.clone())).await.code(), "403 origin_not_allowed");
    let private = world.proxy.request("v1/carriers", carrier).header("sec-gpc", "1");
    assert_eq!(world.proxy.send(private).await.status, 204);
    assert_eq!(world.follow(1, &world.app).await.status, 204, "nothing was kept of all this");
}

#[tokio::test]
async fn of_two_visitors_the_one_who_was_touched_last_is_carried_on() {
    let world = World::new().await;
    // The other host knows somebody from before, by cookie, or by token where it gets no cookies.
    let before = world.report(2, &format!("{APP}/?via=grace"), &world.app, -5_000);
    let before = world.tell(&before, "").await;
    let cookie = before.cookie("tm_acme_v");
    for (number, cookie, kept) in [(1, cookie.as_str(), None), (2, "", Some(token(&before)))] {
        world.announce(number).await;
        let mut report = world.report(number, &world.link(number), &world.app, 1_000);
        report["click_token"] = json!(kept);
        let known = world.tell(&report, cookie).await;
        assert_eq!(known.json()["partner"], "ada", "{number}: {known:?}");
    }
    // Grace's next link is the last touch.
    world.proxy.clock.advance(10_000);
    let after = world.report(3, &format!("{APP}/?via=grace"), &world.app, 10_000);
    let after = world.tell(&after, &cookie).await;
    for (number, cookie, kept) in [(4, cookie.as_str(), None), (5, "", Some(token(&after)))] {
        world.announce(number).await;
        let link = format!("{APP}/?_tm={}.{}", jti(number), START.plus(10_000).seconds());
        let mut report = world.report(number, &link, &world.app, 11_000);
        report["click_token"] = json!(kept);
        let known = world.tell(&report, cookie).await;
        let is_kept = known.status == 204 || known.json()["partner"] == "grace";
        assert!(is_kept, "{number}: {known:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_quicker_than_its_carrier_waits_for_it() {
    let world = World::new().await;
    let (known, ()) = tokio::join!(world.follow(1, &world.app), world.announce(1));
    assert_eq!(known.status, 200, "{known:?}");
    let nobody = world.follow(2, &world.app).await;
    assert_eq!(nobody.status, 204, "but not for ever");
}

#[tokio::test]
async fn a_partners_link_that_carries_a_visit_is_that_visitors_next_touch() {
    let world = World::new().await;
    world.announce(1).await;
    // The first touch was at the start of the clock, too.
    world.proxy.clock.advance(1_000);
    let report = world.report(2, &format!("{}&via=grace", world.link(1)), &world.app, 1_000);
    let known = world.tell(&report, "").await;
    assert_eq!((known.status, known.json()["partner"].as_str()), (201, Some("grace")));
    assert_eq!(claims(&token(&known))["sub"], claims(&world.token)["sub"]);
    let touches = world.proxy.store.touches(trailmark_proxy::store::operator::Filter::default()).await.unwrap();
    let stored: Vec<_> = touches.iter().map(|touch| touch.landing_url.as_str()).collect();
    assert!(stored.contains(&format!("{APP}/welcome?via=grace").as_str()), "no carrier is stored: {stored:?}");
}

#[tokio::test]
async fn a_page_hears_of_the_hosts_that_share_no_cookie_with_it() {
    let origins = r#"origins = ["https://www.host.example", "https://app.host.example"]"#;
    let three = r#"origins = ["https://www.host.example", "https://app.host.example", "https://host.example:8443", "https://www.host.example:8443", "https://other.example"]"#;
    let shared = SITES.replace(origins, &format!("{three}\ncookie_domain = \"host.example\""));
    let apart = SITES.replace(origins, three);
    for (toml, origin, expected) in [
        (&shared, "https://www.host.example", json!(["https://other.example"])),
        (
            &shared,
            "https://other.example",
            json!([
                "https://www.host.example",
                "https://app.host.example",
                "https://host.example:8443",
                "https://www.host.example:8443"
            ]),
        ),
        (
            &apart,
            "https://www.host.example",
            json!(["https://app.host.example", "https://host.example:8443", "https://other.example"]),
        ),
    ] {
        let proxy = TestProxy::with(toml).await;
        let body = json!({"site": "host", "id": format!("{:032x}", 1), "url": format!("{origin}/?ps_xid=x")});
        let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", origin);
        let answer = proxy.send(request.body(body.to_string())).await;
        assert_eq!(answer.json()["carry_to"], expected, "{origin}");
    }
    let alone = TestProxy::start().await;
    let body = arrival_with(1, &landing("c"), &BrowserKey::new());
    assert!(alone.post("v1/clicks", body.to_string()).await.json().get("carry_to").is_none());
}
