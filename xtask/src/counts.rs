//! How many tests ran, read from the runners' output.
//!
//! A runner that finds no test succeeds too (wasm-bindgen's, node's), so the exit code alone proves nothing. Pure.

use std::ops::AddAssign;

/// Tests of one run, or of several added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ignored, skipped, cancelled or marked as todo.
    pub(crate) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Adds up the closing lines of cargo test and wasm-bindgen-test-runner:
/// `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
pub(crate) fn of_cargo(output: &str) -> Counts {
    let mut total = Counts::default();
    for line in output.lines().filter(|line| line.trim_start().starts_with("test result:")) {
        let count = |word: &str| {
            line.split([';', '.']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok()).unwrap_or(0)
        };
        total += Counts { passed: count(" passed"), failed: count(" failed"), skipped: count(" ignored") };
    }
    total
}

/// Adds up the closing lines of node's test runner: `# pass 3`, or `ℹ pass 3` from its reporter for people.
pub(crate) fn of_node(output: &str) -> Counts {
    let mut total = Counts::default();
    for line in output.lines() {
        let Some(line) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else {
            continue;
        };
        let Some((word, Ok(count))) = line.split_once(' ').map(|(word, count)| (word, count.trim().parse::<u64>()))
        else {
            continue;
        };
        match word {
            "pass" => total.passed += count,
            "fail" => total.failed += count,
            "skipped" | "todo" | "cancelled" => total.skipped += count,
            _ => {}
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_results_are_added_up() {
        let output = "running 3 tests\ntest a ... ok\n\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(of_cargo(output), Counts { passed: 5, failed: 1, skipped: 4 });
    }

    #[test]
    fn a_browser_run_without_tests_counts_zero() {
        assert_eq!(of_cargo("no tests to run!\n"), Counts::default());
        assert_eq!(of_cargo("test result: ok. 0 passed; 0 failed; 0 ignored; 0 filtered out\n"), Counts::default());
    }

    #[test]
    fn a_test_named_like_a_result_is_not_one() {
        assert_eq!(of_cargo("test the_test_result: ok. 3 passed ... ok\n"), Counts::default());
    }

    #[test]
    fn node_results_are_read_from_both_reporters() {
        let wanted = Counts { passed: 7, failed: 1, skipped: 2 };
        let tap = "TAP version 13\n# tests 10\n# suites 0\n# pass 7\n# fail 1\n# cancelled 0\n# skipped 2\n# todo 0\n";
        assert_eq!(of_node(tap), wanted);
        assert_eq!(of_node(&tap.replace("# ", "ℹ ")), wanted);
        assert_eq!(of_node("pass 3"), Counts::default());
    }
}
