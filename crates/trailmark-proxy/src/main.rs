//! The `trailmark` binary: hands the command line to the library and gives back the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    trailmark_proxy::cli::run(std::env::args_os())
}
