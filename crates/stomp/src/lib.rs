//! A STOMP 1.2 client for tokio that is meant for large binary bodies and for brokers that die.
//!
//! ```no_run
//! use karaoke_stomp::{AckMode, Client, Headers, Options};
//!
//! # async fn example() -> Result<(), karaoke_stomp::Error> {
//! let client = Client::connect(&Options::from_url("stomp://guest:guest@localhost/")?).await?;
//! let mut jobs = client.subscribe("/queue/jobs", AckMode::ClientIndividual, 1, Headers::new()).await?;
//! while let Some(job) = jobs.next().await {
//!     client.send_with_receipt("/queue/done", Headers::new().with("from", "me"), job.body.clone()).await?;
//!     if let Some(ack_id) = job.ack_id() {
//!         client.ack(ack_id)?;
//!     }
//! }
//! // It ended: is it worth connecting again?
//! println!("{}", client.closed().await.retryable());
//! # Ok(())
//! # }
//! ```
//!
//! `examples/echo.rs` is a whole program to run against RabbitMQ; `examples/throughput.rs` measures.
//!
//! # How it works
//! A connection has two tasks, so that neither direction waits for the other. The *writer* takes frames from two
//! bounded queues, acks before messages, and sends a heart-beat when there is nothing to say. The *reader* splits
//! received bodies off its buffer, gives them to their subscription, and gives up a broker that is silent for
//! twice the agreed interval. Whatever ends the connection (an ERROR frame, the end of the stream, silence, a
//! write that stands still, the last [`Client`] dropped) is told to everyone who waits.
//!
//! # What it leaves to its user
//! Reconnecting: [`Error::retryable`] says whether to, [`Client::connect`] is how, and only the user knows what to
//! subscribe to and to send again. There are no transactions. Under back-pressure of a broker (RabbitMQ stops
//! reading from publishers when it runs short of memory), acks of a connection that has published wait behind the
//! messages in the socket: publish and consume on separate connections.

mod ack_mode;
mod client;
mod codec;
mod error;
mod error_frame;
mod escape;
mod frame;
mod headers;
mod login;
mod message;
mod options;
mod quoted;
mod reader;
mod request;
mod shared;
mod subscription;
mod tls;
mod transport;
mod writer;

pub use ack_mode::AckMode;
pub use client::Client;
pub use codec::{Codec, Event, Limits};
pub use error::Error;
pub use frame::{Command, Frame};
pub use headers::Headers;
pub use message::Message;
pub use options::{Options, Tls};
pub use subscription::Subscription;
