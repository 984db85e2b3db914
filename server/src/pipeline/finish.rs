//! Writes the finished stems of a track and removes what only the work needed.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::clock::now_ms;
use crate::concurrency::lock;
use crate::fault_point;
use crate::ingest::FrameWriter;
use crate::problem::Problem;
use karaoke_core::TrackState;
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;

/// Frames written at a time.
const BLOCK: usize = 1 << 16;

impl Pipeline {
    /// From `separating` to `done`; whoever comes second to a track that is being finished does nothing.
    pub(super) async fn finish(self: Arc<Self>, track: Arc<ActiveTrack>) {
        let begun = self.store.set_state(&track.id, TrackState::Finishing, now_ms()).await;
        match begun {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                if let Err(e) = self.fail(&track.id, error.into()).await {
                    tracing::error!(track = %track.id, error = %e, "could not record a failure");
                }
                return;
            }
        }
        fault_point::reach("finish.begun");
        track.update(|r| r.state = TrackState::Finishing);
        self.finish_started(track).await;
    }

    /// From `finishing` to `done`: also what a previous run left there.
    pub(super) async fn finish_started(self: Arc<Self>, track: Arc<ActiveTrack>) {
        let span = tracing::info_span!(parent: None, "merge", track = %track.id);
        karaoke_telemetry::follow(&span, track.trace_parent());
        if let Err(problem) = self.try_finish(&track).instrument(span).await
            && !track.is_aborted()
            && let Err(e) = self.fail(&track.id, problem).await
        {
            tracing::error!(track = %track.id, error = %e, "could not record a failure");
        }
    }

    async fn try_finish(self: &Arc<Self>, track: &Arc<ActiveTrack>) -> Result<(), Problem> {
        lock(&self.schedule).remove(&track.id);
        let began = Instant::now();
        let (me, owned) = (self.clone(), track.clone());
        let work = move || owned.manifest.stems.iter().try_for_each(|stem| me.write_stem(&owned, stem));
        crate::concurrency::blocking(work).await.map_err(|e| Problem::disk(&e))?;
        fault_point::reach("finish.written");
        if !self.store.set_state(&track.id, TrackState::Done, now_ms()).await? {
            return Ok(());
        }
        fault_point::reach("finish.done");
        self.wake_deliveries();
        let merge_s = format!("{:.1}", began.elapsed().as_secs_f64());
        let finished_ms = now_ms();
        track.update(|r| (r.state, r.finished_ms) = (TrackState::Done, Some(finished_ms)));
        self.metrics.track_ended(TrackState::Done);
        lock(&self.active).remove(&track.id);
        self.in_flight.remove_track(&track.id);
        let took_s = (finished_ms - track.record().created_ms) as f64 / 1000.0;
        tracing::info!(track = %track.id, merge_s, seconds = format!("{took_s:.1}"), "track done: merged in {merge_s} s, {took_s:.1} s in all");
        let (files, id) = (self.files.clone(), track.id.clone());
        crate::concurrency::blocking(move || files.remove_working(&id))
            .await
            .map_err(|e| Problem::disk(&e))?;
        fault_point::reach("finish.tidied");
        self.measure_disk(&track.id).await
    }

    /// Blocking: blends a predicted stem, at the source's rate, into its final file.
    fn write_stem(&self, track: &ActiveTrack, stem: &str) -> io::Result<()> {
        let Some(planned) = track.audio() else { return Ok(()) };
        let part = self.files.encoded(&track.id, &format!("{stem}.part"));
        let mut source = self.predicted(track, stem)?;
        let mut out = FrameWriter::create(&part)?;
        let mut block = vec![0.0; BLOCK * 2];
        let (length, mut at) = (planned.audio.frames.get(), 0);
        while at < length {
            if track.is_aborted() || self.stop.is_cancelled() {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "called off"));
            }
            let frames = BLOCK.min((length - at) as usize);
            source.read(at as i64, &mut block[..frames * 2])?;
            out.write(&block[..frames * 2])?;
            at += frames as u64;
        }
        out.finish(length)?;
        fault_point::reach("finish.part");
        std::fs::rename(part, self.files.stem(&track.id, stem))?;
        fault_point::reach("finish.stem");
        Ok(())
    }
}
