//! The in-process queue: what the broker does, within one process, with the same acks, nacks and redeliveries.
//!
//! ```
//! use karaoke_core::Route;
//! use karaoke_queue::memory::MemoryQueue;
//! use karaoke_queue::{QueueError, WorkerQueue};
//! use std::time::Duration;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let queue = MemoryQueue::new(16, Duration::from_secs(1));
//! queue.close();
//! let job = queue.next_job(&[Route::new("builtin", "cpu")]).await;
//! assert!(matches!(job, Err(QueueError::Closed)));
//! # });
//! ```

mod message_queue;

use crate::notices::Notices;
use crate::{Delivery, QueueError, ServerQueue, Settle, WorkerQueue};
use async_trait::async_trait;
use karaoke_core::presence::{Notice, Order, Presence};
use karaoke_core::wire::{Job, Reply};
use karaoke_core::{ChunkIndex, Route, TrackId, WorkerId};
use message_queue::{MessageQueue, Priority};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// Announcements that may wait for a slow listener before the oldest are lost.
const ANNOUNCEMENTS: usize = 1024;

/// One queue, both ends; clones share it.
#[derive(Clone)]
pub struct MemoryQueue {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: MessageQueue<Job>,
    replies: MessageQueue<Reply>,
    notices: Notices,
    announcements: broadcast::Sender<Presence>,
    presences: tokio::sync::Mutex<broadcast::Receiver<Presence>>,
    closed: watch::Sender<bool>,
}

impl MemoryQueue {
    /// A queue in which at most `capacity` jobs, and as many replies, wait; a publisher waits up to
    /// `timeout` for room.
    pub fn new(capacity: usize, timeout: Duration) -> Self {
        let (announcements, presences) = broadcast::channel(ANNOUNCEMENTS);
        let shared = Shared {
            jobs: MessageQueue::new(capacity, timeout),
            replies: MessageQueue::new(capacity, timeout),
            notices: Notices::default(),
            announcements,
            presences: tokio::sync::Mutex::new(presences),
            closed: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Ends the queue: whoever waits gets [`QueueError::Closed`].
    pub fn close(&self) {
        self.shared.jobs.close();
        self.shared.replies.close();
        self.shared.closed.send_replace(true);
    }

    /// Jobs that wait for a worker.
    pub fn waiting_jobs(&self) -> usize {
        self.shared.jobs.lock().waiting.len()
    }

    /// Replies that wait for the server, or that it has taken and not settled yet.
    pub fn replies_in_work(&self) -> usize {
        let replies = self.shared.replies.lock();
        replies.waiting.len() + replies.unsettled
    }

    /// Jobs that workers have taken and not settled yet.
    pub fn unsettled_jobs(&self) -> usize {
        self.shared.jobs.lock().unsettled
    }
}

#[async_trait]
impl ServerQueue for MemoryQueue {
    async fn publish(&self, job: Job) -> Result<(), QueueError> {
        let priority = if job.urgent { Priority::Urgent } else { Priority::Normal };
        self.shared.jobs.push(job, priority).await
    }

    async fn next_reply(&self) -> Result<Delivery<Reply>, QueueError> {
        let (message, redelivered) = self.shared.replies.pop(|_| true).await?;
        let settle =
            Unsettled { shared: self.shared.clone(), message: message.clone(), queue_of: |s| &s.replies };
        Ok(Delivery::new(message, redelivered, Box::new(settle)))
    }

    async fn next_presence(&self) -> Result<Presence, QueueError> {
        let mut presences = self.shared.presences.lock().await;
        loop {
            let mut closed = self.shared.closed.subscribe();
            let received = tokio::select! {
                received = presences.recv() => received,
                _ = closed.wait_for(|closed| *closed) => return Err(QueueError::Closed),
            };
            match received {
                Ok(presence) => return Ok(presence),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Err(QueueError::Closed),
            }
        }
    }

    async fn notify(&self, notice: Notice) -> Result<(), QueueError> {
        self.shared.notices.record(notice);
        self.shared.jobs.retain(|job| !self.shared.notices.is_unwanted(&job.track, job.chunk));
        Ok(())
    }

    fn reply_to(&self) -> &str {
        "memory"
    }

    fn connection(&self) -> u64 {
        1
    }
}

#[async_trait]
impl WorkerQueue for MemoryQueue {
    async fn next_job(&self, routes: &[Route]) -> Result<Delivery<Job>, QueueError> {
        let (message, redelivered) = self
            .shared
            .jobs
            .pop(|job| routes.iter().any(|r| (&r.model, &r.provider) == (&job.model, &job.provider)))
            .await?;
        let settle =
            Unsettled { shared: self.shared.clone(), message: message.clone(), queue_of: |s| &s.jobs };
        Ok(Delivery::new(message, redelivered, Box::new(settle)))
    }

    async fn reply(&self, _reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        self.shared.replies.push(reply, Priority::Normal).await
    }

    async fn announce(&self, presence: Presence) -> Result<(), QueueError> {
        // Nobody listening is fine: announcements are best effort.
        let _ = self.shared.announcements.send(presence);
        Ok(())
    }

    fn is_unwanted(&self, track: &TrackId, chunk: ChunkIndex) -> bool {
        self.shared.notices.is_unwanted(track, chunk)
    }

    fn refusals(&self, worker: &WorkerId) -> u64 {
        self.shared.notices.refusals(worker)
    }

    fn order(&self, worker: &WorkerId) -> Option<Order> {
        self.shared.notices.order(worker)
    }

    fn prefetch(&self) -> u32 {
        1
    }
}

/// A delivery in somebody's hands. The copy is cheap: bodies are shared.
struct Unsettled<T> {
    shared: Arc<Shared>,
    message: T,
    queue_of: fn(&Shared) -> &MessageQueue<T>,
}

impl<T: Send + Sync> Settle for Unsettled<T> {
    fn ack(self: Box<Self>) {
        (self.queue_of)(&self.shared).settled();
    }

    fn nack(self: Box<Self>) {
        let Self { shared, message, queue_of } = *self;
        queue_of(&shared).requeue(message);
    }
}

#[cfg(test)]
mod tests;
