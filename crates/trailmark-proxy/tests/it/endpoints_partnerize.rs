//! The commands of Partnerize over real HTTP, in both dialects, and its refusals. `endpoints` plays the rows.
//!
//! The dialects differ in users and in how the keys are sent; partners, conversions, jobs and commissions are the same.
//!
//! Sources: seed 001; vendors-2.md §§ 1.2 to 1.5.

use trailmark_simulator::{PARTNERIZE_APPLICATION_KEY, PARTNERIZE_USER_API_KEY};
use trailmark_vendors::Dialect;

use super::endpoints::{Place, Refused, Row, all_commands_are_sent_as_written, all_refusals_name_the_cure};

const SECRETS: &[(&str, &str)] = &[("APPLICATION", PARTNERIZE_APPLICATION_KEY), ("USER", PARTNERIZE_USER_API_KEY)];

pub(crate) fn place(dialect: Dialect) -> Place {
    match dialect {
        Dialect::Current => Place {
            vendor: "partnerize",
            dialect,
            account: "partnerize",
            settings: "application_key = \"env:APPLICATION\"\nuser_api_key = \"env:USER\"\ncampaign_id = \"10l176\"\n\
                       base_url = \"ROOT/partnerize\"\ntracking_url = \"ROOT/prf\"\n",
            secrets: SECRETS,
            headers: &["accept", "authorization"],
        },
        Dialect::Guide => Place {
            vendor: "partnerize",
            dialect,
            account: "partnerize-guide",
            settings: "application_key = \"env:APPLICATION\"\nuser_api_key = \"env:USER\"\ncampaign_id = \"10l176\"\n\
                       base_url = \"ROOT/partnerize-guide\"\ntracking_url = \"ROOT/prf-guide\"\n",
            secrets: SECRETS,
            headers: &["accept", "x-application-key", "x-user-api-key"],
        },
    }
}

/// Users as the vendor's own pages have them.
const USERS: &[Row] = &[
    ("users self", "GET /user", "123"),
    (
        "user = users add --user-name jane --email jane@x.example --password env:PASSWORD --address1 Street_1 \
         --postcode 1000 --country BE --phone 123 --signup-ip 192.0.2.1 --firstname Jane --lastname Doe \
         --send-confirm-email --partner-name Jane_Media --vertical 1 --promotional-method 2 --entity-terms-id 3 \
         --contact-email pr@x.example --default-currency EUR",
        r#"POST /user {"user_name":"jane","email_address":"jane@x.example","firstname":"Jane","lastname":"Doe",
           "address1":"Street_1","postcode":"1000","country":"BE","phone":"123","signup_ip":"192.0.2.1",
           "password":"Passw0rd-9","send_confirm_email":true,"publisher":{"account_name":"Jane_Media","vertical":"1",
           "promotional_method":"2","signup_ip":"192.0.2.1","entity_terms_id":"3","contact_email":"pr@x.example",
           "default_currency":"EUR"}}"#,
        "jane",
    ),
    (
        "users update {user} --firstname Janet --phone 456",
        r#"GET /user
           POST /user/{user} {"firstname":"Janet","phone":"456","user_id":"{user}"}"#,
        "Janet",
    ),
    (
        "users set-email --email owner@brand.example --force",
        r#"PATCH /v3/brand/user {"emailAddress":"owner@brand.example"}"#,
        "owner@brand.example",
    ),
];

