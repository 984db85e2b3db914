//! The workers of one process.

use crate::backoff::Backoff;
use crate::config::{BadConfig, Sizes, WorkerConfig, cores};
use crate::fault_injection::{
    BadSimulation, Fault, FaultInjector, FaultScope, ReplyFaults, SimulationConfig, slowed,
};
use crate::inference_thread::InferenceThread;
use crate::installed::{Served, follow, installed};
use crate::runtime::{Loader, Runtime};
use crate::sessions::{ModelFile, Open, Sessions, opener};
use crate::worker::{Preload, RunResult, Worker};
use crate::worker_status::{Identity, WorkerInfo, WorkerStatus};
use karaoke_core::{ModelName, Route};
use karaoke_models::Catalogue;
use karaoke_queue::WorkerQueue;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Workers that take jobs until they are stopped; dropping the pool leaves at once and hands back the jobs in
/// hand.
pub struct Pool {
    stop: CancellationToken,
    workers: JoinSet<()>,
    announced: Vec<CancellationToken>,
}

/// What a pool is to be like.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// The section `[worker]`.
    pub worker: WorkerConfig,
    /// The section `[simulation]`.
    pub simulation: SimulationConfig,
    /// Between two announcements of a worker.
    pub every: Duration,
    /// The execution provider of the workers' sessions: they take the jobs that are for it.
    pub provider: String,
    /// Why it is that one, in a few words.
    pub provider_why: String,
    /// Models that run by another one.
    pub providers: BTreeMap<ModelName, String>,
    /// Model or preset that is opened before its first job comes; none: each when it is needed.
    pub preload: Option<String>,
}

/// A worker of a process that a pool has started: its name, what goes wrong with it, and its own connection.
pub struct Member {
    /// Its name and run.
    pub identity: Identity,
    /// What goes wrong with it on purpose.
    pub fault: Option<Fault>,
    /// Where it takes jobs.
    pub queue: Arc<dyn WorkerQueue>,
}

