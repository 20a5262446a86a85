//! `test`: everything that must hold before a change is merged, in steps, on a machine that may have no tools yet. `matrix`:
//! the steps that take too long for that.
//!
//! The steps are data ([`STEPS`], [`MATRIX`]); each gets the tools that it needs. The first failing step ends the run. A step
//! that runs no test, or skips one, fails too. The last line adds up all counts.

use std::cell::Cell;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::counts::{self, Counts};
use crate::fronts::Fronts;
use crate::npm::Npm;
use crate::tools::{self, Browsers};
use crate::workspace::Workspace;
use crate::{build_sdk, docs, format, fuzz, newcomer, pack, shell, size, tidy};

/// One part of the run.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Run<'_>) -> Result<()>,
}

/// The steps of `test`.
const STEPS: &[Step] = &[
    Step { name: "tools", what: "find or install what the other steps use", run: install_tools },
    Step { name: "fmt", what: "the code is formatted", run: fmt },
    Step { name: "tidy", what: "the rules that no compiler checks", run: tidy_tree },
    Step { name: "sdk", what: "build the browser module, within its budget", run: sdk },
    Step { name: "clippy", what: "lints on this machine's target", run: clippy },
    Step { name: "clippy-wasm", what: "lints on the browser's target", run: clippy_wasm },
    Step { name: "deny", what: "licences, sources and bans of dependencies", run: deny },
    Step { name: "rust", what: "cargo test of the whole workspace", run: rust_tests },
    Step { name: "newcomer", what: "a fifth vendor is one folder and one line", run: newcomer_tests },
    Step { name: "browser", what: "wasm-bindgen tests in Chromium", run: browser_tests },
    Step { name: "package", what: "node tests of the built files", run: package_tests },
    Step { name: "journey", what: "the whole product in Chromium and Firefox", run: journey_tests },
    NPM,
    Step { name: "docs", what: "every page of docs/ followed to the letter", run: docs_tests },
    Step {
        name: "openapi",
        what: "what the tests before asked and answered, against a vendor's OpenAPI",
        run: openapi_tests,
    },
    Step { name: "doc", what: "the documentation builds without a warning", run: doc },
];

const NPM: Step = Step {
    name: "npm",
    what: "the packed npm package: checkers, types, applications that import it",
    run: |run| packaged_tests(run, "tests/npm"),
};

/// The steps of `matrix`. Each installs all that `tests/matrix` locks, hundreds of megabytes.
const MATRIX: &[Step] = &[
    NPM,
    Step {
        name: "bundlers",
        what: "a page without a framework, by webpack, Rollup, esbuild, Parcel and an import map",
        run: |run| packaged_tests(run, "tests/matrix/bundlers"),
    },
    Step {
        name: "frameworks",
        what: "Vue, Svelte, SvelteKit and Astro; React and Next are in npm",
        run: |run| packaged_tests(run, "tests/matrix/frameworks"),
    },
    Step {
        name: "runtimes",
        what: "inert in Node, workerd, Jest and Vitest; types of the oldest TypeScript",
        run: |run| packaged_tests(run, "tests/matrix/runtimes"),
    },
];

/// What every step can use.
struct Run<'a> {
    workspace: &'a Workspace,
    /// Whether to check for known vulnerabilities, which needs the network and may change overnight.
    advisories: bool,
    /// Tests so far, including those of a failing step.
    total: Cell<Counts>,
}

impl Run<'_> {
    fn add(&self, counts: Counts) {
        let mut total = self.total.get();
        total += counts;
        self.total.set(total);
    }
}

/// Runs the steps of `test`.
///
/// # Errors
/// An unknown option or step, or the first failing step.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    run_table(workspace, STEPS, options)
}

/// Runs the steps of `matrix`.
///
/// # Errors
/// An unknown option or step, or the first failing step.
pub(crate) fn matrix(workspace: &Workspace, options: &[&str]) -> Result<()> {
    run_table(workspace, MATRIX, options)
}

