//! Several sites behind one proxy, each on its own hosts: nothing of one site works on another.

use serde_json::{Value, json};

use crate::support::browser::{BrowserKey, arrival_with, claims, jti, payload, signup, token};
use crate::support::proxy::{Answer, TestProxy};

/// Two merchants behind one load balancer; `acme` has its pages on another host than its proxy.
const SITES: &str = r#"
[server]
listen = "127.0.0.1:0"
public_url = "https://tm.acme.example"
trusted_proxies = ["127.0.0.0/8"]

[[sites]]
id = "acme"
origins = ["https://www.acme.example"]
cookie_domain = "acme.example"
consent = "not_required"
redirect_to = ["https://www.acme.example"]

[[sites.programs]]
id = "acme-main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"

[[sites]]
id = "zeta"
public_url = "https://www.zeta.example"
origins = ["https://www.zeta.example"]
consent = "not_required"

[[sites.programs]]
id = "zeta-main"
vendor = "partnerstack"
public_key = "env:KEY"
private_key = "env:KEY"
unique_keys = true
"#;

const ACME: &str = "tm.acme.example";
const ZETA: &str = "www.zeta.example";

/// Posts as a page of `www.{site}.example`.
async fn post(proxy: &TestProxy, page: &str, path: &str, body: String, cookie: &str) -> Answer {
    let request = proxy.http.post(proxy.url(path)).header("origin", format!("https://www.{page}.example"));
    proxy.send(request.header("cookie", cookie).body(body)).await
}

