//! Replies are sent while the next chunk is separated, one at a time.

use super::fake::Fake;
use super::stage::{chunk, fakes, options, queue, rest_of, said};
use async_trait::async_trait;
use karaoke_core::TrackId;
use karaoke_core::presence::Presence;
use karaoke_core::wire::{Job, Outcome, Reply};
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
    most_held: Arc<AtomicUsize>,
}

#[async_trait]
impl WorkerQueue for HoldsBack {
    async fn next_job(&self, models: &[String]) -> Result<Delivery<Job>, QueueError> {
        self.queue.next_job(models).await
    }

    async fn reply(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        if matches!(reply.outcome, Outcome::Separated(_)) {
            let held = self.held.fetch_add(1, SeqCst) + 1;
            self.most_held.fetch_max(held, SeqCst);
            self.permits.acquire().await.unwrap().forget();
            self.held.fetch_sub(1, SeqCst);
        }
        self.queue.reply(reply_to, reply).await
    }

    async fn announce(&self, presence: Presence) -> Result<(), QueueError> {
        self.queue.announce(presence).await
    }

    fn is_unwanted(&self, track: &TrackId, chunk: u64) -> bool {
        self.queue.is_unwanted(track, chunk)
    }

    fn refusals(&self, worker: &str) -> u64 {
        self.queue.refusals(worker)
    }

    fn prefetch(&self) -> u32 {
        2
    }
}

fn holds_back() -> HoldsBack {
    let (permits, held) = (Arc::new(Semaphore::new(0)), Arc::default());
    HoldsBack { queue: queue(), permits, held, most_held: Arc::default() }
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
        assert_eq!((begun.chunk, begun.outcome), (n, Outcome::Started));
    }
    // Chunk 2 is not begun before the reply to chunk 0 is through: only one may be under way.
    outer.permits.add_permits(1);
    let done = said(&queue).await;
    assert!(done.chunk == 0 && matches!(done.outcome, Outcome::Separated(_)));
    let begun = said(&queue).await;
    assert_eq!((begun.chunk, begun.outcome), (2, Outcome::Started));
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
    let again = outer.queue.next_job(&["fake".to_owned()]).await.unwrap();
    assert!(again.redelivered);
}
