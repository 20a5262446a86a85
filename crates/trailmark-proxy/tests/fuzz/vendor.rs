//! What vendors send: webhook bodies, answers, and the headers by which an answer says when to come again. An answer's first line
//! is its status.

use std::sync::Arc;

use serde_json::{Value, json};
use trailmark_vendors::account::Settings;
use trailmark_vendors::command::{Ask, Record, Reply, Values};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::webhook::Meaning;
use trailmark_vendors::{Dialect, Webhooks, vendor};
use trailmark_wire::time::UnixMillis;

use crate::engine::{self, Looked, Target, Verdict, rule};
use crate::seeds::{SECRET, tells_a_secret};

pub(crate) const WEBHOOK: Target = Target {
    name: "webhook",
    inputs: 17_000,
    seeds: webhook_seeds,
    words: &[
        "event",
        "customer_updated",
        "customer.created",
        "partnership_created",
        "transaction.updated",
        "reward.created",
        "application_approved",
        "data",
        "key",
        "customer_key",
        "customer_external_key",
        "external_key",
        "partner_key",
        "customer",
        "transaction",
        "transaction_key",
    ],
    look: look_webhook,
};

pub(crate) const RETRY_AFTER: Target = Target {
    name: "retry-after",
    inputs: 13_000,
    seeds: header_seeds,
    words: &[
        "retry-after: ",
        "x-ratelimit-reset: ",
        "ratelimit: ",
        "x-ratelimit-remaining-minute: ",
        "Sat, 21 Nov 2026 09:00:00 GMT",
        "GMT",
        "Nov",
        "Feb",
        "29",
        "2026",
        "9999",
        "0000",
        "23:59:60",
        "24:00:00",
        "t=",
        ";t=30",
        "86400",
        "86401",
        "1795011200",
        "1795011200000",
        "\n",
    ],
    look: look_retry_after,
};

pub(crate) const ANSWER: Target = Target {
    name: "answer",
    inputs: 1_000,
    seeds: answer_seeds,
    words: &[
        "200\n",
        "204\n",
        "400\n",
        "404\n",
        "429\n",
        "503\n",
        "data",
        "message",
        "status",
        "error",
        "errors",
        "items",
        "key",
        "customer_key",
        "external_key",
        "partner_key",
        "created_at",
        "rewards",
        "has_more",
        "already exists",
        CREDENTIAL,
        "YS12ZW5kb3Itc2VjcmV0",
        "<html>",
    ],
    look: look_answer,
};

/// What every credential of the account is.
const CREDENTIAL: &str = "a-vendor-secret";

const NOW: UnixMillis = UnixMillis(1_795_011_200_700);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn settings() -> Settings {
    let secrets = ["public_key", "private_key", "tracking_token"];
    let empty = Settings::of(Dialect::Current);
    secrets.into_iter().fold(empty, |settings, name| settings.with_secret(name, CREDENTIAL))
}

fn webhooks() -> Arc<dyn Webhooks> {
    vendor("partnerstack").unwrap().open(&settings()).unwrap().webhooks.unwrap()
}

/// The first request of `partners get` and the like.
fn ask(noun: &str, verb: &str, key: &str) -> Ask<Reply> {
    let partnerstack = vendor("partnerstack").unwrap();
    let command = partnerstack.commands(Dialect::Current).into_iter();
    let command = command.into_iter().find(|command| (command.noun, command.verb) == (noun, verb)).unwrap();
    let account = partnerstack.open(&settings()).unwrap().commands.unwrap();
    account.start(command, &Values { key: key.into(), ..Values::default() }).unwrap()
}

fn done(read: Result<Reply, Outcome>) -> Result<Record, Outcome> {
    match read? {
        Reply::Done(record) => Ok(record),
        other => panic!("not done: {other:?}"),
    }
}

/// The seven events of the vendor's documents and of the guide, and what is none.
fn webhook_seeds() -> Vec<Vec<u8>> {
    let bodies = [
        json!({"event": "customer_created", "key": "cus_1", "customer_key": "u_1", "email": SECRET}),
        json!({"event": "customer_updated", "data": {"key": "cus_1", "customer_external_key": "u_1"}}),
        json!({"event": "partnership_created", "id": 123, "partner_key": "JohnSmith", "group": {"id": 22, "name": "Top"}}),
        json!({"event": "partnership.updated", "key": "part_1", "partner_key": "ada"}),
        json!({"event": "application_approved", "partner_key": "ada"}),
        json!({"event": "transaction.updated", "key": "txn_1", "customer_key": "u_1", "status": "approved"}),
        json!({"event": "reward.created", "key": "rwd_1", "customer": {"key": "cus_1", "external_key": "u_1"},
            "transaction": {"key": "o_1"}, "partner_key": "ada"}),
        json!({"event": "reward_updated", "partner_key": "ada"}),
        json!({"event": "moon.landed", "email": SECRET}),
        json!({"event": 7, "key": SECRET}),
        json!([SECRET]),
    ];
    bodies.iter().map(|body| body.to_string().into_bytes()).chain([b"event=customer_updated".to_vec()]).collect()
}

