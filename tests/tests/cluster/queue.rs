//! The queue's contract, kept over RabbitMQ as in one process.

use bytes::Bytes;
use karaoke_core::presence::{Notice, Presence};
use karaoke_core::reply_part::ReplyPart;
use karaoke_core::wire::{Job, Outcome, Reply, Separated};
use karaoke_core::{ChunkIndex, Route, TrackId};
use karaoke_queue::rabbit::{BrokerConfig, RabbitServer, RabbitWorker};
use karaoke_queue::{Delivery, QueueError, ServerQueue, WorkerQueue};
use karaoke_tests::Broker;
use karaoke_tests::cluster::until_empty;
use karaoke_tests::wait::{DEADLINE, until};
use std::time::Duration;
use tokio::time::timeout;

fn config(url: &str) -> BrokerConfig {
    BrokerConfig {
        url: url.to_owned(),
        heartbeat_ms: 1000,
        prefetch: 1,
        reconnect_s: 0.5,
        ..Default::default()
    }
}

/// A server with a server's rights.
async fn server_of(broker: &Broker, id: &str) -> RabbitServer {
    RabbitServer::connect(&config(&broker.urls().server), id).await.expect("a server")
}

/// A worker with a worker's rights.
async fn worker_of(broker: &Broker, id: &str) -> RabbitWorker {
    RabbitWorker::connect(&config(&broker.urls().worker), id, &routes()).await.expect("a worker")
}

fn routes() -> Vec<Route> {
    vec![Route::new("a", "cpu")]
}

fn job(chunk: u64, server: &str) -> Job {
    Job {
        track: TrackId::from_random(7),
        chunk: chunk.into(),
        attempt: 1,
        model: "a".into(),
        model_sha256: "ab".into(),
        provider: "cpu".into(),
        windows: 1,
        window: 1000,
        step: 1000,
        end: 1000,
        lead: 0,
        gain: 0.25,
        urgent: false,
        reply_to: server.into(),
        max_reply_bytes: 8000,
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        body: Bytes::from((0..8000u32).map(|i| (i * 7 + chunk as u32) as u8).collect::<Vec<_>>()),
    }
}

fn reply(chunk: u64, outcome: Outcome) -> Reply {
    Reply {
        track: TrackId::from_random(7),
        chunk: chunk.into(),
        attempt: 1,
        worker: "w".into(),
        seconds: 1.5,
        outcome,
    }
}

async fn taken(worker: &RabbitWorker) -> Delivery<Job> {
    let routes = routes();
    let next = worker.next_job(&routes);
    timeout(DEADLINE, next).await.expect("a job in time").expect("a job")
}

async fn next_reply(server: &RabbitServer) -> Delivery<Reply> {
    timeout(DEADLINE, server.next_reply()).await.expect("a reply in time").expect("a reply")
}

#[tokio::test]
async fn jobs_and_replies_arrive_as_they_were_sent() {
    let broker = Broker::start();
    let server = server_of(&broker, "s1").await;
    let worker = worker_of(&broker, "w").await;
    server.publish(job(3, "s1")).await.unwrap();
    let delivery = taken(&worker).await;
    assert_eq!(delivery.message, job(3, "s1"));
    let (part, body) = (ReplyPart { windows: 1..3, stems: 2..3 }, Bytes::from(vec![5; 2 * 10 * 8]));
    for outcome in [
        Outcome::Started,
        Outcome::Returned("für später".into()),
        Outcome::Failed("x\ny:z".into()),
        Outcome::Separated(Separated { windows: 3, stems: 4, window: 10, part, body }),
    ] {
        worker.reply("s1", reply(3, outcome.clone())).await.unwrap();
        let got = next_reply(&server).await;
        assert_eq!(got.message, reply(3, outcome));
        got.ack();
    }
    delivery.ack();
    worker.leave().await;
    server.leave().await;
    until_empty(|| broker.queues()).await;
}

#[tokio::test]
async fn what_is_not_acked_comes_again_and_urgent_jobs_first() {
    let broker = Broker::start();
    let server = server_of(&broker, "s1").await;
    let worker = worker_of(&broker, "w").await;
    server.publish(job(0, "s1")).await.unwrap();
    let first = taken(&worker).await;
    assert!(!first.redelivered);
    first.nack();
    let again = taken(&worker).await;
    assert!(again.redelivered && again.message.chunk == 0);
    for chunk in [1, 2] {
        server.publish(job(chunk, "s1")).await.unwrap();
    }
    server.publish(Job { urgent: true, ..job(9, "s1") }).await.unwrap();
    again.ack();
    let mut order = Vec::new();
    for _ in 0..3 {
        let next = taken(&worker).await;
        order.push(next.message.chunk);
        next.ack();
    }
    assert_eq!(order, [9, 1, 2]);
    // What a worker holds when it leaves goes to another.
    server.publish(job(4, "s1")).await.unwrap();
    let lost = taken(&worker).await;
    worker.leave().await;
    let other = worker_of(&broker, "w2").await;
    let found = taken(&other).await;
    assert!(found.redelivered && found.message.chunk == 4);
    found.ack();
    // Settling what went back with its connection harms nobody.
    lost.ack();
    server.publish(job(5, "s1")).await.unwrap();
    taken(&other).await.ack();
}

