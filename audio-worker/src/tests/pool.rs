//! Workers on the in-process queue.

use super::fake::{Fake, job};
use super::fixture::{Gate, fakes, options, queue, reply, said};
use super::{bits, catalogue, noise, runtime};
use crate::runtime::RuntimeError;
use crate::{Pool, PoolOptions, SimulationConfig, WorkerConfig};
use bytes::Bytes;
use karaoke_core::TrackId;
use karaoke_core::audio::{from_le_bytes, to_le_bytes};
use karaoke_core::presence::Notice;
use karaoke_core::wire::{Job, Outcome, Reply};
use karaoke_queue::ServerQueue;
use std::sync::Arc;

fn failure(reply: Reply) -> String {
    match reply.outcome {
        Outcome::Failed(reason) => reason,
        other => panic!("it did not fail: {other:?}"),
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
        end: frames,
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
    let options = PoolOptions { worker: WorkerConfig { workers: 2, ..options().worker }, ..options() };
    let pool = Pool::start(&options, Arc::new(catalogue()), Arc::new(queue.clone()), runtime()).unwrap();
    assert_eq!(pool.len(), 2);
    for chunk in 0..4 {
        queue.publish(real_job(chunk).0).await.unwrap();
    }
    for _ in 0..4 {
        let reply = reply(&queue).await;
        let (job, channels) = real_job(reply.chunk.get());
        assert!(reply.worker == "w1" || reply.worker == "w2");
        assert!(reply.seconds > 0.0);
        let Outcome::Separated(separated) = reply.outcome else { panic!("{:?}", reply.outcome) };
        for window in 0..3 {
            for (got, want) in separated.channels(window as u32, 0).iter().zip(&channels) {
                let want = &want[window * job.step..][..job.window];
                assert_eq!(bits(&from_le_bytes(got)), bits(want));
            }
        }
    }
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
}

#[tokio::test]
async fn a_job_for_another_file_of_that_name_is_handed_back_with_the_reason() {
    let queue = queue();
    let pool = Pool::start(&options(), Arc::new(catalogue()), Arc::new(queue.clone()), runtime()).unwrap();
    let job = Job { model_sha256: "f".repeat(64), ..real_job(0).0 };
    queue.publish(job).await.unwrap();
    let Outcome::Returned(reason) = reply(&queue).await.outcome else { panic!("it was not handed back") };
    assert!(reason.contains("identity") && reason.contains("ffff"), "{reason}");
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 1);
}

#[tokio::test]
async fn a_worker_takes_the_jobs_of_its_provider_alone() {
    let queue = queue();
    let pool = fakes(&queue, PoolOptions { provider: "cuda".into(), ..options() }, |_| Ok(Box::new(Fake)));
    queue.publish(job("fake", 0)).await.unwrap();
    queue.publish(Job { provider: "cuda".into(), ..job("fake", 1) }).await.unwrap();
    assert_eq!(reply(&queue).await.chunk, 1);
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 1);
}

#[tokio::test]
async fn a_panic_fails_its_job_and_no_other() {
    let queue = queue();
    let pool =
        fakes(&queue, options(), |n| if n == 0 { panic!("out of cheese") } else { Ok(Box::new(Fake)) });
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
    let pool = fakes(&queue, options(), |n| match n {
        0..3 => Err(RuntimeError::Run("no memory".into()).into()),
        _ => Ok(Box::new(Fake)),
    });
    queue.publish(job("fake", 0)).await.unwrap();
    for n in 0..4 {
        let started = said(&queue).await;
        assert_eq!(started.outcome, Outcome::Started);
        assert_eq!((started.worker.as_str(), started.chunk.get(), started.attempt), ("w1", 0, 1));
        match said(&queue).await.outcome {
            Outcome::Returned(reason) => assert!(n < 3 && reason.contains("no memory"), "{reason}"),
            other => assert!(n == 3 && matches!(other, Outcome::Separated(_)), "{other:?}"),
        }
    }
    pool.stop().await;
}

