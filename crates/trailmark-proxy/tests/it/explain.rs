//! `explain` tells what the record has, and nothing else: one check of whole texts.

use insta::assert_snapshot;
use serde_json::{Value, json};
use trailmark_proxy::explain::explain;
use trailmark_proxy::store::operator::{ConversionDetail, LaneRow};

/// The operator's listener's record with some changed members.
fn told(change: impl FnOnce(&mut Value)) -> String {
    let mut detail = record();
    change(&mut detail);
    explain(&read(detail), &[])
}

/// The record with its conversion's standings, which the ledger derives from the same rows.
fn read(mut detail: Value) -> ConversionDetail {
    let standings = detail["deliveries"].as_array().unwrap().iter().map(|delivery| {
        json!({
            "delivery": delivery["id"], "program": delivery["program"], "vendor": delivery["vendor"],
            "state": delivery["state"], "reason": delivery["reason"], "due_at": delivery["due_at"],
            "commission": delivery.get("commission").unwrap_or(&json!("unknown")),
            "commission_reason": delivery.get("commission_reason"), "follows": delivery.get("follows"),
            "paused_by": delivery.get("paused_by"), "remedy": delivery.get("remedy").unwrap_or(&json!("retry")),
        })
    });
    detail["conversion"]["standings"] = standings.collect();
    serde_json::from_value(detail).unwrap()
}

fn record() -> Value {
    json!({
        "conversion": {
            "id": "019aa5a0-6f70-7000-8000-000000000001", "site": "acme", "kind": "signup", "external_id": "u_1",
            "status": "accepted", "code": null, "assurance": "bound", "programs": ["main"],
            "partners": ["ada"], "customer": "u_1",
            "deliveries": ["recorded"], "received_at": "2026-11-21T08:31:02.250Z",
        },
        "occurred_at": "2026-11-21T08:31:02Z",
        "visitor": "AAAAAAAAAAAAAAAAAAAAAA",
        "decision": {
            "rules_version": 1, "credit": "one", "conversion_at": 1_795_249_862_000_i64,
            "considered": [
                {
                    "touch": { "id": "019aa5a0-0000-7000-8000-00000000000a", "program": "main", "partner": "ada",
                               "at": 1_795_249_800_000_i64, "expires_at": 1_803_025_800_000_i64 },
                    "verdict": "credited",
                },
                {
                    "touch": { "id": "019aa59f-0000-7000-8000-00000000000b", "program": "side",
                               "at": 1_795_163_400_000_i64, "expires_at": 1_802_939_400_000_i64 },
                    "verdict": "later_touch_in_other_program",
                },
            ],
        },
        "touches": [
            touch("019aa5a0-0000-7000-8000-00000000000a", "main", Some("ada"), "2026-11-21T08:30:00Z", "url"),
            touch("019aa59f-0000-7000-8000-00000000000b", "side", None, "2026-11-20T08:30:00Z", "cookie"),
        ],
        "deliveries": [{
            "id": "019aa5a0-6f71-7000-8000-000000000002", "site": "acme",
            "conversion": "019aa5a0-6f70-7000-8000-000000000001", "kind": "signup", "external_id": "u_1",
            "program": "main", "vendor": "partnerstack", "state": "recorded", "reason": null, "attempts": 2,
            "generation": 1, "due_at": null, "reference": "cus_9",
            "tries": [
                attempt(1, "send", "POST conversion/xid", "2026-11-21T08:31:02.300Z", "unknown", None,
                        "the connection broke before an answer"),
                attempt(2, "look_up", "GET customer", "2026-11-21T08:46:02Z", "found", Some(200), ""),
            ],
        }],
    })
}

fn touch(id: &str, program: &str, partner: Option<&str>, at: &str, source: &str) -> Value {
    json!({
        "id": id, "site": "acme", "program": program, "visitor": "AAAAAAAAAAAAAAAAAAAAAA", "partner": partner,
        "click_id": "gs_1", "source": source, "landing_url": "https://www.example.com/pricing?ps_xid=gs_1",
        "at": at, "expires_at": "2027-02-19T08:30:00Z",
    })
}

