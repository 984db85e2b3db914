//! Behaviour tests: what a user does, checked by what a user gets.

mod archive;
mod classic;
mod command_line;
mod deadlines;
mod events;
mod fetching;
mod http;
mod identity;
mod kinds;
mod lifecycle;
mod listening;
mod lyrics;
mod metrics;
mod models;
mod models_folder;
mod output_files;
mod receipt;
mod refusals;
mod resuming;
mod shell;
mod stems;
mod streams;
mod survival;
mod traces;
