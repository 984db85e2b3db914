//! The queue over RabbitMQ: the same contract as in one process, for any number of machines.
//!
//! Each end holds two connections, one to publish and one to consume: a broker that is short of memory stops
//! reading from publishers, and acks on the same connection would stop with them. Both are made again
//! whenever they are lost; what was not confirmed is an error that the caller tries again, what was not acked
//! comes again.

pub mod config;
mod connection;
mod probe;
mod server;
mod settle;
mod topology;
mod worker;

pub use config::BrokerConfig;
pub use connection::USUAL_FRAME;
pub use probe::probe;
pub use server::RabbitServer;
pub use worker::RabbitWorker;
