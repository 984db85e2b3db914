//! The page in a real browser with the real program behind it: what a person does, sees and hears.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

mod access;
mod choice;
mod leaving;
mod looks;
mod lyrics;
mod machine_room;
mod refusals;
mod singing;
mod stage;
mod waiting;
