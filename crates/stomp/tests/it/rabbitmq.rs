//! Against a real RabbitMQ, whose URL is in `KARAOKE_TEST_BROKER`; skipped where there is none.

use crate::stub::{bytes, within};
use bytes::Bytes;
use karaoke_stomp::{AckMode, Client, Error, Headers, Options, Subscription};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// The broker's options, or none and a word about it.
fn broker() -> Option<Options> {
    let Ok(url) = std::env::var("KARAOKE_TEST_BROKER") else {
        println!("skipped: KARAOKE_TEST_BROKER is not set");
        return None;
    };
    Some(Options::from_url(&url).unwrap())
}

async fn connect(options: &Options) -> Client {
    within(Client::connect(options)).await.unwrap()
}

/// A queue that nobody else has. It expires by itself, so that a failed test leaves nothing for long.
fn queue() -> (String, Headers) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let name = format!("/queue/karaoke-stomp-test-{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    (name, Headers::new().with("x-expires", 60_000))
}

async fn subscribe(client: &Client, queue: &str, prefetch: u32, headers: &Headers) -> Subscription {
    let mode = AckMode::ClientIndividual;
    within(client.subscribe(queue, mode, prefetch, headers.clone())).await.unwrap()
}

#[tokio::test]
async fn any_header_and_any_body_come_back_as_they_were() {
    let Some(options) = broker() else { return };
    let client = connect(&options).await;
    assert!(client.server().starts_with("RabbitMQ/"), "{}", client.server());
    let (queue, arguments) = queue();
    let mut subscription = subscribe(&client, &queue, 10, &arguments).await;
    let value = "line\nreturn\rcolon:back\\slash\\n\\c ünï\0 ";
    let headers = arguments.with("a:b\\c\nd", value).with("empty", "");
    for length in [0, 1, 100, 4096, 70_000, 3_000_000] {
        let body = Bytes::from((0..length).map(|n: u32| (n % 7) as u8).collect::<Vec<_>>());
        within(client.send_with_receipt(&queue, headers.clone(), body.clone())).await.unwrap();
        let message = within(subscription.next()).await.unwrap();
        assert!(message.body == body, "{length}");
        assert_eq!(message.headers.get("a:b\\c\nd"), Some(value));
        assert_eq!(message.headers.get("empty"), Some(""));
        assert_eq!((message.destination(), message.redelivered()), (queue.as_str(), false));
        client.ack(message.ack_id().unwrap()).unwrap();
    }
    within(client.disconnect()).await.unwrap();
    // All acks have arrived: nothing comes again.
    let client = connect(&options).await;
    let mut subscription = subscribe(&client, &queue, 10, &Headers::new().with("x-expires", 60_000)).await;
    within(client.send_with_receipt(&queue, Headers::new().with("x-expires", 60_000), "last".into()))
        .await
        .unwrap();
    assert_eq!(within(subscription.next()).await.unwrap().body, "last");
}

#[tokio::test]
async fn what_is_nacked_or_lost_comes_again() {
    let Some(options) = broker() else { return };
    let (first, second) = (connect(&options).await, connect(&options).await);
    let (queue, arguments) = queue();
    let mut subscription = subscribe(&first, &queue, 1, &arguments).await;
    within(second.send_with_receipt(&queue, arguments.clone(), "work".into())).await.unwrap();
    let message = within(subscription.next()).await.unwrap();
    first.nack(message.ack_id().unwrap()).unwrap();
    let again = within(subscription.next()).await.unwrap();
    assert!(again.redelivered());
    let mut other = subscribe(&second, &queue, 1, &arguments).await;
    drop(first);
    let moved = within(other.next()).await.unwrap();
    assert!(moved.redelivered() && moved.body == "work");
    second.ack(moved.ack_id().unwrap()).unwrap();
    within(second.disconnect()).await.unwrap();
    assert!(within(subscription.next()).await.is_none());
}

#[tokio::test]
async fn the_prefetch_bounds_what_is_in_hand() {
    let Some(options) = broker() else { return };
    let client = connect(&options).await;
    let (queue, arguments) = queue();
    let (mut one, mut two) =
        (subscribe(&client, &queue, 1, &arguments).await, subscribe(&client, &queue, 1, &arguments).await);
    for n in 0..3 {
        within(client.send_with_receipt(&queue, arguments.clone().with("n", n), bytes(10))).await.unwrap();
    }
    let (a, _b) = (within(one.next()).await.unwrap(), within(two.next()).await.unwrap());
    // The third one is free only once one of them is done.
    client.ack(a.ack_id().unwrap()).unwrap();
    assert_eq!(within(one.next()).await.unwrap().headers.get("n"), Some("2"));
}

