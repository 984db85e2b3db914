//! Ingest and encoders against ffmpeg, which must be installed: real files of every format, bad files, and
//! hundreds of mutated ones.

mod bad;
mod clip;
mod corpus;
mod encoders;
mod ffmpeg;
mod formats;
mod tagging;
