//! The client against a stub broker in this process and, where there is one, against RabbitMQ.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation fails a test"
)]

mod client;
mod flow;
mod rabbitmq;
mod stub;
mod tls;
