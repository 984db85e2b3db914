//! Takes a job, separates it, replies, acks.
//!
//! [`Pool`] is the whole: workers that take jobs from a queue and announce themselves, each with a thread of
//! its own on which a [`Separator`] turns windows of sound into stems by way of ONNX Runtime ([`Runtime`]).
//! Knows nothing of HTTP, of files other than models, or of how windows are joined again.

mod announcer;
mod backoff;
mod chunk;
pub mod config;
mod failure_backoff;
pub mod fault_injection;
mod inference_thread;
mod installed;
pub mod kinds;
mod library;
mod memory;
pub mod pool;
pub mod process;
pub mod provider;
mod result_publisher;
pub mod runtime;
mod sessions;
pub mod stft;
#[cfg(test)]
mod tests;
mod worker;
mod worker_status;

pub use backoff::Backoff;
pub use config::WorkerConfig;
pub use fault_injection::{Fault, SimulationConfig};
pub use installed::{installed, until_changed};
pub use kinds::{SeparateError, Separator};
pub use memory::available as available_memory;
pub use pool::{Member, Pool, PoolOptions};
pub use provider::{Provider, Wanted};
pub use runtime::{Loader, Runtime, RuntimeError};
pub use worker_status::{Identity, crash_announcement};
