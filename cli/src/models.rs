//! `karaoke models`: what there is, and whether it is what it says.

use crate::config::Config;
use anyhow::ensure;
use karaoke_models::Catalogue;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lists the installed models.
    List,
    /// Compares model files with the sha256 of their manifests.
    Verify {
        /// The model; without it, all.
        name: Option<String>,
    },
}

pub fn run(command: &Command, config: &Config) -> anyhow::Result<()> {
    let catalogue = Catalogue::open(&config.models.dir)?;
    match command {
        Command::List => list(&catalogue, &config.models.default),
        Command::Verify { name } => verify(&catalogue, name.as_deref()),
    }
}

fn list(catalogue: &Catalogue, default: &str) -> anyhow::Result<()> {
    for m in catalogue.installed() {
        let size = catalogue.path(m).metadata().map_or(0, |f| f.len());
        let mark = if m.name == default { " (default)" } else { "" };
        println!("{}{mark}: {}, {:.1} MB, {}", m.name, m.title, size as f64 / 1e6, m.licence);
        println!("    gives {}", m.all_stems().collect::<Vec<_>>().join(", "));
        println!("    {}", m.description);
    }
    Ok(())
}

fn verify(catalogue: &Catalogue, name: Option<&str>) -> anyhow::Result<()> {
    let chosen: Vec<_> = match name {
        Some(name) => vec![catalogue.get(name)?],
        None => catalogue.installed().collect(),
    };
    ensure!(!chosen.is_empty(), "no model is installed");
    for manifest in chosen {
        catalogue.verify(manifest)?;
        println!("{}: good", manifest.name);
    }
    Ok(())
}
