//! Fetches the files of models: resumes what was cut off, proves what has come, and only then puts it in place.
//!
//! A file grows as `<file>.part` beside its place, with a small record (`<file>.part.json`) of whose bytes these
//! are. It takes its name only when its digest is the one that the manifest gives, in one step.

mod client;
mod error;
mod part;
mod progress;
mod pull;
mod retry;
mod source;
mod transfer;

pub use client::Options;
pub use error::PullError;
pub use progress::Progress;
pub use pull::{Outcome, Puller};
