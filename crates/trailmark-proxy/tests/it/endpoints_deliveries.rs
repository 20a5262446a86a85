//! What deliveries, their look-ups and the probes of a credential send over real HTTP, for every vendor in both
//! dialects: the real ledger and engine, and the running simulator, whose log is compared with the lines of a table.
//! `endpoints` has the requests of the commands, `delivery_matrix_calls` says what a shop reports.
//!
//! Time begins in the year 2100 and moves by hand, so that the times in the lines are literal.

use serde_json::{Value, json};
use trailmark_proxy::clock::Clock;
use trailmark_proxy::store::operator::DeliveryRow;
use trailmark_vendors::Dialect;

use super::delivery_accounts::lane;
use super::delivery_matrix::{arm, to_the_end};
use super::delivery_matrix_calls::{SPEAKERS, Speaker, Told};
use super::delivery_world::World;
use super::endpoints::{TRANSPORT, line, lines, strange};

/// What is recorded before, what is reported, the fault, how it ends, and the requests that arrive, one a line.
///
/// * The fault is empty, or a kind or status with the method and a part of the path of the call that it hits once.
/// * The end is a state, or `STATE: PART` of its reason.
/// * A line that begins with no method goes on with the line before it. The path has the entrance without `-guide`.
/// * `{click}`, `{conversion}`, `{sold}` (the vendor's id of the sale), `{told}` (the vendor's id of this delivery),
///   `{item}` and `{partner}` stand for ids.
type Row = (&'static [Told], Told, &'static str, &'static str, &'static str);

/// The headers of every request, besides those that every client sends. One with a body also has `content-type`.
const HEADERS: [(&str, &[&str]); 11] = [
    ("partnerstack", &["accept", "authorization basic"]),
    ("partnerstack-guide", &["accept", "authorization basic"]),
    ("partnerlinks", &["accept", "authorization bearer"]),
    ("partnerize", &["accept", "authorization basic"]),
    ("partnerize-guide", &["accept", "x-application-key", "x-user-api-key"]),
    ("prf", &["accept"]),
    ("prf-guide", &["accept"]),
    ("introw", &["accept", "x-api-key"]),
    ("introw-guide", &["accept", "x-api-key"]),
    ("partnero", &["accept", "authorization bearer"]),
    ("partnero-guide", &["accept", "authorization bearer"]),
];

/// 2100-01-01T00:00:00Z: the first conversion of a row is reported. The next ones follow an hour apart.
const BEGIN_MS: i64 = 4_102_444_800_000;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// The keys of the shop, which some vendors give back as theirs.
const OURS: [&str; 2] = ["o_1001", "r_2001"];

