//! Hands chunks to the queue: a bounded number at a time, in the order the schedule says.

use super::{Pipeline, lock};
use crate::ingest::{FrameFile, FrameSource};
use crate::live::LiveTrack;
use crate::problem::Problem;
use crate::view::ChunkState;
use bytes::Bytes;
use karaoke_core::TrackId;
use karaoke_core::audio::{deinterleave, to_le_bytes};
use karaoke_core::schedule::Next;
use karaoke_core::wire::Job;
use karaoke_queue::News;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Which chunks are out, and room for more.
pub(super) struct InFlight {
    room: Arc<Semaphore>,
    out: Mutex<HashMap<(TrackId, u64), OwnedSemaphorePermit>>,
}

impl InFlight {
    pub(super) fn new(bound: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(bound)), out: Mutex::default() }
    }

    /// A chunk is no longer out.
    pub(super) fn release(&self, track: &TrackId, chunk: u64) {
        lock(&self.out).remove(&(track.clone(), chunk));
    }

    /// Nothing of a track is out any more.
    pub(super) fn release_track(&self, track: &TrackId) {
        lock(&self.out).retain(|(t, _), _| t != track);
    }
}

impl Pipeline {
    pub(super) async fn dispatch_loop(self: Arc<Self>) {
        loop {
            let Ok(permit) = self.in_flight.room.clone().acquire_owned().await else { return };
            let Next { track: id, chunk, urgent } = self.next_chunk().await;
            let Some(track) = self.live(&id) else { continue };
            lock(&self.in_flight.out).insert((id.clone(), chunk), permit);
            if self.live(&id).is_none() {
                self.in_flight.release(&id, chunk);
                continue;
            }
            if let Err(problem) = self.dispatch(&track, chunk, urgent).await {
                self.in_flight.release(&id, chunk);
                // The track may just have been called off; its files are gone then.
                if !track.is_called_off()
                    && let Err(e) = self.fail(&id, problem).await
                {
                    tracing::error!(track = %id, error = %e, "could not record a failure");
                }
            }
        }
    }

    async fn next_chunk(&self) -> Next {
        loop {
            if let Some(next) = lock(&self.schedule).take_next() {
                return next;
            }
            self.scheduled.notified().await;
        }
    }

    async fn dispatch(
        self: &Arc<Self>,
        track: &Arc<LiveTrack>,
        chunk: u64,
        urgent: bool,
    ) -> Result<(), Problem> {
        let body = self.job_body(track, chunk).await?;
        let attempt = track.update_chunk(chunk, |c| {
            (c.state, c.attempts) = (ChunkState::Queued, c.attempts + 1);
            c.attempts
        });
        let (Some(attempt), Some(live)) = (attempt, track.audio()) else { return Ok(()) };
        self.store.chunk_started(&track.id, chunk, attempt).await?;
        let windows = live.plan.windows_of(chunk);
        let job = Job {
            track: track.id.clone(),
            chunk,
            attempt,
            model: track.manifest.name.clone(),
            model_sha256: track.manifest.sha256.clone(),
            windows: (windows.end - windows.start) as u32,
            window: live.plan.windows().windowing().window,
            step: live.plan.windows().windowing().step,
            gain: live.audio.gain,
            urgent,
            reply_to: self.queue.reply_to().to_owned(),
            body,
        };
        tracing::debug!(track = %track.id, chunk, attempt, bytes = job.body.len(), "chunk dispatched");
        loop {
            match self.queue.publish(job.clone()).await {
                Ok(()) => return Ok(()),
                Err(e) if e.retryable() && !track.is_called_off() => {
                    tracing::warn!(track = %track.id, chunk, error = %e, "the queue takes nothing; trying again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(e) => return Err(Problem::internal(&e)),
            }
        }
    }

    /// The samples of a chunk's windows at the model's rate, planar; silence outside the track.
    async fn job_body(self: &Arc<Self>, track: &Arc<LiveTrack>, chunk: u64) -> Result<Bytes, Problem> {
        let (me, track) = (self.clone(), track.clone());
        let read = move || {
            let Some(live) = track.audio() else { return Ok(Bytes::new()) };
            let resampled = live.audio.source_rate != track.manifest.sample_rate;
            let path = if resampled { me.files.model_mix(&track.id) } else { me.files.mix(&track.id) };
            let (start, frames) = live.plan.job_span(chunk);
            let mut interleaved = vec![0.0; frames * 2];
            FrameFile::open(&path)?.read(start, &mut interleaved)?;
            let mut planar = vec![0.0; frames * 2];
            deinterleave(&interleaved, &mut planar);
            Ok(Bytes::from(to_le_bytes(&planar)))
        };
        super::blocking(read).await.map_err(|e| Problem::disk(&e))
    }

    /// Workers tell who has begun with what; a chunk begun too often is what kills them.
    pub(super) async fn news_loop(self: Arc<Self>) {
        while let Ok(news) = self.queue.next_news().await {
            let News::Started { worker, track, chunk, .. } = news;
            let Some(live) = self.live(&track) else { continue };
            let starts = live.update_chunk(chunk, |c| {
                if c.state != ChunkState::Done {
                    (c.state, c.worker) = (ChunkState::Working, Some(worker.as_str().into()));
                }
                c.starts += 1;
                c.starts
            });
            tracing::debug!(%track, chunk, worker, "chunk begun");
            if starts > Some(self.dispatch.max_attempts) {
                self.give_up(&live, chunk, "every worker that began with it failed or died").await;
            }
        }
    }

    /// A chunk cannot be done: its track ends, all others go on.
    pub(super) async fn give_up(&self, track: &LiveTrack, chunk: u64, why: &str) {
        let detail =
            format!("Chunk {chunk} could not be separated: {why}. Try another model, or another file.");
        if let Err(e) = self.fail(&track.id, Problem::new(500, "Separation failed", detail)).await {
            tracing::error!(track = %track.id, error = %e, "could not record a failure");
        }
    }
}
