//! The server: takes songs, has them separated, serves the stems.
//!
//! [`pipeline`] does the work, [`http`] is its face to the network, [`store`] and [`files`] are its memory.
//! Workers are reached through [`karaoke_queue::ServerQueue`] alone.

pub mod active_track;
pub mod backup;
pub mod client;
mod clock;
mod concurrency;
pub mod encode;
pub mod events;
mod fault_point;
pub mod files;
pub mod http;
pub mod ingest;
pub mod keys;
mod layers;
pub mod metrics;
pub mod model_fetch;
pub mod notification;
pub mod pipeline;
pub mod problem;
pub mod receipt;
mod schema;
pub mod store;
pub mod uploads;
pub mod view;
pub mod worker_registry;
