//! Webhooks and commissions over real HTTP: access, what is stored, what reaches the deliveries, and that only the
//! vendor's own answer decides.

use serde_json::{Value, json};
use trailmark_proxy::explain::explain;
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY};

use super::webhooks_town::{At, SECRET, Town, ZETA_SECRET};

const HOUR_MS: i64 = 60 * 60 * 1000;

fn updated(customer: &str) -> Value {
    json!({"event": "customer_updated", "customer_key": customer, "email": format!("{customer}@customers.example")})
}

#[tokio::test]
async fn a_reward_reaches_the_ledger_by_webhook_and_every_reader_shows_it() {
    let town = Town::open().await;
    let id = town.signup(1, "u_1").await;
    let row = town.until_commission(&id, "unknown").await;
    assert_eq!(row.commission_reason.as_deref(), Some("the vendor shows no reward for it so far"));
    town.control("POST", "partnerstack/webhooks", &json!({"url": town.hook()})).await;
    let reward = town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    let key = reward["key"].as_str().unwrap().to_owned();
    let verdict = async |word: &str, told: &str| {
        town.control("POST", &format!("partnerstack/rewards/{key}/{word}"), &json!({})).await;
        let body = with_note(updated("u_1"), word);
        town.control("POST", "partnerstack/webhooks/send", &json!({"body": body})).await;
        town.until_commission(&id, told).await;
    };
    town.control("POST", "partnerstack/webhooks/send", &json!({"body": updated("u_1")})).await;
    town.until_commission(&id, "pending").await;
    verdict("approve", "approved").await;
    verdict("pay", "paid").await;

    let shown = town.proxy.read_back(&town.key, &id).await.json();
    assert_eq!(shown["deliveries"][0]["commission"], "paid");
    let listed = town.proxy.http.get(format!("http://{}/v1/deliveries?settled=true", town.operator.address()));
    assert_eq!(town.proxy.send(listed).await.json()["items"][0]["commission"], "paid");
    let detail = town.detail(&id).await;
    let changes: Vec<_> = detail.deliveries[0].commission_changes.iter().map(|step| step.commission.as_str()).collect();
    assert_eq!(changes, ["pending", "approved", "paid"]);
    let story = explain(&detail, &[]);
    for part in
        ["says that the commission is pending.", "says that the commission is approved.", "The commission is paid"]
    {
        assert!(story.contains(part), "{part} in {story}");
    }
}

/// A different body, as the vendor's bodies differ by their times.
fn with_note(mut body: Value, note: &str) -> Value {
    body["note"] = note.into();
    body
}

#[tokio::test]
async fn the_guides_own_webhooks_bring_a_sales_approval() {
    let town = Town::guided().await;
    town.signup(1, "u_1").await;
    let id = town.sale("u_1", "order_1").await;
    town.until_commission(&id, "pending").await;
    let pointed = json!({"url": town.hook(), "account": "partnerstack-guide"});
    town.control("POST", "partnerstack/webhooks", &pointed).await;
    let state = town.control("GET", "state/partnerstack-guide", &Value::Null).await;
    let key = state["transactions"][0]["key"].as_str().unwrap().to_owned();
    town.control("POST", &format!("partnerstack/rewards/{key}/approve"), &json!({})).await;
    town.until_commission(&id, "approved").await;
    assert_eq!(town.until_interpreted().await.event.as_deref(), Some("transaction.updated"));
}

#[tokio::test]
async fn a_forged_event_decides_nothing() {
    let town = Town::open().await;
    town.signup(1, "u_1").await;
    let id = town.sale("u_1", "order_1").await;
    town.until_commission(&id, "pending").await;
    let forged = json!({"event": "reward.updated", "reward_status": "approved", "payment_status": "withdrawn",
        "customer": {"customer_key": "u_1"}, "transaction": {"key": "order_1"}});
    let before = town.asked().await;
    // Nobody contradicts it.
    let fault = json!({"vendor": "partnerstack", "path_contains": "rewards", "kind": "status", "status": 500});
    town.control("POST", "faults", &fault).await;
    assert_eq!(town.tell(&forged).await.status, 204);
    assert_eq!(town.until_interpreted().await.state.as_str(), "followed");
    town.until_asked(before + 1).await;
    town.until_commission(&id, "pending").await;
}

