//! The invented vendor among the others: it is in both tables, its settings and capabilities are told like theirs, its links
//! are captured, and its account sends and reads. Runs in the copy that `cargo xtask test` makes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use trailmark_vendors::account::{SettingKind, Settings};
use trailmark_vendors::capability::{Operation, Support};
use trailmark_vendors::exchange::{Answer, Step};
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::task::{Plan, Task};
use trailmark_vendors::{Dialect, VENDORS, vendor};
use trailmark_wire::capture::{Rule, capture};
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, ConversionId, CustomerKey, ProgramId, SiteId};
use trailmark_wire::landing::Landing;
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

const NOW: UnixMillis = UnixMillis(1_795_248_000_000);

#[test]
fn it_is_the_fifth_in_both_tables() {
    let names: Vec<_> = VENDORS.iter().map(|vendor| vendor.name()).collect();
    let captured: Vec<_> = VendorName::all().map(VendorName::as_str).collect();
    assert_eq!((names.len(), names.last(), &captured), (5, Some(&"acme"), &names));
}

#[test]
fn its_settings_and_capabilities_are_told() {
    let acme = vendor("acme").unwrap();
    let settings: Vec<_> = acme.settings().iter().map(|setting| (setting.name, setting.is_needed)).collect();
    assert_eq!((acme.title(), settings), ("Acme", vec![("api_key", true), ("base_url", false)]));
    assert!(acme.settings().iter().any(|setting| setting.kind == SettingKind::Secret));
    for dialect in Dialect::ALL {
        let table = acme.capabilities(dialect);
        assert!(matches!(table.of(Operation::Signup), Support::Yes { .. }));
        assert!(matches!(table.of(Operation::Sale), Support::Unsupported { .. }));
    }
    let lacking: Vec<_> = acme.lacking().iter().map(|lack| (lack.noun, lack.verb)).collect();
    assert_eq!(lacking, [("partners", "list")]);
}

#[test]
fn its_links_are_captured() {
    let landing = Landing::parse("https://shop.example/?acme_id=Click7").unwrap();
    let rule = Rule { vendor: VendorName::from_name("acme"), params: &[] };
    let captured = capture(&landing, |_| None, &rule).unwrap();
    assert_eq!(captured.click_id.unwrap().as_str(), "Click7");
}

#[test]
fn its_account_sends_a_signup_and_reads_the_answer() {
    let settings = Settings::of(Dialect::Current);
    let missing = vendor("acme").unwrap().open(&settings).unwrap_err();
    assert_eq!(missing.to_string(), "`api_key` is missing: acme needs it (key of its API)");
    let account = vendor("acme").unwrap().open(&settings.with_secret("api_key", "k_1")).unwrap();
    assert_eq!(account.hosts, ["api.acme.example"]);
    let task = Task {
        site: SiteId::new("shop").unwrap(),
        program: ProgramId::new("acme").unwrap(),
        conversion: ConversionId::from_parts(NOW, [7; 10]),
        kind: Kind::Signup,
        occurred_at: NOW,
        customer: Some(Customer { key: CustomerKey::new("u_1").unwrap(), email: None, name: None }),
        order: None,
        refund_of: None,
        sale: None,
        customer_reference: None,
        click_id: Some(ClickId::new("Click7").unwrap()),
        partner: None,
        data: TextMap::new(),
        reference: None,
        touch_used_by: None,
        is_unsent: false,
        may_have_acted: false,
    };
    let Plan::Send { call, .. } = account.delivery.plan(&task).unwrap() else { panic!("a signup is sent") };
    assert_eq!(call.request.url.expose(), "https://api.acme.example/signups/u_1");
    let read =
        |status, body: &str| match (call.read)(&Answer { status, headers: Vec::new(), body: body.into(), at: NOW }) {
            Step::Done(outcome) => outcome,
            Step::Next(_) => panic!("one request is enough"),
        };
    assert_eq!(read(200, r#"{"id":"s_1"}"#), Outcome::Recorded { reference: Some("s_1".into()) });
    assert!(matches!(read(403, "<html>"), Outcome::Unknown { .. }));
}
