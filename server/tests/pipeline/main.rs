//! The pipeline with a worker made by hand at the other end of the in-process queue: no model, no network.

// All of this is test code, though clippy only knows it by `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod deaths;
mod exact;
mod fixture;
mod parts;
mod providers;
mod tail;
