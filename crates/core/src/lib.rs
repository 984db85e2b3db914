//! The pure heart of the karaoke pipeline: no I/O, no clock, no environment, no threads.
//!
//! Everything that decides *what* the result is lives here, so that it can be tested exhaustively:
//! which windows a track is cut into ([`plan`], [`tail`]), how their outputs join ([`overlap`]), what a model is
//! ([`manifest`], [`conversion`]), in which numbers and names all of that is told ([`units`]), which integers stems become ([`quantise`]), what travels between machines ([`wire`], [`reply_part`], [`presence`]), which chunk is next ([`schedule`]),
//! where it goes ([`route`]), what is sung in it when ([`lyrics`]), when one that is out is asked for again ([`in_flight`]) and what state a track is in ([`state`]).

pub mod audio;
pub mod conversion;
pub mod forecast;
pub mod id;
pub mod in_flight;
pub mod kind;
pub mod lyrics;
pub mod manifest;
pub mod overlap;
pub mod plan;
pub mod presence;
pub mod quantise;
pub mod quota;
pub mod reply_part;
pub mod route;
pub mod schedule;
pub mod state;
pub mod tail;
pub mod units;
pub mod wire;

pub use id::TrackId;
pub use manifest::Manifest;
pub use plan::{ChunkPlan, WindowPlan, Windowing};
pub use route::Route;
pub use state::TrackState;
pub use units::{ChunkIndex, Frames, ModelName, SampleRate, WorkerId};