/// vendors.md § 1. The tracking host has no harmless call, so nothing probes its token.
const PARTNERSTACK: &[Row] = &[
    (
        &[],
        Told::Click,
        "",
        "recorded",
        r#"POST /partnerlinks/conversion/xid {"xid":"{click}","customer_key":"u_1","email":"u_1@customers.example"}
           GET /partnerstack/api/v2/customers/u_1"#,
    ),
    (
        &[],
        Told::Click,
        "reset_after POST /conversion/xid",
        "recorded",
        r#"POST /partnerlinks/conversion/xid {"xid":"{click}","customer_key":"u_1","email":"u_1@customers.example"}
           GET /partnerstack/api/v2/customers/u_1"#,
    ),
    (
        &[],
        Told::Signup,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}"#,
    ),
    (
        &[],
        Told::Signup,
        "reset_after POST /customers",
        "recorded",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}
           GET /partnerstack/api/v2/customers/u_1"#,
    ),
    (
        &[],
        Told::Signup,
        "403 POST /customers",
        "rejected: status 403",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}
           GET /partnerstack/api/v2/partnerships?limit=1"#,
    ),
    (
        &[],
        Told::Signup,
        "401 POST /customers",
        "recorded",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}
           GET /partnerstack/api/v2/partnerships?limit=1
           POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}"#,
    ),
    (
        &[Told::Signup],
        Told::Lead,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/actions {"type":"lead","value":1,"target_type":"customer","target_key":"u_1"}"#,
    ),
    (
        &[Told::Signup],
        Told::Sale,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/transactions {"customer_external_key":"u_1","key":"o_1001","amount":1230,
           "currency":"EUR","created_at":4102448400000}"#,
    ),
    (
        &[Told::Signup],
        Told::Sale,
        "reset_after POST /transactions",
        "recorded",
        r#"POST /partnerstack/api/v2/transactions {"customer_external_key":"u_1","key":"o_1001","amount":1230,
           "currency":"EUR","created_at":4102448400000}
           GET /partnerstack/api/v2/transactions?limit=100&min_created=4102448399999"#,
    ),
    (&[Told::Signup, Told::Sale], Told::RefundWhole, "", "recorded", "DELETE /partnerstack/api/v2/transactions/o_1001"),
    (
        &[Told::Signup, Told::Sale],
        Told::RefundWhole,
        "reset_after DELETE /transactions",
        "recorded",
        "DELETE /partnerstack/api/v2/transactions/o_1001
         DELETE /partnerstack/api/v2/transactions/o_1001
         GET /partnerstack/api/v2/transactions?limit=100&min_created=4102362000000",
    ),
    (
        &[Told::Signup, Told::Sale],
        Told::RefundPart,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/transactions {"customer_external_key":"u_1","key":"r_2001","amount":-230,
           "currency":"EUR","created_at":4102452000000}"#,
    ),
];

/// Seed 000. A transaction there has no key of ours, so one whose answer is lost is for a person.
const PARTNERSTACK_OF_THE_GUIDE: &[Row] = &[
    (
        &[],
        Told::Click,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}"#,
    ),
    (
        &[],
        Told::Signup,
        "reset_after POST /customers",
        "recorded",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}
           POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}
           GET /partnerstack/api/v2/customers/u_1"#,
    ),
    (
        &[],
        Told::Signup,
        "403 POST /customers",
        "rejected: status 403",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}
           GET /partnerstack/api/v2/partners?limit=1"#,
    ),
    (
        &[],
        Told::Signup,
        "401 POST /customers",
        "recorded",
        r#"POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}
           GET /partnerstack/api/v2/partners?limit=1
           POST /partnerstack/api/v2/customers {"customer_key":"u_1","email":"u_1@customers.example",
           "partner_key":"ada"}"#,
    ),
    (
        &[Told::Signup],
        Told::Lead,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/actions {"type":"lead","value":1,"target_type":"customer","target_key":"u_1"}"#,
    ),
    (
        &[Told::Signup],
        Told::Sale,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/transactions {"customer_key":"u_1","amount":1230,"currency":"eur"}"#,
    ),
    (
        &[Told::Signup],
        Told::Sale,
        "reset_after POST /transactions",
        "uncertain",
        r#"POST /partnerstack/api/v2/transactions {"customer_key":"u_1","amount":1230,"currency":"eur"}"#,
    ),
    (&[Told::Signup, Told::Sale], Told::RefundWhole, "", "recorded", "DELETE /partnerstack/api/v2/transactions/{sold}"),
    (
        &[Told::Signup, Told::Sale],
        Told::RefundWhole,
        "reset_after DELETE /transactions",
        "recorded",
        "DELETE /partnerstack/api/v2/transactions/{sold}
         DELETE /partnerstack/api/v2/transactions/{sold}
         GET /partnerstack/api/v2/transactions?limit=100&min_created=4102362000000",
    ),
    (
        &[Told::Signup, Told::Sale],
        Told::RefundPart,
        "",
        "recorded",
        r#"POST /partnerstack/api/v2/transactions {"customer_key":"u_1","amount":-230,"currency":"eur"}"#,
    ),
];

