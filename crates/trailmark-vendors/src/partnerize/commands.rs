//! The commands that Partnerize offers to operators: their table, and those about commissions. Those about users are in
//! `users`, those about a campaign's partners in `partners`, those that decide about conversions in `jobs`; what the vendor
//! lacks is in `table`. Lists are read from one page to the next, as the vendor names it.
//!
//! Source: vendors-2.md § 1.2 to 1.4; seed 001.

use serde_json::Value;

use super::answers;
use super::conversion::rejection;
use super::report::{self, Entry};
use super::{Account, jobs, partners, refunds, table, users};
use crate::Dialect::{Current, Guide};
use crate::command::Effect::{Changes, Destroys, Reads};
use crate::command::{Ask, Command, Effect, Input, InputKind, Offer, Record, Refusal, Reply, Values};
use crate::exchange::Call;
use crate::root::encoded;

/// The calls of a bulk change.
const FOLLOWED: &str = "POST /v3/brand/campaigns/{campaign_id}/conversions/bulk, GET /v3/jobs/{id}";

const BOTH: &[crate::Dialect] = &[Current, Guide];

const USER: Option<&str> = Some("The user's id, or e-mail address");
const FORCE: Input = Input::of("force", InputKind::Flag, "Also if it is the user whose keys are used");
const PASSWORD: Input = Input::of("password", InputKind::Secret, "Password of the user");
const USER_COLUMNS: &[&str] = &["id", "status", "role", "updated_at"];

const STATUS: Input = Input::text("status", "Status, such as `active` or `inactive`");
const ROLE: Input = Input::text("role", "Role, such as `admin` or `standard`");
const TIMEZONE: Input = Input::text("timezone", "Time zone");
const LOCALE: Input = Input::text("locale", "Language, such as `en_GB`");
const FIRSTNAME: Input = Input::text("firstname", "First name");
const LASTNAME: Input = Input::text("lastname", "Last name");
const EMAIL: Input = Input::text("email", "E-mail address, by which the user signs in");
const USER_NAME: Input = Input::text("user_name", "Name by which the user signs in");
const PHONE: Input = Input::text("phone", "Telephone number");
const ADDRESS1: Input = Input::text("address1", "First line of the address");
const ADDRESS2: Input = Input::text("address2", "Second line of the address");
const ADDRESS3: Input = Input::text("address3", "Third line of the address");
const ADDRESS4: Input = Input::text("address4", "Fourth line of the address");
const POSTCODE: Input = Input::text("postcode", "Post code");
const COUNTRY: Input = Input::text("country", "Country, such as `GB`");
const REASON: Input = Input::text("reason", "Why, for the partner: letters, digits and `: - _ . , ; #`");

const BY_ID: Input = Input::of("id", InputKind::Texts, "The vendor's id of a conversion");
const BY_REFERENCE: Input = Input::of("reference", InputKind::Texts, "Our reference of a conversion: the order's key");
const BY_ITEM: Input = Input::of("item", InputKind::Texts, "The vendor's id of an item of a conversion");

const fn command(
    (noun, verb, summary): (&'static str, &'static str, &'static str),
    key: Option<&'static str>,
    inputs: &'static [Input],
    effect: Effect,
    (columns, calls, source): (&'static [&'static str], &'static str, &'static str),
) -> Command {
    Command { noun, verb, summary, key, inputs, effect, columns, calls, source }
}