/// Reads the options and runs the chosen steps of `table`.
fn run_table(workspace: &Workspace, table: &'static [Step], options: &[&str]) -> Result<()> {
    let mut run = Run { workspace, advisories: false, total: Cell::default() };
    let mut chosen: Vec<&Step> = table.iter().collect();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--list" => {
                table.iter().for_each(|step| println!("{:<12} {}", step.name, step.what));
                return Ok(());
            }
            "--advisories" => run.advisories = true,
            "--only" => chosen = choose(table, options.next().copied().unwrap_or_default())?,
            other => bail!("`{other}` is no option here; there are --only STEP[,STEP], --list and --advisories"),
        }
    }
    let (outcome, lines) = run_steps(&run, &chosen);
    let total = run.total.get();
    println!("\n{}", lines.join("\n"));
    println!("{} passed, {} failed", total.passed, total.failed);
    outcome
}

fn choose(table: &'static [Step], names: &str) -> Result<Vec<&'static Step>> {
    let known = |name: &&str| table.iter().any(|step| step.name == *name);
    if let Some(unknown) = names.split(',').find(|name| !known(name)) {
        bail!("`{unknown}` is no step; `--list` names them");
    }
    Ok(table.iter().filter(|step| names.split(',').any(|name| name == step.name)).collect())
}

/// Runs until the first failing step; returns the outcome and a line per step. The tests are added up in `run`.
fn run_steps(run: &Run<'_>, steps: &[&Step]) -> (Result<()>, Vec<String>) {
    let started = Instant::now();
    let mut lines = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n== {}/{} {}: {} ==", index + 1, steps.len(), step.name, step.what);
        let (begun, before) = (Instant::now(), run.total.get());
        let outcome = (step.run)(run);
        let mark = if outcome.is_ok() { "ok " } else { "RED" };
        let passed = run.total.get().passed - before.passed;
        let tests = if passed == 0 { String::new() } else { format!("{passed} passed") };
        lines.push(format!("  {mark}  {:<12} {:>9}  {tests}", step.name, clock(begun.elapsed())));
        if let Err(error) = outcome {
            if run.total.get().failed == 0 {
                // The step failed, but none of its tests.
                run.add(Counts { failed: 1, ..Counts::default() });
            }
            return (Err(error.context(format!("step {}", step.name))), lines);
        }
    }
    lines.push(format!("  all  {:<12} {:>9}", "", clock(started.elapsed())));
    (Ok(()), lines)
}

fn clock(time: Duration) -> String {
    format!("{}:{:02} min", time.as_secs() / 60, time.as_secs() % 60)
}

/// Succeeds if at least one test ran, all passed, and none was skipped.
fn tested(run: &Run<'_>, command: &mut Command, count: fn(&str) -> Counts) -> Result<()> {
    let (status, output) = shell::tee(command)?;
    let counts = count(&output);
    run.add(counts);
    ensure!(status.success(), "{} ended with {status}; {} tests failed", shell::line(command), counts.failed);
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    ensure!(counts.passed > 0, "{} executed no test", shell::line(command));
    ensure!(counts.skipped == 0, "{} tests were left out; a test that cannot run fails", counts.skipped);
    Ok(())
}

fn install_tools(run: &Run<'_>) -> Result<()> {
    tools::wasm_target()?;
    Npm::install(run.workspace)?;
    frameworks(run.workspace, "tests/npm")?;
    Browsers::install()?;
    Fronts::install()?;
    tools::wasm_bindgen_test_runner(run.workspace)?;
    tools::cargo_deny()?;
    docs::install_programs()?;
    Ok(())
}

fn fmt(run: &Run<'_>) -> Result<()> {
    format::check(run.workspace)
}

fn tidy_tree(run: &Run<'_>) -> Result<()> {
    tidy::run(run.workspace)
}

fn sdk(run: &Run<'_>) -> Result<()> {
    // Without Node the build is allowed to be too large; here it is not.
    Npm::install(run.workspace)?;
    build_sdk::run(run.workspace)?;
    size::run(run.workspace)
}

fn clippy(run: &Run<'_>) -> Result<()> {
    let arguments = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    shell::run(run.workspace.cargo().args(arguments))
}

fn clippy_wasm(run: &Run<'_>) -> Result<()> {
    tools::wasm_target()?;
    let arguments =
        ["clippy", "--quiet", "--package", "trailmark", "--all-targets", "--target", build_sdk::WASM_TARGET];
    shell::run(run.workspace.cargo().args(arguments).args(["--", "-D", "warnings"]))
}

