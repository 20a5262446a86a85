//! The tables of `trailmark.toml` as they stand in the file: every value with its position, nothing checked but its type.
//! Unknown keys are errors here; what the values mean is decided in the other files of this folder.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::source::{Problem, Text};

/// A text with its position, where it is given.
pub(super) type Words = Option<Spanned<String>>;

/// A list of texts with their positions, where it is given.
pub(super) type List = Option<Spanned<Vec<Spanned<String>>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) server: ServerTable,
    pub(super) store: StoreTable,
    pub(super) limits: LimitsTable,
    pub(super) sites: Vec<Spanned<SiteTable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerTable {
    pub(super) listen: Words,
    pub(super) public_url: Words,
    pub(super) mount: Words,
    pub(super) admin_listen: Words,
    pub(super) admin_key: Words,
    pub(super) trusted_proxies: List,
    pub(super) client_ip_header: Words,
    pub(super) log_format: Words,
    pub(super) log_level: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoreTable {
    pub(super) url: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsTable {
    pub(super) requests_per_minute: Option<Spanned<i64>>,
    pub(super) server_requests_per_minute: Option<Spanned<i64>>,
    pub(super) touches_per_hour: Option<Spanned<i64>>,
    pub(super) queue: Option<Spanned<i64>>,
    pub(super) connections: Option<Spanned<i64>>,
    pub(super) webhooks: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SiteTable {
    pub(super) id: Words,
    pub(super) public_url: Words,
    pub(super) origins: List,
    pub(super) cookie_domain: Words,
    pub(super) consent: Words,
    pub(super) redirect_to: List,
    pub(super) credit: Words,
    pub(super) window_days: Option<Spanned<i64>>,
    pub(super) signups_per_visitor: Option<Spanned<i64>>,
    pub(super) require_signed_customer: Option<Spanned<bool>>,
    pub(super) order_keys: Vec<Spanned<BTreeMap<String, String>>>,
    pub(super) programs: Vec<Spanned<ProgramTable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProgramTable {
    pub(super) id: Words,
    pub(super) vendor: Words,
    pub(super) dialect: Words,
    pub(super) public_key: Words,
    pub(super) private_key: Words,
    pub(super) tracking_token: Words,
    pub(super) application_key: Words,
    pub(super) user_api_key: Words,
    pub(super) auth: Words,
    pub(super) campaign_id: Words,
    pub(super) api_key: Words,
    pub(super) webhook_secret: Words,
    pub(super) params: List,
    pub(super) base_url: Words,
    pub(super) tracking_url: Words,
    pub(super) webhook_path: Words,
    pub(super) confirm_after: Words,
}

/// Reads the file's text.
///
/// # Errors
/// The first place that is no TOML, an unknown key, or a value of the wrong type.
pub(super) fn read(text: &Text<'_>) -> Result<File, Problem> {
    toml::from_str(text.text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problem { place: text.place(at), key: text.key_at(at), text: without_values(error.message()) }
    })
}

/// The parser's message without the value that it quotes: somebody may have written a secret there.
fn without_values(message: &str) -> String {
    let message = message.trim();
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    match (message.split_once(' '), expected) {
        (Some(("invalid", _)), Some(expected)) => format!("has the wrong type: write {expected}"),
        (Some(("unknown", rest)), Some(expected)) if rest.starts_with("field") => {
            format!("is not a setting; the settings here are {}", expected.trim_start_matches("one of "))
        }
        (Some(("duplicate", _)), _) => "stands here a second time: keep one of the two".to_owned(),
        (Some(("missing", _)), _) => format!("cannot be read: {message}"),
        _ => format!("cannot be read as TOML: {}", message.lines().next().unwrap_or_default()),
    }
}
