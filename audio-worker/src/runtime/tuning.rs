//! How the cores of a machine are divided among the sessions of one network: tried once, and remembered.
//!
//! A network that computes much per window is as fast with all cores on one window as with a window a core,
//! and takes its memory once; a small one is nearly twice as fast with a window a core. The layout never
//! changes a bit of the result.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Seconds that a trial may be expected to take: then a machine's first song waits no longer for it.
const PATIENCE_S: f64 = 3.0;

/// A layout must be so many times as fast as one with fewer sessions to be worth their memory.
const WORTH: f64 = 1.05;

/// How many sessions, and how many threads each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLayout {
    /// Sessions that run at the same time.
    pub sessions: usize,
    /// Threads of each.
    pub threads: usize,
}

/// What came of trying a layout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Trial {
    #[serde(rename = "division")]
    pub(super) layout: SessionLayout,
    /// Seconds a window with all sessions at work.
    pub(super) seconds: f64,
    /// Bytes of memory that a session takes; 0: unknown.
    #[serde(default)]
    pub(super) session_bytes: u64,
}

/// What bounds the layouts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Cores to divide.
    pub(super) cores: usize,
    /// Windows that may be in work at once.
    pub(super) workers: usize,
    /// Sessions that fit into memory.
    pub(super) fit: usize,
    /// Seconds to open a session.
    pub(super) load_s: f64,
}

impl SessionLayout {
    /// One session with everything.
    pub(super) fn whole(cores: usize) -> Self {
        Self { sessions: 1, threads: cores.max(1) }
    }
}

/// The layout to try after `trials`, the last one last; none when another is not worth trying.
pub(super) fn next(trials: &[Trial], bounds: Bounds) -> Option<SessionLayout> {
    let Some(last) = trials.last() else { return Some(SessionLayout::whole(bounds.cores)) };
    if trials.len() > 1 && best(trials) != Some(*last) {
        return None;
    }
    let sessions = (2 * last.layout.sessions).min(bounds.workers).min(bounds.fit).min(bounds.cores);
    // Each session once to warm up and once to measure, at the speed so far.
    let cost_s = sessions as f64 * (bounds.load_s + 2.0 * last.seconds);
    (sessions > last.layout.sessions && cost_s <= PATIENCE_S)
        .then_some(SessionLayout { sessions, threads: (bounds.cores / sessions).max(1) })
}

/// The fastest, where more sessions must be clearly faster.
pub(super) fn best(trials: &[Trial]) -> Option<Trial> {
    trials
        .iter()
        .copied()
        .reduce(|best, trial| if trial.seconds * WORTH < best.seconds { trial } else { best })
}

/// What was found out earlier under this key; a file that cannot be read remembers nothing.
pub(super) fn recall(file: &Path, key: &str) -> Option<Trial> {
    read(file).remove(key).filter(|t| t.layout.sessions > 0 && t.layout.threads > 0)
}

/// Remembers what was found out. Another process may do the same at the same time: one of them is remembered.
pub(super) fn remember(file: &Path, key: &str, trial: Trial) -> io::Result<()> {
    let mut all = read(file);
    all.insert(key.to_owned(), trial);
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut partial = tempfile::NamedTempFile::new_in(folder)?;
    partial.write_all(&serde_json::to_vec_pretty(&all)?)?;
    partial.persist(file)?;
    Ok(())
}

fn read(file: &Path) -> BTreeMap<String, Trial> {
    std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { cores: 8, workers: 8, fit: 8, load_s: 0.01 };

    /// Tries until there is nothing left to try, where `seconds` says how fast a number of sessions is.
    fn tried(bounds: Bounds, seconds: impl Fn(usize) -> f64) -> (Vec<usize>, SessionLayout) {
        let mut trials = Vec::new();
        while let Some(layout) = next(&trials, bounds) {
            trials.push(Trial { layout, seconds: seconds(layout.sessions), session_bytes: 0 });
        }
        (trials.iter().map(|t| t.layout.sessions).collect(), best(&trials).unwrap().layout)
    }

    #[test]
    fn a_small_network_gets_a_session_a_core() {
        let (tried, best) = tried(BOUNDS, |sessions| 0.1 / sessions as f64);
        assert_eq!((tried, best), (vec![1, 2, 4, 8], SessionLayout { sessions: 8, threads: 1 }));
    }

    #[test]
    fn what_gains_nothing_stays_with_one_session() {
        let (tried, best) = tried(BOUNDS, |_| 0.1);
        assert_eq!((tried, best), (vec![1, 2], SessionLayout { sessions: 1, threads: 8 }));
    }

    #[test]
    fn a_large_network_is_tried_once() {
        let (tried, best) = tried(Bounds { cores: 2, workers: 2, ..BOUNDS }, |_| 0.8);
        assert_eq!((tried, best), (vec![1], SessionLayout { sessions: 1, threads: 2 }));
    }

    #[test]
    fn workers_and_memory_bound_the_sessions() {
        let gain = |sessions: usize| 0.1 / sessions as f64;
        assert_eq!(tried(Bounds { workers: 3, ..BOUNDS }, gain).1, SessionLayout { sessions: 3, threads: 2 });
        assert_eq!(tried(Bounds { fit: 1, ..BOUNDS }, gain).1, SessionLayout { sessions: 1, threads: 8 });
    }

    #[test]
    fn remembers_by_key_and_survives_a_broken_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/sessions.json");
        assert_eq!(recall(&file, "a"), None);
        let trial =
            Trial { layout: SessionLayout { sessions: 2, threads: 1 }, seconds: 0.25, session_bytes: 7 };
        remember(&file, "a", trial).unwrap();
        remember(&file, "b", Trial { seconds: 1.0, ..trial }).unwrap();
        assert_eq!(recall(&file, "a"), Some(trial));
        std::fs::write(&file, b"{").unwrap();
        assert_eq!(recall(&file, "a"), None);
        remember(&file, "a", trial).unwrap();
        assert_eq!(recall(&file, "a"), Some(trial));
    }
}
