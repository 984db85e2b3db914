//! What is said to the broker, and what comes of what it says.

use crate::stub::*;
use bytes::Bytes;
use karaoke_stomp::{AckMode, Client, Command, Error, Headers};
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_login_says_who_and_where() {
    let (listener, mut options) = listen().await;
    (options.login, options.passcode) = ("me".into(), "a:b\\c".into());
    options.virtual_host = "house".into();
    options.heartbeat = Duration::from_secs(3);
    let serve = async {
        let mut peer = accept(&listener).await;
        (peer.login("0,0").await, peer)
    };
    let (client, (connect, _peer)) = tokio::join!(Client::connect(&options), serve);
    let said = |name| connect.headers.get(name).unwrap();
    assert_eq!(
        (said("login"), said("passcode"), said("host"), said("accept-version"), said("heart-beat")),
        ("me", "a:b\\c", "house", "1.2", "3000,3000")
    );
    assert_eq!(client.unwrap().server(), "stub/1");
}

#[tokio::test]
async fn a_wrong_login_is_not_worth_trying_again() {
    for answer in [
        "ERROR\nmessage:Bad CONNECT\n\nAccess refused for user 'me'\0",
        "ERROR\nmessage:access_refused\n\n\0",
        "ERROR\nmessage:Bad CONNECT\n\nVirtual host 'x' access denied\0",
    ] {
        let error = answered(answer.as_bytes()).await.err().unwrap();
        assert!(matches!(error, Error::Authentication(_)) && !error.retryable(), "{error}");
    }
}

#[tokio::test]
async fn other_answers_to_a_login_are_told_apart() {
    let error = |answer: &'static [u8]| async move { answered(answer).await.err().unwrap() };
    let busy = error(b"ERROR\nmessage:too many connections\n\nlater\0").await;
    assert!(matches!(&busy, Error::Broker { detail, .. } if detail == "later") && busy.retryable());
    let gone = error(b"").await;
    assert!(matches!(gone, Error::Io(_)) && gone.retryable(), "{gone}");
    for answer in
        [&b"CONNECTED\nversion:1.1\n\n\0"[..], b"RECEIPT\n\n\0", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    {
        let wrong = answered(answer).await.err().unwrap();
        assert!(matches!(wrong, Error::NotStomp(_)) && !wrong.retryable(), "{wrong}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let (listener, mut options) = listen().await;
    options.connect_timeout = Duration::from_millis(50);
    let silent = within(Client::connect(&options)).await.err().unwrap();
    assert!(matches!(silent, Error::Timeout { .. }) && silent.retryable(), "{silent}");
    drop(listener);
    options.connect_timeout = DEADLINE;
    let absent = within(Client::connect(&options)).await.err().unwrap();
    assert!(matches!(absent, Error::Refused { .. }) && absent.retryable(), "{absent}");
    assert!(absent.to_string().contains(&options.port.to_string()), "{absent}");
}

#[tokio::test]
async fn receipts_find_who_waits_for_them_in_any_order() {
    let (client, mut peer) = pair().await;
    let send = |body: &'static str| {
        let client = client.clone();
        let headers = Headers::new().with("name", body);
        tokio::spawn(async move { client.send_with_receipt("/queue/a", headers, body.into()).await })
    };
    let (one, two) = (send("one"), send("two"));
    let (first, second) = (peer.expect(Command::Send).await, peer.expect(Command::Send).await);
    peer.confirm(&second).await;
    let (early, late) = if first.body == "one" { (two, one) } else { (one, two) };
    within(early).await.unwrap().unwrap();
    assert!(!late.is_finished());
    peer.confirm(&first).await;
    within(late).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_receipt_has_its_time_and_may_come_too_late() {
    let (client, mut peer) = connected(|o| o.receipt_timeout = Duration::from_millis(50), "0,0").await;
    let start = Instant::now();
    let error = within(client.send_with_receipt("/queue/a", Headers::new(), Bytes::new())).await.unwrap_err();
    assert!(matches!(error, Error::NoReceipt(_)) && error.retryable());
    assert!(start.elapsed() >= Duration::from_millis(50));
    let frame = peer.expect(Command::Send).await;
    peer.confirm(&frame).await;
    peer.send(Command::Receipt, Headers::new().with("receipt-id", "never asked for"), "").await;
    client.send("/queue/a", Headers::new(), Bytes::new()).await.unwrap();
    peer.expect(Command::Send).await;
    assert!(!client.is_closed());
}

#[tokio::test]
async fn an_error_ends_the_connection_and_everyone_learns_why() {
    let (client, mut peer) = pair().await;
    let (subscribed, id) = tokio::join!(
        client.subscribe("/queue/a", AckMode::ClientIndividual, 1, Headers::new()),
        peer.subscribed()
    );
    let mut subscription = subscribed.unwrap();
    peer.message(&id, "1", "unread").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.send_with_receipt("/queue/a", Headers::new(), Bytes::new()).await }
    });
    peer.expect(Command::Send).await;
    peer.send(Command::Error, Headers::new().with("message", "not_found"), "no queue\n").await;
    let is_not_found = |error: &Error| matches!(error, Error::Broker { message, detail } if message == "not_found" && detail == "no queue");
    assert!(is_not_found(&within(client.closed()).await));
    assert!(is_not_found(&within(waiting).await.unwrap().unwrap_err()));
    assert!(client.is_closed() && is_not_found(&client.ack("1").unwrap_err()));
    assert!(is_not_found(&client.send("/queue/a", Headers::new(), Bytes::new()).await.unwrap_err()));
    assert!(is_not_found(&client.disconnect().await.unwrap_err()));
    // It will be delivered again: to work on it now would be in vain.
    assert!(within(subscription.next()).await.is_none());
    peer.expect_end().await;
}