fn deny(run: &Run<'_>) -> Result<()> {
    let mut command = Command::new(tools::cargo_deny()?);
    command.current_dir(&run.workspace.root).args(["--workspace", "check", "bans", "licenses", "sources"]);
    if run.advisories {
        command.arg("advisories");
    } else {
        println!("known vulnerabilities need the network: `cargo xtask test --advisories` asks for them too");
    }
    shell::run(&mut command)
}

fn rust_tests(run: &Run<'_>) -> Result<()> {
    let exchanges = exchanges(run.workspace);
    if exchanges.is_file() {
        std::fs::remove_file(&exchanges)?;
    }
    let mut command = run.workspace.cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    command.env(EXCHANGES, exchanges).env("RUST_TEST_THREADS", at_once(2));
    tested(run, &mut command, counts::of_cargo)
}

/// So many for each core: most tests wait for a disk, a socket or a browser half of the time.
fn at_once(for_each_core: usize) -> String {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    cores.saturating_mul(for_each_core).to_string()
}

/// The variable with the file into which simulators write what a vendor's own document describes.
const EXCHANGES: &str = "TRAILMARK_EXCHANGES";

fn exchanges(workspace: &Workspace) -> PathBuf {
    workspace.target.join("exchanges.jsonl")
}

fn newcomer_tests(run: &Run<'_>) -> Result<()> {
    tested(run, &mut newcomer::tests(run.workspace)?, counts::of_cargo)
}

fn browser_tests(run: &Run<'_>) -> Result<()> {
    tools::wasm_target()?;
    let browsers = Browsers::install()?;
    let runner = tools::wasm_bindgen_test_runner(run.workspace)?;
    let arguments = ["test", "--package", "trailmark", "--test", "browser", "--target", build_sdk::WASM_TARGET];
    tested(
        run,
        run.workspace
            .cargo()
            .args(arguments)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
            .env("CHROMEDRIVER", browsers.driver),
        counts::of_cargo,
    )
}

fn package_tests(run: &Run<'_>) -> Result<()> {
    build_sdk::build(run.workspace)?;
    fuzz::short_corpus(run.workspace)?;
    node_tests(run, "tests/package")
}

fn journey_tests(run: &Run<'_>) -> Result<()> {
    // openssl makes the certificates of the web servers.
    docs::install_programs()?;
    build_sdk::build(run.workspace)?;
    node_tests(run, "tests/journey")
}

/// Judges the exchanges of the steps `rust` and `journey`, which must have run before.
fn openapi_tests(run: &Run<'_>) -> Result<()> {
    let exchanges = exchanges(run.workspace);
    ensure!(exchanges.is_file(), "{} is not there; the steps rust and journey write it", exchanges.display());
    node_tests(run, "tests/openapi")
}

/// The package is installed from its tarball, as users do, beside what the list of `folder` has; then the tests there run.
fn packaged_tests(run: &Run<'_>, folder: &str) -> Result<()> {
    let tarball = pack::pack(run.workspace)?;
    frameworks(run.workspace, folder)?.add(&tarball)?;
    node_tests(run, folder)
}

/// The list of packages for the tests in `folder`, which is `tests/LIST` or below: `npm` or `matrix`.
fn list_of(folder: &str) -> &str {
    folder.split('/').nth(1).unwrap_or_default()
}

/// Where the packages for the tests in `folder` are installed, and their applications built.
fn apps(workspace: &Workspace, folder: &str) -> PathBuf {
    pack::folder(workspace).join(format!("apps-{}", list_of(folder)))
}

/// The packages of the list for `folder`, installed.
fn frameworks(workspace: &Workspace, folder: &str) -> Result<Npm> {
    Npm::install_copy(&workspace.root.join("tests").join(list_of(folder)), &apps(workspace, folder))
}

fn docs_tests(run: &Run<'_>) -> Result<()> {
    docs::install_programs()?;
    build_sdk::build(run.workspace)?;
    let arguments = ["build", "--quiet", "--package", "trailmark-proxy", "--example", "sign"];
    shell::run(run.workspace.cargo().args(arguments))?;
    node_tests(run, "tests/docs")
}