/// vendors-2.md §§ 1.1 to 1.3.
const PARTNERIZE: &[Row] = &[
    (
        &[],
        Told::Click,
        "",
        "recorded",
        "POST /prf/conversion/tracking_mode:api/campaign:10l176/clickref:{click}/conversionref:{conversion}/custref:u_1\
         /conversion_time:2100-01-01%2000%3A00%3A00/[category:signup/quantity:1]",
    ),
    (
        &[],
        Told::Click,
        "reset_after POST /tracking_mode:api",
        "recorded",
        "POST /prf/conversion/tracking_mode:api/campaign:10l176/clickref:{click}/conversionref:{conversion}/custref:u_1\
         /conversion_time:2100-01-01%2000%3A00%3A00/[category:signup/quantity:1]
         GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
         &include_payment_info=true&start_date=2099-12-31T00:00:00Z",
    ),
    (
        &[],
        Told::Lead,
        "",
        "recorded",
        "POST /prf/conversion/tracking_mode:api/campaign:10l176/clickref:{click}/conversionref:{conversion}/custref:u_1\
         /conversion_time:2100-01-01%2000%3A00%3A00/[category:lead/quantity:1]",
    ),
    (
        &[],
        Told::Sale,
        "",
        "recorded",
        "POST /prf/conversion/tracking_mode:api/campaign:10l176/clickref:{click}/conversionref:o_1001/currency:EUR\
         /custref:u_1/conversion_time:2100-01-01%2000%3A00%3A00/[category:sale/value:12.30/quantity:1]",
    ),
    (
        &[],
        Told::Sale,
        "reset_after POST /tracking_mode:api",
        "recorded",
        "POST /prf/conversion/tracking_mode:api/campaign:10l176/clickref:{click}/conversionref:o_1001/currency:EUR\
         /custref:u_1/conversion_time:2100-01-01%2000%3A00%3A00/[category:sale/value:12.30/quantity:1]
         GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
         &include_payment_info=true&start_date=2099-12-31T00:00:00Z",
    ),
    // The vendor never saw it: report and filter agree, and it is sent again.
    (
        &[],
        Told::Sale,
        "reset_before POST /tracking_mode:api",
        "recorded",
        r#"POST /prf/conversion/tracking_mode:api/campaign:10l176/clickref:{click}/conversionref:o_1001/currency:EUR
           /custref:u_1/conversion_time:2100-01-01%2000%3A00%3A00/[category:sale/value:12.30/quantity:1]
           GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
           &include_payment_info=true&start_date=2099-12-31T00:00:00Z
           POST /partnerize/v3/brand/analytics/conversions/filter {"date_time_ranges":[
           {"start":"2099-12-31T00:00:00+00:00","end":"2100-01-02T00:15:00+00:00"}],"scope":{"campaigns":["10l176"]},
           "group_by":["conversion_reference"],
           "filter_by":[{"field":"conversion_reference","value":"o_1001","operator":"EQUALS"}]}
           POST /prf/conversion/tracking_mode:api/campaign:10l176/clickref:{click}/conversionref:o_1001/currency:EUR
           /custref:u_1/conversion_time:2100-01-01%2000%3A00%3A00/[category:sale/value:12.30/quantity:1]"#,
    ),
    (
        &[Told::Sale],
        Told::RefundWhole,
        "",
        "recorded",
        r#"POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/v3/jobs/{told}
           GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
           &include_payment_info=true&start_date=2099-12-31T00:00:00Z"#,
    ),
    (
        &[Told::Sale],
        Told::RefundWhole,
        "reset_after POST /conversions/bulk",
        "recorded",
        r#"POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/v3/jobs/{told}
           GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
           &include_payment_info=true&start_date=2099-12-31T00:00:00Z"#,
    ),
    (
        &[Told::Sale],
        Told::RefundPart,
        "",
        "recorded",
        r#"GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
           &include_payment_info=true&start_date=2099-12-31T00:00:00Z
           POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversion_items":{"{item}":{"item_value":10.0,"force_commission_recalculation":true}}}
           GET /partnerize/v3/jobs/{told}
           GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
           &include_payment_info=true&start_date=2099-12-31T00:00:00Z"#,
    ),
];

