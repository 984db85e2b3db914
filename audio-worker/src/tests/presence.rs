//! What workers announce of themselves.

use super::fake::Fake;
use super::fixture::{Gate, announced, chunk, fakes, options, queue, reply};
use crate::runtime::RuntimeError;
use crate::{PoolOptions, WorkerConfig};
use karaoke_core::presence::{Notice, WorkerState};
use karaoke_queue::ServerQueue;
use std::time::Duration;

#[tokio::test]
async fn it_begins_counts_and_ends() {
    let queue = queue();
    let (gate, pass) = Gate::new();
    let pool = fakes(&queue, options(), move |_| {
        pass();
        Ok(Box::new(Fake))
    });
    let first = announced(&queue, |_| true).await;
    pool.announced().await;
    assert_eq!((first.worker.as_str(), first.state, first.done), ("w1", WorkerState::Idle, 0));
    assert_eq!((first.models.as_slice(), first.provider.as_str()), (["fake".into()].as_slice(), "cpu"));
    assert_eq!(first.provider_why, "a test");
    assert_eq!((first.pid, first.threads, first.prefetch), (std::process::id(), 1, 1));
    assert!(!first.host.is_empty() && first.every_s == 0.005 && first.note.is_none());
    queue.publish(chunk(7)).await.unwrap();
    gate.reached().await;
    let working = announced(&queue, |p| p.state == WorkerState::Working).await;
    assert_eq!(working.current.map(|c| (c.chunk.get(), c.attempt)), Some((7, 1)));
    gate.open();
    reply(&queue).await;
    let done = announced(&queue, |p| p.done == 1 && p.state == WorkerState::Idle).await;
    assert!(done.current.is_none() && done.failures == 0 && done.life == first.life);
    assert!(done.uptime_s > first.uptime_s && done.cpu_load >= 0.0);
    pool.stop().await;
    let last = announced(&queue, |p| p.state.is_over()).await;
    assert_eq!((last.state, last.done, last.life), (WorkerState::Left, 1, first.life));
}

#[tokio::test]
async fn a_failure_makes_it_rest_and_say_why() {
    let queue = queue();
    // Far longer than the test takes: the stop cuts it short.
    let worker = WorkerConfig { retry_pause_ms: 20_000, ..options().worker };
    let rarely = PoolOptions { worker, every: Duration::from_secs(3600), ..options() };
    let pool = fakes(&queue, rarely, |_| Err(RuntimeError::Run("no memory".into()).into()));
    queue.publish(chunk(0)).await.unwrap();
    let resting = announced(&queue, |p| p.state == WorkerState::Resting).await;
    assert!(resting.note.is_some_and(|why| why.contains("no memory")));
    assert_eq!((resting.failures, resting.done, resting.current), (1, 0, None));
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 1);
}

#[tokio::test]
async fn a_refused_reply_makes_only_its_worker_rest() {
    let queue = queue();
    let worker = WorkerConfig { retry_pause_ms: 20_000, workers: 2, ..options().worker };
    let pool = fakes(&queue, PoolOptions { worker, ..options() }, |_| Ok(Box::new(Fake)));
    // What was refused before this run is not its fault: so it has to have begun.
    announced(&queue, |p| p.worker == "w2").await;
    queue.notify(Notice::Refused { worker: "w2".into() }).await.unwrap();
    let resting = announced(&queue, |p| p.state == WorkerState::Resting).await;
    assert_eq!((resting.worker.as_str(), resting.failures), ("w2", 1));
    assert!(resting.note.is_some_and(|why| why.contains("refused")));
    for n in 0..3 {
        queue.publish(chunk(n)).await.unwrap();
        assert_eq!(reply(&queue).await.worker, "w1");
    }
    pool.stop().await;
}