/// Users of seed 001. The list has pages of a hundred; the new user is on the second one.
const USERS_OF_THE_GUIDE: &[Row] = &[
    ("users self", "GET /user/self", "admin"),
    (
        "users list --status active",
        "GET /user?count=100&page=1
         GET /user?count=100&page=2",
        "252",
    ),
    (
        "user = users add --firstname Jane --lastname Doe --email jane@x.example --password env:PASSWORD \
         --status active --role standard --timezone UTC --locale en_GB",
        r#"POST /user {"firstname":"Jane","lastname":"Doe","email":"jane@x.example","status":"active",
           "role":"standard","timezone":"UTC","locale":"en_GB","password":"Passw0rd-9"}"#,
        "jane@x.example",
    ),
    ("users get {user}", "GET /user/{user}", "jane@x.example"),
    (
        "users get jane@x.example",
        "GET /user?count=100&page=1
         GET /user?count=100&page=2
         GET /user/{user}",
        "Doe",
    ),
    (
        "users update {user} --lastname Roe",
        r#"GET /user/self
           GET /user/{user}
           PUT /user/{user} {"firstname":"Jane","lastname":"Roe","email":"jane@x.example","status":"active",
           "role":"standard","timezone":"UTC","locale":"en_GB"}"#,
        "warning",
    ),
    // This user has no time zone and no language.
    (
        "users update 124 --role reader",
        r#"GET /user/self
           GET /user/124
           PUT /user/124 {"firstname":"Api","lastname":"User 2","email":"user2@brand.example","status":"active",
           "role":"reader"}"#,
        "reader",
    ),
    (
        "users deactivate --email jane@x.example --yes",
        r#"GET /user?count=100&page=1
           GET /user?count=100&page=2
           GET /user/self
           GET /user/{user}
           PUT /user/{user} {"firstname":"Jane","lastname":"Roe","email":"jane@x.example","status":"inactive",
           "role":"standard","timezone":"UTC","locale":"en_GB"}"#,
        "inactive",
    ),
    (
        "users remove {user} --yes",
        "GET /user/self
         DELETE /user/{user}",
        "removed",
    ),
];

/// What both dialects have, after two conversions of the first partner.
const REST: &[Row] = &[
    ("partners list --status approved --limit 2", "GET /campaign/10l176/publisher", "1011l401"),
    ("partners get 1011l401", "GET /campaign/10l176/publisher/1011l401", "Amber Media"),
    (
        "partners reject 1011l402 --yes",
        r#"POST /campaign/10l176/publisher {"publishers":[{"publisher_id":"1011l402","campaign_status":"r"}]}
           GET /campaign/10l176/publisher/1011l402"#,
        "rejected",
    ),
    (
        "partners approve 1011l402",
        r#"POST /campaign/10l176/publisher {"publishers":[{"publisher_id":"1011l402","campaign_status":"a"}]}
           GET /campaign/10l176/publisher/1011l402"#,
        "approved",
    ),
    (
        "commissions list --since 2026-01-01T00:00:00Z --until 2099-01-01T00:00:00Z --status pending --by standard \
         --currency EUR --partner 1011l401 --json",
        "GET /reporting/report_advertiser/campaign/10l176/conversion.json?currency[]=EUR&date_type=standard
         &end_date=2099-01-01T00:00:00Z&include_payment_info=true&multipivot[publisher][]=1011l401
         &start_date=2026-01-01T00:00:00Z&statuses[]=pending",
        r#""amount_minor":2900"#,
    ),
    (
        "conversion = commissions list --since 2026-01-01T00:00:00Z",
        "GET /reporting/report_advertiser/campaign/10l176/conversion.json?include_payment_info=true
         &start_date=2026-01-01T00:00:00Z",
        "order_1",
    ),
    (
        "job = conversions approve --id {conversion}",
        r#"POST /v3/brand/campaigns/10l176/conversions/bulk {
           "conversions":{"{conversion}":{"status":"approved"}}}
           GET /v3/jobs/{job}"#,
        "complete",
    ),
    ("jobs get {job}", "GET /v3/jobs/{job}", "complete"),
    (
        "rejection = conversions vendor-reject --reference order_2 --reason late --yes",
        r#"POST /v3/brand/campaigns/10l176/conversions/bulk {
           "conversion_references":{"order_2":{"status":"rejected","reason":"late"}}}
           GET /v3/jobs/{rejection}"#,
        "complete",
    ),
    (
        "commissions list --since 2026-01-01T00:00:00Z --status rejected",
        "GET /reporting/report_advertiser/campaign/10l176/conversion.json?include_payment_info=true
         &start_date=2026-01-01T00:00:00Z&statuses[]=rejected",
        "order_2",
    ),
];

/// Everything is visible and done at once.
const AT_ONCE: &str = r#"control partnerize/settings {"visible_after_ms":0,"job_ms":0}"#;

