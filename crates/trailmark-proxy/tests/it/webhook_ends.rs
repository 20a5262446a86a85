//! Every webhook has a defined end: what is answered, what the ledger keeps, and what an operator sees. With Partnero, which
//! signs; with PartnerStack and Partnerize's guide, which do not; and with vendors that send none. Real HTTP, the real proxy
//! and the strict doubles; `webhooks_town` has the world, `webhook_registering` the commands that register webhooks.

use std::path::Path;

use serde_json::{Value, json};
use trailmark_proxy::config::{Overrides, Unlocked};
use trailmark_proxy::keys::crypto::hmac_sha256;
use trailmark_proxy::store::webhooks::WebhookRow;
use trailmark_simulator::{
    INTROW_API_KEY, PARTNERIZE_APPLICATION_KEY, PARTNERIZE_USER_API_KEY, PARTNERO_API_KEY, PARTNERO_WEBHOOK_SECRET,
    Running,
};

use super::support::operator::Desk;
use super::support::proxy::Answer;
use super::webhooks_town::{At, SECRET, Town, double, sites, variables};

/// The secret segments of the programs of Partnero and of Partnerize's guide.
const NERO_PATH: &str = "a-webhook-path-of-partnero";
const RIZE_PATH: &str = "a-webhook-path-of-the-guide";

/// A body of one megabyte, sixteen times what is read.
const MEGABYTE: usize = 1024 * 1024;

/// The site `acme` of the town with programs of all four vendors.
fn four(double: &Running) -> String {
    let root = format!("http://{}", double.address());
    let others = format!(
        r#"
[[sites.programs]]
id = "nero"
vendor = "partnero"
api_key = "env:NERO_KEY"
webhook_secret = "env:NERO_SECRET"
base_url = "{root}/partnero"
webhook_path = "env:NERO_HOOK"

[[sites.programs]]
id = "rize"
vendor = "partnerize"
dialect = "guide"
application_key = "env:RIZE_APPLICATION"
user_api_key = "env:RIZE_USER"
campaign_id = "10l176"
base_url = "{root}/partnerize-guide"
tracking_url = "{root}/prf-guide"
webhook_path = "env:RIZE_HOOK"

[[sites.programs]]
id = "row"
vendor = "introw"
api_key = "env:ROW_KEY"
commission_percent = "10"
base_url = "{root}/introw"

[[sites]]
id = "zeta"
"#
    );
    let toml = sites(double, At::Current).replace("webhooks = 6", "webhooks = 100");
    toml.replacen("\n[[sites]]\nid = \"zeta\"\n", &others, 1)
}

fn secrets() -> Vec<(&'static str, String)> {
    let more = [
        ("NERO_KEY", PARTNERO_API_KEY),
        ("NERO_SECRET", PARTNERO_WEBHOOK_SECRET),
        ("NERO_HOOK", NERO_PATH),
        ("RIZE_APPLICATION", PARTNERIZE_APPLICATION_KEY),
        ("RIZE_USER", PARTNERIZE_USER_API_KEY),
        ("RIZE_HOOK", RIZE_PATH),
        ("ROW_KEY", INTROW_API_KEY),
    ];
    variables().into_iter().chain(more.map(|(name, value)| (name, value.to_owned()))).collect()
}

/// A town of these four, awake.
pub(crate) async fn town() -> Town {
    let double = double().await;
    let toml = four(&double);
    let mut town = Town::of(double, &toml, &secrets()).await;
    town.awake();
    town
}

/// Where the binary runs that knows the town's proxy.
pub(crate) fn desk(town: &Town) -> Desk {
    let mut variables = secrets();
    variables.push(("TRAILMARK_SERVER_ADMIN_LISTEN", town.operator.address().to_string()));
    variables.push(("TRAILMARK_STORE_URL", format!("sqlite:{}", town.proxy.ledger().display())));
    variables.push(("HOOK_URL", town.hook()));
    Desk::with(&four(&town.double), variables)
}

/// What stands in the header `Signature`.
#[derive(Clone, Copy)]
enum Signed {
    /// No header.
    Not,
    /// The body under the program's secret, as lower-case hex.
    Well,
    /// The same as upper-case hex.
    Loudly,
    /// The body under another secret.
    Otherwise,
    /// Another body under the program's secret.
    Elsewhere,
    /// Something that is no hex.
    Nonsense,
}

