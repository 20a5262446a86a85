//! Log lines: one an event, to standard error, as text or JSON. What may stand in one is decided where it is written: ids,
//! words, numbers and routes; never tokens, cookies, addresses or bodies, for which the types give nothing but `[redacted]`.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging for the whole process; later calls change nothing. `level` is what the configuration has checked.
pub fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_unreadable| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    // Somebody else's logging, a test's, is as good.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
