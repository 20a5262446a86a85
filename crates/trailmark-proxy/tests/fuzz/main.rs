//! The fuzzer: every reader at an edge, driven with mutations of good and of known bad inputs, held to named rules.
//!
//! `cargo test` makes a short run with fixed seeds, so that each run sees the same inputs. `cargo xtask fuzz` runs the same targets
//! in the release profile for as long as it is told, from a new seed. Both write a corpus that the browser's module reads in
//! `tests/package/capture.test.mjs`. [`mutation`] changes inputs, [`engine`] runs a target and
//! tells a finding, [`seeds`] holds what is changed; the other files are the targets. proptest draws, runs and minimises.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod mutation;
mod engine;
mod seeds;

mod links;
mod bodies;
mod signed;
mod settings;
mod vendor;
mod http;

use self::engine::Target;

/// Every target, in the order in which a click meets them.
const TARGETS: [Target; 15] = [
    links::CAPTURE,
    http::REDIRECT,
    http::COOKIES,
    signed::CLICK_TOKEN,
    signed::VISITOR_TOKEN,
    signed::ENVELOPE,
    signed::CARRIER,
    signed::ORDER,
    signed::CUSTOMER,
    bodies::BODY,
    http::IDEMPOTENCY_KEY,
    http::SERVER_CALL,
    vendor::WEBHOOK,
    vendor::ANSWER,
    vendor::RETRY_AFTER,
];

/// The configuration, which no visitor reaches, comes last.
const ALL: [&[Target]; 2] = [&TARGETS, &[settings::CONFIGURATION]];

fn all() -> impl Iterator<Item = &'static Target> {
    ALL.into_iter().flatten()
}

/// One test for each target, so that they run side by side and a red one is named.
macro_rules! targets_hold {
    ($($name:ident $target:expr;)*) => {
        $(#[test]
        fn $name() {
            engine::run(&$target);
        })*

        #[test]
        fn every_target_has_its_test_and_together_they_see_200_000_inputs() {
            let tested = [$($target.name),*];
            assert_eq!(all().map(|target| target.name).collect::<Vec<_>>(), tested);
            let inputs: u32 = all().map(|target| target.inputs).sum();
            assert!(inputs >= 200_000, "{inputs}");
        }
    };
}

targets_hold! {
    capture_holds_its_rules links::CAPTURE;
    redirects_hold_their_rules http::REDIRECT;
    cookies_hold_their_rules http::COOKIES;
    click_tokens_hold_their_rules signed::CLICK_TOKEN;
    visitor_tokens_hold_their_rules signed::VISITOR_TOKEN;
    envelopes_hold_their_rules signed::ENVELOPE;
    carriers_hold_their_rules signed::CARRIER;
    orders_hold_their_rules signed::ORDER;
    customers_hold_their_rules signed::CUSTOMER;
    bodies_hold_their_rules bodies::BODY;
    idempotency_keys_hold_their_rules http::IDEMPOTENCY_KEY;
    server_calls_hold_their_rules http::SERVER_CALL;
    webhooks_hold_their_rules vendor::WEBHOOK;
    answers_hold_their_rules vendor::ANSWER;
    retry_hints_hold_their_rules vendor::RETRY_AFTER;
    configurations_hold_their_rules settings::CONFIGURATION;
}

/// `cargo xtask fuzz --replay FILE`: the finding that the file holds, once more. Without a file it replays its own example.
#[test]
fn a_finding_can_be_replayed() {
    let example = || engine::finding("capture", b"partnerstack via\nhttps://acme.example/?gspk=YWRh");
    let bytes = engine::replayed().unwrap_or_else(example);
    let (name, input) = engine::from_finding(&bytes).expect("a file that the fuzzer wrote");
    let target = all().find(|target| target.name == name).expect("a target's name");
    if let Err(broken) = engine::look(target, input) {
        panic!("{name} breaks `{}`: {}", broken.rule, broken.detail);
    }
}

/// What `tests/package/capture.test.mjs` reads: addresses and cookie jars, and what the page has to tell of each.
#[test]
fn the_corpus_for_the_browsers_module_is_written() {
    let corpus = engine::corpus(&links::CAPTURE);
    let lines: String = corpus.iter().map(|input| format!("{}\n", links::expected(input))).collect();
    std::fs::write(engine::folder().join("capture.jsonl"), lines).unwrap();
}
