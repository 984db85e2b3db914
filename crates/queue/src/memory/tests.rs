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
        trace_parent: None,
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
