//! Who acknowledges messages.

/// Who acks the messages of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// The broker, as soon as it has sent them.
    Auto,
    /// The subscriber, each one, with [`Client::ack`](crate::Client::ack) or [`Client::nack`](crate::Client::nack).
    ClientIndividual,
}
