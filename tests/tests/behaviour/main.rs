//! Behaviour tests: what a user does, checked by what a user gets.

mod archive;
mod backup;
mod command_line;
mod deadlines;
mod doctor;
mod events;
mod fetching;
mod http;
mod identity;
mod install;
mod kinds;
mod lifecycle;
mod listening;
mod lyrics;
mod manual;
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
mod upgrade;