fn attempt(
    number: u32,
    purpose: &str,
    request: &str,
    at: &str,
    outcome: &str,
    status: Option<u16>,
    text: &str,
) -> Value {
    json!({
        "number": number, "generation": 1, "purpose": purpose, "request": request, "started_at": at,
        "duration_ms": 41, "http_status": status, "outcome": outcome, "message": text,
    })
}

#[test]
fn the_way_from_the_link_to_the_vendors_answer_is_told() {
    assert_snapshot!(told(|_| {}), @r"
    Recorded: PartnerStack has it but shows no commission for it yet.
    Signup of customer u_1 at site acme, status accepted.
    Credited: ada (main).
    Conversion 019aa5a0-6f70-7000-8000-000000000001.

    The way here
    2026-11-20T08:30:00Z  Touch in program side, partner known only to the vendor,
                          click id gs_1. Not credited: program main has a later
                          touch, and this site credits one program. It was in the
                          vendor's own cookie on
                          https://www.example.com/pricing?ps_xid=gs_1
    2026-11-21T08:30:00Z  Touch in program main, partner ada, click id gs_1.
                          Credited: the latest valid touch of all programs; it
                          counts until 2027-02-19T08:30:00Z. It was in the landing
                          URL https://www.example.com/pricing?ps_xid=gs_1

    The conversion
    2026-11-21T08:31:02Z  Signup of customer u_1.
    2026-11-21T08:31:02Z  The page reported it, signed with the key of the browser
                          that followed the link. Its status is accepted: recorded,
                          with a delivery to each program that it is attributed to.

    The delivery to PartnerStack, program main
    Delivery 019aa5a0-6f71-7000-8000-000000000002.
    2026-11-21T08:31:02Z  Attempt 1, POST conversion/xid: it is not known whether
                          PartnerStack processed it (after 41 ms). Message: the
                          connection broke before an answer
    2026-11-21T08:46:02Z  Look-up, GET customer: PartnerStack has it, as it was
                          sent (HTTP 200 after 41 ms).
    It is recorded as cus_9: PartnerStack has it, and nothing is left to do.
    The commission is not known: PartnerStack has not been asked about it yet.
    ");
}

#[test]
fn a_conversion_that_nobody_is_credited_for_says_why() {
    let text = told(|detail| {
        detail["conversion"]["status"] = json!("unattributed");
        detail["conversion"]["code"] = json!("touch_expired");
        detail["conversion"]["programs"] = json!([]);
        detail["conversion"]["partners"] = json!([]);
        detail["decision"]["considered"].as_array_mut().unwrap().truncate(1);
        detail["decision"]["considered"][0]["verdict"] = json!("expired");
        detail["touches"].as_array_mut().unwrap().truncate(1);
        detail["deliveries"] = json!([]);
    });
    assert_snapshot!(text, @r"
    Not paid: Every partner's link was followed too long ago: its window had ended.
    The last touch known for it: ada, 2026-11-21T08:30:00Z, good for 90 days
    (`window_days`), until 2027-02-19T08:30:00Z. Nothing is due.
    Signup of customer u_1 at site acme, status unattributed.
    Credited: nobody.
    Conversion 019aa5a0-6f70-7000-8000-000000000001.

    The way here
    2026-11-21T08:30:00Z  Touch in program main, partner ada, click id gs_1. Not
                          credited: its window ended at 2027-02-19T08:30:00Z. It
                          was in the landing URL
                          https://www.example.com/pricing?ps_xid=gs_1

    The conversion
    2026-11-21T08:31:02Z  Signup of customer u_1.
    2026-11-21T08:31:02Z  The page reported it, signed with the key of the browser
                          that followed the link. Its status is unattributed
                          (touch_expired): recorded; no touch is credited, so
                          nothing is sent.
    ");
}

#[test]
fn each_state_says_what_comes_next() {
    let next = |state: &str, due: Option<&str>| {
        let text = told(|detail| {
            detail["deliveries"][0]["state"] = json!(state);
            detail["deliveries"][0]["reason"] = json!("unknown field `xid`");
            detail["deliveries"][0]["due_at"] = json!(due);
            detail["deliveries"][0]["tries"] = json!([]);
        });
        let end =
            text.split(if due.is_some() { "Nothing was sent yet.\n" } else { "Nothing was sent.\n" }).nth(1).unwrap();
        format!("{state}: {}", end.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let due = Some("2026-11-21T09:00:00Z");
    let told = [
        next("due", due),
        next("unverified", due),
        next("uncertain", due),
        next("uncertain", None),
        next("conflict", None),
        next("rejected", None),
        next("dead", None),
        next("blocked", None),
        next("waiting", None),
        next("dropped", None),
        next("ignored", None),
        next("not_needed", None),
    ];
    assert_snapshot!(told.join("\n"), @r"
    due: It is due: unknown field `xid`. The next attempt comes at 2026-11-21T09:00:00Z.
    unverified: PartnerStack accepted it: unknown field `xid`. It is read back at 2026-11-21T09:00:00Z.
    uncertain: Whether PartnerStack has it is uncertain: unknown field `xid`. Trailmark asks PartnerStack at 2026-11-21T09:00:00Z, before it sends anything again.
    uncertain: Whether PartnerStack has it is uncertain: unknown field `xid`. Check there, then run `trailmark outbox resolve 019aa5a0-6f71-7000-8000-000000000002 --as recorded|rejected --reason …`.
    conflict: What PartnerStack has differs from what was sent: unknown field `xid`. Compare at PartnerStack, then run `trailmark outbox resolve 019aa5a0-6f71-7000-8000-000000000002 --as recorded|rejected --reason …`. `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002` sends nothing that could count twice: where it could, Trailmark asks PartnerStack first, or says that this needs `--accept-double`.
    rejected: It was rejected: unknown field `xid`. Fix the cause, then run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`.
    dead: It is a dead letter, kept: unknown field `xid`. Fix the cause, then run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`.
    blocked: It is blocked: unknown field `xid`.
    waiting: It waits: unknown field `xid`. It goes on automatically.
    dropped: An operator gave it up: unknown field `xid`.
    ignored: PartnerStack accepted it and credits nobody: unknown field `xid`. Look at PartnerStack for the cause: is the partner approved, does the program run, does PartnerStack know the click and the customer? Once the cause is gone, run `trailmark outbox retry 019aa5a0-6f71-7000-8000-000000000002`. If PartnerStack credits the partner after all, run `trailmark outbox resolve 019aa5a0-6f71-7000-8000-000000000002 --as recorded --reason …`; if nothing can be done, `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002 --reason …`.
    not_needed: Nothing is left to do at PartnerStack: unknown field `xid`.
    ");
}

#[test]
fn what_is_held_says_why_and_how_it_ended() {
    let text = told(|detail| {
        detail["conversion"]["kind"] = json!("sale");
        detail["conversion"]["external_id"] = json!("o_1");
        detail["conversion"]["status"] = json!("held");
        detail["conversion"]["code"] = json!("order_expired");
        detail["decision"]["considered"][0]["verdict"] = json!("inherited");
        detail["deliveries"] = json!([]);
        detail["changes"] = json!([{
            "change": "closed", "reason": null, "cause": "019aa5a0-6f70-7000-8000-000000000009", "status": "duplicate",
            "code": "closed_by_server", "changed_at": "2026-11-22T08:31:02Z",
        }]);
    });
    let end = text.split("The conversion\n").nth(1).unwrap();
    assert_snapshot!(end, @r"
    2026-11-21T08:31:02Z  Sale of order o_1, of customer u_1.
    2026-11-21T08:31:02Z  The page reported it, signed with the key of the browser
                          that followed the link. Its status is held
                          (order_expired): recorded; nothing was sent until it was
                          confirmed.
    2026-11-22T08:31:02Z  Closed: the site's backend reported the same key in
                          conversion 019aa5a0-6f70-7000-8000-000000000009. Its
                          status is duplicate (closed_by_server) since then.
    ");
}

/// The text without line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_follows_a_credited_signup_is_credited_with_it() {
    let text = words(&told(|detail| detail["decision"]["considered"][0]["verdict"] = json!("inherited")));
    assert!(
        text.contains("Credited: it is the partner of the customer's signup. Sales always follow the signup"),
        "{text}"
    );
}

#[test]
fn what_is_held_credits_nobody_yet_and_names_the_command() {
    let text = words(&told(|detail| {
        detail["conversion"]["status"] = json!("held");
        detail["conversion"]["code"] = json!("customer_unsigned");
        detail["deliveries"] = json!([]);
    }));
    for part in [
        "Credited: nobody yet; would be ada (main).",
        "It would be credited, the latest valid touch of all programs",
        "Not paid: It is held until a server or an operator confirms it. This site believes a page's customer only if",
        "Best: report the signup from the backend; this one then closes by itself.",
        "`trailmark conversions release 019aa5a0-6f70-7000-8000-000000000001 --reason …`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_refund_that_waits_for_its_sale_asks_nothing_of_an_operator() {
    let text = words(&told(|detail| {
        detail["conversion"]["kind"] = json!("refund");
        detail["conversion"]["external_id"] = json!("r_1");
        detail["conversion"]["refund_of"] = json!("o_1");
        detail["conversion"]["amount"] = json!({ "amount_minor": 1000, "currency": "EUR" });
        detail["conversion"]["status"] = json!("held");
        detail["conversion"]["code"] = json!("sale_unknown");
    }));
    assert!(text.contains("Refund r_1 of sale o_1, 10.00 EUR, of customer u_1 at site acme, status held."), "{text}");
    assert!(text.contains("The refund is applied when it is.") && !text.contains("confirms"), "{text}");
}

#[test]
fn a_duplicate_says_whose_the_key_is_and_credits_nobody() {
    let text = words(&told(|detail| {
        let mut holder = detail["conversion"].clone();
        holder["id"] = json!("019aa59f-6f70-7000-8000-000000000005");
        holder["partners"] = json!(["grace"]);
        holder["received_at"] = json!("2026-11-20T16:14:18Z");
        detail["holder"] = holder;
        detail["conversion"]["status"] = json!("duplicate");
        detail["deliveries"] = json!([]);
    }));
    let other = "conversion 019aa59f-6f70-7000-8000-000000000005 of 2026-11-20T16:14:18Z, attributed to grace (main),";
    for part in [
        "Credited: nobody, another conversion has this key.".to_owned(),
        format!("Not credited: it would be the latest valid touch of all programs, but {other} already has this key."),
        format!("Its status is duplicate: {other} already has this key; nothing is sent."),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
}

#[test]
fn what_was_refused_for_good_is_reported_again_only_where_its_key_is_free() {
    let cure = |remedy: &str| {
        words(&told(|detail| {
            detail["conversion"]["status"] = json!("rejected");
            detail["deliveries"][0]["state"] = json!("rejected");
            detail["deliveries"][0]["remedy"] = json!(remedy);
        }))
    };
    let again = "To correct the report: send it again, corrected, with the same `visitor` or `click_token` and a new \
                 Idempotency-Key; then run `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002 --reason …`.";
    let vendor = "If the cause lay at PartnerStack, remove it there and run `trailmark outbox retry";
    let (report, either, retry) = (cure("report"), cure("either"), cure("retry"));
    assert_eq!(report.matches(again).count(), 2, "the first line says the same as the delivery: {report}");
    assert!(!report.contains("outbox retry"), "it would be refused again: {report}");
    assert!(either.contains(again) && either.contains(vendor), "{either}");
    assert!(!retry.contains("send it again") && retry.contains("Fix the cause, then run"), "{retry}");
}

#[test]
fn a_delivery_whose_key_went_to_another_can_only_be_dropped() {
    let text = words(&told(|detail| {
        let mut holder = detail["conversion"].clone();
        holder["id"] = json!("019aa5a1-6f70-7000-8000-000000000005");
        detail["holder"] = holder;
        detail["conversion"]["status"] = json!("rejected");
        detail["conversion"]["key_owner"] = json!("019aa5a1-6f70-7000-8000-000000000005");
        detail["deliveries"][0]["state"] = json!("rejected");
    }));
    let cure = "Conversion 019aa5a1-6f70-7000-8000-000000000005 now has its key, so it cannot be sent again. Run \
                `trailmark outbox drop 019aa5a0-6f71-7000-8000-000000000002";
    assert!(text.contains(cure) && !text.contains("outbox retry"), "{text}");
    assert!(text.contains("Credited: nobody; would have been ada (main)."), "{text}");
}

#[test]
fn a_lane_that_stands_still_is_named_in_place_of_a_time_that_nothing_comes_at() {
    let lane = |program: &str, state: &str| {
        serde_json::from_value(json!({
            "site": "acme", "program": program, "state": state, "reason": "the vendor refuses the credential",
            "next_at": "2026-11-21T16:22:00Z", "waiting": 3,
        }))
        .unwrap()
    };
    let told = |lanes: &[LaneRow]| {
        let mut detail = record();
        detail["deliveries"][0]["state"] = json!("due");
        detail["deliveries"][0]["due_at"] = json!("2026-11-21T09:00:00Z");
        words(&explain(&read(detail), lanes))
    };
    for state in ["throttled", "down", "broken"] {
        let text = told(&[lane("side", "open"), lane("main", state)]);
        let still = format!(
            "It is due. But lane acme/main is {state}: the vendor refuses the credential; the next try comes at \
             2026-11-21T16:22:00Z."
        );
        assert!(text.contains(&still) && !text.contains("09:00:00"), "{text}");
    }
    // field-faults row 44: a refused credential affects only deliveries that need it.
    for lanes in [[lane("side", "paused"), lane("main", "open")], [lane("side", "open"), lane("main", "paused")]] {
        let text = told(&lanes);
        assert!(text.contains("It is due. The next attempt comes at 2026-11-21T09:00:00Z."), "{text}");
    }
}

// field-faults row 44
#[test]
fn what_waits_for_a_refused_credential_names_its_setting_and_the_cure() {
    let text = words(&told(|detail| {
        detail["deliveries"][0]["state"] = json!("due");
        detail["deliveries"][0]["reason"] = json!("status 401: invalid credentials");
        detail["deliveries"][0]["due_at"] = json!("2026-11-21T09:00:00Z");
        detail["deliveries"][0]["paused_by"] = json!("tracking_token");
    }));
    let expected = "It waits: PartnerStack refuses `tracking_token`: status 401: invalid credentials. Correct it in the program's \
                    configuration or at PartnerStack; this then goes on automatically.";
    assert!(text.contains(expected), "{text}");
}

// field-faults row 13
#[test]
fn what_was_not_sent_as_it_was_reported_is_told() {
    let text = words(&told(|detail| {
        let note = json!({ "field": "data.plan", "reason": "cut to 100 characters, the most that PartnerStack takes" });
        detail["deliveries"][0]["notes"] = json!([note]);
    }));
    let expected = "Not everything was sent to PartnerStack: `data.plan` was cut to 100 characters, the most that PartnerStack takes.";
    assert!(text.contains(expected), "{text}");
}

// field-faults row 43
#[test]
fn what_is_ignored_and_read_back_says_so_and_names_the_command() {
    let text = words(&told(|detail| {
        detail["deliveries"][0]["state"] = json!("ignored");
        detail["deliveries"][0]["due_at"] = json!("2026-11-21T09:00:00Z");
    }));
    for part in ["It is read back at 2026-11-21T09:00:00Z", "for a week", "nothing is sent meanwhile", "outbox resolve"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_reference_that_led_nowhere_is_not_said_to_be_a_visitor_without_a_partner() {
    let without_touch = |code: &str| {
        told(|detail| {
            detail["conversion"]["status"] = json!("unattributed");
            detail["conversion"]["code"] = json!(code);
            detail["decision"]["considered"] = json!([]);
            detail["touches"] = json!([]);
            detail["deliveries"] = json!([]);
        })
    };
    for code in ["visitor_invalid", "visitor_expired", "token_invalid", "token_expired", "reference_unknown"] {
        let text = words(&without_touch(code));
        assert!(
            text.contains(&format!("No touch could be looked up ({code})."))
                && !text.contains("no partner's link led here"),
            "{code}: {text}"
        );
    }
    let text = words(&without_touch("signup_rejected"));
    assert!(text.contains("It would follow the customer's signup, which was rejected"), "{text}");
    assert!(text.contains("`trailmark conversions list --customer u_1` finds it"), "{text}");
    for code in ["signup_rejected", "customer_unknown"] {
        assert!(!words(&without_touch(code)).contains("link led here"), "{code}");
    }
    let refund = words(&told(|detail| {
        detail["conversion"]["kind"] = json!("refund");
        detail["conversion"]["status"] = json!("held");
        detail["conversion"]["code"] = json!("sale_unknown");
        detail["touches"] = json!([]);
        detail["deliveries"] = json!([]);
    }));
    assert!(refund.contains("a refund follows its sale") && !refund.contains("link led here"), "{refund}");
    assert!(without_touch("no_touch").contains("no partner's link led here"));
}

#[test]
fn what_the_merchant_signed_is_said_with_its_key() {
    let text = words(&told(|detail| {
        detail["conversion"]["kind"] = json!("sale");
        detail["conversion"]["external_id"] = json!("o_1001");
        detail["conversion"]["amount"] = json!({ "amount_minor": 4900, "currency": "EUR" });
        detail["signed"] = json!([{ "what": "order", "kid": "shop" }]);
    }));
    assert!(text.contains("Sale of order o_1001, 49.00 EUR, of customer u_1 at site acme"), "{text}");
    assert!(
        text.contains("of the browser that followed the link. The merchant signed the order (key shop). Its status"),
        "{text}"
    );
}

#[test]
fn a_message_of_a_vendor_moves_no_cursor() {
    let text = told(|detail| detail["deliveries"][0]["tries"][0]["message"] = json!("a\u{1b}[2Jb\nc"));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!text.contains('\u{1b}') && words.contains("a [2Jb c"), "{text}");
}

#[test]
fn a_decision_of_other_rules_is_said_to_be_one() {
    let text = told(|detail| detail["decision"] = json!({ "rules_version": 9, "weights": [1, 2] }));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("made by rules that this version"), "{text}");
}

#[test]
fn each_verdict_says_why_a_touch_was_not_credited() {
    let why = |verdict: &str| {
        let text = told(|detail| detail["decision"]["considered"][1]["verdict"] = json!(verdict));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let from = words.find("Not credited").unwrap();
        let to = words.find("It was in the vendor's own cookie").unwrap();
        format!("{verdict}: {}", words[from..to].trim())
    };
    let told = [
        "expired",
        "after_conversion",
        "lacks_click",
        "later_touch_in_program",
        "later_touch_in_other_program",
        "program_unknown",
    ];
    assert_snapshot!(told.map(why).join("\n"), @r"
    expired: Not credited: its window ended at 2027-02-19T08:30:00Z.
    after_conversion: Not credited: it came after the conversion.
    lacks_click: Not credited: it has no click id; its vendor credits a new customer by it alone, and another touch has what its own vendor needs.
    later_touch_in_program: Not credited: the same program has a later touch.
    later_touch_in_other_program: Not credited: program main has a later touch, and this site credits one program.
    program_unknown: Not credited: its program was no longer configured.
    ");
}

// field-faults § 2
#[test]
fn a_touch_whose_link_names_no_partner_says_why_and_that_it_is_passed_over() {
    let text = told(|detail| {
        let mut row = touch("019aa5a0-0000-7000-8000-00000000000c", "main", None, "2026-11-21T08:30:30Z", "url");
        row["click_id"] = json!(null);
        row["unusable"] = json!("characters");
        row["landing_url"] = json!("https://www.example.com/?ps_partner_key=a%20b");
        detail["touches"].as_array_mut().unwrap().push(row);
        let seen = json!({
            "touch": { "id": "019aa5a0-0000-7000-8000-00000000000c", "program": "main", "at": 1_795_249_830_000_i64,
                       "expires_at": 1_803_025_830_000_i64, "unusable": "characters" },
            "verdict": "unusable",
        });
        detail["decision"]["considered"].as_array_mut().unwrap().insert(0, seen);
    });
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = "Touch in program main; its link names no partner: its key has characters that no vendor uses. Not \
                credited: it is unusable, so it displaces no other touch. It was in the landing URL \
                https://www.example.com/?ps_partner_key=a%20b";
    assert!(words.contains(told), "{text}");
}
