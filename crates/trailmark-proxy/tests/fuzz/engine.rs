//! Runs a target: draws inputs, looks at each, counts, and tells a finding so that it can be read and replayed. Which inputs
//! are drawn stands in [`crate::mutation`], which rules hold in the targets.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::mutation::inputs;

/// What a reader made of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// By its content.
    Refused,
    /// Refused by its shape, before anybody looked at its content.
    Unread,
}

/// A rule that an input breaks.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The rule, as a sentence.
    pub(crate) rule: &'static str,
    /// What was seen.
    pub(crate) detail: String,
}

/// What looking at one input gives.
pub(crate) type Looked = Result<Verdict, Broken>;

/// A reader, what it is fed with, and the rules that it must keep.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Inputs of the short run.
    pub(crate) inputs: u32,
    /// Good inputs and known bad ones.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Words that this reader knows, beside those that every target is given.
    pub(crate) words: &'static [&'static str],
    pub(crate) look: fn(&[u8]) -> Looked,
}

/// `Ok` where `holds`; the detail is only written where it does not.
pub(crate) fn rule(holds: bool, rule: &'static str, detail: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { rule, detail: detail() }) }
}

/// No input may take so long, whatever it holds: inputs end at 64 KiB, for which linear work takes milliseconds. Only an input
/// that takes this long three times in a row counts, so that a busy machine makes no finding.
const FAR_TOO_LONG: Duration = Duration::from_secs(2);

/// Inputs between two looks at the clock, in a timed run.
const ROUND: u32 = 2_000;

/// Inputs that the short run gives to the browser's module, beside the seeds.
const CORPUS: u64 = 10_000;

/// The same for each second of a timed run.
const CORPUS_A_SECOND: u64 = 500;

/// Looks at one input, and at how long that takes; a panic is a broken rule, too.
pub(crate) fn look(target: &Target, input: &[u8]) -> Looked {
    let once = || {
        let begun = Instant::now();
        let looked = catch_unwind(AssertUnwindSafe(|| (target.look)(input)));
        (looked, begun.elapsed())
    };
    let (looked, took) = once();
    let detail = "it panicked; the message stands above".to_owned();
    let verdict = looked.map_err(|_panic| Broken { rule: "no input panics", detail })??;
    let is_slow = took > FAR_TOO_LONG && (0..2).all(|_| once().1 > FAR_TOO_LONG);
    rule(!is_slow, "no input takes longer than linear work", || format!("{took:?} for {} bytes", input.len()))?;
    Ok(verdict)
}

/// The short run, or the timed one where `TRAILMARK_FUZZ_SECONDS` asks for it; writes how many inputs were seen.
#[track_caller]
pub(crate) fn run(target: &Target) {
    let (seconds, first) = timing();
    let seconds = seconds.map(share);
    let seeds = (target.seeds)();
    // Known inputs come first, as they are.
    for seed in &seeds {
        if let Err(broken) = look(target, seed) {
            panic!("{}", told(target, &broken, seed));
        }
    }
    let counts = [const { Cell::new(0_u64) }; 3];
    let mut round = 0;
    let begun = Instant::now();
    loop {
        let cases = seconds.map_or(target.inputs, |_| ROUND);
        search(target, &seeds, cases, first.wrapping_add(round), &counts);
        round += 1;
        if seconds.is_none_or(|seconds| begun.elapsed() >= seconds) {
            break;
        }
    }
    let [accepted, refused, unread] = counts.map(Cell::into_inner);
    let all = accepted + refused + unread;
    let line = format!(
        "fuzz {:<16} {all:>9} inputs, {accepted} accepted, {refused} refused, {unread} unread, {:.1} s, seed {first}\n",
        target.name,
        begun.elapsed().as_secs_f32(),
    );
    // Past the test runner's capture: a reader of the log sees what each target got.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(accepted > 0 && refused + unread > 0, "{} saw only one kind of input: {line}", target.name);
    assert!(unread <= all / 3 * 2, "most inputs of {} do not reach its rules: {line}", target.name);
}

