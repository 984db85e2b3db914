//! Room on the disk: what songs need, what they take, and which finished ones make room for others.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::concurrency::{blocking, lock};
use crate::problem::Problem;
use crate::store::Audio;
use crate::view::RemovalView;
use karaoke_core::audio::FRAME_BYTES;
use karaoke_core::{Manifest, TrackId};
use std::sync::Arc;

/// Room that an upload has been promised while it arrives.
pub struct Reservation {
    pipeline: Arc<Pipeline>,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        *lock(&self.pipeline.reserved) -= self.bytes;
    }
}

impl Pipeline {
    /// Promises room for an upload of so many bytes, and makes it where that takes the removal of finished songs; 507
    /// where there is none, 503 where nothing can be written.
    pub async fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Reservation, Problem> {
        self.check_store().await?;
        let _one_at_a_time = self.making_room.lock().await;
        self.make_room(bytes).await?;
        *lock(&self.reserved) += bytes;
        Ok(Reservation { pipeline: self.clone(), bytes })
    }

    /// Refuses while the disk has too little room for any song, and nothing would be removed for one.
    pub async fn check_room(&self) -> Result<(), Problem> {
        let files = self.files.clone();
        let free = blocking(move || files.free_bytes()).await.map_err(|e| Problem::disk(&e))?;
        let is_short = self.disk.max_bytes == 0 && free < self.disk.free_bytes;
        if is_short { Err(no_room()) } else { Ok(()) }
    }

    /// A track has been decoded: promises it what its separation takes.
    pub(super) async fn make_room_for(&self, track: &ActiveTrack, audio: &Audio) -> Result<(), Problem> {
        let _one_at_a_time = self.making_room.lock().await;
        let has = self.measured_bytes(&track.id).await?;
        let needs = bytes_needed(audio, &track.manifest);
        self.store.set_disk_bytes(&track.id, has).await?;
        self.make_room(needs).await?;
        Ok(self.store.set_disk_bytes(&track.id, has.saturating_add(needs)).await?)
    }

    /// Keeps what a track's files take on the disk.
    pub(crate) async fn measure_disk(&self, id: &TrackId) -> Result<(), Problem> {
        let bytes = self.measured_bytes(id).await?;
        Ok(self.store.set_disk_bytes(id, bytes).await?)
    }

    async fn measured_bytes(&self, id: &TrackId) -> Result<u64, Problem> {
        let (files, id) = (self.files.clone(), id.clone());
        blocking(move || files.bytes(&id)).await.map_err(|e| Problem::disk(&e))
    }

    async fn make_room(&self, bytes: u64) -> Result<(), Problem> {
        loop {
            let used = self.store.disk_use().await?;
            let files = self.files.clone();
            let free = blocking(move || files.free_bytes()).await.map_err(|e| Problem::disk(&e))?;
            let (most, floor) = (self.disk.max_bytes, self.disk.free_bytes);
            let over = match most {
                0 => 0,
                most => used
                    .bytes
                    .saturating_add(*lock(&self.reserved))
                    .saturating_add(bytes)
                    .saturating_sub(most),
            };
            // Of what others were promised some is on the disk already.
            let short = bytes.saturating_add(floor).saturating_sub(free);
            let missing = over.max(short);
            if missing == 0 {
                return Ok(());
            }
            // Without a budget nothing is removed by itself.
            if most == 0 || missing > used.removable {
                return Err(no_room());
            }
            let Some(oldest) = self.store.oldest_removable().await? else { return Err(no_room()) };
            tracing::info!(track = %oldest, missing, "the oldest finished track is removed to make room (store.max_bytes)");
            self.delete(&oldest).await?;
        }
    }

    /// Has a track kept from removal by age or for room, or no longer.
    pub async fn keep(&self, track: &ActiveTrack, kept: bool) -> Result<(), Problem> {
        if !self.store.set_kept(&track.id, kept).await? {
            return Err(Problem::no_such_track());
        }
        track.update_view(|record| record.kept = kept);
        Ok(())
    }

    /// Whether an owner, or the admin, may have songs kept.
    pub fn may_keep(&self, is_admin: bool) -> bool {
        is_admin || self.disk.owners_keep
    }

    /// What is removed by itself, for the page.
    pub fn removal(&self) -> RemovalView {
        RemovalView {
            hours: self.keep_hours(),
            for_room: self.disk.max_bytes > 0,
            owners_keep: self.disk.owners_keep,
        }
    }

    /// Hours after which an ended track is removed; none: it stays.
    pub fn keep_hours(&self) -> Option<u32> {
        Some(self.disk.keep_hours).filter(|hours| *hours > 0)
    }
}

/// Bytes that the layers and stems of a decoded track will take.
fn bytes_needed(audio: &Audio, manifest: &Manifest) -> u64 {
    let covers = manifest.windowing(audio.overlap).max_cover() as u64;
    let frame_bytes = FRAME_BYTES as u64;
    let stems = manifest.stems.len() as u64;
    let layers = audio.model_frames.get().saturating_mul(frame_bytes).saturating_mul(covers);
    let finished = audio.frames.get().saturating_mul(frame_bytes);
    layers.saturating_add(finished).saturating_mul(stems)
}

fn no_room() -> Problem {
    let detail = "The server has no room for this song; delete songs that are not needed any more, or try again later.";
    Problem::new(507, "No room", detail)
}
