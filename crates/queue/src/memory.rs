//! The in-process queue: the broker's twin for one computer, with the same acks, nacks and redeliveries.

use crate::notices::Notices;
use crate::{Delivery, QueueError, ServerQueue, Settle, WorkerQueue};
use async_trait::async_trait;
use karaoke_core::presence::{Notice, Presence};
use karaoke_core::wire::{Job, Reply};
use karaoke_core::{ChunkIndex, Route, TrackId, WorkerId};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};

/// Announcements that may wait for a slow listener before the oldest are lost.
const ANNOUNCEMENTS: usize = 1024;

/// One queue, both ends; clones share it.
#[derive(Clone)]
pub struct MemoryQueue {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: Lane<Job>,
    replies: Lane<Reply>,
    notices: Notices,
    announced: broadcast::Sender<Presence>,
    heard: tokio::sync::Mutex<broadcast::Receiver<Presence>>,
    closed: watch::Sender<bool>,
}

/// A bounded first-in-first-out of messages that come back when they are not acked.
struct Lane<T> {
    state: Mutex<LaneState<T>>,
    filled: Notify,
    drained: Notify,
    capacity: usize,
    patience: Duration,
}

struct LaneState<T> {
    waiting: VecDeque<Entry<T>>,
    unsettled: usize,
    closed: bool,
}

/// A message that waits, before all of lower rank.
struct Entry<T> {
    message: T,
    rank: Rank,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Usual,
    Urgent,
    /// It had its turn before.
    Redelivered,
}

impl<T> LaneState<T> {
    fn insert(&mut self, message: T, rank: Rank) {
        let at = self.waiting.iter().position(|entry| entry.rank < rank).unwrap_or(self.waiting.len());
        self.waiting.insert(at, Entry { message, rank });
    }
}

impl MemoryQueue {
    /// A queue in which at most `capacity` jobs, and as many replies, wait; a publisher waits up to
    /// `patience` for room.
    pub fn new(capacity: usize, patience: Duration) -> Self {
        let (announced, heard) = broadcast::channel(ANNOUNCEMENTS);
        let shared = Shared {
            jobs: Lane::new(capacity, patience),
            replies: Lane::new(capacity, patience),
            notices: Notices::default(),
            announced,
            heard: tokio::sync::Mutex::new(heard),
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
        let rank = if job.urgent { Rank::Urgent } else { Rank::Usual };
        self.shared.jobs.push(job, rank).await
    }

    async fn next_reply(&self) -> Result<Delivery<Reply>, QueueError> {
        let (message, redelivered) = self.shared.replies.pop(|_| true).await?;
        let settle =
            Unsettled { shared: self.shared.clone(), message: message.clone(), lane: |s| &s.replies };
        Ok(Delivery::new(message, redelivered, Box::new(settle)))
    }

    async fn next_presence(&self) -> Result<Presence, QueueError> {
        let mut heard = self.shared.heard.lock().await;
        loop {
            let mut closed = self.shared.closed.subscribe();
            let said = tokio::select! {
                said = heard.recv() => said,
                _ = closed.wait_for(|closed| *closed) => return Err(QueueError::Closed),
            };
            match said {
                Ok(presence) => return Ok(presence),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Err(QueueError::Closed),
            }
        }
    }

    async fn notify(&self, notice: Notice) -> Result<(), QueueError> {
        self.shared.notices.hear(notice);
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
        let settle = Unsettled { shared: self.shared.clone(), message: message.clone(), lane: |s| &s.jobs };
        Ok(Delivery::new(message, redelivered, Box::new(settle)))
    }

    async fn reply(&self, _reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        self.shared.replies.push(reply, Rank::Usual).await
    }

    async fn announce(&self, presence: Presence) -> Result<(), QueueError> {
        // Nobody listening is fine: announcements are best effort.
        let _ = self.shared.announced.send(presence);
        Ok(())
    }

    fn is_unwanted(&self, track: &TrackId, chunk: ChunkIndex) -> bool {
        self.shared.notices.is_unwanted(track, chunk)
    }

    fn refusals(&self, worker: &WorkerId) -> u64 {
        self.shared.notices.refusals(worker)
    }

    fn prefetch(&self) -> u32 {
        1
    }
}

/// A delivery in somebody's hands. The copy is cheap: bodies are shared.
struct Unsettled<T> {
    shared: Arc<Shared>,
    message: T,
    lane: fn(&Shared) -> &Lane<T>,
}

impl<T: Send + Sync> Settle for Unsettled<T> {
    fn ack(self: Box<Self>) {
        (self.lane)(&self.shared).settled();
    }

