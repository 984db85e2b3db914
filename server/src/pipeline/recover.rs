//! Takes up the tracks that a previous run of the server left unfinished, and clears what nobody owns.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::concurrency::{blocking, lock};
use crate::problem::Problem;
use crate::store::TrackRecord;
use karaoke_core::TrackState;
use std::sync::Arc;

impl Pipeline {
    pub(super) async fn recover(self: &Arc<Self>) -> Result<(), Problem> {
        self.remove_orphans().await?;
        self.recover_uploads().await?;
        self.store.release_deliveries().await?;
        for record in self.store.active_tracks().await? {
            let id = record.id.clone();
            if let Err(problem) = self.resume_track(record).await {
                self.fail(&id, problem).await?;
            }
        }
        Ok(())
    }

    /// Folders whose row is gone: the server died between the two steps of a deletion or a submission.
    async fn remove_orphans(&self) -> Result<(), Problem> {
        let files = self.files.clone();
        for id in blocking(move || files.tracks()).await.map_err(|e| Problem::disk(&e))? {
            let row = self.store.track(&id).await?;
            let (files, track, state) = (self.files.clone(), id.clone(), row.map(|r| r.state));
            let tidied = match state {
                None | Some(TrackState::Failed | TrackState::Cancelled) => {
                    blocking(move || files.remove(&id)).await
                }
                Some(TrackState::Done) => {
                    blocking(move || files.remove_working(&id).and_then(|()| files.remove_parts(&id))).await
                }
                Some(_) => blocking(move || files.remove_parts(&id)).await,
            };
            tidied.map_err(|e| Problem::disk(&e))?;
            if state == Some(TrackState::Done) {
                // Also what an earlier version did not measure.
                self.measure_disk(&track).await?;
            }
        }
        Ok(())
    }

    async fn resume_track(self: &Arc<Self>, record: TrackRecord) -> Result<(), Problem> {
        let (id, state) = (record.id.clone(), record.state);
        let installed = self.catalogue.get(&record.manifest.name);
        let installed = installed.map_err(|e| Problem::new(500, "Model gone", e.to_string()))?;
        if installed.identity() != record.manifest.identity() {
            let detail = "The model was replaced while the song was being separated; upload the song again.";
            return Err(Problem::new(500, "Model gone", detail));
        }
        let chunks = self.store.chunks(&id).await?;
        let track = Arc::new(ActiveTrack::new(record, chunks));
        lock(&self.active).insert(id.clone(), track.clone());
        let missing = track.missing().len();
        tracing::info!(track = %id, %state, missing, "track taken up again");
        match state {
            TrackState::Queued => self.enqueue_decoding(track),
            TrackState::Decoding => {
                self.store.set_state(&id, TrackState::Queued, crate::clock::now_ms()).await?;
                track.update(|r| r.state = TrackState::Queued);
                self.enqueue_decoding(track);
            }
            TrackState::Separating if missing > 0 => self.schedule_missing(&track),
            // It died before its last step; an empty schedule would never end it.
            TrackState::Separating => self.spawn(move |me| async move { me.finish(track).await }),
            _ => self.spawn(move |me| async move { me.finish_started(track).await }),
        }
        Ok(())
    }
}
