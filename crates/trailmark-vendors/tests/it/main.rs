//! The adapters through their public surface: a task or an answer goes in, text comes out. Answers under
//! `fixtures/partnerstack/` have the shapes of the vendor's documents, one file a status. No network, no clock.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod account;
mod answers;
mod capabilities;
mod changes;
mod commissions;
mod guide;
mod hints;
mod lists;
mod look_up;
mod orders;
mod partners;
mod redaction;
mod signups;
mod webhooks;

use trailmark_vendors::directory::{Call, List, Thing};
use trailmark_vendors::exchange::{Answer, Request};
use trailmark_vendors::paging::Pages;
use trailmark_vendors::records::{Partner, Record};
use trailmark_vendors::secret::Secret;
use trailmark_vendors::task::{Plan, Task};
use trailmark_vendors::{Account, Vendor, vendor};
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, ConversionId, CustomerKey, PartnerKey, VendorName};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

/// 2026-11-21T08:00:00Z, when every answer arrives.
const NOW: UnixMillis = UnixMillis(1_795_248_000_000);

/// A recorded answer's body.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/partnerstack/", $name, ".json"))
    };
}
pub(crate) use fixture;

fn account() -> Account {
    Account {
        public_key: Some(Secret::new("pk_test")),
        private_key: Some(Secret::new("sk_test_private")),
        tracking_token: Some(Secret::new("tt_tracking")),
        ..Account::default()
    }
}

fn partnerstack(account: &Account) -> Box<dyn Vendor> {
    vendor(VendorName::PartnerStack, account).unwrap()
}

/// With a key pair and a tracking token.
fn adapter() -> Box<dyn Vendor> {
    partnerstack(&account())
}

/// Ada's signup after a click; tests take away what they are about.
fn signup() -> Task {
    Task {
        conversion: ConversionId::from_parts(NOW, [7; 10]),
        kind: Kind::Signup,
        occurred_at: NOW,
        customer: Some(Customer {
            key: CustomerKey::new("u_1").unwrap(),
            email: Some("ada@example.com".into()),
            name: Some("Ada Lovelace".into()),
        }),
        order: None,
        refund_of: None,
        sale: None,
        customer_reference: None,
        click_id: Some(ClickId::new("xid123").unwrap()),
        partner: Some(PartnerKey::new("acme").unwrap()),
        data: TextMap::new(),
        is_unsent: false,
    }
}

/// The same without a click id, which makes it `POST /v2/customers`.
fn signup_without_click() -> Task {
    Task { click_id: None, ..signup() }
}

fn with_key(task: Task, key: &str) -> Task {
    let customer = task.customer.map(|customer| Customer { key: CustomerKey::new(key).unwrap(), ..customer });
    Task { customer, ..task }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: body.into(), at: NOW }
}

fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Answer { headers, ..answer(status, body) }
}

fn sent(vendor: &dyn Vendor, task: &Task) -> Request {
    match vendor.plan(task).unwrap() {
        Plan::Send { request, .. } => request,
        other => panic!("nothing to send: {other:?}"),
    }
}

/// One partner by this key.
fn one_partner(vendor: &dyn Vendor, key: &str) -> Call<Record> {
    vendor.one(Thing::Partner, key).unwrap()
}

/// Every partner.
fn all_partners(vendor: &dyn Vendor) -> Pages {
    vendor.list(&List::all(Thing::Partner)).unwrap()
}

fn partner(record: Record) -> Partner {
    match record {
        Record::Partner(partner) => *partner,
        other => panic!("no partner: {other:?}"),
    }
}

/// A request as it goes over the wire, credentials and all.
fn rendered(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method.as_str(), request.url.expose());
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {}\n", value.expose()));
    }
    if let Some(body) = &request.body {
        text.push_str(&format!("\n{}\n", String::from_utf8(body.clone()).unwrap()));
    }
    text
}
