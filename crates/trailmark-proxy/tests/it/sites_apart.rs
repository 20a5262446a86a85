//! Two merchants behind one proxy: one merchant's signatures and API keys mean nothing on the other's site.
//! `redirect_sites` covers tokens, browser keys, cookies and links; `server_conversions` references and reading back.

use serde_json::{Value, json};

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, arrival_with, jti, token};
use crate::support::merchant::Merchant;
use crate::support::proxy::{Answer, HOST, SITES, TestProxy};
use trailmark_proxy::keys::crypto::sha256;
use trailmark_wire::base64url::encode;

const PAGES: [(&str, &str); 2] = [("acme", "http://127.0.0.1:8787"), ("zeta", "https://www.zeta.example")];

/// A visitor of a site: its page's origin, a key and a token.
struct Visitor {
    site: &'static str,
    origin: &'static str,
    key: BrowserKey,
    token: String,
}

impl Visitor {
    async fn of(proxy: &TestProxy, (site, origin): (&'static str, &'static str)) -> Self {
        let key = BrowserKey::new();
        let body = with(arrival_with(1, &format!("{origin}/?ps_xid=click&ps_partner_key=YWRh"), &key), "site", site);
        let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", origin).body(body.to_string());
        let token = token(&proxy.send(request).await);
        Self { site, origin, key, token }
    }

    async fn says(&self, proxy: &TestProxy, number: u8, data: &Value) -> Answer {
        let hash = encode(&sha256(self.token.as_bytes()));
        let payload = json!({
            "jti": jti(number), "iat": proxy.now().seconds(), "aud": self.site, "ath": hash,
            "token": self.token, "data": data,
        });
        let request = proxy.http.post(proxy.url("v1/conversions")).header("origin", self.origin);
        proxy.send(request.body(self.key.envelope(&payload))).await
    }
}

/// `status code` of a receipt.
fn said(answer: &Answer) -> String {
    let receipt = answer.json();
    [&receipt["status"], &receipt["code"]].into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn what_one_merchant_signs_is_nothing_at_the_other() {
    let merchants = [Merchant::new(), Merchant::new()];
    let with_keys = PAGES.iter().zip(&merchants).fold(SITES.to_owned(), |toml, ((site, _), merchant)| {
        let id = format!("id = \"{site}\"");
        toml.replacen(&id, &format!("{id}\n{}", merchant.order_keys()), 1)
    });
    let proxy = TestProxy::with(&with_keys).await;
    let visitors = [Visitor::of(&proxy, PAGES[0]).await, Visitor::of(&proxy, PAGES[1]).await];
    let now_s = proxy.now().seconds();
    let claims = |aud: &str, key: &str| {
        let order = json!({"key": key, "amount_minor": 1990, "currency": "EUR"});
        json!({"aud": aud, "iat": now_s, "exp": now_s + 86_400, "customer": {"key": "c1"}, "order": order})
    };
    let mut number = 0;
    for (own, other) in [(0, 1), (1, 0)] {
        let (visitor, merchant, stranger) = (&visitors[own], &merchants[own], &merchants[other]);
        let (here, there) = (PAGES[own].0, PAGES[other].0);
        for (jws, end) in [
            // The other site's key, for its own site and for this one; this key, for the other site.
            (stranger.order(&claims(there, "o1")), "held order_signature_invalid"),
            (stranger.order(&claims(here, "o1")), "held order_signature_invalid"),
            (merchant.order(&claims(there, "o1")), "held order_audience_mismatch"),
            (merchant.order(&claims(here, "o1")), "accepted"),
        ] {
            number += 1;
            let answer = visitor.says(&proxy, number, &json!({"kind": "sale", "signed_order": jws})).await;
            assert_eq!(said(&answer), end, "at {here}");
        }
        for (jws, end) in [
            (stranger.customer(&claims(there, "o1")), "held customer_signature_invalid"),
            (merchant.customer(&claims(there, "o1")), "held customer_audience_mismatch"),
            (merchant.customer(&claims(here, "o1")), "accepted"),
        ] {
            number += 1;
            let answer = visitor.says(&proxy, number, &json!({"kind": "signup", "signed_customer": jws})).await;
            assert_eq!(said(&answer), end, "at {here}");
        }
    }
}

#[tokio::test]
async fn an_api_key_speaks_for_its_own_site_on_whatever_host() {
    let proxy = TestProxy::start().await;
    let (acme, zeta) = (proxy.api_key("acme").await, proxy.api_key("zeta").await);
    let visitor = Visitor::of(&proxy, PAGES[0]).await;
    let of_acme = with(customer("u_1"), "click_token", visitor.token.as_str());
    assert_eq!(said(&proxy.report(&acme, "k", &of_acme).await), "accepted");
    // The same body with the other site's key, sent to the first site's host: a conversion of the other site, without
    // a customer.
    let elsewhere = proxy.send(proxy.call(&zeta, "k", &of_acme).header("host", HOST)).await;
    assert_eq!((elsewhere.status, said(&elsewhere).as_str()), (202, "unattributed token_invalid"));
    let id = elsewhere.json()["conversion_id"].as_str().unwrap().to_owned();
    assert_eq!(proxy.read_back(&acme, &id).await.code(), "404 not_found");
    assert_eq!(proxy.read_back(&zeta, &id).await.json()["external_id"], "u_1");
    // One site's order is no sale of the other's, so its refund has no effect there.
    let order = |key: &str| json!({"key": key, "amount_minor": 100, "currency": "EUR"});
    let sale = json!({"kind": "sale", "customer": {"key": "u_1"}, "order": order("o_1")});
    let refund = json!({"kind": "refund", "refund_of": "o_1", "order": order("r_1")});
    assert_eq!(said(&proxy.report(&acme, "sale", &sale).await), "accepted");
    assert_eq!(said(&proxy.report(&zeta, "refund", &refund).await), "held sale_unknown");
    assert_eq!(said(&proxy.report(&acme, "refund", &refund).await), "accepted");
    assert_eq!(said(&proxy.report(&zeta, "sale", &sale).await), "unattributed no_touch");
}
