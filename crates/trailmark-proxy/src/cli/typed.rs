//! Reads what was typed for a vendor's command, by the kind of its input: the value, or what is wrong with it. A secret comes
//! from the environment or from standard input. `commands` and `import` put the values into a call; the vendor's table checks
//! what they mean.

use std::io::{self, Read as _};
use std::str::FromStr;

use trailmark_vendors::command::{Input, InputKind, Value};
use trailmark_vendors::secret::Secret;
use trailmark_wire::time::UnixMillis;

use super::output;

/// Characters of a text: Introw's descriptions and notes are the longest.
const TEXT_CHARS: usize = 2_000;

/// What was typed for an input, as its kind.
pub(super) fn value(input: &Input, given: &[String]) -> Result<Value, String> {
    let pair = |text: &String| {
        let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
        pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or("write it as NAME=VALUE")
    };
    let text = given.last().cloned().unwrap_or_default();
    Ok(match input.kind {
        InputKind::Choice(words) if words.contains(&text.as_str()) => Value::Text(text),
        InputKind::Choice(words) => return Err(format!("is one of {}", words.join(", "))),
        InputKind::Flag => Value::Given,
        InputKind::Number => {
            Value::Number(i64::from_str(&text).map_err(|_unreadable| {
                format!("`{}` is not a whole number; {}", output::plain(&text), input.purpose)
            })?)
        }
        InputKind::Pairs => Value::Pairs(given.iter().map(pair).collect::<Result<_, _>>()?),
        InputKind::Address if ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) => {
            Value::Secret(Secret::new(fitting(&text, TEXT_CHARS)?))
        }
        InputKind::Address if !(text == "-" || text.starts_with("env:")) => {
            return Err("write an address with http:// or https://, env:NAME, or - for standard input".to_owned());
        }
        InputKind::Address | InputKind::Secret => Value::Secret(secret(&text)?),
        InputKind::Texts => Value::Texts(given.iter().map(|text| fitting(text, TEXT_CHARS)).collect::<Result<_, _>>()?),
        InputKind::Text => Value::Text(fitting(&text, TEXT_CHARS)?),
        InputKind::Time => {
            let why = |error| format!("`{}`: {error}, such as 2026-11-21T00:00:00Z", output::plain(&text));
            Value::Time(UnixMillis::from_rfc3339(&text).map_err(why)?)
        }
    })
}

/// A text of at most so many characters, without the white space around it.
pub(super) fn fitting(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| format!("has 1 to {most} characters and no control characters"))
}

/// A secret from where its name says; what was typed is not repeated, since it may be the secret.
fn secret(named: &str) -> Result<Secret, String> {
    let text = match named.split_once(':') {
        Some(("env", name)) => std::env::var(name)
            .map_err(|_unset| "needs the environment variable named after `env:`, which is not set")?,
        None if named == "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(|error| format!("cannot read standard input: {error}"))?;
            text
        }
        _ => return Err("write env:NAME, or - for standard input; a command line is no place for a secret".to_owned()),
    };
    let text = text.trim_end_matches(['\n', '\r']);
    let fits = !text.is_empty() && !text.chars().any(char::is_control);
    if fits { Ok(Secret::new(text)) } else { Err("is empty or has several lines".to_owned()) }
}
