//! Which call a signup becomes, what stands in it, and what makes it `rejected` before anything is sent.

use trailmark_vendors::Dialect;
use trailmark_vendors::capability::Class;
use trailmark_vendors::task::{Field, Plan, Task};
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::PartnerKey;

use super::{Account, Opened, account, adapter, partnerstack, rendered, sent, signup, signup_without_click, with_key};

fn rejected(vendor: &Opened, task: &Task) -> String {
    vendor.plan(task).unwrap_err().to_string()
}

fn class(task: &Task) -> Class {
    match adapter().plan(task).unwrap() {
        Plan::Send { class, .. } => class,
        other => panic!("nothing to send: {other:?}"),
    }
}

fn body(task: &Task) -> serde_json::Value {
    serde_json::from_slice(&sent(&adapter(), task).body.unwrap()).unwrap()
}

fn notes(task: &Task) -> Vec<String> {
    match adapter().plan(task).unwrap() {
        Plan::Send { notes, .. } => notes.iter().map(ToString::to_string).collect(),
        other => panic!("nothing to send: {other:?}"),
    }
}

fn with_customer(task: Task, change: impl FnOnce(&mut Customer)) -> Task {
    let mut customer = task.customer.unwrap();
    change(&mut customer);
    Task { customer: Some(customer), ..task }
}

#[test]
fn a_click_id_and_a_tracking_token_make_it_conversion_xid() {
    let request = sent(&adapter(), &signup());
    let expected = r#"POST https://partnerlinks.io/conversion/xid
accept: application/json
authorization: Bearer tt_tracking
content-type: application/json

{"xid":"xid123","customer_key":"u_1","email":"ada@example.com","name":"Ada Lovelace"}
"#;
    assert_eq!(rendered(&request), expected);
    assert_eq!(class(&signup()), Class::Searchable);
}

/// field-faults row 12: what a receipt warns of is what the delivery would be rejected for.
#[test]
fn a_signup_needs_the_address_without_which_it_is_rejected_and_nothing_else() {
    let accounts =
        [account(), Account { tracking_token: None, ..account() }, Account { dialect: Dialect::Guide, ..account() }];
    for account in accounts {
        let vendor = partnerstack(&account);
        for (task, has_click_id) in [(signup(), true), (signup_without_click(), false)] {
            let task = Task { partner: Some(PartnerKey::new("ada").unwrap()), ..task };
            let needs = vendor.needs(Kind::Signup, has_click_id);
            for field in [Field::Email, Field::Name] {
                let lacking = with_customer(task.clone(), |customer| match field {
                    Field::Email => customer.email = None,
                    Field::Name => customer.name = None,
                });
                assert!(field.is_absent(lacking.customer.as_ref().unwrap()));
                assert_eq!(
                    vendor.plan(&lacking).is_err(),
                    needs.contains(&field),
                    "{field:?} {has_click_id} {account:?}"
                );
            }
        }
        for kind in [Kind::Lead, Kind::Sale, Kind::Refund] {
            assert_eq!(vendor.needs(kind, false), [], "{kind:?}");
        }
    }
}

#[test]
fn without_a_click_id_it_is_a_customer_of_the_partner() {
    let request = sent(&adapter(), &signup_without_click());
    let expected = r#"POST https://api.partnerstack.com/api/v2/customers
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
content-type: application/json

{"customer_key":"u_1","email":"ada@example.com","partner_key":"acme","name":"Ada Lovelace"}
"#;
    assert_eq!(rendered(&request), expected);
}

#[test]
fn no_signup_of_current_is_sent_again_blind() {
    for task in [signup(), signup_without_click()] {
        assert_eq!(class(&task), Class::Searchable, "its documents promise no error for a key that exists");
    }
}

#[test]
fn without_a_tracking_token_a_click_id_changes_nothing() {
    let vendor = partnerstack(&Account { tracking_token: None, ..account() });
    assert_eq!(rendered(&sent(&vendor, &signup())), rendered(&sent(&adapter(), &signup_without_click())));
}

#[test]
fn the_configured_roots_replace_the_vendors_hosts() {
    let vendor = partnerstack(&Account {
        base_url: Some("http://127.0.0.1:9100/partnerstack".into()),
        tracking_url: Some("http://127.0.0.1:9100/partnerlinks/".into()),
        ..account()
    });
    let urls = [sent(&vendor, &signup()), sent(&vendor, &signup_without_click()), vendor.probe("private_key").unwrap()]
        .map(|request| request.url.expose().to_owned());
    assert_eq!(
        urls,
        [
            "http://127.0.0.1:9100/partnerlinks/conversion/xid",
            "http://127.0.0.1:9100/partnerstack/api/v2/customers",
            "http://127.0.0.1:9100/partnerstack/api/v2/partnerships?limit=1",
        ]
    );
    assert_eq!(vendor.hosts(), ["127.0.0.1:9100"]);
}

