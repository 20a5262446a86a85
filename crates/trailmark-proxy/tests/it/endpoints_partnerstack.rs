//! The commands of PartnerStack over real HTTP, in both dialects, and its refusals. `endpoints` plays the rows.
//!
//! Sources: seeds 000 and 002; vendors.md §§ 1.2, 1.4, vendors-2.md § 4.

use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY};
use trailmark_vendors::Dialect;

use super::endpoints::{Place, Refused, Row, all_commands_are_sent_as_written, all_refusals_name_the_cure};

pub(crate) fn place(dialect: Dialect) -> Place {
    let (account, settings) = match dialect {
        Dialect::Current => (
            "partnerstack",
            "public_key = \"env:PUBLIC\"\nprivate_key = \"env:PRIVATE\"\nbase_url = \"ROOT/partnerstack\"\n\
             tracking_url = \"ROOT/partnerlinks\"\n",
        ),
        Dialect::Guide => (
            "partnerstack-guide",
            "public_key = \"env:PUBLIC\"\nprivate_key = \"env:PRIVATE\"\nbase_url = \"ROOT/partnerstack-guide\"\n\
             tracking_url = \"ROOT/partnerlinks\"\n",
        ),
    };
    let secrets = &[("PUBLIC", PUBLIC_KEY), ("PRIVATE", PRIVATE_KEY)];
    Place { vendor: "partnerstack", dialect, account, settings, secrets, headers: &["accept", "authorization"] }
}

