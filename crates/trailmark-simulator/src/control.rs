//! `/control/...`: requests of a test, a person or the demo page to the simulator itself. JSON both ways, CORS `*`.
//!
//! No vendor has these routes. Faults do not affect them, and the request log does not contain them.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderValue,
};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Body, Call};
use crate::faults::Fault;
use crate::log::{Subject, Tally};
use crate::partnerstack::{CURRENT, Change, Dialect, GUIDE, Verdict};
use crate::postman::may_be_told;
use crate::world::World;

/// The path under which these routes live.
pub(crate) const ROOT: &str = "control";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClick {
    xid: Option<String>,
    partner_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewReward {
    customer_key: String,
    amount: Option<i64>,
    #[serde(default)]
    account: Dialect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointed {
    url: Option<String>,
    #[serde(default)]
    account: Dialect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    body: Value,
    #[serde(default)]
    account: Dialect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Serialize)]
struct EffectRow<'a> {
    #[serde(flatten)]
    subject: &'a Subject,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// Why a control call is refused.
struct Refusal(StatusCode, String);

/// Whether a call changes the time, which must not happen while another call is under way.
pub(crate) fn moves_time(call: &Call) -> bool {
    call.method == Method::POST && matches!(call.segments.as_slice(), [root, path] if root == ROOT && path == "clock")
}

/// Why the time was not changed.
pub(crate) fn not_moved(after_s: u64) -> Answer {
    let message = format!(
        "the clock was not moved: a call that began to arrive is still not whole after {after_s} s; \
         finish it or close its connection"
    );
    refused(StatusCode::CONFLICT, &message)
}

pub(crate) fn answer(world: &mut World, call: &Call) -> Answer {
    let answer = match perform(world, call) {
        Ok(value) => Answer::json(StatusCode::OK, &value),
        Err(Refusal(status, message)) => return refused(status, &message),
    };
    open_to_all(answer)
}

fn refused(status: StatusCode, message: &str) -> Answer {
    open_to_all(Answer::json(status, &json!({ "message": message })))
}

fn open_to_all(answer: Answer) -> Answer {
    answer
        .with_header(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))
        .with_header(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"))
        .with_header(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn perform(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    if call.method == Method::OPTIONS {
        return Ok(json!({}));
    }
    let path: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    let (asked, now_ms) = ((call.method.as_str(), path.as_slice()), world.clock.now_ms());
    only(call, parameters(asked))?;
    match asked {
        ("GET", ["clock"]) => Ok(clock(world)),
        ("POST", ["clock"]) => {
            world.clock.advance(read::<Advance>(call)?.advance_ms);
            Ok(clock(world))
        }
        ("GET", ["faults"]) => Ok(json!({ "faults": world.faults.armed() })),
        ("POST", ["faults"]) => arm(world, read(call)?),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(json!({}))
        }
        ("GET", ["requests"]) => Ok(requests(world, call)),
        ("GET", ["effects"]) => Ok(effects(world, call)),
        ("GET", ["state", name]) => {
            let dialect = Dialect::named(name).ok_or_else(|| unknown_path(call))?;
            Ok(world.partnerstack.view(dialect, now_ms))
        }
        ("POST", [CURRENT, "settings"]) => Ok(world.partnerstack.change(read::<Change>(call)?)),
        ("POST", [CURRENT, "clicks"]) => click(world, read(call)?),
        ("POST", [CURRENT, "rewards"]) => {
            let NewReward { customer_key, amount, account } = read(call)?;
            let amount = amount.unwrap_or(1000);
            let key = world.partnerstack.reward(account, &customer_key, amount, now_ms).map_err(bad_request)?;
            Ok(json!({ "key": key }))
        }
        ("POST", [CURRENT, "rewards", key, word]) => {
            let Nothing {} = read(call)?;
            let verdict = Verdict::from_word(word).ok_or_else(|| unknown_path(call))?;
            world.partnerstack.decide(key, verdict, now_ms).map_err(bad_request)
        }
        ("POST", [CURRENT, "partners", key, word @ ("archive" | "restore")]) => {
            let Nothing {} = read(call)?;
            world.partnerstack.admit(key, *word == "restore", now_ms).map_err(bad_request)?;
            Ok(json!({}))
        }
        ("GET", [CURRENT, "webhooks"]) => Ok(json!({ "sent": world.sent })),
        ("POST", [CURRENT, "webhooks"]) => point(world, read(call)?),
        ("POST", [CURRENT, "webhooks", "send"]) => {
            let Word { body, account } = read(call)?;
            let word = world.partnerstack.word(account, body);
            world.words.push(word.ok_or_else(|| bad_request("the account's webhooks point nowhere"))?);
            Ok(json!({}))
        }
        ("POST", ["reset"]) => {
            world.reset();
            Ok(clock(world))
        }
        _ => Err(unknown_path(call)),
    }
}

/// The query parameters that a route accepts.
fn parameters((method, path): (&str, &[&str])) -> &'static [&'static str] {
    match (method, path) {
        ("GET", ["requests"]) => &["vendor", "path", "key"],
        ("GET", ["effects"]) => &["vendor", "operation", "key"],
        _ => &[],
    }
}

fn only(call: &Call, known: &[&str]) -> Result<(), Refusal> {
    match call.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(bad_request(format!("unknown parameter `{name}`"))),
        None => Ok(()),
    }
}