/// Every command.
pub(super) static OFFERS: &[Offer<Account>] = &[
    Offer {
        command: command(
            ("users", "list", "List the users of the account"),
            None,
            &[Input::text("status", "Only users with this status; the vendor cannot filter, so Trailmark does")],
            Reads,
            (USER_COLUMNS, "GET /user?page=1&count=100", "seed 001 § List users"),
        ),
        dialects: &[Guide],
        start: users::list,
    },
    Offer {
        command: command(
            ("users", "get", "Show one user"),
            USER,
            &[],
            Reads,
            (USER_COLUMNS, "GET /user/{user_id}; by e-mail address GET /user first", "seed 001 § Get user by ID"),
        ),
        dialects: &[Guide],
        start: users::get,
    },
    Offer {
        command: command(
            ("users", "self", "Show the user whose keys are used"),
            None,
            &[],
            Reads,
            (USER_COLUMNS, "GET /user/self", "seed 001 § Get current authenticated user"),
        ),
        dialects: &[Guide],
        start: users::own,
    },
    Offer {
        command: command(
            ("users", "self", "Show the user whose keys are used"),
            None,
            &[],
            Reads,
            (&["id", "network_id"], "GET /user", table::OF_2020),
        ),
        dialects: &[Current],
        start: users::own,
    },
    Offer {
        command: command(
            ("users", "add", "Create a user"),
            None,
            &[FIRSTNAME.needed(), LASTNAME.needed(), EMAIL.needed(), PASSWORD.needed(), STATUS, ROLE, TIMEZONE, LOCALE],
            Changes,
            (USER_COLUMNS, "POST /user", "seed 001 § Create user"),
        ),
        dialects: &[Guide],
        start: users::add,
    },
    Offer {
        command: command(
            ("users", "add", "Create a user of the network, with a partner if you name one"),
            None,
            &[
                USER_NAME.needed(),
                EMAIL.needed(),
                PASSWORD.needed(),
                ADDRESS1.needed(),
                ADDRESS2,
                ADDRESS3,
                ADDRESS4,
                POSTCODE.needed(),
                COUNTRY.needed(),
                PHONE.needed(),
                Input::text("signup_ip", "Internet address from which the user signed up").needed(),
                FIRSTNAME,
                LASTNAME,
                LOCALE,
                Input::of("send_confirm_email", InputKind::Flag, "The vendor sends an e-mail to confirm the address"),
                Input::text("partner_name", "Account name of the partner, who also needs the next four"),
                Input::text("vertical", "Vertical of the partner"),
                Input::text("promotional_method", "Promotional method of the partner"),
                Input::text("entity_terms_id", "Terms that the partner accepted"),
                Input::text("contact_email", "E-mail address of the partner"),
                Input::text("network_terms_id", "Terms of the network that the partner accepted"),
                Input::text("contact_name", "Name of the contact"),
                Input::text("contact_phone", "Telephone number of the contact"),
                Input::text("contact_locale", "Language of the contact"),
                Input::text("company_name", "Company of the partner"),
                Input::text("description", "Description of the partner"),
                Input::text("vat_number", "VAT number of the partner"),
                Input::text("operating_country", "Country in which the partner operates"),
                Input::text("reporting_timezone", "Time zone of the partner's reports"),
                Input::text("default_currency", "Currency of the partner"),
            ],
            Changes,
            (&["id", "network_id"], "POST /user", "api-docs.partnerize.com of 2026 (POST /user)"),
        ),
        dialects: &[Current],
        start: users::add_with_partner,
    },
    Offer {
        command: command(
            ("users", "update", "Change a user; the user is read first, since omitted fields would be reset"),
            USER,
            &[FIRSTNAME, LASTNAME, EMAIL, PASSWORD, STATUS, ROLE, TIMEZONE, LOCALE, FORCE],
            Changes,
            (USER_COLUMNS, "GET /user/self, GET /user/{user_id}, PUT /user/{user_id}", "seed 001 § Update user"),
        ),
        dialects: &[Guide],
        start: users::update,
    },
    Offer {
        command: command(
            ("users", "update", "Change the stated fields of a user"),
            Some("The user's id"),
            &[
                EMAIL, FIRSTNAME, LASTNAME, ADDRESS1, ADDRESS2, ADDRESS3, ADDRESS4, POSTCODE, COUNTRY, PHONE, LOCALE,
                FORCE,
            ],
            Changes,
            (&["id", "network_id"], "GET /user, POST /user/{user_id}", table::OF_2020),
        ),
        dialects: &[Current],
        start: users::update_partly,
    },
    Offer {
        command: command(
            ("users", "set-email", "Change the e-mail address of the user whose keys are used"),
            None,
            &[EMAIL.needed(), FORCE],
            Changes,
            (
                &["id", "email_verified"],
                "PATCH /v3/brand/user",
                "api-docs.partnerize.com of 2026 (PATCH /v3/brand/user)",
            ),
        ),
        dialects: &[Current],
        start: users::set_email,
    },
    Offer {
        command: command(
            ("users", "deactivate", "Set a user's status to `inactive`; rotate the keys that the user held"),
            None,
            &[
                Input::text("id", "The user's id"),
                Input::text("email", "The user's e-mail address, instead of the id"),
                FORCE,
            ],
            Destroys { follows: "the user can no longer sign in, and integrations with the user's keys stop" },
            (
                USER_COLUMNS,
                "GET /user/self, GET /user/{user_id}, PUT /user/{user_id} with status=inactive",
                "seed 001 § Deactivate a departed user",
            ),
        ),
        dialects: &[Guide],
        start: users::deactivate,
    },
    Offer {
        command: command(
            ("users", "remove", "Delete a user for good; `users deactivate` keeps the history"),
            USER,
            &[FORCE],
            Destroys {
                follows: "the user and the user's history are gone, and integrations with the user's keys stop",
            },
            (&["removed"], "GET /user/self, DELETE /user/{user_id}", "seed 001 § Delete user"),
        ),
        dialects: &[Guide],
        start: users::remove,
    },
    Offer {
        command: command(
            ("partners", "list", "List the partners of the campaign"),
            None,
            &[Input::of(
                "status",
                InputKind::Choice(&["approved", "pending", "rejected"]),
                "Only partners with this status in the campaign; Trailmark filters",
            )],
            Reads,
            (&["id", "status", "network_status"], "GET /campaign/{campaign_id}/publisher", table::CAMPAIGN_PARTNERS),
        ),
        dialects: BOTH,
        start: partners::list,
    },
    Offer {
        command: command(
            ("partners", "get", "Show one partner of the campaign"),
            Some("The partner's id"),
            &[],
            Reads,
            (
                &["id", "status", "network_status"],
                "GET /campaign/{campaign_id}/publisher/{publisher_id}",
                table::CAMPAIGN_PARTNERS,
            ),
        ),
        dialects: BOTH,
        start: partners::get,
    },
    Offer {
        command: command(
            ("partners", "approve", "Let a partner into the campaign"),
            Some("The partner's id"),
            &[],
            Changes,
            (
                &["id", "status", "network_status"],
                "POST /campaign/{campaign_id}/publisher, GET /campaign/{campaign_id}/publisher/{publisher_id}",
                table::CAMPAIGN_PARTNERS,
            ),
        ),
        dialects: BOTH,
        start: partners::approve,
    },
    Offer {
        command: command(
            ("partners", "reject", "Take a partner out of the campaign"),
            Some("The partner's id"),
            &[],
            Destroys { follows: "the partner's links to the campaign earn nothing more" },
            (
                &["id", "status", "network_status"],
                "POST /campaign/{campaign_id}/publisher, GET /campaign/{campaign_id}/publisher/{publisher_id}",
                table::CAMPAIGN_PARTNERS,
            ),
        ),
        dialects: BOTH,
        start: partners::reject,
    },
    Offer {
        command: command(
            ("conversions", "approve", "Approve conversions, or items of them"),
            None,
            &[BY_ID, BY_REFERENCE, BY_ITEM],
            Changes,
            (&["id", "status", "percent", "failed"], FOLLOWED, table::BULK),
        ),
        dialects: BOTH,
        start: jobs::approve,
    },
    Offer {
        command: command(
            ("conversions", "reject", "Reject conversions, or items of them"),
            None,
            &[BY_ID, BY_REFERENCE, BY_ITEM, REASON],
            Destroys { follows: "the partners lose the commission of these conversions" },
            (&["id", "status", "percent", "failed"], FOLLOWED, table::BULK),
        ),
        dialects: BOTH,
        start: jobs::reject,
    },
    Offer {
        command: command(
            ("jobs", "get", "Show how far a bulk change is"),
            Some("The job's id"),
            &[],
            Reads,
            (&["id", "status", "percent", "succeeded", "failed", "total"], refunds::JOB, table::JOBS),
        ),
        dialects: BOTH,
        start: jobs::get,
    },
    Offer {
        command: command(
            ("commissions", "list", "List conversions with the partner's commission"),
            None,
            &[
                Input::of("since", InputKind::Time, "From this time on").needed(),
                Input::of("until", InputKind::Time, "Until this time"),
                Input::of(
                    "status",
                    InputKind::Choice(&["approved", "pending", "rejected"]),
                    "Only conversions with this status",
                ),
                Input::of(
                    "by",
                    InputKind::Choice(&["standard", "last_modified", "approved_at"]),
                    "Which time counts: the conversion's, or that of its last change or approval",
                ),
                Input::text("currency", "Only conversions in this currency, such as `EUR`"),
                Input::text("partner", "Only conversions of the partner with this id"),
            ],
            Reads,
            (
                &["id", "reference", "partner", "status", "currency", "amount_minor", "commission_minor"],
                "GET /reporting/report_advertiser/campaign/{campaign_id}/conversion.json",
                table::REPORT,
            ),
        ),
        dialects: BOTH,
        start: commissions,
    },
];