/// vendors-2.md § 1.4: the quick start tests keys with the networks.
const PARTNERIZES_PROBE: &[Row] = &[
    (
        &[Told::Sale],
        Told::RefundWhole,
        "403 POST /conversions/bulk",
        "rejected: status 403",
        r#"POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/network"#,
    ),
    (
        &[Told::Sale],
        Told::RefundWhole,
        "401 POST /conversions/bulk",
        "recorded",
        r#"POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/network
           POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/v3/jobs/{told}
           GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
           &include_payment_info=true&start_date=2099-12-31T00:00:00Z"#,
    ),
];

/// Seed 001 has one's own user instead.
const PARTNERIZES_PROBE_OF_THE_GUIDE: &[Row] = &[
    (
        &[Told::Sale],
        Told::RefundWhole,
        "403 POST /conversions/bulk",
        "rejected: status 403",
        r#"POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/user/self"#,
    ),
    (
        &[Told::Sale],
        Told::RefundWhole,
        "401 POST /conversions/bulk",
        "recorded",
        r#"POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/user/self
           POST /partnerize/v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{sold}":{"status":"rejected","reason":"refunded"}}}
           GET /partnerize/v3/jobs/{told}
           GET /partnerize/reporting/report_advertiser/campaign/10l176/conversion.json?end_date=2100-01-02T00:00:00Z
           &include_payment_info=true&start_date=2099-12-31T00:00:00Z"#,
    ),
];

/// vendors-2.md § 2. No call reads a conversion: its repeat is answered by `duplicate`.
const INTROW: &[Row] = &[
    (
        &[],
        Told::Click,
        "",
        "recorded",
        r#"POST /introw/api/v1/affiliate/conversions {"clickId":"{click}","email":"u_1@customers.example"}"#,
    ),
    (
        &[],
        Told::Click,
        "reset_after POST /affiliate/conversions",
        "recorded",
        r#"POST /introw/api/v1/affiliate/conversions {"clickId":"{click}","email":"u_1@customers.example"}
           POST /introw/api/v1/affiliate/conversions {"clickId":"{click}","email":"u_1@customers.example"}"#,
    ),
    (
        &[],
        Told::Click,
        "403 POST /affiliate/conversions",
        "rejected: the key needs the scope `affiliate:write`",
        r#"POST /introw/api/v1/affiliate/conversions {"clickId":"{click}","email":"u_1@customers.example"}
           GET /introw/api/v1/partners?limit=1"#,
    ),
    (
        &[],
        Told::Click,
        "401 POST /affiliate/conversions",
        "recorded",
        r#"POST /introw/api/v1/affiliate/conversions {"clickId":"{click}","email":"u_1@customers.example"}
           GET /introw/api/v1/partners?limit=1
           POST /introw/api/v1/affiliate/conversions {"clickId":"{click}","email":"u_1@customers.example"}"#,
    ),
    (&[], Told::Lead, "", "recorded", r#"POST /introw/api/v1/affiliate/conversions {"clickId":"{click}"}"#),
    (
        &[],
        Told::Sale,
        "",
        "recorded",
        r#"POST /introw/api/v1/commission-lines {"partnerId":"{partner}","amount":"1.23","currency":"EUR",
           "description":"Order o_1001 (acme/main)","sourceAmount":"12.30","idempotencyKey":"acme/main/sale/o_1001"}"#,
    ),
    (
        &[],
        Told::Sale,
        "reset_after POST /commission-lines",
        "recorded",
        r#"POST /introw/api/v1/commission-lines {"partnerId":"{partner}","amount":"1.23","currency":"EUR",
           "description":"Order o_1001 (acme/main)","sourceAmount":"12.30","idempotencyKey":"acme/main/sale/o_1001"}
           GET /introw/api/v1/commission-lines?limit=100&partnerId={partner}"#,
    ),
    (
        &[Told::Sale],
        Told::RefundWhole,
        "",
        "recorded",
        r#"GET /introw/api/v1/commission-lines/{sold}
           POST /introw/api/v1/commission-lines {"partnerId":"{partner}","amount":"-1.23","currency":"EUR",
           "description":"Refund r_2001 of order o_1001 (acme/main)","sourceAmount":"-12.30",
           "idempotencyKey":"acme/main/refund/r_2001"}"#,
    ),
    (
        &[Told::Sale],
        Told::RefundWhole,
        "reset_after POST /commission-lines",
        "recorded",
        r#"GET /introw/api/v1/commission-lines/{sold}
           POST /introw/api/v1/commission-lines {"partnerId":"{partner}","amount":"-1.23","currency":"EUR",
           "description":"Refund r_2001 of order o_1001 (acme/main)","sourceAmount":"-12.30",
           "idempotencyKey":"acme/main/refund/r_2001"}
           GET /introw/api/v1/commission-lines/{sold}
           GET /introw/api/v1/commission-lines?limit=100&partnerId={partner}"#,
    ),
    (
        &[Told::Sale],
        Told::RefundPart,
        "",
        "recorded",
        r#"GET /introw/api/v1/commission-lines/{sold}
           POST /introw/api/v1/commission-lines {"partnerId":"{partner}","amount":"-0.23","currency":"EUR",
           "description":"Refund r_2001 of order o_1001 (acme/main)","sourceAmount":"-2.30",
           "idempotencyKey":"acme/main/refund/r_2001"}"#,
    ),
];

