//! Arrivals over HTTP: tokens, cookies, repeats, what is stored.

use serde_json::{Value, json};
use trailmark_wire::click::TOKEN_GONE;
use trailmark_wire::grammar::Unusable;

use crate::support::browser::{BrowserKey, arrival, arrival_with, claims, landing, token};
use crate::support::proxy::{ORIGIN, START, TestProxy};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn an_arrival_with_a_click_gives_a_bound_token_and_both_cookies() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let answer = proxy.post("v1/clicks", arrival_with(1, &landing("click1"), &key).to_string()).await;
    assert_eq!(answer.status, 201);
    let body = answer.json();
    assert_eq!((body["program"].as_str(), body["partner"].as_str()), (Some("main"), Some("ada")));
    assert_eq!(body["expires_at"], START.plus(90 * DAY_MS).to_rfc3339());
    let claims = claims(&token(&answer));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ORIGIN), &json!("acme")));
    assert_eq!(
        (claims["iat"].as_i64(), claims["exp"].as_i64()),
        (Some(START.seconds()), Some(START.plus(90 * DAY_MS).seconds()))
    );
    assert!(claims["cnf"]["jkt"].is_string());
    assert_eq!(answer.header("cache-control"), "no-store");
    let age = 90 * DAY_MS / 1000;
    let [visitor, flag] = answer.cookies().try_into().unwrap();
    assert!(visitor.starts_with("tm_acme_v=ey"), "{visitor}");
    assert!(visitor.ends_with(&format!("; HttpOnly; SameSite=Lax; Path=/; Max-Age={age}")), "{visitor}");
    assert_eq!(flag, format!("tm_acme=1; SameSite=Lax; Path=/; Max-Age={age}"));
}