#[test]
fn blank_optional_texts_are_left_out() {
    let data = [("plan".to_owned(), "pro".to_owned()), ("note".to_owned(), " ".to_owned())];
    let task = with_customer(Task { data: data.into(), ..signup() }, |customer| {
        customer.email = None;
        customer.name = Some(String::new());
    });
    let body = String::from_utf8(sent(&adapter(), &task).body.unwrap()).unwrap();
    assert_eq!(body, r#"{"xid":"xid123","customer_key":"u_1","meta":{"plan":"pro"}}"#);
}

#[test]
fn nothing_about_the_visitor_is_ever_sent() {
    for task in [signup(), signup_without_click()] {
        let request = rendered(&sent(&adapter(), &task));
        for word in ["ip_address", "user_agent", "user-agent", "origin", "cookie"] {
            assert!(!request.contains(word), "{word}");
        }
    }
}

#[test]
fn quotes_and_unicode_arrive_as_they_are() {
    let task = with_key(signup(), "Zoë \"\\ 🦀");
    let body: serde_json::Value = serde_json::from_slice(&sent(&adapter(), &task).body.unwrap()).unwrap();
    assert_eq!(body["customer_key"], "Zoë \"\\ 🦀");
}

#[test]
fn what_the_vendor_needs_and_the_signup_lacks_is_named_with_its_cure() {
    let vendor = adapter();
    let nobody = Task { customer: None, ..signup() };
    assert_eq!(
        rejected(&vendor, &nobody),
        "missing `customer.key`: PartnerStack knows a customer by it; send the customer with every conversion"
    );
    let no_email = with_customer(signup_without_click(), |customer| customer.email = None);
    assert_eq!(
        rejected(&vendor, &no_email),
        "missing `customer.email`: PartnerStack needs it where the signup cannot be tied to a click; send it with the signup"
    );
    let no_partner = Task { partner: None, ..signup_without_click() };
    assert_eq!(
        rejected(&vendor, &no_partner),
        "missing the touch's partner: PartnerStack needs a partner key where no click id is known; use links that carry \
         `ps_xid` or `ps_partner_key`"
    );
    let no_token = partnerstack(&Account { tracking_token: None, ..account() });
    assert_eq!(
        rejected(&no_token, &Task { partner: None, ..signup() }),
        "missing `tracking_token`: PartnerStack ties a click id to a signup by it alone, and the touch names no partner; \
         add it to the program"
    );
}

#[test]
fn an_address_that_the_vendor_needs_and_does_not_take_is_refused_by_name() {
    let vendor = adapter();
    let email = |email: &str| with_customer(signup_without_click(), |customer| customer.email = Some(email.into()));
    assert_eq!(rejected(&vendor, &email("a@b")), "`customer.email` must have 4 to 255 characters at PartnerStack");
    assert!(vendor.plan(&email("a@bc")).is_ok());
}

// field-faults row 13
#[test]
fn a_name_that_is_too_long_is_cut_to_a_hundred_characters_and_said_so() {
    for task in [signup(), signup_without_click()] {
        let named = |length| with_customer(task.clone(), |customer| customer.name = Some("ä".repeat(length)));
        assert_eq!(body(&named(200))["name"], "ä".repeat(100));
        assert_eq!(notes(&named(200)), ["`customer.name` was cut to 100 characters, the most that PartnerStack takes"]);
        assert_eq!((body(&named(100))["name"].as_str(), notes(&named(100)).len()), (Some(&*"ä".repeat(100)), 0));
    }
}

// field-faults row 13
#[test]
fn an_address_that_the_vendor_does_not_need_is_left_out_where_it_does_not_take_it() {
    let task = with_customer(signup(), |customer| customer.email = Some("a@b".into()));
    assert_eq!(body(&task).get("email"), None);
    assert_eq!(notes(&task), ["`customer.email` was left out: PartnerStack takes 4 to 255 characters"]);
}

#[test]
fn a_customer_that_no_url_can_name_is_not_sent() {
    for key in [".", ".."] {
        for task in [signup(), signup_without_click()] {
            let task = with_key(task, key);
            assert_eq!(
                rejected(&adapter(), &task),
                "`customer.key` is `.` or `..`: no URL can name such a customer; use another key"
            );
            assert!(adapter().look_up(&task).is_none());
        }
    }
    assert!(adapter().plan(&with_key(signup(), "...")).is_ok());
}
