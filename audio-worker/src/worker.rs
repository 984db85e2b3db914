//! One worker: takes a job, has it separated, sends the reply, and only then acks.

use crate::bench::Bench;
use crate::chunk::ChunkError;
use karaoke_core::wire::{Job, Outcome, Reply, Separated};
use karaoke_queue::{Delivery, News, QueueError, WorkerQueue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// One worker.
pub(crate) struct Worker {
    pub(crate) id: String,
    pub(crate) models: Arc<[String]>,
    pub(crate) queue: Arc<dyn WorkerQueue>,
    pub(crate) bench: Bench,
    pub(crate) pause: Duration,
    pub(crate) stop: CancellationToken,
}

impl Worker {
    /// Works until told to stop or until the queue is closed. The job in hand is finished first.
    pub(crate) async fn run(self) {
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                next = self.queue.next_job(&self.models) => next,
            };
            match next {
                Ok(delivery) => self.handle(delivery).await,
                Err(error) if error.retryable() => {
                    tracing::warn!(worker = self.id, %error, "no job");
                    self.rest().await;
                }
                Err(_) => break,
            }
        }
        self.bench.close().await;
    }

    #[tracing::instrument(
        name = "job", skip_all,
        fields(worker = self.id, track = %delivery.message.track, chunk = delivery.message.chunk,
            attempt = delivery.message.attempt),
    )]
    async fn handle(&self, delivery: Delivery<Job>) {
        let job = &delivery.message;
        if self.queue.is_cancelled(&job.track) {
            return delivery.ack();
        }
        self.queue.tell(self.started(job));
        let began = Instant::now();
        let result = self.separate(job).await;
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(separated) => self.reply(delivery, seconds, Outcome::Separated(separated)).await,
            Err(ChunkError::Cancelled) => delivery.ack(),
            Err(error) if error.retryable() => {
                tracing::warn!(%error, "job failed, handing it back");
                self.rest().await;
                delivery.nack();
            }
            Err(error) => {
                tracing::error!(%error, "job failed for good");
                self.reply(delivery, seconds, Outcome::Failed(error.to_string())).await;
            }
        }
    }

    async fn separate(&self, job: &Job) -> Result<Separated, ChunkError> {
        let (queue, track) = (self.queue.clone(), job.track.clone());
        self.bench.separate(job.clone(), Box::new(move || queue.is_cancelled(&track))).await
    }

    /// Sends the reply, and acks the job once the queue holds it; a job whose reply is lost is handed back.
    async fn reply(&self, delivery: Delivery<Job>, seconds: f64, outcome: Outcome) {
        let job = &delivery.message;
        let reply = Reply {
            track: job.track.clone(),
            chunk: job.chunk,
            attempt: job.attempt,
            worker: self.id.clone(),
            seconds,
            outcome,
        };
        match self.send(&job.reply_to, reply).await {
            Ok(()) => {
                tracing::debug!(seconds, "job done");
                delivery.ack();
            }
            Err(error) => {
                tracing::warn!(%error, "reply not sent, handing the job back");
                delivery.nack();
            }
        }
    }

    /// Sends the reply until there is room for it: computing it again would cost more than waiting.
    async fn send(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        loop {
            match self.queue.reply(reply_to, reply.clone()).await {
                Err(error) if error.retryable() && !self.stop.is_cancelled() => {
                    tracing::warn!(%error, "reply has to wait");
                    self.rest().await;
                }
                done => return done,
            }
        }
    }

    fn started(&self, job: &Job) -> News {
        News::Started {
            worker: self.id.clone(),
            track: job.track.clone(),
            chunk: job.chunk,
            attempt: job.attempt,
        }
    }

    /// A pause, cut short by the stop.
    async fn rest(&self) {
        let _ = tokio::time::timeout(self.pause, self.stop.cancelled()).await;
    }
}
