//! The answer to "was the partner paid?": it depends only on the ledger's rows and is the same everywhere. Then whole
//! stories with the simulated PartnerStack: who must act, and what a closed lane reports.

use insta::assert_snapshot;
use serde_json::{Value, json};
use trailmark_proxy::answer::{Tone, answer, shell_word};
use trailmark_proxy::clock::Clock as _;
use trailmark_proxy::explain::explain;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::operator::{Change, ConversionRow, DeliveryRow, LaneRow, OperatorStore as _, Verdict};
use trailmark_wire::ids::ConversionId;

use super::delivery_world::{SETTLING_MS, World, refund, sale};
use super::webhooks_town::Town;

const OWN: &str = "019aa5a0-6f70-7000-8000-000000000001";
const OTHER: &str = "019aa5a0-6f70-7000-8000-000000000009";
const DELIVERY: &str = "019aa5a0-6f71-7000-8000-000000000002";

fn standing(state: &str, more: Value) -> Value {
    let mut standing = json!({
        "delivery": DELIVERY, "program": "main", "vendor": "partnerstack", "state": state, "reason": null,
        "due_at": null, "commission": "unknown", "commission_reason": null, "follows": null,
    });
    standing.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    standing
}

/// A signup with one delivery and some changed members.
fn row(standings: Value, more: Value) -> ConversionRow {
    let mut row = json!({
        "id": OWN, "site": "acme", "kind": "signup", "external_id": "u_1", "customer": "u_1", "status": "accepted",
        "code": null, "assurance": "bound", "programs": ["main"], "partners": ["ada"], "deliveries": [],
        "received_at": "2026-11-21T08:31:02.250Z", "standings": standings,
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(row).unwrap()
}

fn said(row: &ConversionRow, lanes: &[LaneRow]) -> String {
    let answer = answer(row, lanes);
    let cure = answer.cure.map(|cure| format!(" | {cure}")).unwrap_or_default();
    format!("[{:?}] {}: {}{cure}", answer.tone, answer.headline, answer.reason)
}

fn of(state: &str, more: Value) -> String {
    said(&row(json!([standing(state, more)]), json!({})), &[])
}

// field-faults row 55
#[test]
fn every_state_of_a_delivery_has_an_answer() {
    let due = json!({ "due_at": "2026-11-21T09:00:00Z" });
    let why = json!({ "reason": "no such partner" });
    let both = json!({ "due_at": "2026-11-21T09:00:00Z", "reason": "HTTP 500" });
    let paid = |word: &str| of("recorded", json!({ "commission": word }));
    let all = [
        paid("paid"),
        paid("approved"),
        paid("pending"),
        paid("unknown"),
        of("recorded", json!({ "commission": "rejected", "commission_reason": "declined by the company" })),
        of("due", due.clone()),
        of("due", both.clone()),
        of("unverified", due.clone()),
        of("uncertain", both),
        of("uncertain", why.clone()),
        of("conflict", why.clone()),
        of("rejected", why.clone()),
        of("dead", why.clone()),
        of("ignored", why.clone()),
        of("dropped", why.clone()),
        of(
            "blocked",
            json!({ "reason": "the customer's signup is not known in this program; this delivery is sent after the customer's signup is reported and recorded" }),
        ),
        of("not_needed", json!({})),
        of("unsupported", why),
    ];
    assert_snapshot!(all.join("\n"), @r"
    [Good] Paid: PartnerStack paid the commission.
    [Good] Approved: PartnerStack approved the commission but has not paid it yet.
    [Waiting] At the vendor: PartnerStack has it but has not decided on the commission yet.
    [Good] Recorded: PartnerStack has it but shows no commission for it yet.
    [Bad] Not paid: PartnerStack rejected the commission: declined by the company.
    [Waiting] Waiting: It is about to be sent to PartnerStack.
    [Waiting] Waiting: The last attempt failed: HTTP 500. The next one is at 2026-11-21T09:00:00Z.
    [Waiting] Waiting: PartnerStack accepted it. It is read back at 2026-11-21T09:00:00Z.
    [Waiting] Waiting: It is not known whether PartnerStack has it: HTTP 500. Trailmark asks PartnerStack at 2026-11-21T09:00:00Z, before it sends anything again.
    [Bad] Unclear: It is not known whether PartnerStack has it: no such partner. | Check at PartnerStack, then run `trailmark outbox resolve 019aa5a0-6f71-7000-8000-000000000002 --as recorded|rejected --reason …`.
    [Bad] Not paid: What PartnerStack has differs from what was sent: no such partner. | Compare at PartnerStack, then run `trailmark outbox resolve 019aa5a0-6f71-7000-8000-000000000002 --as recorded|rejected --reason …`. `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002` sends nothing that could count twice: where it could, Trailmark asks PartnerStack first, or says that this needs `--accept-double`.
    [Bad] Not paid: PartnerStack rejected it: no such partner. | Fix the cause, then run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`.
    [Bad] Not paid: Every attempt failed: no such partner. | Fix the cause, then run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`.
    [Bad] Not paid: PartnerStack accepted it and credits nobody: no such partner. | Look at PartnerStack for the cause: is the partner approved, does the program run, does PartnerStack know the click and the customer? Once the cause is gone, run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`. If PartnerStack credits the partner after all, run `trailmark outbox resolve 019aa5a0-6f71-7000-8000-000000000002 --as recorded --reason …`; if nothing can be done, `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002 --reason …`.
    [Bad] Not paid: An operator gave it up: no such partner.
    [Bad] Not paid: The customer's signup is not known in this program; this delivery is sent after the customer's signup is reported and recorded. | Report what is missing, or give this up with `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002 --reason …`.
    [Good] Recorded: Nothing is left to do at PartnerStack.
    [Bad] Not paid: PartnerStack cannot take it: no such partner.
    ");
}

// field-faults row 55
#[test]
fn what_is_not_delivered_says_why_and_what_helps() {
    let of = |more: Value| said(&row(json!([]), more), &[]);
    let all = [
        of(json!({ "status": "duplicate", "key_owner": OTHER })),
        of(json!({ "status": "duplicate" })),
        of(json!({ "status": "held", "code": "customer_unsigned" })),
        of(json!({ "status": "held", "code": "a_code_of_a_later_version" })),
        of(json!({ "status": "held", "code": "sale_unknown", "kind": "refund", "refund_of": "o_1" })),
        of(json!({ "status": "unattributed", "code": "no_touch" })),
        of(json!({ "status": "unattributed", "code": "signup_rejected", "kind": "sale" })),
        of(json!({ "status": "unattributed", "code": "sale_rejected", "kind": "refund", "refund_of": "o 1" })),
        of(json!({ "status": "unattributed", "code": "a_code_of_a_later_version" })),
        of(json!({ "status": "rejected", "code": "rejected_by_hand" })),
        of(json!({ "status": "rejected", "code": "refund_above_sale", "kind": "refund", "refund_of": "o_1" })),
    ];
    assert_snapshot!(all.join("\n"), @r"
    [Good] Counted already: Conversion 019aa5a0-6f70-7000-8000-000000000009 already counts for this signup key, so nothing is sent for this one. | `trailmark conversions explain 019aa5a0-6f70-7000-8000-000000000009` shows the one that counts.
    [Good] Counted already: Another conversion already counts for this signup key, so nothing is sent for this one.
    [Bad] Not paid: It is held until a server or an operator confirms it. This site believes a page's customer only if the merchant signed it. | Best: report the signup from the backend; this one then closes by itself. Only if you have checked the customer: `trailmark conversions release 019aa5a0-6f70-7000-8000-000000000001 --reason …`. If it is false: `trailmark conversions reject 019aa5a0-6f70-7000-8000-000000000001 --reason …`.
    [Bad] Not paid: It is held until a server or an operator confirms it. | Best: report the signup from the backend; this one then closes by itself. Only if you have checked the customer: `trailmark conversions release 019aa5a0-6f70-7000-8000-000000000001 --reason …`. If it is false: `trailmark conversions reject 019aa5a0-6f70-7000-8000-000000000001 --reason …`.
    [Waiting] Waiting: The sale that this refunds has not been reported yet. The refund is applied when it is.
    [Bad] Not paid: No partner's link led here.
    [Bad] Not paid: The customer's signup was rejected, so no partner is known for this. Report it again once a signup of this customer is accepted. | `trailmark conversions explain u_1` shows the cause.
    [Bad] Not applied: Every vendor rejected the sale that this refunds. | `trailmark conversions explain 'o 1'` shows the cause.
    [Bad] Not paid: No partner is credited (a_code_of_a_later_version).
    [Bad] Not paid: An operator rejected it.
    [Bad] Not applied: With this refund, the refunds of the sale would exceed the sale's amount.
    ");
}

#[test]
fn a_report_without_a_visitor_says_so_and_names_the_signup_that_it_follows() {
    let of = |kind: &str, code: &str, more: Value| {
        let mut of = json!({ "kind": kind, "status": "unattributed", "code": code, "assurance": "server", "customer": "u_never" });
        of.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said(&row(json!([]), of), &[])
    };
    let signup = |status: &str| json!({ "signup": { "conversion": OTHER, "status": status } });
    let all = [
        of("sale", "customer_unknown", json!({})),
        of("lead", "customer_unknown", json!({})),
        of("sale", "no_touch", signup("unattributed")),
        of("lead", "no_touch", signup("held")),
        of("sale", "no_touch", json!({})),
        of("signup", "no_touch", json!({})),
        of("signup", "signup_rejected", signup("rejected")),
        of("sale", "signup_rejected", signup("rejected")),
    ];
    assert_snapshot!(all.join("\n"), @r"
    [Bad] Not paid: The report names no visitor, and no signup of customer `u_never` is known. | If the customer signed up under another key, report the sale with that key. If the signup comes later, report this sale again after it, with a new Idempotency-Key.
    [Bad] Not paid: The report names no visitor, and no signup of customer `u_never` is known. | If the customer signed up under another key, report the lead with that key. If the signup comes later, report this lead again after it, with a new Idempotency-Key.
    [Bad] Not paid: It follows the customer's signup 019aa5a0-6f70-7000-8000-000000000009, which no partner's link led to.
    [Bad] Not paid: It follows the customer's signup 019aa5a0-6f70-7000-8000-000000000009, which is held and counts for nobody yet.
    [Bad] Not paid: No partner's link led here.
    [Bad] Not paid: No partner's link is known for it: the report names no visitor, or a visitor without a partner's link. | If a link led here, report the signup again with `visitor` or `click_token`, and with a new Idempotency-Key.
    [Bad] Not paid: No partner's link is known for it, and an earlier signup of this customer was rejected. | `trailmark conversions explain 019aa5a0-6f70-7000-8000-000000000009` shows the cause. Report the signup again, corrected, with the `visitor` or `click_token` of the first, and with a new Idempotency-Key.
    [Bad] Not paid: The customer's signup was rejected, so no partner is known for this. Report it again once a signup of this customer is accepted. | `trailmark conversions explain 019aa5a0-6f70-7000-8000-000000000009` shows the cause.
    ");
}

#[test]
fn a_rejected_delivery_names_only_what_can_help_it() {
    let of = |remedy: &str, kind: &str| {
        let standing = standing("rejected", json!({ "reason": "why", "remedy": remedy }));
        said(&row(json!([standing]), json!({ "status": "rejected", "kind": kind, "partners": ["zoe x"] })), &[])
    };
    let all = [of("report", "signup"), of("either", "signup"), of("either", "sale"), of("retry", "sale")];
    assert_snapshot!(all.join("\n"), @r"
    [Bad] Not paid: PartnerStack rejected it: why. | To correct the report: send it again, corrected, with the same `visitor` or `click_token` and a new Idempotency-Key; then run `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002 --reason …`.
    [Bad] Not paid: PartnerStack rejected it: why. | To correct the report: send it again, corrected, with the same `visitor` or `click_token` and a new Idempotency-Key; then run `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002 --reason …`. If the cause lay at PartnerStack, remove it there and run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`. If PartnerStack has no partner zoe x: add the partner (`trailmark partners add --key 'zoe x' …`) or correct the link.
    [Bad] Not paid: PartnerStack rejected it: why. | To correct the report: send it again, corrected, with the same `visitor` or `click_token` and a new Idempotency-Key; then run `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002 --reason …`. If the cause lay at PartnerStack, remove it there and run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`.
    [Bad] Not paid: PartnerStack rejected it: why. | Fix the cause, then run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`.
    ");
}

#[test]
fn what_is_held_names_the_best_way_out_first() {
    let of = |more: Value| said(&row(json!([]), more), &[]);
    let all = [
        of(json!({ "status": "held", "code": "money_unsigned", "kind": "sale" })),
        of(json!({ "status": "held", "code": "signups_per_visitor" })),
        of(json!({ "status": "held", "code": "order_signature_invalid", "kind": "sale", "external_id": null })),
        of(json!({ "status": "held", "code": "signup_disputed", "kind": "sale" })),
    ];
    assert_snapshot!(all.join("\n"), @r"
    [Bad] Not paid: It is held until a server or an operator confirms it. Only the page named the amount. Sign the order, or report the sale from the backend. | Best: report the sale from the backend; this one then closes by itself. Only if you have checked the amount: `trailmark conversions release 019aa5a0-6f70-7000-8000-000000000001 --reason …`. If it is false: `trailmark conversions reject 019aa5a0-6f70-7000-8000-000000000001 --reason …`.
    [Bad] Not paid: It is held until a server or an operator confirms it. This browser has already named as many customers as the site allows (`signups_per_visitor`). | Best: report the signup from the backend; this one then closes by itself. Only if you have checked the customer: `trailmark conversions release 019aa5a0-6f70-7000-8000-000000000001 --reason …`. If it is false: `trailmark conversions reject 019aa5a0-6f70-7000-8000-000000000001 --reason …`.
    [Bad] Not paid: It is held until a server or an operator confirms it. No key in the site's `order_keys` verifies the signature on the order: it is forged, or its key is missing there. | Best: report the sale from the backend, and close this one: `trailmark conversions reject 019aa5a0-6f70-7000-8000-000000000001 --reason …`.
    [Bad] Not paid: It is held until a server or an operator confirms it. A page had claimed this customer for another partner, and the vendor was told. The vendor may still credit that partner, so the sale is held. Run `trailmark conversions reassign` with the customer's key; the sale is then released automatically.
    ");
}

// field-faults row 55
#[test]
fn a_blocked_refund_names_the_cause_at_the_root() {
    let signup = json!({
        "conversion": OTHER, "kind": "signup", "external_id": "cust_41",
        "standing": standing("rejected", json!({ "reason": "partner_key names no partner" })),
    });
    let sale = json!({
        "conversion": OTHER, "kind": "sale", "external_id": "o_1",
        "standing": standing("blocked", json!({ "follows": signup })),
    });
    let blocked = standing("blocked", json!({ "follows": sale }));
    let text = said(&row(json!([blocked]), json!({ "kind": "refund", "refund_of": "o_1" })), &[]);
    assert_snapshot!(text, @r"
    [Bad] Not applied: The sale is blocked, because the customer's signup was rejected: partner_key names no partner. | `trailmark conversions explain cust_41` shows the cause.
    ");
}

// field-faults row 55
#[test]
fn a_key_in_a_command_is_one_word_of_a_shell_whoever_chose_it() {
    for (key, word) in [
        ("cust_41", "cust_41"),
        ("ada@example.com", "ada@example.com"),
        ("o 1", "'o 1'"),
        ("$(reboot)", "'$(reboot)'"),
        ("a'; reboot; '", r"'a'\''; reboot; '\'''"),
        ("-rf", "-- '-rf'"),
        ("", "''"),
    ] {
        assert_eq!(shell_word(key), word);
    }
}

// field-faults row 55
#[test]
fn of_several_programs_the_worst_is_told() {
    let of = |main: &str, side: &str| {
        let mut other = standing(side, json!({ "program": "side" }));
        other["due_at"] = json!("2026-11-21T09:00:00Z");
        answer(&row(json!([standing(main, json!({})), other]), json!({})), &[])
    };
    let told = of("recorded", "due");
    assert_eq!((told.tone, told.headline.as_str()), (Tone::Waiting, "Waiting"));
    assert!(told.reason.starts_with("Program side: "), "{}", told.reason);
    assert_eq!(of("rejected", "due").headline, "Not paid");
    assert_eq!(of("recorded", "recorded").tone, Tone::Good);
}

// field-faults rows 47 and 48
#[test]
fn what_waits_in_a_lane_that_is_shut_says_so_and_a_paused_one_needs_a_person() {
    let lane = |state: &str| -> LaneRow {
        serde_json::from_value(json!({
            "site": "acme", "program": "main", "state": state, "reason": "the vendor answers 503: it is down",
            "next_at": null, "waiting": 3, "stuck": 0,
        }))
        .unwrap()
    };
    let due = row(json!([standing("due", json!({ "due_at": "2026-11-21T09:00:00Z" }))]), json!({}));
    let text = said(&due, &[lane("down")]);
    assert!(
        text.starts_with(
            "[Waiting] Waiting: Nothing is sent to PartnerStack now, because the vendor answers 503: it is down."
        ),
        "{text}"
    );
    assert!(text.contains("`trailmark lanes open acme/main`"), "{text}");
    assert!(said(&due, &[lane("paused")]).contains("about to be sent"), "it needs no refused credential");
    let refused = standing("due", json!({ "due_at": "2026-11-21T09:00:00Z", "paused_by": "tracking_token" }));
    let text = said(&row(json!([refused]), json!({})), &[lane("paused")]);
    assert!(text.starts_with("[Bad] Waiting: PartnerStack refuses `tracking_token`"), "{text}");
    assert!(said(&due, &[lane("open")]).contains("about to be sent"));
}

/// The conversion's answer from the ledger.
async fn told(world: &World, id: &ConversionId) -> String {
    let detail = world.store.ledger.conversion(id.to_string()).await.unwrap();
    said(&detail.conversion, &world.store.ledger.lanes(world.clock.now()).await.unwrap())
}

async fn until(world: &World, id: &ConversionId, state: State) -> DeliveryRow {
    world.until(id, |row| row.state == state.as_str()).await
}

// field-faults row 55
#[tokio::test]
async fn a_sale_whose_signup_was_rejected_begins_with_the_cause() {
    let world = World::start().await;
    world
        .fault(json!({ "kind": "status", "status": 400, "message": "partner_key names no partner", "times": 1 }))
        .await;
    let signup = world.signup("cust_41").await;
    world.until_state(&signup, State::Rejected).await;
    let order = world.event("cust_41", sale("o_1001", 1230, "EUR")).await;
    let back = world.event("cust_41", refund("r_1001", "o_1001", 230, "EUR")).await;
    until(&world, &order, State::Blocked).await;
    until(&world, &back, State::Blocked).await;
    let detail = world.store.ledger.conversion(order.to_string()).await.unwrap();
    let text = explain(&detail, &[]);
    let first = text.split("Sale of order").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(first.starts_with("Not paid: The customer's signup was rejected: "), "{text}");
    assert!(first.contains("partner_key names no partner"), "{text}");
    assert!(first.ends_with("`trailmark conversions explain cust_41` shows the cause."), "{text}");
    assert!(text.contains("Credited: nobody") && !text.contains("on its way"), "{text}");
    let told = told(&world, &back).await;
    assert!(
        told.starts_with("[Bad] Not applied: The sale is blocked, because the customer's signup was rejected"),
        "{told}"
    );
    assert!(told.ends_with("`trailmark conversions explain cust_41` shows the cause."), "{told}");
}

#[tokio::test]
async fn what_the_adapter_refuses_is_reported_again_and_what_the_vendor_refused_may_be_retried() {
    let world = World::start().await;
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    world.advance(SETTLING_MS).await;
    world.until_state(&signup, State::Recorded).await;
    // An order key of fewer than four characters is refused before anything is sent, each time.
    let short = world.event("u_1", sale("o1", 1230, "EUR")).await;
    until(&world, &short, State::Rejected).await;
    let text = told(&world, &short).await;
    assert!(text.contains("To correct the report: send it again, corrected") && !text.contains("retry"), "{text}");
    let fault = json!({
        "kind": "status", "status": 400, "message": "the programme is closed", "times": 1, "path_contains": "transactions",
    });
    world.fault(fault).await;
    let refused = world.event("u_1", sale("o_1002", 1230, "EUR")).await;
    world.until_state(&refused, State::Rejected).await;
    let text = told(&world, &refused).await;
    assert!(
        text.contains("If the cause lay at PartnerStack, remove it there and run `trailmark outbox retry"),
        "{text}"
    );
}

/// A signup with an unknown outcome and no look-up left, its sale, and a refund of the sale.
async fn undecided(world: &World) -> (DeliveryRow, ConversionId, ConversionId) {
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let back = world.event("u_1", refund("r_1001", "o_1001", 230, "EUR")).await;
    until(world, &order, State::Waiting).await;
    until(world, &back, State::Waiting).await;
    let fault = json!({ "vendor": "partnerstack", "path_contains": "customers", "kind": "status", "status": 500 });
    world.control("POST", "faults", &fault).await;
    let row = world.to_the_end(&signup).await;
    world.control("DELETE", "faults", &Value::Null).await;
    // The failures have opened the breaker, which lets nothing through for a while.
    world.advance(11 * 60_000).await;
    (row, order, back)
}

// field-faults row 47
#[tokio::test]
async fn what_stands_behind_an_outcome_that_only_an_operator_can_find_out_does_not_wait() {
    let world = World::start().await;
    let (signup, order, back) = undecided(&world).await;
    assert!(signup.due_at.is_none(), "{signup:?}");
    for (id, what) in [(&order, "Not paid"), (&back, "Not applied")] {
        until(&world, id, State::Blocked).await;
        let told = told(&world, id).await;
        assert!(told.starts_with(&format!("[Bad] {what}: ")), "{told}");
        assert!(told.ends_with("`trailmark conversions explain u_1` shows the cause."), "{told}");
        let detail = world.store.ledger.conversion(id.to_string()).await.unwrap();
        assert!(!explain(&detail, &[]).contains("goes on automatically"));
    }
    let lane = world.lane().await;
    assert_eq!((lane.waiting, lane.stuck), (0, 3));
}

// field-faults row 47
#[tokio::test]
async fn what_stood_behind_goes_on_by_itself_once_an_operator_has_acted() {
    let world = World::start().await;
    let (signup, order, back) = undecided(&world).await;
    until(&world, &back, State::Blocked).await;
    let resolve = Change::Resolve { delivery: signup.id, verdict: Verdict::Recorded, reason: "seen there".into() };
    world.store.ledger.change(resolve, world.clock.now()).await.unwrap();
    world.engine.wake();
    for id in [&order, &back] {
        let row = world.to_the_end(id).await;
        assert_eq!(row.state, "recorded", "{row:?}");
    }
    assert_eq!((world.lane().await.waiting, world.lane().await.stuck), (0, 0));
}

// field-faults row 47
#[tokio::test]
async fn a_refund_behind_a_sale_that_is_blocked_does_not_say_that_it_goes_on_by_itself() {
    let world = World::start().await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let back = world.event("u_1", refund("r_1001", "o_1001", 230, "EUR")).await;
    until(&world, &order, State::Blocked).await;
    until(&world, &back, State::Blocked).await;
    assert_eq!((world.lane().await.waiting, world.lane().await.stuck), (0, 2));
    let signup = world.signup("u_1").await;
    until(&world, &order, State::Waiting).await;
    until(&world, &back, State::Waiting).await;
    assert_eq!(world.lane().await.stuck, 0, "all of them go on again");
    world.until_state(&signup, State::Unverified).await;
    world.advance(SETTLING_MS).await;
    world.until_state(&order, State::Recorded).await;
    world.until_state(&back, State::Recorded).await;
}

const HOUR_MS: i64 = 60 * 60 * 1000;

// field-faults row 48
#[tokio::test]
async fn a_vendor_that_is_back_before_its_hint_opens_its_lane_by_itself() {
    let world = World::start().await;
    let fault = json!({ "vendor": "partnerstack", "kind": "status", "status": 503, "retry_after_s": 3600 });
    world.control("POST", "faults", &fault).await;
    let id = world.signup("u_1").await;
    world.until(&id, |row| !row.tries.is_empty() && row.tries[0].outcome.is_some()).await;
    let lane = world.lane().await;
    assert_eq!((lane.state.as_str(), lane.waiting), ("down", 1));
    assert!(lane.reason.unwrap().contains("503"));
    let told = told(&world, &id).await;
    assert!(told.contains("Waiting: Nothing is sent to PartnerStack now, because the vendor answers 503"), "{told}");
    world.advance(5 * 60_000).await;
    world.looked().await;
    assert_eq!(world.lane().await.state, "down", "it is probed, and still down");
    world.control("DELETE", "faults", &Value::Null).await;
    world.advance(5 * 60_000).await;
    world.until_state(&id, State::Unverified).await;
    assert_eq!(world.lane().await.state, "open");
    assert_eq!(world.row(&id).await.attempts, 1, "what was not processed counts for nothing");
}

// field-faults row 48
#[tokio::test]
async fn a_lane_that_an_operator_opens_sends_what_was_put_off_at_once() {
    let world = World::start().await;
    let fault = json!({ "vendor": "partnerstack", "kind": "status", "status": 429, "retry_after_s": 3600, "times": 1 });
    world.control("POST", "faults", &fault).await;
    let id = world.signup("u_1").await;
    world.until(&id, |row| !row.tries.is_empty() && row.tries[0].outcome.is_some()).await;
    assert_eq!(world.lane().await.state, "throttled");
    world.advance(HOUR_MS / 2).await;
    world.looked().await;
    assert_eq!(world.row(&id).await.tries.len(), 1, "429 is believed to its end");
    let key = trailmark_proxy::store::delivery::LaneKey {
        site: world.row(&id).await.site,
        program: world.row(&id).await.program,
    };
    let (limits, now) = (trailmark_proxy::lanes::Limits::default(), world.clock.now());
    let open = Box::new(move |lane| trailmark_proxy::lanes::opened(lane, &limits, now));
    trailmark_proxy::store::delivery::DeliveryStore::change_lane(&*world.store.ledger, key, open).await.unwrap();
    world.engine.wake();
    world.until_state(&id, State::Unverified).await;
    assert_eq!(world.lane().await.state, "open");
}

// field-faults row 46
#[tokio::test]
async fn a_commission_that_the_vendor_does_not_tell_says_what_was_asked_and_answered() {
    let town = Town::open().await;
    let fault = json!({"vendor": "partnerstack", "path_contains": "rewards", "kind": "status", "status": 404});
    town.control("POST", "faults", &fault).await;
    let id = town.signup(1, "u_1").await;
    let mut seen = None;
    for _ in 0..3 {
        let row = town.until(&id, |row| row.commission_asked_at.is_some() && row.commission_asked_at != seen).await;
        seen = row.commission_asked_at;
        town.proxy.clock.advance(HOUR_MS);
    }
    let text = explain(&town.detail(&id).await, &[]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("The commission is not known. PartnerStack was asked"), "{text}");
    assert!(text.contains("GET /v2/rewards: HTTP 404") && !text.contains("not been asked"), "{text}");
}
