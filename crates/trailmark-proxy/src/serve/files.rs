//! Open files: every connection is one, and so is every file of the ledger. A proxy without free file handles cannot
//! read its ledger and answers 503. So enough are ensured before the first connection, or the proxy does not start.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Open files besides the connections of browsers and backends: the operator's listener (64), vendor connections, the
/// ledger with log and index for each reader, the system's own.
const BESIDE: u64 = 256;

/// There are not enough open files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooFewFiles {
    /// The hard limit is too low.
    #[error(
        "`limits.connections` = {connections} needs {needed} open files, and the system allows this process {hard}: raise the \
         hard limit (`LimitNOFILE={needed}` in a systemd unit, `ulimit -Hn` in a shell){}", lower(.hard)
    )]
    Hard {
        /// The setting.
        connections: usize,
        /// Open files that it needs.
        needed: u64,
        /// The hard limit.
        hard: u64,
    },
    /// The system does not raise the soft limit, or does not report it.
    #[error(
        "the number of open files cannot be raised to {needed}: {reason}; raise it before the proxy starts (`ulimit -n`)"
    )]
    System {
        /// Open files that `limits.connections` needs.
        needed: u64,
        /// The system's reason.
        reason: nix::Error,
    },
}

fn lower(hard: &u64) -> String {
    match hard.saturating_sub(BESIDE) {
        0 => String::new(),
        most => format!(", or set `limits.connections` to {most} or less"),
    }
}

/// Raises the soft limit of open files if this many connections need it.
///
/// # Errors
/// [`TooFewFiles`] if it cannot be raised that far.
pub(super) fn make_room(connections: usize) -> Result<(), TooFewFiles> {
    let system = |reason| TooFewFiles::System { needed: needed(connections), reason };
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(system)?;
    match raised(connections, soft, hard)? {
        Some(soft) => setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map_err(system),
        None => Ok(()),
    }
}

fn needed(connections: usize) -> u64 {
    u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(BESIDE)
}

/// The soft limit that this many connections need; `None` if the present one suffices.
fn raised(connections: usize, soft: u64, hard: u64) -> Result<Option<u64>, TooFewFiles> {
    let needed = needed(connections);
    match needed {
        _ if needed <= soft => Ok(None),
        _ if needed <= hard => Ok(Some(needed)),
        _ => Err(TooFewFiles::Hard { connections, needed, hard }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // field-faults row 66
    #[test]
    fn the_default_connections_raise_the_usual_1024_open_files() {
        assert_eq!(raised(1_024, 1_024, 524_288), Ok(Some(1_280)));
        assert_eq!(raised(1_024, 1_280, 1_280), Ok(None));
        assert_eq!(raised(1_024, 1_279, 1_280), Ok(Some(1_280)));
        assert_eq!(raised(4, 1_024, 1_024), Ok(None), "nothing is lowered");
        assert_eq!(raised(usize::MAX, u64::MAX, u64::MAX), Ok(None));
    }

    #[test]
    fn a_hard_limit_that_is_too_low_is_told_with_both_numbers_and_the_cure() {
        let told = raised(1_024, 1_024, 1_024).unwrap_err().to_string();
        for part in ["`limits.connections` = 1024", "1280 open files", "allows this process 1024", "to 768 or less"] {
            assert!(told.contains(part), "{told}");
        }
        let hopeless = raised(1, 64, 64).unwrap_err().to_string();
        assert!(hopeless.contains("LimitNOFILE=257") && !hopeless.contains("or less"), "{hopeless}");
    }

    #[test]
    fn this_machine_gives_room_for_the_default() {
        make_room(1_024).unwrap();
        assert!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0 >= 1_280);
    }
}
