//! What a receipt is made of: noted while a track is worked on and listened to, and added up when it is asked for.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::clock::now_ms;
use crate::concurrency::lock;
use crate::problem::Problem;
use crate::receipt::{Facts, Receipt};
use crate::store::{AttemptOutcome, FailedAttempt};
use karaoke_core::{ChunkIndex, TrackId, WorkerId};
use std::sync::Arc;
use std::time::Duration;

/// How often it is written down what was sent: so much is forgotten when the server is killed.
const SENT_INTERVAL: Duration = Duration::from_secs(5);

impl Pipeline {
    /// What a track has cost so far.
    pub async fn receipt(&self, track: &ActiveTrack) -> Result<Receipt, Problem> {
        self.keep_sent().await;
        // The row, since the one in hand may be from before its last step.
        let record = self.store.track(&track.id).await?.ok_or_else(Problem::no_such_track)?;
        let (steps, bytes_down) = self.store.steps(&track.id).await?.ok_or_else(Problem::no_such_track)?;
        let failed = self.store.failed_attempts(&track.id).await?;
        let chunks = track.chunk_views();
        let facts =
            Facts { track: &record, steps, chunks: &chunks, failed: &failed, bytes_down, now_ms: now_ms() };
        Ok(Receipt::new(&facts, &self.billing))
    }

    /// Bytes of a track's stems have left for a listener.
    pub(crate) fn count_sent(&self, id: &TrackId, bytes: u64) {
        self.metrics.sent(bytes);
        self.add_sent(id, bytes);
    }

    fn add_sent(&self, id: &TrackId, bytes: u64) {
        let mut sent = lock(&self.sent);
        match sent.get_mut(id) {
            Some(count) => *count += bytes,
            None => {
                sent.insert(id.clone(), bytes);
            }
        }
    }

    pub(super) async fn sent_loop(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SENT_INTERVAL).await;
            self.keep_sent().await;
        }
    }

    /// Writes down what was sent since the last time; what cannot be written is tried again.
    pub(super) async fn keep_sent(&self) {
        let sent: Vec<(TrackId, u64)> = lock(&self.sent).drain().collect();
        if sent.is_empty() {
            return;
        }
        if let Err(error) = self.store.add_bytes_down(&sent).await {
            tracing::warn!(%error, "cannot write down what was sent");
            sent.iter().for_each(|(id, bytes)| self.add_sent(id, *bytes));
        }
    }

    /// A worker has begun with a chunk of a track, perhaps the first.
    pub(super) async fn first_chunk_begun(&self, track: &ActiveTrack) {
        if !track.has_begun()
            && let Err(error) = self.store.first_chunk(&track.id, now_ms()).await
        {
            tracing::warn!(track = %track.id, %error, "cannot write down when the first worker began");
        }
    }

    /// An attempt at a chunk has failed, or came too late. `attempt` is whose, which one, and how long it took where
    /// that is known. A receipt that lacks one is no reason to fail the track.
    pub(super) async fn attempt_brought_nothing(
        &self,
        track: &ActiveTrack,
        chunk: ChunkIndex,
        (worker, attempt, seconds): (&WorkerId, u32, Option<f64>),
        outcome: AttemptOutcome,
        why: &str,
    ) {
        self.metrics.attempt_failed(outcome);
        let failed = FailedAttempt {
            chunk,
            attempt,
            worker: worker.clone(),
            outcome,
            why: why.to_owned(),
            seconds,
            at_ms: now_ms(),
        };
        if let Err(error) = self.store.attempt_failed(&track.id, &failed).await {
            tracing::warn!(track = %track.id, %chunk, %error, "cannot write down a failed attempt");
        }
    }
}