#[tokio::test]
async fn a_wrong_address_is_no_address_and_keeps_nothing() {
    let town = Town::asleep(At::Current).await;
    let nowhere = town.bring("nothing/at-all", "{}").await;
    assert_eq!(nowhere.code(), "404 not_found");
    let wrong = [
        "main/wrong".to_owned(),
        format!("main/{SECRET}x"),
        format!("main/{}", SECRET.to_uppercase()),
        format!("main/{ZETA_SECRET}"),
        format!("zeta-main/{SECRET}"),
        format!("deaf-main/{SECRET}"),
        "deaf-main/%20".to_owned(),
        format!("unknown/{SECRET}"),
        "main/%FF".to_owned(),
    ];
    for address in wrong {
        let answer = town.bring(&address, updated("u_1").to_string()).await;
        assert_eq!((answer.status, &answer.body), (nowhere.status, &nowhere.body), "{address}");
    }
    let url = town.hook();
    let got = town.proxy.send(town.proxy.http.get(&url)).await;
    let got_wrong = town.proxy.send(town.proxy.http.get(format!("{url}x"))).await;
    assert_eq!((got.status, &got.body), (got_wrong.status, &got_wrong.body), "other methods tell nothing either");
    assert_eq!(town.webhooks().await, []);
    assert_eq!(town.tell(&updated("u_1")).await.status, 204);
    assert_eq!(town.webhooks().await.len(), 1);
}

#[tokio::test]
async fn guesses_are_slowed_and_the_vendor_is_not() {
    let town = Town::asleep(At::Current).await;
    let mut guesses = 0;
    while town.bring(&format!("main/guess-{guesses}"), "{}").await.status == 404 {
        guesses += 1;
        assert!(guesses <= 2000, "nobody slows guesses");
    }
    assert_eq!(town.tell(&updated("u_1")).await.status, 204, "from the same network");
}

#[tokio::test]
async fn a_repeated_webhook_is_one_and_takes_effect_once() {
    let town = Town::open().await;
    let id = town.signup(1, "u_1").await;
    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    for _ in 0..3 {
        assert_eq!(town.tell(&updated("u_1")).await.status, 204);
        town.until_interpreted().await;
    }
    town.until_commission(&id, "pending").await;
    let rows = town.webhooks().await;
    assert_eq!((rows.len(), rows[0].times, rows[0].deliveries), (1, 3, 1));
    assert_eq!(town.detail(&id).await.deliveries[0].commission_changes.len(), 1);
}

#[tokio::test]
async fn events_out_of_order_end_in_what_the_vendor_holds() {
    let town = Town::open().await;
    town.signup(1, "u_1").await;
    let id = town.sale("u_1", "order_1").await;
    for word in ["approve", "pay"] {
        town.control("POST", &format!("partnerstack/rewards/order_1/{word}"), &json!({})).await;
    }
    let event = |status: &str, at: i64| {
        json!({"event": "reward_updated", "reward_status": status, "updated_at": at,
            "customer": {"customer_key": "u_1"}, "transaction": {"key": "order_1"}})
    };
    for (status, at) in [("paid", 3000), ("approved", 2000), ("pending", 1000)] {
        assert_eq!(town.tell(&event(status, at)).await.status, 204);
        town.until_interpreted().await;
        town.until_commission(&id, "paid").await;
    }
}

#[tokio::test]
async fn what_cannot_be_placed_waits_in_quarantine_with_its_reason() {
    let town = Town::open().await;
    let large = with_note(updated("u_1"), &"x".repeat(70_000)).to_string();
    let cases = [
        (json!({"event": "moon.landed"}).to_string(), 204, "unknown_event", Some("moon.landed")),
        ("not json".to_owned(), 204, "unreadable", None),
        (updated("nobody").to_string(), 204, "unmatched", Some("customer_updated")),
        (large, 413, "too_large", None),
    ];
    for (body, status, state, event) in cases {
        assert_eq!(town.bring(&format!("main/{SECRET}"), body).await.status, status, "{state}");
        let row = town.until_interpreted().await;
        assert_eq!((row.state.as_str(), row.event.as_deref()), (state, event));
        assert!(row.reason.is_some_and(|reason| reason.len() > 10), "{state}");
    }
    assert_eq!(town.tell(&json!({"event": "application_approved"})).await.status, 204);
    assert_eq!(town.until_interpreted().await.state.as_str(), "followed", "known, and of no concern");
    let list = format!("http://{}/v1/webhooks?state=quarantined", town.operator.address());
    let list = town.proxy.send(town.proxy.http.get(list)).await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 4);
    assert!(!list.body.contains('@') && !list.body.contains(SECRET), "{}", list.body);
}

