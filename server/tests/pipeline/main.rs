//! The pipeline with a worker made by hand at the other end of the in-process queue: no model, no network.

mod parts;
mod providers;
mod stage;
