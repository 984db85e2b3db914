//! Handles attempts that bring no samples: started, returned by nack, lost with their worker, corrupt.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::problem::Problem;
use crate::store::AttemptOutcome::{self, Lost, Refused, Returned};
use crate::view::{ChunkState, Health, WorkerEvent};
use karaoke_core::in_flight::{InFlightChunk, is_poison};
use karaoke_core::presence::{HeldChunk, Notice};
use karaoke_core::schedule::Schedule;
use karaoke_core::wire::Reply;
use karaoke_core::{ChunkIndex, WorkerId};
use std::sync::Arc;

impl Pipeline {
    /// A worker has begun with a chunk. One that it was handed after another worker comes from a worker that
    /// died with it or was cut off.
    pub(super) async fn attempt_started(self: &Arc<Self>, track: &Arc<ActiveTrack>, reply: &Reply) {
        self.check_connection();
        let (chunk, worker, now) = (reply.chunk, &reply.worker, self.registry.now());
        let hand = HeldChunk { track: track.id.clone(), chunk, attempt: reply.attempt };
        self.registry.busy(worker, hand.clone());
        let is_new = track.update_chunk(chunk, |c| {
            c.starts += 1;
            if c.state != ChunkState::Done {
                (c.state, c.worker) = (ChunkState::Working, Some(worker.clone()));
            }
            c.state != ChunkState::Done
        });
        if is_new != Some(true) {
            return self.notify_settled(track, chunk);
        }
        let waited = self.in_flight.with(&track.id, chunk, |f| f.waited(reply.attempt, now)).flatten();
        waited.into_iter().for_each(|wait| self.metrics.waited(wait));
        self.adopt(track, reply);
        let before =
            self.in_flight.with(&track.id, chunk, |f| f.started(worker, reply.attempt, now)).flatten();
        if let Some(lost) = before.filter(|before| *before != *worker) {
            self.attempt_lost(track, chunk, &lost).await;
        }
        tracing::debug!(track = %track.id, %chunk, worker = worker.as_str(), attempt = reply.attempt, "chunk begun");
        let before = track.chunk(chunk).and_then(|c| c.failed.last().cloned());
        self.first_chunk_begun(track).await;
        let text = match before.filter(|before| before != worker) {
            Some(before) => format!("{worker} has taken chunk {chunk} over from {before}."),
            None => format!("{worker} has begun with chunk {chunk}."),
        };
        self.record_event("began", Some(worker), Some((track, chunk)), text);
        if self.registry.health(worker) == Some(Health::Crashed) {
            // Its pool's word of its death has overtaken its own: they come by different ways.
            self.worker_crashed(&hand, worker).await;
        }
    }

    /// A worker has died, as its pool says, with a chunk in hand. (Of the one before that its reply may still be
    /// on the way; if it is not, the queue will tell.)
    pub(super) async fn worker_crashed(self: &Arc<Self>, hand: &HeldChunk, worker: &WorkerId) {
        let (Some(track), chunk) = (self.active(&hand.track), hand.chunk) else { return };
        if self.in_flight.with(&track.id, chunk, |chunk| chunk.release(worker)) != Some(true) {
            return;
        }
        track.update_chunk(chunk, |c| {
            if c.state == ChunkState::Working && c.worker.as_ref() == Some(worker) {
                c.state = ChunkState::Queued;
            }
        });
        self.attempt_lost(&track, chunk, worker).await;
    }

    /// A worker had begun with a chunk and will never end it; the queue gives it to another.
    async fn attempt_lost(&self, track: &Arc<ActiveTrack>, chunk: ChunkIndex, worker: &WorkerId) {
        tracing::warn!(track = %track.id, %chunk, worker = worker.as_str(), "chunk goes back: its worker died, or was cut off");
        self.registry.lost(worker);
        self.record_event(
            "lost",
            Some(worker),
            Some((track, chunk)),
            format!("Chunk {chunk} goes back: {worker} is lost."),
        );
        let attempt = track.chunk(chunk).map_or(1, |c| c.attempts.max(1));
        self.record_failure(track, chunk, (worker, attempt, None), Lost, "it died, or was cut off").await;
    }

    /// Adds a chunk that a previous run of the server had sent: its job may still be with a worker.
    pub(super) fn adopt(&self, track: &ActiveTrack, reply: &Reply) {
        if self.in_flight.with(&track.id, reply.chunk, |_| ()).is_none()
            && let Some(route) = track.route()
        {
            let entry = InFlightChunk::new(reply.attempt, self.registry.now());
            self.in_flight.add(&track.id, reply.chunk, &route, entry);
            self.schedule(|s| s.drop_chunk(&track.id, reply.chunk));
            let done = track.chunk(reply.chunk).is_none_or(|c| c.state == ChunkState::Done);
            if done || self.active(&track.id).is_none() {
                self.in_flight.remove(&track.id, reply.chunk);
            }
        }
    }

