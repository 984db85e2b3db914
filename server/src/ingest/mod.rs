//! Turns what people upload into one interleaved stereo f32 file, and that file into any sample rate.
//!
//! Everything here blocks (call it through `spawn_blocking`) and needs the same memory for a jingle as
//! for a ten-hour recording.

pub mod decode;
mod downmix;
pub mod error;
pub mod file;
mod limits;
mod lyrics;
mod mp4;
mod opus;
pub mod resample;
mod sink;
mod sniff;
pub mod tags;

pub use decode::{Decoded, decode, tags};
pub use error::IngestError;
pub use file::{FrameFile, FrameWriter};
pub use limits::Limits;
pub use resample::{FrameSource, Resampled};
pub(crate) use sniff::refuse;
pub use tags::Tags;