/// vendors-2.md § 3.
const PARTNERO: &[Row] = &[
    (
        &[],
        Told::Signup,
        "",
        "recorded",
        r#"POST /partnero/v1/customers {"key":"u_1","partner":{"key":"amiraito"},"email":"u_1@customers.example"}"#,
    ),
    (
        &[],
        Told::Signup,
        "reset_after POST /customers",
        "recorded",
        r#"POST /partnero/v1/customers {"key":"u_1","partner":{"key":"amiraito"},"email":"u_1@customers.example"}
           POST /partnero/v1/customers {"key":"u_1","partner":{"key":"amiraito"},"email":"u_1@customers.example"}
           GET /partnero/v1/customers/u_1
           GET /partnero/v1/partners/{partner}"#,
    ),
    (
        &[],
        Told::Signup,
        "403 POST /customers",
        "rejected: status 403",
        r#"POST /partnero/v1/customers {"key":"u_1","partner":{"key":"amiraito"},"email":"u_1@customers.example"}
           GET /partnero/v1/test"#,
    ),
    (
        &[],
        Told::Signup,
        "401 POST /customers",
        "recorded",
        r#"POST /partnero/v1/customers {"key":"u_1","partner":{"key":"amiraito"},"email":"u_1@customers.example"}
           GET /partnero/v1/test
           POST /partnero/v1/customers {"key":"u_1","partner":{"key":"amiraito"},"email":"u_1@customers.example"}"#,
    ),
    (&[], Told::Lead, "", "unsupported", ""),
    (
        &[Told::Signup],
        Told::Sale,
        "",
        "recorded",
        r#"POST /partnero/v1/transactions {"customer":{"key":"u_1"},"key":"o_1001","amount":12.3,
           "amount_units":"EUR","created_at":4102448400,"action":"sale"}"#,
    ),
    (
        &[Told::Signup],
        Told::Sale,
        "reset_after POST /transactions",
        "recorded",
        r#"POST /partnero/v1/transactions {"customer":{"key":"u_1"},"key":"o_1001","amount":12.3,
           "amount_units":"EUR","created_at":4102448400,"action":"sale"}
           GET /partnero/v1/transactions?key=o_1001&limit=100&page=1"#,
    ),
    (&[Told::Signup, Told::Sale], Told::RefundWhole, "", "recorded", "DELETE /partnero/v1/transactions/o_1001"),
    (
        &[Told::Signup, Told::Sale],
        Told::RefundWhole,
        "reset_after DELETE /transactions",
        "recorded",
        "DELETE /partnero/v1/transactions/o_1001
         DELETE /partnero/v1/transactions/o_1001
         GET /partnero/v1/transactions?key=o_1001&limit=100&page=1",
    ),
    (
        &[Told::Signup, Told::Sale],
        Told::RefundPart,
        "",
        "recorded",
        r#"GET /partnero/v1/transactions?key=o_1001&limit=100&page=1
           DELETE /partnero/v1/transactions/o_1001
           POST /partnero/v1/transactions {"customer":{"key":"u_1"},"key":"o_1001","amount":10,
           "amount_units":"EUR","created_at":4102448400,"action":"sale"}
           GET /partnero/v1/transactions?key=o_1001&limit=100&page=1"#,
    ),
];

