//! Opens networks for one worker, in the sessions that the workers of its process share.

use super::network::Network;
use super::session_pool::{ModelTraits, Resources, SessionPool, Signature};
use super::tuning::SessionLayout;
use super::{Runtime, RuntimeError};
use karaoke_core::Manifest;
use karaoke_models::Weights;
use std::path::PathBuf;
use std::sync::Arc;

/// What networks are opened with: the library, the machine's share, and who asks.
#[derive(Clone)]
pub struct Loader {
    pool: Arc<SessionPool>,
    /// The worker's number among those of its process.
    worker: usize,
    /// The model that is being opened.
    model: ModelTraits,
}

impl Loader {
    /// For a worker on its own: networks of `runtime` that run on `threads` threads each (at least 1), the
    /// caller's included.
    pub fn new(runtime: Runtime, threads: usize) -> Self {
        let threads = threads.max(1);
        let layout = Some(SessionLayout { sessions: 1, threads });
        Self::in_pool(runtime, Resources { cores: threads, workers: 1, layout, cache: None })
    }

    /// For `workers` workers of one process, which share `cores` cores and, of networks that are as fast with
    /// all cores on one window, one session.
    ///
    /// With `threads` above 0, every worker has a session of its own on so many threads. What is found out is kept in
    /// the folder `cache`.
    pub fn shared(
        runtime: Runtime,
        workers: usize,
        cores: usize,
        threads: usize,
        cache: Option<PathBuf>,
    ) -> Self {
        let (workers, cores) = (workers.max(1), cores.max(1));
        if let Some(cache) = &cache {
            // Earlier versions kept networks there that nobody could read; some had 700 MB.
            let _ = std::fs::remove_dir_all(cache.join("compiled"));
        }
        let layout = (threads > 0).then_some(SessionLayout { sessions: workers, threads });
        Self::in_pool(runtime, Resources { cores, workers, layout, cache })
    }

    fn in_pool(runtime: Runtime, machine: Resources) -> Self {
        Self {
            pool: Arc::new(SessionPool::new(runtime, machine)),
            worker: 0,
            model: ModelTraits { identity: Arc::from(""), exact: false, audio_s: 0.0 },
        }
    }

    /// The same for the worker in `worker`, counted from 0.
    pub fn at(&self, worker: usize) -> Self {
        Self { worker, ..self.clone() }
    }

    /// The same for the networks of one model.
    pub fn of(&self, manifest: &Manifest) -> Self {
        let step = manifest.windowing(manifest.overlap).step as f64 / f64::from(manifest.sample_rate.get());
        let audio_s = step / manifest.networks.len().max(1) as f64;
        let model = ModelTraits { identity: Arc::from(manifest.identity()), exact: manifest.exact, audio_s };
        Self { model, ..self.clone() }
    }

    /// Opens the network in `weights`, whose inputs and outputs are f32 tensors of the given fixed shapes.
    ///
    /// Refuses a network of another number of inputs or outputs, or of other shapes; they may stand in
    /// another order, if the shapes tell which is which.
    pub fn open(
        &self,
        weights: &Weights,
        inputs: &[&[usize]],
        outputs: &[&[usize]],
    ) -> Result<Network, RuntimeError> {
        let signature = Signature { model: &self.model, inputs, outputs };
        let (session, sessions) = self.pool.session(weights, signature, self.worker)?;
        Network::on(session, Some(sessions), inputs, outputs, weights.path())
    }
}