/// Arrives at a site with a click.
async fn arrive(proxy: &TestProxy, site: &str, key: &BrowserKey) -> Answer {
    let mut body = arrival_with(1, &format!("https://www.{site}.example/?ps_xid=click&ps_partner_key=YWRh"), key);
    body["site"] = json!(site);
    let answer = post(proxy, site, "v1/clicks", body.to_string(), "").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

fn kids(jwks: &Answer) -> Vec<String> {
    let keys = jwks.json()["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_link_works_on_its_own_sites_hosts_alone() {
    let proxy = TestProxy::with(SITES).await;
    let to = "to=https://www.acme.example/pricing";
    for (host, program, status) in [
        (ACME, "acme-main", 302),
        ("TM.acme.example:443", "acme-main", 302),
        ("www.acme.example", "acme-main", 302),
        (ZETA, "acme-main", 404),
        ("tm.acme.example:8443", "acme-main", 404),
        ("acme.example", "acme-main", 404),
        ("evil.example", "acme-main", 404),
        (ACME, "zeta-main", 404),
    ] {
        let led = proxy.send(proxy.clicked(host, &format!("r/{program}/ada?{to}"))).await;
        assert_eq!((led.status, led.cookies().len()), (status, if status == 302 { 2 } else { 0 }), "{host} {program}");
    }
    assert_eq!(proxy.recorded().await.len(), 3);
    // One site's list does not apply to another's links.
    let across = proxy.send(proxy.clicked(ZETA, &format!("r/zeta-main/ada?{to}"))).await;
    assert_eq!((across.status, across.header("location")), (400, ""));
    let own = proxy.send(proxy.clicked(ZETA, "r/zeta-main/ada?to=/pricing")).await;
    assert_eq!(own.header("location"), "https://www.zeta.example/pricing");
    assert!(own.cookie("__Host-tm_zeta").len() > 20);
}

#[tokio::test]
async fn behind_a_trusted_proxy_its_forwarded_host_decides_and_a_strangers_does_not() {
    let link = "r/zeta-main/ada?to=/";
    let proxy = TestProxy::with(SITES).await;
    let forwarded = |proxy: &TestProxy| proxy.clicked("10.0.0.5:8787", link).header("x-forwarded-host", ZETA);
    assert_eq!(proxy.send(forwarded(&proxy)).await.status, 302);
    assert_eq!(proxy.send(proxy.clicked("10.0.0.5:8787", link)).await.status, 404);
    let stranger = TestProxy::with(&SITES.replace("[\"127.0.0.0/8\"]", "[\"10.0.0.0/8\"]")).await;
    assert_eq!(stranger.send(forwarded(&stranger)).await.status, 404);
}

#[tokio::test]
async fn a_host_publishes_the_keys_of_its_own_site() {
    let proxy = TestProxy::with(SITES).await;
    let path = ".well-known/jwks.json";
    let (acme, zeta) = (kids(&proxy.get_at(ACME, path).await), kids(&proxy.get_at(ZETA, path).await));
    assert!(acme.len() == 1 && zeta.len() == 1 && acme != zeta, "{acme:?} {zeta:?}");
    let click = token(&arrive(&proxy, "zeta", &BrowserKey::new()).await);
    let header: Value =
        serde_json::from_slice(&trailmark_wire::base64url::decode(click.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header["kid"], json!(zeta[0]));
    assert_eq!(claims(&click)["iss"], json!("https://www.zeta.example"));
    assert_eq!(proxy.get_at("evil.example", path).await.code(), "404 not_found");
}

#[tokio::test]
async fn no_token_key_id_or_cookie_of_one_site_works_at_the_other() {
    let proxy = TestProxy::with(SITES).await;
    let key = BrowserKey::new();
    let (acme, zeta) = (arrive(&proxy, "acme", &key).await, arrive(&proxy, "zeta", &key).await);
    let (acme_token, zeta_token) = (token(&acme), token(&zeta));

    // One site's token in an envelope for the other, from either page.
    let envelope = |aud: &str, token: &str, number: u8| {
        let mut payload = payload(&proxy, number, token, signup("c1"));
        payload["aud"] = json!(aud);
        key.envelope(&payload)
    };
    for (page, aud, token, code) in [
        ("zeta", "zeta", &acme_token, "401 audience_mismatch"),
        ("acme", "acme", &zeta_token, "401 audience_mismatch"),
        ("zeta", "acme", &acme_token, "403 origin_not_allowed"),
        ("acme", "zeta", &zeta_token, "403 origin_not_allowed"),
    ] {
        let refused = post(&proxy, page, "v1/conversions", envelope(aud, token, 1), "").await;
        assert_eq!(refused.code(), code, "{page} {aud}");
    }
    assert_eq!(proxy.conversions().await, 0);

    // One site's cookie under the other's name: a link makes a new visitor, and the page learns nothing.
    let value = |answer: &Answer, name: &str| answer.cookie(name).split_once('=').unwrap().1.to_owned();
    let theirs = value(&acme, "__Secure-tm_acme");
    let cookie = format!("__Host-tm_zeta={theirs}");
    let led = proxy.clicked(ZETA, "r/zeta-main/grace?to=/").header("cookie", &cookie);
    let made = value(&proxy.send(led).await, "__Host-tm_zeta");
    assert_ne!(claims(&made)["sub"], claims(&theirs)["sub"]);
    let mut plain = arrival_with(2, "https://www.zeta.example/", &key);
    plain["site"] = json!("zeta");
    assert_eq!(post(&proxy, "zeta", "v1/clicks", plain.to_string(), &cookie).await.status, 204);

    // The same arrival id and key on both sites are two visitors; likewise conversion id and customer.
    assert_ne!(claims(&acme_token)["sub"], claims(&zeta_token)["sub"]);
    for (site, token) in [("acme", &acme_token), ("zeta", &zeta_token)] {
        let receipt = post(&proxy, site, "v1/conversions", envelope(site, token, 7), "").await;
        assert_eq!((receipt.status, &receipt.json()["status"]), (202, &json!("accepted")), "{receipt:?}");
        assert_eq!((&receipt.json()["replayed"], jti(7).len()), (&json!(false), 36));
    }
    assert_eq!(proxy.conversions().await, 2);

    // A page clears its own site's cookies, not the other's.
    let request = proxy.http.delete(proxy.url("v1/clicks")).header("origin", "https://www.zeta.example");
    let names: Vec<_> = proxy.send(request).await.cookies();
    assert!(names.len() == 2 && names.iter().all(|cookie| cookie.contains("tm_zeta=")), "{names:?}");
}
