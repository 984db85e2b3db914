//! The page in a real browser with the real program behind it: what a person does, sees and hears.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

mod access;
mod axe;
mod choice;
mod leaving;
mod library;
mod looks;
mod lyrics;
mod mixing;
mod offline;
mod recording;
mod refusals;
mod singing;
mod stage;
mod uploading;
mod versions;
mod waiting;
mod watching;
mod weight;
mod workers;
