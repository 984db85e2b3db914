//! What a pool runs, and how it is told to end.

use karaoke_queue::rabbit::BrokerConfig;
use karaoke_worker::{Fault, SimulationConfig};
use std::ops::Range;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// What is to run.
pub struct PoolSettings {
    /// The pool's name.
    pub id: String,
    /// The fault of each worker.
    pub faults: Vec<Option<Fault>>,
    /// Which of them, counted from 0, share a process.
    pub processes: Vec<Range<usize>>,
    pub simulation: SimulationConfig,
    pub broker: BrokerConfig,
    /// This program.
    pub program: PathBuf,
    /// The configuration file, if one was named.
    pub file: Option<PathBuf>,
}

/// How the pool is told to end.
#[derive(Clone, Default)]
pub struct Stop {
    /// Finish what is in hand, and leave.
    pub ask: CancellationToken,
    /// Leave now.
    pub insist: CancellationToken,
}