fn commissions(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let since = values.time("since").ok_or_else(|| rejection("`since` is missing: the report needs a start"))?;
    let mut query = vec![("start_date", since.to_rfc3339())];
    query.extend(values.time("until").map(|until| ("end_date", until.to_rfc3339())));
    let texts = [
        ("by", "date_type"),
        ("status", "statuses[]"),
        ("currency", "currency[]"),
        ("partner", "multipivot[publisher][]"),
    ];
    query.extend(texts.iter().filter_map(|(input, name)| Some((*name, values.text(input)?.to_owned()))));
    query.push(("include_payment_info", "true".into()));
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let campaign = encoded(&account.campaign);
    let path = format!("/reporting/report_advertiser/campaign/{campaign}/conversion.json?{}", query.join("&"));
    Ok(commissions_at(account, values, &path))
}

fn commissions_at(account: &Account, values: &Values, path: &str) -> Ask<Reply> {
    let request = account.get(path, report::LABEL);
    let (account, values) = (account.clone(), values.clone());
    Call::new(request, move |answer| {
        let page = report::page(&account, answer, &account.redaction(&values));
        let page = page.map_err(|failure| answers::cured(answer, failure, &[]))?;
        let next = page.next.as_deref().map(|path| commissions_at(&account, &values, path));
        Ok(Reply::Page { items: page.entries.iter().map(shown_conversion).collect(), next })
    })
}

