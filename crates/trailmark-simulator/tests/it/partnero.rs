//! Partnero: who may call, how errors and lists look, and what happens to partners (seed 004, vendors-2.md § 3).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trailmark_simulator::PARTNERO_API_KEY;

use crate::client::{Double, Draft, Reply};

/// A call as an adapter makes it.
pub(crate) fn call(double: &Double, method: &str, path: &str) -> Draft {
    let draft = double.draft(method, &format!("/partnero/v1/{path}")).header("user-agent", "test/1");
    draft.header("authorization", &format!("Bearer {PARTNERO_API_KEY}"))
}

pub(crate) async fn get(double: &Double, path: &str) -> Reply {
    call(double, "GET", path).send().await
}

/// Without a body if it is null.
pub(crate) async fn send(double: &Double, method: &str, path: &str, body: &Value) -> Reply {
    let draft = call(double, method, path);
    if body.is_null() { draft } else { draft.json(body) }.send().await
}

/// The `data` of a success with this status.
pub(crate) fn data(reply: &Reply, status: u16) -> Value {
    let envelope = reply.value();
    assert_eq!((reply.status.as_u16(), &envelope["status"]), (status, &json!(1)), "{envelope}");
    envelope["data"].clone()
}

/// Checks an answer that says only that it is done.
pub(crate) fn done(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.value()), (200, json!({ "status": 1 })));
}

/// Status, sentence and named field of a refusal, after a check of its envelope.
pub(crate) fn refused(reply: &Reply) -> (u16, String, Option<String>) {
    let (status, envelope) = (reply.status.as_u16(), reply.value());
    let message = envelope["message"].as_str().unwrap().to_owned();
    let errors = envelope.get("errors").map(|errors| errors.as_object().unwrap());
    assert_eq!(envelope.as_object().unwrap().len(), 1 + usize::from(status == 422), "{envelope}");
    assert_eq!(errors.is_some(), status == 422, "{envelope}");
    let field = errors.map(|errors| {
        let (field, sentences) = errors.iter().next().unwrap();
        assert_eq!((errors.len(), sentences), (1, &json!([message])), "{envelope}");
        field.clone()
    });
    (status, message, field)
}

pub(crate) fn refusal(status: u16, message: &str, field: Option<&str>) -> (u16, String, Option<String>) {
    (status, message.to_owned(), field.map(str::to_owned))
}

pub(crate) async fn settings(double: &Double, change: Value) -> Value {
    double.control("POST", "partnero/settings", &change).await
}

pub(crate) async fn state(double: &Double) -> Value {
    double.control("GET", "state/partnero", &Value::Null).await
}

pub(crate) async fn partner(double: &Double, body: Value) -> Value {
    data(&send(double, "POST", "partners", &body).await, 201)
}

#[tokio::test]
async fn a_partner_is_shown_as_in_seed_004_at_both_accounts() {
    let double = Double::start().await;
    let body = json!({
        "email": "john.doe@partners.example", "name": "John", "surname": "Doe", "tags": ["new", "premium"],
        "id": "partner_123", "key": "ref_123", "password": "Aa345678", "referring_partner": { "key": "amiraito" },
    });
    for account in ["partnero", "partnero-guide"] {
        let draft = double.draft("POST", &format!("/{account}/v1/partners")).json(&body);
        let reply = draft.header("authorization", &format!("Bearer {PARTNERO_API_KEY}")).send().await;
        let mut shown = data(&reply, 201);
        for name in ["created_at", "updated_at"] {
            let time = shown[name].take();
            let time = time.as_str().unwrap();
            assert!(time.len() == 27 && time.ends_with(".000000Z"), "{time}");
        }
        let link = "http://127.0.0.1:8787/?aff=ref_123";
        let expected = json!({
            "email": "john.doe@partners.example", "created_at": null, "updated_at": null, "name": "John",
            "id": "partner_123", "surname": "Doe", "tos": false, "approved": true, "status": "active",
            "custom_fields": [], "referrals_count": 0, "tags": [{ "value": "premium" }, { "value": "new" }],
            "referral_link": link, "referral_links": [link],
        });
        assert_eq!(shown, expected, "{account}");
        let state = double.control("GET", &format!("state/{account}"), &Value::Null).await;
        assert_eq!(state["partners"][64]["referring_partner"], "partner_1");
    }
    let least = partner(&double, json!({ "email": "least@partners.example" })).await;
    assert_eq!((&least["name"], &least["tags"]), (&Value::Null, &json!([])));
    assert_eq!(double.effect("partner.create", "ref_123").await["effects"], 1);
}

