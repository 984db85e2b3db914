//! The page in a real browser with the real program behind it: what a person does, sees and hears.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

mod access;
mod choice;
mod leaving;
mod library;
mod looks;
mod lyrics;
mod machine_room;
mod mixing;
mod refusals;
mod singing;
mod stage;
mod uploading;
mod waiting;
mod watching;
