//! `karaoke models`: what there is, whether it is what it says, and how to get more.

mod inspect;
mod list;
mod pull;

use crate::config::Config;
use crate::console::print_line;
use anyhow::{anyhow, ensure};
use karaoke_models::Catalogue;
use std::path::PathBuf;

/// `karaoke models`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lists presets and models, installed or to be had.
    List(list::Arguments),
    /// Fetches models (or what presets need), resuming what was cut off; `karaoke up` and workers that run
    /// know them after their next start.
    Pull(pull::Arguments),
    /// Compares model files with the digests in their manifests.
    Verify {
        /// The model or preset; without it, all that are installed.
        name: Option<String>,
    },
    /// Tells what an ONNX file is, and writes a manifest to start from.
    Inspect {
        /// The file.
        #[arg(value_name = "FILE.onnx")]
        file: PathBuf,
    },
}
/// Runs a subcommand of `karaoke models`.
pub async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Pull(arguments) => pull::run(arguments, config).await,
        // Models are large, and disks are slow.
        local => tokio::task::spawn_blocking(move || run_local(local, &config)).await?,
    }
}

fn run_local(command: Command, config: &Config) -> anyhow::Result<()> {
    if let Command::Inspect { file } = command {
        return inspect::run(&file);
    }
    let catalogue = match command {
        // It lists what is broken.
        Command::List(_) => Catalogue::open(&config.models.dir)?,
        _ => config.catalogue()?,
    };
    match command {
        Command::List(arguments) => {
            list::run(&arguments, &catalogue, &config.models.default, config.worker.cache_folder().as_deref())
        }
        Command::Verify { name } => verify(&catalogue, name.as_deref()),
        Command::Pull(_) | Command::Inspect { .. } => Ok(()),
    }
}

fn verify(catalogue: &Catalogue, name: Option<&str>) -> anyhow::Result<()> {
    let chosen: Vec<_> = match name {
        Some(name) => vec![catalogue.resolve(name)?],
        // An ensemble is its members, and they are among the others.
        None => catalogue.installed().filter(|m| m.ensemble.is_none()).collect(),
    };
    ensure!(!chosen.is_empty(), "no model is installed");
    let mut wrong = Vec::new();
    for manifest in chosen {
        match catalogue.verify(manifest) {
            Ok(()) => print_line(format_args!("{}: good", manifest.name))?,
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(anyhow!(wrong.join("; "))) }
}
