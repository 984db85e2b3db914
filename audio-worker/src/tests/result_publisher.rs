//! Replies are sent while the next chunk is separated, one at a time, in parts where they are too large.

use super::fake::Fake;
use super::fixture::{chunk, fakes, options, queue, reply, rest_of, said};
use async_trait::async_trait;
use karaoke_core::presence::{Notice, Order, Presence};
use karaoke_core::reply_part::ReplyPart;
use karaoke_core::wire::{Job, Outcome, Reply};
use karaoke_core::{ChunkIndex, Route, TrackId, WorkerId};
use karaoke_queue::memory::MemoryQueue;
use karaoke_queue::{Delivery, QueueError, ServerQueue, WorkerQueue};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::Semaphore;

/// A queue that holds results back until it has permits for them.
#[derive(Clone)]
struct HoldsBack {
    queue: MemoryQueue,
    permits: Arc<Semaphore>,
    held: Arc<AtomicUsize>,
    /// Results so far, held back or not.
    seen: Arc<AtomicUsize>,
    most_held: Arc<AtomicUsize>,
}

#[async_trait]
impl WorkerQueue for HoldsBack {
    async fn next_job(&self, routes: &[Route]) -> Result<Delivery<Job>, QueueError> {
        self.queue.next_job(routes).await
    }

    async fn reply(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        if matches!(reply.outcome, Outcome::Separated(_)) {
            let held = self.held.fetch_add(1, SeqCst) + 1;
            self.most_held.fetch_max(held, SeqCst);
            self.seen.fetch_add(1, SeqCst);
            self.permits.acquire().await.unwrap().forget();
            self.held.fetch_sub(1, SeqCst);
        }
        self.queue.reply(reply_to, reply).await
    }

    async fn announce(&self, presence: Presence) -> Result<(), QueueError> {
        self.queue.announce(presence).await
    }

    fn is_unwanted(&self, track: &TrackId, chunk: ChunkIndex) -> bool {
        self.queue.is_unwanted(track, chunk)
    }

    fn refusals(&self, worker: &WorkerId) -> u64 {
        self.queue.refusals(worker)
    }

    fn order(&self, worker: &WorkerId) -> Option<Order> {
        self.queue.order(worker)
    }

    fn prefetch(&self) -> u32 {
        2
    }
}

fn holds_back() -> HoldsBack {
    let (permits, held) = (Arc::new(Semaphore::new(0)), Arc::default());
    HoldsBack { queue: queue(), permits, held, seen: Arc::default(), most_held: Arc::default() }
}

#[tokio::test]
async fn the_next_chunk_begins_while_a_reply_is_held_back() {
    let outer = holds_back();
    let queue = outer.queue.clone();
    let pool = fakes(&outer, options(), |_| Ok(Box::new(Fake)));
    for n in 0..3 {
        queue.publish(chunk(n)).await.unwrap();
    }
    for n in 0..2 {
        let begun = said(&queue).await;
        assert_eq!((begun.chunk.get(), begun.outcome), (n, Outcome::Started));
    }
    // Chunk 2 is not begun before the reply to chunk 0 is through: only one may be under way.
    outer.permits.add_permits(1);
    let done = said(&queue).await;
    assert!(done.chunk == 0 && matches!(done.outcome, Outcome::Separated(_)));
    let begun = said(&queue).await;
    assert_eq!((begun.chunk.get(), begun.outcome), (2, Outcome::Started));
    outer.permits.add_permits(2);
    for n in 1..3 {
        assert_eq!(said(&queue).await.chunk, n);
    }
    pool.stop().await;
    assert_eq!((outer.most_held.load(SeqCst), queue.waiting_jobs()), (1, 0));
}

#[tokio::test]
async fn a_stop_waits_for_the_reply_under_way() {
    let outer = holds_back();
    let pool = fakes(&outer, options(), |_| Ok(Box::new(Fake)));
    outer.queue.publish(chunk(0)).await.unwrap();
    assert_eq!(said(&outer.queue).await.outcome, Outcome::Started);
    let stopping = tokio::spawn(pool.stop());
    while outer.held.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    outer.permits.add_permits(1);
    stopping.await.unwrap();
    assert!(matches!(rest_of(&outer.queue).await[0].outcome, Outcome::Separated(_)));
}

