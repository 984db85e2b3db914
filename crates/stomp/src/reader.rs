//! The task that reads: it gives messages to their subscriptions and receipts to who waits for them, and
//! notices when the broker stops announcing itself.

use crate::error_frame::broker_error;
use crate::login::end_of_stream;
use crate::shared::Shared;
use crate::transport::Input;
use crate::{Codec, Command, Error, Event, Frame};
use bytes::BytesMut;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// The reading side of a connection.
pub(crate) struct Reader {
    pub shared: Arc<Shared>,
    pub input: Input,
    pub codec: Codec,
    pub buffer: BytesMut,
    /// How long the broker may be silent.
    pub tolerance: Option<Duration>,
}

impl Reader {
    /// Reads until the connection ends.
    pub async fn run(mut self) {
        let shared = self.shared.clone();
        let _end = shared.end_on_drop();
        tokio::select! {
            why = self.receive() => shared.end(why),
            () = shared.over() => {}
        }
    }

    async fn receive(&mut self) -> Error {
        loop {
            let done = match self.codec.decode(&mut self.buffer) {
                Ok(Some(Event::Frame(frame))) => self.dispatch(frame).await,
                Ok(Some(Event::HeartBeat)) => Ok(()),
                Ok(None) => self.read().await,
                Err(why) => Err(why),
            };
            if let Err(why) = done {
                return why;
            }
        }
    }

    /// Any byte shows that the broker is alive. The time in which this side does not read, because a
    /// subscriber is slow, does not count against it.
    async fn read(&mut self) -> Result<(), Error> {
        let read = self.input.read_buf(&mut self.buffer);
        let count = match self.tolerance {
            None => read.await?,
            Some(tolerance) => timeout(tolerance, read).await.map_err(|_| Error::HeartBeat(tolerance))??,
        };
        if count == 0 { Err(end_of_stream()) } else { Ok(()) }
    }

    async fn dispatch(&mut self, frame: Frame) -> Result<(), Error> {
        match frame.command {
            Command::Message => {
                let id = frame.headers.get("subscription").unwrap_or_default();
                if let Some(to) = self.shared.route(id) {
                    // Fails only if the subscription has just been dropped.
                    let _ = to.send(frame.into()).await;
                }
                Ok(())
            }
            Command::Receipt => {
                let id = frame.headers.get("receipt-id").unwrap_or_default();
                if self.shared.receipt(id) { Err(Error::Closed) } else { Ok(()) }
            }
            Command::Error => Err(broker_error(&frame)),
            other => Err(Error::frame(format!("{} out of place", other.as_str()))),
        }
    }
}

#[cfg(test)]
mod tests;
