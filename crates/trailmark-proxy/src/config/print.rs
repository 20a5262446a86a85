//! The configuration as text: the commented default file, and the settings in force after all layers, with secrets by their
//! source. Returns data only; `cli` prints it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::sites::{Consent, OrderKey, Program, SignupsFrom, Site};
use super::values::duration_text;
use super::{Config, LogFormat, Overrides};
use trailmark_attribution::Credit;
use trailmark_vendors::account::{KeySpace, Setting, SettingKind};
use trailmark_vendors::{Pace, VENDORS, Vendor, title};
use trailmark_wire::ids::ProgramId;
use trailmark_wire::vendor::VendorName;

/// The commented default file: all settings with unit, default and reason. Everything about vendors comes from their
/// table: the settings of the first vendor's account end the example program, and each other vendor has an example of its own.
pub fn default_file() -> String {
    let marks = of_vendors().into_iter();
    let mut file = marks.fold(include_str!("../../config.default.toml").to_owned(), |file, (mark, text)| {
        file.replace(&format!("{{{mark}}}"), &text)
    });
    for (index, vendor) in VENDORS.into_iter().enumerate() {
        let (name, title) = (vendor.name(), vendor.title());
        if index == 0 {
            file.push_str(&format!("\n# The account at {title}.\n"));
        } else {
            file.push_str(&format!(
                "\n# A program at {title}.\n#[[sites.programs]]\n#id = \"{name}\"\n#vendor = \"{name}\"\n"
            ));
        }
        vendor.settings().iter().for_each(|setting| file.push_str(&example(name, setting)));
    }
    file
}

/// What stands for each `{mark}` of the file.
fn of_vendors() -> [(&'static str, String); 8] {
    let [first, ..] = VENDORS;
    let quoted = |vendor: &dyn Vendor| format!("\"{}\"", vendor.name());
    let pace = |vendor: &dyn Vendor| format!("{} {}", vendor.title(), vendor.pace().per_minute);
    let key_space = |vendor: &dyn Vendor| {
        let KeySpace { of, name, .. } = vendor.key_space()?;
        Some(format!("{} ({of} of one {name})", vendor.title()))
    };
    let titles = |is_meant: fn(VendorName) -> bool| {
        let meant = VendorName::all().filter(|vendor| is_meant(*vendor));
        listed(meant.map(|vendor| title(vendor.as_str()).to_owned()), "and")
    };
    let defaults = VendorName::all().filter(|vendor| !vendor.default_params().is_empty());
    let defaults = defaults.map(|vendor| format!("{:?} at {}", vendor.default_params(), title(vendor.as_str())));
    [
        ("vendor", first.name().to_owned()),
        ("vendors", listed(VENDORS.map(quoted), "or")),
        ("holding_click_ids", titles(VendorName::holds_click_ids)),
        ("in_path", titles(VendorName::is_in_path)),
        ("default_params", listed(defaults, "and")),
        ("pace", first.pace().per_minute.to_string()),
        ("paces", listed(VENDORS.map(pace), "and")),
        ("key_spaces", listed(VENDORS.into_iter().filter_map(key_space), "and")),
    ]
}

/// The items as people list them: `a, b or c`.
fn listed(items: impl IntoIterator<Item = String>, last_by: &str) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} {last_by} {last}", others.join(", ")),
        _ => items.concat(),
    }
}

/// A vendor's setting with its purpose, commented.
fn example(vendor: &str, Setting { name, kind, dialects, is_needed, purpose, .. }: &Setting) -> String {
    let value = match kind {
        SettingKind::Choice(words) => words.first().copied().unwrap_or_default().to_owned(),
        SettingKind::Root { default } => (*default).to_owned(),
        SettingKind::Secret => format!("env:{}_{}", vendor.to_uppercase(), name.to_uppercase()),
        SettingKind::Text { example } => (*example).to_owned(),
    };
    let words = match kind {
        SettingKind::Choice(words) => format!(" One of: {}.", words.join(", ")),
        SettingKind::Root { .. } => {
            " A simulator or a staging host has another; plain http only to loopback.".to_owned()
        }
        SettingKind::Secret | SettingKind::Text { .. } => String::new(),
    };
    let only = match dialects {
        [only] => format!(" Dialect {} only.", only.as_str()),
        _ => String::new(),
    };
    let needed = if *is_needed { " Needed." } else { "" };
    format!("# `{name}`: {purpose}.{needed}{only}{words}\n#{name} = \"{value}\"\n")
}