    fn nack(self: Box<Self>) {
        let Self { shared, message, lane } = *self;
        lane(&shared).push_back_to_front(message);
    }
}

impl<T> Lane<T> {
    fn new(capacity: usize, patience: Duration) -> Self {
        let state = Mutex::new(LaneState { waiting: VecDeque::new(), unsettled: 0, closed: false });
        Self { state, filled: Notify::new(), drained: Notify::new(), capacity: capacity.max(1), patience }
    }

    fn lock(&self) -> MutexGuard<'_, LaneState<T>> {
        lock(&self.state)
    }

    async fn push(&self, message: T, rank: Rank) -> Result<(), QueueError> {
        let mut message = Some(message);
        let room = async {
            loop {
                let drained = self.drained.notified();
                tokio::pin!(drained);
                drained.as_mut().enable();
                {
                    let mut state = self.lock();
                    if state.closed {
                        return Err(QueueError::Closed);
                    }
                    if state.waiting.len() < self.capacity {
                        if let Some(message) = message.take() {
                            state.insert(message, rank);
                        }
                        break;
                    }
                }
                drained.await;
            }
            self.filled.notify_waiters();
            Ok(())
        };
        tokio::time::timeout(self.patience, room).await.unwrap_or(Err(QueueError::Full(self.patience)))
    }

    async fn pop(&self, wanted: impl Fn(&T) -> bool) -> Result<(T, bool), QueueError> {
        loop {
            let filled = self.filled.notified();
            tokio::pin!(filled);
            filled.as_mut().enable();
            {
                let mut state = self.lock();
                let at = state.waiting.iter().position(|entry| wanted(&entry.message));
                if let Some(Entry { message, rank }) = at.and_then(|at| state.waiting.remove(at)) {
                    state.unsettled += 1;
                    self.drained.notify_waiters();
                    return Ok((message, rank == Rank::Redelivered));
                }
                if state.closed {
                    return Err(QueueError::Closed);
                }
            }
            filled.await;
        }
    }

    /// A message that was given back goes first; it had its place before the bound was reached.
    fn push_back_to_front(&self, message: T) {
        {
            let mut state = self.lock();
            state.unsettled = state.unsettled.saturating_sub(1);
            state.waiting.push_front(Entry { message, rank: Rank::Redelivered });
        }
        self.filled.notify_waiters();
    }

    fn settled(&self) {
        let mut state = self.lock();
        state.unsettled = state.unsettled.saturating_sub(1);
    }

    fn retain(&self, keep: impl Fn(&T) -> bool) {
        self.lock().waiting.retain(|entry| keep(&entry.message));
        self.drained.notify_waiters();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_waiters();
        self.drained.notify_waiters();
    }
}

