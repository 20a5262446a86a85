//! The page at the root: what it names is there, what it tells to type works as it stands, and it shows what vendors have.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::Settings;

use crate::client::{CURRENT, Double};

async fn page(double: &Double) -> String {
    let reply = double.draft("GET", "/").send().await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, Some("text/html; charset=utf-8")));
    String::from_utf8(reply.body.to_vec()).unwrap()
}

/// The body that the page's `curl` sends to a control route.
fn told(page: &str, double: &Double, route: &str) -> Value {
    let command = format!("<pre>curl http://{}/control/{route} ", double.address());
    let (_, rest) = page.split_once(&command).unwrap();
    let (_, body) = rest.split_once("-d '").unwrap();
    serde_json::from_str(body.split_once('\'').unwrap().0).unwrap()
}

#[tokio::test]
async fn the_root_names_addresses_and_each_of_them_answers() {
    let double = Double::start().await;
    let page = page(&double).await;
    let links: Vec<&str> = page.split("href=\"/").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    assert!(links.len() >= 8, "{links:?}");
    for link in links {
        let reply = double.draft("GET", &format!("/{link}")).send().await;
        let is_own = ["control/", "shop/"].iter().any(|part| link.starts_with(part));
        let expected = if is_own { StatusCode::OK } else { StatusCode::FOUND };
        assert_eq!(reply.status, expected, "{link}");
    }
}

#[tokio::test]
async fn the_fault_and_the_hour_of_the_root_page_are_taken_as_they_stand() {
    let double = Double::start().await;
    let page = page(&double).await;
    double.arm(told(&page, &double, "faults")).await;
    let refused = double.get(&format!("{CURRENT}/groups")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("3600")));
    let clock = double.control("POST", "clock", &told(&page, &double, "clock")).await;
    assert_eq!(clock["offset_ms"], 3_600_000);
}

#[tokio::test]
async fn the_root_page_is_no_call_to_a_vendor_and_holds_no_markup_of_the_landing_url() {
    let landing_url = "http://127.0.0.1:8787/?a=b&c=d#<b>".to_owned();
    let double = Double::with(Settings { landing_url, ..Settings::default() }).await;
    double.arm(json!({ "vendor": "partnerstack", "kind": "reset_before" })).await;
    let page = page(&double).await;
    assert!(!page.contains("<b>"), "{page}");
    assert_eq!(double.control("GET", "requests", &Value::Null).await["total"], 0);
    assert_eq!(double.draft("POST", "/").send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(double.draft("GET", "/nothing").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_root_page_says_what_a_restart_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Settings { state: Some(folder.path().join("state.json")), ..Settings::default() };
    for (settings, said) in [(Settings::default(), "after a restart it is empty"), (kept, "it goes on with them")] {
        assert!(page(&Double::with(settings).await).await.contains(said), "{said}");
    }
}

#[tokio::test]
async fn what_a_vendor_has_is_on_the_page_and_in_the_listings_and_what_a_client_wrote_is_no_markup() {
    let double = Double::start().await;
    let xid = double.click().await;
    double.conversion(&json!({ "xid": xid, "customer_key": "<b>u-1" })).send().await;
    double.conversion(&json!({ "xid": xid, "customer_key": "u-2" })).send().await;
    let page = page(&double).await;
    assert!(!page.contains("<b>") && page.contains("<code>&lt;b>u-1</code> <span class=\"\">by ada</span>"), "{page}");
    assert!(page.contains("<h3>Customers <span>2</span></h3>"), "{page}");
    let told = double.control("GET", "listings", &Value::Null).await;
    let vendors: Vec<&str> =
        told["vendors"].as_array().unwrap().iter().map(|one| one["vendor"].as_str().unwrap()).collect();
    assert_eq!(vendors, ["partnerstack", "partnerize", "introw", "partnero"]);
    let first = json!({ "key": "u-2", "of": null, "partner": "ada", "money": null, "state": "not visible yet" });
    assert_eq!(told["vendors"][0]["listings"][0]["rows"][0], first);
}

#[tokio::test]
async fn the_links_of_each_vendor_carry_the_parameters_that_the_listings_name() {
    let double = Double::start().await;
    let told = double.control("GET", "listings", &Value::Null).await;
    let stack = "partnerlinks/go/ada";
    let links = [stack, "prf/click/camref:1011lamber-media", "introw/r/alder-advisory", "partnero-links/amiraito"];
    let vendors = told["vendors"].as_array().unwrap();
    assert_eq!(vendors.len(), links.len());
    for (vendor, link) in vendors.iter().zip(links) {
        let names = vendor["link_params"].as_array().unwrap();
        let reply = double.draft("GET", &format!("/{link}")).send().await;
        let (_, query) = reply.header("location").unwrap().split_once('?').unwrap();
        let carried: Vec<&str> = query.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
        assert!(!names.is_empty() && names.iter().all(|name| carried.contains(&name.as_str().unwrap())), "{query}");
    }
}

#[tokio::test]
async fn the_faults_of_one_vendor_end_without_those_of_another() {
    let double = Double::start().await;
    for vendor in ["partnerstack", "partnero"] {
        double.arm(json!({ "vendor": vendor, "kind": "reset_before" })).await;
    }
    double.control("DELETE", "faults?vendor=partnerstack", &Value::Null).await;
    let left = double.control("GET", "faults", &Value::Null).await;
    assert_eq!((&left["faults"][0]["vendor"], left["faults"].as_array().unwrap().len()), (&json!("partnero"), 1));
}