#[tokio::test]
async fn every_error_of_seed_004_is_told_apart_and_names_its_field() {
    let double = Double::start().await;
    let create = async |body: Value| refused(&send(&double, "POST", "partners", &body).await);
    partner(&double, json!({ "email": "a@partners.example", "id": "p_1", "key": "k_1" })).await;
    let cases = [
        (json!({ "email": "A@partners.example" }), refusal(422, "Email already exists", Some("email"))),
        (json!({ "email": "b@partners.example", "id": "p_1" }), refusal(422, "ID already exists", Some("id"))),
        (json!({ "email": "b@partners.example", "key": "k_1" }), refusal(422, "Key already exists", Some("key"))),
        (json!({ "name": "B" }), refusal(422, "email is required", Some("email"))),
        (json!({ "email": "b" }), refusal(422, "email must be an e-mail address", Some("email"))),
        (json!({ "email": "b@c", "name": 1 }), refusal(422, "name must be a string", Some("name"))),
        (json!({ "email": "b@c", "tags": "a" }), refusal(422, "tags must be an array of strings", Some("tags"))),
        (json!({ "email": "b@c", "age": 1 }), refusal(422, "age is not a known field", Some("age"))),
    ];
    for (body, expected) in cases {
        assert_eq!(create(body.clone()).await, expected, "{body}");
    }
    for name in ["id", "key", "email"] {
        let body = json!({ "email": "b@partners.example", "referring_partner": { name: "nobody" } });
        assert_eq!(create(body).await, refusal(400, "Referring partner not found", None));
    }
    for referring in [json!({}), json!({ "id": "p_1", "key": "k_1" })] {
        let (status, _, field) = create(json!({ "email": "b@partners.example", "referring_partner": referring })).await;
        assert_eq!((status, field.as_deref()), (422, Some("referring_partner")));
    }
    for password in ["Aa34567", "AA345678", "aa345678", "Aabcdefg"] {
        let (status, _, field) = create(json!({ "email": "b@partners.example", "password": password })).await;
        assert_eq!((status, field.as_deref()), (422, Some("password")), "{password}");
    }
    assert_eq!(state(&double).await["partners"].as_array().unwrap().len(), 65);
}

#[tokio::test]
async fn a_422_has_the_form_of_errors_that_the_setting_says() {
    let double = Double::start().await;
    let message = "email is required";
    let forms = [
        ("map", json!({ "message": message, "errors": { "email": [message] } })),
        ("list", json!({ "message": message, "errors": [message] })),
        ("absent", json!({ "message": message })),
    ];
    for (form, expected) in forms {
        settings(&double, json!({ "errors_as": form })).await;
        let reply = send(&double, "POST", "partners", &json!({})).await;
        assert_eq!((reply.status.as_u16(), reply.value()), (422, expected));
    }
    let unknown = double.draft("POST", "/control/partnero/settings").json(&json!({ "colour": 1 })).send().await;
    assert_eq!(unknown.status.as_u16(), 400);
}

#[tokio::test]
async fn only_the_key_opens_and_a_path_is_told_from_a_method() {
    let double = Double::start().await;
    done(&get(&double, "test").await);
    let bare = |path: &str| double.draft("GET", &format!("/partnero/v1/{path}"));
    let wrong =
        [bare("test"), bare("test").basic("u", PARTNERO_API_KEY), bare("nothing").header("authorization", "Bearer x")];
    for draft in wrong {
        assert_eq!(refused(&draft.send().await), refusal(401, "Unauthenticated", None));
    }
    assert_eq!(refused(&get(&double, "nothing").await).0, 404);
    assert_eq!(refused(&send(&double, "PATCH", "partners/partner_1", &json!({})).await).0, 405);
    let text = call(&double, "POST", "partners").header("content-type", "text/plain").body("{}").send().await;
    assert_eq!(refused(&text), refusal(400, "content-type must be application/json", None));
    settings(&double, json!({ "accept_credentials": { "api_key": "other" } })).await;
    assert_eq!(get(&double, "test").await.status.as_u16(), 401);
    let shown = settings(&double, json!({ "missing": ["partner.look_up"] })).await;
    assert_eq!((&shown["missing"], shown.get("accept_credentials")), (&json!(["partner.look_up"]), None));
}