#[tokio::test]
async fn an_event_before_its_delivery_is_followed_once_that_is_recorded() {
    let town = Town::open().await;
    assert_eq!(town.tell(&updated("u_1")).await.status, 204);
    assert_eq!(town.until_interpreted().await.state.as_str(), "unmatched");
    let id = town.signup(1, "u_1").await;
    town.until_webhooks(|rows| rows[0].state.as_str() == "followed").await;
    town.until_commission(&id, "unknown").await;
}

#[tokio::test]
async fn the_oldest_that_is_done_with_leaves_and_nothing_else_ever_does() {
    let town = Town::open().await;
    for number in 0..10 {
        assert_eq!(town.tell(&json!({"event": "agreement.accepted", "number": number})).await.status, 204);
        town.until_interpreted().await;
    }
    assert_eq!(town.webhooks().await.len(), 6, "limits.webhooks");
    for number in 0..6 {
        assert_eq!(town.tell(&json!({"event": "moon.landed", "number": number})).await.status, 204);
        town.until_interpreted().await;
    }
    let full = town.tell(&json!({"event": "moon.landed", "number": 6})).await;
    assert_eq!((full.code().as_str(), full.header("retry-after")), ("503 unavailable", "5"));
    assert!(town.webhooks().await.iter().all(|row| row.state.as_str() == "unknown_event"));
    assert_eq!(town.tell(&json!({"event": "moon.landed", "number": 0})).await.status, 204, "a known one still comes");
}

// field-faults row 77
#[tokio::test]
async fn a_full_quarantine_takes_what_can_be_worked_off_and_refuses_what_waits_for_a_person() {
    let town = Town::open().await;
    let id = town.signup(1, "u_1").await;
    town.until_commission(&id, "unknown").await;
    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    let unknown = |number: i32| json!({"event": "moon.landed", "number": number});
    for number in 0..6 {
        assert_eq!(town.tell(&unknown(number)).await.status, 204);
        town.until_interpreted().await;
    }
    // About a known customer or its partner, or of no concern: each is finished at once, and leaves for the next.
    let partner = json!({"event": "partnership.updated", "partner_key": "ada"});
    for (number, body) in
        [updated("u_1"), partner, json!({"event": "agreement.accepted"})].iter().cycle().take(9).enumerate()
    {
        assert_eq!(town.tell(&with_note(body.clone(), &number.to_string())).await.status, 204, "{body}");
        assert_eq!(town.until_interpreted().await.state.as_str(), "followed", "{body}");
        assert_eq!(town.webhooks().await.len(), 7, "it takes no room for long");
    }
    town.until_commission(&id, "pending").await;
    // About a customer who may still come: as many again as the limit.
    for number in 2..8 {
        assert_eq!(town.tell(&updated(&format!("u_{number}"))).await.status, 204, "u_{number}");
        assert_eq!(town.until_interpreted().await.state.as_str(), "unmatched");
    }
    let large = with_note(updated("u_1"), &"x".repeat(70_000)).to_string();
    for body in [updated("u_8").to_string(), unknown(6).to_string(), "not json".to_owned(), large] {
        let full = town.bring(&format!("main/{SECRET}"), body).await;
        assert_eq!((full.code().as_str(), full.header("retry-after")), ("503 unavailable", "5"));
        let detail = full.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("`limits.webhooks`") && detail.contains("webhooks list --quarantined"), "{detail}");
    }
    assert_eq!(town.tell(&with_note(updated("u_1"), "last")).await.status, 204);
    assert_eq!(town.until_interpreted().await.state.as_str(), "followed");
    // Whoever was waited for comes.
    let late = town.signup(2, "u_2").await;
    town.until_commission(&late, "unknown").await;
    town.until_webhooks(|rows| rows.iter().filter(|row| row.state.as_str() == "unmatched").count() == 5).await;
}

#[tokio::test]
async fn what_was_kept_before_a_crash_is_interpreted_after_it() {
    let mut town = Town::asleep(At::Current).await;
    let id = town.signup(1, "u_1").await;
    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    assert_eq!(town.tell(&updated("u_1")).await.status, 204);
    let row = town.webhooks().await.remove(0);
    assert_eq!((row.state.as_str(), row.interpreted_at), ("received", None));
    town.awake();
    town.until_commission(&id, "pending").await;
    assert_eq!(town.until_interpreted().await.state.as_str(), "followed");
}

