//! Takes a job, separates it, replies, acks.
//!
//! [`Pool`] is the whole: workers that take jobs from a queue, each with a thread of
//! its own on which a [`Separator`] turns windows of sound into stems by way of ONNX Runtime ([`Runtime`]).
//! Knows nothing of HTTP, of files other than models, or of how windows are joined again.

mod bench;
mod chunk;
pub mod config;
pub mod kinds;
mod library;
pub mod pool;
pub mod runtime;
mod sessions;
mod simulation;
pub mod stft;
#[cfg(test)]
mod tests;
mod worker;

pub use config::WorkerConfig;
pub use kinds::{SeparateError, Separator};
pub use pool::Pool;
pub use runtime::{Runtime, RuntimeError};
pub use simulation::SimulationConfig;