#[tokio::test]
async fn an_operation_that_one_client_reports_can_be_missing() {
    let double = Double::start().await;
    let by_key = data(&get(&double, "partner?key=amiraito").await, 200);
    for path in [
        "partner?id=partner_1",
        "partner?email=amiraito%40partners.example",
        "partners:search?key=amiraito",
        "partners/partner_1",
    ] {
        assert_eq!(data(&get(&double, path).await, 200), by_key, "{path}");
    }
    assert_eq!(refused(&get(&double, "partners/amiraito").await), refusal(404, "partner not found", None));
    assert_eq!(refused(&get(&double, "partner?key=nobody").await).0, 404);
    assert_eq!(refused(&get(&double, "partner").await).0, 422);
    settings(&double, json!({ "missing": ["partner.look_up", "partner.update_by_body"] })).await;
    assert_eq!(refused(&get(&double, "partner?key=amiraito").await), refusal(404, "path not found", None));
    assert_eq!(refused(&send(&double, "PUT", "partners", &json!({})).await).0, 405);
}

#[tokio::test]
async fn an_invitation_is_counted_and_makes_no_partner() {
    let double = Double::start().await;
    let body = json!({ "email": "jane@partners.example", "name": "Jane", "surname": "Smith" });
    done(&send(&double, "POST", "partners:invite", &body).await);
    let again = refused(&send(&double, "POST", "partners:invite", &body).await);
    assert_eq!(again, refusal(422, "Email already exists", Some("email")));
    let nameless = refused(&send(&double, "POST", "partners:invite", &json!({ "email": "x@y.example" })).await);
    assert_eq!(nameless, refusal(422, "name is required", Some("name")));
    let state = state(&double).await;
    assert_eq!((state["partners"].as_array().unwrap().len(), &state["invitations"]), (64, &json!([body["email"]])));
    settings(&double, json!({ "dedupe": false })).await;
    done(&send(&double, "POST", "partners:invite", &body).await);
    let counts = double.effect("partner.invite", "jane@partners.example").await;
    assert_eq!((&counts["received"], &counts["effects"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn a_partner_is_changed_archived_taken_back_and_deleted_for_good() {
    let double = Double::start().await;
    partner(&double, json!({ "email": "a@partners.example", "id": "p_1", "key": "k_1", "name": "A", "tags": ["x"] }))
        .await;
    let change = json!({ "update": { "name": null, "surname": "B", "tags": [], "key": "k_2", "email": null } });
    let changed = data(&send(&double, "PUT", "partners/p_1", &change).await, 200);
    assert_eq!((&changed["name"], &changed["surname"], &changed["tags"]), (&json!("A"), &json!("B"), &json!([])));
    assert_eq!(changed["referral_link"], "http://127.0.0.1:8787/?aff=k_2");
    let by_body = json!({ "email": "a@partners.example", "update": { "name": "C" } });
    assert_eq!(data(&send(&double, "PUT", "partners", &by_body).await, 200)["name"], "C");
    let taken = json!({ "update": { "key": "amiraito" } });
    let taken = refused(&send(&double, "PUT", "partners/p_1", &taken).await);
    assert_eq!(taken, refusal(422, "Key already exists", Some("key")));
    assert_eq!(refused(&send(&double, "PUT", "partners/p_1", &json!({ "name": "D" })).await).0, 422);

    let post = async |word: &str| send(&double, "POST", &format!("partners/p_1/{word}"), &Value::Null).await;
    assert_eq!(refused(&post("revoke-archive").await), refusal(400, "partner is not archived", None));
    done(&post("archive").await);
    assert_eq!(refused(&post("archive").await), refusal(400, "partner is archived already", None));
    assert_eq!(data(&get(&double, "partners/p_1").await, 200)["status"], "archived");
    done(&post("revoke-archive").await);
    assert_eq!(refused(&post("restore").await).0, 404, "the page is called so, the path is not");

    assert_eq!(refused(&send(&double, "DELETE", "partners/k_2", &Value::Null).await).0, 404);
    done(&send(&double, "DELETE", "partners", &json!({ "key": "k_2" })).await);
    for (method, path) in [("GET", "partners/p_1"), ("DELETE", "partners/p_1"), ("POST", "partners/p_1/archive")] {
        assert_eq!(refused(&send(&double, method, path, &Value::Null).await).0, 404, "{method} {path}");
    }
    let again = refused(&send(&double, "POST", "partners", &json!({ "email": "a@partners.example" })).await);
    assert_eq!(again, refusal(422, "Email already exists", Some("email")));
}

#[tokio::test]
async fn lists_have_the_block_of_the_samples_and_no_total() {
    let double = Double::start().await;
    let path = format!("http://{}/partnero/v1/partners", double.address());
    let last = get(&double, "partners?page=5").await.value();
    let link = |page: u8| format!("{path}?page={page}");
    assert_eq!(last["links"], json!({ "first": link(1), "last": null, "prev": link(4), "next": null }));
    let meta = json!({ "current_page": 5, "from": 61, "path": path, "per_page": 15, "to": 64 });
    assert_eq!((&last["meta"], &last["status"]), (&meta, &json!(1)));
    let beyond = get(&double, "partners?page=6").await.value();
    assert_eq!((&beyond["data"], &beyond["links"]["next"]), (&json!([]), &Value::Null));
    assert_eq!((&beyond["meta"]["from"], &beyond["meta"]["to"]), (&Value::Null, &Value::Null));
    let full = get(&double, "partners?limit=64").await.value();
    assert_eq!((full["data"].as_array().unwrap().len(), &full["links"]["next"]), (64, &Value::Null));
    assert_eq!(full["data"][0]["id"], "partner_64", "newest first");
    assert_eq!(get(&double, "partners?sort=asc").await.value()["data"][0]["id"], "partner_1");
    for query in ["limit=0", "limit=251", "page=0", "sort=up", "page=1&page=2", "cursor=x"] {
        let name = query.split('=').next().unwrap();
        let (status, _, field) = refused(&get(&double, &format!("partners?{query}")).await);
        assert_eq!((status, field.as_deref()), (422, Some(name)), "{query}");
    }
    settings(&double, json!({ "page_limits": [10, 100], "node_forms": false })).await;
    for query in ["limit=9", "limit=101", "sort=asc"] {
        assert_eq!(refused(&get(&double, &format!("partners?{query}")).await).0, 422, "{query}");
    }
}

#[tokio::test]
async fn ten_thousand_partners_are_walked_while_some_come_and_go() {
    let double = Double::start().await;
    double.control("POST", "partnero/partners", &json!({ "add": 9_936 })).await;
    let each = json!({ "add": 6, "remove": 6, "after_each_page": true });
    double.control("POST", "partnero/partners", &each).await;
    let (mut ids, mut shown, mut page) = (BTreeSet::new(), 0, 1);
    loop {
        let list = get(&double, &format!("partners?limit=250&page={page}")).await.value();
        let items = list["data"].as_array().unwrap();
        shown += items.len();
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        if list["links"]["next"].is_null() {
            break;
        }
        page += 1;
    }
    assert_eq!((page, shown), (40, 10_000));
    assert!(ids.len() < shown, "partners that come push others to the next page");
    let removed = double.control("POST", "partnero/partners", &json!({ "remove": 9_000 })).await;
    assert_eq!(removed["left"].as_array().unwrap().len(), 9_000);
}

#[tokio::test]
async fn an_unknown_name_is_a_violation_of_its_account() {
    let double = Double::start().await;
    send(&double, "POST", "customers", &json!({ "key": "u_1", "colour": "red", "partner": { "id": "partner_1" } }))
        .await;
    get(&double, &format!("partner?key={PARTNERO_API_KEY}")).await;
    let list = double.control("GET", "violations", &Value::Null).await;
    let words: Vec<[&Value; 3]> = list["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [&one["rule"], &one["detail"], &one["account"]])
        .collect();
    let expected = [["unknown_field", "colour", "partnero"], ["secret_in_address", "key", "partnero"]];
    assert_eq!(json!(words), json!(expected));
}