/// Every text and every number that stands anywhere in a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.trim().to_owned()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn look_webhook(input: &[u8]) -> Looked {
    let webhooks = webhooks();
    let meaning = webhooks.read(input);
    let whole = serde_json::from_slice::<Value>(input).ok();
    if let Some(whole) = &whole {
        let again = webhooks.read(whole.to_string().as_bytes());
        rule(again == meaning, "a webhook means the same when it is printed and read", || {
            format!("{meaning:?} {again:?}")
        })?;
    }
    let is_name = |event: &str| event.chars().count() <= 64 && !event.chars().any(char::is_control);
    match &meaning {
        Meaning::Concerns(notice) => {
            let mut said = Vec::new();
            whole.iter().for_each(|whole| texts(whole, &mut said));
            let kinds = [&notice.customers, &notice.transactions, &notice.partners, &notice.partner_ids];
            let keys: Vec<&String> = kinds.into_iter().flatten().collect();
            let fits = |key: &&String| (1..=255).contains(&key.chars().count()) && said.contains(*key);
            rule(keys.iter().all(fits), "each key is one that the webhook says", || format!("{keys:?}"))?;
            rule(kinds.iter().all(|keys| keys.len() <= 8), "keys are few", || format!("{keys:?}"))?;
            rule(!keys.is_empty() && is_name(&notice.event), "a notice has a name and is about somebody", || {
                notice.event.clone()
            })?;
            rule(
                !tells_a_secret(&format!("{:?}", Meaning::Concerns(notice.clone()))) || tells_a_secret(&notice.event),
                "no log line repeats a secret",
                || notice.event.clone(),
            )?;
            Ok(Verdict::Accepted)
        }
        Meaning::Noted { event, .. } | Meaning::UnknownEvent { event } => {
            let about = if let Meaning::Noted { about: Some(about), .. } = &meaning { about.as_str() } else { "" };
            let is_short = about.len() <= 400 && !about.contains('@') && !about.chars().any(char::is_control);
            rule(is_short, "what is shown of a noted event is short and no address", || about.to_owned())?;
            rule(is_name(event), "an event's name is short and without controls", || event.clone())?;
            Ok(Verdict::Refused)
        }
        Meaning::Unreadable { .. } => Ok(if whole.is_some() { Verdict::Refused } else { Verdict::Unread }),
    }
}

/// The vendor's recorded answers, and some that are not the vendor's.
fn answer_seeds() -> Vec<Vec<u8>> {
    let folder = format!("{}/../trailmark-vendors/fixtures/partnerstack", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let recorded = files.iter().map(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        let body = serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap();
        format!("{}\n{body}", name.get(..3).unwrap())
    });
    let repeats = json!({"message": {"authorization": [CREDENTIAL]}, "status": 403, "data": null});
    let others = ["200\n<html>", "204\n", "302\n", "200\nnull"].map(str::to_owned);
    recorded.chain(others).chain([format!("403\n{repeats}")]).map(String::into_bytes).collect()
}

fn look_answer(input: &[u8]) -> Looked {
    let (status, body) = engine::from_finding(input).unwrap_or(("", input));
    let Ok(status @ 100..=599) = status.parse::<u16>() else { return Ok(Verdict::Unread) };
    let whole = serde_json::from_slice::<Value>(body).ok();
    let answer = |body: &[u8]| Answer { status, headers: Vec::new(), body: body.to_vec(), at: NOW };
    let given = answer(body);
    let mut verdict = if whole.is_some() { Verdict::Refused } else { Verdict::Unread };
    for noun in ["customers", "partners"] {
        let call = ask(noun, "get", "u_1");
        let read = done((call.read)(&given));
        if let Some(whole) = &whole {
            let again = done((call.read)(&answer(whole.to_string().as_bytes())));
            rule(again == read, "an answer means the same when it is printed and read", || {
                format!("{read:?} {again:?}")
            })?;
        }
        match read {
            Ok(record) => {
                let said = (200..300).contains(&status) && whole.as_ref().is_some_and(Value::is_object);
                rule(said, "only the vendor's envelope is a success", || format!("{record:?}"))?;
                verdict = Verdict::Accepted;
            }
            Err(outcome) => {
                let shown = format!("{outcome:?}");
                let tells = [CREDENTIAL, "YS12ZW5kb3Itc2VjcmV0"].into_iter().any(|spelling| shown.contains(spelling));
                rule(!tells, "no message repeats a credential", || shown.clone())?;
                // Five hundred characters, the status, and the name of the outcome; a character may be shown as ten.
                rule(shown.len() <= 6_000, "a message is short", || format!("{} bytes", shown.len()))?;
            }
        }
    }
    for noun in ["customers", "partners", "transactions", "commissions", "webhooks"] {
        let page = (ask(noun, "list", "").read)(&given);
        rule(whole.is_some() || page.is_err(), "only the vendor's envelope is a page", || format!("{page:?}"))?;
    }
    Ok(verdict)
}

fn header_seeds() -> Vec<Vec<u8>> {
    [
        "retry-after: 120",
        "retry-after:  7 ",
        "retry-after: Sat, 21 Nov 2026 09:00:00 GMT",
        "retry-after: soon",
        "x-ratelimit-retry-after: 30",
        "x-ratelimit-reset: 1795011230",
        "ratelimit-reset: 50",
        "ratelimit: \"default\";r=0;t=30",
        "retry-after: \nx-ratelimit-reset: 9999999999999",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn look_retry_after(input: &[u8]) -> Looked {
    let text = String::from_utf8_lossy(input);
    let named = text.lines().filter_map(|line| line.split_once(": "));
    let headers = named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let answer = Answer { status: 429, headers, body: Vec::new(), at: NOW };
    match done((ask("customers", "get", "u_1").read)(&answer)) {
        Err(Outcome::Throttled { until: None }) => Ok(Verdict::Refused),
        Err(Outcome::Throttled { until: Some(until) }) => {
            let wait_ms = until.since(NOW);
            rule((0..=DAY_MS).contains(&wait_ms), "a hint lies within the next day", || format!("{wait_ms} ms"))?;
            Ok(Verdict::Accepted)
        }
        other => {
            rule(false, "a 429 asks for fewer requests, whatever its headers say", || format!("{other:?}"))?;
            Ok(Verdict::Refused)
        }
    }
}
