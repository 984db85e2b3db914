//! The machine: cores, memory and open files, against what the configuration needs.

use super::report::Finding;
use karaoke_worker::WorkerConfig;
use karaoke_worker::available_memory;
use karaoke_worker::config::{Sizes, cores};
use rustix::process::{Resource, getrlimit};

/// Below that, a session of a model and a song in work may not fit.
const MEMORY_BYTES: u64 = 1 << 30;
/// Open files of a process that does nothing yet: libraries, database, sockets.
const IDLE_FILES: u64 = 128;
/// Open files for each worker: its connections.
const WORKER_FILES: u64 = 8;
/// So many listeners should be served while their songs are separated, by so many streams each.
const LISTENERS: u64 = 10;
const STREAMS: u64 = 4;

/// Looks at the machine. `files`: of samples, that a stream of a song in work holds open.
pub fn look(config: &WorkerConfig, has_workers: bool, files: u64) -> Vec<Finding> {
    let sizes = config.sizes(cores());
    let mut findings = Vec::new();
    if has_workers {
        findings.push(judge_cores(cores(), sizes));
        findings.extend(available_memory().map(judge_memory));
    }
    let needed = IDLE_FILES + WORKER_FILES * sizes.workers as u64 + LISTENERS * STREAMS * (1 + files);
    findings.push(judge_files(getrlimit(Resource::Nofile).current, needed));
    findings
}

fn judge_cores(cores: usize, sizes: Sizes) -> Finding {
    const NAME: &str = "cores";
    let Sizes { workers, threads } = sizes;
    let said = format!("{cores} cores, {workers} workers of {threads} threads");
    match workers * threads > cores {
        true => Finding::warning(
            NAME,
            said,
            "Set worker.workers to 0: more than one a core only wait for each other.",
        ),
        false => Finding::ok(NAME, said),
    }
}

fn judge_memory(available: u64) -> Finding {
    const NAME: &str = "memory";
    let said = format!("{:.1} GB are available", available as f64 / 1e9);
    match available < MEMORY_BYTES {
        true => {
            Finding::warning(NAME, said, "Make room, or use a small model (models.default = \"builtin\").")
        }
        false => Finding::ok(NAME, said),
    }
}

/// `limit`: none where there is no bound.
fn judge_files(limit: Option<u64>, needed: u64) -> Finding {
    const NAME: &str = "open files";
    match limit {
        Some(limit) if limit < needed => Finding::warning(
            NAME,
            format!("a process may have {limit} open, and {needed} are needed for {LISTENERS} listeners"),
            format!("Start it after `ulimit -n {needed}`, or with LimitNOFILE={needed} in its systemd unit."),
        ),
        Some(limit) => Finding::ok(NAME, format!("a process may have {limit} open")),
        None => Finding::ok(NAME, "a process may have any number open"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    #[test]
    fn what_is_too_little_is_a_warning() {
        let cores = |workers, threads| judge_cores(4, Sizes { workers, threads }).verdict;
        assert_eq!((cores(4, 1), cores(2, 2), cores(5, 1)), (Verdict::Ok, Verdict::Ok, Verdict::Warning));
        assert_eq!(judge_memory(500 << 20).verdict, Verdict::Warning);
        assert_eq!(judge_memory(2 << 30).verdict, Verdict::Ok);
        assert!(judge_files(Some(256), 300).remedy.contains("LimitNOFILE=300"));
        assert_eq!(judge_files(Some(300), 300).verdict, Verdict::Ok);
        assert_eq!(judge_files(None, 300).verdict, Verdict::Ok);
    }
}
