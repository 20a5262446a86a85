//! What PartnerStack supports, cell by cell, in both dialects, and the commands that it cannot serve. This file only
//! describes it; `mod.rs` decides which call a task becomes.

use super::NAME;
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::command::{Lack, lack};

const TEAM: &str = "no call invites, changes or removes users of your own team; do it in PartnerStack";
const SCIM: &str = "it has no SCIM endpoint and no connector of an identity provider";

pub(super) const ACTIONS: &str = "docs.partnerstack.com (actions)";
pub(super) const CUSTOMERS: &str = "docs.partnerstack.com (customers)";
pub(super) const GROUPS: &str = "docs.partnerstack.com (groups)";
pub(super) const OWN_TEAM: &str = "seed 000 § Summary and recommendation";
pub(super) const PARTNERSHIPS: &str = "docs.partnerstack.com (partnerships)";
pub(super) const REWARDS: &str = "docs.partnerstack.com (rewards); fields and states: third parties' typed clients";
pub(super) const TRANSACTIONS: &str = "docs.partnerstack.com (transactions)";
pub(super) const WEBHOOKS: &str = "docs.partnerstack.com (webhooks)";
const EVENTS: &str = "seed 000 § Rate limits, pagination, and events";
const MEMBER: &str = "docs.partnerstack.com (index of the reference: partnerships, member)";
const TAGS: &str = "docs.partnerstack.com (index of the reference: partnerships, tags)";

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let cell = match dialect {
        Dialect::Current => current,
        Dialect::Guide => guide,
    };
    Capabilities { vendor: NAME, dialect, cells: Operation::ALL.map(|operation| (operation, cell(operation))).to_vec() }
}

fn current(operation: Operation) -> Support {
    match operation {
        // Neither call promises that a repeat has no second effect: the code of a taken key is not documented.
        Operation::Signup => Support::Yes {
            how: "POST conversion/xid with a click id and a tracking token, else POST /v2/customers",
            class: Some(Class::Searchable),
            source: "docs.partnerstack.com (conversion API, customers)",
        },
        // No call reads an action back by anything that we send (vendors.md § 1.2).
        Operation::Lead => Support::Yes {
            how: "POST /v2/actions on the customer, once it is recorded",
            class: Some(Class::Neither),
            source: ACTIONS,
        },
        Operation::Sale => Support::Assumed {
            how: "POST /v2/transactions with the order's key, in cents (assumed: hundredths whatever the currency), \
                  once the customer is recorded",
            class: Some(Class::Searchable),
            source: TRANSACTIONS,
        },
        // The class of a negative transaction, the stricter of the two.
        Operation::Refund => Support::Assumed {
            how: "DELETE /v2/transactions/{key} for all of a sale, else a negative transaction with the refund's key, \
                  in cents (assumed: hundredths whatever the currency)",
            class: Some(Class::Searchable),
            source: TRANSACTIONS,
        },
        Operation::LookUp => Support::Yes {
            how: "GET /v2/customers/{customer_key}; GET /v2/transactions since the sale, by our key",
            class: None,
            source: "docs.partnerstack.com (customers, transactions)",
        },
        Operation::Partners => Support::Yes {
            how: "/v2/partnerships: list, get, add, update (key, group), remove; no invite, whose body is not documented",
            class: None,
            source: "docs.partnerstack.com (partnerships); seed 002",
        },
        Operation::Partnerships => Support::Yes {
            how: "GET /v2/partnerships: list, get; Trailmark filters by group",
            class: None,
            source: PARTNERSHIPS,
        },
        Operation::Groups => {
            Support::Yes { how: "GET /v2/groups: list; no call reads a single group", class: None, source: GROUPS }
        }
        Operation::Customers => Support::Yes {
            how: "/v2/customers: list, get, POST, PATCH, DELETE; an added key must be new",
            class: None,
            source: CUSTOMERS,
        },
        Operation::Transactions => Support::Yes {
            how: "/v2/transactions: list, POST with a key, DELETE; no call reads or changes a single one",
            class: None,
            source: TRANSACTIONS,
        },
        Operation::Webhooks => Support::Yes {
            how: "partnership.* and customer_* events on a secret path, read back by GET /v2/rewards and customers",
            class: None,
            source: "docs.partnerstack.com (webhook guide, rewards, customers)",
        },
        Operation::Team => Support::Unsupported { why: TEAM, source: OWN_TEAM },
        Operation::Scim => Support::Unsupported { why: SCIM, source: "seed 000 § SCIM API status" },
    }
}