const CURRENT: &[Row] = &[
    ("groups list", "GET /api/v2/groups?limit=250", "grp_affiliate"),
    (
        "partners list --since 2025-01-02T00:00:00Z --until 2025-01-03T00:00:00Z",
        "GET /api/v2/partnerships?limit=250&max_created=1735862400000&min_created=1735776000000",
        "ada",
    ),
    ("partners get ada", "GET /api/v2/partnerships/ada", "Ada"),
    (
        "jane = partners add --email jane@p.example --group grp_agency --key jane7 --first-name Jane --last-name Doe \
         --manager-email m@acme.example --manager-name Mia --tag vip",
        r#"POST /api/v2/partnerships {"email":"jane@p.example","group_key":"grp_agency","partner_key":"jane7",
           "first_name":"Jane","last_name":"Doe","manager_email":"m@acme.example","manager_name":"Mia","tags":["vip"]}"#,
        "vip",
    ),
    ("partners add --email kim@p.example", r#"POST /api/v2/partnerships {"email":"kim@p.example"}"#, "grp_affiliate"),
    (
        "partners update jane7 --new-key jane8 --group grp_reseller",
        r#"GET /api/v2/partnerships/jane7
           PATCH /api/v2/partnerships/{jane} {"partner_key":"jane8","group_key":"grp_reseller"}"#,
        "jane8",
    ),
    ("ada = partnerships get ada", "GET /api/v2/partnerships/ada", "grp_affiliate"),
    (
        "partners move --partner jane8 --partner ada --group grp_agency",
        r#"GET /api/v2/partnerships/jane8
           PATCH /api/v2/partnerships/{jane} {"group_key":"grp_agency"}
           GET /api/v2/partnerships/ada
           PATCH /api/v2/partnerships/{ada} {"group_key":"grp_agency"}"#,
        "grp_agency",
    ),
    (
        "partnerships list --group grp_agency --profiles --since 2025-01-02T00:00:00Z --until 2025-01-03T00:00:00Z",
        "GET /api/v2/partnerships?limit=250&max_created=1735862400000&min_created=1735776000000
         GET /api/v2/partnerships/ada",
        "grp_agency",
    ),
    (
        "customers add u_1 --email u1@x.example --partner ada --name Jane --provider-key stripe_1 --member-key mem_1 \
         --data plan=pro",
        r#"POST /api/v2/customers {"customer_key":"u_1","email":"u1@x.example","partner_key":"ada","name":"Jane",
           "provider_key":"stripe_1","member_key":"mem_1","meta":{"plan":"pro"}}"#,
        "u_1",
    ),
    ("customers get u_1", "GET /api/v2/customers/u_1", "mem_1"),
    (
        "customers list --since 2025-01-02T00:00:00Z --until 2099-01-01T00:00:00Z",
        "GET /api/v2/customers?limit=250&max_created=4070908800000&min_created=1735776000000",
        "u_1",
    ),
    (
        "customers update u_1 --email u2@x.example --name Janet --data plan=max",
        r#"PATCH /api/v2/customers/u_1 {"email":"u2@x.example","name":"Janet","meta":{"plan":"max"}}"#,
        "u2@x.example",
    ),
    (
        "transactions add --customer u_1 --amount-minor 2900 --currency EUR --key order_1 --category plan --product pro \
         --at 2026-11-01T00:00:00Z --data seats=4",
        r#"POST /api/v2/transactions {"customer_external_key":"u_1","key":"order_1","amount":2900,"currency":"EUR",
           "created_at":1793491200000,"category_key":"plan","product_key":"pro","metadata":{"seats":"4"}}"#,
        "order_1",
    ),
    (
        "transactions list --since 2025-01-02T00:00:00Z --until 2099-01-01T00:00:00Z",
        "GET /api/v2/transactions?limit=250&max_created=4070908800000&min_created=1735776000000",
        "29.00 EUR",
    ),
    (
        "reward = commissions list --status pending --since 2025-01-02T00:00:00Z --until 2099-01-01T00:00:00Z",
        "GET /api/v2/rewards?limit=250&max_created=4070908800000&min_created=1735776000000&status=pending",
        "580",
    ),
    ("commissions get {reward}", "GET /api/v2/rewards?limit=250", "5.80 EUR"),
    ("transactions remove order_1 --yes", "DELETE /api/v2/transactions/order_1", "order_1"),
    ("customers remove u_1 --yes", "DELETE /api/v2/customers/u_1", "u_1"),
    (
        "partners remove jane8 --yes",
        "GET /api/v2/partnerships/jane8
         DELETE /api/v2/partnerships/{jane}",
        "jane8",
    ),
    (
        "hook = webhooks register --url env:URL --event customer_created",
        r#"POST /api/v2/webhooks {"events":["customer_created"],"target_url":"http://127.0.0.1:9/hook-s3cret"}"#,
        "customer_created",
    ),
    ("webhooks vendor-list --json", "GET /api/v2/webhooks?limit=250", "{hook}"),
    ("webhooks remove {hook} --yes", "DELETE /api/v2/webhooks/{hook}", "{hook}"),
];