/// Amounts that are no whole minor units are shown as the vendor's own decimals.
fn shown_conversion(entry: &Entry) -> Record {
    let record = Record::default()
        .with_text("id", entry.word("conversion_id").as_deref())
        .with_text("reference", entry.word("conversion_reference").as_deref())
        .with_text("partner", entry.word("publisher_id").as_deref())
        .with_text("partner_name", entry.text("publisher_name"))
        .with_text("status", Some(entry.status().as_str()))
        .with_text("currency", entry.text("currency"));
    let amount = |record: Record, minor: &str, decimal: &str, name: &str| match entry.amount(name) {
        Some(money) => record.with(minor, Value::from(money.amount_minor)),
        None => record.with_text(decimal, entry.decimal(name).as_deref()),
    };
    let record = amount(record, "amount_minor", "amount", "value");
    let record = amount(record, "commission_minor", "commission", "publisher_commission");
    record
        .with_text("clickref", entry.clickref())
        .with_text("customer", entry.word("customer_reference").as_deref())
        .with_text("customer_type", entry.text("customer_type"))
        .with_text("country", entry.text("country"))
        .with_text("at", entry.text("conversion_time"))
        .with_text("payment_status", entry.payment("payment_status"))
        .with_text("invoice_paid_date", entry.payment("invoice_paid_date"))
}
