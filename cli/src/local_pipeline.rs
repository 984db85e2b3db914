//! Everything in one process: queue, workers and pipeline, wired together.

use crate::config::Config;
use anyhow::Context;
use karaoke_models::Catalogue;
use karaoke_queue::memory::MemoryQueue;
use karaoke_server::model_fetch::FetchStatus;
use karaoke_server::pipeline::Pipeline;
use karaoke_worker::{Pool, Runtime};
use std::sync::Arc;
use std::time::Duration;

/// How long a publisher waits for room in the queue before it looks whether it should go on.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Room in the queue for more than the workers hold of a model: the next job, copies, and what is told of them.
const SPARE: usize = 8;

/// The crates that work, without HTTP.
pub struct LocalPipeline {
    pub pipeline: Arc<Pipeline>,
    queue: MemoryQueue,
    pool: Pool,
}

impl LocalPipeline {
    /// Starts queue, workers and pipeline.
    pub async fn start(config: Config, catalogue: Catalogue, fetches: FetchStatus) -> anyhow::Result<Self> {
        // First: it tells how to get what is missing, where the workers could only say that nothing is there.
        if catalogue.installed().next().is_none() {
            catalogue.resolve(&config.models.default)?;
        }
        let runtime = Runtime::load(Some(&config.worker.onnxruntime), config.worker.provider)?;
        let options = crate::worker::options(&config, &catalogue, Some(&runtime));
        let workers = options.faults().len();
        // The server counts what is out for each model by itself.
        let models = catalogue.installed().chain(catalogue.available()).count().max(1);
        let queue = MemoryQueue::new((workers.max(config.dispatch.in_flight) + SPARE) * models, TIMEOUT);
        let pool = Pool::start(&options, Arc::new(catalogue.clone()), Arc::new(queue.clone()), runtime)
            .context("the workers cannot start")?;
        let parts = config.parts(catalogue, Arc::new(queue.clone()), fetches);
        let pipeline = Pipeline::start(parts).await?;
        Ok(Self { pipeline, queue, pool })
    }

    /// Stops everything; what is half done is taken up by the next run.
    pub async fn stop(self) {
        self.pipeline.shutdown().await;
        self.queue.close();
        self.pool.stop().await;
    }
}
