//! The workers of one process.

use crate::bench::Bench;
use crate::config::{BadConfig, WorkerConfig, cores};
use crate::runtime::Runtime;
use crate::sessions::{Open, Sessions, opener};
use crate::simulation::SimulationConfig;
use crate::worker::Worker;
use karaoke_models::Catalogue;
use karaoke_queue::WorkerQueue;
use std::io;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Workers that take jobs until they are stopped; dropping the pool leaves at once and hands back the jobs in
/// hand.
pub struct Pool {
    stop: CancellationToken,
    workers: JoinSet<()>,
}

/// The workers cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// There is nothing that they could do.
    #[error("no model is installed (see `models.dir` in config.toml)")]
    NoModel,
    /// The system gives no more threads.
    #[error("cannot start a worker's thread: {0}")]
    Thread(#[from] io::Error),
}

impl Pool {
    /// Starts the workers, which take jobs for every installed model of `catalogue` from `queue`.
    ///
    /// Must be called in a tokio runtime. Models are loaded when their first job comes.
    pub fn start(
        config: &WorkerConfig,
        simulation: &SimulationConfig,
        catalogue: Arc<Catalogue>,
        queue: Arc<dyn WorkerQueue>,
        runtime: Runtime,
    ) -> Result<Self, StartError> {
        config.check()?;
        let models: Arc<[String]> = catalogue.installed().map(|m| m.name.clone()).collect();
        if models.is_empty() {
            return Err(StartError::NoModel);
        }
        let sizes = config.sizes(cores());
        Self::start_with(
            config,
            sizes.workers,
            models,
            queue,
            &opener(runtime, catalogue, sizes.threads, simulation.clone()),
        )
    }

    /// Starts `count` workers that load models with `open`.
    pub(crate) fn start_with(
        config: &WorkerConfig,
        count: usize,
        models: Arc<[String]>,
        queue: Arc<dyn WorkerQueue>,
        open: &Open,
    ) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        let mut workers = JoinSet::new();
        for number in 1..=count {
            let id = format!("{}{number}", config.id);
            let worker = Worker {
                bench: Bench::start(&id, Sessions::new(open.clone(), config.loaded_models))?,
                id,
                models: models.clone(),
                queue: queue.clone(),
                pause: config.retry_pause(),
                stop: stop.clone(),
            };
            workers.spawn(worker.run());
        }
        tracing::info!(workers = count, "workers started");
        Ok(Self { stop, workers })
    }

    /// Number of workers.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Whether no worker is left.
    pub fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Waits until a worker has left, which it does by itself only when the queue is closed; false when none
    /// is left to wait for.
    pub async fn join_next(&mut self) -> bool {
        match self.workers.join_next().await {
            Some(Err(error)) => {
                tracing::error!(%error, "a worker ended badly");
                true
            }
            Some(Ok(())) => true,
            None => false,
        }
    }

    /// Takes no more jobs, finishes the ones in hand and returns when every worker has left.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.join_next().await {}
    }
}
