//! The commands of Introw over real HTTP, in both dialects, and its refusals. `endpoints` plays the rows.
//!
//! Seed 003 is the list of partners and the vendor's own page, so the guide's own account has that call alone; what a
//! program in dialect `guide` sends beyond it goes to the vendor's other calls, which are those of `current`.
//!
//! Sources: seed 003; vendors-2.md § 2.

use trailmark_simulator::INTROW_API_KEY;
use trailmark_vendors::Dialect;

use super::endpoints::{Place, Refused, Row, Stage, all_commands_are_sent_as_written, all_refusals_name_the_cure};

pub(crate) fn place(dialect: Dialect) -> Place {
    Place {
        vendor: "introw",
        dialect,
        account: "introw",
        settings: "api_key = \"env:API_KEY\"\nbase_url = \"ROOT/introw\"\n",
        secrets: &[("API_KEY", INTROW_API_KEY)],
        headers: &["accept", "x-api-key"],
    }
}

fn seed() -> Place {
    let settings = "api_key = \"env:API_KEY\"\nbase_url = \"ROOT/introw-guide\"\n";
    Place { account: "introw-guide", settings, ..place(Dialect::Guide) }
}

const LISTED: Row = (
    "partners list --page-size 50 --limit 51",
    "GET /api/v1/partners?limit=50
     GET /api/v1/partners?cursor=cGFydG5lcnM6NDk&limit=50",
    "ptn_",
);