    /// A worker could not do it and has handed it back: the queue gives it to another.
    pub(super) async fn attempt_returned(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        reply: &Reply,
        why: &str,
    ) {
        let (chunk, worker) = (reply.chunk, &reply.worker);
        self.registry.free(worker, (&track.id, chunk), false);
        self.in_flight.with(&track.id, chunk, |f| f.release(worker));
        track.update_chunk(chunk, |c| {
            if c.state == ChunkState::Working {
                c.state = ChunkState::Queued;
            }
        });
        tracing::warn!(track = %track.id, %chunk, worker = worker.as_str(), reason = why, "chunk handed back");
        let text = format!("{worker} handed chunk {chunk} back: {why}.");
        self.record_event("returned", Some(worker), Some((track, chunk)), text);
        self.record_failure(track, chunk, (worker, reply.attempt, Some(reply.seconds)), Returned, why).await;
    }

    /// A reply that cannot be used: counted, and the chunk is asked for again.
    pub(super) async fn attempt_refused(
        self: &Arc<Self>,
        track: &Arc<ActiveTrack>,
        reply: &Reply,
        why: &str,
    ) {
        let (chunk, worker) = (reply.chunk, &reply.worker);
        self.registry.free(worker, (&track.id, chunk), false);
        let whose = (reply.attempt, worker.clone());
        let known = track.update_chunk(chunk, |c| match c.refused.contains(&whose) {
            true => true,
            false => {
                c.refused.push(whose);
                false
            }
        });
        if known == Some(true) {
            // Another part of a reply that is refused already, or the same once more: one failure.
            return;
        }
        self.registry.refused(worker);
        tracing::warn!(track = %track.id, %chunk, worker = worker.as_str(), error = why, "corrupt reply refused");
        let text =
            format!("A corrupt reply of {worker} for chunk {chunk} was refused; it is asked for again.");
        self.record_event("refused", Some(worker), Some((track, chunk)), text);
        self.notify(Notice::Refused { worker: worker.clone() });
        let latest = self.in_flight.with(&track.id, chunk, |f| {
            f.release(worker);
            f.attempt() == reply.attempt
        });
        let why = format!("its reply was corrupt ({why})");
        self.record_failure(track, chunk, (worker, reply.attempt, Some(reply.seconds)), Refused, &why).await;
        if track.is_aborted() || track.chunk(chunk).is_none_or(|c| c.state == ChunkState::Done) {
            return;
        }
        match latest {
            // A later copy is on its way.
            Some(false) => {}
            Some(true) => {
                track.update_chunk(chunk, |c| {
                    if c.state != ChunkState::Done {
                        c.state = ChunkState::Queued;
                    }
                });
                self.send_copy(track.clone(), chunk);
            }
            // It was asked for by a previous run, and waits for its turn.
            None => {}
        }
    }

    /// A worker's failure counts against the chunk, which is given up when it has failed too often. `attempt` is whose,
    /// which one, and how long it took where that is known.
    pub(super) async fn record_failure(
        &self,
        track: &ActiveTrack,
        chunk: ChunkIndex,
        attempt: (&WorkerId, u32, Option<f64>),
        outcome: AttemptOutcome,
        why: &str,
    ) {
        let worker = attempt.0;
        let failed = track.update_chunk(chunk, |c| {
            // What another copy has done meanwhile is safe, whoever fails at it now.
            (c.state != ChunkState::Done).then(|| {
                c.failed.push(worker.clone());
                c.failed.clone()
            })
        });
        let Some(failed) = failed.flatten() else { return };
        self.attempt_brought_nothing(track, chunk, attempt, outcome, why).await;
        let others = track.route().is_some_and(|route| self.registry.has_others(&route, worker));
        if is_poison(&failed, self.dispatch.max_attempts, others) {
            let times = failed.len();
            let why = format!("{times} attempts failed; the last was {worker}'s: {why}");
            self.fail_chunk(track, chunk, &why).await;
        }
    }

    /// A chunk cannot be done: its track ends, all others go on.
    pub(super) async fn fail_chunk(&self, track: &ActiveTrack, chunk: ChunkIndex, why: &str) {
        self.metrics.chunk_failed();
        let detail =
            format!("Chunk {chunk} could not be separated: {why}. Try another model, or another file.");
        if let Err(e) = self.fail(&track.id, Problem::new(500, "Separation failed", detail)).await {
            tracing::error!(track = %track.id, error = %e, "could not record a failure");
        }
    }

    /// Other copies of a chunk that is done need not be done as well.
    pub(super) fn notify_settled(&self, track: &ActiveTrack, chunk: ChunkIndex) {
        self.notify(Notice::Settled { track: track.id.clone(), chunk });
    }

    /// Tells every worker, in the background: a broker that does not listen must not hold anything up.
    pub(super) fn notify(&self, notice: Notice) {
        let (queue, stop) = (self.queue.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            if let Some(Err(error)) = stop.run_until_cancelled(queue.notify(notice)).await {
                tracing::debug!(%error, "the workers were not told");
            }
        });
    }

    /// Tells whoever watches the workers.
    pub(super) fn record_event(
        &self,
        what: &'static str,
        worker: Option<&WorkerId>,
        chunk: Option<(&Arc<ActiveTrack>, ChunkIndex)>,
        text: String,
    ) {
        let chunk = chunk.map(|(track, chunk)| (&track.id, chunk));
        self.registry.record_event(WorkerEvent::now(what, worker, chunk, text));
    }

    fn schedule<T>(&self, f: impl FnOnce(&mut Schedule) -> T) -> T {
        f(&mut crate::concurrency::lock(&self.schedule))
    }
}