const CONVERTED: &[Row] = &[
    (AT_ONCE, "", ""),
    (r#"control partnerize/clicks {"clickref":"Click1"}"#, "", ""),
    (r#"control partnerize/clicks {"clickref":"Click2"}"#, "", ""),
    (
        "call /prf/conversion/tracking_mode:api/campaign:10l176/clickref:Click1/conversionref:order_1/currency:EUR\
         /[category:plan/quantity:1/value:29.00]",
        "",
        "",
    ),
    (
        "call /prf/conversion/tracking_mode:api/campaign:10l176/clickref:Click2/conversionref:order_2/currency:EUR\
         /[category:plan/quantity:1/value:29.00]",
        "",
        "",
    ),
];

const CONVERTED_IN_THE_GUIDE: &[Row] = &[
    (AT_ONCE, "", ""),
    (r#"control partnerize/clicks {"clickref":"Click1","account":"partnerize-guide"}"#, "", ""),
    (r#"control partnerize/clicks {"clickref":"Click2","account":"partnerize-guide"}"#, "", ""),
    (
        "call /prf-guide/conversion/tracking_mode:api/campaign:10l176/clickref:Click1/conversionref:order_1\
         /currency:EUR/[category:plan/quantity:1/value:29.00]",
        "",
        "",
    ),
    (
        "call /prf-guide/conversion/tracking_mode:api/campaign:10l176/clickref:Click2/conversionref:order_2\
         /currency:EUR/[category:plan/quantity:1/value:29.00]",
        "",
        "",
    ),
];

/// The statuses of vendors-2.md § 1.5, in the envelopes of versions 1 and 3.
const REFUSED: &[Refused] = &[
    (r#"{"kind":"status","status":401,"times":1}"#, "partners list", 3, &["check the program's keys", "401"]),
    ("", "partners get 1011l9", 3, &["404", "the vendor has no such thing, or the key may not read it"]),
    ("", "jobs get 1011l9", 3, &["404", "the vendor has no such thing, or the key may not read it"]),
    // The job is taken; only the look at it fails.
    (
        r#"{"kind":"status","status":401,"method":"GET","times":1}"#,
        "conversions approve --id 1011l9",
        4,
        &["took the change as job", "`trailmark jobs get", "only this look failed", "check the program's keys", "401"],
    ),
    (
        r#"{"kind":"status","status":429,"retry_after_s":3600,"method":"GET","times":1}"#,
        "conversions vendor-reject --id 1011l9 --reason late --yes",
        4,
        &["took the change as job", "`trailmark jobs get", "only this look failed", "is limiting requests"],
    ),
    (
        r#"{"kind":"body","body":"{\"data\":{\"id\":\"1011l9\",\"status\":\"complete\"}}","method":"GET","times":1}"#,
        "conversions approve --id 1011l9",
        4,
        &["job 1011l9 is complete, and the vendor does not tell", "`trailmark commissions list`"],
    ),
    (
        r#"{"kind":"status","status":401,"method":"GET","times":1}"#,
        "partners approve 1011l402",
        4,
        &[
            "took the decision",
            "`trailmark partners get 1011l402`",
            "only this look failed",
            "check the program's keys",
        ],
    ),
    ("", "conversions approve", 2, &["by `id`, by `reference` or by `item`"]),
    ("", "conversions vendor-reject --id 1011l9 --reason nein/danke --yes", 2, &["`reason` must have at most 255"]),
    // The job alone tells that a reference is unknown.
    (
        r#"partnerize/settings {"visible_after_ms":0,"job_ms":0}"#,
        "conversions vendor-reject --reference order_9 --reason late --yes",
        3,
        &["1 of its changes failed, 0 succeeded", "compare them with `trailmark commissions list`"],
    ),
    (
        r#"partnerize/settings {"rights":"read"}"#,
        "conversions approve --id 1011l9",
        3,
        &["the credential may not do this", "403"],
    ),
    (r#"partnerize/settings {"rights":"none"}"#, "partners list", 3, &["404", "or the key may not read it"]),
    (
        r#"{"kind":"status","status":429,"retry_after_s":3600,"times":1}"#,
        "partners list",
        4,
        &["is limiting requests", "try again after 20"],
    ),
    (
        r#"{"kind":"status","status":500,"method":"POST","times":1}"#,
        "conversions approve --id 1011l9",
        4,
        &["may or may not have made the change", "500", "check at the vendor before you repeat it"],
    ),
];

/// The cure where another user has the address.
const UNIQUE: &str = "use one that no other user has";

const REFUSED_USERS: &[Refused] = &[
    ("", "users update 123 --firstname X", 3, &["this is the user whose keys are used", "add `--force`"]),
    ("", "users update jane@x.example --firstname X", 2, &["state the user by id"]),
    ("", "users update 1011l9 --firstname X", 3, &["404"]),
    ("", "users set-email --email x@x.example", 2, &["add `--force`"]),
    ("", "users set-email --email user2@brand.example --force", 3, &["400", "taken", UNIQUE]),
];

const REFUSED_USERS_OF_THE_GUIDE: &[Refused] = &[
    ("", "users remove 123 --yes", 3, &["this is the user whose keys are used", "add `--force`"]),
    ("", "users get nobody@x.example", 3, &["no user has this e-mail address"]),
    ("", "users get 1011l9", 3, &["404", "the vendor has no such thing"]),
    ("", "users update 124 --email user3@brand.example", 3, &["400", "taken", UNIQUE]),
    ("", "users update 124 --status gone", 3, &["400", "status must be one of", "use `active` or `inactive`"]),
    (
        "",
        "users add --firstname Jane --lastname Doe --email user2@brand.example --password env:PASSWORD",
        3,
        &["400", "taken", UNIQUE],
    ),
    (
        "",
        "users add --firstname Jane --lastname Doe --email jane@x.example --password env:PASSWORD --status gone",
        3,
        &["400", "status must be one of", "use `active` or `inactive`"],
    ),
    (
        r#"partnerize/settings {"password_chars":11}"#,
        "users add --firstname Jane --lastname Doe --email jane@x.example --password env:PASSWORD",
        3,
        &["400", "password must have 11", "the vendor publishes no rules: choose a longer one"],
    ),
    ("", "users deactivate --yes", 2, &["state the user by `id` or by `email`"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn partnerize_gets_the_requests_of_its_documents() {
    let rows = [USERS, CONVERTED, REST].concat();
    all_commands_are_sent_as_written(place(Dialect::Current), &rows, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partnerize_gets_the_requests_of_seed_001_in_the_guide() {
    let rows = [USERS_OF_THE_GUIDE, CONVERTED_IN_THE_GUIDE, REST].concat();
    all_commands_are_sent_as_written(place(Dialect::Guide), &rows, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partnerizes_refusals_name_the_cure() {
    let current = [REFUSED_USERS, REFUSED].concat();
    all_refusals_name_the_cure(place(Dialect::Current), &[], &current).await;
    let guide = [REFUSED_USERS_OF_THE_GUIDE, REFUSED].concat();
    all_refusals_name_the_cure(place(Dialect::Guide), &[], &guide).await;
}

/// Seed 001 also has the keys in the query, which only an explicit setting chooses, since servers log addresses.
#[tokio::test(flavor = "multi_thread")]
async fn partnerizes_keys_in_the_query_are_taken_and_never_shown() {
    let settings = "application_key = \"env:APPLICATION\"\nuser_api_key = \"env:USER\"\ncampaign_id = \"10l176\"\n\
                    auth = \"query\"\nbase_url = \"ROOT/partnerize-guide\"\ntracking_url = \"ROOT/prf-guide\"\n";
    let place = Place { settings, headers: &["accept"], ..place(Dialect::Guide) };
    let runs: &[Refused] = &[
        ("", "users self", 0, &[]),
        ("", "users self --dry-run", 0, &["not sent"]),
        (r#"{"kind":"html","status":502,"method":"POST","times":1}"#, "conversions approve --id 1011l9", 4, &["502"]),
    ];
    all_refusals_name_the_cure(place, &[], runs).await;
}