#[tokio::test]
async fn nothing_that_was_handed_over_is_lost_by_leaving() {
    let Some(options) = broker() else { return };
    let (queue, arguments) = queue();
    let publisher = connect(&options).await;
    for _ in 0..50 {
        within(publisher.send(&queue, arguments.clone(), bytes(200_000))).await.unwrap();
    }
    within(publisher.disconnect()).await.unwrap();
    let consumer = connect(&options).await;
    let mut subscription = subscribe(&consumer, &queue, 5, &arguments).await;
    for _ in 0..50 {
        let message = within(subscription.next()).await.unwrap();
        assert_eq!(message.body.len(), 200_000);
        consumer.ack(message.ack_id().unwrap()).unwrap();
    }
    within(consumer.disconnect()).await.unwrap();
}

#[tokio::test]
async fn a_topic_reaches_every_subscriber() {
    let Some(options) = broker() else { return };
    let client = connect(&options).await;
    let topic = queue().0.replace("/queue/", "/topic/");
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(within(client.subscribe(&topic, AckMode::Auto, 0, Headers::new())).await.unwrap());
    }
    within(client.send(&topic, Headers::new(), "news".into())).await.unwrap();
    for subscription in &mut all {
        let message = within(subscription.next()).await.unwrap();
        assert_eq!((&message.body[..], message.ack_id()), (&b"news"[..], None));
    }
    // Unsubscribes; the connection stays usable.
    drop(all);
    within(client.send_with_receipt(&topic, Headers::new(), "nobody".into())).await.unwrap();
    within(client.disconnect()).await.unwrap();
}

#[tokio::test]
async fn heart_beats_keep_an_idle_connection() {
    let Some(mut options) = broker() else { return };
    // The least that RabbitMQ agrees to. It cuts off a client that is silent for two intervals, and a broker
    // that is silent for two would be left.
    options.heartbeat = Duration::from_secs(1);
    let client = connect(&options).await;
    let ended = tokio::time::timeout(options.heartbeat * 5, client.closed()).await;
    assert!(ended.is_err(), "{ended:?}");
    within(client.disconnect()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_passcode_or_virtual_host_is_refused_for_good() {
    let Some(options) = broker() else { return };
    let wrong = [
        Options { passcode: "wrong".into(), ..options.clone() },
        Options { login: "nobody".into(), ..options.clone() },
        Options { virtual_host: "nowhere".into(), ..options.clone() },
    ];
    for options in wrong {
        let error = within(Client::connect(&options)).await.err().unwrap();
        println!("{error}");
        assert!(matches!(error, Error::Authentication(_)) && !error.retryable(), "{error}");
    }
}

#[tokio::test]
async fn an_error_of_the_broker_is_told() {
    let Some(options) = broker() else { return };
    let client = connect(&options).await;
    let (queue, arguments) = queue();
    let _subscription = subscribe(&client, &queue, 1, &arguments).await;
    // On a connection of its own: one that knows the queue does not declare it again.
    let other = Headers::new().with("x-expires", 70_000);
    let second = connect(&options).await;
    let refused = within(second.send_with_receipt(&queue, other, "x".into())).await.unwrap_err();
    println!("{refused}");
    assert!(
        matches!(&refused, Error::Broker { message, .. } if message == "precondition_failed"),
        "{refused}"
    );
    assert!(!refused.retryable());

    let client = connect(&options).await;
    let missing = queue.replace("/queue/", "/amq/queue/missing-");
    let subscribe = client.subscribe(&missing, AckMode::Auto, 0, Headers::new());
    let error = within(subscribe).await.err().unwrap();
    println!("{error}");
    assert!(matches!(&error, Error::Broker { message, .. } if message == "not_found"), "{error}");
}

#[tokio::test]
async fn a_second_ack_ends_the_connection() {
    let Some(options) = broker() else { return };
    let client = connect(&options).await;
    let (queue, arguments) = queue();
    let mut subscription = subscribe(&client, &queue, 1, &arguments).await;
    within(client.send_with_receipt(&queue, arguments, "x".into())).await.unwrap();
    let message = within(subscription.next()).await.unwrap();
    client.ack(message.ack_id().unwrap()).unwrap();
    client.ack(message.ack_id().unwrap()).unwrap();
    let why = within(client.closed()).await;
    println!("{why}");
    assert!(matches!(why, Error::Broker { .. }), "{why}");
}
