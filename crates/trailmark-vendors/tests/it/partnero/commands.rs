//! An operator's commands: the requests of each one, and what the vendor's answers come to.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use trailmark_vendors::Dialect;
use trailmark_vendors::command::{Ask, Command, Effect, InputKind, Record, Refusal, Reply, Value, Values};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::secret::Secret;
use trailmark_wire::time::UnixMillis;

use super::super::rendered;
use super::{adapter, answer, fixture, line, listed, named, opened, outcome, page, shown};

fn command(noun: &str, verb: &str) -> &'static Command {
    let all = named("partnero").commands(Dialect::Current);
    all.into_iter().find(|command| (command.noun, command.verb) == (noun, verb)).unwrap()
}

/// Values of a command as its reader gives them; the flags in JSON.
fn values(command: &Command, key: &str, flags: &Json) -> Values {
    let mut values = Values { key: key.into(), ..Values::default() };
    for (name, json) in flags.as_object().unwrap() {
        let input = command.inputs.iter().find(|input| input.name == name).unwrap();
        let text = || json.as_str().unwrap().to_owned();
        let value = match input.kind {
            InputKind::Flag => Value::Given,
            InputKind::Number => Value::Number(json.as_i64().unwrap()),
            InputKind::Pairs => Value::Pairs(serde_json::from_value(json.clone()).unwrap()),
            InputKind::Address | InputKind::Secret => Value::Secret(Secret::new(text())),
            InputKind::Texts => Value::Texts(serde_json::from_value(json.clone()).unwrap()),
            InputKind::Time => Value::Time(UnixMillis::from_rfc3339(&text()).unwrap()),
            InputKind::Choice(words) => Value::Text(words.iter().find(|word| **word == text()).unwrap().to_string()),
            InputKind::Text => Value::Text(text()),
        };
        values.flags.insert(input.name, value);
    }
    values
}

fn started(name: &str, key: &str, flags: &Json) -> Result<Ask<Reply>, Refusal> {
    let (noun, verb) = name.split_once(' ').unwrap();
    let command = command(noun, verb);
    adapter().commands.unwrap().start(command, &values(command, key, flags))
}

fn refused(name: &str, key: &str, flags: &Json) -> String {
    started(name, key, flags).unwrap_err().to_string()
}

/// The requests of a command under these answers, and what the last one comes to.
fn run(name: &str, key: &str, flags: &Json, answers: &[Answer]) -> (Vec<String>, Result<Reply, String>) {
    let (mut call, mut lines) = (started(name, key, flags).unwrap(), Vec::new());
    for answer in answers {
        lines.push(line(&call.request));
        match (call.read)(answer) {
            Ok(Reply::Next(next)) => call = next,
            Ok(end) => return (lines, Ok(end)),
            Err(failure) => return (lines, Err(outcome(failure))),
        }
    }
    panic!("{} answers do not settle `{name}`: {lines:?}", answers.len());
}

fn done(name: &str, key: &str, flags: &Json, answers: &[Answer]) -> (Vec<String>, Json) {
    match run(name, key, flags, answers) {
        (lines, Ok(Reply::Done(record))) => (lines, serde_json::to_value(record).unwrap()),
        (lines, other) => panic!("{lines:?} {other:?}"),
    }
}

fn failed(name: &str, key: &str, flags: &Json, answers: &[Answer]) -> String {
    run(name, key, flags, answers).1.map(|_| ()).unwrap_err()
}

