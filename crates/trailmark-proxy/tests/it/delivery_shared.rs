//! Programs with one account at a vendor: they share its lane, whatever closes it, and its pace.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use trailmark_proxy::clock::Clock as _;
use trailmark_proxy::config::{Overrides, Unlocked};
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::Store;
use trailmark_proxy::store::conformance::samples;
use trailmark_proxy::store::delivery::{Lane, LaneKey};
use trailmark_proxy::store::operator::OperatorStore as _;
use trailmark_proxy::store::sqlite::SqliteStore;
use trailmark_vendors::Pace;
use trailmark_wire::time::UnixMillis;

use super::delivery_world::{World, account};
use super::support::operator::Desk;

const MINUTE_MS: i64 = 60_000;

/// Programs `main` and `eu` with one account, each with the pace.
async fn shared(pace: Option<Pace>) -> World {
    World::with(|double| {
        let address = double.address().to_string();
        let (mut main, mut eu) = (account("main", &address), account("eu", &address));
        eu.lane = main.lane.clone();
        (main.pace, eu.pace) = (pace.unwrap_or(main.pace), pace.unwrap_or(eu.pace));
        vec![main, eu]
    })
    .await
}

/// Each program with its state and the lane that it shares.
async fn lanes(world: &World) -> Vec<String> {
    let rows = world.store.ledger.lanes(world.clock.now()).await.unwrap();
    rows.iter().map(|row| format!("{} {} {:?}", row.program, row.state, row.shares)).collect()
}

/// The lane and pace of two programs of a vendor in two sites, by their settings.
fn read(vendor: &str, first: &str, second: &str) -> Vec<String> {
    let program = |site: &str, id: &str, settings: &str| {
        format!(
            "[[sites]]\nid = \"{site}\"\n[[sites.programs]]\nid = \"{id}\"\nvendor = \"{vendor}\"\nunique_keys = true\n\
             {settings}\n"
        )
    };
    let secrets = Overrides::from_variables(|name| {
        ["PUBLIC", "PRIVATE", "TOKEN", "OTHER"].contains(&name).then(|| format!("a-secret-{name}"))
    });
    let text = program("acme", "main", first) + &program("beta", "eu", second);
    let accounts = Unlocked::from_toml(&text, Path::new("trailmark.toml"), &secrets).unwrap().accounts;
    accounts.iter().map(|account| format!("{} {}", account.lane, account.pace.per_minute)).collect()
}

#[test]
fn programs_whose_roots_and_credentials_are_the_same_have_one_lane_with_the_lowest_stated_pace() {
    let keys = "public_key = \"env:PUBLIC\"\nprivate_key = \"env:PRIVATE\"\n";
    let main = format!("{keys}tracking_token = \"env:TOKEN\"\nrequests_per_minute = 900\n");
    let with = |settings: &str| read("partnerstack", &main, settings);
    let and = |line: &str| with(&format!("{keys}{line}\n"));
    assert_eq!(and(""), ["acme/main 900", "acme/main 900"], "a pace that nobody states does not count");
    assert_eq!(and("requests_per_minute = 300"), ["acme/main 300", "acme/main 300"]);
    assert_eq!(and("requests_per_minute = 1000"), ["acme/main 900", "acme/main 900"]);
    let own = "base_url = \"https://api.partnerstack.com/\"\nconfirm_after = \"5m\"\ndialect = \"guide\"";
    assert_eq!(and(own), ["acme/main 900", "acme/main 900"], "the default root, stated, and what belongs to a program");
    let apart = ["acme/main 900", "beta/eu 1200"];
    assert_eq!(and("tracking_token = \"env:OTHER\""), apart, "another token");
    assert_eq!(and("base_url = \"https://api.partnerstack.example\""), apart, "another root");
    assert_eq!(with("public_key = \"env:PUBLIC\"\nprivate_key = \"env:OTHER\"\n"), apart, "another key");
    let signed = |secret: &str| format!("api_key = \"env:PRIVATE\"\nwebhook_secret = \"env:{secret}\"\n");
    let lanes = read("partnero", &signed("TOKEN"), &signed("OTHER"));
    assert_eq!(lanes, ["acme/main 600", "acme/main 600"], "each program may have its own webhooks");
}

