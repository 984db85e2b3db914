//! The harness of the behaviour tests: starts the real program, talks to it over HTTP, and listens.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

pub mod api;
pub mod program;
pub mod sound;
pub mod sse;
pub mod wait;

pub use api::Api;
pub use program::{Program, Settings};
