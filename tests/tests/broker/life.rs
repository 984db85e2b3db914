//! Killed, frozen, started again, and gone at the end.

use crate::frames::Connection;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Broker, Queue};
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

const QUEUE: &[(&str, &str)] = &[("destination", "/queue/karaoke.jobs.m"), ("x-max-priority", "1")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [QUEUE, more].concat()
}

fn queue(messages: u64, unacked: u64, consumers: u64) -> Vec<Queue> {
    vec![Queue { name: "karaoke.jobs.m".into(), messages, unacked, consumers }]
}

fn address(broker: &Broker) -> String {
    broker.urls().url.split(['@', '/']).nth(3).expect("an address").to_owned()
}

#[test]
fn persistent_messages_with_a_receipt_survive_a_kill() {
    let broker = Broker::start();
    let mut before = Connection::open(&broker.urls().url);
    for body in ["first", "second"] {
        before.ask("SEND", &with(&[("persistent", "true")]), body.as_bytes()).unwrap();
    }
    before.ask("SEND", &with(&[]), b"transient").unwrap();
    assert_eq!(broker.queues(), queue(3, 0, 0));
    broker.sync();

    broker.kill();
    assert!(before.receive().is_none(), "the connection breaks at once");
    broker.restart();
    assert_eq!(broker.queues(), queue(2, 0, 0));

    let mut after = Connection::open(&broker.urls().url);
    after.send(
        "SUBSCRIBE",
        &with(&[("id", "1"), ("ack", "client-individual"), ("prefetch-count", "1")]),
        b"",
    );
    for body in ["first", "second"] {
        let message = after.receive().expect("a message");
        assert_eq!(message.body, body.as_bytes());
        let left = if body == "first" { 2 } else { 1 };
        assert_eq!(broker.queues(), queue(left, 1, 1));
        after.ask("ACK", &[("id", message.header("ack").expect("an id"))], b"").unwrap();
    }
    until_sync("all is acknowledged", || (broker.queues() == queue(0, 0, 1)).then_some(()));
}

#[test]
fn a_frozen_broker_says_nothing_until_it_is_resumed() {
    let broker = Broker::start();
    let mut connection = Connection::open(&broker.urls().url);
    broker.freeze();
    connection.send("SEND", &with(&[("receipt", "r")]), b"x");
    // The system's own queue takes connections; nobody answers them.
    let mut other = TcpStream::connect(address(&broker)).unwrap();
    other.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(other.read(&mut [0]).is_err());
    broker.resume();
    assert_eq!(connection.receive().expect("an answer").command, "RECEIPT");
}

#[test]
fn virtual_hosts_do_not_see_each_other() {
    let broker = Broker::shared();
    let (here, there) = (broker.virtual_host("here"), broker.virtual_host("there"));
    Connection::open(&here.urls.server).ask("SEND", &with(&[]), b"x").unwrap();
    assert_eq!(here.queues(), queue(1, 0, 0));
    assert_eq!(there.queues(), []);
}

#[test]
fn nothing_stays_when_its_keeper_is_killed() {
    let broker = Broker::start();
    let address = address(&broker);
    assert!(TcpStream::connect(&address).is_ok());
    std::process::Command::new("kill").args(["-9", &broker.pid().to_string()]).status().unwrap();
    until_sync("the broker is gone", || TcpStream::connect(&address).is_err().then_some(()));
    // It could not do that itself.
    std::fs::remove_dir_all(broker.dir()).unwrap();
}

#[test]
fn nothing_stays_when_it_is_dropped() {
    let broker = Broker::start();
    let address = address(&broker);
    let dir = broker.dir().to_owned();
    assert!(dir.is_dir());
    drop(broker);
    assert!(TcpStream::connect(&address).is_err());
    assert!(!dir.exists());
}
