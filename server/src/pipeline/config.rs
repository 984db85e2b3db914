//! The sections `[chunking]`, `[dispatch]` and `[limits]` of the configuration.

use crate::store::UploadBounds;
use karaoke_core::in_flight::LeasePolicy;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[chunking]`: how tracks are cut.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChunkingConfig {
    /// Overlap of neighbouring windows, as a fraction of the window; 0 takes the model's own.
    pub overlap: f64,
    /// Windows in a chunk; 0 takes as many as fit a message, job and reply.
    pub windows_per_chunk: u32,
    /// The largest message, in bytes of samples: of a job, and of each part of a reply.
    pub max_message_bytes: usize,
}

impl Default for ChunkingConfig {
    fn default() -> Self {
        // RabbitMQ 3.12 and later take STOMP frames up to 4 MiB; the rest is for the headers.
        Self { overlap: 0.0, windows_per_chunk: 0, max_message_bytes: 4_000_000 }
    }
}

/// `[dispatch]`: how chunks are handed out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchConfig {
    /// Chunks of each model in flight for the workers of each execution provider; 0 takes what they hold, and one
    /// more.
    pub in_flight: usize,
    /// How often a chunk may fail before its track is given up.
    pub max_attempts: u32,
    /// A chunk of which nothing is heard for so many seconds is asked for again.
    pub lease_s: f64,
    /// While workers are idle, a chunk that takes so many times as long as usual gets a spare copy.
    pub straggler: f64,
}

impl Default for DispatchConfig {
    fn default() -> Self {
        Self { in_flight: 0, max_attempts: 4, lease_s: 15.0, straggler: 2.0 }
    }
}

impl DispatchConfig {
    /// Chunks in flight on each route, unless that follows the workers.
    pub(super) fn fixed_bound(&self) -> Option<usize> {
        (self.in_flight > 0).then_some(self.in_flight)
    }

    pub(super) fn lease_policy(&self) -> LeasePolicy {
        let lease = Duration::try_from_secs_f64(self.lease_s).unwrap_or(Duration::MAX);
        LeasePolicy { lease, straggler: self.straggler.max(1.0), ..LeasePolicy::default() }
    }
}

/// `[limits]`: what the server accepts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest upload, in bytes.
    pub upload_bytes: u64,
    /// The longest track, in seconds.
    pub duration_s: u64,
    /// The largest decoded track, in bytes: 8 a frame at the source's rate.
    pub decoded_bytes: u64,
    /// Tracks that may be in work or waiting at once; more are asked to come back later.
    pub active_tracks: usize,
    /// Tracks decoded at the same time.
    pub decoders: usize,
    /// Uploads that may be unfinished at once; each can go on after its connection was lost.
    pub unfinished_uploads: u32,
    /// How large all unfinished uploads may be together, in bytes.
    pub unfinished_bytes: u64,
    /// Hours after which an upload that nobody goes on with is removed.
    pub unfinished_hours: f64,
    /// How long an upload's answer waits for decoding, in seconds, so that bad files are refused at once.
    pub decode_wait_s: f64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            upload_bytes: 2_000_000_000,
            duration_s: 36_000,
            decoded_bytes: 32_000_000_000,
            active_tracks: 100,
            decoders: 1,
            unfinished_uploads: 100,
            unfinished_bytes: 20_000_000_000,
            unfinished_hours: 24.0,
            decode_wait_s: 5.0,
        }
    }
}

impl LimitsConfig {
    /// When an upload that somebody has just gone on with is removed, Unix milliseconds.
    pub(crate) fn upload_expires_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add((self.unfinished_hours * 3_600_000.0) as i64)
    }

    pub(crate) fn upload_bounds(&self) -> UploadBounds {
        UploadBounds { count: self.unfinished_uploads, bytes: self.unfinished_bytes }
    }
}