const COMMANDS: &[Row] = &[
    LISTED,
    (
        "partner = partners add --name Acme_Partners --domain acme.example --tier tier_gold --phase phase_live \
         --owner usr_ines --experience-template tpl_standard --portal-access RESTRICTED_USERS",
        r#"POST /api/v1/partners {"name":"Acme_Partners","domain":"acme.example","tierId":"tier_gold",
           "phaseId":"phase_live","partnerOwnerId":"usr_ines","experienceTemplateId":"tpl_standard",
           "portalAccess":"RESTRICTED_USERS"}"#,
        r#""created""#,
    ),
    ("partners get {partner}", "GET /api/v1/partners/{partner}", "acme.example"),
    (
        "partners update {partner} --name Acme_Two --clear-domain",
        r#"PATCH /api/v1/partners/{partner} {"name":"Acme_Two","domain":null}"#,
        "Acme_Two",
    ),
    (r#"click = control introw/clicks {"link":"alder-advisory"}"#, "", ""),
    (
        "conversions add --click-id {click} --email jane@x.example --property fld_customer=u_1 \
         --publishable-key pk_aff_cmp_launch",
        r#"POST /api/v1/affiliate/conversions {"clickId":"{click}","email":"jane@x.example",
           "publishableKey":"pk_aff_cmp_launch","properties":{"fld_customer":"u_1"}}"#,
        "recorded",
    ),
    (
        "line = commissions add --partner {partner} --amount-minor 2900 --currency EUR --idempotency-key order_1 \
         --source-amount-minor 14500 --description order_1",
        r#"POST /api/v1/commission-lines {"partnerId":"{partner}","idempotencyKey":"order_1","description":"order_1",
           "currency":"EUR","amount":"29.00","sourceAmount":"145.00"}"#,
        r#""created""#,
    ),
    (
        "commissions add --partner {partner} --amount-minor 2900 --currency EUR --idempotency-key order_1",
        r#"POST /api/v1/commission-lines {"partnerId":"{partner}","idempotencyKey":"order_1","currency":"EUR",
           "amount":"29.00"}"#,
        "existed",
    ),
    ("commissions get {line}", "GET /api/v1/commission-lines/{line}", "29.00 EUR"),
    (
        "commissions list --partner {partner} --status PENDING --json",
        "GET /api/v1/commission-lines?limit=100&partnerId={partner}&status=PENDING",
        "{line}",
    ),
    (
        "commissions update {line} --amount-minor 1234 --currency EUR --note checked",
        r#"PATCH /api/v1/commission-lines/{line} {"note":"checked","currency":"EUR","amount":"12.34"}"#,
        "12.34 EUR",
    ),
    ("commissions update {line} --clear-note", r#"PATCH /api/v1/commission-lines/{line} {"note":null}"#, "12.34 EUR"),
    (r#"payout = control introw/payouts {"partner_id":"{partner}","currency":"EUR"}"#, "", ""),
    ("commissions list --payout {payout} --json", "GET /api/v1/commission-lines?limit=100&payoutId={payout}", "{line}"),
    ("payouts list --stage DRAFT --json", "GET /api/v1/payouts?limit=100&stage=DRAFT", "{payout}"),
    ("payouts get {payout}", "GET /api/v1/payouts/{payout}", "12.34 EUR"),
    (
        "payouts update {payout} --stage APPROVED --po-number PO-1",
        r#"PATCH /api/v1/payouts/{payout} {"stage":"APPROVED","poNumber":"PO-1"}"#,
        "PO-1",
    ),
    ("payouts update {payout} --clear-po-number", r#"PATCH /api/v1/payouts/{payout} {"poNumber":null}"#, "APPROVED"),
    ("commissions detach {line} --json", "POST /api/v1/commission-lines/{line}/detach", "{line}"),
    (r#"second = control introw/payouts {"partner_id":"{partner}","currency":"EUR"}"#, "", ""),
    // No document names the field of the reason (vendors-2.md § 6): both the operator and the double have to be told.
    (r#"control introw/settings {"decline_field":"reason"}"#, "", ""),
    (
        "commissions decline {line} --reason reason=DUPLICATE --yes",
        r#"POST /api/v1/commission-lines/{line}/decline {"reason":"DUPLICATE"}"#,
        "VOIDED",
    ),
    (
        "portal-sessions add --email manager@alder-advisory.example",
        r#"POST /api/v1/auth/session {"email":"manager@alder-advisory.example"}"#,
        "/introw/portal/",
    ),
];

const MADE: &[Row] = &[
    ("partner = partners add --name Acme_Partners", "", ""),
    ("line = commissions add --partner {partner} --amount-minor 2900 --currency EUR --idempotency-key order_1", "", ""),
    (r#"click = control introw/clicks {"link":"alder-advisory"}"#, "", ""),
    ("conversions add --click-id {click}", "", ""),
];

/// The statuses of seed 003, 404 and 402 of vendors-2.md § 2, and the answers of a conversion.
const REFUSED: &[Refused] = &[
    (r#"{"kind":"status","status":401,"times":1}"#, "partners list", 3, &["check the program's keys", "401"]),
    (
        r#"introw/settings {"scopes":["partners:read","commissions:read","affiliate:write","portal-sessions:write"]}"#,
        "partners add --name Acme_Two",
        3,
        &["the credential may not do this", "403", "the key needs the scope `partners:write`"],
    ),
    (
        "",
        "commissions update {line} --note x",
        3,
        &["the credential may not do this", "403", "the key needs the scope `commissions:write`"],
    ),
    (
        r#"introw/settings {"scopes":["partners:read","partners:write","commissions:read","commissions:write",
        "affiliate:write","portal-sessions:write"]}"#,
        "partners get ptn_nobody",
        3,
        &["404", "`trailmark partners list` shows the ids"],
    ),
    ("", "commissions get cln_nothing", 3, &["404", "`trailmark commissions list` shows the ids"]),
    ("", "commissions detach {line}", 3, &["422", "on no payout"]),
    ("", "partners update {partner} --tier tier_tin", 3, &["422", "tierId"]),
    ("", "conversions add --click-id {click}", 3, &["converted before", "check the existing one"]),
    ("", "conversions add --click-id unknown", 3, &["status 200", "ignore"]),
    ("", "portal-sessions add --email nobody@x.example", 3, &["401", "no access to the portal, or the key is refused"]),
    (
        r#"{"kind":"status","status":429,"retry_after_s":3600,"times":1}"#,
        "partners list",
        4,
        &["is limiting requests", "try again after 20"],
    ),
    (
        r#"introw/settings {"credits_per_month":0}"#,
        "partners list",
        4,
        &["402", "API credits are used up; the next ones come at"],
    ),
    (r#"introw/settings {"credits_per_month":null}"#, "partners get {partner}", 0, &[]),
    (
        r#"{"kind":"status","status":500,"times":1}"#,
        "partners update {partner} --name X",
        4,
        &["may or may not have made the change", "500", "check at the vendor before you repeat it"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn introw_gets_the_requests_of_its_documents_in_both_dialects() {
    for dialect in Dialect::ALL {
        all_commands_are_sent_as_written(place(dialect), COMMANDS, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn introw_gets_the_list_of_seed_003_in_the_guide() {
    let beyond = COMMANDS.iter().map(|(words, ..)| *words).collect::<Vec<_>>();
    let elsewhere: Vec<String> = beyond
        .iter()
        .map(|words| words.split_once(" = ").map_or(*words, |(_, words)| words))
        .map(|words| words.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    all_commands_are_sent_as_written(seed(), &[LISTED], &elsewhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn introws_refusals_name_the_cure() {
    for dialect in Dialect::ALL {
        all_refusals_name_the_cure(place(dialect), MADE, REFUSED).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_and_a_note_may_be_as_long_as_introw_takes_them() {
    let stage = Stage::at(place(Dialect::Current)).await;
    let id = |words: &str| stage.desk.run(words).json()["id"].as_str().unwrap().to_owned();
    let partner = id("partners add --name Acme_Partners --json");
    let add =
        format!("commissions add --partner {partner} --amount-minor 2900 --currency EUR --idempotency-key order_1");
    let longest = "x".repeat(2_000);
    let line = id(&format!("{add} --description {longest} --json"));
    stage.desk.run(&format!("commissions update {line} --note {longest}")).well();
    let refused = stage.desk.run(&format!("{add} --description {longest}x")).fails(2);
    let said = refused.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("--description: has 1 to 2000 characters"), "{said}");
}
