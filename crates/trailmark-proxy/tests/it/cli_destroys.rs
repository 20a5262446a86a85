//! Every command that takes something away at a vendor: in a pipe it is refused without `--yes` and says what would follow,
//! and `--dry-run` shows its request without secrets. Neither sends anything. The list of commands is the vendors' own.

use trailmark_vendors::command::{Command, Effect, Input, InputKind};
use trailmark_vendors::{Dialect, VENDORS};

use super::endpoints::{Place, Stage};
use super::{endpoints_introw, endpoints_partnerize, endpoints_partnero, endpoints_partnerstack};

/// The account of a vendor in a dialect.
pub(crate) fn place(vendor: &str, dialect: Dialect) -> Place {
    match vendor {
        "introw" => endpoints_introw::place(dialect),
        "partnerize" => endpoints_partnerize::place(dialect),
        "partnero" => endpoints_partnero::place(dialect),
        "partnerstack" => endpoints_partnerstack::place(dialect),
        other => panic!("no place for {other}: add one here"),
    }
}

/// The command as it is typed, with whatever it needs.
fn typed(command: &Command) -> String {
    let verb = match (command.noun, command.verb) {
        // The ledger has this verb, too.
        ("conversions", "reject") => "vendor-reject",
        (_, verb) => verb,
    };
    let named = |input: &&Input| {
        // These name what they change by one of several flags, none of which is needed by itself.
        let by_flag = command.key.is_none() && input.name == "id";
        input.is_needed || by_flag
    };
    let value = |input: &Input| match input.kind {
        InputKind::Choice(words) => words[0].to_owned(),
        InputKind::Number => "1".to_owned(),
        InputKind::Pairs => "a=b".to_owned(),
        InputKind::Address | InputKind::Secret => "env:PASSWORD".to_owned(),
        InputKind::Time => "2026-11-01T00:00:00Z".to_owned(),
        InputKind::Flag | InputKind::Text | InputKind::Texts => "x1".to_owned(),
    };
    let flags = command.inputs.iter().filter(named);
    let flags: String = flags.map(|input| format!(" --{} {}", input.name.replace('_', "-"), value(input))).collect();
    format!("{} {verb}{}{flags}", command.noun, command.key.map_or("", |_| " x1"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_destructive_command_asks_first_and_shows_its_request_without_secrets() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for vendor in VENDORS {
        for dialect in Dialect::ALL {
            let stage = Stage::at(place(vendor.name(), dialect)).await;
            for command in vendor.commands(dialect) {
                let Effect::Destroys { follows } = command.effect else { continue };
                count += 1;
                let words = typed(command);
                let unsure = stage.desk.run(&words);
                let said = unsure.err.split_whitespace().collect::<Vec<_>>().join(" ");
                if unsure.code != Some(2) || !said.contains(follows) || !said.contains("--yes") {
                    wrong.push(format!("{}: `{words}` does not ask: {unsure:?}", vendor.name()));
                }
                let dry = stage.desk.run(&format!("{words} --dry-run"));
                let shows = dry.out.lines().any(|line| line.ends_with(": [redacted]")) && dry.err.contains("not sent");
                let leaks = stage.place.secrets.iter().any(|(_, secret)| format!("{dry:?}").contains(secret));
                if dry.code != Some(0) || !shows || leaks {
                    wrong.push(format!("{}: `{words} --dry-run` does not show its request: {dry:?}", vendor.name()));
                }
            }
            let sent = stage.logged("requests").await;
            if !sent.is_empty() {
                wrong.push(format!("{} in {}: something was sent: {sent:?}", vendor.name(), dialect.as_str()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 20, "{count} commands");
}
