//! Log lines, one for each event, to standard error, as text or JSON. The code that logs decides on the content: ids,
//! words, numbers and routes; never tokens, cookies, addresses or bodies, whose types print only `[redacted]`.
//! Libraries do not follow this rule, so only their warnings and errors are logged.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;

/// Prefix of our own modules.
const OURS: &str = "trailmark";

/// Starts logging for the whole process; later calls have no effect. `level` is one of the configuration's words.
pub fn start(format: LogFormat, level: &str) {
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(OURS, level);
    let lines = layer().with_writer(stderr).with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    // Another logger, such as a test's, may stay.
    let _ = match format {
        LogFormat::Text => registry.with(lines.with_ansi(stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}
