//! Acks and nacks a delivery at the connection that it came by; with that connection, it goes back by itself.

use super::connection::Received;
use crate::{Delivery, Settle};
use karaoke_core::wire::Headers;
use karaoke_stomp::{Client, Error};

struct BrokerSettlement {
    client: Client,
    ack_id: String,
}

impl Settle for BrokerSettlement {
    fn ack(self: Box<Self>) {
        log_failure(self.client.ack(&self.ack_id));
    }

    fn nack(self: Box<Self>) {
        log_failure(self.client.nack(&self.ack_id));
    }
}

fn log_failure(result: Result<(), Error>) {
    if let Err(error) = result {
        // The broker delivers it again, and whoever gets it finds that it is done.
        tracing::debug!(%error, "a delivery went back with its connection");
    }
}

/// A message that came by a connection, as a delivery of what it was read as.
pub(super) fn delivery<T>(received: &Received, message: T) -> Delivery<T> {
    let ack_id = received.message.ack_id().unwrap_or_default().to_owned();
    let settle = BrokerSettlement { client: received.client.clone(), ack_id };
    Delivery::new(message, received.message.redelivered(), Box::new(settle))
}

/// Headers for the wire's messages.
pub(super) fn headers(received: &Received) -> Headers {
    // The first of equal names counts, as STOMP says.
    let mut headers = Headers::new();
    for (name, value) in received.message.headers.iter() {
        headers.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    headers
}