#[tokio::test]
async fn a_pool_that_is_dropped_hands_back_the_job_of_the_reply_under_way() {
    let outer = holds_back();
    let pool = fakes(&outer, options(), |_| Ok(Box::new(Fake)));
    outer.queue.publish(chunk(0)).await.unwrap();
    while outer.held.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    drop(pool);
    let again = outer.queue.next_job(&[Route::new("fake", "cpu")]).await.unwrap();
    assert!(again.redelivered);
}

/// A job whose reply, two stems of two windows, goes in parts of `cells` windows of a stem.
fn in_parts(n: u64, cells: usize) -> Job {
    Job { max_reply_bytes: cells * 3 * 8, ..chunk(n) }
}

/// Waits until a reply is held back that is the `n`-th of all.
async fn until_held(outer: &HoldsBack, n: usize) {
    while outer.seen.load(SeqCst) < n {
        tokio::task::yield_now().await;
    }
}

fn part(reply: &Reply) -> ReplyPart {
    match &reply.outcome {
        Outcome::Separated(separated) => separated.part.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reply_that_is_too_large_goes_in_parts_and_its_job_is_acked_after_the_last() {
    let outer = holds_back();
    let pool = fakes(&outer, options(), |_| Ok(Box::new(Fake)));
    outer.queue.publish(in_parts(0, 1)).await.unwrap();
    let mut parts = Vec::new();
    for n in 1..=4 {
        until_held(&outer, n).await;
        assert_eq!(outer.queue.unsettled_jobs(), 1);
        outer.permits.add_permits(1);
        parts.push(part(&reply(&outer.queue).await));
    }
    let one = |window, stem| ReplyPart { windows: window..window + 1, stems: stem..stem + 1 };
    assert_eq!(parts, [one(0, 0), one(0, 1), one(1, 0), one(1, 1)]);
    pool.stop().await;
    assert_eq!(
        (outer.most_held.load(SeqCst), outer.queue.unsettled_jobs(), outer.queue.waiting_jobs()),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn parts_are_as_large_as_they_may_be() {
    let queue = queue();
    let pool = fakes(&queue, options(), |_| Ok(Box::new(Fake)));
    for (n, cells, count) in [(0, 4, 1), (1, 3, 2), (2, 2, 2), (3, 0, 4)] {
        queue.publish(in_parts(n, cells)).await.unwrap();
        for _ in 0..count {
            let reply = reply(&queue).await;
            assert_eq!((reply.chunk.get(), part(&reply).cells()), (n, 4 / count));
        }
    }
    pool.stop().await;
    assert!(rest_of(&queue).await.is_empty());
}

#[tokio::test]
async fn a_worker_that_dies_between_parts_gives_its_job_back() {
    let outer = holds_back();
    let pool = fakes(&outer, options(), |_| Ok(Box::new(Fake)));
    outer.queue.publish(in_parts(0, 2)).await.unwrap();
    until_held(&outer, 1).await;
    outer.permits.add_permits(1);
    until_held(&outer, 2).await;
    drop(pool);
    let again = outer.queue.next_job(&[Route::new("fake", "cpu")]).await.unwrap();
    assert!(again.redelivered);
    again.ack();
    let sent: Vec<_> =
        rest_of(&outer.queue).await.into_iter().filter(|r| r.outcome != Outcome::Started).collect();
    assert_eq!(sent.len(), 1);
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_not_sent_to_its_end() {
    let outer = holds_back();
    let pool = fakes(&outer, options(), |_| Ok(Box::new(Fake)));
    outer.queue.publish(in_parts(0, 1)).await.unwrap();
    until_held(&outer, 1).await;
    outer.queue.notify(Notice::Cancelled { track: TrackId::from_random(1) }).await.unwrap();
    outer.permits.add_permits(9);
    pool.stop().await;
    assert_eq!(
        (outer.seen.load(SeqCst), outer.queue.unsettled_jobs(), outer.queue.waiting_jobs()),
        (1, 0, 0)
    );
}
