//! The client: what a user of a connection calls.

use crate::{Error, Headers, Message, Options};
use bytes::Bytes;

/// A connection to a broker. Clones share it; when the last one is dropped, it is closed.
#[derive(Clone)]
pub struct Client(());

/// Who acks the messages of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// The broker, as soon as it has sent them.
    Auto,
    /// The subscriber, each one.
    ClientIndividual,
}

/// The messages of one subscription.
pub struct Subscription(());

impl Client {
    /// Connects and logs in.
    pub async fn connect(_options: &Options) -> Result<Self, Error> {
        Err(Error::Closed)
    }

    /// Hands a message to the writer.
    pub async fn send(&self, _destination: &str, _headers: Headers, _body: Bytes) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// Sends a message and waits for the broker's receipt.
    pub async fn send_with_receipt(&self, _to: &str, _headers: Headers, _body: Bytes) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// Subscribes and waits for the broker's receipt.
    pub async fn subscribe(
        &self,
        _destination: &str,
        _ack: AckMode,
        _prefetch: u32,
        _headers: Headers,
    ) -> Result<Subscription, Error> {
        Err(Error::Closed)
    }

    /// Acks a message.
    pub fn ack(&self, _ack_id: &str) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// Nacks a message.
    pub fn nack(&self, _ack_id: &str) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// Writes what was handed over, says goodbye, and closes.
    pub async fn disconnect(&self) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// The connection has ended.
    pub fn is_closed(&self) -> bool {
        true
    }

    /// Waits for the end of the connection and says why it came.
    pub async fn closed(&self) -> Error {
        Error::Closed
    }

    /// The broker's name and version, as it says.
    pub fn server(&self) -> &str {
        ""
    }
}

impl Subscription {
    /// The next message; none: the connection has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Message> {
        None
    }
}