#[tokio::test]
async fn https_sites_get_prefixed_secure_cookies() {
    let proxy = TestProxy::start().await;
    for (site, origin, prefix, domain) in [
        ("zeta", "https://www.zeta.example", "__Secure-tm_zeta", "; Domain=zeta.example"),
        ("host", "https://app.host.example", "__Host-tm_host", ""),
    ] {
        let mut body = arrival(1, &format!("{origin}/?ps_xid=click1"));
        body["site"] = json!(site);
        let answer = proxy.send(proxy.request("v1/clicks", body.to_string()).header("origin", "x")).await;
        assert_eq!(answer.code(), "403 origin_not_allowed", "two Origin headers are none");
        let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", origin).body(body.to_string());
        let answer = proxy.send(request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let [visitor, flag] = answer.cookies().try_into().unwrap();
        assert!(visitor.starts_with(&format!("{prefix}=ey")), "{visitor}");
        let attributes = format!("; Secure; SameSite=Lax; Path=/; Max-Age={}{domain}", 90 * DAY_MS / 1000);
        assert!(visitor.ends_with(&format!("; HttpOnly{attributes}")), "{visitor}");
        assert_eq!(flag, format!("tm_{site}=1{attributes}"));
    }
}

#[tokio::test]
async fn a_cookie_lives_no_longer_than_its_touch() {
    let proxy = TestProxy::start().await;
    let mut body = arrival(1, &landing("click1"));
    body["at"] = json!(START.plus(-DAY_MS / 2).to_rfc3339());
    let answer = proxy.post("v1/clicks", body.to_string()).await;
    assert_eq!(answer.json()["at"], START.plus(-DAY_MS / 2).to_rfc3339());
    let age = (90 * DAY_MS - DAY_MS / 2) / 1000;
    assert!(answer.cookies().iter().all(|cookie| cookie.contains(&format!("Max-Age={age}"))), "{answer:?}");
}

#[tokio::test]
async fn the_time_of_an_arrival_is_an_age_of_a_day_at_most_and_never_the_future() {
    let proxy = TestProxy::start().await;
    for (number, at, clamped) in [(1, 5 * DAY_MS, 0), (2, -5 * DAY_MS, -DAY_MS), (3, -1000, -1000)] {
        let mut body = arrival(number, &landing(&format!("click{number}")));
        body["at"] = json!(START.plus(at).to_rfc3339());
        let answer = proxy.post("v1/clicks", body.to_string()).await;
        assert_eq!(answer.json()["at"], START.plus(clamped).to_rfc3339());
    }
    let mut body = arrival(4, &landing("click4"));
    body["at"] = json!("");
    assert_eq!(proxy.post("v1/clicks", body.to_string()).await.json()["at"], START.to_rfc3339(), "as if left out");
}

/// Posts an arrival again, with or without cookie and key, and returns the visitor.
async fn again(proxy: &TestProxy, cookie: Option<&str>, key: Option<&BrowserKey>) -> Value {
    let url = landing("click1");
    let body = key.map_or_else(|| arrival(1, &url), |key| arrival_with(1, &url, key));
    let mut request = proxy.request("v1/clicks", body.to_string());
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let answer = proxy.send(request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    claims(&token(&answer))["sub"].clone()
}

#[tokio::test]
async fn a_repeated_arrival_is_the_same_visitor_for_its_cookie_and_its_key_and_a_new_one_for_a_stranger() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let first = proxy.post("v1/clicks", arrival_with(1, &landing("click1"), &key).to_string()).await;
    let visitor = claims(&token(&first))["sub"].clone();
    let cookie = first.cookie("tm_acme_v");
    assert_eq!(again(&proxy, Some(&cookie), None).await, visitor);
    assert_eq!(again(&proxy, None, Some(&key)).await, visitor);
    assert_ne!(again(&proxy, None, None).await, visitor);
    assert_ne!(again(&proxy, None, Some(&BrowserKey::new())).await, visitor);
    assert_ne!(again(&proxy, Some(&format!("{cookie}x")), None).await, visitor);
}

// field-faults row 72
#[tokio::test]
async fn a_known_arrival_and_its_public_key_without_the_cookie_give_no_cookie_and_add_nothing() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let first = proxy.post("v1/clicks", arrival_with(1, &landing("click1"), &key).to_string()).await;
    let visitor = claims(&token(&first))["sub"].clone();
    // A later touch of the visitor, by cookie.
    proxy.clock.advance(1000);
    let later = arrival_with(2, &format!("{ORIGIN}/?via=grace"), &key).to_string();
    proxy.send(proxy.request("v1/clicks", later).header("cookie", first.cookie("tm_acme_v"))).await;
    // A repeat's token is bound to the key and names only the arrival's own touch; no cookie comes with it.
    let repeat = proxy.post("v1/clicks", arrival_with(1, &landing("click1"), &key).to_string()).await;
    assert_eq!((repeat.status, repeat.cookies().len()), (201, 0));
    let told = claims(&token(&repeat));
    assert_eq!((&told["sub"], &told["partner"]), (&visitor, &json!("ada")));
    assert_eq!(told["cnf"], claims(&token(&first))["cnf"]);
    // Nothing else in the same arrival is recorded for that visitor.
    let forged = proxy.post("v1/clicks", arrival_with(1, &format!("{ORIGIN}/?via=eve"), &key).to_string()).await;
    assert_eq!(forged.json()["partner"], "ada", "an arrival has one touch in a program, and that is told again");
    let touches = proxy.recorded().await;
    assert_eq!(touches.len(), 2);
    assert!(touches.iter().all(|touch| touch.partner.as_deref() != Some("eve")));
}