/// The workers cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// The simulation cannot be.
    #[error(transparent)]
    Simulation(#[from] BadSimulation),
    /// There is nothing that they could do.
    #[error("no model is installed (see `models.dir` in config.toml)")]
    NoModel,
    /// The system gives no more threads.
    #[error("cannot start a worker's thread: {0}")]
    Thread(#[from] io::Error),
}

impl PoolOptions {
    /// The fault of each worker, the first one's first: their number is the pool's.
    pub fn faults(&self) -> Vec<Option<Fault>> {
        let healthy = self.simulation.healthy(self.sizes().workers);
        let all = healthy + self.simulation.workers_unhealthy;
        (1..=all).map(|number| self.simulation.fault_of(number, healthy)).collect()
    }

    /// Which workers, counted from 0, share a process of a pool: the healthy ones are divided among
    /// `worker.processes`, those with a fault have one each.
    pub fn processes(&self) -> Vec<Range<usize>> {
        let faults = self.faults();
        let healthy = faults.iter().take_while(|fault| fault.is_none()).count();
        let groups = self.worker.processes.min(healthy);
        let shared = (0..groups).map(|group| group * healthy / groups..(group + 1) * healthy / groups);
        shared.chain((healthy..faults.len()).map(|worker| worker..worker + 1)).collect()
    }

    /// Where workers with these models take their jobs.
    pub fn routes(&self, models: &[ModelName]) -> Vec<Route> {
        let provider = |model: &ModelName| self.providers.get(model).unwrap_or(&self.provider);
        models.iter().map(|model| Route::new(model.as_str(), provider(model).as_str())).collect()
    }

    fn sizes(&self) -> Sizes {
        self.worker.sizes(cores())
    }

    fn check(&self) -> Result<(), StartError> {
        self.worker.check()?;
        Ok(self.simulation.check()?)
    }
}

impl Pool {
    /// Starts the workers, which take jobs for every installed model of `catalogue` from `queue`, and for those that are
    /// installed later.
    ///
    /// Must be called in a tokio runtime. Models are loaded when their first job comes, the one to preload at once.
    pub fn start(
        options: &PoolOptions,
        catalogue: Arc<Catalogue>,
        queue: Arc<dyn WorkerQueue>,
        runtime: Runtime,
    ) -> Result<Self, StartError> {
        let (models, config) = (some_installed(&catalogue)?, &options.worker);
        let workers = options.faults().len();
        let loader = Loader::shared(runtime, workers, cores(), config.threads, config.cache_folder());
        let (sender, models) = watch::channel(models);
        let preload = preload(options, &catalogue);
        let pool = Self::start_with(options, models, queue, preload, &|factory| {
            opener(loader.at(factory), catalogue.clone())
        })?;
        tokio::spawn(follow(catalogue, sender));
        Ok(pool)
    }

    /// Starts the workers of one process of a pool, on `cores` of the machine's cores. When it is a single one and
    /// has a fault, the process has it.
    pub fn start_members(
        options: &PoolOptions,
        members: Vec<Member>,
        cores: usize,
        catalogue: Arc<Catalogue>,
        runtime: Runtime,
    ) -> Result<Self, StartError> {
        options.check()?;
        let (config, count) = (&options.worker, members.len());
        let scope = if count == 1 { FaultScope::Process } else { FaultScope::Task };
        let loader = Loader::shared(runtime, count, cores, config.threads, config.cache_folder());
        // What is installed later needs another subscription, and with it another process.
        let models = watch::channel(some_installed(&catalogue)?).1;
        let (stop, preload) = (CancellationToken::new(), preload(options, &catalogue));
        let (mut workers, mut announced) = (JoinSet::new(), Vec::new());
        for (index, Member { identity, fault, queue }) in members.into_iter().enumerate() {
            let open = opener(loader.at(index), catalogue.clone());
            let (options, models, preload) = (options.clone(), models.clone(), preload.clone());
            let stop = stop.clone();
            let mut options = options;
            // Whoever crashes here ends its process, and the pool begins it anew.
            options.simulation.restart_crashed = false;
            let worker = WorkerFactory { options, fault, models, queue, open, preload, stop };
            let first = worker.worker(identity, scope)?;
            announced.push(first.status.announced().clone());
            workers.spawn(worker.keep_running(first, scope));
        }
        Ok(Self { stop, workers, announced })
    }

    /// Starts workers, each of which loads models with what `open` gives for its number.
    pub(crate) fn start_with(
        options: &PoolOptions,
        models: Served,
        queue: Arc<dyn WorkerQueue>,
        preload: Preload,
        open: &dyn Fn(usize) -> Open,
    ) -> Result<Self, StartError> {
        options.check()?;
        let stop = CancellationToken::new();
        let (mut workers, mut announced) = (JoinSet::new(), Vec::new());
        for (index, fault) in options.faults().into_iter().enumerate() {
            let (options, models, queue, open) =
                (options.clone(), models.clone(), queue.clone(), open(index));
            let preload = preload.clone();
            let name = format!("{}{}", options.worker.id, index + 1);
            let factory = WorkerFactory { options, fault, models, queue, open, preload, stop: stop.clone() };
            let first = factory.worker(Identity::new(name.as_str()), FaultScope::Task)?;
            announced.push(first.status.announced().clone());
            workers.spawn(factory.keep_running(first, FaultScope::Task));
        }
        tracing::info!(workers = workers.len(), "workers started");
        Ok(Self { stop, workers, announced })
    }

    /// Waits until the queue has passed on a first word of every worker: until then a broker may be out of
    /// reach.
    pub async fn announced(&self) {
        for announced in &self.announced {
            announced.cancelled().await;
        }
    }

    /// Number of workers.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Whether no worker is left.
    pub fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Waits until a worker has left, which it does by itself only when the queue is closed or when it
    /// crashes on purpose; false when none is left to wait for.
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

fn some_installed(catalogue: &Catalogue) -> Result<Arc<[ModelName]>, StartError> {
    let models = installed(catalogue);
    if models.is_empty() { Err(StartError::NoModel) } else { Ok(models) }
}

/// What is to be opened before its first job comes: asked again whenever other models are installed.
fn preload(options: &PoolOptions, catalogue: &Arc<Catalogue>) -> Preload {
    let (name, catalogue) = (options.preload.clone(), catalogue.clone());
    Arc::new(move || {
        // Who asks for what is missing is told so; here nobody asks.
        let manifest = catalogue.resolve(name.as_deref()?).ok()?;
        catalogue
            .installed()
            .any(|installed| installed.name == manifest.name)
            .then(|| ModelFile::of(manifest))
    })
}

/// A worker's place in the pool: whoever works there, run after run, has the same name and the same fault.
struct WorkerFactory {
    options: PoolOptions,
    fault: Option<Fault>,
    models: Served,
    queue: Arc<dyn WorkerQueue>,
    open: Open,
    preload: Preload,
    stop: CancellationToken,
}

impl WorkerFactory {
    /// A worker of this factory, for one run.
    fn worker(&self, identity: Identity, scope: FaultScope) -> io::Result<Worker> {
        let PoolOptions { worker: config, simulation, every, .. } = &self.options;
        let injector = self.fault.map(|fault| Arc::new(FaultInjector::new(fault, scope, simulation)));
        let open = slowed(self.open.clone(), simulation, injector.clone());
        let thread = InferenceThread::start(&identity.name, Sessions::new(open, config.loaded_models))?;
        let info = WorkerInfo {
            identity,
            models: self.models.clone(),
            threads: self.options.sizes().threads,
            prefetch: self.queue.prefetch(),
            every: *every,
            provider: self.options.provider.clone(),
            provider_why: self.options.provider_why.clone(),
            providers: self.options.providers.clone(),
        };
        let options = self.options.clone();
        let order_before = self.queue.order(&info.identity.name).map(|order| order.number);
        Ok(Worker {
            order_before,
            models: self.models.clone(),
            routes: Arc::new(move |models: &[ModelName]| options.routes(models)),
            queue: self.queue.clone(),
            thread,
            status: Arc::new(WorkerStatus::new(info)),
            pause: config.retry_pause(),
            injector,
            preload: self.preload.clone(),
            reply_faults: ReplyFaults::new(simulation),
            stop: self.stop.clone(),
        })
    }

    /// Lets `first` work here, and another after each crash, if there is to be one, or when the operator wants it.
    async fn keep_running(self, first: Worker, scope: FaultScope) {
        let mut identity = first.status.identity().clone();
        let name = identity.name.clone();
        let (mut worker, mut backoff) = (first, Backoff::default());
        loop {
            let born = Instant::now();
            match worker.run().await {
                RunResult::Left => return,
                // The same run for the pool, which would tell of its death by that number.
                RunResult::Restart => {}
                RunResult::Crashed => {
                    tracing::warn!(worker = name.as_str(), "crashed (simulated)");
                    if !self.options.simulation.restart_crashed {
                        return;
                    }
                    let pause = backoff.after(born.elapsed());
                    if timeout(pause, self.stop.cancelled()).await.is_ok() {
                        return;
                    }
                    identity = Identity::new(name.as_str());
                }
            }
            worker = match self.worker(identity.clone(), scope) {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(worker = name.as_str(), %error, "cannot be started again");
                    return;
                }
            };
        }
    }
}
