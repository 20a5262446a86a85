//! An operator's users: the guide's whole life of a user, and the little that `current` has.

use serde_json::{Value as Json, json};
use trailmark_vendors::command::{Effect, InputKind, Value};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::secret::Secret;

use super::{answer, answered, current, done, guide, lines, named, page, start, text, told};
use trailmark_vendors::Dialect;

const JANE: &str = r#"{"user":{"user_id":"123","firstname":"Jane","lastname":"Doe","email":"jane@example.com","status":"active","role":"admin","timezone":"UTC","locale":"en_GB","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","user_api_key":"never"}}"#;
const SELF: &str = r#"{"user":{"user_id":"1","email":"me@example.com","role":"admin"}}"#;

fn ok(body: &str) -> Answer {
    answer(200, body)
}

fn password() -> Value {
    Value::Secret(Secret::new("SecurePass1!"))
}

fn body(request: &str) -> Json {
    serde_json::from_str(request.split("\n\n").nth(1).unwrap()).unwrap()
}

/// A page of so many users, from this number on.
fn users(from: usize, count: usize) -> String {
    let users: Vec<_> = (from..from + count)
        .map(|n| {
            let status = if n % 2 == 0 { "active" } else { "inactive" };
            json!({"user_id": n.to_string(), "email": format!("u{n}@example.com"), "status": status})
        })
        .collect();
    json!({"users": users, "count": count}).to_string()
}