/// A runner that draws the same for the same seed.
fn runner(cases: u32, seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// The seeds of a target, and inputs drawn like those of [`run`]; of a replay its input alone, if it is one of this target.
pub(crate) fn corpus(target: &Target) -> Vec<Vec<u8>> {
    if let Some(file) = replayed() {
        let (name, input) = from_finding(&file).expect("a file that the fuzzer wrote");
        return if name == target.name { vec![input.to_vec()] } else { Vec::new() };
    }
    let seeds = (target.seeds)();
    let (seconds, first) = timing();
    let mut runner = runner(0, first);
    let strategy = inputs(&seeds, target.words);
    let count = seconds.map_or(CORPUS, |seconds| CORPUS.max(seconds.saturating_mul(CORPUS_A_SECOND)));
    let drawn = (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    seeds.iter().cloned().chain(drawn).collect()
}

/// The seconds that are asked for, and the first seed.
fn timing() -> (Option<u64>, u64) {
    let seconds = variable("TRAILMARK_FUZZ_SECONDS");
    (seconds, variable("TRAILMARK_FUZZ_SEED").unwrap_or_else(|| seconds.map_or(0, |_| now())))
}

/// The file that `TRAILMARK_FUZZ_REPLAY` names.
pub(crate) fn replayed() -> Option<Vec<u8>> {
    std::env::var_os("TRAILMARK_FUZZ_REPLAY").map(|file| std::fs::read(file).unwrap())
}

fn search(target: &Target, seeds: &[Vec<u8>], cases: u32, seed: u64, counts: &[Cell<u64>; 3]) {
    let mut runner = runner(cases, seed);
    let as_drawn: RefCell<Option<Vec<u8>>> = RefCell::default();
    let ran = runner.run(&inputs(seeds, target.words), |input| match look(target, &input) {
        Ok(verdict) => {
            let count = &counts[verdict as usize];
            count.set(count.get() + 1);
            Ok(())
        }
        Err(broken) => {
            as_drawn.borrow_mut().get_or_insert(input);
            Err(TestCaseError::fail(broken.rule))
        }
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(_, minimised)) => {
            let broken = look(target, &minimised).expect_err("it broke a rule a moment ago");
            let drawn = as_drawn.take().unwrap_or_default();
            panic!("{}\n  as drawn: {}", told(target, &broken, &minimised), shown(&drawn));
        }
        Err(TestError::Abort(reason)) => panic!("{}: {reason}", target.name),
    }
}

/// The finding for people; its file can be replayed.
fn told(target: &Target, broken: &Broken, input: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let file = folder().join(format!("{}-{:016x}", target.name, hasher.finish()));
    std::fs::write(&file, finding(target.name, input)).unwrap();
    let mut text = format!("{} breaks `{}`\n  seen: {}\n", target.name, broken.rule, broken.detail);
    write!(text, "  minimised: {}\n  replay: cargo xtask fuzz --replay {}", shown(input), file.display()).unwrap();
    text
}

/// Where findings and the corpus are written.
pub(crate) fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The file of a finding: a line that names the target, and the input as it is.
pub(crate) fn finding(target: &str, input: &[u8]) -> Vec<u8> {
    [target.as_bytes(), b"\n", input].concat()
}

/// The target's name and the input in a finding's file.
pub(crate) fn from_finding(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((str::from_utf8(bytes.get(..end)?).ok()?, bytes.get(end + 1..)?))
}

fn shown(input: &[u8]) -> String {
    let text = input.escape_ascii().to_string();
    match text.get(..2_000) {
        Some(start) => format!("{start}… ({} bytes)", input.len()),
        None => text,
    }
}

/// A target's part of the time for all of them, which the test runner runs side by side.
fn share(seconds: u64) -> Duration {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let part = at_once as f64 / crate::all().count() as f64;
    Duration::from_secs(seconds).mul_f64(part.min(1.0))
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}
