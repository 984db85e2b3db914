//! Unfinished uploads when the server restarts, and at the end of their time.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::clock::now_ms;
use crate::concurrency::blocking;
use crate::fault_point;
use crate::problem::Problem;
use crate::store::Failure;
use karaoke_core::{TrackId, TrackState};
use std::collections::HashSet;
use std::time::Duration;

impl Pipeline {
    /// Waits for decoding, but not long; says why it failed if it did. Longer songs tell it later.
    pub(crate) async fn decoded_soon(&self, track: &ActiveTrack) -> Option<Failure> {
        let wait = Duration::try_from_secs_f64(self.limits.decode_wait_s).unwrap_or_default();
        let decoded = track.wait_state(|s| !matches!(s, TrackState::Queued | TrackState::Decoding));
        let _ = tokio::time::timeout(wait, decoded).await;
        track.record().failure
    }

    /// Forgets an upload and what had come of it; false when there was none.
    pub(crate) async fn remove_upload(&self, id: &TrackId) -> Result<bool, Problem> {
        let was_there = self.store.delete_upload(id).await?;
        fault_point::reach("tus.forgotten");
        self.remove_partial(id).await?;
        Ok(was_there)
    }

    /// Removes the bytes that have come of an upload.
    pub(crate) async fn remove_partial(&self, id: &TrackId) -> Result<(), Problem> {
        let (files, id) = (self.files.clone(), id.clone());
        blocking(move || files.remove_partial(&id)).await.map_err(|e| Problem::disk(&e))
    }

    /// Removes uploads that nobody went on with.
    pub(crate) async fn expire_uploads(&self) -> Result<(), Problem> {
        for id in self.store.expired_uploads(now_ms()).await? {
            tracing::info!(upload = %id, "unfinished upload removed");
            self.remove_upload(&id).await?;
        }
        Ok(())
    }

    /// Clears what a previous run left of uploads that nobody can go on with.
    pub(super) async fn recover_uploads(&self) -> Result<(), Problem> {
        let mut known = HashSet::new();
        for upload in self.store.uploads().await? {
            let path = self.files.partial(&upload.id);
            let length = blocking(move || Ok(std::fs::metadata(path).map_or(0, |m| m.len()))).await;
            let length = length.map_err(|e| Problem::disk(&e))?;
            if self.store.track(&upload.id).await?.is_some() {
                match upload.failure {
                    // It became a track just before the server died.
                    None => drop(self.remove_upload(&upload.id).await?),
                    // It was being refused: only the reason is kept.
                    Some(_) => self.withdraw(&upload.id).await?,
                }
                continue;
            }
            if upload.failure.is_some() {
                continue;
            }
            if length < upload.received {
                self.store.upload_received(&upload.id, length, upload.expires_ms).await?;
            }
            known.insert(upload.id);
        }
        let files = self.files.clone();
        for id in blocking(move || files.partials()).await.map_err(|e| Problem::disk(&e))? {
            if !known.contains(&id) {
                self.remove_partial(&id).await?;
            }
        }
        Ok(())
    }
}
