//! Partnerize's credentials, envelopes, partners and users, as the vendor's own pages have them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{PARTNERIZE_APPLICATION_KEY, PARTNERIZE_CAMPAIGN, PARTNERIZE_USER_API_KEY};

use crate::client::Double;
use crate::partnerize::{API, call, get, post, settings, state};

fn user(change: Value) -> Value {
    let mut body = json!({
        "user_name": "grace", "email_address": "grace@brand.example", "password": "secret", "address1": "1 Road",
        "postcode": "N1", "country": "GB", "phone": "1", "signup_ip": "127.0.0.1",
    });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn the_network_tells_a_right_pair_of_keys_from_a_wrong_one_in_the_envelope_of_each_version() {
    let double = Double::start().await;
    let network = get(&double, "/network").await;
    assert_eq!(
        (network.status, &network.value()["networks"][0]["network"]["network_id"]),
        (StatusCode::OK, &json!("1"))
    );
    let wrong = async |path: &str| {
        let draft = double.draft("GET", &format!("{API}{path}")).basic(PARTNERIZE_APPLICATION_KEY, "wrong");
        let reply = draft.send().await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
        reply.value()["error"].clone()
    };
    assert_eq!(wrong("/network").await["type"], "401");
    let two = wrong("/v2/networks/1/publishers").await;
    assert_eq!((&two["code"], &two["errors"][0]["code"]), (&json!("401"), &json!("unauthorized")));
    let three = wrong("/v3/jobs").await;
    assert_eq!((&three["code"], &three["errors"][0]["type"]), (&json!("401"), &json!("unauthorised")));
    let swapped = double.draft("GET", "/partnerize/network").basic(PARTNERIZE_USER_API_KEY, PARTNERIZE_APPLICATION_KEY);
    assert_eq!(swapped.send().await.status, StatusCode::UNAUTHORIZED);
    let header = double.draft("GET", "/partnerize/network").header("x-application-key", PARTNERIZE_APPLICATION_KEY);
    let header = header.header("x-user-api-key", PARTNERIZE_USER_API_KEY);
    assert_eq!(header.send().await.status, StatusCode::UNAUTHORIZED, "headers are the guide's");
    settings(&double, json!({ "accept_credentials": { "application_key": "a", "user_api_key": "b" } })).await;
    assert_eq!(get(&double, "/network").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_fault_has_the_envelope_of_its_version_and_the_vendors_own_header() {
    let double = Double::start().await;
    double.arm(json!({ "vendor": "partnerize", "kind": "status", "status": 429, "retry_after_s": 7, "message": "Too Many Requests" })).await;
    let one = get(&double, "/network").await;
    assert_eq!(one.value(), json!({ "error": { "message": "Too Many Requests", "type": "429" } }));
    assert_eq!((one.header("x-ratelimit-retry-after"), one.header("retry-after")), (Some("7"), None));
    assert_eq!(get(&double, "/v2/networks/1/publishers").await.value()["error"]["errors"], json!([]));
    let three = get(&double, "/v3/jobs").await.value();
    assert_eq!(three["error"]["errors"][0]["code"], "3b22ff00-96a5-4fa4-96cc-f36e68dbd2e2");
}

#[tokio::test]
async fn without_the_right_to_read_everything_is_missing_and_without_the_right_to_write_changes_are_forbidden() {
    let double = Double::start().await;
    let publishers = format!("/campaign/{PARTNERIZE_CAMPAIGN}/publisher");
    settings(&double, json!({ "rights": "read" })).await;
    assert_eq!(get(&double, &publishers).await.status, StatusCode::OK);
    assert_eq!(post(&double, "/user", &user(json!({}))).await.status, StatusCode::FORBIDDEN);
    settings(&double, json!({ "rights": "none" })).await;
    assert_eq!(get(&double, &publishers).await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&double, "/network").await.status, StatusCode::OK, "the keys are right all the same");
}

#[tokio::test]
async fn sixty_four_partners_are_walked_by_next_page_while_partners_come_and_go() {
    let double = Double::start().await;
    settings(&double, json!({ "list_page": 20 })).await;
    let path = format!("/campaign/{PARTNERIZE_CAMPAIGN}/publisher");
    let page = async |path: &str| get(&double, path).await.value();
    let first = page(&path).await;
    let ids = |page: &Value| -> Vec<String> {
        let all = page["publishers"].as_array().unwrap().iter();
        all.map(|one| one["publisher"]["publisher_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((&first["count"], &first["limit"], &first["offset"]), (&json!(64), &json!(20), &json!(0)));
    let (mut seen, mut next) = (ids(&first), first["hypermedia"]["pagination"]["next_page"].clone());
    double.control("POST", &format!("partnerize/partners/{}/remove", seen[0]), &json!({})).await;
    let made = double.control("POST", "partnerize/partners", &json!({ "add": 3 })).await;
    while let Some(path) = next.as_str() {
        let one = page(path).await;
        seen.extend(ids(&one));
        next = one["hypermedia"]["pagination"]["next_page"].clone();
    }
    assert_eq!(
        (seen.len(), seen.last()),
        (66, made["joined"][2].as_str().map(str::to_owned).as_ref()),
        "one was skipped"
    );
    for wrong in ["limit=0", "limit=301", "offset=-1"] {
        assert_eq!(get(&double, &format!("{path}?{wrong}")).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(get(&double, "/campaign/10l999/publisher").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_partner_is_read_as_an_array_of_one_and_gets_another_status() {
    let double = Double::start().await;
    let path = format!("/campaign/{PARTNERIZE_CAMPAIGN}/publisher");
    let body = json!({ "publishers": [{ "publisher_id": "1011l401", "campaign_status": "r" }] });
    assert_eq!(post(&double, &path, &body).await.status, StatusCode::OK);
    let one = get(&double, &format!("{path}/1011l401")).await.value();
    assert_eq!(one["publishers"][0]["publisher"]["campaign_status"], "r");
    for wrong in [
        json!({ "publishers": [{ "publisher_id": "1011l401", "campaign_status": "approved" }] }),
        json!({ "publishers": [{ "publisher_id": "1011l401" }] }),
        json!({}),
    ] {
        assert_eq!(post(&double, &path, &wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let unknown = json!({ "publishers": [{ "publisher_id": "1l1", "campaign_status": "a" }] });
    assert_eq!(post(&double, &path, &unknown).await.status, StatusCode::NOT_FOUND);

    let two = get(&double, "/v2/networks/1/publishers?publisher_email=basil-media@partners.example").await.value();
    assert_eq!((&two["count"], &two["publishers"][0]["id"]), (&json!(1), &json!("1011l402")));
    assert_eq!(two["publishers"][0]["campaigns"][0]["status"], "approved");
    let link = two["publishers"][0]["campaigns"][0]["tracking_link"].as_str().unwrap();
    let path = link.split_once(&double.address().to_string()).unwrap().1;
    assert_eq!(double.draft("GET", path).send().await.status, StatusCode::FOUND);
    let rejected = get(&double, "/v2/networks/1/publishers?campaign_statuses=rejected&limit=100").await.value();
    assert_eq!(rejected["count"], 8, "every ninth and the one of before");
}

#[tokio::test]
async fn a_user_is_made_with_a_secret_key_and_held_to_the_fields_of_the_vendors_page() {
    let double = Double::start().await;
    let publisher = json!({
        "account_name": "New Media", "vertical": 1, "promotional_method": 2, "signup_ip": "127.0.0.1",
        "entity_terms_id": "3", "contact_email": "new@partners.example",
    });
    let made = post(&double, "/user", &user(json!({ "publisher": publisher, "send_confirm_email": false }))).await;
    assert_eq!(made.status, StatusCode::OK, "not 201");
    let made = made.value()["user"].clone();
    assert!(made["user_api_key"].is_string() && made["user_id"].as_str().unwrap().contains('l'), "{made}");
    assert_eq!((made.get("password"), &made["publisher"]["account_name"]), (None, &json!("New Media")));
    assert_eq!(double.effect("user.create", "grace@brand.example").await["effects"], 1);
    assert_eq!(state(&double).await["publishers"].as_array().unwrap().len(), 65);
    for (change, named) in [
        (json!({}), "taken"),
        (json!({ "email_address": "x" }), "email_address must be an e-mail address"),
        (json!({ "firstname": 1 }), "firstname must be a string"),
        (json!({ "role": "admin" }), "role is not a known field"),
        (json!({ "publisher": {} }), "publisher.account_name is required"),
    ] {
        let reply = post(&double, "/user", &user(change.clone())).await;
        let message = reply.value()["error"]["message"].as_str().unwrap().to_owned();
        assert!(reply.status == StatusCode::BAD_REQUEST && message.contains(named), "{change}: {message}");
    }
}

#[tokio::test]
async fn the_own_user_is_read_and_gets_another_address_and_there_is_no_other_call_on_users() {
    let double = Double::start().await;
    let own = get(&double, "/user.json").await.value()["user"].clone();
    assert_eq!((&own["user_id"], &own["email_address"]), (&json!("123"), &json!("user1@brand.example")));
    let patched =
        call(&double, "PATCH", "/v3/brand/user").json(&json!({ "emailAddress": "ada@brand.example" })).send().await;
    assert_eq!(
        patched.value(),
        json!({ "data": { "user_id": "123", "email_verified": false, "email": "ada@brand.example" } })
    );
    let snake =
        call(&double, "PATCH", "/v3/brand/user").json(&json!({ "email_address": "x@brand.example" })).send().await;
    assert_eq!(snake.status, StatusCode::BAD_REQUEST);
    let changed = post(&double, "/user/124", &json!({ "user_id": "124", "lastname": "Hopper" })).await.value();
    assert_eq!((&changed["user"]["lastname"], &changed["user"]["firstname"]), (&json!("Hopper"), &json!("Api")));
    for (body, named) in [
        (json!({ "lastname": "Hopper" }), "user_id is required"),
        (json!({ "user_id": "123", "lastname": "Hopper" }), "user_id must be the one of the path"),
        (json!({ "user_id": "124", "user_name": "grace" }), "user_name is not a known field"),
        (json!({ "user_id": "124", "password": "Passw0rd-9" }), "password is not a known field"),
    ] {
        let reply = post(&double, "/user/124", &body).await;
        let message = reply.value()["error"]["message"].as_str().unwrap().to_owned();
        assert!(reply.status == StatusCode::BAD_REQUEST && message.contains(named), "{body}: {message}");
    }
    for (method, path) in [("GET", "/user/124"), ("PUT", "/user/124"), ("DELETE", "/user/124")] {
        let reply = call(&double, method, path).json(&json!({})).send().await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert_eq!(get(&double, "/user/self").await.status, StatusCode::METHOD_NOT_ALLOWED, "only a POST has such a path");
    settings(&double, json!({ "calls_of_2020": false })).await;
    assert_eq!(get(&double, "/user").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get(&double, "/user/124").await.status, StatusCode::NOT_FOUND);
    double.control("POST", "partnerize/users/123/remove", &json!({})).await;
    assert_eq!(get(&double, "/network").await.status, StatusCode::UNAUTHORIZED, "the key's owner is gone");
}

#[tokio::test]
async fn unknown_paths_and_settings_are_refused() {
    let double = Double::start().await;
    assert_eq!(get(&double, "/nothing").await.value()["error"]["type"], "404");
    assert_eq!(get(&double, "/v3/partner/user").await.status, StatusCode::NOT_FOUND, "the brand has no right there");
    for wrong in [json!({ "colour": 1 }), json!({ "report_page": 0 }), json!({ "rights": "all" })] {
        let reply = double.draft("POST", "/control/partnerize/settings").json(&wrong).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let all = settings(&double, json!({})).await;
    assert!(all.get("accept_credentials").is_none() && !all.to_string().contains("pz_sim"), "{all}");
}
