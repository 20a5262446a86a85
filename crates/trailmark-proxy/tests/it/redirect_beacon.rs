//! An arrival that a page sends with `navigator.sendBeacon` when it is left: text/plain, no key, and nobody reads the
//! answer. The browser keeps the answer's cookies, and a later page has a key.

use serde_json::{Value, json};

use crate::support::browser::{BrowserKey, arrival, arrival_with, claims, landing, signup, token};
use crate::support::proxy::{Answer, ORIGIN, TestProxy};

/// What Chromium, Firefox and Safari send for `sendBeacon(url, text)`; the total must fit into 64 KiB.
async fn beacon(proxy: &TestProxy, body: &Value, more: &[(&'static str, &str)]) -> Answer {
    let mut request = proxy.request("v1/clicks", body.to_string()).header("accept", "*/*");
    for (name, value) in [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")]
    {
        request = request.header(name, value);
    }
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    proxy.send(request).await
}

/// An arrival as the stub stores it: the whole URL, the referrer, the time.
fn remembered(proxy: &TestProxy) -> Value {
    let mut body = arrival(1, &landing("click1").replace("#top", ""));
    body["referrer"] = json!("https://blog.example/review?reader=ada%40example.com");
    body["at"] = json!(proxy.now().to_rfc3339());
    body
}

#[tokio::test]
async fn a_beacon_loses_no_touch_and_the_next_page_is_the_same_visitor_with_a_key() {
    let proxy = TestProxy::start().await;
    let sent = beacon(&proxy, &remembered(&proxy), &[]).await;
    assert_eq!((sent.status, sent.cookies().len()), (201, 2));
    let visitor = claims(&token(&sent))["sub"].clone();
    assert_eq!(claims(&token(&sent)).get("cnf"), None, "no key, no binding");
    let cookie = sent.cookie("tm_acme_v");

    // The next page has lost the parameters; the flag cookie makes it ask, and its key is bound.
    let key = BrowserKey::new();
    let asks = |body: Value| proxy.request("v1/clicks", body.to_string());
    let next = arrival_with(2, &format!("{ORIGIN}/signup"), &key);
    let next = proxy.send(asks(next).header("cookie", &cookie)).await;
    assert_eq!((next.status, &next.json()["partner"]), (200, &json!("ada")));
    assert_eq!(claims(&token(&next))["sub"], visitor);
    assert!(claims(&token(&next))["cnf"]["jkt"].is_string());
    assert_eq!(proxy.convert(1, &key, &token(&next), signup("c1")).await.status, 202);
    assert_eq!(proxy.store.counts().await.unwrap().touches, 1);
}

#[tokio::test]
async fn the_same_arrival_by_beacon_and_by_the_module_is_one_touch() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let sent = beacon(&proxy, &remembered(&proxy), &[]).await;
    let visitor = claims(&token(&sent))["sub"].clone();
    let cookie = sent.cookie("tm_acme_v");

    // Restored from the back/forward cache, the module reports the arrival again, now with key and cookie.
    let mut again = remembered(&proxy);
    again["jwk"] = key.jwk();
    let request = |body: &Value| proxy.request("v1/clicks", body.to_string());
    let bound = proxy.send(request(&again).header("cookie", &cookie)).await;
    assert_eq!((bound.status, &claims(&token(&bound))["sub"]), (201, &visitor));
    // From then on the key is enough if the cookie is gone.
    let by_key = proxy.send(request(&again)).await;
    assert_eq!((by_key.status, &claims(&token(&by_key))["sub"]), (201, &visitor));
    assert_eq!(proxy.store.counts().await.unwrap().touches, 1);
    // A repeat with neither is somebody else.
    let stranger = beacon(&proxy, &remembered(&proxy), &[]).await;
    assert_ne!(claims(&token(&stranger))["sub"], visitor);
}

#[tokio::test]
async fn a_beacon_is_believed_and_cut_like_any_arrival() {
    let proxy = TestProxy::start().await;
    beacon(&proxy, &remembered(&proxy), &[]).await;
    let [touch] = proxy.recorded().await.try_into().unwrap();
    assert_eq!(touch.landing_url, format!("{ORIGIN}/pricing?ps_xid=click1&ps_partner_key=YWRh&utm_source=x"));
    // No touch, no cookie; a refusal reaches nobody and leaves nothing.
    let mut plain = remembered(&proxy);
    plain["url"] = json!(format!("{ORIGIN}/pricing?email=ada%40example.com"));
    let nothing = beacon(&proxy, &plain, &[]).await;
    assert_eq!((nothing.status, nothing.cookies().len()), (204, 0));
    assert_eq!(beacon(&proxy, &remembered(&proxy), &[("sec-gpc", "1")]).await.status, 204);
    let foreign = proxy.http.post(proxy.url("v1/clicks")).header("origin", "https://evil.example");
    let foreign = proxy.send(foreign.body(remembered(&proxy).to_string())).await;
    assert_eq!((foreign.code().as_str(), foreign.cookies().len()), ("403 origin_not_allowed", 0));
    assert_eq!(proxy.store.counts().await.unwrap().touches, 1);
}