#[test]
fn users_are_listed_by_page_and_count_until_a_page_is_not_full() {
    let ask = start(&guide(), "users list", "", &[]).unwrap();
    let (sent, reply) = answered(ask, &[ok(&users(0, 100))]);
    assert_eq!(
        sent,
        ["GET https://api.partnerize.com/user?page=1&count=100\naccept: application/json\n\
          x-application-key: app_key_1234\nx-user-api-key: user_key_5678\n"]
    );
    let Ok(trailmark_vendors::command::Reply::Page { items, next: Some(next) }) = reply else { panic!() };
    assert_eq!(items.len(), 100);
    let (sent, reply) = answered(next, &[ok(&users(100, 3))]);
    assert_eq!(lines(&sent), ["GET https://api.partnerize.com/user?page=2&count=100"]);
    let (items, next) = page(reply);
    assert_eq!(items[0], r#"{"id":"100","email":"u100@example.com","status":"active"}"#);
    assert!(items.len() == 3 && next.is_none());
}

#[test]
fn a_status_is_filtered_here_and_does_not_end_the_list() {
    let ask = start(&guide(), "users list", "", &[("status", text("active"))]).unwrap();
    let (items, next) = page(answered(ask, &[ok(&users(0, 100))]).1);
    assert!(items.len() == 50 && items.iter().all(|item| item.contains("\"active\"")) && next.is_some());
}

#[test]
fn a_server_that_repeats_its_page_does_not_make_an_endless_list() {
    let ask = start(&guide(), "users list", "", &[]).unwrap();
    let Ok(trailmark_vendors::command::Reply::Page { next: Some(next), .. }) = answered(ask, &[ok(&users(0, 100))]).1
    else {
        panic!()
    };
    let repeated = answered(next, &[ok(&users(0, 100))]).1;
    assert!(told(&repeated.unwrap_err()).contains("the same page of users again"));
    let ask = start(&guide(), "users get", "nobody@example.com", &[]).unwrap();
    let (sent, reply) = answered(ask, &[ok(&users(0, 100)), ok(&users(0, 100))]);
    let said = "unknown | the vendor shows the same page of users again";
    assert_eq!((sent.len(), told(&reply.unwrap_err())), (2, said.into()), "the rest of the list was not seen");
}

#[test]
fn a_list_is_users_with_ids_or_no_list() {
    for body in
        ["", "<html>", "{}", "[]", r#"{"users":{}}"#, r#"{"users":[{"email":"x"}]}"#, r#"{"users":[{"user_id":"."}]}"#]
    {
        let ask = start(&guide(), "users list", "", &[]).unwrap();
        assert!(told(&answered(ask, &[ok(body)]).1.unwrap_err()).starts_with("unknown | "), "{body}");
    }
}

#[test]
fn a_user_is_read_by_id_or_found_by_address() {
    let (sent, reply) = answered(start(&guide(), "users get", "123", &[]).unwrap(), &[ok(JANE)]);
    assert_eq!(lines(&sent), ["GET https://api.partnerize.com/user/123"]);
    assert_eq!(
        serde_json::to_string(&done(reply)).unwrap(),
        r#"{"id":"123","email":"jane@example.com","firstname":"Jane","lastname":"Doe","status":"active","role":"admin","timezone":"UTC","locale":"en_GB","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}"#
    );
    let ask = start(&guide(), "users get", "U102@example.com", &[]).unwrap();
    let (sent, _) = answered(ask, &[ok(&users(0, 100)), ok(&users(100, 5)), ok(JANE)]);
    assert_eq!(lines(&sent)[2], "GET https://api.partnerize.com/user/102");
    assert_eq!(
        lines(&answered(start(&guide(), "users get", "a/b", &[]).unwrap(), &[ok(JANE)]).0)[0],
        "GET https://api.partnerize.com/user/a%2Fb"
    );
    assert!(start(&guide(), "users get", "..", &[]).unwrap_err().to_string().contains("no URL"));
}

#[test]
fn the_user_of_the_keys_is_shown_in_both_dialects() {
    let (sent, reply) = answered(start(&guide(), "users self", "", &[]).unwrap(), &[ok(SELF)]);
    assert_eq!(lines(&sent), ["GET https://api.partnerize.com/user/self"]);
    assert_eq!(done(reply).get("role").unwrap(), "admin");
    let mine = r#"{"user":{"user_id":"11l16829","user_name":"ada","email_address":"me@example.com","network_id":"1l10","user_api_key":"never","created":"2026-01-02 03:04:05"}}"#;
    let (sent, reply) = answered(start(&current(), "users self", "", &[]).unwrap(), &[ok(mine)]);
    assert_eq!(lines(&sent), ["GET https://api.partnerize.com/user"]);
    let expected = r#"{"id":"11l16829","email":"me@example.com","user_name":"ada","network_id":"1l10"}"#;
    assert_eq!(serde_json::to_string(&done(reply)).unwrap(), expected);
}

#[test]
fn the_guides_user_is_created_with_four_fields_and_four_more() {
    let needed = [
        ("firstname", text("John")),
        ("lastname", text("Smith")),
        ("email", text("john@example.com")),
        ("password", password()),
    ];
    let (sent, reply) = answered(start(&guide(), "users add", "", &needed).unwrap(), &[answer(201, JANE)]);
    assert_eq!(
        sent,
        ["POST https://api.partnerize.com/user\naccept: application/json\nx-application-key: app_key_1234\n\
          x-user-api-key: user_key_5678\ncontent-type: application/json\n\n\
          {\"firstname\":\"John\",\"lastname\":\"Smith\",\"email\":\"john@example.com\",\"password\":\"SecurePass1!\"}\n"]
    );
    assert_eq!(done(reply).get("id").unwrap(), "123");
    let all = ["status", "role", "timezone", "locale"].map(|name| (name, text("x")));
    let flags: Vec<_> = needed.into_iter().chain(all).collect();
    let sent = answered(start(&guide(), "users add", "", &flags).unwrap(), &[ok(JANE)]).0;
    assert_eq!(body(&sent[0]).as_object().unwrap().len(), 8);
}

#[test]
fn a_refusal_says_what_to_do() {
    let needed = [
        ("firstname", text("John")),
        ("lastname", text("Smith")),
        ("email", text("john@example.com")),
        ("password", password()),
    ];
    let weak = "the vendor publishes no rules: choose a longer one with small letters, capitals, digits and signs";
    for (status, message, cure) in [
        (400, "email address is taken", "use one that no other user has"),
        (422, "Email must be unique", "use one that no other user has"),
        (400, "the password is too weak", weak),
        (400, "status must be one of active, inactive", "use `active` or `inactive`"),
        (400, "timezone is unknown", "correct the named field and send it again"),
    ] {
        let body = json!({"error": {"message": message, "type": status.to_string()}}).to_string();
        let reply = answered(start(&guide(), "users add", "", &needed).unwrap(), &[answer(status, &body)]).1;
        assert_eq!(told(&reply.unwrap_err()), format!("rejected | status {status}: {message}; {cure}"));
    }
}

#[test]
fn an_update_reads_merges_and_puts_the_whole_user_back() {
    let put = r#"{"user":{"user_id":"123","firstname":"Jonathan","status":"inactive"}}"#;
    let flags = [("firstname", text("Jonathan")), ("status", text("inactive"))];
    let (sent, reply) =
        answered(start(&guide(), "users update", "123", &flags).unwrap(), &[ok(SELF), ok(JANE), ok(put)]);
    assert_eq!(
        lines(&sent),
        [
            "GET https://api.partnerize.com/user/self",
            "GET https://api.partnerize.com/user/123",
            "PUT https://api.partnerize.com/user/123"
        ]
    );
    let expected = json!({"firstname": "Jonathan", "lastname": "Doe", "email": "jane@example.com", "status": "inactive",
                          "role": "admin", "timezone": "UTC", "locale": "en_GB"});
    assert_eq!(body(&sent[2]), expected, "without id, times, key and password");
    let record = done(reply);
    assert_eq!(
        (record.get("lastname").unwrap(), record.get("firstname").unwrap()),
        (&json!("Doe"), &json!("Jonathan"))
    );
    assert!(record.get("warning").unwrap().as_str().unwrap().contains("the password was not sent"));
    let with_password = [("role", text("standard")), ("password", password())];
    let put = r#"{"user":{"user_id":"123","role":"standard"}}"#;
    let (sent, reply) =
        answered(start(&guide(), "users update", "123", &with_password).unwrap(), &[ok(SELF), ok(JANE), ok(put)]);
    assert_eq!(body(&sent[2])["password"], "SecurePass1!");
    assert!(done(reply).get("warning").is_none());
}

#[test]
fn a_change_counts_only_when_the_answer_shows_it() {
    for put in [
        r#"{"user":{"user_id":"123","status":"active"}}"#,
        r#"{"user":{"user_id":"123"}}"#,
        r#"{"user":{"user_id":"9","status":"inactive"}}"#,
        "{}",
        "",
        "<html>",
    ] {
        let ask = start(&guide(), "users update", "123", &[("status", text("inactive"))]).unwrap();
        let reply = answered(ask, &[ok(SELF), ok(JANE), ok(put)]).1;
        assert!(told(&reply.unwrap_err()).starts_with("unknown | "), "{put}");
    }
    let ask = start(&guide(), "users update", "123", &[("status", text("active"))]).unwrap();
    let (sent, reply) = answered(ask, &[ok(SELF), ok(JANE)]);
    assert_eq!(sent.len(), 2, "nothing to change");
    assert_eq!(done(reply).get("note").unwrap(), "nothing to change: nothing was sent");
    assert!(start(&guide(), "users update", "123", &[]).unwrap_err().to_string().starts_with("nothing to change"));
}

#[test]
fn ones_own_user_is_touched_with_force_alone() {
    let mine = |name: &str| {
        let (key, flags) = match name {
            "users deactivate" => ("", vec![("id", text("1"))]),
            "users update" => ("1", vec![("role", text("x"))]),
            _ => ("1", Vec::new()),
        };
        start(&guide(), name, key, &flags).unwrap()
    };
    for name in ["users update", "users deactivate", "users remove"] {
        let (sent, reply) = answered(mine(name), &[ok(SELF)]);
        assert_eq!(sent.len(), 1, "{name}");
        assert!(told(&reply.unwrap_err()).contains("add `--force`"), "{name}");
        for (status, body) in [(200, ""), (403, "<html>"), (500, "")] {
            let (sent, reply) = answered(mine(name), &[answer(status, body)]);
            assert!(sent.len() == 1 && reply.is_err(), "{name}: who the user is must be known");
        }
    }
    let forced = start(&guide(), "users remove", "1", &[("force", Value::Given)]).unwrap();
    let deleted = ok(r#"{"status":"success","message":"User deleted."}"#);
    assert_eq!(lines(&answered(forced, &[deleted]).0), ["DELETE https://api.partnerize.com/user/1"]);
    let partly = start(&current(), "users update", "1", &[("firstname", text("x"))]).unwrap();
    assert!(told(&answered(partly, &[ok(SELF)]).1.unwrap_err()).contains("add `--force`"));
    let email = [("email", text("new@example.com"))];
    assert!(start(&current(), "users set-email", "", &email).unwrap_err().to_string().contains("add `--force`"));
}

#[test]
fn a_user_is_deactivated_by_id_or_by_address() {
    let put = ok(r#"{"user":{"user_id":"123","status":"inactive"}}"#);
    let ask = start(&guide(), "users deactivate", "", &[("id", text("123"))]).unwrap();
    let (sent, reply) = answered(ask, &[ok(SELF), ok(JANE), put.clone()]);
    assert_eq!(body(&sent[2])["status"], "inactive");
    assert_eq!(body(&sent[2])["email"], "jane@example.com");
    assert_eq!(done(reply).get("status").unwrap(), "inactive");
    let listed = ok(r#"{"users":[{"user_id":"123","email":"jane@example.com"}],"count":1}"#);
    let ask = start(&guide(), "users deactivate", "", &[("email", text("Jane@example.com"))]).unwrap();
    let (sent, reply) = answered(ask, &[listed, ok(SELF), ok(JANE), put]);
    assert_eq!(lines(&sent)[0], "GET https://api.partnerize.com/user?page=1&count=100");
    assert_eq!(body(&sent[3])["email"], "jane@example.com", "the address that was given changes nothing");
    assert_eq!(done(reply).get("id").unwrap(), "123");
    let refused =
        |flags: &[(&'static str, Value)]| start(&guide(), "users deactivate", "", flags).unwrap_err().to_string();
    assert!(refused(&[]).contains("by `id` or by `email`"));
    assert!(refused(&[("id", text("1")), ("email", text("a@b"))]).contains("by `id` or by `email`"));
    assert!(refused(&[("email", text("123"))]).contains("must be an e-mail address"));
    let inactive = JANE.replace("\"active\"", "\"inactive\"");
    let ask = start(&guide(), "users deactivate", "", &[("id", text("123"))]).unwrap();
    assert_eq!(answered(ask, &[ok(SELF), ok(&inactive)]).0.len(), 2, "it was inactive already");
}

#[test]
fn a_deletion_needs_the_vendors_own_word() {
    let remove = |status, body: &str| {
        let ask = start(&guide(), "users remove", "456", &[]).unwrap();
        answered(ask, &[ok(SELF), answer(status, body)])
    };
    let (sent, reply) = remove(200, r#"{"status":"success","message":"User deleted."}"#);
    assert_eq!(lines(&sent)[1], "DELETE https://api.partnerize.com/user/456");
    assert_eq!(done(reply).get("removed").unwrap(), "456");
    for (status, body, expected) in [
        (200, "", "unknown"),
        (204, "", "unknown"),
        (200, "{}", "unknown"),
        (200, "<html>", "unknown"),
        (200, r#"{"status":"error"}"#, "unknown"),
        (404, "<html>", "retry"),
        (404, r#"{"error":{"message":"none","code":"404"}}"#, "rejected"),
        (403, r#"{"error":{"message":"no"}}"#, "forbidden"),
        (500, "", "unknown"),
    ] {
        let outcome = told(&remove(status, body).1.unwrap_err());
        assert!(outcome.starts_with(expected), "{status} {body}: {outcome}");
    }
}

#[test]
fn the_vendors_own_user_comes_with_a_whole_partner_or_none() {
    let stated = [
        "user_name",
        "email",
        "address1",
        "postcode",
        "country",
        "phone",
        "signup_ip",
        "partner_name",
        "vertical",
        "promotional_method",
        "entity_terms_id",
        "contact_email",
        "contact_phone",
    ];
    let mut flags: Vec<_> = stated.iter().map(|name| (*name, text(name))).collect();
    flags.extend([("password", password()), ("send_confirm_email", Value::Given)]);
    let ask = start(&current(), "users add", "", &flags).unwrap();
    let made = r#"{"user":{"user_id":"11l16829","user_name":"ada","user_api_key":"never","network_id":"1l10"}}"#;
    let (sent, reply) = answered(ask, &[ok(made)]);
    let expected = json!({
        "user_name": "user_name", "email_address": "email", "address1": "address1", "postcode": "postcode",
        "country": "country", "phone": "phone", "signup_ip": "signup_ip", "password": "SecurePass1!",
        "send_confirm_email": true,
        "publisher": {
            "account_name": "partner_name", "vertical": "vertical", "promotional_method": "promotional_method",
            "signup_ip": "signup_ip", "entity_terms_id": "entity_terms_id", "contact_email": "contact_email",
            "phone": "contact_phone"
        }
    });
    assert_eq!((lines(&sent), body(&sent[0])), (vec!["POST https://api.partnerize.com/user"], expected));
    assert!(!serde_json::to_string(&done(reply)).unwrap().contains("never"), "a key is never shown");
    let terms = [&flags[..], &[("network_terms_id", text("7"))]].concat();
    let (sent, _) = answered(start(&current(), "users add", "", &terms).unwrap(), &[ok(made)]);
    assert_eq!(
        (&body(&sent[0])["publisher"]["network_terms_id"], body(&sent[0]).get("network_terms_id")),
        (&json!("7"), None)
    );
    // A partner is whole or absent.
    flags.retain(|(name, _)| *name != "vertical");
    let half = start(&current(), "users add", "", &flags).unwrap_err().to_string();
    assert!(half.starts_with("a partner needs `partner_name`, `vertical`"), "{half}");
    flags.retain(|(name, _)| !["partner_name", "promotional_method", "entity_terms_id"].contains(name));
    flags.retain(|(name, _)| !name.starts_with("contact_"));
    let (sent, reply) = answered(start(&current(), "users add", "", &flags).unwrap(), &[ok(made)]);
    assert_eq!((body(&sent[0]).get("publisher"), &body(&sent[0])["signup_ip"]), (None, &json!("signup_ip")));
    done(reply);
}

#[test]
fn the_vendors_own_update_sends_the_stated_fields_alone() {
    let flags = [("email", text("New@example.com")), ("phone", text("1"))];
    let ask = start(&current(), "users update", "11l2", &flags).unwrap();
    let shown = r#"{"user":{"user_id":"11l2","email_address":"new@example.com","phone":"1"}}"#;
    let (sent, reply) = answered(ask, &[ok(SELF), ok(shown)]);
    assert_eq!(lines(&sent)[1], "POST https://api.partnerize.com/user/11l2");
    assert_eq!(body(&sent[1]), json!({"user_id": "11l2", "email_address": "New@example.com", "phone": "1"}));
    assert!(done(reply).get("warning").is_none());
    assert!(start(&current(), "users update", "a@b.c", &flags).unwrap_err().to_string().contains("by id"));
    assert!(start(&current(), "users update", "11l2", &[]).unwrap_err().to_string().starts_with("nothing to change"));
    let flags = [("email", text("New@example.com")), ("force", Value::Given)];
    let ask = start(&current(), "users set-email", "", &flags).unwrap();
    let shown = r#"{"data":{"user_id":"11l1","email_verified":false,"email":"new@example.com"}}"#;
    let (sent, reply) = answered(ask, &[ok(shown)]);
    assert_eq!(lines(&sent), ["PATCH https://api.partnerize.com/v3/brand/user"]);
    assert_eq!(body(&sent[0]), json!({"emailAddress": "New@example.com"}));
    assert_eq!(done(reply).get("email_verified").unwrap(), &json!(false));
    let ask = start(&current(), "users set-email", "", &flags).unwrap();
    let other = r#"{"data":{"user_id":"11l1","email":"old@example.com"}}"#;
    assert!(told(&answered(ask, &[ok(other)]).1.unwrap_err()).starts_with("unknown | "));
}

#[test]
fn the_vendors_own_update_cannot_change_the_users_name_or_password() {
    let commands = named("partnerize").commands(Dialect::Current);
    let update = commands.iter().find(|command| (command.noun, command.verb) == ("users", "update")).unwrap();
    assert!(!update.inputs.iter().any(|input| ["user_name", "password"].contains(&input.name)));
}

#[test]
fn what_takes_away_says_so_and_a_password_is_a_secret() {
    for dialect in Dialect::ALL {
        for command in named("partnerize").commands(dialect) {
            let destroys = matches!(command.effect, Effect::Destroys { .. });
            let takes = ["deactivate", "remove", "reject"].contains(&command.verb);
            assert_eq!(destroys, takes, "{} {}", command.noun, command.verb);
            for input in command.inputs.iter().filter(|input| input.name == "password") {
                assert_eq!(input.kind, InputKind::Secret);
            }
        }
    }
}
