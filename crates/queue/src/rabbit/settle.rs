//! Acks and nacks a delivery at the connection that it came by; with that connection, it goes back by itself.

use super::link::Arrived;
use crate::{Delivery, Settle};
use karaoke_core::wire::Headers;
use karaoke_stomp::{Client, Error};

struct BrokerSettlement {
    client: Client,
    ack_id: String,
}

impl Settle for BrokerSettlement {
    fn ack(self: Box<Self>) {
        told(self.client.ack(&self.ack_id));
    }

    fn nack(self: Box<Self>) {
        told(self.client.nack(&self.ack_id));
    }
}

fn told(result: Result<(), Error>) {
    if let Err(error) = result {
        // The broker delivers it again, and whoever gets it finds that it is done.
        tracing::debug!(%error, "a delivery went back with its connection");
    }
}

/// A message that came by a connection, as a delivery of what it was read as.
pub(super) fn delivery<T>(arrived: &Arrived, message: T) -> Delivery<T> {
    let ack_id = arrived.message.ack_id().unwrap_or_default().to_owned();
    let settle = BrokerSettlement { client: arrived.client.clone(), ack_id };
    Delivery::new(message, arrived.message.redelivered(), Box::new(settle))
}

/// Headers for the wire's messages.
pub(super) fn headers(arrived: &Arrived) -> Headers {
    // The first of equal names counts, as STOMP says.
    let mut headers = Headers::new();
    for (name, value) in arrived.message.headers.iter() {
        headers.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    headers
}
