//! Deadlines: whether a track will be in time, and that one was missed.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::clock::now_ms;
use crate::concurrency::lock;
use crate::view::DeadlineStatus;
use karaoke_core::TrackState;
use karaoke_core::forecast::{Load, seconds_until_done};
use karaoke_models::speeds;
use std::collections::HashMap;
use std::sync::Arc;

/// How much the newest chunk counts for a model's pace.
const NEWEST: f64 = 0.3;

impl Pipeline {
    /// A chunk of so many windows took a worker so many seconds.
    pub(super) fn note_pace(&self, track: &ActiveTrack, windows: u64, seconds: f64) {
        if windows == 0 || !seconds.is_finite() {
            return;
        }
        let pace = seconds / windows as f64;
        let mut paces = lock(&self.paces);
        let known = paces.entry(track.manifest.name.clone()).or_insert(pace);
        *known += NEWEST * (pace - *known);
    }

    /// Tells a track with a deadline when it will be done, as far as can be told.
    pub(super) fn forecast(&self, track: &ActiveTrack) {
        if track.record().deadline_ms.is_some() {
            let expected = self.expected_s(track);
            track.set_expected(expected.map(|s| now_ms() + (s * 1000.0) as i64));
        }
    }

    /// Seconds until the track is done; none before it is decoded, without workers, or for a model of which nobody knows
    /// how fast it is.
    fn expected_s(&self, track: &ActiveTrack) -> Option<f64> {
        let own = self.load(track)?;
        let all: Vec<Arc<ActiveTrack>> = lock(&self.active).values().cloned().collect();
        let others: Vec<Load> =
            all.iter().filter(|other| other.id != track.id).filter_map(|other| self.load(other)).collect();
        let workers = self.registry.workers_for(&track.manifest.name);
        let windows = track.audio()?.plan.windows_of(0.into());
        let chunk_s = self.pace(track)? * (windows.end - windows.start) as f64;
        seconds_until_done(own, &others, workers, chunk_s)
    }

    /// What is left of a track that has been decoded.
    fn load(&self, track: &ActiveTrack) -> Option<Load> {
        let plan = track.audio()?.plan;
        let missing = track.missing().into_iter().map(|chunk| plan.windows_of(chunk));
        let windows: u64 = missing.map(|windows| windows.end - windows.start).sum();
        let deadline = track.record().deadline_ms.filter(|ms| *ms > now_ms());
        Some(Load { seconds: windows as f64 * self.pace(track)?, deadline: deadline.map(|ms| ms as u64) })
    }

    /// Seconds that a worker takes for a window of the track's model: as of late, or else as was measured on this
    /// machine, whose workers together are so fast.
    fn pace(&self, track: &ActiveTrack) -> Option<f64> {
        let model = &track.manifest.name;
        if let Some(pace) = lock(&self.paces).get(model) {
            return Some(*pace);
        }
        let speed = speeds::of(&self.measured, &self.catalogue, &track.manifest)?.audio_seconds_per_second;
        let windowing = *track.audio()?.plan.windows().windowing();
        let step_s = windowing.step as f64 / f64::from(track.manifest.sample_rate.get());
        Some(step_s / speed * self.registry.workers_for(model).max(1) as f64)
    }

    /// Looks at every track with a deadline: `told` is what was last told of each.
    pub(super) async fn watch_deadlines(&self, told: &mut HashMap<karaoke_core::TrackId, DeadlineStatus>) {
        let tracks: Vec<Arc<ActiveTrack>> = lock(&self.active).values().cloned().collect();
        told.retain(|id, _| tracks.iter().any(|track| track.id == *id));
        for track in tracks.iter().filter(|track| track.record().deadline_ms.is_some()) {
            if track.state() == TrackState::Separating {
                self.forecast(track);
            }
            let Some(view) = track.view().deadline else { continue };
            if told.insert(track.id.clone(), view.status) == Some(view.status) {
                continue;
            }
            if view.status == DeadlineStatus::Missed {
                tracing::warn!(track = %track.id, deadline = view.at, "deadline missed");
                match self.store.miss_deadline(&track.id, now_ms()).await {
                    Ok(_) => self.wake_deliveries(),
                    Err(error) => {
                        tracing::warn!(track = %track.id, %error, "a missed deadline cannot be kept")
                    }
                }
            }
            track.publish_track();
        }
    }
}
