//! What is remembered of a worker for good: across its runs, and those of the server.

use crate::view::{Health, WorkerTotals};
use karaoke_core::presence::OrderKind;

/// A worker as the database remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerHistory {
    /// Its machine.
    pub host: String,
    /// The execution provider of its sessions.
    pub provider: String,
    /// When it was first heard of, Unix milliseconds.
    pub first_seen_ms: i64,
    /// When it was last heard of, Unix milliseconds.
    pub last_seen_ms: i64,
    /// How it was then.
    pub health: Health,
    /// Why it left or crashed.
    pub note: Option<String>,
    /// What it did and suffered.
    pub totals: WorkerTotals,
    /// It is to take no jobs until it is restarted.
    pub away: Option<OrderKind>,
}

impl WorkerHistory {
    /// A worker that is heard of for the first time.
    pub(super) fn new(host: &str, provider: &str, now_ms: i64) -> Self {
        Self {
            host: host.to_owned(),
            provider: provider.to_owned(),
            first_seen_ms: now_ms,
            last_seen_ms: now_ms,
            health: Health::Alive,
            note: None,
            totals: WorkerTotals::default(),
            away: None,
        }
    }
}
