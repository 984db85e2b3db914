//! What servers and workers may do at the broker, and what they may not.

use crate::frames::Connection;
use karaoke_tests::{Broker, VirtualHost};

type Headers = &'static [(&'static str, &'static str)];

const JOBS: Headers = &[("destination", "/queue/karaoke.jobs.m"), ("x-max-priority", "1")];
const RESULTS: Headers = &[("destination", "/queue/karaoke.results.s1"), ("x-expires", "60000")];
const REPLIES: Headers = &[("destination", "/amq/queue/karaoke.results.s1")];
const PRESENCE: Headers = &[("destination", "/topic/karaoke.presence")];
const NOTICES: Headers = &[("destination", "/topic/karaoke.notices")];
const OTHER: Headers = &[("destination", "/queue/other")];

/// What the broker says to one request on a connection of its own.
fn try_to(command: &str, url: &str, destination: Headers) -> Result<(), String> {
    let subscription: Headers = &[("id", "1"), ("ack", "client-individual")];
    match command {
        "SEND" => Connection::open(url).ask("SEND", destination, b"x"),
        _ => Connection::open(url).ask("SUBSCRIBE", &[destination, subscription].concat(), b""),
    }
}

fn check(host: &VirtualHost<'_>, server_may: bool, worker_may: bool, command: &str, destination: Headers) {
    for (who, url, may) in
        [("server", host.urls.server.clone(), server_may), ("worker", host.urls.worker.clone(), worker_may)]
    {
        let said = try_to(command, &url, destination);
        assert_eq!(said.is_ok(), may, "{who}: {command} {}: {said:?}", destination[0].1);
        assert!(said.is_ok() || said.unwrap_err().contains("refused"), "it is the rights that are missing");
    }
}

#[test]
fn each_may_do_its_part_and_nothing_else() {
    let host = Broker::shared().virtual_host("rights");
    for (server_may, worker_may, command, destination) in [
        (true, false, "SUBSCRIBE", RESULTS),
        (false, true, "SUBSCRIBE", JOBS),
        (true, false, "SEND", NOTICES),
        (false, true, "SEND", PRESENCE),
        (true, false, "SUBSCRIBE", PRESENCE),
        (false, true, "SUBSCRIBE", NOTICES),
        (false, false, "SEND", OTHER),
        (false, false, "SUBSCRIBE", OTHER),
    ] {
        check(&host, server_may, worker_may, command, destination);
    }
    // RabbitMQ knows one right to send to queues, whichever they are.
    check(&host, true, true, "SEND", JOBS);
    check(&host, true, true, "SEND", REPLIES);
    check(&host, true, false, "SEND", RESULTS);
}