#[tokio::test]
async fn only_the_visitor_cookie_binds_another_key_to_a_visitor() {
    let proxy = TestProxy::start().await;
    let (key, other) = (BrowserKey::new(), BrowserKey::new());
    let first = proxy.post("v1/clicks", arrival_with(1, &landing("click1"), &key).to_string()).await;
    let plain = arrival_with(2, &format!("{ORIGIN}/account"), &other).to_string();
    let request = proxy.request("v1/clicks", plain.clone()).header("cookie", first.cookie("tm_acme_v"));
    let rebound = proxy.send(request).await;
    assert_eq!(rebound.status, 200);
    let (before, after) = (claims(&token(&first)), claims(&token(&rebound)));
    assert_eq!((&before["sub"], &before["exp"]), (&after["sub"], &after["exp"]));
    assert_ne!(before["cnf"], after["cnf"]);
    // The click token is not a visitor cookie, although it names the same visitor and has the same signer.
    let forged = format!("tm_acme_v={}", token(&first));
    let refused = proxy.send(proxy.request("v1/clicks", plain).header("cookie", forged)).await;
    assert_eq!(refused.status, 204);
}

#[tokio::test]
async fn without_a_touch_the_live_one_behind_the_cookie_answers_until_it_ends() {
    let proxy = TestProxy::start().await;
    let first = proxy.post("v1/clicks", arrival(1, &landing("click1")).to_string()).await;
    let visitor = first.cookie("tm_acme_v");
    let plain = arrival(2, &format!("{ORIGIN}/account")).to_string();
    proxy.clock.advance(90 * DAY_MS - 1000);
    let live = proxy.send(proxy.request("v1/clicks", plain.clone()).header("cookie", &visitor)).await;
    assert_eq!(live.status, 200);
    assert_eq!(live.json()["expires_at"], first.json()["expires_at"]);
    assert!(live.cookies().iter().all(|cookie| cookie.contains("Max-Age=1")), "{live:?}");
    proxy.clock.advance(1000);
    let over = proxy.send(proxy.request("v1/clicks", plain.clone()).header("cookie", format!("a=b; {visitor}"))).await;
    assert_eq!((over.status, over.body.as_str()), (204, ""));
    assert_eq!(over.cookies().len(), 2);
    assert!(over.cookies().iter().all(|cookie| cookie.contains("Max-Age=0")), "{over:?}");
    let none = proxy.post("v1/clicks", plain).await;
    assert_eq!((none.status, none.cookies().len()), (204, 0));
}

// field-faults row 53
#[tokio::test]
async fn a_kept_token_counts_as_long_as_it_leads_to_a_live_touch_of_this_ledger() {
    let (proxy, other) = (TestProxy::start().await, TestProxy::start().await);
    let key = BrowserKey::new();
    let [ours, of_another_ledger] = [proxy.arrive(1, &key).await, other.arrive(1, &key).await];
    let asked = async |token: &str, key: &BrowserKey, cookie: &str| {
        let mut body = arrival_with(2, &format!("{ORIGIN}/account"), key);
        body["click_token"] = token.into();
        let answer = proxy.send(proxy.request("v1/clicks", body.to_string()).header("cookie", cookie)).await;
        assert_eq!(answer.body, "");
        (answer.status, answer.cookies().len())
    };
    for cookie in ["", "a=b"] {
        assert_eq!(asked(&ours, &key, cookie).await, (204, 0), "it outlives the cookies");
    }
    for cookie in ["tm_acme=1", "tm_acme=1; tm_acme_v=stale"] {
        assert_eq!(asked(&ours, &key, cookie).await, (204, 2), "{cookie}");
        assert_eq!(asked(&of_another_ledger, &key, cookie).await, (TOKEN_GONE, 2), "{cookie}");
    }
    let cut = &ours[..ours.len() - 1];
    for token in [of_another_ledger.as_str(), cut, "", "no token"] {
        assert_eq!(asked(token, &key, "").await, (TOKEN_GONE, 0), "{token}");
    }
    assert_eq!(asked(&ours, &BrowserKey::new(), "").await, (TOKEN_GONE, 0), "its key is not this browser's");
    let mut body = arrival_with(3, &landing("click3"), &key);
    body["click_token"] = of_another_ledger.into();
    assert_eq!(proxy.post("v1/clicks", body.to_string()).await.status, 201, "a touch counts beside any token");
    proxy.clock.advance(90 * DAY_MS);
    assert_eq!(asked(&ours, &key, "").await, (TOKEN_GONE, 0), "its window is over");
}

