//! Asking PartnerStack what a delivery earned: the questions, and what each answer says.

use serde_json::{Value, json};
use trailmark_vendors::Dialect;
use trailmark_vendors::commission::{Commission, Earned, Standing};
use trailmark_vendors::exchange::{Answer, Call, Step};
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::{Kind, Order};
use trailmark_wire::ids::{OrderKey, PartnerKey};
use trailmark_wire::money::Currency;

use super::{Account, Opened, account, adapter, answer, answer_with, fixture, partnerstack, signup};

fn customer() -> Earned {
    Earned { task: signup(), reference: Some("cus_1".into()), refund_reference: None }
}

fn sale() -> Earned {
    let currency = Currency::new("EUR").unwrap();
    let order = Order { key: OrderKey::new("order_1").unwrap(), amount_minor: 4900, currency, items: Vec::new() };
    let task = Task { kind: Kind::Sale, order: Some(order), customer_reference: Some("cus_1".into()), ..signup() };
    Earned { task, reference: Some("order_1".into()), refund_reference: None }
}

fn guide() -> Box<Opened> {
    partnerstack(&Account { dialect: Dialect::Guide, ..account() })
}

const NO_REWARD: &str = r#"{"data":{"items":[],"has_more":false},"status":200}"#;

/// Which of the three questions.
#[derive(Debug, Clone, Copy)]
enum Question {
    Reward,
    /// Follows where the first shows no reward.
    Customer,
    /// Follows where the customer has a partner.
    Partner,
}

fn question(vendor: &Opened, earned: &Earned, which: Question) -> Option<Call<Step<Standing>>> {
    let first = vendor.commission(earned)?;
    Some(match which {
        Question::Reward => first,
        Question::Customer => next(&first, NO_REWARD),
        Question::Partner => next(&next(&first, NO_REWARD), fixture!("200_customer")),
    })
}

/// The question that follows this answer.
fn next(call: &Call<Step<Standing>>, body: &str) -> Call<Step<Standing>> {
    match (call.read)(&answer(200, body)) {
        Step::Next(next) => next,
        Step::Done(standing) => panic!("settled: {standing:?}"),
    }
}

fn read_commission(earned: &Earned, which: Question, answer: &Answer) -> Standing {
    match (question(&adapter(), earned, which).unwrap().read)(answer) {
        Step::Done(standing) => standing,
        // Only told from the first question.
        Step::Next(call) => Standing::NotNow { message: format!("ask {}", call.request.label), not_before: None },
    }
}

fn asked(vendor: &Opened, earned: &Earned, which: Question) -> Option<String> {
    let request = question(vendor, earned, which)?.request;
    assert_eq!(request.method.as_str(), "GET");
    Some(request.url.expose().split_once("/api/v2/").unwrap().1.to_owned())
}

fn told(standing: Standing) -> String {
    match standing {
        Standing::AuthFailed => "auth failed".into(),
        Standing::Is { commission, reason: None, .. } => commission.as_str().into(),
        Standing::Is { commission, reason: Some(reason), .. } => format!("{}: {reason}", commission.as_str()),
        Standing::NotNow { message, not_before } => format!("not now: {message} {not_before:?}"),
    }
}

fn read(earned: &Earned, rewards: &[Value]) -> String {
    let body = json!({"data": {"items": rewards, "has_more": false}, "message": "OK", "status": 200}).to_string();
    told(read_commission(earned, Question::Reward, &answer(200, &body)))
}

fn reward(status: &str, payment: &str, transaction: Value) -> Value {
    let customer = json!({"key": "cus_1"});
    json!({"key": "rwd_1", "customer": customer, "transaction": transaction, "reward_status": status,
        "payment_status": payment})
}

#[test]
fn rewards_are_listed_by_the_vendors_own_key_of_the_customer() {
    let since = super::NOW.0 - 86_400_000;
    let list = format!("rewards?limit=250&min_created={since}&customer_key=");
    assert_eq!(asked(&adapter(), &customer(), Question::Reward), Some(format!("{list}cus_1")));
    assert_eq!(asked(&adapter(), &sale(), Question::Reward), Some(format!("{list}cus_1")));
    let guides = format!("rewards?limit=100&min_created={since}&customer_key=u_1");
    assert_eq!(
        asked(&guide(), &customer(), Question::Reward),
        Some(guides),
        "the guide has one key, and smaller pages"
    );
}

#[test]
fn the_partner_that_the_vendor_credits_is_asked_for_whatever_key_the_touch_has() {
    for partner in [Some(PartnerKey::new("stale").unwrap()), None] {
        let earned = Earned { task: Task { partner, ..signup() }, ..customer() };
        for vendor in [adapter(), guide()] {
            assert_eq!(asked(&vendor, &earned, Question::Customer), Some("customers/u_1".into()));
            assert_eq!(asked(&vendor, &earned, Question::Partner), Some("partnerships/part_4Xk2".into()));
        }
    }
}

