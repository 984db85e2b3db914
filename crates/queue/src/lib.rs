//! The job queue between the server and its workers.
//!
//! Two ends of one contract: [`ServerQueue`] publishes jobs and takes replies, [`WorkerQueue`] takes jobs and
//! publishes replies. Delivery is at least once: what is neither acked nor nacked comes again, and settling a
//! delivery consumes it, so that a second ack does not compile. [`memory`] is the in-process queue.

pub mod memory;

use async_trait::async_trait;
use karaoke_core::TrackId;
use karaoke_core::wire::{Job, Reply};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A message of type `T` that has to be settled: acked when its work is safe, nacked to have it done again.
///
/// Dropping it unsettled (a panic, an aborted task) counts as a nack.
pub struct Delivery<T> {
    /// The message.
    pub message: T,
    /// The message has been delivered before.
    pub redelivered: bool,
    settle: Option<Box<dyn Settle>>,
}

/// How an implementation settles a delivery.
pub trait Settle: Send + Sync {
    /// The work is done and safe.
    fn ack(self: Box<Self>);
    /// Deliver it again, to whoever is next.
    fn nack(self: Box<Self>);
}

impl<T> Delivery<T> {
    /// A delivery that `settle` settles.
    pub fn new(message: T, redelivered: bool, settle: Box<dyn Settle>) -> Self {
        Self { message, redelivered, settle: Some(settle) }
    }

    /// The work is done and safe: forget the message.
    pub fn ack(mut self) {
        if let Some(settle) = self.settle.take() {
            settle.ack();
        }
    }

    /// The work could not be done here: deliver the message again.
    pub fn nack(mut self) {
        if let Some(settle) = self.settle.take() {
            settle.nack();
        }
    }
}

impl<T> Drop for Delivery<T> {
    fn drop(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle.nack();
        }
    }
}

/// Why the queue did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The other end is gone for good; nothing will come any more.
    #[error("the queue is closed")]
    Closed,
    /// There is no room and none came in time.
    #[error("the queue is full: no room within {0:?}")]
    Full(Duration),
}

impl QueueError {
    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Closed => false,
            Self::Full(_) => true,
        }
    }
}

/// What workers tell everyone, on a best-effort basis: news may be lost, results never are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// A worker has begun with a chunk.
    Started {
        /// The worker.
        worker: String,
        /// The chunk's track.
        track: TrackId,
        /// The chunk.
        chunk: u64,
        /// The attempt, as in the job.
        attempt: u32,
    },
}

/// The server's end.
#[async_trait]
pub trait ServerQueue: Send + Sync {
    /// Hands out a job; returns when the queue holds it safely.
    async fn publish(&self, job: Job) -> Result<(), QueueError>;
    /// Waits for the next reply. Cancel-safe: dropping the future loses no reply.
    async fn next_reply(&self) -> Result<Delivery<Reply>, QueueError>;
    /// Waits for the next piece of news.
    async fn next_news(&self) -> Result<News, QueueError>;
    /// Tells every worker to drop the track's jobs, also those in hand.
    async fn cancel(&self, track: &TrackId) -> Result<(), QueueError>;
    /// The address that replies to this server go to, for [`Job::reply_to`].
    fn reply_to(&self) -> &str;
}

/// A worker's end.
#[async_trait]
pub trait WorkerQueue: Send + Sync {
    /// Waits for the next job of one of `models`. Cancel-safe: dropping the future loses no job.
    async fn next_job(&self, models: &[String]) -> Result<Delivery<Job>, QueueError>;
    /// Sends a reply to `reply_to`; returns when the queue holds it safely, so that the job may be acked.
    async fn reply(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError>;
    /// Tells everyone; may be lost.
    fn tell(&self, news: News);
    /// Whether the track's jobs are to be dropped.
    fn is_cancelled(&self, track: &TrackId) -> bool;
}
