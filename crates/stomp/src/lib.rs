//! A STOMP 1.2 client.

mod client;
mod codec;
mod error;
mod escape;
mod frame;
mod headers;
mod login;
mod message;
mod options;
mod reader;
mod request;
mod shared;
mod subscription;
mod tls;
mod transport;
mod writer;

pub use client::Client;
pub use codec::{Codec, Event, Limits};
pub use error::Error;
pub use frame::{Command, Frame};
pub use headers::Headers;
pub use message::Message;
pub use options::{Options, Tls};
pub use subscription::{AckMode, Subscription};
