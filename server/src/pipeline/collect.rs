//! Takes replies: checks them, writes their samples, records the chunk, acks, in that order.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::concurrency::lock;
use crate::layers::{self, LayerError};
use crate::problem::Problem;
use crate::store::AttemptOutcome;
use crate::view::ChunkState;
use karaoke_core::ChunkIndex;
use karaoke_core::TrackState;
use karaoke_core::presence::Notice;
use karaoke_core::wire::{Outcome, Reply, Separated};
use karaoke_queue::Delivery;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Replies written at the same time: enough to hide the disk, few enough to bound memory.
const WRITERS: usize = 2;

impl Pipeline {
    pub(super) async fn collect_loop(self: Arc<Self>) {
        let writers = Arc::new(Semaphore::new(WRITERS));
        loop {
            let Ok(writer) = writers.clone().acquire_owned().await else { return };
            let Ok(delivery) = self.queue.next_reply().await else { return };
            if !matches!(delivery.message.outcome, Outcome::Separated(_)) {
                // In order: that a chunk was begun is told before it is done.
                self.collect(delivery).await;
                continue;
            }
            let me = self.clone();
            self.tasks.spawn(async move {
                me.collect(delivery).await;
                drop(writer);
            });
        }
    }

    async fn collect(self: &Arc<Self>, delivery: Delivery<Reply>) {
        let reply = &delivery.message;
        let Some(track) = self.active(&reply.track) else {
            // Late: the track is done, cancelled or deleted.
            self.handle_late_reply(reply);
            return delivery.ack();
        };
        match self.handle_reply(&track, reply, delivery.redelivered).await {
            Ok(()) => delivery.ack(),
            Err(_) if track.is_aborted() => delivery.ack(),
            Err(problem) => {
                let id = track.id.clone();
                delivery.ack();
                if let Err(e) = self.fail(&id, problem).await {
                    tracing::error!(track = %id, error = %e, "could not record a failure");
                }
            }
        }
    }

    fn handle_late_reply(&self, reply: &Reply) {
        self.in_flight.remove(&reply.track, reply.chunk);
        match reply.outcome {
            Outcome::Started => self.notify(Notice::Cancelled { track: reply.track.clone() }),
            _ => self.registry.free(&reply.worker, (&reply.track, reply.chunk), false),
        }
    }

    async fn handle_reply(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        reply: &Reply,
        redelivered: bool,
    ) -> Result<(), Problem> {
        match &reply.outcome {
            // From before the connection was lost: since then the job itself has been given to another worker, too.
            Outcome::Started if redelivered => self.adopt(track, reply),
            Outcome::Started => self.attempt_started(track, reply).await,
            Outcome::Returned(why) => self.attempt_returned(track, reply, why).await,
            Outcome::Corrupt(why) => self.attempt_refused(track, reply, why).await,
            Outcome::Failed(why) => {
                self.registry.free(&reply.worker, (&track.id, reply.chunk), false);
                if track.chunk(reply.chunk).is_some_and(|c| c.state != ChunkState::Done) {
                    self.fail_chunk(track, reply.chunk, &format!("{} says: {why}", reply.worker)).await;
                }
            }
            Outcome::Separated(separated) => self.store_result(track, reply, separated).await?,
        }
        Ok(())
    }

    /// Makes a reply's work safe. An error ends the track.
    async fn store_result(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        reply: &Reply,
        separated: &Separated,
    ) -> Result<(), Problem> {
        match track.chunk(reply.chunk) {
            // A second reply for the same chunk changes nothing.
            None => return Ok(()),
            Some(chunk) if chunk.state == ChunkState::Done => {
                self.registry.free(&reply.worker, (&track.id, reply.chunk), false);
                if chunk.worker.as_ref() != Some(&reply.worker) {
                    let attempt = (&reply.worker, reply.attempt, Some(reply.seconds));
                    let why = "another copy was done first";
                    self.attempt_brought_nothing(track, reply.chunk, attempt, AttemptOutcome::Spare, why)
                        .await;
                }
                return Ok(());
            }
            Some(_) => {}
        }
        match self.write(track, reply.chunk, separated.clone()).await? {
            Ok(()) if track.part_arrived(reply.chunk, &separated.part) => {
                self.complete_chunk(track, reply).await
            }
            Ok(()) => {
                self.part_stored(track, reply, separated);
                Ok(())
            }
            Err(LayerError::Io(e)) => Err(Problem::disk(&e)),
            Err(LayerError::Corrupt(why)) => {
                self.attempt_refused(track, reply, why).await;
                Ok(())
            }
        }
    }

    /// A part of a reply is safe, others are to come: its chunk is not lost, and its worker computes no more on it.
    fn part_stored(&self, track: &ActiveTrack, reply: &Reply, separated: &Separated) {
        let (id, chunk, part) = (&track.id, reply.chunk, &separated.part);
        tracing::debug!(track = %id, %chunk, worker = %reply.worker, windows = ?part.windows, stems = ?part.stems, "part kept");
        self.registry.free(&reply.worker, (id, chunk), false);
        let now = self.registry.now();
        self.in_flight.with(id, chunk, |chunk| chunk.seen(&reply.worker, now));
    }

    async fn write(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        chunk: ChunkIndex,
        separated: Separated,
    ) -> Result<Result<(), LayerError>, Problem> {
        let (files, track) = (self.files.clone(), track.clone());
        let work = move || match track.audio() {
            Some(audio) => {
                layers::write(&files, &track.id, &track.manifest.stems, &audio.plan, chunk, &separated)
            }
            None => Ok(()),
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Problem::internal(&e))
    }

    async fn complete_chunk(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        reply: &Reply,
    ) -> Result<(), Problem> {
        let (id, chunk) = (&track.id, reply.chunk);
        let new = self.store.chunk_done(id, chunk, reply.attempt, &reply.worker, reply.seconds).await?;
        self.registry.free(&reply.worker, (id, chunk), new);
        track.forget_parts(chunk);
        let windows = track.audio().map_or(0..0, |audio| audio.plan.windows_of(chunk));
        self.note_pace(track, windows.end - windows.start, reply.seconds);
        if !new {
            self.in_flight.remove(id, chunk);
            return Ok(());
        }
        if let Some(route) = track.route() {
            self.metrics.chunk_done(&route, windows.end - windows.start, reply.seconds);
        }
        lock(&self.schedule).drop_chunk(id, chunk);
        let copies = track.update_chunk(chunk, |c| {
            c.state = ChunkState::Done;
            c.worker = Some(reply.worker.as_str().into());
            c.seconds = Some(reply.seconds);
            c.attempts.max(c.starts)
        });
        // Last: code that adds the chunk after this sees that it is done.
        self.in_flight.remove(id, chunk);
        if copies > Some(1) {
            self.notify_settled(track, chunk);
        }
        track.publish_track();
        let text = format!("{} has done chunk {chunk} in {:.1} s.", reply.worker, reply.seconds);
        self.record_event("done", Some(&reply.worker), Some((track, chunk)), text);
        let progress = track.progress();
        let percent = 100 * progress.done / progress.total.max(1);
        tracing::info!(track = %id, %chunk, worker = %reply.worker, seconds = format!("{:.2}", reply.seconds), "chunk done, progress {percent} %");
        if progress.done == progress.total && track.state() == TrackState::Separating {
            self.spawn({
                let track = track.clone();
                move |me| async move { me.finish(track).await }
            });
        }
        Ok(())
    }
}
