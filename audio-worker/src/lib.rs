//! Takes a job, separates it, replies, acks.
//!
//! [`Pool`] is the whole: workers that take jobs from a queue and announce themselves, each with a thread of
//! its own on which a [`Separator`] turns windows of sound into stems by way of ONNX Runtime ([`Runtime`]).
//! Knows nothing of HTTP, of files other than models, or of how windows are joined again.

mod announcer;
mod backoff;
mod bench;
mod board;
mod chunk;
pub mod config;
pub mod kinds;
mod library;
mod memory;
mod outbox;
pub mod pool;
pub mod process;
pub mod provider;
pub mod runtime;
mod sessions;
pub mod simulation;
pub mod stft;
mod streak;
#[cfg(test)]
mod tests;
mod worker;

pub use backoff::Backoff;
pub use board::{Identity, obituary};
pub use config::WorkerConfig;
pub use kinds::{SeparateError, Separator};
pub use pool::{Pool, PoolOptions};
pub use provider::{Provider, Wanted};
pub use runtime::{Loader, Runtime, RuntimeError};
pub use simulation::{Fault, SimulationConfig};
