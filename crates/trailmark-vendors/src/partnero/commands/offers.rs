//! The table of commands at Partnero: each entry says what the command takes, and names the function that starts it. The
//! proxy's command line makes its nouns, verbs and flags of it.
//!
//! The guide describes `partners add` and `partners invite`; `current` is the same page, so both dialects offer everything.
//!
//! Sources: seed 004; vendors-2.md § 3.

use super::super::{Account, table};
use super::{customers, partners, transactions, webhooks};
use crate::Dialect;
use crate::command::{Ask, Command, Effect, Input, InputKind, Offer, Refusal, Reply, Values};

const PARTNER: Option<&str> = Some("The partner's key, id or e-mail address");
const CUSTOMER: Option<&str> = Some("Your own key of the customer");
const TRANSACTION: Option<&str> = Some("The key of the transaction, such as the order's");
const WEBHOOK: Option<&str> = Some("The vendor's key of the webhook");

const BY: Input =
    Input::of("by", InputKind::Choice(&["key", "id", "email"]), "What the argument is; else tried as key, then as id");
const SORT: Input = Input::of("sort", InputKind::Choice(&["desc", "asc"]), "desc: newest first, asc: oldest first");
const EMAIL: Input = Input::text("email", "E-mail address");
const NAME: Input = Input::text("name", "First name");
const SURNAME: Input = Input::text("surname", "Last name");
const PASSWORD: Input = Input::of(
    "password",
    InputKind::Secret,
    "Password for the portal: 8 characters or more, with a small letter, a capital and a digit",
);
const TAG: Input = Input::of("tag", InputKind::Texts, "A tag; all tags together replace the earlier ones");
const NO_TAGS: Input = Input::of("no_tags", InputKind::Flag, "Remove all tags");
const NEW_KEY: Input = Input::text("new_key", "Another key; links and reports under the old one no longer count");
const BY_PARTNER: Input = Input::text("partner", "Key of the partner who is credited");
const BY_PARTNER_EMAIL: Input = Input::text("partner_email", "E-mail address of the partner who is credited");
const BUYER: Input = Input::text("customer", "The customer who bought").needed();
const BUYER_BY: Input =
    Input::of("customer_by", InputKind::Choice(&["key", "id", "email"]), "What `customer` is; else your own key");
const CURRENCY: Input = Input::text("currency", "ISO 4217, such as EUR").needed();

const PARTNER_COLUMNS: &[&str] = &["id", "key", "status", "referral_link", "referrals_count", "created_at"];
const CUSTOMER_COLUMNS: &[&str] = &["key", "partner", "status", "created_at"];
const TRANSACTION_COLUMNS: &[&str] = &["key", "amount_minor", "currency", "partner", "action", "created_at"];
const WEBHOOK_COLUMNS: &[&str] = &["key", "name", "events", "is_active"];

/// A command that only names a thing; the fields of the others stand in the table.
const PLAIN: Command = Command {
    noun: "",
    verb: "",
    summary: "",
    key: None,
    inputs: &[],
    effect: Effect::Changes,
    columns: &[],
    calls: "",
    source: "",
};

const fn offer(command: Command, start: fn(&Account, &Values) -> Result<Ask<Reply>, Refusal>) -> Offer<Account> {
    Offer { command, dialects: &Dialect::ALL, start }
}

const fn destroys(follows: &'static str) -> Effect {
    Effect::Destroys { follows }
}

