//! The window plan: which stretches of a track a model sees, and how windows are grouped into chunks.
//!
//! Positions are frames in the track, at the model's sample rate. A window may begin before the track (its
//! first `lead` frames are silence) and reach beyond its end. The windows depend on the track's length and
//! the model alone; chunks only group them, so the result never depends on the chunking.
//!
//! ```
//! use karaoke_core::plan::{ChunkPlan, WindowPlan, Windowing};
//! use karaoke_core::{ChunkIndex, Frames};
//!
//! // A model that takes windows of 1000 frames, a quarter of which overlap; a track of 5000 frames; 2 windows a chunk.
//! let windows = WindowPlan::new(Windowing::waveform(1000, 0.25), Frames::new(5000));
//! let plan = ChunkPlan::new(windows, 2);
//! assert_eq!((windows.count(), plan.count()), (7, 4));
//! // The second chunk's job begins at frame 1500 and holds two overlapping windows.
//! assert_eq!(plan.job_span(ChunkIndex::new(1)), (1500, 1750));
//! ```

mod chunk_plan;
mod window_plan;
mod windowing;

pub use chunk_plan::{ChunkPlan, TooLarge};
pub use window_plan::{Segment, WindowPlan};
pub use windowing::{Taper, Windowing};

#[cfg(test)]
pub(crate) mod tests;