fn acknowledged() -> Answer {
    answer(200, r#"{"status":1}"#)
}

fn partner() -> Answer {
    answer(200, fixture!("201_partner"))
}

fn gone() -> Answer {
    answer(404, fixture!("404"))
}

#[test]
fn both_dialects_offer_every_command_of_the_seed_and_of_the_vendor_and_say_what_is_lacking() {
    let vendor = named("partnero");
    let names = |dialect| {
        let commands = vendor.commands(dialect).into_iter();
        commands.map(|command| format!("{} {}", command.noun, command.verb)).collect::<Vec<_>>()
    };
    let expected = [
        "partners list",
        "partners get",
        "partners add",
        "partners invite",
        "partners update",
        "partners archive",
        "partners restore",
        "partners remove",
        "customers list",
        "customers get",
        "customers add",
        "customers update",
        "customers archive",
        "customers restore",
        "customers remove",
        "transactions list",
        "transactions get",
        "transactions add",
        "transactions batch",
        "transactions archive",
        "transactions restore",
        "transactions remove",
        "webhooks list",
        "webhooks register",
        "webhooks remove",
    ];
    assert_eq!(names(Dialect::Current), expected);
    assert_eq!(names(Dialect::Guide), expected);
    for lack in vendor.lacking() {
        assert!(!expected.contains(&format!("{} {}", lack.noun, lack.verb).as_str()) && lack.why.len() > 20);
    }
    for command in vendor.commands(Dialect::Current) {
        let destroys = ["remove", "archive"].contains(&command.verb);
        assert_eq!(matches!(command.effect, Effect::Destroys { .. }), destroys, "{} {}", command.noun, command.verb);
        let reads = ["list", "get"].contains(&command.verb);
        assert_eq!(command.effect == Effect::Reads, reads, "{} {}", command.noun, command.verb);
        let inputs: BTreeSet<_> = command.inputs.iter().map(|input| input.name).collect();
        assert_eq!(inputs.len(), command.inputs.len(), "{} {}", command.noun, command.verb);
        for personal in ["email", "name", "surname"] {
            assert!(!command.columns[..command.columns.len().min(1)].contains(&personal));
        }
    }
}

#[test]
fn a_partner_is_added_as_the_seed_says_and_shown_with_all_its_fields() {
    let flags = json!({"email": "john.doe@partnero.com", "name": "John", "surname": "Doe", "tag": ["new", "premium"]});
    let expected = r#"POST https://api.partnero.com/v1/partners
accept: application/json
authorization: Bearer pk_partnero_0001
content-type: application/json

{"email":"john.doe@partnero.com","name":"John","surname":"Doe","tags":["new","premium"]}
"#;
    assert_eq!(rendered(&started("partners add", "", &flags).unwrap().request), expected);
    let guide = opened(Dialect::Guide).commands.unwrap();
    let add = command("partners", "add");
    assert_eq!(rendered(&guide.start(add, &values(add, "", &flags)).unwrap().request), expected);
    let (_, record) = done("partners add", "", &flags, &[answer(201, fixture!("201_partner"))]);
    let shown = json!({
        "id": "partner_123", "email": "john.doe@partnero.com", "name": "John", "surname": "Doe", "status": "active",
        "approved": true, "tos": false, "referral_link": "https://yourcompany.com?aff=ref_123",
        "referral_links": ["https://yourcompany.com?aff=ref_123"], "referrals_count": 0, "tags": ["premium", "new"],
        "custom_fields": [], "created_at": "2025-04-30T16:44:13Z", "updated_at": "2025-04-30T16:44:13Z",
    });
    assert_eq!(record, shown);
    let all = json!({
        "email": "a@b.c", "password": "Secret123", "id": "p_1", "key": "ada", "referring_id": "p_0",
        "referring_key": "bob", "referring_email": "bob@b.c",
    });
    let request = started("partners add", "", &all).unwrap().request;
    let body = r#"POST /v1/partners {"email":"a@b.c","password":"Secret123","id":"p_1","key":"ada","referring_partner":{"id":"p_0","key":"bob","email":"bob@b.c"}}"#;
    assert_eq!(line(&request), body);
    for password in ["short1A", "nocapital1", "NOSMALL123", "NoDigits!"] {
        let why = refused("partners add", "", &json!({"email": "a@b.c", "password": password}));
        assert!(why.starts_with("`password` needs 8 characters") && !why.contains(password), "{why}");
    }
}

#[test]
fn each_documented_error_of_the_seed_names_its_field_and_cure_and_422_is_told_from_400() {
    let told = |status, body: &str| failed("partners add", "", &json!({"email": "a@b.c"}), &[answer(status, body)]);
    for (message, cure) in [
        ("Email already exists", "`email`: use an address that nobody else in the program has"),
        ("ID already exists", "`id`: use an id that nobody else in the program has"),
        ("Key already exists", "`key`: use a key that nothing else in the program has"),
    ] {
        let body = json!({"message": message}).to_string();
        assert_eq!(told(422, &body), format!("duplicate | status 422: {message}; {cure}"));
        assert_eq!(told(400, &body), format!("duplicate | status 400: {message}"), "400 is not about these fields");
    }
    let referring = "rejected | status 400: Referring partner not found; `referring_partner`: check the referring partner's \
                     id, key or e-mail address";
    assert_eq!(told(400, r#"{"message":"Referring partner not found","status":0}"#), referring);
    let state = "rejected | status 400: Customer is not archived";
    assert_eq!(told(400, r#"{"message":"Customer is not archived"}"#), state, "another name cures no wrong state");
    let several = r#"{"message":"Invalid","errors":{"email":["is taken"],"password":["is weak"],"tags.0":["is odd"]}}"#;
    let both = "duplicate | status 422: Invalid; email: is taken; password: is weak; tags.0: is odd; `email`: use an address \
                that nobody else in the program has; `password`: 8 characters or more, with a small letter, a capital and a \
                digit";
    assert_eq!(told(422, several), both);
    assert!(told(422, "<html>").starts_with("retry | "), "a firewall is not the vendor");
}

#[test]
fn an_invitation_counts_by_the_vendors_acknowledgement() {
    let flags = json!({"email": "jane.smith@partnero.com", "name": "Jane", "surname": "Smith"});
    let (lines, record) = done("partners invite", "", &flags, &[acknowledged()]);
    let body = r#"POST /v1/partners:invite {"email":"jane.smith@partnero.com","name":"Jane","surname":"Smith"}"#;
    assert_eq!(lines, [body]);
    assert_eq!(record, json!({"email": "jane.smith@partnero.com", "invited": true}));
    for body in ["", "<html>", "{}", r#"{"status":0}"#] {
        assert!(failed("partners invite", "", &flags, &[answer(200, body)]).starts_with("unknown | "), "{body}");
    }
}

#[test]
fn a_partner_is_got_by_key_then_id_by_address_or_by_what_is_said() {
    let (lines, record) = done("partners get", "ref_123", &json!({}), &[partner()]);
    assert_eq!((lines, &record["id"]), (vec!["GET /v1/partner?key=ref_123".to_owned()], &json!("partner_123")));
    let (lines, _) = done("partners get", "partner_123", &json!({}), &[gone(), partner()]);
    assert_eq!(lines, ["GET /v1/partner?key=partner_123", "GET /v1/partners/partner_123"]);
    let (lines, _) = done("partners get", "a+b@c.d", &json!({}), &[partner()]);
    assert_eq!(lines, ["GET /v1/partner?email=a%2Bb%40c.d"]);
    for (by, expected) in [
        ("id", "GET /v1/partners/x%2Fy"),
        ("key", "GET /v1/partner?key=x%2Fy"),
        ("email", "GET /v1/partner?email=x%2Fy"),
    ] {
        assert_eq!(done("partners get", "x/y", &json!({"by": by}), &[partner()]).0, [expected]);
        let missing = "missing | status 404: the vendor has no such partner";
        assert_eq!(failed("partners get", "x/y", &json!({"by": by}), &[gone()]), missing);
    }
    for key in [".", ".."] {
        assert!(refused("partners get", key, &json!({})).starts_with("the argument cannot name a partner"));
    }
    for (status, body) in [(404, "<html>"), (200, "<html>"), (200, r#"{"data":[],"status":1}"#), (500, ""), (401, "")] {
        let told = failed("partners get", "ada", &json!({}), &[answer(status, body)]);
        assert!(["retry", "unknown", "auth failed"].iter().any(|word| told.starts_with(word)), "{status} {told}");
    }
}

#[test]
fn a_partner_is_changed_archived_restored_and_removed_by_the_vendors_id() {
    let flags = json!({"email": "a@b.c", "new_key": "ada2", "tag": ["x"], "password": "Secret123"});
    let (lines, _) = done("partners update", "ref_123", &flags, &[partner(), partner()]);
    let update =
        r#"PUT /v1/partners/partner_123 {"update":{"email":"a@b.c","password":"Secret123","key":"ada2","tags":["x"]}}"#;
    assert_eq!(lines, ["GET /v1/partner?key=ref_123", update]);
    let (lines, _) = done("partners update", "p", &json!({"no_tags": true, "by": "id"}), &[partner(), partner()]);
    assert_eq!(lines[1], r#"PUT /v1/partners/partner_123 {"update":{"tags":[]}}"#);
    assert!(refused("partners update", "p", &json!({})).starts_with("nothing to change"));
    assert!(refused("partners update", "p", &json!({"no_tags": true, "tag": ["x"]})).contains("exclude each other"));
    for (verb, request, record) in [
        ("archive", "POST /v1/partners/partner_123/archive", json!({"id": "partner_123", "archived": true})),
        ("restore", "POST /v1/partners/partner_123/revoke-archive", json!({"id": "partner_123", "restored": true})),
        ("remove", "DELETE /v1/partners/partner_123", json!({"removed": "partner_123"})),
    ] {
        let name = format!("partners {verb}");
        let (lines, shown) = done(&name, "ref_123", &json!({}), &[partner(), acknowledged()]);
        assert_eq!((lines[1].as_str(), shown), (request, record));
        assert!(failed(&name, "ref_123", &json!({}), &[gone(), gone()]).starts_with("missing | "));
        let already = answer(400, r#"{"message":"Partner is already archived"}"#);
        assert!(
            failed(&name, "x", &json!({}), &[partner(), already]).contains("status 400: Partner is already archived")
        );
        for body in ["", "<html>", "{}", r#"{"data":{}}"#] {
            assert!(
                failed(&name, "x", &json!({}), &[partner(), answer(200, body)]).starts_with("unknown | "),
                "{body}"
            );
        }
        let idless = answer(200, r#"{"data":{"key":"ref_123"},"status":1}"#);
        assert!(failed(&name, "x", &json!({}), &[idless]).contains("no `id`"));
    }
}

#[test]
fn lists_count_pages_until_the_vendor_names_no_next_one() {
    let items = |numbers: std::ops::Range<u32>| numbers.map(|n| json!({"id": format!("p_{n}")})).collect::<Vec<_>>();
    let mut call = started("partners list", "", &json!({"sort": "asc"})).unwrap();
    let answers = [listed(&items(0..100), Some("https://evil.example/next")), listed(&items(100..140), None)];
    let (mut lines, mut keys) = (Vec::new(), 0);
    for answer in &answers {
        lines.push(line(&call.request));
        let Ok(Reply::Page { items, next }) = (call.read)(answer) else { panic!() };
        keys += items.iter().filter(|item| item.get("id").is_some()).count();
        let Some(next) = next else { break };
        call = next;
    }
    assert_eq!(keys, 140);
    assert_eq!(lines, ["GET /v1/partners?sort=asc&limit=100&page=1", "GET /v1/partners?sort=asc&limit=100&page=2"]);
    let list = started("partners list", "", &json!({})).unwrap();
    let empty = (list.read)(&listed(&[], Some("https://x"))).unwrap();
    assert!(matches!(empty, Reply::Page { next: None, .. }), "an empty page is the last one");
    for body in ["", "<html>", "{}", r#"{"status":1}"#, r#"{"data":{},"status":1}"#, r#"{"data":[{"x":1}],"status":1}"#]
    {
        assert!(matches!((list.read)(&answer(200, body)), Err(Outcome::Unknown { .. })), "{body}");
    }
    assert!(matches!((list.read)(&answer(429, "")), Err(Outcome::Throttled { .. })));
}

#[test]
fn filters_are_the_vendors_and_encoded() {
    let first = |name: &str, flags: Json| line(&started(name, "", &flags).unwrap().request);
    assert_eq!(
        first("transactions list", json!({"key": "o 1", "partner": "a&b", "partner_email": "x@y.z", "sort": "desc"})),
        "GET /v1/transactions?key=o%201&partner_key=a%26b&partner_email=x%40y.z&sort=desc&limit=100&page=1"
    );
    assert_eq!(first("customers list", json!({"sort": "asc"})), "GET /v1/customers?sort=asc&limit=100&page=1");
    assert_eq!(
        first("transactions list", json!({"customer": "u/1"})),
        "GET /v1/customers/u%2F1/transactions?limit=100&page=1"
    );
    assert!(refused("transactions list", "", &json!({"customer": "u", "sort": "asc"})).contains("no other filter"));
    assert_eq!(first("webhooks list", json!({})), "GET /v1/webhooks?limit=100&page=1");
}

#[test]
fn a_customer_is_added_for_one_partner_and_shown_changed_and_removed_under_our_key() {
    let flags =
        json!({"partner_id": "p_1", "email": "a@b.c", "tag": ["x"], "referral_url": "https://acme.example/?aff=a"});
    let (lines, record) = done("customers add", "u_1", &flags, &[answer(201, fixture!("201_customer"))]);
    let body = r#"POST /v1/customers {"key":"u_1","partner":{"id":"p_1"},"email":"a@b.c","tags":["x"],"options":{"referral_url":"https://acme.example/?aff=a"}}"#;
    assert_eq!(lines, [body]);
    assert_eq!(
        (&record["key"], &record["partner"], &record["deleted"]),
        (&json!("u_1"), &json!("partner_123"), &json!(false))
    );
    for flags in [json!({}), json!({"partner": "a", "partner_id": "b"})] {
        assert!(refused("customers add", "u_1", &flags).starts_with("give one of `partner`"));
    }
    let unknown =
        failed("customers add", "u_1", &json!({"partner": "x"}), &[answer(400, r#"{"message":"Partner not found"}"#)]);
    let expected = "rejected | status 400: Partner not found; `partner`: check the partner's key, id or e-mail address";
    assert_eq!(unknown, expected);
    let (lines, _) = done("customers get", "u/1", &json!({}), &[answer(200, fixture!("201_customer"))]);
    assert_eq!(lines, ["GET /v1/customers/u%2F1"]);
    let flags = json!({"surname": "King", "no_tags": true});
    let (lines, _) = done("customers update", "u_1", &flags, &[answer(200, fixture!("201_customer"))]);
    assert_eq!(lines, [r#"PUT /v1/customers/u_1 {"update":{"surname":"King","tags":[]}}"#]);
    for (verb, request) in [
        ("archive", "POST /v1/customers/u_1/archive"),
        ("restore", "POST /v1/customers/u_1/revoke-archive"),
        ("remove", "DELETE /v1/customers/u_1"),
    ] {
        let name = format!("customers {verb}");
        assert_eq!(done(&name, "u_1", &json!({}), &[acknowledged()]).0, [request]);
        assert_eq!(failed(&name, "u_1", &json!({}), &[gone()]), "missing | status 404: the vendor has no such thing");
        assert!(refused(&name, "..", &json!({})).starts_with("the key cannot be part of a URL"));
    }
}

#[test]
fn a_transaction_is_added_with_an_amount_or_a_reward_and_never_under_a_key_that_is_there() {
    let flags = json!({
        "customer": "u_1", "amount_minor": 2900, "currency": "eur", "product_id": "p1", "product_type": "monthly",
        "rewarded": true, "no_reward": true, "created_at": "2026-11-21T08:00:00Z",
    });
    let (lines, record) =
        done("transactions add", "o_1001", &flags, &[page(&[]), answer(201, fixture!("201_transaction"))]);
    let body = r#"POST /v1/transactions {"customer":{"key":"u_1"},"key":"o_1001","amount":29,"amount_units":"EUR","action":"sale","product_id":"p1","product_type":"monthly","rewarded":true,"rewardable":false,"created_at":1795248000}"#;
    assert_eq!(lines, ["GET /v1/transactions?key=o_1001&limit=100&page=1", body]);
    assert_eq!((&record["amount_minor"], &record["currency"]), (&json!(1230), &json!("EUR")));
    assert_eq!(record["rewards"][0]["amount_minor"], 369);
    assert_eq!(record["rewards"][0]["status"], "ok");
    let reward =
        json!({"customer": "a@b.c", "customer_by": "email", "reward_minor": 150, "currency": "USD", "action": "bonus"});
    let (lines, _) = done("transactions add", "b_1", &reward, &[page(&[]), answer(201, fixture!("201_transaction"))]);
    let body = r#"POST /v1/transactions {"customer":{"email":"a@b.c"},"key":"b_1","reward":1.5,"amount_units":"USD","action":"bonus"}"#;
    assert_eq!(lines[1], body);
    let there = failed("transactions add", "o_1001", &flags, &[page(&[shown(&1.into())])]);
    assert!(there.starts_with("conflict | the vendor has a transaction under this key"), "{there}");
    for (status, body) in
        [(200, "<html>"), (200, r#"{"status":1}"#), (500, ""), (404, "<html>"), (404, fixture!("404"))]
    {
        let (lines, end) = run("transactions add", "o_1001", &flags, &[answer(status, body)]);
        assert!(lines.len() == 1 && end.is_err(), "{status} {body}");
    }
    let either = json!({"customer": "u", "currency": "EUR"});
    assert_eq!(refused("transactions add", "o", &either), "give one of `amount_minor` and `reward_minor`");
    let fine = json!({"customer": "u", "currency": "KWD", "amount_minor": 1234});
    assert!(refused("transactions add", "o", &fine).starts_with("inexact_amount: "));
    let odd = json!({"customer": "u", "currency": "euros", "amount_minor": 1});
    assert_eq!(refused("transactions add", "o", &odd), "`currency` is not an ISO 4217 code, such as EUR");
}

#[test]
fn a_batch_is_created_after_every_key_was_looked_for() {
    let flags = json!({"customer": "u_1", "currency": "EUR", "transaction": {"o_1": "1230", "o_2": "500"}});
    let (lines, record) = done("transactions batch", "", &flags, &[page(&[]), page(&[]), acknowledged()]);
    let body = r#"POST /v1/transactions {"customer":{"key":"u_1"},"transactions":[{"key":"o_1","amount":12.3,"amount_units":"EUR","action":"sale"},{"key":"o_2","amount":5,"amount_units":"EUR","action":"sale"}]}"#;
    let list = |key| format!("GET /v1/transactions?key={key}&limit=100&page=1");
    assert_eq!(lines, [list("o_2"), list("o_1"), body.to_owned()]);
    assert_eq!(record, json!({"keys": ["o_1", "o_2"]}));
    let mut there = shown(&5.into());
    there["key"] = json!("o_1");
    assert!(failed("transactions batch", "", &flags, &[page(&[]), page(&[there])]).starts_with("conflict | "));
    assert!(
        failed("transactions batch", "", &flags, &[page(&[]), page(&[]), answer(200, "<html>")]).starts_with("unknown")
    );
    let mut odd = flags;
    odd["transaction"] = json!({"o_1": "12.30"});
    assert!(refused("transactions batch", "", &odd).contains("whole number of minor units"));
    odd["transaction"] = json!({});
    assert!(refused("transactions batch", "", &odd).starts_with("give at least one"));
}

#[test]
fn a_transaction_is_shown_archived_restored_and_removed_by_its_key() {
    let (lines, _) = done("transactions get", "o/1", &json!({}), &[answer(200, fixture!("201_transaction"))]);
    assert_eq!(lines, ["GET /v1/transactions/o%2F1"]);
    let share = fixture!("201_transaction").replace("3.69", "29.997").replace("\"EUR\"", "\"pts\"");
    let (_, record) = done("transactions get", "o", &json!({}), &[answer(200, &share)]);
    assert_eq!(
        (&record["amount"], &record["amount_units"], record.get("amount_minor")),
        (&json!(12.3), &json!("pts"), None)
    );
    assert_eq!(record["rewards"][0]["amount"], json!(29.997));
    for (verb, request, record) in [
        ("archive", "POST /v1/transactions/o_1/archive", json!({"key": "o_1", "archived": true})),
        ("restore", "POST /v1/transactions/o_1/revoke-archive", json!({"key": "o_1", "restored": true})),
        ("remove", "DELETE /v1/transactions/o_1", json!({"removed": "o_1"})),
    ] {
        let (lines, shown) = done(&format!("transactions {verb}"), "o_1", &json!({}), &[acknowledged()]);
        assert_eq!((lines, shown), (vec![request.to_owned()], record));
    }
}

#[test]
fn a_webhook_is_registered_with_its_secret_shown_once() {
    let body = json!({"data": {
        "key": "wh_1", "name": "Ledger", "url": "https://acme.example/tm", "is_active": true, "signature": "whs_fresh",
        "events": ["transaction.created"],
    }, "status": 1});
    let flags =
        json!({"name": "Ledger", "url": "https://acme.example/tm", "event": ["transaction.created"], "key": "wh_1"});
    let (lines, record) = done("webhooks register", "", &flags, &[answer(201, &body.to_string())]);
    let sent = r#"POST /v1/webhooks {"name":"Ledger","url":"https://acme.example/tm","events":["transaction.created"],"key":"wh_1","is_active":true}"#;
    assert_eq!((lines, &record["webhook_secret"]), (vec![sent.to_owned()], &json!("whs_fresh")));
    let list = started("webhooks list", "", &json!({})).unwrap();
    let Ok(Reply::Page { items, next: None }) = (list.read)(&page(&[body["data"].clone()])) else { panic!() };
    assert!(!serde_json::to_string(&items).unwrap().contains("whs_fresh"));
    let events = answer(422, r#"{"message":"Invalid","errors":{"events.0":["is not supported"]}}"#);
    assert!(failed("webhooks register", "", &flags, &[events]).ends_with("for this type of program"));
    let mut odd = flags.clone();
    odd["event"] = json!([]);
    assert!(refused("webhooks register", "", &odd).starts_with("give at least one `event`"));
    odd = flags;
    odd["name"] = "n".repeat(101).into();
    assert!(refused("webhooks register", "", &odd).starts_with("`name` has more than the 100"));
    assert_eq!(done("webhooks remove", "wh_1", &json!({}), &[acknowledged()]).0, ["DELETE /v1/webhooks/wh_1"]);
}

#[test]
fn no_message_and_no_debug_repeats_what_the_operator_typed_or_a_credential() {
    let flags = json!({"email": "zoe@b.c", "name": "Zoe", "surname": "Ode", "password": "Secret123", "key": "zo-key"});
    let said = "zoe@b.c Zoe Ode Secret123 zo-key pk_partnero_0001 whs_1 exists";
    for body in [json!({"message": said}), json!({"message": "no", "errors": {"email": [said]}})] {
        let told = failed("partners add", "", &flags, &[answer(422, &body.to_string())]);
        for secret in ["zoe", "Zoe", "Ode", "Secret123", "zo-key", "pk_partnero", "whs_1"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
    let call = started("partners get", "zo-key", &json!({})).unwrap();
    let next = (call.read)(&gone()).unwrap();
    let record = Record::default().with_text("email", Some("zoe@b.c"));
    let debug = format!("{call:?} {next:?} {record:?} {:?}", values(command("partners", "add"), "", &flags));
    assert!(!debug.contains("zo-key") && !debug.contains("zoe@") && !debug.contains("Secret123"), "{debug}");
}
