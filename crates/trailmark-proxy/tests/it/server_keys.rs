//! API keys for operators: created, listed and revoked, over the listener and the command line.

use serde_json::json;

use crate::support::backend::customer;
use crate::support::operator::{Desk, Office};
use crate::support::proxy::SITES;

#[tokio::test]
async fn a_key_is_shown_once_listed_without_its_secret_and_revoked_at_once() {
    let office = Office::open().await;
    let made = office.post("/v1/apikeys/add", &json!({"site": "acme", "name": "shop"})).await.json();
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!((key.starts_with("tmk_acme_"), key.len()), (true, 52));
    let list = office.get("/v1/apikeys?site=acme").await;
    assert_eq!((&list.json()[0]["id"], &list.json()[0]["name"]), (&made["id"], &json!("shop")));
    assert_eq!(list.json()[0]["last_used_at"], json!(null));
    assert_eq!(office.proxy.report(&key, "k1", &customer("u_1")).await.status, 202);
    let used = office.get("/v1/apikeys?site=acme").await;
    assert_eq!(used.json()[0]["last_used_at"], office.proxy.now().to_rfc3339());
    for answer in [&list, &used] {
        assert!(!answer.body.contains("tmk_") && !answer.body.contains("hash"), "{}", answer.body);
    }
    let revoke = json!({"site": "acme", "id": made["id"]});
    assert!(office.post("/v1/apikeys/revoke", &revoke).await.json()[0]["revoked_at"].is_string());
    assert_eq!(office.proxy.report(&key, "k2", &customer("u_2")).await.code(), "401 unauthenticated");
    assert_eq!(office.proxy.read_back(&key, "x").await.code(), "401 unauthenticated");
    assert_eq!(office.post("/v1/apikeys/revoke", &revoke).await.code(), "409 refused");
    let elsewhere = json!({"site": "zeta", "id": made["id"]});
    assert_eq!(office.post("/v1/apikeys/revoke", &elsewhere).await.code(), "404 not_found");
    assert_eq!(office.post("/v1/apikeys/add", &json!({"site": "nobody", "name": "x"})).await.code(), "404 not_found");
    assert_eq!(office.post("/v1/apikeys/add", &json!({"site": "acme", "name": " "})).await.code(), "400 malformed");
}

#[tokio::test]
async fn without_the_admin_key_no_api_key_is_made_listed_or_revoked() {
    let office = Office::locked().await;
    let body = json!({"site": "acme", "name": "shop", "id": "0000000000000000"});
    assert_eq!(office.get("/v1/apikeys?site=acme").await.code(), "401 unauthenticated");
    for path in ["/v1/apikeys/add", "/v1/apikeys/revoke"] {
        assert_eq!(office.post(path, &body).await.code(), "401 unauthenticated", "{path}");
    }
    assert!(office.proxy.store.api_keys(office.proxy.app.config.sites[0].id.clone()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn apikeys_are_kept_through_a_running_proxy_and_on_the_store_alike() {
    let office = Office::locked().await;
    let made = office.desk.run("apikeys add --site acme --name shop --json").json();
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(office.proxy.report(&key, "k", &customer("u_1")).await.status, 202);
    let running = office.desk.run("apikeys list --site acme --json").json();
    let id = running[0]["id"].as_str().unwrap().to_owned();
    let (desk, _ledger) = office.close().await;
    assert_eq!(desk.run("apikeys list --site acme --json").json(), running);
    let list = desk.run("apikeys list").well();
    assert!(list.contains("shop") && list.contains("used ") && !list.contains("tmk_"), "{list}");
    let text = desk.run("apikeys add --site zeta --name billing").well();
    assert!(text.starts_with("tmk_zeta_") && text.contains("not shown again"), "{text}");
    assert!(desk.run(&format!("apikeys revoke {id} --site acme")).well().contains("revoked"));
    assert!(desk.run(&format!("apikeys revoke {id} --site acme")).fails(1).contains("revoked already"));
    assert!(desk.run(&format!("apikeys revoke {id} --site zeta")).fails(1).contains("apikeys list"));
}

#[test]
fn a_slip_of_the_hand_ends_with_2_and_names_the_input() {
    let desk = Desk::with(SITES, Vec::new());
    for (words, named) in [
        ("apikeys add --site acme", "--name"),
        ("apikeys add --name shop", "--site"),
        ("apikeys add --site nobody --name shop", "acme"),
        ("apikeys list --site nobody", "acme"),
        ("apikeys revoke not/a/key --site acme", "key id"),
    ] {
        assert!(desk.run(words).fails(2).contains(named), "{words}");
    }
}
