//! Programs that run beside this one and are stopped with it.
//!
//! Each leads its own process group. Ctrl-C on the terminal reaches only this program, which then stops the others in
//! order, with everything that they started: first a request, after a deadline a kill. Dropping a [`Group`] kills it, and a
//! guard ends it if this program itself is killed, so that no program is ever left running.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::shell;

/// How often a running program is checked.
const TICK: Duration = Duration::from_millis(50);

/// Waits until the pipe on its input closes, which the kernel does however the other end dies. Then it ends the group `$1`,
/// with a few seconds for the work under way.
const GUARD: &str = "while read -r _; do :; done; kill -s TERM -- -$1; sleep 5; kill -s KILL -- -$1";

/// SIGINT, SIGTERM and SIGHUP to this program, one message each.
#[derive(Debug)]
pub(crate) struct Interrupts(Receiver<()>);

impl Interrupts {
    /// From now on these signals no longer end the program; call once.
    pub(crate) fn listen() -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        ctrlc::set_handler(move || {
            // Fails only if the receiver is gone because the program is ending.
            let _ = sender.send(());
        })
        .context("cannot listen for Ctrl-C")?;
        Ok(Self(receiver))
    }

    /// Waits one tick; returns whether a signal came.
    pub(crate) fn within_tick(&self) -> bool {
        !matches!(self.0.recv_timeout(TICK), Err(RecvTimeoutError::Timeout))
    }
}

/// A running program with everything that it started.
#[derive(Debug)]
pub(crate) struct Group {
    /// Its name for people.
    pub(crate) name: &'static str,
    /// The file of its output, if the output does not go to the terminal.
    pub(crate) log: Option<PathBuf>,
    child: Child,
    guard: Child,
    ended: Option<ExitStatus>,
}

impl Group {
    /// Starts `command`; both of its outputs go to `log`, if given.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: Option<&Path>) -> Result<Self> {
        if let Some(log) = log {
            let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        let mut child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", shell::line(command)))?;
        let guard = guard(child.id()).inspect_err(|_| {
            // Without a guard it must not run. The guard's error matters more than an error of this kill.
            let _ = child.kill();
        })?;
        Ok(Self { name, log: log.map(Path::to_owned), child, guard, ended: None })
    }

    /// Its exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Asks it to end, waits for `grace` or for another signal, then kills it. Returns whether it ended by itself.
    pub(crate) fn stop(&mut self, grace: Duration, interrupts: &Interrupts) -> Result<bool> {
        let deadline = Instant::now() + grace;
        self.signal(Signal::SIGTERM);
        while self.ended()?.is_none() {
            if interrupts.within_tick() || Instant::now() > deadline {
                self.kill()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The last lines of its log, to show why it ended.
    pub(crate) fn last_lines(&self, count: usize) -> String {
        let text = self.log.as_ref().and_then(|log| std::fs::read(log).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(count);
        lines.into_iter().skip(skipped).map(|line| format!("  {line}\n")).collect()
    }

    fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL);
        self.ended = Some(self.child.wait()?);
        Ok(())
    }

    /// Signals the whole group. Allowed only before its leader was waited for: until then no other process can have its
    /// number.
    fn signal(&self, signal: Signal) {
        if let (None, Ok(id)) = (self.ended, i32::try_from(self.child.id())) {
            // An error means that it has just ended, as wanted.
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            let _ = self.kill();
        }
        // The guard is killed before its pipe closes: another group may soon have the number of the ended group.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// Starts the guard of a group, in a group of its own, so that Ctrl-C does not reach it.
fn guard(group: u32) -> Result<Child> {
    Command::new("sh")
        .args(["-c", GUARD, "guard", &group.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start sh, which ends the programs of a killed task")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that says `ready` once its traps are set, with the sender that interrupts would come through.
    fn shell(script: &str, folder: &Path) -> (Group, Interrupts, mpsc::Sender<()>) {
        let log = folder.join("log");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let group = Group::start("shell", &mut command, Some(&log)).unwrap();
        let (sender, receiver) = mpsc::channel();
        let interrupts = Interrupts(receiver);
        while !std::fs::read_to_string(&log).unwrap().contains("ready") {
            interrupts.within_tick();
        }
        (group, interrupts, sender)
    }

    fn is_alive(id: &str) -> bool {
        Path::new("/proc").join(id).exists()
    }

    #[test]
    fn a_program_that_listens_ends_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (mut group, interrupts, _sender) = shell("echo ready; exec tail -f /dev/null", folder.path());
        assert!(group.stop(Duration::from_secs(60), &interrupts).unwrap());
    }

    #[test]
    fn a_deaf_program_is_killed_after_the_grace_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; tail -f /dev/null & echo $!; echo ready; while :; do wait; done";
        let (mut group, interrupts, _sender) = shell(script, folder.path());
        let started = group.last_lines(2).split_whitespace().next().unwrap().to_owned();
        assert!(is_alive(&started));
        assert!(!group.stop(Duration::from_millis(10), &interrupts).unwrap());
        while is_alive(&started) {
            interrupts.within_tick();
        }
    }

    #[test]
    fn a_second_interrupt_does_not_wait_for_the_grace() {
        let folder = tempfile::tempdir().unwrap();
        let (mut group, interrupts, sender) =
            shell("trap '' TERM; echo ready; while :; do read x; done", folder.path());
        sender.send(()).unwrap();
        assert!(!group.stop(Duration::from_secs(3600), &interrupts).unwrap());
    }

    // field-faults row 54
    #[test]
    fn a_program_and_what_it_started_end_when_the_task_that_started_them_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let script = "tail -f /dev/null & echo $!; echo ready; wait";
        let (mut group, interrupts, _sender) = shell(script, folder.path());
        let started = group.last_lines(2).split_whitespace().next().unwrap().to_owned();
        // The kernel closes the pipe of a killed program.
        drop(group.guard.stdin.take());
        while group.ended().unwrap().is_none() || is_alive(&started) {
            interrupts.within_tick();
        }
    }

    #[test]
    fn an_early_end_is_seen_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let (mut group, interrupts, _sender) =
            shell("echo one; echo ready; echo port taken >&2; exit 7", folder.path());
        let status = loop {
            match group.ended().unwrap() {
                Some(status) => break status,
                None => interrupts.within_tick(),
            };
        };
        assert_eq!(status.code(), Some(7));
        assert_eq!(group.last_lines(1), "  port taken\n");
    }
}
