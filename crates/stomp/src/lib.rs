//! A STOMP 1.2 client.

mod client;
mod codec;
mod error;
mod frame;
mod headers;
mod message;
mod options;

pub use client::{AckMode, Client, Subscription};
pub use codec::{Codec, Event, Limits};
pub use error::Error;
pub use frame::{Command, Frame};
pub use headers::Headers;
pub use message::Message;
pub use options::{Options, Tls};
