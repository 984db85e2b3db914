//! Time and amounts: heart-beats, peers that stand still, bounded queues, order among what waits.

use crate::stub::*;
use bytes::Bytes;
use karaoke_stomp::{AckMode, Command, Error, Event, Headers};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Long enough that a busy machine does not miss one.
const BEAT: Duration = Duration::from_millis(400);
/// Long enough to show that nothing moves any more.
const STILL: Duration = Duration::from_millis(300);

#[tokio::test]
async fn both_sides_beat_and_the_connection_stays() {
    let (client, mut peer) = connected(|o| o.heartbeat = BEAT, "400,400").await;
    let start = Instant::now();
    for _ in 0..8 {
        assert_eq!(peer.event().await, Some(Event::HeartBeat));
        peer.bytes(b"\n").await;
    }
    // Eight waits of half the agreed time: twice the tolerance.
    assert!(start.elapsed() > BEAT * 3 && start.elapsed() < BEAT * 20, "{:?}", start.elapsed());
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_silent_broker_is_left_in_time() {
    let (client, mut peer) = connected(|o| o.heartbeat = BEAT, "400,400").await;
    let start = Instant::now();
    let why = within(client.closed()).await;
    assert!(matches!(why, Error::HeartBeat(_)) && why.retryable(), "{why}");
    assert!(start.elapsed() > BEAT && start.elapsed() < BEAT * 20, "{:?}", start.elapsed());
    peer.expect_end().await;
}

#[tokio::test]
async fn a_frame_that_comes_slowly_is_a_sign_of_life() {
    let (client, mut peer) = connected(|o| o.heartbeat = BEAT, "400,400").await;
    let (subscribed, id) =
        tokio::join!(client.subscribe("/topic/a", AckMode::Auto, 0, Headers::new()), peer.subscribed());
    peer.bytes(format!("MESSAGE\nsubscription:{id}\ncontent-length:8\n\n").as_bytes()).await;
    // Each byte in answer to a heart-beat, which are half an interval apart.
    for _ in 0..8 {
        assert_eq!(peer.event().await, Some(Event::HeartBeat));
        peer.bytes(b"x").await;
    }
    peer.bytes(b"\0").await;
    assert_eq!(within(subscribed.unwrap().next()).await.unwrap().body, "xxxxxxxx");
}

#[tokio::test]
async fn a_broker_that_takes_nothing_is_left() {
    let (client, _peer) = connected(|o| o.write_timeout = STILL, "0,0").await;
    let fill = async {
        while client.send("/queue/a", Headers::new(), bytes(4 << 20)).await.is_ok() {}
        client.closed().await
    };
    let why = within(fill).await;
    assert!(matches!(why, Error::Timeout { .. }) && why.retryable(), "{why}");
}

#[tokio::test]
async fn a_slow_subscriber_stops_the_broker_and_loses_nothing() {
    let (client, mut peer) = pair().await;
    let (subscribed, id) =
        tokio::join!(client.subscribe("/topic/a", AckMode::Auto, 0, Headers::new()), peer.subscribed());
    let mut subscription = subscribed.unwrap();
    let mut sent = 0_u32;
    // A message is written whole or not at all, so that the stream stays sound: the last one goes on below.
    let (body, total) = (bytes(1 << 20), 200);
    let mut stopped = None;
    let mut flood = Box::pin(async move {
        for n in 0..total {
            peer.message(&id, &n.to_string(), &body).await;
        }
        peer
    });
    if timeout(STILL * 3, &mut flood).await.is_err() {
        stopped = Some(flood);
    }
    let rest = tokio::spawn(stopped.expect("200 MiB went somewhere"));
    while sent < total {
        let message = within(subscription.next()).await.unwrap();
        assert_eq!((message.ack_id(), message.body.len()), (Some(sent.to_string().as_str()), 1 << 20));
        sent += 1;
    }
    within(rest).await.unwrap();
    assert!(!client.is_closed());
}

#[tokio::test]
async fn with_a_prefetch_a_slow_subscriber_stops_nobody() {
    let (client, mut peer) = connected(|o| o.heartbeat = BEAT, "0,0").await;
    let subscribe = client.subscribe("/queue/a", AckMode::ClientIndividual, 100, Headers::new());
    let (subscribed, id) = tokio::join!(subscribe, peer.subscribed());
    for n in 0..100 {
        peer.message(&id, &n.to_string(), "").await;
    }
    let (sent, ()) =
        tokio::join!(client.send_with_receipt("/queue/b", Headers::new(), Bytes::new()), async {
            let frame = peer.expect(Command::Send).await;
            peer.confirm(&frame).await;
        });
    sent.unwrap();
    drop(subscribed);
}

#[tokio::test]
async fn acks_overtake_messages_that_wait() {
    let (client, mut peer) = pair().await;
    let mut handed = 0;
    // Until the writer is stuck and its queue full.
    while let Ok(sent) = timeout(STILL, client.send("/queue/a", Headers::new(), bytes(8 << 20))).await {
        sent.unwrap();
        handed += 1;
    }
    assert!(handed < 20, "the queue is bounded");
    client.ack("urgent").unwrap();
    let mut before = 0;
    loop {
        let frame = peer.frame().await.unwrap();
        if frame.command == Command::Ack {
            break;
        }
        before += 1;
    }
    assert!(before < handed, "{before} of {handed} went first");
    for _ in before..handed {
        peer.expect(Command::Send).await;
    }
}

#[tokio::test]
async fn acks_that_nobody_takes_end_the_connection() {
    let (client, _peer) = pair().await;
    while timeout(STILL, client.send("/queue/a", Headers::new(), bytes(8 << 20))).await.is_ok() {}
    let refused = (0..5000).find_map(|n| client.ack(&n.to_string()).err());
    assert!(matches!(refused, Some(Error::Congested(_))), "{refused:?}");
    let why = within(client.closed()).await;
    assert!(matches!(why, Error::Congested(_)) && why.retryable(), "{why}");
}

#[tokio::test]
async fn both_directions_move_at_once() {
    let (client, mut peer) = pair().await;
    let (subscribed, id) =
        tokio::join!(client.subscribe("/topic/a", AckMode::Auto, 0, Headers::new()), peer.subscribed());
    let mut subscription = subscribed.unwrap();
    let sending = tokio::spawn(async move {
        for _ in 0..30 {
            client.send("/queue/a", Headers::new(), bytes(1 << 20)).await.unwrap();
        }
        client
    });
    let receiving = tokio::spawn(async move {
        for _ in 0..30 {
            assert_eq!(within(subscription.next()).await.unwrap().body.len(), 1 << 20);
        }
        subscription
    });
    // Neither side reads before it has written: with 30 MiB each way that would be a deadlock if the
    // client did one thing at a time.
    for n in 0..30 {
        peer.message(&id, &n.to_string(), &bytes(1 << 20)).await;
    }
    let _subscription = within(receiving).await.unwrap();
    for _ in 0..30 {
        peer.expect(Command::Send).await;
    }
    within(sending).await.unwrap();
}
