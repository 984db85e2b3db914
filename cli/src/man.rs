//! `karaoke man`: manual pages, of the same definition as `--help`.

use crate::console::{print, print_line};
use anyhow::Context;
use clap_mangen::Man;
use std::path::PathBuf;

/// `karaoke man`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the pages, one for each command; without it the first page goes to standard output.
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes the pages of `command` and of the commands below it.
pub fn run(arguments: &Arguments, command: clap::Command) -> anyhow::Result<()> {
    // `karaoke help models` says the same as `karaoke-models.1`.
    let command = command.disable_help_subcommand(true);
    let Some(dir) = &arguments.dir else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        return Ok(print(String::from_utf8(page)?)?);
    };
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir));
    written.with_context(|| format!("cannot write manual pages to {}", dir.display()))?;
    Ok(print_line(format_args!("The manual pages are in {}; read them with `man -l`.", dir.display()))?)
}
