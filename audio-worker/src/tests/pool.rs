//! Workers on the in-process queue.

use super::fake::{Fake, job};
use super::{bits, catalogue, noise, runtime};
use crate::SimulationConfig;
use crate::kinds::SeparateError;
use crate::runtime::RuntimeError;
use crate::sessions::Open;
use crate::{Pool, WorkerConfig};
use bytes::Bytes;
use karaoke_core::TrackId;
use karaoke_core::audio::{from_le_bytes, to_le_bytes};
use karaoke_core::wire::{Job, Outcome, Reply};
use karaoke_queue::memory::MemoryQueue;
use karaoke_queue::{News, ServerQueue};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn queue() -> MemoryQueue {
    MemoryQueue::new(16, Duration::from_secs(5))
}

fn config() -> WorkerConfig {
    WorkerConfig { retry_pause_ms: 1, ..Default::default() }
}

/// Workers whose `n`-th loading of a model does what `open` says.
fn fakes(
    queue: &MemoryQueue,
    open: impl Fn(usize) -> Result<Box<Fake>, SeparateError> + Send + Sync + 'static,
) -> Pool {
    let count = AtomicUsize::new(0);
    let open: Open = Arc::new(move |_| Ok(open(count.fetch_add(1, SeqCst))?));
    let models = Arc::from(["fake".to_owned()]);
    Pool::start_with(&config(), 1, models, Arc::new(queue.clone()), &open).unwrap()
}

async fn reply(queue: &MemoryQueue) -> Reply {
    let delivery = queue.next_reply().await.unwrap();
    let reply = delivery.message.clone();
    delivery.ack();
    reply
}

fn failure(reply: Reply) -> String {
    match reply.outcome {
        Outcome::Failed(reason) => reason,
        Outcome::Separated(_) => panic!("it did not fail"),
    }
}

/// A job of three windows of noise for a model of the repository.
fn real_job(chunk: u64) -> (Job, [Vec<f32>; 2]) {
    let manifest = catalogue().get("identity").unwrap().clone();
    let window = manifest.waveform.unwrap().segment;
    let (step, windows) = (window / 2, 3);
    let frames = window + 2 * step;
    let channels = [noise(chunk, frames), noise(chunk + 100, frames)];
    let job = Job {
        model: manifest.name,
        model_sha256: manifest.sha256,
        windows,
        window,
        step,
        gain: 1.0,
        urgent: false,
        body: Bytes::from(to_le_bytes(&channels.concat())),
        ..job("", chunk)
    };
    (job, channels)
}

#[tokio::test]
async fn chunks_come_back_separated() {
    let queue = queue();
    let config = WorkerConfig { workers: 2, ..config() };
    let pool = Pool::start(
        &config,
        &SimulationConfig::default(),
        Arc::new(catalogue()),
        Arc::new(queue.clone()),
        runtime(),
    )
    .unwrap();
    assert_eq!(pool.len(), 2);
    for chunk in 0..4 {
        queue.publish(real_job(chunk).0).await.unwrap();
    }
    for _ in 0..4 {
        let reply = reply(&queue).await;
        let (job, channels) = real_job(reply.chunk);
        assert!(reply.worker == "w1" || reply.worker == "w2");
        assert!(reply.seconds > 0.0);
        let Outcome::Separated(separated) = reply.outcome else { panic!("{:?}", reply.outcome) };
        for window in 0..3 {
            for (got, want) in separated.channels(window, 0).iter().zip(&channels) {
                let want = &want[window * job.step..][..job.window];
                assert_eq!(bits(&from_le_bytes(got)), bits(want));
            }
        }
    }
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
}

#[tokio::test]
async fn a_job_for_another_file_of_that_name_fails_for_good() {
    let queue = queue();
    let pool = Pool::start(
        &config(),
        &SimulationConfig::default(),
        Arc::new(catalogue()),
        Arc::new(queue.clone()),
        runtime(),
    )
    .unwrap();
    let job = Job { model_sha256: "f".repeat(64), ..real_job(0).0 };
    queue.publish(job).await.unwrap();
    let reason = failure(reply(&queue).await);
    assert!(reason.contains("identity") && reason.contains("ffff"), "{reason}");
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
}

#[tokio::test]
async fn a_panic_fails_its_job_and_no_other() {
    let queue = queue();
    let pool = fakes(&queue, |n| if n == 0 { panic!("out of cheese") } else { Ok(Box::new(Fake)) });
    queue.publish(job("fake", 0)).await.unwrap();
    let reason = failure(reply(&queue).await);
    assert!(reason.contains("out of cheese"), "{reason}");
    queue.publish(job("fake", 1)).await.unwrap();
    assert!(matches!(reply(&queue).await.outcome, Outcome::Separated(_)));
    pool.stop().await;
}

#[tokio::test]
async fn what_may_pass_is_handed_back_and_done_again() {
    let queue = queue();
    let pool = fakes(&queue, |n| match n {
        0..3 => Err(RuntimeError::Run("no memory".into()).into()),
        _ => Ok(Box::new(Fake)),
    });
    queue.publish(job("fake", 0)).await.unwrap();
    assert!(matches!(reply(&queue).await.outcome, Outcome::Separated(_)));
    for _ in 0..4 {
        let News::Started { worker, chunk, attempt, .. } = queue.next_news().await.unwrap();
        assert_eq!((worker.as_str(), chunk, attempt), ("w1", 0, 1));
    }
    pool.stop().await;
}

#[tokio::test]
async fn a_cancelled_track_gets_no_reply() {
    let queue = queue();
    // Loading the model is when the track is cancelled: the job is in hand by then.
    let (at_it, told) = std::sync::mpsc::channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let pool = fakes(&queue, move |_| {
        at_it.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        Ok(Box::new(Fake))
    });
    queue.publish(job("fake", 0)).await.unwrap();
    tokio::task::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
    queue.cancel(&TrackId::from_random(1)).await.unwrap();
    let other = Job { track: TrackId::from_random(2), ..job("fake", 7) };
    queue.publish(other).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(reply(&queue).await.chunk, 7);
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_hand_and_leaves_the_rest() {
    let queue = queue();
    let (at_it, told) = std::sync::mpsc::channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let pool = fakes(&queue, move |_| {
        at_it.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        Ok(Box::new(Fake))
    });
    for chunk in 0..3 {
        queue.publish(job("fake", chunk)).await.unwrap();
    }
    tokio::task::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
    let stopping = tokio::spawn(pool.stop());
    tokio::task::yield_now().await;
    go_on.send(()).unwrap();
    stopping.await.unwrap();
    assert_eq!(reply(&queue).await.chunk, 0);
    assert_eq!(queue.waiting_jobs(), 2);
}

#[tokio::test]
async fn a_closed_queue_ends_the_workers() {
    let queue = queue();
    let mut pool = fakes(&queue, |_| Ok(Box::new(Fake)));
    queue.close();
    while pool.join_next().await {}
    assert!(pool.is_empty());
}

#[tokio::test]
async fn without_a_model_there_is_nothing_to_start() {
    let dir = tempfile::tempdir().unwrap();
    let empty = karaoke_models::Catalogue::open(dir.path()).unwrap();
    let refused =
        Pool::start(&config(), &SimulationConfig::default(), Arc::new(empty), Arc::new(queue()), runtime())
            .err()
            .unwrap();
    assert!(refused.to_string().contains("no model is installed"), "{refused}");
}