#[tokio::test]
async fn a_partner_who_leaves_loses_what_was_not_rewarded_and_no_reward() {
    let town = Town::open().await;
    let bare = town.signup(1, "u_1").await;
    let sold = town.sale("u_1", "order_1").await;
    town.until_commission(&sold, "pending").await;
    town.until_commission(&bare, "unknown").await;
    town.control("POST", "partnerstack/webhooks", &json!({"url": town.hook()})).await;
    town.control("POST", "partnerstack/partners/ada/archive", &json!({})).await;
    let row = town.until_commission(&bare, "rejected").await;
    assert_eq!(row.commission_reason.as_deref(), Some("the partner has left the programme, and no reward is shown"));
    town.until_commission(&sold, "pending").await;
    town.control("POST", "partnerstack/partners/ada/restore", &json!({})).await;
    town.until_commission(&bare, "unknown").await;
}

#[tokio::test]
async fn a_partner_whose_key_is_changed_keeps_the_commission_until_the_partner_leaves() {
    for (town, account) in [(Town::open().await, "partnerstack"), (Town::guided().await, "partnerstack-guide")] {
        let id = town.signup(1, "u_1").await;
        let asked_at = town.until_commission(&id, "unknown").await.commission_asked_at;
        let state = town.control("GET", &format!("state/{account}"), &Value::Null).await;
        let mut partners = state["partners"].as_array().unwrap().iter();
        let ada = partners.find(|one| one["partner_key"] == "ada").unwrap()["key"].as_str().unwrap();
        let url = format!("http://{}/{account}/api/v2/partnerships/{ada}", town.double.address());
        let change = town.proxy.http.patch(url).basic_auth(PUBLIC_KEY, Some(PRIVATE_KEY));
        let change = change.header("content-type", "application/json").body(r#"{"partner_key":"ada7"}"#);
        assert_eq!(town.proxy.send(change).await.status, 200);
        town.proxy.clock.advance(7 * HOUR_MS);
        let row = town.until(&id, |row| row.commission_asked_at != asked_at).await;
        assert_eq!(row.commission.as_str(), "unknown", "{account}: {row:?}");
        town.control("POST", "partnerstack/partners/ada7/archive", &json!({})).await;
        town.proxy.clock.advance(7 * HOUR_MS);
        town.until_commission(&id, "rejected").await;
    }
}

#[tokio::test]
async fn an_event_with_a_partners_new_key_asks_about_what_the_old_key_brought() {
    let town = Town::open().await;
    let id = town.signup(1, "u_1").await;
    town.until_commission(&id, "unknown").await;
    // As the vendor's documents show it: a number as id, and no key but the partner's.
    let event = |name: &str, key: &str| json!({"event": name, "id": 7, "partner_key": key, "archived": "false"});
    assert_eq!(town.tell(&event("partnership_updated", "ada")).await.status, 204);
    assert_eq!(town.until_interpreted().await.state.as_str(), "followed");
    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    assert_eq!(town.tell(&event("partnership_updated", "ada7")).await.status, 204);
    let row = town.until_interpreted().await;
    assert_eq!((row.state.as_str(), row.deliveries), ("followed", 1));
    town.until_commission(&id, "pending").await;
    // These link no key to the partner that the first two do not.
    let bonus = json!({"event": "reward_created", "partner_key": "ada"});
    for body in [with_note(event("partnership_updated", "ada"), "again"), bonus] {
        assert_eq!(town.tell(&body).await.status, 204);
        assert_eq!(town.until_interpreted().await.state.as_str(), "followed");
    }
    let ledger = rusqlite::Connection::open(town.proxy.ledger()).unwrap();
    let mut links = ledger.prepare("SELECT kind || ' ' || key FROM webhook_subjects ORDER BY 1").unwrap();
    let links: Result<Vec<String>, _> = links.query_map([], |row| row.get(0)).unwrap().collect();
    assert_eq!(links.unwrap(), ["partner ada", "partner ada7", "partner_id 7", "partner_id 7"]);
}

#[tokio::test]
async fn a_partner_whose_key_is_changed_is_found_by_the_vendors_id_after_many_other_events() {
    let town = Town::open().await;
    let id = town.signup(1, "u_1").await;
    town.until_commission(&id, "unknown").await;
    let event = |key: &str| json!({"event": "partnership_updated", "id": 7, "partner_key": key});
    assert_eq!(town.tell(&event("ada")).await.status, 204);
    assert_eq!(town.until_interpreted().await.state.as_str(), "followed");
    for number in 0..10 {
        assert_eq!(town.tell(&json!({"event": "agreement.accepted", "number": number})).await.status, 204);
        town.until_interpreted().await;
    }
    assert_eq!(town.webhooks().await.len(), 6, "limits.webhooks");
    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    assert_eq!(town.tell(&event("ada7")).await.status, 204);
    let row = town.until_interpreted().await;
    assert_eq!((row.state.as_str(), row.deliveries), ("followed", 1));
    town.until_commission(&id, "pending").await;
}

#[tokio::test]
async fn where_no_webhook_comes_time_asks_and_so_does_an_operator() {
    let town = Town::open().await;
    town.signup(1, "u_1").await;
    let id = town.sale("u_1", "order_1").await;
    town.until_commission(&id, "pending").await;
    town.control("POST", "partnerstack/rewards/order_1/approve", &json!({})).await;
    town.proxy.clock.advance(6 * HOUR_MS);
    town.until_commission(&id, "approved").await;
    town.control("POST", "partnerstack/rewards/order_1/pay", &json!({})).await;
    let check = format!("http://{}/v1/conversions/{id}/check", town.operator.address());
    let checked = town.proxy.send(town.proxy.http.post(check)).await;
    assert_eq!(checked.json()["deliveries"], 1);
    town.until_commission(&id, "paid").await;
}

#[tokio::test]
async fn a_refund_has_its_sales_commission_asked_for_again() {
    let town = Town::open().await;
    town.signup(1, "u_1").await;
    let sold = town.sale("u_1", "order_1").await;
    town.until_commission(&sold, "pending").await;
    let order = json!({"key": "refund_1", "amount_minor": 4900, "currency": "EUR"});
    let body = json!({"kind": "refund", "customer": {"key": "u_1"}, "order": order, "refund_of": "order_1"});
    assert_eq!(town.proxy.report(&town.key, "refund_1", &body).await.status, 202);
    town.until_commission(&sold, "rejected").await;
}

#[tokio::test]
async fn a_vendor_that_tells_no_commission_stops_no_delivery() {
    let town = Town::open().await;
    let fault = json!({"vendor": "partnerstack", "path_contains": "rewards", "kind": "status", "status": 500});
    town.control("POST", "faults", &fault).await;
    for number in 1..=8 {
        town.signup(number, &format!("u_{number}")).await;
    }
    town.until_asked(8).await;
    town.proxy.clock.advance(HOUR_MS);
    town.until_asked(16).await;
    assert_eq!(town.lane().await, "open", "eight failures in a row are more than open a breaker");
    let id = town.signup(9, "u_9").await;
    assert_eq!(town.detail(&id).await.deliveries[0].commission.as_str(), "unknown");
    // The clock must not jump while a question is under way.
    town.until_asked(17).await;
    town.control("DELETE", "faults", &Value::Null).await;
    town.proxy.clock.advance(HOUR_MS);
    town.until_commission(&id, "unknown").await;
}

#[tokio::test]
async fn a_lane_that_a_429_closes_asks_nothing_more_and_loses_no_question() {
    let town = Town::open().await;
    let mut ids = Vec::new();
    for number in 1..=4 {
        let id = town.signup(number, &format!("u_{number}")).await;
        town.until_commission(&id, "unknown").await;
        ids.push(id);
    }
    let fault = json!({"vendor": "partnerstack", "path_contains": "rewards", "kind": "status", "status": 429,
        "retry_after_s": 600});
    town.control("POST", "faults", &fault).await;
    let before = town.asked().await;
    // All four are due now, and are claimed together.
    town.proxy.clock.advance(7 * HOUR_MS);
    town.until_lane("throttled").await;
    // A webhook is interpreted once the look that claimed them has ended.
    assert_eq!(town.tell(&updated("u_1")).await.status, 204);
    town.until_interpreted().await;
    assert_eq!(town.asked().await, before + 1);
    town.control("DELETE", "faults", &Value::Null).await;
    for number in 1..=4 {
        town.control("POST", "partnerstack/rewards", &json!({"customer_key": format!("u_{number}")})).await;
    }
    town.proxy.clock.advance(2 * HOUR_MS);
    for id in &ids {
        town.until_commission(id, "pending").await;
    }
}

#[tokio::test]
async fn a_refused_credential_pauses_the_lane_and_loses_no_question() {
    let town = Town::open().await;
    let id = town.signup(1, "u_1").await;
    town.until_commission(&id, "unknown").await;
    let accepted = |key: &str| json!({"accept_credentials": {"private_key": key}});
    town.control("POST", "partnerstack/settings", &accepted("another")).await;
    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    assert_eq!(town.tell(&updated("u_1")).await.status, 204);
    town.until_lane("paused").await;
    town.control("POST", "partnerstack/settings", &accepted(PRIVATE_KEY)).await;
    town.proxy.clock.advance(HOUR_MS);
    town.until_commission(&id, "pending").await;
    assert_eq!(town.lane().await, "open", "the question was the trial after the pause");
}
