//! Takes replies: checks them, writes their samples, records the chunk, acks, in that order.

use super::{Pipeline, lock};
use crate::layers::{self, LayerError};
use crate::live::LiveTrack;
use crate::problem::Problem;
use crate::view::ChunkState;
use karaoke_core::TrackState;
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
            let me = self.clone();
            self.tasks.spawn(async move {
                me.collect(delivery).await;
                drop(writer);
            });
        }
    }

    async fn collect(self: &Arc<Self>, delivery: Delivery<Reply>) {
        let reply = &delivery.message;
        let Some(track) = self.live(&reply.track) else {
            // Late: the track is done, cancelled or deleted.
            self.in_flight.release(&reply.track, reply.chunk);
            return delivery.ack();
        };
        match self.keep(&track, reply).await {
            Ok(()) => {
                self.in_flight.release(&reply.track, reply.chunk);
                delivery.ack();
            }
            Err(_) if track.is_called_off() => delivery.ack(),
            Err(problem) => {
                let id = track.id.clone();
                delivery.ack();
                if let Err(e) = self.fail(&id, problem).await {
                    tracing::error!(track = %id, error = %e, "could not record a failure");
                }
            }
        }
    }

    /// Makes a reply's work safe. An error ends the track.
    async fn keep(self: &Arc<Self>, track: &Arc<LiveTrack>, reply: &Reply) -> Result<(), Problem> {
        match track.chunk(reply.chunk) {
            // A second reply for the same chunk changes nothing.
            Some(chunk) if chunk.state == ChunkState::Done => return Ok(()),
            None => return Ok(()),
            Some(_) => {}
        }
        let separated = match &reply.outcome {
            Outcome::Separated(separated) => separated.clone(),
            Outcome::Failed(reason) => {
                self.give_up(track, reply.chunk, reason).await;
                return Ok(());
            }
        };
        match self.write(track, reply.chunk, separated).await? {
            Ok(()) => self.record(track, reply).await,
            Err(LayerError::Io(e)) => Err(Problem::disk(&e)),
            Err(corrupt) => {
                tracing::warn!(track = %track.id, chunk = reply.chunk, worker = %reply.worker, error = %corrupt, "reply refused");
                self.ask_again(track, reply).await;
                Ok(())
            }
        }
    }

    async fn write(
        self: &Arc<Self>,
        track: &Arc<LiveTrack>,
        chunk: u64,
        separated: Separated,
    ) -> Result<Result<(), LayerError>, Problem> {
        let (files, live) = (self.files.clone(), track.clone());
        let work = move || match live.audio() {
            Some(audio) => {
                layers::write(&files, &live.id, &live.manifest.stems, &audio.plan, chunk, &separated)
            }
            None => Ok(()),
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Problem::internal(&e))
    }

    async fn record(self: &Arc<Self>, track: &Arc<LiveTrack>, reply: &Reply) -> Result<(), Problem> {
        let (id, chunk) = (&track.id, reply.chunk);
        let new = self.store.chunk_done(id, chunk, reply.attempt, &reply.worker, reply.seconds).await?;
        if !new {
            return Ok(());
        }
        lock(&self.schedule).drop_chunk(id, chunk);
        track.update_chunk(chunk, |c| {
            c.state = ChunkState::Done;
            c.worker = Some(reply.worker.as_str().into());
            c.seconds = Some(reply.seconds);
        });
        track.tell_track();
        let progress = track.progress();
        let percent = 100 * progress.done / progress.total.max(1);
        tracing::info!(track = %id, chunk, worker = %reply.worker, seconds = format!("{:.2}", reply.seconds), "chunk done, progress {percent} %");
        if progress.done == progress.total && track.state() == TrackState::Separating {
            self.spawn({
                let track = track.clone();
                move |me| async move { me.finish(track).await }
            });
        }
        Ok(())
    }

    /// Puts a chunk back on the schedule, unless it has been asked for too often.
    async fn ask_again(&self, track: &LiveTrack, reply: &Reply) {
        if reply.attempt >= self.dispatch.max_attempts {
            return self.give_up(track, reply.chunk, "its replies were corrupt").await;
        }
        track.update_chunk(reply.chunk, |c| c.state = ChunkState::Pending);
        lock(&self.schedule).put_back(&track.id, reply.chunk);
        self.scheduled.notify_one();
    }
}