#[test]
fn where_no_reward_could_be_told_to_be_ours_nothing_is_asked() {
    let unnamed = Earned { reference: None, ..customer() };
    assert_eq!(asked(&adapter(), &unnamed, Question::Reward), None);
    let lead = Earned { task: Task { kind: Kind::Lead, ..signup() }, ..customer() };
    assert_eq!(asked(&adapter(), &lead, Question::Reward), None);
    let keyless = Earned { reference: None, ..sale() };
    assert_eq!(asked(&guide(), &keyless, Question::Reward), None, "the guide's transaction has no key of ours");
    assert!(asked(&adapter(), &keyless, Question::Reward).is_some(), "in current it has");
}

#[test]
fn each_status_of_a_reward_has_one_meaning() {
    for (status, payment, meaning) in [
        ("pending", "", "pending"),
        ("hold", "", "pending"),
        ("scheduled", "", "pending"),
        ("paid", "", "paid"),
        ("paid", "available", "paid"),
        ("approved", "available", "approved"),
        ("approved", "in_transit", "approved"),
        ("approved", "withdrawn", "paid"),
        ("approved", "paid_externally", "paid"),
        ("approved", "failed", "approved: its payment is `failed`"),
        ("declined", "available", "rejected"),
        ("pending", "withdrawn", "pending"),
        ("dancing", "", "unknown: the vendor calls it `dancing`"),
    ] {
        assert_eq!(read(&customer(), &[reward(status, payment, Value::Null)]), meaning, "{status} {payment}");
    }
    assert_eq!(read(&customer(), &[json!({"key": "rwd_1"})]), "unknown: the vendor's reward has no `reward_status`");
}

// field-faults row 82
#[test]
fn a_commission_is_as_much_as_the_rewards_say_that_were_not_declined() {
    let of = |amount: Value, currency: Value, status: &str| {
        json!({"key": "rwd_1", "customer": {"key": "cus_1"},
        "amount": amount, "currency": currency, "reward_status": status})
    };
    let amount = |rewards: &[Value]| {
        let body = json!({"data": {"items": rewards, "has_more": false}, "message": "OK", "status": 200}).to_string();
        match read_commission(&customer(), Question::Reward, &answer(200, &body)) {
            Standing::Is { amount, .. } => amount.map(|amount| amount.to_string()),
            other => panic!("{other:?}"),
        }
    };
    for (amount_cents, currency, said) in [
        (json!(980), json!("EUR"), Some("9.80 EUR")),
        (json!(980), json!("eur"), Some("9.80 EUR")),
        (json!(980), Value::Null, Some("9.80 USD")),
        (json!(24600), json!("JPY"), Some("246 JPY")),
        (json!(50), json!("JPY"), None),
        (json!(-300), json!("EUR"), Some("-3.00 EUR")),
        (json!("980"), json!("EUR"), None),
        (json!(9.8), json!("EUR"), None),
        (json!(980), json!("credits"), None),
        (Value::Null, json!("EUR"), None),
    ] {
        let reward = of(amount_cents.clone(), currency.clone(), "approved");
        assert_eq!(amount(&[reward]).as_deref(), said, "{amount_cents} {currency}");
    }
    let (euros, declined) = (of(json!(100), json!("EUR"), "paid"), of(json!(7), json!("EUR"), "declined"));
    assert_eq!(amount(&[euros.clone(), of(json!(20), json!("EUR"), "pending"), declined.clone()]).unwrap(), "1.20 EUR");
    assert_eq!(amount(&[euros, of(json!(20), json!("USD"), "pending")]), None, "in two currencies");
    assert_eq!(amount(&[declined]), None);
}

#[test]
fn a_reward_counts_only_for_what_it_was_given_for() {
    let signup_alone = reward("approved", "", Value::Null);
    let of_sale = reward("declined", "", json!({"key": "order_1"}));
    let of_other = reward("pending", "", json!({"key": "order_2"}));
    let all = [signup_alone, of_sale, of_other];
    assert_eq!(read(&customer(), &all), "approved");
    assert_eq!(read(&sale(), &all), "rejected");
    for foreign in
        [json!({"key": "cus_2"}), json!({"external_key": "u_2"}), json!({"key": "cus_2", "external_key": "u_2"})]
    {
        let other = json!({"key": "rwd_4", "customer": foreign, "reward_status": "approved"});
        assert_eq!(
            read(&customer(), &[other]),
            "not now: ask GET /v2/customers/{customer_key} None",
            "whatever the list was asked for"
        );
    }
    for ours in [json!({"external_key": "u_1"}), json!({"key": "cus_9", "external_key": "u_1"}), Value::Null] {
        let reward = json!({"key": "rwd_5", "customer": ours, "reward_status": "approved"});
        assert_eq!(read(&customer(), &[reward]), "approved");
    }
    let by_action = json!({"key": "rwd_2", "reward_status": "approved", "action": {"key": "act_1"}});
    assert_eq!(read(&customer(), &[by_action]), "not now: ask GET /v2/customers/{customer_key} None");
    let flat = json!({"key": "rwd_3", "reward_status": "approved", "transaction_key": "order_1"});
    assert_eq!(read(&sale(), &[flat]), "approved");
}

