//! `/control/...`: requests of a test, a person or the demo page to the simulator itself. JSON both ways, CORS `*`.
//!
//! No vendor has these routes. Faults do not affect them, and the request log does not contain them. Routes under a double's
//! name are asked of the double first; those of webhooks are the same for all doubles.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderValue,
};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Body, Call};
use crate::crowd::{List, Wanted};
use crate::double::{About, Double};
use crate::faults::Fault;
use crate::log::{Subject, Tally};
use crate::postman::{Sent, may_be_told};
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
struct Pointed {
    url: Option<String>,
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    body: Value,
    account: Option<String>,
}

/// A body without fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[derive(Serialize)]
struct EffectRow<'a> {
    #[serde(flatten)]
    subject: &'a Subject,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// Why a control call is refused.
pub(crate) struct Refusal(StatusCode, String);

/// What a control route has done.
pub(crate) type Result = std::result::Result<Value, Refusal>;

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

fn perform(world: &mut World, call: &Call) -> Result {
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
            world.faults.clear(call.parameter("vendor"));
            Ok(json!({}))
        }
        ("GET", ["listings"]) => Ok(listings(world, now_ms)),
        ("GET", ["requests"]) => Ok(requests(world, call)),
        ("GET", ["effects"]) => Ok(effects(world, call)),
        ("GET", ["violations"]) => {
            Ok(json!({ "total": world.violations.total(), "violations": world.violations.kept() }))
        }
        ("GET", ["state", name]) => {
            let (place, account) = world.account(name).ok_or_else(|| unknown_path(call))?;
            let double = world.doubles.get(place).ok_or_else(|| unknown_path(call))?;
            Ok(double.view(account, now_ms))
        }
        ("POST", ["reset"]) => {
            world.reset();
            Ok(clock(world))
        }
        (_, [name, path @ ..]) => {
            let place = world.doubles.iter().position(|double| double.name() == *name);
            let place = place.ok_or_else(|| unknown_path(call))?;
            let double = world.doubles.get_mut(place).ok_or_else(|| unknown_path(call))?;
            match double.control(path, call, now_ms) {
                Some(done) => done,
                None => common(world, place, path, call),
            }
        }
        _ => Err(unknown_path(call)),
    }
}

/// The routes that every double has: those of its lists and of webhooks.
fn common(world: &mut World, place: usize, path: &[&str], call: &Call) -> Result {
    let now_ms = world.clock.now_ms();
    let World { doubles, crowds, .. } = world;
    let double = doubles.get_mut(place).ok_or_else(|| unknown_path(call))?;
    let list = match path {
        [word] if call.method == Method::POST => List::named(word),
        _ => None,
    };
    if let Some(list) = list {
        let wanted: Wanted = read(call)?;
        let account = account_of(double.as_ref(), wanted.account.clone())?;
        return crowds.change(double.as_mut(), (account, list), &wanted, now_ms).map_err(bad_request);
    }
    let double = &*double;
    match (call.method.as_str(), path) {
        ("GET", ["webhooks"]) => {
            let of_double = |sent: &&Sent| double.accounts().contains(&sent.account);
            Ok(json!({ "sent": world.sent.iter().filter(of_double).collect::<Vec<_>>() }))
        }
        ("POST", ["webhooks"]) => {
            let Pointed { url, account } = read(call)?;
            let account = account_of(double.as_ref(), account)?;
            if url.as_deref().is_some_and(|url| !may_be_told(url)) {
                return Err(bad_request("url must be plain http on this machine, or null"));
            }
            world.point(account, url);
            Ok(json!({}))
        }
        ("POST", ["webhooks", "send"]) => {
            let Word { body, account } = read(call)?;
            let outgoing = double.word(account_of(double.as_ref(), account)?, &body, now_ms);
            let is_said = world.say(outgoing);
            is_said.then(|| json!({})).ok_or_else(|| bad_request("the account's webhooks point nowhere"))
        }
        _ => Err(unknown_path(call)),
    }
}

/// The double's account with that name, or its first one.
fn account_of(double: &dyn Double, name: Option<String>) -> std::result::Result<&'static str, Refusal> {
    let Some(name) = name else { return Ok(double.name()) };
    let account = double.accounts().iter().find(|account| **account == name).copied();
    account.ok_or_else(|| bad_request(format!("account must be one of {}", double.accounts().join(", "))))
}

/// The query parameters that a route accepts.
fn parameters((method, path): (&str, &[&str])) -> &'static [&'static str] {
    match (method, path) {
        ("GET", ["requests"]) => &["vendor", "path", "key"],
        ("GET", ["effects"]) => &["vendor", "operation", "key"],
        ("DELETE", ["faults"]) => &["vendor"],
        _ => &[],
    }
}

fn only(call: &Call, known: &[&str]) -> std::result::Result<(), Refusal> {
    match call.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(bad_request(format!("unknown parameter `{name}`"))),
        None => Ok(()),
    }
}

fn clock(world: &World) -> Value {
    json!({ "now_ms": world.clock.now_ms(), "offset_ms": world.clock.offset_ms(), "file": world.clock.file() })
}

fn arm(world: &mut World, fault: Fault) -> Result {
    if world.account(fault.vendor()).is_none() {
        let accounts: Vec<&str> = world.doubles.iter().flat_map(|double| double.accounts()).copied().collect();
        return Err(bad_request(format!("vendor must be one of {}", accounts.join(", "))));
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

/// What every vendor has.
fn listings(world: &World, now_ms: i64) -> Value {
    let vendor = |double: &dyn Double| {
        let About { title, link_params, .. } = double.about();
        json!({
            "vendor": double.name(),
            "title": title,
            "link_params": link_params,
            "listings": double.listings(now_ms),
        })
    };
    json!({ "vendors": world.doubles.iter().map(|double| vendor(double.as_ref())).collect::<Vec<_>>() })
}

/// The body of a control call.
///
/// # Errors
/// It is not JSON, lacks a field or has an unknown one.
pub(crate) fn read<T: DeserializeOwned>(call: &Call) -> std::result::Result<T, Refusal> {
    match &call.body {
        Body::Json(value) => serde_json::from_value(value.clone()).map_err(|error| bad_request(error.to_string())),
        Body::Empty | Body::Other(_) | Body::TooLarge => Err(bad_request("body must be JSON")),
    }
}

pub(crate) fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message.into())
}

/// There is no such control route.
pub(crate) fn unknown_path(call: &Call) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("no control route {} {}", call.method, call.path))
}
