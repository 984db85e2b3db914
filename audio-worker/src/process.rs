//! This process and others, as the system sees them: the only file that names `rustix`.

use rustix::process::{Pid, Signal, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::time::Duration;

/// The machine's name up to its first dot, in letters, digits, `-` and `_`.
pub fn host() -> String {
    plain(&rustix::system::uname().nodename().to_string_lossy())
}

fn plain(name: &str) -> String {
    let first = name.split('.').next().unwrap_or_default();
    let kept = first.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' });
    let name: String = kept.take(32).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

/// Processor seconds that this process has used, all its threads together.
pub fn cpu_seconds() -> f64 {
    used(ClockId::ProcessCPUTime).as_secs_f64()
}

/// Processor time that the calling thread has used.
pub fn thread_cpu() -> Duration {
    used(ClockId::ThreadCPUTime)
}

fn used(clock: ClockId) -> Duration {
    let used = clock_gettime(clock);
    // Neither is ever negative.
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
}

/// Ends this process as `kill -9` does: nothing is tidied up.
pub(crate) fn die() {
    signal_self(Signal::KILL);
}

/// Freezes this process, all its threads, until somebody sends SIGCONT.
pub(crate) fn freeze() {
    signal_self(Signal::STOP);
}

fn signal_self(signal: Signal) {
    if let Err(error) = kill_process(getpid(), signal) {
        tracing::error!(%error, ?signal, "cannot send a signal to this process");
    }
}

/// Sends SIGTERM to a process that this one has started and not yet waited for.
pub fn terminate(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(kill_process(pid, Signal::TERM)?)
}

/// Whether a signal says that the process which it ended did something wrong itself; another was sent from outside,
/// by somebody who ends it or by a system that is out of memory.
pub fn is_own_fault(signal: i32) -> bool {
    [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::ABORT]
        .iter()
        .any(|own| own.as_raw() == signal)
}

/// Whether a process is frozen, so that it cannot even hear a SIGTERM. Unknown counts as no.
pub fn is_frozen(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| state(&stat) == Some('T'))
}

/// The state in a line of `/proc/…/stat`; the name before it, in parentheses, may hold anything.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_become_plain() {
        assert_eq!(plain("anna.example.org"), "anna");
        assert_eq!(plain("a b/ü"), "a-b--");
        assert_eq!(plain(""), "host");
        assert!(!host().is_empty());
    }

    #[test]
    fn the_state_stands_behind_the_name() {
        assert_eq!(state("12 (karaoke) T 1 2"), Some('T'));
        assert_eq!(state("12 (a) S (b) R 1 2"), Some('R'));
        assert_eq!(state("nonsense"), None);
        assert!(!is_frozen(std::process::id()));
    }

    #[test]
    fn processor_time_grows() {
        let before = cpu_seconds();
        let thread = thread_cpu();
        while cpu_seconds() <= before || thread_cpu() <= thread {
            std::hint::black_box(before.sqrt());
        }
    }
}