/// A poisoned lock means that a thread panicked while it held plain data: the data is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use karaoke_core::wire::Outcome;

    fn job(chunk: u64, model: &str) -> Job {
        Job {
            track: TrackId::from_random(u128::from(chunk)),
            chunk: chunk.into(),
            attempt: 1,
            model: model.into(),
            model_sha256: String::new(),
            provider: "cpu".into(),
            windows: 1,
            window: 1,
            step: 1,
            end: 1,
            lead: 0,
            gain: 1.0,
            urgent: false,
            reply_to: "memory".into(),
            max_reply_bytes: 8,
            body: Bytes::from_static(&[0; 8]),
        }
    }

    fn queue(capacity: usize) -> (MemoryQueue, Vec<Route>) {
        (MemoryQueue::new(capacity, Duration::from_secs(5)), vec![Route::new("a", "cpu")])
    }

    #[tokio::test]
    async fn a_job_goes_to_a_worker_that_knows_its_model() {
        let (q, a) = queue(8);
        q.publish(job(1, "b")).await.unwrap();
        q.publish(job(2, "a")).await.unwrap();
        assert_eq!(q.next_job(&a).await.unwrap().message.chunk, 2);
    }

    #[tokio::test]
    async fn a_job_goes_to_a_worker_of_its_provider() {
        let (q, a) = queue(8);
        q.publish(Job { provider: "cuda".into(), ..job(1, "a") }).await.unwrap();
        q.publish(job(2, "a")).await.unwrap();
        assert_eq!(q.next_job(&a).await.unwrap().message.chunk, 2);
        let cuda = q.next_job(&[Route::new("a", "cuda")]).await.unwrap();
        assert_eq!(cuda.message.chunk, 1);
        cuda.nack();
        let both = [Route::new("a", "cpu"), Route::new("a", "cuda")];
        assert_eq!(q.next_job(&both).await.unwrap().message.chunk, 1);
    }

    #[tokio::test]
    async fn an_urgent_job_goes_before_those_that_wait() {
        let (q, a) = queue(8);
        q.publish(job(1, "a")).await.unwrap();
        for chunk in [2, 3] {
            q.publish(Job { urgent: true, ..job(chunk, "a") }).await.unwrap();
        }
        for chunk in [2, 3, 1] {
            let job = q.next_job(&a).await.unwrap();
            assert_eq!(job.message.chunk, chunk, "those that are urgent among themselves as they came");
            job.ack();
        }
    }

    #[tokio::test]
    async fn dropped_and_nacked_deliveries_come_again_first_and_say_so() {
        let (q, a) = queue(8);
        for chunk in 0..3 {
            q.publish(job(chunk, "a")).await.unwrap();
        }
        let first = q.next_job(&a).await.unwrap();
        assert!(!first.redelivered);
        drop(first);
        let again = q.next_job(&a).await.unwrap();
        assert_eq!((again.message.chunk.get(), again.redelivered), (0, true));
        again.nack();
        q.next_job(&a).await.unwrap().ack();
        assert_eq!(q.next_job(&a).await.unwrap().message.chunk, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_makes_the_publisher_wait_and_then_refuses() {
        let (q, a) = queue(1);
        q.publish(job(0, "a")).await.unwrap();
        let refused = q.publish(job(1, "a")).await.unwrap_err();
        assert!(matches!(refused, QueueError::Full(_)) && refused.retryable());
        let waiting = tokio::spawn({
            let q = q.clone();
            async move { q.publish(job(2, "a")).await }
        });
        tokio::task::yield_now().await;
        q.next_job(&a).await.unwrap().ack();
        waiting.await.unwrap().unwrap();
        assert_eq!(q.next_job(&a).await.unwrap().message.chunk, 2);
    }

    #[tokio::test]
    async fn cancel_drops_what_waits_and_marks_what_is_in_hand() {
        let (q, a) = queue(8);
        q.publish(job(1, "a")).await.unwrap();
        q.publish(job(2, "a")).await.unwrap();
        let track = TrackId::from_random(1);
        q.notify(Notice::Cancelled { track: track.clone() }).await.unwrap();
        assert_eq!(q.next_job(&a).await.unwrap().message.chunk, 2);
        assert!(q.is_unwanted(&track, 1.into()) && !q.is_unwanted(&TrackId::from_random(2), 2.into()));
    }

    #[tokio::test]
    async fn closing_wakes_everyone() {
        let (q, a) = queue(1);
        let worker = tokio::spawn({
            let q = q.clone();
            async move { q.next_job(&a).await.map(|d| d.message.clone()) }
        });
        let listener = tokio::spawn({
            let q = q.clone();
            async move { q.next_presence().await }
        });
        tokio::task::yield_now().await;
        q.close();
        assert!(matches!(worker.await.unwrap(), Err(QueueError::Closed)));
        assert!(matches!(listener.await.unwrap(), Err(QueueError::Closed)));
        assert!(matches!(q.next_reply().await.map(|d| d.message.clone()), Err(QueueError::Closed)));
    }

    #[tokio::test]
    async fn an_unacked_reply_comes_again() {
        let (q, _) = queue(4);
        let reply = Reply {
            track: TrackId::from_random(1),
            chunk: 0.into(),
            attempt: 1,
            worker: "w".into(),
            seconds: 0.0,
            outcome: Outcome::Failed("no".into()),
        };
        q.reply("memory", reply.clone()).await.unwrap();
        drop(q.next_reply().await.unwrap());
        let again = q.next_reply().await.unwrap();
        assert_eq!((again.redelivered, &again.message), (true, &reply));
        again.ack();
    }
}