#[tokio::test]
async fn a_refused_credential_of_one_program_stops_the_other_and_one_probe_resumes_both() {
    let world = shared(None).await;
    let accept = async |keys| {
        world.control("POST", "partnerstack/settings", &json!({ "accept_credentials": keys })).await;
    };
    accept(json!({ "public_key": "pk_new", "private_key": "sk_new" })).await;
    let main = world.accept("main", "u_1", None).await;
    world.until(&main, |row| row.paused_by.is_some()).await;
    let eu = world.accept("eu", "u_2", None).await;
    let waits = world.until(&eu, |row| row.paused_by.is_some()).await;
    assert_eq!(waits.tries.len(), 0, "it is not sent with a credential that is refused");
    assert_eq!(lanes(&world).await, ["eu paused Some(\"acme/main\")", "main paused None"]);
    world.advance(5 * MINUTE_MS).await;
    world.looked().await;
    assert_eq!(world.requests("partnerships").await, 1, "the account is probed, not each program");
    accept(json!({ "public_key": "pk_sim", "private_key": "sk_sim_private" })).await;
    world.advance(5 * MINUTE_MS).await;
    for (id, key) in [(&main, "u_1"), (&eu, "u_2")] {
        world.until_state(id, State::Recorded).await;
        assert_eq!(world.effects(key).await, 1);
    }
    assert_eq!(lanes(&world).await, ["eu open Some(\"acme/main\")", "main open None"]);
}

#[tokio::test]
async fn a_429_to_one_program_keeps_the_other_away_until_the_vendors_time() {
    let world = shared(None).await;
    let hour = world.clock.now().plus(60 * MINUTE_MS);
    let fault = json!({
        "vendor": "partnerstack", "kind": "status", "status": 429, "retry_after_s": 3600, "until_ms": hour.0,
    });
    world.control("POST", "faults", &fault).await;
    let main = world.accept("main", "u_1", None).await;
    world.until(&main, |row| row.tries.iter().any(|made| made.outcome.as_deref() == Some("throttled"))).await;
    let eu = world.accept("eu", "u_2", None).await;
    world.advance(59 * MINUTE_MS).await;
    world.looked().await;
    assert_eq!((world.store.leased(), world.requests("customers").await), (1, 1));
    assert_eq!(lanes(&world).await, ["eu throttled Some(\"acme/main\")", "main throttled None"]);
    world.advance(2 * MINUTE_MS).await;
    for id in [&main, &eu] {
        world.until_state(id, State::Recorded).await;
    }
}

#[tokio::test]
async fn lanes_list_says_whose_lane_a_program_shares_and_either_name_opens_it() {
    let desk = Desk::with("[[sites]]\nid = \"acme\"\n", Vec::new());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&desk.path("trailmark.db")).unwrap());
    samples::signed_up(&store, 1, &["main", "other"]).await;
    let other = LaneKey { program: samples::program("other"), ..samples::lane() };
    store.share_lane(samples::lane(), vec![samples::lane(), other]).await.unwrap();
    let until = Some(UnixMillis::from_rfc3339("2099-01-01T00:00:00Z").unwrap());
    let throttled = Box::new(move |lane| Lane { throttled_until: until, ..lane });
    store.change_lane(samples::lane(), throttled).await.unwrap();
    store.close().await.unwrap();
    let listed = desk.run("lanes list").well();
    for line in ["acme/main                  throttled", "acme/other (as acme/main)  throttled"] {
        assert!(listed.contains(line), "{listed}");
    }
    assert_eq!(listed.matches("opens it now").count(), 1, "{listed}");
    assert_eq!(desk.run("lanes open acme/other --json").json()["state"], "open");
    let rows = desk.run("lanes list --json").json();
    assert_eq!((&rows[0]["state"], &rows[0]["shares"]), (&json!("open"), &json!(null)));
    assert_eq!((&rows[1]["state"], &rows[1]["shares"]), (&json!("open"), &json!("acme/main")));
}

#[tokio::test]
async fn two_programs_of_an_account_have_one_bucket() {
    let world = shared(Some(Pace { per_minute: 6, burst: 2, concurrency: 8 })).await;
    let mut ids = Vec::new();
    for (program, key) in [("main", "u_1"), ("eu", "u_2"), ("main", "u_3"), ("eu", "u_4")] {
        ids.push(world.accept(program, key, None).await);
    }
    for id in &ids[..2] {
        world.until_state(id, State::Recorded).await;
    }
    world.looked().await;
    assert_eq!(world.store.leased(), 2, "as many at once as one account may have");
    for (id, leased) in ids[2..].iter().zip(3..) {
        world.advance(10_000).await;
        world.until_state(id, State::Recorded).await;
        world.looked().await;
        assert_eq!(world.store.leased(), leased, "one more after ten seconds, for either program");
    }
}
