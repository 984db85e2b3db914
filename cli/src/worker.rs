//! `karaoke worker`: a pool of workers, each with its own connection to the broker, in processes that the pool
//! keeps alive.

use crate::config::Config;
use crate::fetch;
use crate::pool::{Pool, PoolSettings, name};
use anyhow::ensure;
use karaoke_models::Catalogue;
use karaoke_server::model_fetch::FetchStatus;
use karaoke_worker::{PoolOptions, Runtime};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `karaoke worker`.
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
/// Runs a pool of workers until stopped.
pub async fn run(arguments: Arguments, mut config: Config, file: Option<PathBuf>) -> anyhow::Result<()> {
    crate::log::start(&config.log, crate::telemetry::start(&config.telemetry, "karaoke-worker-pool")?);
    if let Some(workers) = arguments.workers {
        config.worker.workers = usize::from(workers);
        config.simulation.workers_healthy = 0;
    }
    // Each worker would find the same, and say it.
    let catalogue = config.catalogue()?;
    ensure!(
        catalogue.installed().next().is_some(),
        "no model is installed in {} (models.dir)",
        config.models.dir.display()
    );
    let _fetching = fetch::start(&config, &catalogue, FetchStatus::default())?;
    let claim = name::claim(arguments.id, &config.worker.id);
    let options = options(&config, &catalogue, None);
    let settings = PoolSettings {
        id: claim.name.clone(),
        faults: options.faults(),
        processes: options.processes(),
        simulation: config.simulation,
        broker: config.broker,
        program: std::env::current_exe()?,
        file,
    };
    Pool::start(settings).await?.run().await
}

/// What the workers are to be like, wherever they run; `runtime` is not known to the process that only counts
/// them.
pub fn options(config: &Config, catalogue: &Catalogue, runtime: Option<&Runtime>) -> PoolOptions {
    let mut options = PoolOptions {
        worker: config.worker.clone(),
        simulation: config.simulation.clone(),
        every: config.broker.presence(),
        provider: String::new(),
        provider_why: String::new(),
        providers: BTreeMap::new(),
        preload: config.worker.preload.then(|| config.models.default.clone()),
    };
    if !config.simulation.provider.is_empty() {
        options.provider.clone_from(&config.simulation.provider);
        options.provider_why = "simulation.provider says so".to_owned();
    } else if let Some(runtime) = runtime {
        let exact = catalogue.installed().chain(catalogue.available()).filter(|m| m.exact);
        options.providers = exact.map(|m| (m.name.clone(), runtime.arithmetic(true))).collect();
        options.provider = runtime.arithmetic(false);
        options.provider_why = runtime.why().to_owned();
    }
    options
}
