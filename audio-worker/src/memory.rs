//! How much memory this process has, and how much more it may take.

use std::path::Path;

/// Of what is free, the share that sessions may take: songs in work need some too.
const SHARE: f64 = 0.6;

/// Bytes in memory of this process; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    kilobytes(&status, "VmRSS:").unwrap_or(0)
}

/// How many sessions of `each` bytes there can be when so many are `open`; at least 1.
pub(crate) fn fit(each: u64, open: usize) -> usize {
    let (Some(free), true) = (available(), each > 0) else { return usize::MAX };
    (open + (free as f64 * SHARE / each as f64) as usize).max(1)
}

/// Bytes that are free for this process: the machine's, and no more than its control group's.
pub fn available() -> Option<u64> {
    let machine = kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let group = Path::new("/sys/fs/cgroup");
    let number = |name: &str| std::fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    match (number("memory.max"), number("memory.current")) {
        (Some(most), Some(now)) => Some(machine.min(most.saturating_sub(now))),
        _ => Some(machine),
    }
}

/// The value of a line such as `VmRSS:  1234 kB`, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_system_tells() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(kilobytes(text, "MemAvailable:"), Some(20_000_000 * 1024));
        assert_eq!(kilobytes(text, "VmRSS:"), None);
        assert!(resident() > 1 << 20);
    }

    #[test]
    fn at_least_one_session_fits() {
        assert_eq!((fit(u64::MAX, 0), fit(u64::MAX, 1), fit(u64::MAX, 2)), (1, 1, 2));
        assert_eq!(fit(0, 1), usize::MAX);
        assert!(fit(1 << 20, 0) > 1);
    }
}