#[tokio::test]
async fn what_is_stored_of_a_landing_url_holds_captured_parameters_and_utm_alone() {
    let proxy = TestProxy::start().await;
    proxy.post("v1/clicks", arrival(1, &landing("click1")).to_string()).await;
    let touches = proxy.store.touches(trailmark_proxy::store::operator::Filter::default()).await.unwrap();
    let stored = format!("{ORIGIN}/pricing?ps_xid=click1&ps_partner_key=YWRh&utm_source=x");
    assert_eq!(touches.iter().map(|touch| touch.landing_url.as_str()).collect::<Vec<_>>(), [stored]);
}

// field-faults rows 69 and 70
#[tokio::test]
async fn of_a_long_address_the_beginning_is_stored_and_of_an_email_address_nothing() {
    let proxy = TestProxy::start().await;
    let url = format!("{ORIGIN}/u/ada%40lovelace.org/{}?ps_xid=x1&utm_content=ada@lovelace.org", "a/".repeat(4_000));
    assert_eq!(proxy.post("v1/clicks", arrival(1, &url).to_string()).await.status, 201);
    let email = format!("{ORIGIN}/pricing?gspk=ada@lovelace.org&ps_xid=ada@lovelace.org");
    assert_eq!(proxy.post("v1/clicks", arrival(2, &email).to_string()).await.status, 204);
    let touches = proxy.store.touches(trailmark_proxy::store::operator::Filter::default()).await.unwrap();
    assert_eq!(touches.len(), 2);
    for touch in &touches.items {
        let row = serde_json::to_string(touch).unwrap();
        assert!(!row.contains("lovelace") && row.contains("[email]") && row.len() < 2_000, "{row}");
    }
}

