//! The client: what a user of a connection calls.

use crate::login::{Session, login};
use crate::reader::Reader;
use crate::shared::{Receipt, Shared, Waiting};
use crate::transport::{self, Input, Output};
use crate::writer::Writer;
use crate::{AckMode, Command, Error, Headers, Options, Subscription, request};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tracing::Instrument;

/// A silent broker is given up after that many intervals.
const TOLERANCE: u32 = 2;

/// A connection to a broker, driven by two tasks of the runtime it was made in.
///
/// Clones share it. When the last one is dropped, it is closed at once, and what still waits to be written
/// is lost; [`Client::disconnect`] loses nothing. A connection that has ended stays so: connect anew.
#[derive(Clone)]
pub struct Client(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    server: String,
    receipt_timeout: Duration,
    max_frame_bytes: usize,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.end(Error::Closed);
    }
}

impl Client {
    /// Connects and logs in.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        options.check()?;
        let late = |_| Error::Timeout { what: "connecting to the broker", after: options.connect_timeout };
        timeout(options.connect_timeout, Self::open(options)).await.map_err(late)?
    }

    async fn open(options: &Options) -> Result<Self, Error> {
        let (mut input, mut output) = transport::open(options).await?;
        let session = login(options, &mut input, &mut output).await?;
        let (shared, waiting) = Shared::new();
        let handle = Handle {
            shared: shared.clone(),
            server: session.server.clone(),
            receipt_timeout: options.receipt_timeout,
            max_frame_bytes: options.max_frame_bytes,
        };
        start(shared, session, (input, output), waiting, options.write_timeout);
        Ok(Self(Arc::new(handle)))
    }

    /// Sends a message; returns when it is handed to the writer, which takes a few at a time.
    ///
    /// The client says `destination`, `content-length` and `receipt` itself. A message that is larger than
    /// the largest frame is refused, and the connection stays.
    pub async fn send(&self, destination: &str, headers: Headers, body: Bytes) -> Result<(), Error> {
        let request = request::send(destination, &headers, body, None);
        self.0.shared.request(request.checked(self.0.max_frame_bytes)?).await
    }

    /// Sends a message; returns when the broker has confirmed it.
    ///
    /// After [`Error::NoReceipt`], or if the future is dropped, the message may be there or not.
    pub async fn send_with_receipt(
        &self,
        destination: &str,
        headers: Headers,
        body: Bytes,
    ) -> Result<(), Error> {
        let receipt = self.0.shared.expect_receipt()?;
        let request = request::send(destination, &headers, body, Some(receipt.id));
        self.0.shared.request(request.checked(self.0.max_frame_bytes)?).await?;
        self.wait(receipt).await
    }

    /// Subscribes; returns when the broker has confirmed it.
    ///
    /// With `prefetch` the broker sends no more than so many messages that are not acked yet (zero: as many
    /// as there are). It is sent as `prefetch-count`, which is RabbitMQ's name for it.
    pub async fn subscribe(
        &self,
        destination: &str,
        ack: AckMode,
        prefetch: u32,
        headers: Headers,
    ) -> Result<Subscription, Error> {
        let receipt = self.0.shared.expect_receipt()?;
        let kind = (ack, prefetch);
        let subscription =
            Subscription::begin(&self.0.shared, destination, kind, &headers, receipt.id).await?;
        self.wait(receipt).await?;
        Ok(subscription)
    }

    /// The message with that [`ack_id`](crate::Message::ack_id) is done with.
    ///
    /// Does not wait, and goes before messages that wait to be sent. If the broker takes so little that a
    /// thousand acks wait, the connection is closed with [`Error::Congested`].
    pub fn ack(&self, ack_id: &str) -> Result<(), Error> {
        self.0.shared.urgent(request::about(Command::Ack, ack_id))
    }

    /// The message could not be dealt with; as [`Client::ack`].
    pub fn nack(&self, ack_id: &str) -> Result<(), Error> {
        self.0.shared.urgent(request::about(Command::Nack, ack_id))
    }

    /// Leaves: writes everything that was handed over before, says goodbye, waits until the broker has
    /// dealt with it all, and closes. Nothing is taken any more from the moment of the call.
    pub async fn disconnect(&self) -> Result<(), Error> {
        let shared = &self.0.shared;
        let left = if shared.leave() { self.leave().await } else { Err(self.closed().await) };
        match left {
            Err(Error::Closed) => Ok(()),
            other => other,
        }
    }

    async fn leave(&self) -> Result<(), Error> {
        let shared = &self.0.shared;
        let _end = shared.end_on_drop();
        let receipt = shared.expect_receipt()?;
        shared.request_disconnect(&receipt).await?;
        let confirmed = self.wait(receipt).await;
        shared.end(confirmed.clone().err().unwrap_or(Error::Closed));
        confirmed
    }

    /// The connection has ended.
    pub fn is_closed(&self) -> bool {
        self.0.shared.reason().is_some()
    }

    /// Waits for the end of the connection and says why it came.
    pub async fn closed(&self) -> Error {
        self.0.shared.over().await;
        self.0.shared.reason().unwrap_or(Error::Closed)
    }

    /// What the broker calls itself, for example `RabbitMQ/3.10.8`; empty if it does not say.
    pub fn server(&self) -> &str {
        &self.0.server
    }

    async fn wait(&self, receipt: Receipt) -> Result<(), Error> {
        receipt.wait(self.0.receipt_timeout).await
    }
}

/// Starts the two tasks, in the span of whoever connects; each ends with the connection.
fn start(
    shared: Arc<Shared>,
    session: Session,
    (input, output): (Input, Output),
    waiting: Waiting,
    patience: Duration,
) {
    let Session { beats, codec, buffer, .. } = session;
    let tolerance = beats.expect.map(|beat| beat * TOLERANCE);
    tokio::spawn(Reader { shared: shared.clone(), input, codec, buffer, tolerance }.run().in_current_span());
    tokio::spawn(Writer { shared, output, waiting, beat: beats.send, patience }.run().in_current_span());
}
