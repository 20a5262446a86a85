//! The `trailmark` binary: passes the command line to the library and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    trailmark_proxy::cli::run(std::env::args_os())
}
