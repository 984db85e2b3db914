//! `karaoke completions`: what a shell needs to complete commands, of the same definition as `--help`.

use crate::console::print;
use clap_complete::Shell;

/// The program.
const NAME: &str = env!("CARGO_PKG_NAME");

/// `karaoke completions`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell.
    shell: Shell,
}

/// Writes the completions of `command` to standard output.
pub fn run(arguments: &Arguments, command: &clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut visible(command), NAME, &mut script);
    Ok(print(String::from_utf8(script)?)?)
}

/// What `--help` lists of `command`; shells would be offered all of it.
fn visible(command: &clap::Command) -> clap::Command {
    let shown = command.get_subcommands().filter(|below| !below.is_hide_set()).cloned();
    clap::Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .args(command.get_arguments().cloned())
        .subcommands(shown)
}