#[tokio::test]
async fn a_broker_that_breaks_the_protocol_is_left() {
    for nonsense in
        ["NONSENSE\n\n\0", "CONNECTED\nversion:1.2\n\n\0", "MESSAGE\ncontent-length:99999999999\n\n"]
    {
        let (client, mut peer) = pair().await;
        peer.bytes(nonsense.as_bytes()).await;
        assert!(matches!(within(client.closed()).await, Error::Frame(_)), "{nonsense}");
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_broker_that_goes_away_is_worth_trying_again() {
    let (client, peer) = pair().await;
    drop(peer);
    let why = within(client.closed()).await;
    assert!(matches!(why, Error::Io(_)) && why.retryable(), "{why}");
}

#[tokio::test]
async fn messages_go_to_their_subscription_with_all_they_have() {
    let (client, mut peer) = pair().await;
    let prefetch = Headers::new().with("x-expires", 1000);
    let (subscribed, frame) =
        tokio::join!(client.subscribe("/queue/a", AckMode::ClientIndividual, 2, prefetch), async {
            let frame = peer.expect(Command::Subscribe).await;
            peer.confirm(&frame).await;
            frame
        });
    let said = |name| frame.headers.get(name).unwrap();
    assert_eq!((said("ack"), said("prefetch-count"), said("x-expires")), ("client-individual", "2", "1000"));
    peer.message("unknown", "0", "nobody wants this").await;
    peer.bytes(b"MESSAGE\nmessage-id:1\n\nnor this\0").await;
    let headers = Headers::new().with("subscription", said("id")).with("redelivered", "true");
    peer.send(Command::Message, headers.with("a:b", "\\\n").with("destination", "/queue/a"), "x").await;
    peer.message(said("id"), "T_1", "a\0b").await;
    let mut subscription = subscribed.unwrap();
    let first = within(subscription.next()).await.unwrap();
    assert_eq!((first.ack_id(), first.redelivered(), first.destination()), (None, true, "/queue/a"));
    assert_eq!((first.headers.get("a:b"), &first.body[..]), (Some("\\\n"), &b"x"[..]));
    let second = within(subscription.next()).await.unwrap();
    assert_eq!((second.ack_id(), second.redelivered(), &second.body[..]), (Some("T_1"), false, &b"a\0b"[..]));
    client.ack("T_1").unwrap();
    client.nack("T_2").unwrap();
    assert_eq!(peer.expect(Command::Ack).await.headers.get("id"), Some("T_1"));
    assert_eq!(peer.expect(Command::Nack).await.headers.get("id"), Some("T_2"));
}

#[tokio::test]
async fn only_what_the_broker_has_forgotten_outlives_the_connection() {
    let (client, mut peer) = pair().await;
    let (subscribed, id) =
        tokio::join!(client.subscribe("/topic/a", AckMode::Auto, 0, Headers::new()), peer.subscribed());
    peer.message(&id, "1", "acked already").await;
    drop(peer);
    within(client.closed()).await;
    let mut subscription = subscribed.unwrap();
    assert_eq!(within(subscription.next()).await.unwrap().body, "acked already");
    assert!(within(subscription.next()).await.is_none());
}

#[tokio::test]
async fn dropping_a_subscription_never_makes_an_ack_invalid() {
    let (client, mut peer) = pair().await;
    for (ack, prefetch) in [(AckMode::ClientIndividual, 1), (AckMode::Auto, 0)] {
        let subscribe = client.subscribe("/queue/a", ack, prefetch, Headers::new());
        let (subscribed, id) = tokio::join!(subscribe, peer.subscribed());
        drop(subscribed.unwrap());
        if ack == AckMode::Auto {
            assert_eq!(peer.expect(Command::Unsubscribe).await.headers.get("id"), Some(id.as_str()));
        }
        peer.message(&id, "1", "too late").await;
    }
    client.ack("1").unwrap();
    peer.expect(Command::Ack).await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_the_connection_stays() {
    let (client, mut peer) = connected(|o| o.max_frame_bytes = 1000, "0,0").await;
    let refused = client.send("/queue/a", Headers::new(), bytes(1000)).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }), "{refused}");
    client.send("/queue/a", Headers::new(), bytes(500)).await.unwrap();
    assert_eq!(peer.expect(Command::Send).await.body.len(), 500);
}