impl Signed {
    fn header(self, body: &str) -> Option<String> {
        let hex = |key: &str, body: &str| {
            hmac_sha256(key.as_bytes(), body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        Some(match self {
            Self::Not => return None,
            Self::Well => hex(PARTNERO_WEBHOOK_SECRET, body),
            Self::Loudly => hex(PARTNERO_WEBHOOK_SECRET, body).to_uppercase(),
            Self::Otherwise => hex("another secret", body),
            Self::Elsewhere => hex(PARTNERO_WEBHOOK_SECRET, &format!("{body} ")),
            Self::Nonsense => "sha256=0123456789".to_owned(),
        })
    }
}

async fn send(town: &Town, address: &str, signed: Signed, body: &str) -> Answer {
    town.proxy.clock.advance(1);
    let request = town.proxy.http.post(town.proxy.url(&format!("v1/webhooks/{address}")));
    let mut request = request.header("content-type", "application/json");
    if let Some(signature) = signed.header(body) {
        request = request.header("Signature", signature);
    }
    town.proxy.send(request.body(body.to_owned())).await
}

fn nero(event: &str, data: Value) -> String {
    let body = json!({"event": event, "url": "https://x.example", "webhook_key": "webhook_1", "data": data});
    body.to_string()
}

fn long(mut body: Value) -> String {
    body["note"] = "x".repeat(MEGABYTE).into();
    body.to_string()
}

/// A webhook and its end.
struct End {
    /// What comes.
    what: &'static str,
    /// Program and secret.
    address: String,
    signed: Signed,
    body: String,
    /// Status, with the code of a refusal.
    answer: &'static str,
    /// State and event in the ledger; `None` if nothing is kept.
    kept: Option<(&'static str, Option<&'static str>)>,
    /// A part of what `webhooks show` says.
    seen: &'static str,
}

fn ends() -> Vec<End> {
    let end = |what, path: &str, signed, body: String, answer, kept, seen| End {
        what,
        address: path.to_owned(),
        signed,
        body,
        answer,
        kept,
        seen,
    };
    let (main, nero_at, rize) = (format!("main/{SECRET}"), format!("nero/{NERO_PATH}"), format!("rize/{RIZE_PATH}"));
    let known = || nero("customer.updated", json!({"key": "n_1", "name": "Ada"}));
    let unlisted = "the vendor's documents do not describe this event";
    let unmatched = "no delivery of this program matches";
    vec![
        // Partnero signs.
        end(
            "well signed",
            &nero_at,
            Signed::Well,
            known(),
            "204",
            Some(("followed", Some("customer.updated"))),
            "deliveries  1",
        ),
        end(
            "upper-case hex",
            &nero_at,
            Signed::Loudly,
            nero("customer.updated", json!({"key": "n_1", "name": "Countess"})),
            "204",
            Some(("followed", Some("customer.updated"))),
            "deliveries  1",
        ),
        end("wrong signature", &nero_at, Signed::Otherwise, known(), "401 signature_invalid", None, ""),
        end("signature of another body", &nero_at, Signed::Elsewhere, known(), "401 signature_invalid", None, ""),
        end("no hex", &nero_at, Signed::Nonsense, known(), "401 signature_invalid", None, ""),
        end("missing header", &nero_at, Signed::Not, known(), "401 signature_invalid", None, ""),
        end("unsigned nonsense", &nero_at, Signed::Not, "nonsense".into(), "401 signature_invalid", None, ""),
        end(
            "a megabyte, well signed",
            &nero_at,
            Signed::Well,
            long(json!({"event": "customer.updated"})),
            "413 body_too_large",
            None,
            "",
        ),
        end(
            "a megabyte, unsigned",
            &nero_at,
            Signed::Not,
            long(json!({"event": "customer.updated"})),
            "413 body_too_large",
            None,
            "",
        ),
        end(
            "unknown event",
            &nero_at,
            Signed::Well,
            nero("moon.landed", json!({"key": "n_1"})),
            "204",
            Some(("unknown_event", Some("moon.landed"))),
            unlisted,
        ),
        end(
            "a person instead of an event",
            &nero_at,
            Signed::Well,
            nero("ada@customers.example", json!({"key": "n_1"})),
            "204",
            Some(("unknown_event", Some("[withheld]"))),
            unlisted,
        ),
        end(
            "no JSON, well signed",
            &nero_at,
            Signed::Well,
            "nonsense".into(),
            "204",
            Some(("unreadable", None)),
            "the body is not JSON",
        ),
        end(
            "before its object",
            &nero_at,
            Signed::Well,
            nero("customer.created", json!({"key": "n_9"})),
            "204",
            Some(("unmatched", Some("customer.created"))),
            unmatched,
        ),
        end("another program's secret", &format!("nero/{SECRET}"), Signed::Well, known(), "404 not_found", None, ""),
        // PartnerStack's address is the secret, and a signature says nothing.
        end(
            "in the secret path",
            &main,
            Signed::Not,
            json!({"event": "customer_updated", "customer_key": "u_1"}).to_string(),
            "204",
            Some(("followed", Some("customer_updated"))),
            "deliveries  1",
        ),
        end(
            "with a signature that nobody can check",
            &main,
            Signed::Otherwise,
            json!({"event": "customer.updated", "customer_key": "u_1"}).to_string(),
            "204",
            Some(("followed", Some("customer.updated"))),
            "deliveries  1",
        ),
        end(
            "without the secret path",
            "main/wrong",
            Signed::Not,
            json!({"event": "customer_updated", "customer_key": "u_1"}).to_string(),
            "404 not_found",
            None,
            "",
        ),
        end(
            "a megabyte",
            &main,
            Signed::Not,
            long(json!({"event": "customer_updated", "customer_key": "u_1"})),
            "413 body_too_large",
            Some(("too_large", None)),
            "the body is too large; only its beginning is kept",
        ),
        end(
            "unknown event",
            &main,
            Signed::Not,
            json!({"event": "moon_landed", "customer_key": "u_1"}).to_string(),
            "204",
            Some(("unknown_event", Some("moon_landed"))),
            unlisted,
        ),
        end(
            "no JSON",
            &main,
            Signed::Not,
            "nonsense".into(),
            "204",
            Some(("unreadable", None)),
            "the body is not JSON",
        ),
        end(
            "before its object",
            &main,
            Signed::Not,
            json!({"event": "transaction.created", "key": "order_9", "customer_key": "u_9"}).to_string(),
            "204",
            Some(("unmatched", Some("transaction.created"))),
            unmatched,
        ),
        end(
            "about a partner who brought nobody",
            &main,
            Signed::Not,
            json!({"event": "partnership_updated", "id": 7, "partner_key": "ada7"}).to_string(),
            "204",
            Some(("unmatched", Some("partnership_updated"))),
            "the partner's key was changed after the click",
        ),
        // Partnerize sends events in the guide alone, and its partners' postbacks are none of ours.
        end(
            "before its object",
            &rize,
            Signed::Not,
            json!({"event": "conversion.approved", "conversion_reference": "order_9"}).to_string(),
            "204",
            Some(("unmatched", Some("conversion.approved"))),
            unmatched,
        ),
        end(
            "unknown event",
            &rize,
            Signed::Not,
            json!({"event": "user.created", "user_id": "123"}).to_string(),
            "204",
            Some(("unknown_event", Some("user.created"))),
            unlisted,
        ),
        // Introw sends none, so it has no address.
        end(
            "to a vendor without webhooks",
            &format!("row/{SECRET}"),
            Signed::Not,
            "{}".into(),
            "404 not_found",
            None,
            "",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_webhook_has_its_defined_end() {
    let town = town().await;
    town.signup(1, "u_1").await;
    let of_nero = town.sign_up_by(2, "n_1", "aff=amiraito").await;
    town.until(&of_nero, |row| row.state == "recorded").await;
    let desk = desk(&town);
    let mut all: Vec<WebhookRow> = Vec::new();
    for End { what, address, signed, body, answer, kept, seen } in ends() {
        let program = address.split('/').next().unwrap();
        let said = send(&town, &address, signed, &body).await;
        assert_eq!(said.code(), answer, "{program}: {what}");
        let rows = match kept {
            Some(_) => {
                town.until_webhooks(|rows| rows.len() > all.len() && rows[0].state.as_str() != "received").await;
                town.webhooks().await
            }
            None => town.webhooks().await,
        };
        let Some((state, event)) = kept else {
            assert_eq!(rows.len(), all.len(), "{program}: {what}: nothing is kept");
            continue;
        };
        assert_eq!((rows[0].state.as_str(), rows[0].event.as_deref()), (state, event), "{program}: {what}");
        let shown = desk.run(&format!("webhooks show {}", rows[0].id)).well();
        assert!(shown.contains(seen) && shown.contains(program), "{program}: {what}: {shown}");
        all = rows;
    }
    let table = desk.run("webhooks list").well();
    for row in &all {
        assert!(table.contains(row.event.as_deref().unwrap_or_default()), "{row:?} in {table}");
    }
    assert!(table.contains("moon.landed") && !table.contains('@'), "{table}");
    let waiting = desk.run("webhooks list --quarantined --json").json();
    let waiting: Vec<_> = waiting.as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    let quarantined = all.iter().filter(|row| row.state.is_quarantined()).count();
    assert_eq!(waiting.len(), quarantined, "{waiting:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_counted_and_takes_effect_once() {
    let town = town().await;
    let of_main = town.signup(1, "u_1").await;
    nero_signup(&town).await;
    let of_nero = town.sale("n_1", "order_1").await;
    town.until_commission(&of_nero, "approved").await;
    town.control("POST", "partnerstack/rewards", &json!({"customer_key": "u_1"})).await;
    let deleted = nero("transaction.deleted", json!({"key": "order_1", "customer": {"key": "n_1"}}));
    let updated = json!({"event": "customer_updated", "customer_key": "u_1"}).to_string();
    for (address, body, signed, conversion, commission) in [
        (format!("nero/{NERO_PATH}"), &deleted, Signed::Well, &of_nero, "approved"),
        (format!("main/{SECRET}"), &updated, Signed::Not, &of_main, "pending"),
    ] {
        for times in 1..=3 {
            assert_eq!(send(&town, &address, signed, body).await.status, 204, "{address}");
            town.until_interpreted().await;
            assert_eq!(town.webhooks().await[0].times, times, "{address}");
        }
        town.until_commission(conversion, commission).await;
        assert_eq!(town.detail(conversion).await.deliveries[0].commission_changes.len(), 1, "{address}");
    }
    // Upper-case digits are the same signature, so this is the same webhook.
    assert_eq!(send(&town, &format!("nero/{NERO_PATH}"), Signed::Loudly, &deleted).await.status, 204);
    let rows = town.webhooks().await;
    let of_nero = rows.iter().find(|row| row.program.as_str() == "nero").unwrap();
    assert_eq!((rows.len(), of_nero.times), (2, 4));
    let shown = desk(&town).run(&format!("webhooks show {}", of_nero.id)).well();
    assert!(shown.contains("4 times"), "{shown}");
}

/// The customer `n_1` of Partnero's partner Amira, recorded there.
async fn nero_signup(town: &Town) -> String {
    let id = town.sign_up_by(2, "n_1", "aff=amiraito").await;
    town.until(&id, |row| row.state == "recorded").await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_before_its_object_is_followed_once_the_ledger_has_that() {
    let town = town().await;
    let early = [
        (format!("nero/{NERO_PATH}"), nero("customer.created", json!({"key": "n_1"})), Signed::Well),
        (
            format!("main/{SECRET}"),
            json!({"event": "customer_created", "customer_key": "u_1"}).to_string(),
            Signed::Not,
        ),
    ];
    for (address, body, signed) in &early {
        assert_eq!(send(&town, address, *signed, body).await.status, 204, "{address}");
    }
    town.until_webhooks(|rows| rows.len() == 2 && rows.iter().all(|row| row.state.as_str() == "unmatched")).await;
    town.signup(1, "u_1").await;
    nero_signup(&town).await;
    let follows = |row: &WebhookRow| row.state.as_str() == "followed" && row.deliveries == 1;
    town.until_webhooks(|rows| rows.iter().all(follows)).await;
    let waiting = desk(&town).run("webhooks list --quarantined --json").json();
    assert_eq!(waiting, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_event_has_the_vendor_asked_and_a_forged_one_does_not() {
    let town = town().await;
    nero_signup(&town).await;
    let id = town.sale("n_1", "order_1").await;
    town.until_commission(&id, "approved").await;
    let forged = nero("transaction.deleted", json!({"key": "order_1"}));
    let address = format!("nero/{NERO_PATH}");
    assert_eq!(send(&town, &address, Signed::Otherwise, &forged).await.status, 401);
    // The vendor does not confirm what its own signature says, so that decides nothing either.
    assert_eq!(send(&town, &address, Signed::Well, &forged).await.status, 204);
    town.until_interpreted().await;
    assert_eq!(town.until_commission(&id, "approved").await.commission.as_str(), "approved");
    town.control("POST", "partnero/webhooks", &json!({"url": town.proxy.url(&format!("v1/webhooks/{address}"))})).await;
    town.control("POST", "partnero/transactions/order_1/delete", &json!({})).await;
    town.until_commission(&id, "rejected").await;
    let told = desk(&town).run(&format!("conversions explain {id}")).well();
    for part in ["Partnero says that the commission is approved", "Partnero says that the commission is rejected"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

/// The clock all but stands, so nothing but an event has the report read again.
#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_partnerizes_guide_bring_a_sales_approval_and_its_rejection() {
    let town = town().await;
    town.control("POST", "partnerize/settings", &json!({"visible_after_ms": 0})).await;
    let click = town.control("POST", "partnerize/clicks", &json!({"account": "partnerize-guide"})).await;
    let signup = town.sign_up_by(3, "z_1", &format!("clickref={}", click["clickref"].as_str().unwrap())).await;
    town.until(&signup, |row| row.state == "recorded").await;
    let id = town.sale("z_1", "order_1").await;
    town.until_commission(&id, "pending").await;
    let url = town.proxy.url(&format!("v1/webhooks/rize/{RIZE_PATH}"));
    town.control("POST", "partnerize/webhooks", &json!({"url": url, "account": "partnerize-guide"})).await;
    for (word, commission) in [("approve", "approved"), ("reject", "rejected")] {
        // The later event has the later id.
        town.proxy.clock.advance(1);
        let decided = json!({"account": "partnerize-guide"});
        town.control("POST", &format!("partnerize/conversions/order_1/{word}"), &decided).await;
        town.until_commission(&id, commission).await;
        let row = town.until_interpreted().await;
        let event = format!("conversion.{commission}");
        assert_eq!((row.program.as_str(), row.event, row.deliveries), ("rize", Some(event), 1));
    }
    let changes = town.detail(&id).await.deliveries.remove(0).commission_changes;
    let changes: Vec<_> = changes.iter().map(|step| step.commission.as_str()).collect();
    assert_eq!(changes, ["pending", "approved", "rejected"]);
    let told = desk(&town).run(&format!("conversions explain {id}")).well();
    assert!(told.contains("Partnerize says that the commission is approved"), "{told}");
}

#[tokio::test]
async fn a_vendor_that_sends_no_webhooks_can_have_no_address_for_them() {
    let double = double().await;
    let toml = four(&double);
    let read = |toml: &str| {
        let variables = secrets();
        let variable =
            move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        Unlocked::from_toml(toml, Path::new("trailmark.toml"), &Overrides::from_variables(variable))
    };
    read(&toml).unwrap();
    let introw = toml.replace("commission_percent", "webhook_path = \"env:HOOK\"\ncommission_percent");
    let partnerize = toml.replace("dialect = \"guide\"\napplication_key", "application_key");
    for (toml, vendor) in [(introw, "Introw"), (partnerize, "Partnerize")] {
        let refused = read(&toml).unwrap_err().to_string();
        let why = format!("is of no use: {vendor} in dialect `current` sends no webhooks; remove it");
        assert!(refused.contains("`sites.programs.webhook_path`") && refused.contains(&why), "{refused}");
    }
}
