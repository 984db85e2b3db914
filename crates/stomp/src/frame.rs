//! A frame: what is said, its headers, its body.

use crate::quoted::quoted;
use crate::{Error, Headers};
use bytes::Bytes;

/// One STOMP frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub command: Command,
    /// Its headers.
    pub headers: Headers,
    /// Its body, any bytes.
    pub body: Bytes,
}

/// Declares the commands with their names on the wire, in both directions.
macro_rules! commands {
    ($($(#[doc = $doc:literal])* $name:ident = $wire:literal,)*) => {
        /// Every command of STOMP 1.2, of clients and of servers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Command { $($(#[doc = $doc])* $name,)* }

        impl Command {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }
        }
    };
}

commands! {
    /// A client logs in.
    Connect = "CONNECT",
    /// The other name of CONNECT.
    Stomp = "STOMP",
    /// The server lets it in.
    Connected = "CONNECTED",
    /// A message for a destination.
    Send = "SEND",
    /// Messages of a destination are wanted.
    Subscribe = "SUBSCRIBE",
    /// They are no longer wanted.
    Unsubscribe = "UNSUBSCRIBE",
    /// A message is done with.
    Ack = "ACK",
    /// A message could not be dealt with.
    Nack = "NACK",
    /// A transaction begins.
    Begin = "BEGIN",
    /// A transaction takes effect.
    Commit = "COMMIT",
    /// A transaction is undone.
    Abort = "ABORT",
    /// The client leaves.
    Disconnect = "DISCONNECT",
    /// A message of a subscription.
    Message = "MESSAGE",
    /// A frame has been dealt with.
    Receipt = "RECEIPT",
    /// Something is wrong; the server closes the connection.
    Error = "ERROR",
}

impl Command {
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Error> {
        let known = Self::ALL.iter().find(|command| command.as_str().as_bytes() == line);
        known.copied().ok_or_else(|| Error::frame(format!("unknown command {}", quoted(line))))
    }

    /// The frames of the login keep to STOMP 1.0, which has no escapes.
    pub(crate) fn escapes(self) -> bool {
        !matches!(self, Self::Connect | Self::Connected)
    }
}