/// Seed 000; what it does not describe is as in `current`.
const GUIDE: &[Row] = &[
    ("groups list", "GET /api/v2/groups?limit=100", "grp_affiliate"),
    ("groups get grp_affiliate", "GET /api/v2/groups/grp_affiliate", "Affiliate Program"),
    ("partners list --limit 2", "GET /api/v2/partners?limit=100", "ada"),
    ("partners get ada", "GET /api/v2/partners/ada", "Ada"),
    (
        "jane = partners add --email jane@p.example --group grp_agency --key jane7 --first-name Jane --last-name Doe",
        r#"POST /api/v2/partnerships {"email":"jane@p.example","group_key":"grp_agency","partner_key":"jane7",
           "first_name":"Jane","last_name":"Doe"}"#,
        "jane7",
    ),
    ("partners add --email kim@p.example", r#"POST /api/v2/partnerships {"email":"kim@p.example"}"#, "grp_affiliate"),
    (
        "partners update jane7 --new-key jane8 --group grp_reseller",
        r#"GET /api/v2/partnerships/jane7
           PATCH /api/v2/partnerships/{jane} {"partner_key":"jane8","group_key":"grp_reseller"}"#,
        "jane8",
    ),
    (
        "partners move --partner jane8 --group grp_agency",
        r#"GET /api/v2/partnerships/jane8
           PATCH /api/v2/partnerships/{jane} {"group_key":"grp_agency"}"#,
        "grp_agency",
    ),
    ("partnerships list --group grp_agency", "GET /api/v2/partnerships?group_key=grp_agency&limit=100", "jane8"),
    ("partnerships get jane8", "GET /api/v2/partnerships/jane8", "grp_agency"),
    (
        "customers add u_1 --email u1@x.example --partner ada --name Jane --first-name Jane --last-name Doe \
         --status active --external-key crm-7 --group grp_affiliate --data plan=pro",
        r#"POST /api/v2/customers {"customer_key":"u_1","email":"u1@x.example","partner_key":"ada","name":"Jane",
           "first_name":"Jane","last_name":"Doe","status":"active","external_key":"crm-7","group_key":"grp_affiliate",
           "metadata":{"plan":"pro"}}"#,
        "crm-7",
    ),
    ("customers get u_1", "GET /api/v2/customers/u_1", "u1@x.example"),
    ("customers list", "GET /api/v2/customers?limit=100", "u_1"),
    (
        "customers update u_1 --email u2@x.example --status inactive --data plan=max",
        r#"PUT /api/v2/customers/u_1 {"email":"u2@x.example","status":"inactive","metadata":{"plan":"max"}}"#,
        "u2@x.example",
    ),
    (
        "sale = transactions add --customer u_1 --amount-minor 2900 --currency EUR",
        r#"POST /api/v2/transactions {"customer_key":"u_1","amount":2900,"currency":"eur"}"#,
        "2900",
    ),
    ("transactions list", "GET /api/v2/transactions?limit=100", "29.00 EUR"),
    ("reward = commissions list --status pending", "GET /api/v2/rewards?limit=100&status=pending", "580"),
    ("commissions get {reward}", "GET /api/v2/rewards?limit=100", "5.80 EUR"),
    ("transactions remove {sale} --yes", "DELETE /api/v2/transactions/{sale}", "removed"),
    ("customers remove u_1 --yes", "DELETE /api/v2/customers/u_1", "u_1"),
    (
        "partners remove jane8 --yes",
        "GET /api/v2/partnerships/jane8
         DELETE /api/v2/partnerships/{jane}",
        "jane8",
    ),
];

const REFUSED: &[Refused] = &[
    (r#"{"kind":"status","status":401,"times":1}"#, "customers list", 3, &["check the program's keys", "401"]),
    (r#"{"kind":"status","status":403,"times":1}"#, "customers list", 3, &["the credential may not do this", "403"]),
    ("", "customers get nobody", 3, &["no such customer"]),
    ("", "partners list --from starting_after=gone", 3, &["names no item", "leave out --from to begin again"]),
    ("", "customers update nobody --name X", 3, &["no such customer"]),
    ("", "customers add u_1 --email u9@x.example --partner ada", 3, &["already exists", "check the existing one"]),
    ("", "customers add u_9 --email u9@x.example --partner nobody", 3, &["partner_key names no partner"]),
    (
        r#"{"kind":"status","status":409,"times":1}"#,
        "customers add u_9 --email u9@x.example --partner ada",
        3,
        &["409", "check the existing one"],
    ),
    (
        r#"{"kind":"status","status":429,"retry_after_s":3600,"times":1}"#,
        "customers list",
        4,
        &["is limiting requests", "try again after 20"],
    ),
    (
        r#"{"kind":"status","status":500,"times":1}"#,
        "customers update u_1 --name X",
        4,
        &["may or may not have made the change", "500", "check at the vendor before you repeat it"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn partnerstack_gets_the_requests_of_its_documents() {
    all_commands_are_sent_as_written(place(Dialect::Current), CURRENT, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partnerstack_gets_the_requests_of_seed_000_in_the_guide() {
    all_commands_are_sent_as_written(place(Dialect::Guide), GUIDE, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partnerstacks_refusals_name_the_cure() {
    let made = [("customers add u_1 --email u1@x.example --partner ada", "", "")];
    for dialect in Dialect::ALL {
        all_refusals_name_the_cure(place(dialect), &made, REFUSED).await;
    }
}
