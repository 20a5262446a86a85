//! The commands of PartnerStack: the inputs of each in each dialect. `lists` builds the requests of those that read, `changes`
//! the others; this file only lists them.
//!
//! | | `current` | `guide` |
//! |---|---|---|
//! | customers | list, get, POST, PATCH, DELETE | list, POST and PUT of seed 000; get, DELETE beyond it |
//! | partners, partnerships | the calls of partnerships | list and get of seed 000; changes beyond it |
//! | transactions | list, POST, DELETE | POST of seed 000; list and DELETE beyond it |
//! | groups | list | get of seed 000; list beyond it |
//! | commissions | list of rewards | the same, beyond it |
//! | webhooks | list, POST, DELETE | registered in the dashboard |
//!
//! Sources: <https://docs.partnerstack.com/reference>; vendors.md §§ 1.2 to 1.4, vendors-2.md § 4; seeds 000 and 002.

use super::changes::{
    add_customer, add_partner, add_transaction, move_partners, register_webhook, remove_partner, update_customer,
    update_partner,
};
use super::lists::{Thing, list, one, search};
use super::{Account, table};
use crate::Dialect;
use crate::command::{Ask, Command, Effect, Input, InputKind, Offer, Refusal, Reply, Values};

const CURRENT: &[Dialect] = &[Dialect::Current];
const GUIDE: &[Dialect] = &[Dialect::Guide];
const BOTH: &[Dialect] = &Dialect::ALL;

/// A command that reads and has no inputs.
const READS: Command = Command {
    noun: "",
    verb: "",
    summary: "",
    key: None,
    inputs: &[],
    effect: Effect::Reads,
    columns: &[],
    calls: "",
    source: "",
};

const SINCE: Input = Input::of("since", InputKind::Time, "Created at this time or later, such as 2026-11-01T00:00:00Z");
const UNTIL: Input = Input::of("until", InputKind::Time, "Created at this time or earlier");
const PERIOD: &[Input] = &[SINCE, UNTIL];

const CUSTOMER_KEY: Option<&str> = Some("The customer's key, as in signups");
const EMAIL: Input = Input::text("email", "E-mail address");
const NAME: Input = Input::text("name", "Full name");
const PROVIDER_KEY: Input = Input::text("provider_key", "Key at your payment provider");
const MEMBER_KEY: Input = Input::text("member_key", "Key of the partner's member who brought the customer");
const FIRST_NAME: Input = Input::text("first_name", "First name");
const LAST_NAME: Input = Input::text("last_name", "Last name");
const STATUS: Input = Input::text("status", "Status, such as active or inactive");
const EXTERNAL_KEY: Input = Input::text("external_key", "A further key of your own");
const CUSTOMER_GROUP: Input = Input::text("group", "Key of the group");
const REFERRER: Input = Input::text("partner", "Key of the partner who referred the customer; cannot be changed later");
const DATA: Input = Input::of("data", InputKind::Pairs, "Free data");

const LIST_CUSTOMERS: Command = Command {
    noun: "customers",
    verb: "list",
    summary: "List every customer of a program",
    columns: &["key|id", "partner|partnership", "status", "created_at"],
    calls: "GET /v2/customers",
    source: table::CUSTOMERS,
    ..READS
};
const ADD_CUSTOMER: Command = Command {
    verb: "add",
    summary: "Add a customer of a partner; an existing key is refused",
    key: CUSTOMER_KEY,
    effect: Effect::Changes,
    calls: "POST /v2/customers",
    ..LIST_CUSTOMERS
};
const UPDATE_CUSTOMER: Command = Command {
    verb: "update",
    summary: "Change a customer; omitted fields stay",
    calls: "PATCH /v2/customers/{customer_key}",
    ..ADD_CUSTOMER
};

const PARTNER_KEY: Option<&str> = Some("The partner's key or, if the vendor can look it up, e-mail address");
const GROUP: Input = Input::text("group", "Key of the group; its rules may change running commissions");

const LIST_PARTNERS: Command = Command {
    noun: "partners",
    verb: "list",
    summary: "List every partner of a program",
    columns: &["key", "status", "group", "created_at"],
    calls: "GET /v2/partnerships",
    source: table::PARTNERSHIPS,
    ..READS
};
const GET_PARTNER: Command = Command {
    verb: "get",
    summary: "Show one partner",
    key: PARTNER_KEY,
    inputs: &[],
    calls: "GET /v2/partnerships/{key}",
    ..LIST_PARTNERS
};
const CHANGE_PARTNER: Command = Command { effect: Effect::Changes, ..GET_PARTNER };

