//! The job queue between the server and its workers.
//!
//! Two ends of one contract: [`ServerQueue`] publishes jobs and takes replies, [`WorkerQueue`] takes jobs and
//! publishes replies. Delivery is at least once: what is neither acked nor nacked comes again, and settling a
//! delivery consumes it, so that a second ack does not compile. [`memory`] is the in-process queue, [`rabbit`]
//! the one for many machines.

pub mod memory;
mod notices;
pub mod rabbit;

use async_trait::async_trait;
use karaoke_core::presence::{Notice, Order, Presence};
use karaoke_core::wire::{Job, Reply};
use karaoke_core::{ChunkIndex, Route, TrackId, WorkerId};
use std::time::Duration;

/// A message of type `T` that has to be settled: acked when its work is safe, nacked to have it done again.
///
/// Dropping it unsettled (a panic, an aborted task) counts as a nack.
///
/// ```
/// use karaoke_queue::{Delivery, Settle};
/// use std::sync::mpsc::{Sender, channel};
///
/// struct Reporter(Sender<&'static str>);
/// impl Settle for Reporter {
///     fn ack(self: Box<Self>) {
///         self.0.send("ack").unwrap();
///     }
///     fn nack(self: Box<Self>) {
///         self.0.send("nack").unwrap();
///     }
/// }
///
/// // `std::sync::mpsc::Sender` is `Sync`, as a settlement has to be.
/// let (sender, reports) = channel();
/// Delivery::new("a job", false, Box::new(Reporter(sender.clone()))).ack();
/// drop(Delivery::new("another", false, Box::new(Reporter(sender))));
/// assert_eq!(reports.iter().collect::<Vec<_>>(), ["ack", "nack"]);
/// ```
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
#[derive(Clone, Debug, thiserror::Error)]
pub enum QueueError {
    /// The other end is gone for good; nothing will come any more.
    #[error("the queue is closed")]
    Closed,
    /// There is no room and none came in time.
    #[error("the queue is full: no room within {0:?}")]
    Full(Duration),
    /// The broker cannot be reached, or did not say in time that it has the message.
    #[error("{0}")]
    Unreachable(String),
    /// The broker refuses, and will go on refusing until somebody changes something.
    #[error("{0}")]
    Refused(String),
}

impl QueueError {
    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Closed | Self::Refused(_) => false,
            Self::Full(_) | Self::Unreachable(_) => true,
        }
    }
}

/// The server's end.
#[async_trait]
pub trait ServerQueue: Send + Sync {
    /// Hands out a job; returns when the queue holds it safely.
    async fn publish(&self, job: Job) -> Result<(), QueueError>;
    /// Waits for what the next worker says of its job. Cancel-safe: dropping the future loses no reply.
    async fn next_reply(&self) -> Result<Delivery<Reply>, QueueError>;
    /// Waits for the next worker that announces itself. Best effort: announcements may be lost.
    async fn next_presence(&self) -> Result<Presence, QueueError>;
    /// Tells every worker; best effort.
    async fn notify(&self, notice: Notice) -> Result<(), QueueError>;
    /// The address that replies to this server go to, for [`Job::reply_to`].
    fn reply_to(&self) -> &str;
    /// Which connection replies come by: changes when it was lost and made anew, and what was handed out before
    /// may be handed out again by the broker. 0: there is none at present.
    fn connection(&self) -> u64;
    /// Whether jobs can be handed out and replies come in.
    fn is_connected(&self) -> bool {
        self.connection() != 0
    }
}

/// A worker's end.
#[async_trait]
pub trait WorkerQueue: Send + Sync {
    /// Waits for the next job of one of `routes`. Cancel-safe: dropping the future loses no job.
    async fn next_job(&self, routes: &[Route]) -> Result<Delivery<Job>, QueueError>;
    /// Sends a reply to `reply_to`; returns when the queue holds it safely, so that the job may be acked.
    async fn reply(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError>;
    /// Announces a worker to every server; best effort.
    async fn announce(&self, presence: Presence) -> Result<(), QueueError>;
    /// Whether nobody wants the chunk any more: its track was cancelled, or another copy was faster.
    fn is_unwanted(&self, track: &TrackId, chunk: ChunkIndex) -> bool;
    /// How many replies of this worker were refused as corrupt, as far as was heard.
    fn refusals(&self, worker: &WorkerId) -> u64;
    /// What the operator last ordered this worker to do, as far as was heard.
    fn order(&self, worker: &WorkerId) -> Option<Order>;
    /// Hands back jobs that wait here for the worker, and takes no more until [`Self::resume`].
    async fn pause(&self) {}
    /// Takes jobs again.
    async fn resume(&self) -> Result<(), QueueError> {
        Ok(())
    }
    /// Deliveries that a worker may hold at once.
    fn prefetch(&self) -> u32;
}