#[tokio::test]
async fn a_job_goes_to_a_worker_of_its_provider() {
    let broker = Broker::start();
    let server = server_of(&broker, "s1").await;
    let cpu = worker_of(&broker, "w").await;
    let both = [Route::new("a", "cuda"), Route::new("b", "cuda")];
    let cuda = RabbitWorker::connect(&config(&broker.urls().worker), "c", &both).await.expect("a worker");
    server.publish(Job { provider: "cuda".into(), ..job(1, "s1") }).await.unwrap();
    server.publish(job(2, "s1")).await.unwrap();
    server.publish(Job { model: "b".into(), provider: "cuda".into(), ..job(3, "s1") }).await.unwrap();
    assert_eq!(taken_and_acked(&cpu).await, 2);
    let mut got = [taken_and_acked(&cuda).await, taken_and_acked(&cuda).await];
    got.sort_unstable();
    assert_eq!(got, [1, 3]);
    let refused = server.publish(Job { provider: "../x".into(), ..job(4, "s1") }).await.unwrap_err();
    assert!(!refused.retryable(), "{refused}");
    until_empty(|| broker.queues()).await;
    let mut names: Vec<_> =
        broker.queues().into_iter().map(|q| q.name).filter(|n| n.contains("jobs")).collect();
    names.sort_unstable();
    assert_eq!(names, ["karaoke.jobs.a.cpu", "karaoke.jobs.a.cuda", "karaoke.jobs.b.cuda"]);
}

#[tokio::test]
async fn notices_and_presence_reach_everyone() {
    let broker = Broker::start();
    let server = server_of(&broker, "s1").await;
    let other = server_of(&broker, "s2").await;
    let worker = worker_of(&broker, "w").await;
    let track = TrackId::from_random(9);
    server.notify(Notice::Cancelled { track: track.clone() }).await.unwrap();
    server.notify(Notice::Refused { worker: "w".into() }).await.unwrap();
    until("the notices are presence", || async {
        (worker.is_unwanted(&track, 5.into()) && worker.refusals(&"w".into()) == 1).then_some(())
    })
    .await;
    let presence = Presence {
        life: u64::MAX,
        provider_why: "it is everywhere".into(),
        cpu_load: 0.5,
        done: 1,
        ..Presence::new("w", vec!["a".into()], "cpu")
    };
    worker.announce(presence.clone()).await.unwrap();
    for server in [&server, &other] {
        let presence = timeout(DEADLINE, server.next_presence()).await.expect("in time").unwrap();
        assert_eq!(presence, presence);
    }
}

#[tokio::test]
async fn a_corrupt_reply_says_whose_it_is_and_nonsense_is_dropped() {
    let broker = Broker::start();
    let server = server_of(&broker, "s1").await;
    let worker = worker_of(&broker, "w").await;
    let nothing = TrackId::from_random(7);
    worker.reply("s1", reply(1, Outcome::Corrupt("made so".into()))).await.unwrap();
    let got = next_reply(&server).await;
    assert!(matches!(got.message.outcome, Outcome::Corrupt(_)), "{:?}", got.message);
    assert_eq!((got.message.chunk.get(), &got.message.track), (1, &nothing));
    got.ack();
    let refused = worker.reply("../elsewhere", reply(1, Outcome::Started)).await.unwrap_err();
    assert!(!refused.retryable(), "{refused}");
}

#[tokio::test]
async fn both_ends_come_back_after_the_brokers_death_and_no_reply_is_lost() {
    let broker = Broker::start();
    let server = server_of(&broker, "s1").await;
    let worker = worker_of(&broker, "w").await;
    let before = server.connection();
    assert!(before > 0);
    for chunk in 0..3 {
        server.publish(job(chunk, "s1")).await.unwrap();
    }
    let in_hand = taken(&worker).await;
    worker.reply("s1", reply(2, Outcome::Failed("kept".into()))).await.unwrap();
    broker.kill();
    until("the loss is noticed", || async { (server.connection() == 0).then_some(()) }).await;
    let refused = timeout(Duration::from_secs(1), server.publish(job(3, "s1"))).await;
    assert!(refused.is_err(), "a publisher waits for the broker");
    broker.restart();
    until("both are back", || async { (server.connection() > before).then_some(()) }).await;
    in_hand.ack();
    server.publish(job(3, "s1")).await.unwrap();
    assert_eq!(next_reply(&server).await.message.outcome, Outcome::Failed("kept".into()));
    // The jobs from before may be gone with the broker (the server asks again); what comes now arrives.
    while taken_and_acked(&worker).await != 3 {}
}

async fn taken_and_acked(worker: &RabbitWorker) -> ChunkIndex {
    let next = taken(worker).await;
    let chunk = next.message.chunk;
    next.ack();
    chunk
}

#[tokio::test]
async fn a_wrong_login_is_told_at_once_and_an_absent_broker_is_waited_for() {
    let broker = Broker::start();
    let wrong = config(&broker.urls().url.replace("karaoke:", "nobody:"));
    let refused = RabbitServer::connect(&wrong, "s1").await.err().expect("refused");
    assert!(matches!(refused, QueueError::Refused(_)), "{refused}");
    broker.kill();
    let server = server_of(&broker, "s1").await;
    assert_eq!(server.connection(), 0);
    broker.restart();
    until("it is connected", || async { (server.connection() > 0).then_some(()) }).await;
    server.publish(job(0, "s1")).await.unwrap();
}