/// Every command, in the order in which help lists them.
pub(in super::super) static OFFERS: &[Offer<Account>] = &[
    offer(
        Command {
            noun: "partners",
            verb: "list",
            summary: "List the partners of the program",
            inputs: &[SORT],
            effect: Effect::Reads,
            columns: PARTNER_COLUMNS,
            calls: "GET /v1/partners",
            source: table::PARTNERS,
            ..PLAIN
        },
        partners::list,
    ),
    offer(
        Command {
            noun: "partners",
            verb: "get",
            summary: "Show one partner",
            key: PARTNER,
            inputs: &[BY],
            effect: Effect::Reads,
            columns: PARTNER_COLUMNS,
            calls: "GET /v1/partner?key= or ?email=, GET /v1/partners/{id}",
            source: "docs.partnero.com (partners); by key and address: GitHub partnero/n8n-nodes-partnero",
        },
        partners::get,
    ),
    offer(
        Command {
            noun: "partners",
            verb: "add",
            summary: "Create a partner",
            inputs: &[
                EMAIL.needed(),
                NAME,
                SURNAME,
                PASSWORD,
                Input::text("id", "Your own id of the partner; else the vendor makes one"),
                Input::text("key", "The key in the partner's links; else the vendor makes one"),
                TAG,
                Input::text("referring_id", "Id of the partner who referred this one"),
                Input::text("referring_key", "Key of the partner who referred this one"),
                Input::text("referring_email", "E-mail address of the partner who referred this one"),
            ],
            columns: PARTNER_COLUMNS,
            calls: "POST /v1/partners",
            source: "seed 004 § Create partner",
            ..PLAIN
        },
        partners::add,
    ),
    offer(
        Command {
            noun: "partners",
            verb: "invite",
            summary: "Send somebody an invitation to sign up as a partner (affiliate programs alone)",
            inputs: &[EMAIL.needed(), NAME.needed(), SURNAME],
            columns: &["invited"],
            calls: "POST /v1/partners:invite",
            source: "seed 004 § Invite a partner",
            ..PLAIN
        },
        partners::invite,
    ),
    offer(
        Command {
            noun: "partners",
            verb: "update",
            summary: "Change fields of a partner; the others stay",
            key: PARTNER,
            inputs: &[BY, EMAIL, NAME, SURNAME, PASSWORD, NEW_KEY, TAG, NO_TAGS],
            columns: PARTNER_COLUMNS,
            calls: "GET as in `partners get`, PUT /v1/partners/{id}",
            source: table::PARTNERS,
            ..PLAIN
        },
        partners::update,
    ),
    offer(
        Command {
            noun: "partners",
            verb: "archive",
            summary: "Archive a partner",
            key: PARTNER,
            inputs: &[BY],
            effect: destroys("the partner loses access to the portal and earns nothing until restored"),
            columns: &["id", "archived"],
            calls: "GET as in `partners get`, POST /v1/partners/{id}/archive",
            source: table::PARTNERS,
        },
        partners::archive,
    ),
    offer(
        Command {
            noun: "partners",
            verb: "restore",
            summary: "Bring an archived partner back",
            key: PARTNER,
            inputs: &[BY],
            columns: &["id", "restored"],
            calls: "GET as in `partners get`, POST /v1/partners/{id}/revoke-archive",
            source: table::PARTNERS,
            ..PLAIN
        },
        partners::restore,
    ),
    offer(
        Command {
            noun: "partners",
            verb: "remove",
            summary: "Delete a partner for good",
            key: PARTNER,
            inputs: &[BY],
            effect: destroys("the partner is deleted for good; `partners archive` can be undone"),
            columns: &["removed"],
            calls: "GET as in `partners get`, DELETE /v1/partners/{id}",
            source: table::PARTNERS,
        },
        partners::remove,
    ),
    offer(
        Command {
            noun: "customers",
            verb: "list",
            summary: "List the customers of the program",
            inputs: &[SORT],
            effect: Effect::Reads,
            columns: CUSTOMER_COLUMNS,
            calls: "GET /v1/customers",
            source: table::CUSTOMERS,
            ..PLAIN
        },
        customers::list,
    ),
    offer(
        Command {
            noun: "customers",
            verb: "get",
            summary: "Show one customer",
            key: Some("Your own key of the customer, the vendor's id, or the e-mail address"),
            effect: Effect::Reads,
            columns: CUSTOMER_COLUMNS,
            calls: "GET /v1/customers/{key}",
            source: table::CUSTOMERS,
            ..PLAIN
        },
        customers::get,
    ),
    offer(
        Command {
            noun: "customers",
            verb: "add",
            summary: "Create a customer of a partner",
            key: CUSTOMER,
            inputs: &[
                BY_PARTNER,
                Input::text("partner_id", "The vendor's id of the partner who is credited"),
                BY_PARTNER_EMAIL,
                EMAIL,
                NAME,
                SURNAME,
                TAG,
                Input::text("referral_url", "The address that the customer came by"),
            ],
            columns: CUSTOMER_COLUMNS,
            calls: "POST /v1/customers",
            source: table::CUSTOMERS,
            ..PLAIN
        },
        customers::add,
    ),
    offer(
        Command {
            noun: "customers",
            verb: "update",
            summary: "Change fields of a customer; the others stay",
            key: CUSTOMER,
            inputs: &[EMAIL, NAME, SURNAME, NEW_KEY, TAG, NO_TAGS],
            columns: CUSTOMER_COLUMNS,
            calls: "PUT /v1/customers/{key}",
            source: table::CUSTOMERS,
            ..PLAIN
        },
        customers::update,
    ),
    offer(
        Command {
            noun: "customers",
            verb: "archive",
            summary: "Archive a customer",
            key: CUSTOMER,
            effect: destroys("the customer's later sales earn nothing until it is restored"),
            columns: &["key", "archived"],
            calls: "POST /v1/customers/{key}/archive",
            source: table::CUSTOMERS,
            ..PLAIN
        },
        customers::archive,
    ),
    offer(
        Command {
            noun: "customers",
            verb: "restore",
            summary: "Bring an archived customer back",
            key: CUSTOMER,
            columns: &["key", "restored"],
            calls: "POST /v1/customers/{key}/revoke-archive",
            source: table::CUSTOMERS,
            ..PLAIN
        },
        customers::restore,
    ),
    offer(
        Command {
            noun: "customers",
            verb: "remove",
            summary: "Delete a customer for good",
            key: CUSTOMER,
            effect: destroys("the customer is deleted for good, and later sales belong to nobody"),
            columns: &["removed"],
            calls: "DELETE /v1/customers/{key}",
            source: table::CUSTOMERS,
            ..PLAIN
        },
        customers::remove,
    ),
    offer(
        Command {
            noun: "transactions",
            verb: "list",
            summary: "List transactions",
            inputs: &[
                Input::text("key", "Only those under this key"),
                BY_PARTNER,
                BY_PARTNER_EMAIL,
                Input::text("customer", "Only those of the customer with this key; goes with no other filter"),
                SORT,
            ],
            effect: Effect::Reads,
            columns: TRANSACTION_COLUMNS,
            calls: "GET /v1/transactions, GET /v1/customers/{key}/transactions",
            source: table::TRANSACTIONS,
            ..PLAIN
        },
        transactions::list,
    ),
    offer(
        Command {
            noun: "transactions",
            verb: "get",
            summary: "Show one transaction with its rewards",
            key: TRANSACTION,
            effect: Effect::Reads,
            columns: TRANSACTION_COLUMNS,
            calls: "GET /v1/transactions/{key}",
            source: table::TRANSACTIONS,
            ..PLAIN
        },
        transactions::get,
    ),
    offer(
        Command {
            noun: "transactions",
            verb: "add",
            summary: "Create a transaction, or a reward without one, under a key that the vendor does not have yet",
            key: TRANSACTION,
            inputs: &[
                BUYER,
                BUYER_BY,
                Input::of(
                    "amount_minor",
                    InputKind::Number,
                    "What was paid, in minor units; the vendor finds the reward",
                ),
                Input::of("reward_minor", InputKind::Number, "The partner's reward itself, in minor units"),
                CURRENCY,
                Input::text("action", "What happened; else `sale`"),
                Input::text("product_id", "The product, for rules by product"),
                Input::text("product_type", "The kind of product, for rules by kind"),
                Input::of("rewarded", InputKind::Flag, "The partner has the reward already"),
                Input::of("no_reward", InputKind::Flag, "The partner earns nothing by it"),
                Input::of("created_at", InputKind::Time, "When it happened; else now"),
            ],
            columns: TRANSACTION_COLUMNS,
            calls: "GET /v1/transactions?key=, POST /v1/transactions",
            source: table::TRANSACTIONS,
            ..PLAIN
        },
        transactions::add,
    ),
    offer(
        Command {
            noun: "transactions",
            verb: "batch",
            summary: "Create several transactions of one customer, under keys that the vendor does not have yet",
            inputs: &[
                BUYER,
                BUYER_BY,
                CURRENCY,
                Input::of("transaction", InputKind::Pairs, "KEY=AMOUNT, the amount in minor units").needed(),
            ],
            columns: TRANSACTION_COLUMNS,
            calls: "GET /v1/transactions?key= for each key, POST /v1/transactions",
            source: table::TRANSACTIONS,
            ..PLAIN
        },
        transactions::batch,
    ),
    offer(
        Command {
            noun: "transactions",
            verb: "archive",
            summary: "Archive a transaction with its rewards",
            key: TRANSACTION,
            effect: destroys("the partner loses the transaction's commission until it is restored"),
            columns: &["key", "archived"],
            calls: "POST /v1/transactions/{key}/archive",
            source: table::TRANSACTIONS,
            ..PLAIN
        },
        transactions::archive,
    ),
    offer(
        Command {
            noun: "transactions",
            verb: "restore",
            summary: "Bring an archived transaction back with its rewards",
            key: TRANSACTION,
            columns: &["key", "restored"],
            calls: "POST /v1/transactions/{key}/revoke-archive",
            source: table::TRANSACTIONS,
            ..PLAIN
        },
        transactions::restore,
    ),
    offer(
        Command {
            noun: "transactions",
            verb: "remove",
            summary: "Delete a transaction for good",
            key: TRANSACTION,
            effect: destroys("the partner loses the transaction's commission for good"),
            columns: &["removed"],
            calls: "DELETE /v1/transactions/{key}",
            source: table::TRANSACTIONS,
            ..PLAIN
        },
        transactions::remove,
    ),
    offer(
        Command {
            noun: "webhooks",
            verb: "list",
            summary: "List the webhooks, without their secrets",
            effect: Effect::Reads,
            columns: WEBHOOK_COLUMNS,
            calls: "GET /v1/webhooks",
            source: table::WEBHOOKS,
            ..PLAIN
        },
        webhooks::list,
    ),
    offer(
        Command {
            noun: "webhooks",
            verb: "register",
            summary: "Register a webhook, and show the secret for `webhook_secret`",
            inputs: &[
                Input::of(
                    "url",
                    InputKind::Address,
                    "Address of the program's webhooks; may also be typed, since Partnero signs what it sends",
                )
                .needed(),
                Input::text("name", "A name of up to 100 characters").needed(),
                Input::of("event", InputKind::Texts, "An event, such as transaction.created").needed(),
                Input::text("key", "Your own key of the webhook; else the vendor makes one"),
                Input::of("inactive", InputKind::Flag, "Send nothing yet"),
            ],
            columns: WEBHOOK_COLUMNS,
            calls: "POST /v1/webhooks",
            source: table::WEBHOOKS,
            ..PLAIN
        },
        webhooks::register,
    ),
    offer(
        Command {
            noun: "webhooks",
            verb: "remove",
            summary: "Delete a webhook",
            key: WEBHOOK,
            effect: destroys("the vendor no longer reports events there"),
            columns: &["removed"],
            calls: "DELETE /v1/webhooks/{key}",
            source: table::WEBHOOKS,
            ..PLAIN
        },
        webhooks::remove,
    ),
];