// field-faults § 2
#[tokio::test]
async fn a_link_without_a_usable_key_is_recorded_with_its_reason_and_an_earlier_touch_keeps_its_credit() {
    let proxy = TestProxy::start().await;
    let first = proxy.post("v1/clicks", arrival(1, &landing("click1")).to_string()).await;
    proxy.clock.advance(1000);
    let url = format!("{ORIGIN}/pricing?ps_partner_key=a%20b%2Fc");
    let request = proxy.request("v1/clicks", arrival(2, &url).to_string());
    let later = proxy.send(request.header("cookie", first.cookie("tm_acme_v"))).await;
    assert_eq!((later.status, &later.json()["partner"]), (201, &json!("ada")));
    let touches = proxy.store.touches(trailmark_proxy::store::operator::Filter::default()).await.unwrap();
    let reasons: Vec<_> = touches.iter().map(|touch| (touch.partner.as_deref(), touch.unusable)).collect();
    assert_eq!(reasons, [(None, Some(Unusable::Characters)), (Some("ada"), None)]);
    // Nobody gets a cookie for it, and a merge tag is no touch at all: row 20.
    let stranger = proxy.post("v1/clicks", arrival(3, &url).to_string()).await;
    assert_eq!((stranger.status, stranger.cookies().len()), (204, 0));
    let tag = format!("{ORIGIN}/pricing?ps_partner_key={{{{partner_key}}}}");
    assert_eq!(proxy.post("v1/clicks", arrival(4, &tag).to_string()).await.status, 204);
    assert_eq!(proxy.store.touches(trailmark_proxy::store::operator::Filter::default()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_vendors_cookie_counts_where_the_visitor_has_no_touch() {
    let proxy = TestProxy::start().await;
    let mut body = arrival(1, &format!("{ORIGIN}/"));
    body["cookies"] = json!({"growSumoPartnerKey": "grace", "clickref": "other-vendors-own"});
    let answer = proxy.post("v1/clicks", body.to_string()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["partner"], "grace");
}

#[tokio::test]
async fn a_beacon_and_a_json_body_are_read_alike() {
    let proxy = TestProxy::start().await;
    for (number, kind) in [(1, "application/json"), (2, "text/plain")] {
        let body = arrival(number, &landing(&format!("click{number}"))).to_string();
        let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", ORIGIN).header("content-type", kind);
        assert_eq!(proxy.send(request.body(body)).await.status, 201);
    }
}

#[tokio::test]
async fn forgetting_expires_the_cookies_of_the_pages_sites() {
    let proxy = TestProxy::start().await;
    for path in ["v1/clicks", "v1/clicks?site=acme"] {
        let answer = proxy.send(proxy.http.delete(proxy.url(path)).header("origin", ORIGIN)).await;
        assert_eq!(answer.status, 204);
        let [visitor, flag] = answer.cookies().try_into().unwrap();
        assert_eq!(visitor, "tm_acme_v=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
        assert_eq!(flag, "tm_acme=1; SameSite=Lax; Path=/; Max-Age=0");
    }
    for (path, code) in [
        ("v1/clicks?site=zeta", "403 origin_not_allowed"),
        ("v1/clicks?site=none", "404 site_unknown"),
        ("v1/clicks?site=%20", "400 malformed"),
    ] {
        let answer = proxy.send(proxy.http.delete(proxy.url(path)).header("origin", ORIGIN)).await;
        assert_eq!(answer.code(), code, "{path}");
    }
    let stranger = proxy.http.delete(proxy.url("v1/clicks")).header("origin", "https://evil.example");
    assert_eq!(proxy.send(stranger).await.code(), "403 origin_not_allowed");
}

#[tokio::test]
async fn with_global_privacy_control_nothing_is_recorded_and_no_cookie_is_left() {
    let proxy = TestProxy::start().await;
    let first = proxy.post("v1/clicks", arrival(1, &landing("click1")).to_string()).await;
    let request = proxy.request("v1/clicks", arrival(2, &landing("click2")).to_string()).header("sec-gpc", "1");
    let answer = proxy.send(request.header("cookie", first.cookie("tm_acme_v"))).await;
    assert_eq!(answer.status, 204);
    assert!(answer.cookies().iter().all(|cookie| cookie.contains("Max-Age=0")) && answer.cookies().len() == 2);
    assert_eq!(proxy.store.counts().await.unwrap().touches, 1);
}

#[tokio::test]
async fn another_sites_visitor_cookie_is_nobodys() {
    let proxy = TestProxy::start().await;
    let mut body = arrival(1, "https://www.host.example/?ps_xid=click1");
    body["site"] = json!("host");
    let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", "https://www.host.example");
    let theirs = proxy.send(request.body(body.to_string())).await.cookie("__Host-tm_host");
    let value = theirs.split_once('=').unwrap().1;
    let request = proxy.request("v1/clicks", arrival(2, &landing("click2")).to_string());
    let ours = proxy.send(request.header("cookie", format!("tm_acme_v={value}"))).await;
    assert_eq!(ours.status, 201);
    assert_ne!(claims(&token(&ours))["sub"], claims(value)["sub"]);
}

#[tokio::test]
async fn an_expired_visitor_cookie_is_nobodys() {
    let proxy = TestProxy::start().await;
    let first = proxy.post("v1/clicks", arrival(1, &landing("click1")).to_string()).await;
    proxy.clock.advance(90 * DAY_MS);
    let request = proxy.request("v1/clicks", arrival(2, &landing("click2")).to_string());
    let later = proxy.send(request.header("cookie", first.cookie("tm_acme_v"))).await;
    assert_eq!(later.status, 201);
    assert_ne!(claims(&token(&later))["sub"], claims(&token(&first))["sub"]);
}