/// Moves time to this moment.
async fn until(world: &World, at_ms: i64) {
    world.advance(at_ms - world.clock.now().0).await;
}

/// What the simulator has logged of the account.
async fn logged(world: &World, account: &str) -> Vec<Value> {
    let mut log = world.control("GET", &format!("requests?vendor={account}"), &Value::Null).await;
    serde_json::from_value(log["requests"].take()).unwrap()
}

/// The ids that a row has a name for.
async fn names(world: &World, account: &str, click: &Value, rows: [Option<&DeliveryRow>; 2]) -> Vec<(String, String)> {
    let (state, [sold, row]) = (world.vendor_state(account).await, rows);
    let told = |row: Option<&DeliveryRow>| row.and_then(|row| row.reference.clone());
    let shown = |value: &Value| value.as_str().map(str::to_owned);
    let all = [
        ("click", shown(click)),
        ("conversion", row.map(|row| row.conversion.to_string())),
        ("sold", told(sold)),
        ("told", told(row)),
        ("item", shown(&state["conversions"][0]["conversion_items"][0]["conversion_item_id"])),
        ("partner", shown(&state["partners"][0]["id"])),
    ];
    let ids = all.into_iter().filter_map(|(name, id)| Some((format!("{{{name}}}"), id?)));
    let mut ids: Vec<_> = ids.filter(|(_, id)| !OURS.contains(&id.as_str())).collect();
    // An id of the guide contains another one.
    ids.sort_by_key(|(_, id)| std::cmp::Reverse(id.len()));
    ids
}

