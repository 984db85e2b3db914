//! Heart-beats and patience, to the millisecond: the clock is the test's.

use super::*;
use crate::{Command, request};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::time::sleep;

const BEAT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);

fn writing(room: usize, beat: Option<Duration>) -> (Arc<Shared>, DuplexStream) {
    let (output, broker) = duplex(room);
    let (shared, waiting) = Shared::new();
    let output = Box::new(output);
    tokio::spawn(Writer { shared: shared.clone(), output, waiting, beat, patience: TIMEOUT }.run());
    (shared, broker)
}

fn ack() -> Request {
    request::about(Command::Ack, "1")
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_beats_at_half_the_interval() {
    let (_shared, mut broker) = writing(100, Some(BEAT));
    let start = Instant::now();
    for beat in 1..5 {
        assert_eq!(broker.read_u8().await.unwrap(), b'\n');
        assert_eq!(start.elapsed(), BEAT / 2 * beat);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_as_good_as_a_beat() {
    let (shared, mut broker) = writing(100, Some(BEAT));
    let start = Instant::now();
    sleep(BEAT / 4).await;
    shared.urgent(ack()).unwrap();
    let mut frame = [0; 11];
    broker.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"ACK\nid:1\n\n\0");
    assert_eq!(broker.read_u8().await.unwrap(), b'\n');
    assert_eq!(start.elapsed(), BEAT / 4 + BEAT / 2);
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_given_up_after_the_patience() {
    let (shared, _broker) = writing(5, None);
    let start = Instant::now();
    shared.urgent(ack()).unwrap();
    shared.over().await;
    assert_eq!(start.elapsed(), TIMEOUT);
    assert!(matches!(shared.reason(), Some(Error::Timeout { after: TIMEOUT, .. })));
}

#[tokio::test(start_paused = true)]
async fn who_takes_little_at_a_time_is_borne() {
    let (shared, mut broker) = writing(5, None);
    let body = Bytes::from_static(&[7; 50]);
    shared.request(request::send("/a", &crate::Headers::new(), body, None)).await.unwrap();
    let mut taken = Vec::new();
    while taken.iter().filter(|byte| **byte == 7).count() < 50 {
        sleep(TIMEOUT - Duration::from_millis(1)).await;
        let mut some = [0; 5];
        let count = broker.read(&mut some).await.unwrap();
        taken.extend_from_slice(&some[..count]);
    }
    assert!(shared.reason().is_none());
}

#[tokio::test(start_paused = true)]
async fn after_the_last_frame_there_are_only_beats() {
    let (shared, mut broker) = writing(1000, Some(BEAT));
    let receipt = shared.expect_receipt().unwrap();
    shared.urgent(ack()).unwrap();
    shared.request_disconnect(&receipt).await.unwrap();
    let mut said = [0; 11 + 23];
    broker.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"ACK\nid:1\n\n\0DISCONNECT\nreceipt:1\n\n\0");
    shared.urgent(ack()).unwrap();
    for _ in 0..3 {
        assert_eq!(broker.read_u8().await.unwrap(), b'\n');
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_write_leaves_the_reader_time_to_learn_why() {
    let (shared, broker) = writing(100, None);
    drop(broker);
    shared.urgent(ack()).unwrap();
    sleep(FLUSH_TIMEOUT / 2).await;
    assert!(shared.reason().is_none());
    shared.end(Error::Broker { message: "why".into(), detail: String::new() });
    sleep(FLUSH_TIMEOUT).await;
    assert!(matches!(shared.reason(), Some(Error::Broker { .. })));
}
