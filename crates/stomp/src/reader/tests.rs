//! Silence, to the millisecond: the clock is the test's.

use super::*;
use crate::Limits;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, advance, sleep};

const TOLERANCE: Duration = Duration::from_secs(10);

fn reading() -> (Arc<Shared>, DuplexStream) {
    let (broker, input) = duplex(1 << 16);
    let shared = Shared::new().0;
    let codec = Codec::new(Limits::default());
    let (input, buffer) = (Box::new(input), BytesMut::new());
    let reader = Reader { shared: shared.clone(), input, codec, buffer, tolerance: Some(TOLERANCE) };
    tokio::spawn(reader.run());
    (shared, broker)
}

#[tokio::test(start_paused = true)]
async fn silence_is_borne_exactly_that_long() {
    let (shared, _broker) = reading();
    let start = Instant::now();
    shared.over().await;
    assert_eq!(start.elapsed(), TOLERANCE);
    assert!(matches!(shared.reason(), Some(Error::HeartBeat(TOLERANCE))));
}

#[tokio::test(start_paused = true)]
async fn every_byte_begins_a_new_wait() {
    let (shared, mut broker) = reading();
    let start = Instant::now();
    for byte in b"MESSAGE\n" {
        sleep(TOLERANCE - Duration::from_millis(1)).await;
        broker.write_all(&[*byte]).await.unwrap();
        sleep(Duration::ZERO).await;
        assert!(shared.reason().is_none());
    }
    let last = start.elapsed();
    shared.over().await;
    assert_eq!(start.elapsed(), last + TOLERANCE);
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_not_taken_for_a_silent_broker() {
    let (shared, mut broker) = reading();
    let (sender, mut messages) = mpsc::channel(1);
    shared.add_route(1, sender).unwrap();
    for _ in 0..3 {
        broker.write_all(b"MESSAGE\nsubscription:1\n\nbody\0").await.unwrap();
    }
    sleep(TOLERANCE * 5).await;
    assert!(shared.reason().is_none());
    for _ in 0..3 {
        messages.recv().await.unwrap();
    }
    advance(TOLERANCE).await;
    shared.over().await;
    assert!(matches!(shared.reason(), Some(Error::HeartBeat(_))));
}