#[test]
fn of_several_rewards_the_least_far_decides_and_declined_ones_count_last() {
    let order = || json!({"key": "order_1"});
    let [declined, paid, approved] = [("declined", ""), ("approved", "withdrawn"), ("approved", "")]
        .map(|(status, payment)| reward(status, payment, order()));
    assert_eq!(read(&sale(), &[declined.clone(), paid.clone(), approved]), "approved");
    assert_eq!(read(&sale(), &[declined.clone(), paid]), "paid");
    assert_eq!(read(&sale(), &[declined]), "rejected");
}

#[test]
fn without_a_reward_the_partner_decides() {
    let read = |status, body| told(read_commission(&customer(), Question::Partner, &answer(status, body)));
    let left = "rejected: the partner has left the programme, and no reward is shown";
    assert_eq!(read(404, fixture!("404")), left);
    assert_eq!(read(200, r#"{"data":{"key":"part_1","archived":true},"status":200}"#), left);
    assert_eq!(read(200, r#"{"data":{"key":"part_1","is_archived":true},"status":200}"#), left);
    let nothing = "unknown: the vendor shows no reward for it so far";
    assert_eq!(read(200, r#"{"data":{"key":"part_1","partner_key":"acme","archived":false},"status":200}"#), nothing);
    assert!(read(404, "<html>not found</html>").starts_with("not now: "), "a gateway's 404 is no word of the vendor's");
}

#[test]
fn a_customer_without_a_partner_says_nothing_about_a_commission() {
    let read = |status, body: &str| told(read_commission(&customer(), Question::Customer, &answer(status, body)));
    let nothing = "unknown: the vendor shows no reward for it so far";
    assert_eq!(read(200, &fixture!("200_customer").replace("\"part_4Xk2\"", "null")), nothing);
    assert_eq!(read(200, &fixture!("200_customer").replace("partnership_key", "partnership")), nothing);
    assert_eq!(read(404, fixture!("404")), nothing, "it was deleted at the vendor");
    assert!(read(404, "<html>not found</html>").starts_with("not now: "), "a gateway's 404 is no word of the vendor's");
    assert_eq!(read(401, fixture!("401")), "auth failed");
}

#[test]
fn an_unclear_answer_settles_nothing() {
    let read = |status, body| told(read_commission(&customer(), Question::Reward, &answer(status, body)));
    assert_eq!(read(401, fixture!("401")), "auth failed");
    let forbidden = "unknown: the credential may not read rewards; allow it at the vendor";
    assert_eq!(read(403, fixture!("403")), forbidden);
    for (status, body) in [(500, fixture!("500")), (200, ""), (200, "<html>"), (200, r#"{"data":{}}"#), (404, "")] {
        assert!(read(status, body).starts_with("not now: "), "{status} {body}");
    }
    let more = r#"{"data":{"items":[],"has_more":true},"status":200}"#;
    assert_eq!(read(200, more), "not now: status 200: too many rewards to find this one None");
    let throttled = answer_with(429, &[("retry-after", "60")], "");
    let Standing::NotNow { not_before, .. } = read_commission(&customer(), Question::Reward, &throttled) else {
        panic!()
    };
    assert_eq!(not_before, Some(super::NOW.plus(60_000)));
}

// field-faults rows 38 and 42: no envelope, not the vendor, whoever is asked
#[test]
fn an_answer_without_the_vendors_envelope_says_nothing_about_a_commission() {
    for question in [Question::Reward, Question::Customer, Question::Partner] {
        for (status, body) in
            [(200, "<html>Sign in</html>"), (200, ""), (200, "{}"), (200, "[]"), (403, "<html>"), (404, "<html>")]
        {
            let said = told(read_commission(&customer(), question, &answer(status, body)));
            assert!(said.starts_with("not now: "), "{status} {body}: {said}");
        }
    }
    let archived = r#"{"data":{"key":"part_1","archived":true}}"#;
    let broken = told(read_commission(&customer(), Question::Partner, &answer(500, archived)));
    assert!(broken.starts_with("not now: "), "a broken server's word about a partner: {broken}");
}

// field-faults row 65
#[test]
fn a_word_of_the_vendors_that_repeats_a_credential_is_withheld() {
    let said = read(&customer(), &[reward("Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=", "", Value::Null)]);
    assert_eq!(said, "unknown: the vendor calls it `Basic [redacted]`");
}

#[test]
fn every_word_is_its_own_in_json() {
    for commission in Commission::ALL {
        assert_eq!(serde_json::to_value(commission).unwrap(), commission.as_str());
    }
}
