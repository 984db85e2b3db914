//! Hands chunks to the queue: a bounded number at a time, in the order the schedule says.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::clock::now_ms;
use crate::concurrency::lock;
use crate::ingest::{FrameFile, FrameSource};
use crate::problem::Problem;
use crate::view::ChunkState;
use bytes::Bytes;
use karaoke_core::audio::{deinterleave, to_le_bytes};
use karaoke_core::in_flight::InFlightChunk;
use karaoke_core::schedule::Next;
use karaoke_core::wire::Job;
use karaoke_core::{ChunkIndex, Route, TrackId};
use karaoke_stages::Stage;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Jobs that may be on their way to the queue at once: enough to hide the time to a receipt, few enough to
/// bound memory and to keep the order that the schedule means.
const PUBLISHERS: usize = 4;
/// Rest before a queue that takes nothing is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Pipeline {
    pub(super) async fn dispatch_loop(self: Arc<Self>) {
        let publishers = Arc::new(Semaphore::new(PUBLISHERS));
        loop {
            let Ok(publisher) = publishers.clone().acquire_owned().await else { return };
            let (Next { track: id, chunk, urgent }, route) = self.next_chunk().await;
            let Some(track) = self.active(&id) else { continue };
            if track.route().is_none() {
                self.assign_provider(&track, &route.provider).await;
            }
            let Some(attempt) = self.register_in_flight(&track, chunk, &route) else { continue };
            self.spawn(move |me| async move {
                me.dispatch(&track, chunk, attempt, urgent).await;
                drop(publisher);
            });
        }
    }

    /// The next chunk that goes out, and to which workers.
    async fn next_chunk(&self) -> (Next, Route) {
        loop {
            // Worked out before the schedule is asked, so that no lock is taken inside another.
            let mut routes = self.routes_with_capacity();
            let next =
                lock(&self.schedule).take_next(now_ms().max(0) as u64, |track| routes.contains_key(track));
            if let Some(next) = next
                && let Some(route) = routes.remove(&next.track)
            {
                return (next, route);
            }
            tokio::select! {
                () = self.scheduled.notified() => {}
                () = self.in_flight.changed() => {}
            }
        }
    }

    /// Tracks that may have another chunk out, and where it goes: to the provider that has the track, or, before
    /// one has it, to the one with the most free capacity.
    fn routes_with_capacity(&self) -> HashMap<TrackId, Route> {
        let tracks: Vec<Arc<ActiveTrack>> = lock(&self.active).values().cloned().collect();
        let route = |track: &ActiveTrack| {
            let route = track.route().or_else(|| self.in_flight.most_capacity(&track.manifest.name))?;
            (self.in_flight.capacity(&route) > 0).then_some(route)
        };
        tracks.iter().filter_map(|track| Some((track.id.clone(), route(track)?))).collect()
    }

    /// Adds a chunk to those in flight; none when it is not wanted any more.
    fn register_in_flight(&self, track: &ActiveTrack, chunk: ChunkIndex, route: &Route) -> Option<u32> {
        let attempt = track.update_chunk(chunk, |c| {
            (c.state != ChunkState::Done).then(|| {
                (c.state, c.attempts) = (ChunkState::Queued, c.attempts + 1);
                c.attempts
            })
        });
        let attempt = attempt.flatten()?;
        self.in_flight.add(&track.id, chunk, route, InFlightChunk::new(attempt, self.registry.now()));
        // Looked at after it has its place: code that completes it from here on removes it from the map.
        let done = track.chunk(chunk).is_none_or(|c| c.state == ChunkState::Done);
        if done || self.active(&track.id).is_none() {
            self.in_flight.remove(&track.id, chunk);
            return None;
        }
        Some(attempt)
    }

    /// Sends another copy of a chunk that is in flight.
    pub(super) fn send_copy(self: &Arc<Self>, track: Arc<ActiveTrack>, chunk: ChunkIndex) {
        let attempt = track.update_chunk(chunk, |c| {
            c.attempts += 1;
            c.attempts
        });
        let now = self.registry.now();
        let (Some(attempt), Some(route)) = (attempt, track.route()) else { return };
        if self.in_flight.copied(&track.id, chunk, &route, attempt, now) {
            self.spawn(move |me| async move { me.dispatch(&track, chunk, attempt, true).await });
        }
    }

    async fn dispatch(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        chunk: ChunkIndex,
        attempt: u32,
        urgent: bool,
    ) {
        if let Err(problem) = self.publish(track, chunk, attempt, urgent).await {
            self.in_flight.remove(&track.id, chunk);
            // The track may just have been aborted; its files are gone then.
            if !track.is_aborted()
                && let Err(e) = self.fail(&track.id, problem).await
            {
                tracing::error!(track = %track.id, error = %e, "could not record a failure");
            }
        }
    }

    async fn publish(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        chunk: ChunkIndex,
        attempt: u32,
        urgent: bool,
    ) -> Result<(), Problem> {
        self.store.chunk_started(&track.id, chunk, attempt).await?;
        let (Some(planned), Some(route)) = (track.audio(), track.route()) else { return Ok(()) };
        let cut = planned.plan.cut(chunk);
        let mut job = Job {
            track: track.id.clone(),
            chunk,
            attempt,
            model: route.model,
            provider: route.provider,
            model_sha256: track.manifest.identity().to_owned(),
            windows: cut.windows,
            window: cut.window,
            step: cut.step,
            end: cut.end,
            lead: cut.lead,
            gain: planned.audio.gain,
            urgent,
            reply_to: self.queue.reply_to().to_owned(),
            max_reply_bytes: self.chunking.max_message_bytes,
            trace_parent: karaoke_telemetry::of(&self.in_flight.span(track, chunk)),
            body: self.job_body(track, chunk).await?,
        };
        tracing::debug!(track = %track.id, %chunk, attempt, bytes = job.body.len(), "chunk dispatched");
        loop {
            let error = match self.queue.publish(job.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) if !error.retryable() => return Err(Problem::internal(&error)),
                Err(error) => error,
            };
            tracing::warn!(track = %track.id, %chunk, %error, "the queue takes nothing; trying again");
            tokio::time::sleep(RETRY_PAUSE).await;
            // It may have taken it all the same: then this is another copy, and has to be told from that one.
            match self.next_attempt(track, chunk) {
                Some(attempt) => job.attempt = attempt,
                // Done meanwhile, by another copy or by what a previous run of the server had sent.
                None => return Ok(()),
            }
            self.store.chunk_started(&track.id, chunk, job.attempt).await?;
        }
    }

    /// The number of one more attempt at a chunk in flight; none when it no longer is.
    fn next_attempt(&self, track: &ActiveTrack, chunk: ChunkIndex) -> Option<u32> {
        self.in_flight.with(&track.id, chunk, |_| ())?;
        let attempt = track.update_chunk(chunk, |c| {
            c.attempts += 1;
            c.attempts
        })?;
        let now = self.registry.now();
        self.in_flight.with(&track.id, chunk, |chunk| chunk.sent_again(attempt, now))?;
        Some(attempt)
    }

    /// The samples of a chunk's windows at the model's rate, planar; silence outside the track.
    async fn job_body(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        chunk: ChunkIndex,
    ) -> Result<Bytes, Problem> {
        let (me, track) = (self.clone(), track.clone());
        let read = move || {
            let Some(planned) = track.audio() else { return Ok(Bytes::new()) };
            let resampled = planned.audio.source_rate != track.manifest.sample_rate;
            let path = if resampled { me.files.model_mix(&track.id) } else { me.files.mix(&track.id) };
            let (start, frames) = planned.plan.job_span(chunk);
            let _stage = Stage::Wire.enter();
            let mut interleaved = vec![0.0; frames * 2];
            FrameFile::open(&path)?.read(start, &mut interleaved)?;
            let mut planar = vec![0.0; frames * 2];
            deinterleave(&interleaved, &mut planar);
            Ok(Bytes::from(to_le_bytes(&planar)))
        };
        crate::concurrency::blocking(read).await.map_err(|e| Problem::disk(&e))
    }
}
