//! What travels between server and workers: a job, its reply, and how both map to headers and a body.
//!
//! Headers are plain text pairs, bodies planar little-endian f32. A message that does not agree with its own
//! headers is refused before a sample of it is read.

mod error;
mod headers;
mod job;
mod reply;

pub use error::{SCHEMA, WireError};
pub use headers::Headers;
pub use job::Job;
pub use reply::{Outcome, Reply, Separated};

#[cfg(test)]
mod tests;