/// Runs the `*.test.mjs` files under `folder`. They are named one by one, since Node versions search a folder differently.
fn node_tests(run: &Run<'_>, folder: &str) -> Result<()> {
    let workspace = run.workspace;
    let npm = Npm::install(workspace)?;
    let browsers = Browsers::install()?;
    let fronts = Fronts::install()?;
    shell::run(workspace.cargo().args(["build", "--quiet", "--package", "trailmark-proxy", "--bin", "trailmark"]))?;
    let files = test_files(&workspace.root.join(folder))?;
    ensure!(!files.is_empty(), "{folder} holds no *.test.mjs file");
    let mut command = Command::new(npm.node);
    command
        .args(["--test", "--test-reporter=spec"])
        // Node leaves a core out, and on two cores it would run one file at a time.
        .arg(format!("--test-concurrency={}", at_once(1)))
        .args(files)
        .current_dir(&workspace.root)
        .env("TRAILMARK_BIN", workspace.target.join("debug").join("trailmark"))
        .env("TRAILMARK_SDK", workspace.root.join(build_sdk::OUTPUT))
        .env("TRAILMARK_NPM", pack::folder(workspace))
        .env("TRAILMARK_APPS", apps(workspace, folder))
        .env("TRAILMARK_CORPUS", fuzz::corpus(workspace))
        .env(EXCHANGES, exchanges(workspace))
        .env("CHROMIUM", browsers.chromium)
        .env("FIREFOX", browsers.firefox)
        // Not `NGINX`: nginx itself reads that variable for sockets to inherit.
        .env("NGINX_BIN", fronts.nginx)
        .env("CADDY_BIN", fronts.caddy);
    tested(run, &mut command, counts::of_node)
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = shell::files_under(folder)?;
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    Ok(files)
}

fn doc(run: &Run<'_>) -> Result<()> {
    shell::run(
        run.workspace
            .cargo()
            .args(["doc", "--quiet", "--no-deps", "--workspace", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn with_run<T>(check: impl FnOnce(&Run<'_>) -> T) -> (T, Counts) {
        let workspace = Workspace { root: PathBuf::new(), target: PathBuf::new(), packages: Vec::new() };
        let run = Run { workspace: &workspace, advisories: false, total: Cell::default() };
        (check(&run), run.total.get())
    }

    fn says(text: &str) -> Command {
        let mut command = Command::new("printf");
        command.args(["%s", text]);
        command
    }

    #[test]
    fn the_first_red_step_ends_the_run_and_is_named() {
        let green = |run: &Run<'_>| {
            run.add(Counts { passed: 2, ..Counts::default() });
            Ok(())
        };
        let steps = [
            &Step { name: "one", what: "", run: green },
            &Step { name: "two", what: "", run: |_| bail!("a lint") },
            &Step { name: "three", what: "", run: |_| panic!("must not run") },
        ];
        let ((outcome, lines), total) = with_run(|run| run_steps(run, &steps));
        assert_eq!(format!("{:#}", outcome.unwrap_err()), "step two: a lint");
        assert_eq!(lines.len(), 2);
        assert_eq!(total, Counts { passed: 2, failed: 1, skipped: 0 });
    }

    #[test]
    fn a_run_of_no_test_or_of_a_skipped_one_is_red() {
        let check = |output, count| with_run(|run| tested(run, &mut says(output), count)).0;
        let error = check("no tests to run!\n", counts::of_cargo).unwrap_err();
        assert!(error.to_string().contains("executed no test"), "{error}");
        let error = check("# pass 1\n# skipped 1\n", counts::of_node).unwrap_err();
        assert!(error.to_string().contains("left out"), "{error}");
        check("# pass 1\n", counts::of_node).unwrap();
    }

    #[test]
    fn the_tests_of_a_red_step_count_too() {
        let fails = |run: &Run<'_>| tested(run, &mut says("# pass 5\n# fail 2\n"), counts::of_node);
        let (_, total) = with_run(|run| run_steps(run, &[&Step { name: "one", what: "", run: fails }]));
        assert_eq!(total, Counts { passed: 5, failed: 2, skipped: 0 });
    }

    #[test]
    fn steps_are_chosen_by_name_and_keep_their_order() {
        let names =
            |table, chosen| -> Result<Vec<_>> { Ok(choose(table, chosen)?.iter().map(|step| step.name).collect()) };
        assert_eq!(names(STEPS, "doc,fmt").unwrap(), ["fmt", "doc"]);
        assert_eq!(names(MATRIX, "runtimes,npm").unwrap(), ["npm", "runtimes"]);
        for unknown in ["fmt,nonsense", "runtimes", ""] {
            assert!(names(STEPS, unknown).is_err(), "{unknown}");
        }
    }
}
