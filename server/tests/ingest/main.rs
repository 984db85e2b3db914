//! Ingest and encoders against ffmpeg, which must be installed: real files of every format, bad files, and
//! hundreds of mutated ones.

// All of this is test code, though clippy only knows it by `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad;
mod clip;
mod corpus;
mod encoders;
mod ffmpeg;
mod formats;
mod found;
mod joined;
mod lyrics;
mod place;
mod tagging;