fn clock(world: &World) -> Value {
    json!({ "now_ms": world.clock.now_ms(), "offset_ms": world.clock.offset_ms(), "file": world.clock.file() })
}

fn arm(world: &mut World, fault: Fault) -> Result<Value, Refusal> {
    if Dialect::named(fault.vendor()).is_none() {
        return Err(bad_request(format!("vendor must be {CURRENT} or {GUIDE}")));
    }
    world.faults.arm(fault).map(|id| json!({ "id": id })).map_err(bad_request)
}

/// Oldest first, filtered by `vendor`, `path` (a part of it) and `key`.
fn requests(world: &World, call: &Call) -> Value {
    let chosen = world.requests.kept().filter(|entry| {
        call.parameter("vendor").is_none_or(|vendor| entry.vendor == vendor)
            && call.parameter("path").is_none_or(|part| entry.path.contains(part))
            && call.parameter("key").is_none_or(|key| entry.external_key.as_deref() == Some(key))
    });
    json!({ "total": world.requests.total(), "requests": chosen.collect::<Vec<_>>() })
}

/// By vendor, operation and key; filtered by `vendor`, `operation` and `key`.
fn effects(world: &World, call: &Call) -> Value {
    let wanted = |name: &str, is: &str| call.parameter(name).is_none_or(|value| value == is);
    let rows = world.effects.iter().filter(|(subject, _)| {
        wanted("vendor", subject.vendor)
            && wanted("operation", subject.operation)
            && wanted("key", &subject.external_key)
    });
    json!({ "effects": rows.map(|(subject, tally)| EffectRow { subject, tally }).collect::<Vec<_>>() })
}

fn point(world: &mut World, Pointed { url, account }: Pointed) -> Result<Value, Refusal> {
    if url.as_deref().is_some_and(|url| !may_be_told(url)) {
        return Err(bad_request("url must be plain http on this machine, or null"));
    }
    world.partnerstack.point(account, url);
    Ok(json!({}))
}

fn click(world: &mut World, click: NewClick) -> Result<Value, Refusal> {
    let now_ms = world.clock.now_ms();
    let xid = world.partnerstack.click(click.xid, &click.partner_key, now_ms).map_err(bad_request)?;
    Ok(json!({ "xid": xid }))
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    match &call.body {
        Body::Json(value) => serde_json::from_value(value.clone()).map_err(|error| bad_request(error.to_string())),
        Body::Empty | Body::Other(_) | Body::TooLarge => Err(bad_request("body must be JSON")),
    }
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message.into())
}

fn unknown_path(call: &Call) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("no control route {} {}", call.method, call.path))
}
