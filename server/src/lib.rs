//! The server: takes songs, has them separated, serves the stems.

pub mod encode;
pub mod ingest;
