//! Every fault that can be simulated, in one process.

use super::fake::Fake;
use super::fixture::{Gate, announced, chunk, fakes, one_of_two, options, queue, reply, rest_of, said};
use crate::{Fault, PoolOptions, SimulationConfig};
use karaoke_core::audio::from_le_bytes;
use karaoke_core::presence::WorkerState;
use karaoke_core::wire::{Outcome, Reply};
use karaoke_queue::ServerQueue;

fn with(fault: Fault) -> SimulationConfig {
    SimulationConfig { fault, ..Default::default() }
}

fn is_nan(reply: &Reply) -> bool {
    match &reply.outcome {
        Outcome::Separated(separated) => from_le_bytes(&separated.body).iter().any(|s| s.is_nan()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_killed_worker_is_gone_and_its_chunk_is_done_by_another() {
    let queue = queue();
    let mut pool = one_of_two(&queue, with(Fault::Kill)).await;
    let mut done = [reply(&queue).await, reply(&queue).await];
    done.sort_by_key(|r| r.chunk);
    assert_eq!(done.each_ref().map(|r| (r.worker.as_str(), r.chunk.get())), [("w1", 0), ("w1", 1)]);
    let over = announced(&queue, |p| p.state.is_over()).await;
    assert_eq!((over.worker.as_str(), over.state), ("w2", WorkerState::Crashed));
    assert_eq!(over.note.as_deref(), Some("simulated crash"));
    assert!(pool.join_next().await && pool.len() == 1);
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
}

#[tokio::test]
async fn a_fault_that_becomes_due_takes_the_chunk_in_hand() {
    let queue = queue();
    let (gate, pass) = Gate::new();
    queue.publish(chunk(0)).await.unwrap();
    let simulation =
        SimulationConfig { workers_unhealthy: 1, simulate_crash_after: 2.0, ..with(Fault::Kill) };
    let pool = fakes(&queue, PoolOptions { simulation, ..options() }, move |_| {
        pass();
        Ok(Box::new(Fake))
    });
    gate.reached().await;
    // No window ends before the worker has died: its thread still waits at the gate.
    let over = announced(&queue, |p| p.state.is_over()).await;
    assert_eq!(over.state, WorkerState::Crashed);
    assert_eq!(queue.waiting_jobs(), 1, "the chunk goes back");
    gate.open();
    pool.stop().await;
}

#[tokio::test]
async fn a_killed_worker_is_started_again_when_it_is_to_be() {
    let queue = queue();
    let pool = one_of_two(&queue, SimulationConfig { restart_crashed: true, ..with(Fault::Kill) }).await;
    let crashed = announced(&queue, |p| p.state == WorkerState::Crashed).await;
    let again = announced(&queue, |p| p.worker == crashed.worker && p.life != crashed.life).await;
    assert!(!again.state.is_over() && again.done == 0);
    pool.stop().await;
}

#[tokio::test]
async fn a_hanging_worker_holds_its_job_until_the_stop() {
    let queue = queue();
    let pool = one_of_two(&queue, with(Fault::Hang)).await;
    let done = reply(&queue).await;
    assert_eq!(done.worker, "w1");
    queue.publish(chunk(2)).await.unwrap();
    assert_eq!(reply(&queue).await.chunk, 2);
    assert_eq!(queue.waiting_jobs(), 0);
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 1);
    assert!(rest_of(&queue).await.is_empty());
}

#[tokio::test]
async fn a_worker_that_hands_back_says_so_each_time() {
    let queue = queue();
    let pool = one_of_two(&queue, with(Fault::Nack)).await;
    let (mut done, mut returned) = (0, 0);
    while done < 2 || returned == 0 {
        let reply = reply(&queue).await;
        match (reply.worker.as_str(), reply.outcome) {
            ("w1", Outcome::Separated(_)) => done += 1,
            ("w2", Outcome::Returned(reason)) => {
                assert!(reason.contains("simulates"), "{reason}");
                returned += 1;
            }
            (worker, other) => panic!("{worker}: {other:?}"),
        }
    }
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
}

#[tokio::test]
async fn a_corrupt_reply_holds_what_is_no_number() {
    let queue = queue();
    let pool = one_of_two(&queue, with(Fault::Corrupt)).await;
    for _ in 0..2 {
        let reply = reply(&queue).await;
        assert_eq!(is_nan(&reply), reply.worker == "w2");
    }
    pool.stop().await;
}

#[tokio::test]
async fn a_slow_worker_takes_longer() {
    let queue = queue();
    let slow = SimulationConfig { window_seconds: 0.001, slow_factor: 50.0, ..with(Fault::Slow) };
    let pool = one_of_two(&queue, slow).await;
    for _ in 0..2 {
        let reply = reply(&queue).await;
        // Two windows.
        let least = if reply.worker == "w2" { 0.1 } else { 0.002 };
        assert!(reply.seconds >= least, "{}: {}", reply.worker, reply.seconds);
    }
    pool.stop().await;
}

async fn one_chunk(simulation: SimulationConfig) -> Vec<Outcome> {
    let queue = queue();
    let pool = fakes(&queue, PoolOptions { simulation, ..options() }, |_| Ok(Box::new(Fake)));
    queue.publish(chunk(0)).await.unwrap();
    assert_eq!(said(&queue).await.outcome, Outcome::Started);
    pool.stop().await;
    assert_eq!(queue.waiting_jobs(), 0);
    rest_of(&queue).await.into_iter().map(|reply| reply.outcome).collect()
}

#[tokio::test]
async fn a_dropped_reply_never_comes_and_a_doubled_one_twice() {
    let plain = one_chunk(SimulationConfig::default()).await;
    assert!(matches!(plain.as_slice(), [Outcome::Separated(_)]));
    assert!(one_chunk(SimulationConfig { drop_replies: 1.0, ..Default::default() }).await.is_empty());
    let twice = one_chunk(SimulationConfig { double_replies: 1.0, ..Default::default() }).await;
    assert_eq!(twice, [plain.clone(), plain].concat());
}
