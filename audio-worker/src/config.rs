//! The section `[worker]` of the configuration.

use crate::provider::Wanted;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How much of the machine the workers take, and where they find ONNX Runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerConfig {
    /// Workers, each with its own model sessions; 0: as many as the machine has cores, divided by `threads`.
    pub workers: usize,
    /// Threads of each worker's session; 0: found out for each model, for all workers of a process together.
    pub threads: usize,
    /// Processes that a pool's healthy workers are divided among, at most one a worker: those of a process share
    /// model sessions and crash together. Workers with a fault always have one each.
    pub processes: usize,
    /// Whether the default model is opened at the start, before its first job.
    pub preload: bool,
    /// What runs the networks.
    pub provider: Wanted,
    /// Folder for what was found out about this machine; empty: `karaoke` in the user's cache folder.
    pub cache: PathBuf,
    /// ONNX Runtime's shared library, or the folder it lies in; empty: `ORT_DYLIB_PATH`, then
    /// `.runtime/onnxruntime`, then the system's.
    pub onnxruntime: PathBuf,
    /// What workers are called: in one process `w1`, `w2`, …; a pool over RabbitMQ is `<host>-w1`, and its
    /// workers `<host>-w1.1`, `<host>-w1.2`, …
    pub id: String,
    /// Models that a worker keeps loaded; loading another drops the one not used for longest.
    pub loaded_models: usize,
    /// Milliseconds of rest after a failure that may pass or a refused reply; doubles with each in a row, up
    /// to 30 s.
    pub retry_pause_ms: u64,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            workers: 0,
            threads: 0,
            processes: 1,
            preload: true,
            provider: Wanted::Auto,
            cache: PathBuf::new(),
            onnxruntime: PathBuf::new(),
            id: "w".to_owned(),
            loaded_models: 2,
            retry_pause_ms: 500,
        }
    }
}

/// A value of `[worker]` that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("worker.{key} {problem}")]
pub struct BadConfig {
    key: &'static str,
    problem: &'static str,
}

/// What a machine is divided into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Workers.
    pub workers: usize,
    /// Threads of each.
    pub threads: usize,
}

impl WorkerConfig {
    /// Refuses values that cannot be.
    pub fn check(&self) -> Result<(), BadConfig> {
        let bad = |key, problem| Err(BadConfig { key, problem });
        if self.workers > 1024 {
            return bad("workers", "must be at most 1024");
        }
        if self.threads > 1024 {
            return bad("threads", "must be at most 1024");
        }
        if !(1..=1024).contains(&self.processes) {
            return bad("processes", "must lie between 1 and 1024");
        }
        if !is_name(&self.id) {
            return bad("id", "must be 1 to 64 letters, digits, '-', '_' or '.'");
        }
        if self.loaded_models == 0 {
            return bad("loaded_models", "must be at least 1");
        }
        if self.retry_pause_ms > 60_000 {
            return bad("retry_pause_ms", "must be at most 60000");
        }
        Ok(())
    }

    /// How a machine of `cores` cores is divided.
    pub fn sizes(&self, cores: usize) -> Sizes {
        let threads = self.threads.max(1);
        let workers = if self.workers == 0 { (cores / threads).max(1) } else { self.workers };
        Sizes { workers, threads }
    }

    /// The folder that [`Self::cache`] means; none where the user has no cache folder.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        if !self.cache.as_os_str().is_empty() {
            return Some(self.cache.clone());
        }
        let named = |variable| std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from);
        let folder = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))?;
        folder.is_absolute().then(|| folder.join("karaoke"))
    }

    /// [`Self::retry_pause_ms`] as a duration.
    pub(crate) fn retry_pause(&self) -> Duration {
        Duration::from_millis(self.retry_pause_ms)
    }
}

/// Whether workers can be called this: 1 to 64 letters, digits, `-`, `_` or `.`.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_one_session_a_core() {
        let config = WorkerConfig::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.sizes(8), Sizes { workers: 8, threads: 1 });
    }

    #[test]
    fn what_is_set_is_kept() {
        let config = WorkerConfig { threads: 3, ..Default::default() };
        assert_eq!(config.sizes(8), Sizes { workers: 2, threads: 3 });
        assert_eq!(config.sizes(1), Sizes { workers: 1, threads: 3 });
        let config = WorkerConfig { workers: 5, ..Default::default() };
        assert_eq!(config.sizes(8), Sizes { workers: 5, threads: 1 });
    }

    #[test]
    fn impossible_values_are_named() {
        let bad = [
            WorkerConfig { workers: 1025, ..Default::default() },
            WorkerConfig { threads: 1025, ..Default::default() },
            WorkerConfig { processes: 0, ..Default::default() },
            WorkerConfig { id: "a b".into(), ..Default::default() },
            WorkerConfig { loaded_models: 0, ..Default::default() },
            WorkerConfig { retry_pause_ms: 60_001, ..Default::default() },
        ];
        for config in bad {
            assert!(config.check().unwrap_err().to_string().starts_with("worker."));
        }
    }
}