#[tokio::test]
async fn a_cancelled_track_gets_no_reply() {
    let queue = queue();
    // Loading the model is when the track is cancelled: the job is in hand by then.
    let (gate, pass) = Gate::new();
    let pool = fakes(&queue, options(), move |_| {
        pass();
        Ok(Box::new(Fake))
    });
    queue.publish(job("fake", 0)).await.unwrap();
    gate.reached().await;
    queue.notify(Notice::Cancelled { track: TrackId::from_random(1) }).await.unwrap();
    let other = Job { track: TrackId::from_random(2), ..job("fake", 7) };
    queue.publish(other).await.unwrap();
    gate.open();
    assert_eq!(reply(&queue).await.chunk, 7);
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_hand_and_leaves_the_rest() {
    let queue = queue();
    let (gate, pass) = Gate::new();
    let pool = fakes(&queue, options(), move |_| {
        pass();
        Ok(Box::new(Fake))
    });
    for chunk in 0..3 {
        queue.publish(job("fake", chunk)).await.unwrap();
    }
    gate.reached().await;
    let stopping = tokio::spawn(pool.stop());
    tokio::task::yield_now().await;
    gate.open();
    stopping.await.unwrap();
    assert_eq!(reply(&queue).await.chunk, 0);
    assert_eq!(queue.waiting_jobs(), 2);
}

#[tokio::test]
async fn a_closed_queue_ends_the_workers() {
    let queue = queue();
    let mut pool = fakes(&queue, options(), |_| Ok(Box::new(Fake)));
    queue.close();
    while pool.join_next().await {}
    assert!(pool.is_empty());
}

#[tokio::test]
async fn without_a_model_there_is_nothing_to_start() {
    let dir = tempfile::tempdir().unwrap();
    let empty = karaoke_models::Catalogue::open(dir.path()).unwrap();
    let refused = Pool::start(&options(), Arc::new(empty), Arc::new(queue()), runtime()).err().unwrap();
    assert!(refused.to_string().contains("no model is installed"), "{refused}");
}

#[tokio::test]
async fn the_default_model_is_loaded_before_a_job_comes_and_no_second_time() {
    let (gate, pass) = Gate::new();
    let queue = queue();
    let pool = fakes(&queue, PoolOptions { preload: Some("fake".into()), ..options() }, move |n| {
        assert_eq!(n, 0, "it was loaded again");
        pass();
        Ok(Box::new(Fake))
    });
    // Nobody has asked for anything yet.
    gate.reached().await;
    queue.publish(job("fake", 0)).await.unwrap();
    gate.open();
    assert!(matches!(reply(&queue).await.outcome, Outcome::Separated(_)));
    pool.stop().await;
}

#[tokio::test]
async fn a_default_model_that_cannot_be_loaded_fails_the_jobs_that_need_it_and_nothing_before() {
    let queue = queue();
    let options = PoolOptions { preload: Some("fake".into()), ..options() };
    let pool = fakes(&queue, options, |_| Err(RuntimeError::NotFound.into()));
    queue.publish(job("fake", 0)).await.unwrap();
    assert!(failure(reply(&queue).await).contains("ONNX Runtime"));
    pool.stop().await;
}

#[test]
fn healthy_workers_are_divided_among_processes_and_the_others_have_one_each() {
    let processes = |workers_healthy, workers_unhealthy, processes| {
        let simulation = SimulationConfig { workers_healthy, workers_unhealthy, ..Default::default() };
        let worker = WorkerConfig { processes, ..Default::default() };
        let all = PoolOptions { simulation, worker, ..options() }.processes();
        all.into_iter().map(|workers| (workers.start, workers.end)).collect::<Vec<_>>()
    };
    assert_eq!(processes(3, 0, 1), [(0, 3)]);
    assert_eq!(processes(3, 0, 2), [(0, 1), (1, 3)]);
    assert_eq!(processes(2, 0, 9), [(0, 1), (1, 2)]);
    assert_eq!(processes(3, 2, 1), [(0, 3), (3, 4), (4, 5)]);
    assert_eq!(processes(0, 2, 1), [(0, 1), (1, 2)]);
}
