//! Tests of the page in a real browser with the real program.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

mod accessibility;
mod axe;
mod deadline;
mod first_visit;
mod layout;
mod library;
mod lyrics;
mod lyrics_editor;
mod mixer;
mod model_choice;
mod notifications;
mod offline;
mod operator;
mod overflow;
mod page;
mod page_versions;
mod playback;
mod playback_while_separating;
mod receipt;
mod reconnecting;
mod recording;
mod recording_take;
mod reference;
mod rejected_files;
mod reload_and_remove;
mod stage_view;
mod uploads;
mod workers;