impl Config {
    /// The settings in force as JSON, in the file's shape; a secret is `[redacted] from env:NAME`. Secrets that can be
    /// read are compared, since programs with one vendor account have one pace.
    pub fn effective(&self, overrides: &Overrides) -> Value {
        let paces = self.paces(overrides);
        let (server, limits) = (&self.server, &self.limits);
        let mut table = json!({
            "listen": server.listen.to_string(),
            "public_url": server.public_url.as_str(),
            "mount": server.mount,
            "admin_listen": server.admin_listen.to_string(),
            "trusted_proxies": server.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "client_ip_header": server.client_ip_header.as_str(),
            "log_format": match server.log_format { LogFormat::Text => "text", LogFormat::Json => "json" },
            "log_level": server.log_level,
        });
        if let (Some(table), Some(key)) = (table.as_object_mut(), &server.admin_key) {
            table.insert("admin_key".to_owned(), json!(key.to_string()));
        }
        json!({
            "server": table,
            "store": { "url": self.store.to_string() },
            "limits": {
                "requests_per_minute": limits.requests_per_minute,
                "server_requests_per_minute": limits.server_requests_per_minute,
                "touches_per_hour": limits.touches_per_hour,
                "held_per_hour": limits.held_per_hour,
                "network_share_percent": limits.network_share_percent,
                "queue": limits.queue,
                "connections": limits.connections,
                "connections_per_network": limits.connections_per_network,
                "webhooks": limits.webhooks,
            },
            "sites": self.sites.iter().map(|of| site(of, &paces)).collect::<Vec<_>>(),
        })
    }

    /// The same as TOML.
    pub fn print(&self, overrides: &Overrides) -> String {
        let mut out = String::from(
            "# The settings in force: file < environment < flags. Secrets show only their source. Programs with one\n\
             # account at a vendor show its `requests_per_minute`: the lowest that one of them states.\n",
        );
        if let Value::Object(tables) = self.effective(overrides) {
            tables_as_toml(&mut out, "", &tables);
        }
        out
    }
}

fn site(site: &Site, paces: &BTreeMap<&ProgramId, Pace>) -> Value {
    json!({
        "id": site.id,
        "public_url": site.public_url.as_str(),
        "origins": site.origins.iter().map(|origin| origin.as_str()).collect::<Vec<_>>(),
        "cookie_domain": site.cookie_domain.as_deref().unwrap_or_default(),
        "consent": match site.consent { Consent::Required => "required", Consent::NotRequired => "not_required" },
        "redirect_to": site.redirect_to.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "credit": match site.credit { Credit::One => "one", Credit::Each => "each" },
        "window_days": site.window_days,
        "signups_per_visitor": site.signups_per_visitor,
        "signups_from": match site.signups_from {
            SignupsFrom::Backend => "backend",
            SignupsFrom::Both => "both",
            SignupsFrom::Pages => "pages",
        },
        "signup_wait": duration_text(site.signup_wait_ms),
        "require_signed_customer": site.require_signed_customer,
        "order_keys": site.order_keys.iter().map(|(kid, key)| order_key(kid.as_deref(), key)).collect::<Vec<_>>(),
        "programs": site.programs.iter().map(|of| program(of, paces)).collect::<Vec<_>>(),
    })
}

fn order_key(kid: Option<&str>, key: &OrderKey) -> String {
    let kind = match key {
        OrderKey::Ed25519(_) => "EdDSA",
        OrderKey::P256(_) => "ES256",
    };
    format!("{kind} {}", kid.unwrap_or("without kid"))
}

fn program(program: &Program, paces: &BTreeMap<&ProgramId, Pace>) -> Value {
    let mut table = Map::new();
    let mut set = |name: &str, value: Value| table.insert(name.to_owned(), value);
    set("id", json!(program.id));
    set("vendor", json!(program.vendor.as_str()));
    set("dialect", json!(program.dialect.as_str()));
    for (name, secret) in &program.secrets {
        set(name, json!(secret.to_string()));
    }
    set("params", json!(program.params));
    for (name, text) in &program.texts {
        set(name, json!(text));
    }
    if let Some(path) = &program.webhook_path {
        set("webhook_path", json!(path.to_string()));
    }
    set("confirm_after", json!(duration_text(program.confirm_after_ms)));
    set("requests_per_minute", json!(paces.get(&program.id).unwrap_or(&program.pace).per_minute));
    set("unique_keys", json!(program.unique_keys));
    Value::Object(table)
}

/// Scalars first, then tables, then arrays of tables, as TOML requires.
fn tables_as_toml(out: &mut String, path: &str, table: &Map<String, Value>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    // Writing to a string cannot fail.
    for (name, value) in table.iter().filter(|(_, value)| !is_table(value)) {
        let _ = writeln!(out, "{name} = {value}");
    }
    for (name, value) in table {
        match value {
            Value::Object(inner) => {
                let _ = writeln!(out, "\n[{}]", below(name));
                tables_as_toml(out, &below(name), inner);
            }
            Value::Array(items) if is_table(value) => {
                for inner in items.iter().filter_map(Value::as_object) {
                    let _ = writeln!(out, "\n[[{}]]", below(name));
                    tables_as_toml(out, &below(name), inner);
                }
            }
            _ => {}
        }
    }
}

fn is_table(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => items.first().is_some_and(Value::is_object),
        _ => false,
    }
}