/// A logged request as one line; says what is wrong with its headers.
fn arrived(entry: &Value, names: &[(String, String)], wrong: &mut Vec<String>) -> String {
    let (method, path) = (entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap());
    let query = serde_json::from_value(entry["query"].clone()).unwrap();
    let line = line(method, &path.replacen("-guide/", "/", 1), &query, &entry["body"]);
    let line = names.iter().fold(line, |line, (name, id)| line.replace(id.as_str(), name));
    let entrance = path.split('/').nth(1).unwrap();
    let (_, wanted) = HEADERS.iter().find(|(of, _)| *of == entrance).unwrap();
    let mut wanted = wanted.to_vec();
    wanted.extend((!entry["body"].is_null()).then_some("content-type"));
    wanted.sort_unstable();
    let scheme = format!("authorization {}", entry["authorization"].as_str().unwrap_or("unknown"));
    let all = entry["headers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let headers = all.filter(|name| !TRANSPORT.contains(name));
    let headers: Vec<_> = headers.map(|name| if name == "authorization" { scheme.as_str() } else { name }).collect();
    if headers != wanted {
        wrong.push(format!("`{line}` has the headers {headers:?} instead of {wanted:?}"));
    }
    wrong.extend(strange(entry).map(|what| format!("`{line}` is sent {what}")));
    line
}

/// Plays a row with its own vendor, ledger and clock.
async fn play(speaker: &Speaker, row: Row, wrong: &mut Vec<String>) {
    let (before, told, fault, ends, asks) = row;
    let (name, dialect, account) = (speaker.vendor.name, speaker.dialect, speaker.account());
    let mut world = World::with(|double| vec![lane(name, dialect, "main", &double.address().to_string())]).await;
    world.partner = (speaker.vendor.partner)(&world.vendor_state(&account).await);
    let (mut at_ms, mut sold) = (BEGIN_MS, None);
    for event in before {
        until(&world, at_ms).await;
        let id = speaker.tell(*event, &world).await;
        let row = to_the_end(&world, &id).await;
        assert_eq!(row.state, "recorded", "{account}, {event:?} before {told:?}: {row:#?}");
        sold = Some(row);
        at_ms += HOUR_MS;
    }
    until(&world, at_ms).await;
    let seen = logged(&world, &account).await.len();
    if let [what, method, path] = fault.split(' ').collect::<Vec<_>>()[..] {
        let kind = match what.parse::<u16>() {
            Ok(status) => json!({ "kind": "status", "status": status }),
            Err(_) => json!({ "kind": what }),
        };
        let on = json!({ "method": method, "path_contains": path });
        arm(&world, speaker, &kind.to_string(), &on, 1).await;
    }
    let click = speaker.clicked(told, &world).await;
    let id = speaker.tell_of(&click, told, &world).await;
    let row = to_the_end(&world, &id).await;
    let names = names(&world, &account, &click, [sold.as_ref(), Some(&row)]).await;
    let log = logged(&world, &account).await.split_off(seen);
    let shown: Vec<_> = log.iter().map(|entry| arrived(entry, &names, wrong)).collect();
    let (shown, wanted) = (shown.join("\n"), lines(asks));
    let (state, why) = ends.split_once(": ").unwrap_or((ends, ""));
    let reason = row.reason.as_deref().unwrap_or_default();
    if shown != wanted || row.state != state || !reason.contains(why) {
        let end = format!("{}: {reason}", row.state);
        let whole = format!("`{end}` and sends\n{shown}\ninstead of `{ends}` and\n{wanted}");
        wrong.push(format!("{told:?} after {before:?}, fault `{fault}`, ends {whole}"));
    }
    let broken = world.control("GET", "violations", &Value::Null).await;
    if broken["total"] != 0 {
        wrong.push(format!("{told:?} after {before:?}, fault `{fault}`: no document allows {broken}"));
    }
}

/// Plays a table. Everything that the vendor takes in this dialect has a row, and so have a lost answer and a probe.
async fn all_arrive_as_written(vendor: &str, dialect: Dialect, rows: &[Row]) {
    let is_it = |speaker: &&Speaker| speaker.vendor.name == vendor && speaker.dialect == dialect;
    let (speaker, mut wrong) = (SPEAKERS.iter().find(is_it).unwrap(), Vec::new());
    for call in speaker.calls {
        if !rows.iter().any(|row| row.1 == call.event) {
            wrong.push(format!("`{}` has no row", call.name));
        }
    }
    for fault in ["reset_after ", "401 ", "403 "] {
        if !rows.iter().any(|row| row.2.starts_with(fault)) {
            wrong.push(format!("no row has the fault `{fault}`"));
        }
    }
    for row in rows {
        play(speaker, *row, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{vendor} in dialect {}:\n{}", dialect.as_str(), wrong.join("\n\n"));
}

#[tokio::test]
async fn partnerstack_gets_deliveries_and_look_ups_as_its_documents_say() {
    all_arrive_as_written("partnerstack", Dialect::Current, PARTNERSTACK).await;
}

#[tokio::test]
async fn partnerstack_gets_deliveries_and_look_ups_as_seed_000_says() {
    all_arrive_as_written("partnerstack", Dialect::Guide, PARTNERSTACK_OF_THE_GUIDE).await;
}

#[tokio::test]
async fn partnerize_gets_deliveries_look_ups_and_probes_in_both_dialects() {
    all_arrive_as_written("partnerize", Dialect::Current, &[PARTNERIZE, PARTNERIZES_PROBE].concat()).await;
    all_arrive_as_written("partnerize", Dialect::Guide, &[PARTNERIZE, PARTNERIZES_PROBE_OF_THE_GUIDE].concat()).await;
}

#[tokio::test]
async fn introw_gets_deliveries_look_ups_and_probes_in_both_dialects() {
    for dialect in Dialect::ALL {
        all_arrive_as_written("introw", dialect, INTROW).await;
    }
}

#[tokio::test]
async fn partnero_gets_deliveries_look_ups_and_probes_in_both_dialects() {
    for dialect in Dialect::ALL {
        all_arrive_as_written("partnero", dialect, PARTNERO).await;
    }
}