#[tokio::test]
async fn disconnecting_writes_what_was_handed_over_and_waits_for_the_broker() {
    let (client, mut peer) = pair().await;
    for name in 0..3 {
        client.send("/queue/a", Headers::new().with("name", name), bytes(100_000)).await.unwrap();
    }
    client.ack("1").unwrap();
    let leaving = tokio::spawn({
        let client = client.clone();
        async move { client.disconnect().await }
    });
    let mut said = Vec::new();
    let goodbye = loop {
        let frame = peer.frame().await.unwrap();
        if frame.command == Command::Disconnect {
            break frame;
        }
        said.push(frame.headers.get("name").map(str::to_owned).unwrap_or("ack".into()));
    };
    assert_eq!(said.len(), 4, "{said:?}");
    said.retain(|name| name != "ack");
    assert_eq!(said, ["0", "1", "2"]);
    assert!(!leaving.is_finished() && !client.is_closed());
    assert!(matches!(client.send("/queue/a", Headers::new(), Bytes::new()).await, Err(Error::Closed)));
    assert!(matches!(client.ack("2"), Err(Error::Closed)));
    peer.confirm(&goodbye).await;
    within(leaving).await.unwrap().unwrap();
    within(client.disconnect()).await.unwrap();
    assert!(matches!(within(client.closed()).await, Error::Closed));
    peer.expect_end().await;
}

#[tokio::test]
async fn disconnecting_says_when_the_broker_may_not_have_it_all() {
    let (client, mut peer) = connected(|o| o.receipt_timeout = Duration::from_millis(50), "0,0").await;
    assert!(matches!(within(client.disconnect()).await, Err(Error::NoReceipt(_))));
    peer.expect(Command::Disconnect).await;
    peer.expect_end().await;

    let (client, mut peer) = pair().await;
    let (left, ()) = tokio::join!(within(client.disconnect()), async {
        peer.expect(Command::Disconnect).await;
        drop(peer);
    });
    assert!(matches!(left, Err(Error::Io(_))), "{left:?}");
}

#[tokio::test]
async fn the_last_handle_closes_the_connection_and_ends_its_tasks() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let (client, mut peer) = pair().await;
    let (subscribed, _) =
        tokio::join!(client.subscribe("/queue/a", AckMode::Auto, 0, Headers::new()), peer.subscribed());
    let mut subscription = subscribed.unwrap();
    let clone = client.clone();
    drop(client);
    clone.send("/queue/a", Headers::new(), Bytes::new()).await.unwrap();
    peer.expect(Command::Send).await;
    drop(clone);
    peer.expect_end().await;
    assert!(within(subscription.next()).await.is_none());
    within(async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
