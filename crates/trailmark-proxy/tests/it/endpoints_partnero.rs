//! The commands of Partnero over real HTTP, in both dialects, and its refusals. `endpoints` plays the rows.
//!
//! Seed 004 is the vendor's own page, so both dialects send the same to accounts of their own.
//!
//! Sources: seed 004; vendors-2.md § 3.

use trailmark_simulator::PARTNERO_API_KEY;
use trailmark_vendors::Dialect;

use super::endpoints::{Place, Refused, Row, all_commands_are_sent_as_written, all_refusals_name_the_cure};

pub(crate) fn place(dialect: Dialect) -> Place {
    let (account, settings) = match dialect {
        Dialect::Current => ("partnero", "api_key = \"env:API_KEY\"\nbase_url = \"ROOT/partnero\"\n"),
        Dialect::Guide => ("partnero-guide", "api_key = \"env:API_KEY\"\nbase_url = \"ROOT/partnero-guide\"\n"),
    };
    let secrets = &[("API_KEY", PARTNERO_API_KEY)];
    Place { vendor: "partnero", dialect, account, settings, secrets, headers: &["accept", "authorization"] }
}

const COMMANDS: &[Row] = &[
    (
        "partners add --email jane@x.example --name Jane --surname Doe --password env:PASSWORD --id partner_900 \
         --key jane9 --tag vip --referring-key amiraito",
        r#"POST /v1/partners {"email":"jane@x.example","name":"Jane","surname":"Doe","password":"Passw0rd-9",
           "id":"partner_900","key":"jane9","tags":["vip"],"referring_partner":{"key":"amiraito"}}"#,
        "partner_900",
    ),
    (
        "partners invite --email new@x.example --name New --surname Person",
        r#"POST /v1/partners:invite {"email":"new@x.example","name":"New","surname":"Person"}"#,
        "invited",
    ),
    ("partners list --sort asc --limit 3", "GET /v1/partners?limit=100&page=1&sort=asc", "partner_1"),
    ("partners get jane9", "GET /v1/partner?key=jane9", "partner_900"),
    ("partners get partner_900 --by id", "GET /v1/partners/partner_900", "Jane"),
    ("partners get jane@x.example", "GET /v1/partner?email=jane@x.example", "partner_900"),
    (
        "partners update jane9 --name Janet --new-key jane10 --tag a --tag b",
        r#"GET /v1/partner?key=jane9
           PUT /v1/partners/partner_900 {"update":{"name":"Janet","key":"jane10","tags":["a","b"]}}"#,
        "Janet",
    ),
    (
        "partners update partner_900 --no-tags",
        r#"GET /v1/partner?key=partner_900
           GET /v1/partners/partner_900
           PUT /v1/partners/partner_900 {"update":{"tags":[]}}"#,
        "Janet",
    ),
    (
        "partners archive jane10 --yes",
        "GET /v1/partner?key=jane10
         POST /v1/partners/partner_900/archive",
        "archived",
    ),
    (
        "partners restore jane10",
        "GET /v1/partner?key=jane10
         POST /v1/partners/partner_900/revoke-archive",
        "restored",
    ),
    (
        "customers add u_1 --partner amiraito --email u1@x.example --name Uma --surname One --tag t \
         --referral-url https://acme.example/?aff=amiraito",
        r#"POST /v1/customers {"key":"u_1","partner":{"key":"amiraito"},"email":"u1@x.example","name":"Uma",
           "surname":"One","tags":["t"],"options":{"referral_url":"https://acme.example/?aff=amiraito"}}"#,
        "u_1",
    ),
    ("customers list --sort desc", "GET /v1/customers?limit=100&page=1&sort=desc", "u_1"),
    ("customers get u_1", "GET /v1/customers/u_1", "partner_1"),
    (
        "customers update u_1 --surname Roe --new-key u_2",
        r#"PUT /v1/customers/u_1 {"update":{"surname":"Roe","key":"u_2"}}"#,
        "u_2",
    ),
    ("customers archive u_2 --yes", "POST /v1/customers/u_2/archive", "archived"),
    ("customers restore u_2", "POST /v1/customers/u_2/revoke-archive", "restored"),
    (
        "transactions add order_1 --customer u_2 --amount-minor 2900 --currency EUR --product-id sku_1 \
         --product-type plan --rewarded --created-at 2026-11-01T00:00:00Z",
        r#"GET /v1/transactions?key=order_1&limit=100&page=1
           POST /v1/transactions {"customer":{"key":"u_2"},"key":"order_1","amount":29,"amount_units":"EUR",
           "action":"sale","product_id":"sku_1","product_type":"plan","rewarded":true,"created_at":1793491200}"#,
        "29.00 EUR",
    ),
    (
        "transactions add bonus_1 --customer u_2 --reward-minor 550 --currency EUR --action bonus --no-reward",
        r#"GET /v1/transactions?key=bonus_1&limit=100&page=1
           POST /v1/transactions {"customer":{"key":"u_2"},"key":"bonus_1","reward":5.5,"amount_units":"EUR",
           "action":"bonus","rewardable":false}"#,
        "bonus_1",
    ),
    (
        "transactions batch --customer u_2 --currency EUR --transaction order_2=1000 --transaction order_3=2000",
        r#"GET /v1/transactions?key=order_3&limit=100&page=1
           GET /v1/transactions?key=order_2&limit=100&page=1
           POST /v1/transactions {"customer":{"key":"u_2"},"transactions":[
           {"key":"order_2","amount":10,"amount_units":"EUR","action":"sale"},
           {"key":"order_3","amount":20,"amount_units":"EUR","action":"sale"}]}"#,
        "order_3",
    ),
    (
        "transactions list --key order_1 --partner amiraito --sort asc",
        "GET /v1/transactions?key=order_1&limit=100&page=1&partner_key=amiraito&sort=asc",
        "order_1",
    ),
    ("transactions list --customer u_2", "GET /v1/customers/u_2/transactions?limit=100&page=1", "order_3"),
    ("transactions get order_1", "GET /v1/transactions/order_1", "29.00 EUR"),
    ("transactions archive order_1 --yes", "POST /v1/transactions/order_1/archive", "archived"),
    ("transactions restore order_1", "POST /v1/transactions/order_1/revoke-archive", "restored"),
    ("transactions remove order_1 --yes", "DELETE /v1/transactions/order_1", "removed"),
    (
        "webhooks register --url http://127.0.0.1:9/hook --name main --event transaction.created \
         --event partner.archived --key hook_1 --inactive",
        r#"POST /v1/webhooks {"name":"main","url":"http://127.0.0.1:9/hook",
           "events":["transaction.created","partner.archived"],"key":"hook_1","is_active":false}"#,
        "secret_",
    ),
    ("webhooks vendor-list", "GET /v1/webhooks?limit=100&page=1", "hook_1"),
    ("webhooks remove hook_1 --yes", "DELETE /v1/webhooks/hook_1", "removed"),
    ("customers remove u_2 --yes", "DELETE /v1/customers/u_2", "removed"),
    (
        "partners remove jane10 --yes",
        "GET /v1/partner?key=jane10
         DELETE /v1/partners/partner_900",
        "removed",
    ),
];