fn guide(operation: Operation) -> Support {
    match operation {
        Operation::Signup => Support::Yes {
            how: "POST /customers with the partner's key; a key that exists is an error",
            class: Some(Class::UniqueKey),
            source: "seed 000 § Create Customer",
        },
        Operation::Lead => Support::Yes {
            how: "POST /actions on the customer, beyond the guide",
            class: Some(Class::Neither),
            source: ACTIONS,
        },
        // The guide's transaction has nothing of ours but the customer, and two sales of one customer may be equal.
        Operation::Sale => Support::Assumed {
            how: "POST /transactions with customer_key, currency and amount in cents (assumed: hundredths whatever the \
                  currency)",
            class: Some(Class::Neither),
            source: "seed 000 § Create Transaction",
        },
        // The class of a negative transaction, the stricter of the two.
        Operation::Refund => Support::Assumed {
            how: "DELETE /transactions/{key} for all of a sale, else a negative transaction, beyond the guide, in \
                  cents (assumed: hundredths whatever the currency)",
            class: Some(Class::Neither),
            source: TRANSACTIONS,
        },
        Operation::LookUp => Support::Yes {
            how: "GET /customers/{customer_key}, beyond the guide; transactions cannot be told apart",
            class: None,
            source: CUSTOMERS,
        },
        Operation::Partners => Support::Yes {
            how: "GET /partners: list, get; add, update (key, group), remove beyond the guide; no invite",
            class: None,
            source: "seed 000 § List Partners, § Get Partner; docs.partnerstack.com (partnerships)",
        },
        Operation::Partnerships => Support::Yes {
            how: "GET /partnerships: list, by group_key too; get beyond the guide",
            class: None,
            source: "seed 000 § List Partnerships; docs.partnerstack.com (partnerships)",
        },
        Operation::Groups => Support::Yes {
            how: "GET /groups/{group_key}; list beyond the guide",
            class: None,
            source: "seed 000 § Get Group; docs.partnerstack.com (groups)",
        },
        Operation::Customers => Support::Yes {
            how: "GET /customers: list; POST, PUT; get and DELETE beyond the guide",
            class: None,
            source: "seed 000 § Create, Update and List Customers; docs.partnerstack.com (customers)",
        },
        Operation::Transactions => Support::Yes {
            how: "POST /transactions without a key of ours; list and DELETE beyond the guide",
            class: None,
            source: "seed 000 § Create Transaction; docs.partnerstack.com (transactions)",
        },
        Operation::Webhooks => Support::Assumed {
            how: "partner.*, customer.*, transaction.* and reward.created, read back by GET /rewards, beyond the guide; the \
                  guide shows no body, so the flat one of the vendor's documents is assumed",
            class: None,
            source: "seed 000 § Rate limits, pagination, and events (the names alone); the body is assumed",
        },
        Operation::Team => Support::Unsupported { why: TEAM, source: OWN_TEAM },
        Operation::Scim => Support::Unsupported { why: SCIM, source: "seed 000 § SCIM API status" },
    }
}

/// What it does not offer, or in one dialect only. Every paragraph of seed 002 is a command or a row here.
pub(super) static LACKING: &[Lack] = &[
    lack("groups", "get", "the documents have no call for a single group; list them, or use dialect `guide`", GROUPS),
    lack(
        "groups",
        "join-link",
        "each group's join link is in PartnerStack: Groups, the group, Settings; whoever follows it, also a partner whom \
         the network declined, fills in your application form if you have one",
        "seed 002 § Sharing a direct group join link",
    ),
    lack(
        "partners",
        "invite",
        "adding a member needs a call whose body is not documented; add a partner, which invites its main contact, and \
         invite further members in PartnerStack: Add Partners",
        MEMBER,
    ),
    lack(
        "partners",
        "tag",
        "PATCH /v2/partnerships/{key}/tags has no documented body; give tags when you add a partner, or in PartnerStack",
        TAGS,
    ),
    lack(
        "partners",
        "rename",
        "name and e-mail address are the partner's own to change, in PartnerStack",
        "seed 002 § Updating partner information",
    ),
    lack(
        "members",
        "list",
        "the list of a team is in the partners' own API; see Members of the partner in PartnerStack",
        "docs.partnerstack.com (partner API)",
    ),
    lack(
        "members",
        "invite",
        "POST /v2/partnerships/{partner_key}/member has no documented body; invite members in PartnerStack: Add Partners",
        MEMBER,
    ),
    lack(
        "members",
        "update",
        "no call changes a member's role (Owner, Admin, Finance, Member); the partner's owner does, in PartnerStack",
        "seed 002 § Adding members",
    ),
    lack(
        "invitations",
        "list",
        "invitations are resent and deleted in PartnerStack only: the partner's profile, Invites",
        "seed 002 § Customize the invite email",
    ),
    lack(
        "applications",
        "list",
        "no documented call lists applications; they are in PartnerStack, and `trailmark webhooks list` names the \
         application, partner and group of each `application_created` that came",
        "docs.partnerstack.com (webhooks: application_created, _approved, _declined)",
    ),
    lack(
        "applications",
        "approve",
        "applications are approved and declined in PartnerStack only",
        "seed 002 § Managing inbound partners applications",
    ),
    lack(
        "links",
        "deactivate",
        "links are deactivated only in PartnerStack, when you delete the partner there; a partner removed by \
         the API keeps links that go on to your site and earn nothing",
        "seed 002 § Removing partners from your program",
    ),
    lack("transactions", "get", "the documents have no call for a single transaction; list them", TRANSACTIONS),
    lack(
        "transactions",
        "update",
        "a transaction cannot be changed; remove it, and add it with another key",
        TRANSACTIONS,
    ),
    lack(
        "webhooks",
        "list",
        "in the guide, webhooks are in PartnerStack only: Settings, Integrations, Webhooks",
        EVENTS,
    ),
    lack(
        "webhooks",
        "register",
        "in the guide, webhooks are in PartnerStack only: Settings, Integrations, Webhooks",
        EVENTS,
    ),
    lack(
        "webhooks",
        "remove",
        "in the guide, webhooks are in PartnerStack only: Settings, Integrations, Webhooks",
        EVENTS,
    ),
    lack("users", "list", "your own team is managed in PartnerStack only; it has no call and no SCIM for it", OWN_TEAM),
];