const ONLY_GROUP: Input = Input::text("group", "Only this group");
const PROFILES: Input =
    Input::of("profiles", InputKind::Flag, "Also read and show each partner, with one request each");
const LIST_PARTNERSHIPS: Command = Command {
    noun: "partnerships",
    verb: "list",
    summary: "List which partners belong to which group",
    columns: &["key", "status", "group", "id"],
    calls: "GET /v2/partnerships",
    source: table::PARTNERSHIPS,
    ..READS
};

const LIST_TRANSACTIONS: Command = Command {
    noun: "transactions",
    verb: "list",
    summary: "List transactions, the newest first",
    inputs: PERIOD,
    columns: &["key", "customer|customer_id", "amount_minor|amount_cents", "status", "created_at"],
    calls: "GET /v2/transactions",
    source: table::TRANSACTIONS,
    ..READS
};
const ADD_TRANSACTION: Command = Command {
    verb: "add",
    summary: "Add a transaction; the vendor computes commissions from it",
    effect: Effect::Changes,
    calls: "POST /v2/transactions",
    ..LIST_TRANSACTIONS
};
const CUSTOMER: Input = Input::text("customer", "The customer's key, as in signups");
const AMOUNT: Input = Input::of(
    "amount_minor",
    InputKind::Number,
    "The amount in minor units of the currency, such as 9900 for 99.00 USD; negative for a refund",
)
.needed();
const CURRENCY: Input = Input::text("currency", "ISO 4217, such as USD").needed();

const LIST_COMMISSIONS: Command = Command {
    noun: "commissions",
    verb: "list",
    summary: "List what partners earn (PartnerStack: rewards)",
    inputs: &[
        Input::of("status", InputKind::Choice(&["hold", "pending", "approved", "declined", "paid"]), "In this state"),
        Input::text("customer_id", "Of this customer, by the vendor's own key"),
        SINCE,
        UNTIL,
    ],
    columns: &["key", "partner|partnership", "amount_minor|amount_cents", "status", "created_at"],
    calls: "GET /v2/rewards",
    source: table::REWARDS,
    ..READS
};

const LIST_WEBHOOKS: Command = Command {
    noun: "webhooks",
    verb: "list",
    summary: "List the webhooks that are registered at the vendor",
    columns: &["key", "events", "created_at"],
    calls: "GET /v2/webhooks",
    source: table::WEBHOOKS,
    ..READS
};

const LIST_GROUPS: Command = Command {
    noun: "groups",
    verb: "list",
    summary: "List every group of a program",
    columns: &["key", "slug", "name"],
    calls: "GET /v2/groups",
    source: table::GROUPS,
    ..READS
};

type Start = fn(&Account, &Values) -> Result<Ask<Reply>, Refusal>;

const fn offer(dialects: &'static [Dialect], command: Command, start: Start) -> Offer<Account> {
    Offer { command, dialects, start }
}

const LIST_OF_CUSTOMERS: Start = |account, values| list(account, Thing::Customer, values);
const LIST_OF_PARTNERS: Start = |account, values| list(account, Thing::Partner, values);
const LIST_OF_PARTNERSHIPS: Start = |account, values| list(account, Thing::Partnership, values);
const ONE_PARTNER: Start = |account, values| Ok(one(account, Thing::Partner, &values.key));