const MADE: &[Row] = &[
    ("customers add u_1 --partner amiraito", "", ""),
    ("transactions add order_1 --customer u_1 --amount-minor 2900 --currency EUR", "", ""),
];

/// The errors of seed 004, and the other statuses of vendors-2.md § 3.
const REFUSED: &[Refused] = &[
    (r#"{"kind":"status","status":401,"times":1}"#, "partners list", 3, &["check the program's keys", "401"]),
    (r#"{"kind":"status","status":403,"times":1}"#, "partners list", 3, &["the credential may not do this", "403"]),
    ("", "partners get nobody", 3, &["404", "the vendor has no such partner"]),
    ("", "customers get nobody", 3, &["404", "the vendor has no such thing"]),
    ("", "transactions get nothing", 3, &["404", "the vendor has no such thing"]),
    (
        "",
        "partners add --email amiraito@partners.example",
        3,
        &["422", "`email`: use an address that nobody else in the program has"],
    ),
    ("", "partners add --email x@x.example --id partner_1", 3, &["422", "`id`: use an id that nobody else"]),
    ("", "partners add --email x@x.example --key amiraito", 3, &["422", "`key`: use a key that nothing else"]),
    (
        "",
        "partners add --email x@x.example --referring-id nobody",
        3,
        &["400", "`referring_partner`: check the referring partner's id, key or e-mail address"],
    ),
    ("", "customers add u_1 --partner amiraito", 3, &["422", "`key`: use a key", "check the existing one"]),
    ("", "customers add u_9 --partner nobody", 3, &["400", "`partner`: check the partner's key, id or e-mail address"]),
    ("", "customers restore u_1", 3, &["400: customer is not archived"]),
    (
        "",
        "transactions add order_1 --customer u_1 --amount-minor 2900 --currency EUR",
        3,
        &["would count it twice; nothing was created"],
    ),
    (
        "",
        "transactions add order_9 --customer nobody --amount-minor 2900 --currency EUR",
        3,
        &["404", "`customer`: check the customer's key, id or e-mail address"],
    ),
    ("", "partners add --email x@x.example --password env:URL", 2, &["8 characters or more"]),
    (
        "",
        "webhooks register --url http://127.0.0.1:9/hook --name main --event reward.paid",
        3,
        &["422", "`events`: use events that the vendor has for this type of program"],
    ),
    (
        r#"{"kind":"status","status":429,"retry_after_s":3600,"times":1}"#,
        "partners list",
        4,
        &["is limiting requests", "try again after 20"],
    ),
    (
        r#"{"kind":"status","status":500,"method":"PUT","times":1}"#,
        "customers update u_1 --name X",
        4,
        &["may or may not have made the change", "500", "check at the vendor before you repeat it"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn partnero_gets_the_requests_of_its_documents_in_both_dialects() {
    for dialect in Dialect::ALL {
        all_commands_are_sent_as_written(place(dialect), COMMANDS, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partneros_refusals_name_the_cure() {
    for dialect in Dialect::ALL {
        all_refusals_name_the_cure(place(dialect), MADE, REFUSED).await;
    }
}
