//! `karaoke worker`: a pool of worker processes, each with its own connection to the broker.

use crate::config::Config;
use crate::pool::{Pool, Programme, name};
use anyhow::ensure;
use karaoke_models::Catalogue;
use karaoke_worker::PoolOptions;
use std::path::PathBuf;

/// The execution provider that sessions have.
const PROVIDER: &str = "cpu";

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Name of the pool, unique among all machines; its workers are NAME.1, NAME.2, … Without it: the host's
    /// name with the first free of w1, w2, … behind.
    #[arg(long, value_name = "NAME", value_parser = name::parse)]
    id: Option<String>,
    /// Number of healthy workers, instead of the configured one.
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

pub async fn run(arguments: Arguments, mut config: Config, file: Option<PathBuf>) -> anyhow::Result<()> {
    crate::log::start();
    if let Some(workers) = arguments.workers {
        config.worker.workers = usize::from(workers);
        config.simulation.workers_healthy = 0;
    }
    // Each worker would find the same, and say it.
    let has_model = Catalogue::open(&config.models.dir)?.installed().next().is_some();
    ensure!(has_model, "no model is installed in {} (models.dir)", config.models.dir.display());
    let claim = name::claim(arguments.id, &config.worker.id);
    let options = options(&config);
    let programme = Programme {
        id: claim.name.clone(),
        faults: options.faults(),
        simulation: config.simulation,
        broker: config.broker,
        program: std::env::current_exe()?,
        file,
    };
    Pool::start(programme).await?.run().await
}

/// What the workers are to be like, wherever they run.
pub fn options(config: &Config) -> PoolOptions {
    let (provider, provider_why) = match config.simulation.provider.as_str() {
        "" => (PROVIDER.to_owned(), "every machine has it".to_owned()),
        pretended => (pretended.to_owned(), "simulation.provider says so".to_owned()),
    };
    PoolOptions {
        worker: config.worker.clone(),
        simulation: config.simulation.clone(),
        every: config.broker.presence(),
        provider,
        provider_why,
    }
}
