//! `karaoke backup`: a copy of the store while the server works on it.

use crate::config::Config;
use crate::console::print_line;
use karaoke_server::backup::back_up;
use std::path::PathBuf;

/// `karaoke backup`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// New folder for the backup.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Backs up the configured store, and says what is in the backup and what is not.
pub async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    let done = back_up(&config.store.dir, &arguments.dir).await?;
    let (dir, megabytes) = (arguments.dir.display(), done.bytes as f64 / 1e6);
    let mut said = format!("{} finished tracks ({megabytes:.1} MB) are in {dir}.", done.tracks);
    if done.left_out > 0 {
        said.push_str(&format!(" Tracks in work are not: {}.", done.left_out));
    }
    Ok(print_line(said)?)
}
