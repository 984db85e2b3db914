//! The end of a track that is not done: it is called off, fails or is deleted.

use super::Pipeline;
use crate::clock::now_ms;
use crate::concurrency::{blocking, lock};
use crate::fault_point;
use crate::problem::Problem;
use karaoke_core::presence::Notice;
use karaoke_core::{TrackId, TrackState};

/// Cancelled tracks that workers who join are told of: more than can have jobs with the queue.
const CANCELLED_KEPT: usize = 64;

impl Pipeline {
    /// Calls a track off; one that has ended stays as it is.
    pub async fn cancel(&self, id: &TrackId) -> Result<(), Problem> {
        if !self.store.set_state(id, TrackState::Cancelled, now_ms()).await? {
            return Ok(());
        }
        fault_point::reach("delete.cancelled");
        tracing::info!(track = %id, "track cancelled");
        self.metrics.track_ended(TrackState::Cancelled);
        self.end(id, |record| record.state = TrackState::Cancelled).await
    }

    /// Gives a track up, with the reason that its owner is told.
    pub(crate) async fn fail(&self, id: &TrackId, why: Problem) -> Result<(), Problem> {
        let track = self.active(id);
        if track.as_ref().is_some_and(|track| !track.set_failing(true)) {
            // It fails already, and that may be why: its files may be gone before the reason is recorded.
            return Ok(());
        }
        let failed = self.record_track_failure(id, why).await;
        if failed.is_err()
            && let Some(track) = track
        {
            track.set_failing(false);
        }
        failed
    }

    async fn record_track_failure(&self, id: &TrackId, why: Problem) -> Result<(), Problem> {
        let failure = why.into();
        let now = now_ms();
        // Its uploader may be about to hear that it is refused; then nobody else does.
        let is_decoded = self.active(id).is_some_and(|track| track.audio().is_some());
        let due_ms = if is_decoded { now } else { now + (self.limits.decode_wait_s * 1000.0) as i64 };
        let recorded = match self.store.fail(id, &failure, now, due_ms).await {
            Ok(recorded) => recorded,
            Err(_) => {
                // A full disk has no room for the reason either, before the track's own files are gone.
                self.remove_files(id).await?;
                self.store.fail(id, &failure, now, due_ms).await?
            }
        };
        if !recorded {
            return Ok(());
        }
        tracing::warn!(track = %id, status = failure.status, reason = %failure.detail, "track failed");
        self.metrics.track_ended(TrackState::Failed);
        self.end(id, |record| {
            record.state = TrackState::Failed;
            record.failure = Some(failure);
        })
        .await
    }

    pub(super) async fn remove_files(&self, id: &TrackId) -> Result<(), Problem> {
        let (files, id) = (self.files.clone(), id.clone());
        blocking(move || files.remove(&id)).await.map_err(|e| Problem::disk(&e))
    }

    /// Takes a track out of the works: nothing of it is dispatched or kept any more.
    async fn end(
        &self,
        id: &TrackId,
        change: impl FnOnce(&mut crate::store::TrackRecord),
    ) -> Result<(), Problem> {
        // In this order: a dispatch that still finds the track removes the chunk itself.
        let track = lock(&self.active).remove(id);
        lock(&self.schedule).remove(id);
        self.in_flight.remove_track(id);
        if let Some(track) = &track {
            track.abort();
        }
        self.wake_deliveries();
        self.notify_cancelled(id);
        lock(&self.undecoded).retain(|t| t.id != *id);
        let removed = self.remove_files(id).await;
        // Only now: who hears of it may hand in a song under the same id, whose files must stay.
        if let Some(track) = &track {
            track.update(change);
        }
        removed
    }

    /// Tells the workers to drop a track's jobs, also those in hand.
    fn notify_cancelled(&self, id: &TrackId) {
        let mut cancelled = lock(&self.cancelled);
        if cancelled.len() == CANCELLED_KEPT {
            cancelled.pop_front();
        }
        cancelled.push_back(id.clone());
        self.notify(Notice::Cancelled { track: id.clone() });
    }

    /// Forgets a track and removes all that is kept of it; false when there was none.
    pub async fn delete(&self, id: &TrackId) -> Result<bool, Problem> {
        let track = self.active(id);
        self.cancel(id).await?;
        fault_point::reach("delete.ended");
        let deleted = self.store.delete_track(id).await?;
        fault_point::reach("delete.row");
        self.remove_files(id).await?;
        fault_point::reach("delete.files");
        if let Some(track) = track {
            track.events.push("gone", "{}".into());
        }
        tracing::info!(track = %id, "track deleted");
        Ok(deleted)
    }
}