/// Everything that an account offers.
pub(super) static OFFERS: &[Offer<Account>] = &[
    offer(BOTH, LIST_GROUPS, |account, values| list(account, Thing::Group, values)),
    offer(
        GUIDE,
        Command {
            verb: "get",
            summary: "Show one group",
            key: Some("The group's key"),
            calls: "GET /v2/groups/{group_key}",
            source: "seed 000 § Get Group",
            ..LIST_GROUPS
        },
        |account, values| Ok(one(account, Thing::Group, &values.key)),
    ),
    offer(CURRENT, Command { inputs: PERIOD, ..LIST_PARTNERS }, LIST_OF_PARTNERS),
    offer(
        GUIDE,
        Command { calls: "GET /v2/partners", source: "seed 000 § List Partners", ..LIST_PARTNERS },
        LIST_OF_PARTNERS,
    ),
    offer(CURRENT, GET_PARTNER, ONE_PARTNER),
    offer(
        GUIDE,
        Command { calls: "GET /v2/partners/{partner_key}", source: "seed 000 § Get Partner", ..GET_PARTNER },
        ONE_PARTNER,
    ),
    offer(
        BOTH,
        Command {
            verb: "add",
            summary: "Add a partner; the vendor invites its main contact by e-mail",
            key: None,
            inputs: &[
                Input::text("email", "E-mail address of the main contact").needed(),
                Input::text("group", "Key of the group that the partner joins [default: the vendor chooses]"),
                Input::text("key", "The partner's key [default: the vendor makes one from the name]"),
                FIRST_NAME,
                LAST_NAME,
                Input::text("manager_email", "E-mail address of your manager for this partner"),
                Input::text("manager_name", "Name of your manager for this partner"),
                Input::of("tag", InputKind::Texts, "A tag"),
            ],
            calls: "POST /v2/partnerships",
            ..CHANGE_PARTNER
        },
        add_partner,
    ),
    offer(
        BOTH,
        Command {
            verb: "update",
            summary: "Change a partner's key or group; only the partner can change name and address",
            inputs: &[Input::text("new_key", "The new key; existing links keep the old key"), GROUP],
            calls: "GET and PATCH /v2/partnerships/{key}",
            ..CHANGE_PARTNER
        },
        update_partner,
    ),
    offer(
        BOTH,
        Command {
            verb: "move",
            summary: "Move several partners to another group, one after the other; the new group's rules may change \
                      running commissions",
            key: None,
            inputs: &[
                Input::of("partner", InputKind::Texts, "Key or e-mail address of a partner that moves").needed(),
                GROUP.needed(),
            ],
            calls: "GET and PATCH /v2/partnerships/{key}, for each partner",
            ..CHANGE_PARTNER
        },
        move_partners,
    ),
    offer(
        BOTH,
        Command {
            verb: "remove",
            summary: "Remove a partner from the program",
            effect: Effect::Destroys {
                follows: "a removed partner cannot come back by the same address unless you add it again, which begins a \
                          new partnership without history; its links go on to your site and earn nothing",
            },
            calls: "GET and DELETE /v2/partnerships/{key}",
            ..GET_PARTNER
        },
        |account, values| Ok(remove_partner(account, values)),
    ),
    offer(
        CURRENT,
        Command { inputs: &[ONLY_GROUP, PROFILES, SINCE, UNTIL], ..LIST_PARTNERSHIPS },
        LIST_OF_PARTNERSHIPS,
    ),
    offer(
        GUIDE,
        Command { inputs: &[ONLY_GROUP, PROFILES], source: "seed 000 § List Partnerships", ..LIST_PARTNERSHIPS },
        LIST_OF_PARTNERSHIPS,
    ),
    offer(
        BOTH,
        Command {
            verb: "get",
            summary: "Show one partnership",
            key: Some("Key of the partnership at the vendor, or key or e-mail address of the partner"),
            inputs: &[],
            calls: "GET /v2/partnerships/{key}",
            ..LIST_PARTNERSHIPS
        },
        |account, values| Ok(one(account, Thing::Partnership, &values.key)),
    ),
    offer(CURRENT, Command { inputs: PERIOD, ..LIST_CUSTOMERS }, LIST_OF_CUSTOMERS),
    offer(GUIDE, Command { source: "seed 000 § List Customers", ..LIST_CUSTOMERS }, LIST_OF_CUSTOMERS),
    offer(
        BOTH,
        Command {
            verb: "get",
            summary: "Show one customer",
            key: CUSTOMER_KEY,
            calls: "GET /v2/customers/{customer_key}",
            ..LIST_CUSTOMERS
        },
        |account, values| Ok(one(account, Thing::Customer, &values.key)),
    ),
    offer(
        CURRENT,
        Command { inputs: &[EMAIL.needed(), REFERRER.needed(), NAME, PROVIDER_KEY, MEMBER_KEY, DATA], ..ADD_CUSTOMER },
        add_customer,
    ),
    offer(
        GUIDE,
        Command {
            inputs: &[
                EMAIL.needed(),
                REFERRER,
                NAME,
                FIRST_NAME,
                LAST_NAME,
                STATUS,
                EXTERNAL_KEY,
                CUSTOMER_GROUP,
                DATA,
            ],
            source: "seed 000 § Create Customer",
            ..ADD_CUSTOMER
        },
        add_customer,
    ),
    offer(
        CURRENT,
        Command { inputs: &[EMAIL, NAME, PROVIDER_KEY, MEMBER_KEY, DATA], ..UPDATE_CUSTOMER },
        update_customer,
    ),
    offer(
        GUIDE,
        Command {
            inputs: &[EMAIL, NAME, FIRST_NAME, LAST_NAME, STATUS, EXTERNAL_KEY, CUSTOMER_GROUP, DATA],
            calls: "PUT /v2/customers/{customer_key}",
            source: "seed 000 § Update Customer",
            ..UPDATE_CUSTOMER
        },
        update_customer,
    ),
    offer(
        BOTH,
        Command {
            verb: "remove",
            summary: "Remove a customer",
            effect: Effect::Destroys { follows: "the partner earns no further commission on a removed customer" },
            calls: "DELETE /v2/customers/{customer_key}",
            ..ADD_CUSTOMER
        },
        |account, Values { key, .. }| {
            let label = "DELETE /v2/customers/{customer_key}";
            Ok(account.removal("/api/v2/customers", key, key, label, Thing::Customer))
        },
    ),
    offer(BOTH, LIST_TRANSACTIONS, |account, values| list(account, Thing::Transaction, values)),
    offer(
        CURRENT,
        Command {
            inputs: &[
                CUSTOMER,
                Input::text("customer_id", "The vendor's own key of the customer"),
                Input::text("customer_email", "The customer's e-mail address"),
                AMOUNT,
                CURRENCY,
                Input::text("key", "Your key of the transaction; without it a repeat is a second transaction").needed(),
                Input::text("category", "Category"),
                Input::text("product", "Product"),
                Input::of("at", InputKind::Time, "When it happened, such as 2026-11-01T00:00:00Z"),
                DATA,
            ],
            ..ADD_TRANSACTION
        },
        add_transaction,
    ),
    offer(
        GUIDE,
        Command {
            inputs: &[CUSTOMER.needed(), AMOUNT, CURRENCY],
            source: "seed 000 § Create Transaction",
            ..ADD_TRANSACTION
        },
        add_transaction,
    ),
    offer(
        BOTH,
        Command {
            verb: "remove",
            summary: "Remove a transaction",
            key: Some("The transaction's key"),
            inputs: &[],
            effect: Effect::Destroys {
                follows: "the partner loses the transaction's commission, and the ledger still shows the sale",
            },
            calls: "DELETE /v2/transactions/{key}",
            ..LIST_TRANSACTIONS
        },
        |account, Values { key, .. }| {
            let label = "DELETE /v2/transactions/{key}";
            Ok(account.removal("/api/v2/transactions", key, key, label, Thing::Transaction))
        },
    ),
    offer(BOTH, LIST_COMMISSIONS, |account, values| list(account, Thing::Reward, values)),
    offer(
        BOTH,
        Command {
            verb: "get",
            summary: "Show one commission; PartnerStack has no call for one, so its list is searched",
            key: Some("The commission's key"),
            inputs: &[],
            ..LIST_COMMISSIONS
        },
        |account, values| Ok(search(account, Thing::Reward, &values.key)),
    ),
    offer(CURRENT, LIST_WEBHOOKS, |account, values| list(account, Thing::Webhook, values)),
    offer(
        CURRENT,
        Command {
            verb: "register",
            summary: "Tell the vendor where to send its webhooks",
            inputs: &[
                Input::of(
                    "url",
                    InputKind::Secret,
                    "Address of the program's webhooks, which nobody else may know, since PartnerStack signs nothing",
                )
                .needed(),
                Input::of("event", InputKind::Texts, "An event, such as customer_created").needed(),
                Input::of(
                    "field",
                    InputKind::Choice(&["target_url", "target"]),
                    "The vendor's name for the address, on which its sources disagree [default: target_url]",
                ),
            ],
            effect: Effect::Changes,
            calls: "POST /v2/webhooks",
            source: "docs.partnerstack.com (webhooks); the name of the address: third parties' clients, which disagree",
            ..LIST_WEBHOOKS
        },
        register_webhook,
    ),
    offer(
        CURRENT,
        Command {
            verb: "remove",
            summary: "End a webhook",
            key: Some("The webhook's key at the vendor"),
            effect: Effect::Destroys {
                follows: "the vendor reports nothing there any more, so commissions are read only by look-up",
            },
            calls: "DELETE /v2/webhooks/{key}",
            ..LIST_WEBHOOKS
        },
        |account, Values { key, .. }| {
            Ok(account.removal("/api/v2/webhooks", key, key, "DELETE /v2/webhooks/{key}", Thing::Webhook))
        },
    ),
];
