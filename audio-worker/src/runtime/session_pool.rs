//! Where the workers of a process share sessions: as many of each network as its layout has.

use super::network::Network;
use super::session::{self, Setting, SharedSession};
use super::tuning::{self, Bounds, SessionLayout, Trial};
use super::{Runtime, RuntimeError};
use crate::memory;
use crate::provider::Provider;
use karaoke_models::Weights;
use karaoke_models::speeds::{self, Speed};
use karaoke_stages::Stage;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A trial runs its windows again until so much time is measured.
const TRIAL_TIME: Duration = Duration::from_millis(100);

/// All networks of a process.
pub(super) struct SessionPool {
    pub(super) runtime: Runtime,
    pub(super) resources: Resources,
    models: Mutex<HashMap<Key, Weak<ModelSessions>>>,
}

/// What the workers of a process share.
#[derive(Clone, Debug)]
pub(super) struct Resources {
    /// Cores for all sessions together.
    pub(super) cores: usize,
    /// Workers, each with one window in work.
    pub(super) workers: usize,
    /// The layout of every network; none: found out for each.
    pub(super) layout: Option<SessionLayout>,
    /// Folder for what was found out; none: nothing is kept.
    pub(super) cache: Option<PathBuf>,
}

/// A network on a provider, opened for inputs of those shapes. One archive may hold several, so its bytes count; two models
/// may show one file windows of different lengths.
type Key = (PathBuf, u32, Provider, Vec<Vec<usize>>);

/// The sessions of one network.
pub(super) struct ModelSessions {
    provider: Provider,
    layout: SessionLayout,
    opened: Mutex<Vec<Option<SharedSession>>>,
}

/// What of a model matters for how its networks are run.
#[derive(Clone)]
pub(super) struct ModelTraits {
    /// What tells it from every other.
    pub(super) identity: Arc<str>,
    /// Whether it must run in f32.
    pub(super) exact: bool,
    /// Seconds of a song that a run of one of its networks stands for.
    pub(super) audio_s: f64,
}

/// What a network is, apart from its weights.
#[derive(Clone, Copy)]
pub(super) struct Signature<'a> {
    pub(super) model: &'a ModelTraits,
    pub(super) inputs: &'a [&'a [usize]],
    pub(super) outputs: &'a [&'a [usize]],
}

impl SessionPool {
    pub(super) fn new(runtime: Runtime, resources: Resources) -> Self {
        Self { runtime, resources, models: Mutex::default() }
    }

    /// A session for the worker in `worker`, and what keeps the others of that network.
    pub(super) fn session(
        &self,
        weights: &Weights,
        signature: Signature<'_>,
        worker: usize,
    ) -> Result<(SharedSession, Arc<ModelSessions>), RuntimeError> {
        // Held while a session is opened: one model is loaded at a time, which also bounds the memory.
        let mut models = lock(&self.models);
        let inputs = signature.inputs.iter().map(|shape| shape.to_vec()).collect();
        let provider = self.runtime.provider_of(signature.model.exact);
        let key = (weights.path().to_owned(), checksum(weights), provider, inputs);
        let sessions_of = match models.get(&key).and_then(Weak::upgrade) {
            Some(sessions_of) => sessions_of,
            None => Arc::new(self.sessions_of(weights, signature)?),
        };
        models.retain(|_, sessions_of| sessions_of.strong_count() > 0);
        models.insert(key, Arc::downgrade(&sessions_of));
        let index = worker % sessions_of.layout.sessions;
        let session = self.fill(&sessions_of, index, weights, signature)?;
        Ok((session, sessions_of))
    }

    /// How the cores are divided for a network: as was set, was found out earlier, or is found out now.
    fn sessions_of(
        &self,
        weights: &Weights,
        signature: Signature<'_>,
    ) -> Result<ModelSessions, RuntimeError> {
        let provider = self.runtime.provider_of(signature.model.exact);
        let sessions_of = |layout: SessionLayout, mut opened: Vec<Option<SharedSession>>| {
            opened.resize(layout.sessions, None);
            ModelSessions { provider, layout, opened: Mutex::new(opened) }
        };
        if let Some(layout) = self.resources.layout {
            return Ok(sessions_of(layout, Vec::new()));
        }
        let file = self.resources.cache.as_ref().map(|folder| folder.join("sessions.json"));
        let key = self.key(signature, provider);
        let known = file.as_ref().and_then(|file| tuning::recall(file, &key));
        if let Some(known) = known.filter(|known| self.resources.allows(known.layout)) {
            return Ok(sessions_of(self.capped(known), Vec::new()));
        }
        let (trial, sessions) = self.tune(weights, signature, provider)?;
        if let Some(Err(error)) = file.as_ref().map(|file| tuning::remember(file, &key, trial)) {
            tracing::warn!(%error, "cannot remember how a model runs best");
        }
        self.remember_speed(signature.model, provider, trial.seconds);
        Ok(sessions_of(trial.layout, sessions.into_iter().map(Some).collect()))
    }

    /// The layout that was found out earlier, with no more sessions than memory is free for now.
    fn capped(&self, known: Trial) -> SessionLayout {
        let fit = memory::fit(known.session_bytes, 0);
        if known.layout.sessions <= fit {
            return known.layout;
        }
        log_capped(fit, known.layout.sessions, known.session_bytes);
        SessionLayout { sessions: fit, threads: (self.resources.cores / fit).max(1) }
    }

    /// Keeps how fast the model is here, for `karaoke models list`.
    fn remember_speed(&self, model: &ModelTraits, provider: Provider, seconds: f64) {
        let (Some(folder), true) = (&self.resources.cache, model.audio_s > 0.0 && seconds > 0.0) else {
            return;
        };
        let speed =
            Speed { audio_seconds_per_second: model.audio_s / seconds, provider: provider.to_string() };
        if let Err(error) = speeds::remember(folder, &model.identity, speed) {
            tracing::warn!(%error, "cannot remember how fast a model is");
        }
    }

    /// Everything on which the layout depends.
    fn key(&self, signature: Signature<'_>, provider: Provider) -> String {
        let Resources { cores, workers, .. } = self.resources;
        let version = self.runtime.version();
        format!("{} {provider} {version} {cores} cores {workers} workers", signature.model.identity)
    }

    fn tune(
        &self,
        weights: &Weights,
        signature: Signature<'_>,
        provider: Provider,
    ) -> Result<(Trial, Vec<SharedSession>), RuntimeError> {
        let Resources { cores, workers, .. } = self.resources;
        let mut bounds = Bounds { cores, workers, fit: workers.max(1), load_s: 0.0 };
        let (mut trials, mut winners): (Vec<Trial>, Vec<SharedSession>) = (Vec::new(), Vec::new());
        let mut session_bytes = 0;
        while let Some(layout) = tuning::next(&trials, bounds) {
            let before = memory::resident();
            let (sessions, load, seconds) = match self.run_trial(weights, signature, provider, layout) {
                Ok(tried) => tried,
                Err(error) if trials.is_empty() => return Err(error),
                Err(error) => {
                    // One session works, so the model does: there is no room for more of them.
                    tracing::warn!(sessions = layout.sessions, %error, "more sessions of a model cannot be had");
                    break;
                }
            };
            if trials.is_empty() {
                bounds.load_s = load.as_secs_f64();
                session_bytes = memory::resident().saturating_sub(before);
                bounds.fit = memory::fit(session_bytes, 1);
            }
            trials.push(Trial { layout, seconds, session_bytes });
            if tuning::best(&trials) == trials.last().copied() {
                winners = sessions;
            }
        }
        let most = workers.min(cores);
        if bounds.fit < most && trials.last().is_some_and(|last| last.layout.sessions == bounds.fit) {
            log_capped(bounds.fit, most, session_bytes);
        }
        let best =
            tuning::best(&trials).ok_or_else(|| RuntimeError::Run("no layout was tried".to_owned()))?;
        tracing::info!(
            sessions = best.layout.sessions, threads = best.layout.threads, seconds = best.seconds,
            %provider, "found out how this model runs best"
        );
        Ok((best, winners))
    }

    /// Opens the sessions of a layout and measures them: the sessions, the time to open them, and seconds a
    /// window.
    fn run_trial(
        &self,
        weights: &Weights,
        signature: Signature<'_>,
        provider: Provider,
        layout: SessionLayout,
    ) -> Result<(Vec<SharedSession>, Duration, f64), RuntimeError> {
        let began = Instant::now();
        let open = |_| self.open(weights, signature, provider, layout.threads);
        let sessions = (0..layout.sessions).map(open).collect::<Result<Vec<_>, _>>()?;
        let load = began.elapsed();
        let seconds = measure(&sessions, signature)?;
        Ok((sessions, load, seconds))
    }

    fn fill(
        &self,
        sessions_of: &ModelSessions,
        index: usize,
        weights: &Weights,
        signature: Signature<'_>,
    ) -> Result<SharedSession, RuntimeError> {
        let mut opened = lock(&sessions_of.opened);
        if let Some(session) = &opened[index] {
            return Ok(session.clone());
        }
        let session = self.open(weights, signature, sessions_of.provider, sessions_of.layout.threads)?;
        opened[index] = Some(session.clone());
        Ok(session)
    }

    fn open(
        &self,
        weights: &Weights,
        signature: Signature<'_>,
        provider: Provider,
        threads: usize,
    ) -> Result<SharedSession, RuntimeError> {
        let setting = Setting { provider, threads, inputs: signature.inputs };
        let session = session::open(self.runtime.environment(), weights, setting)?;
        Ok(Arc::new(Mutex::new(session)))
    }
}

impl Resources {
    /// Whether a layout that was found out once is one of this resources's.
    fn allows(&self, layout: SessionLayout) -> bool {
        layout.sessions <= self.workers && layout.threads <= self.cores
    }
}

/// Says that memory, not the processor, bounds the sessions.
fn log_capped(sessions: usize, instead_of: usize, session_bytes: u64) {
    let (each_mb, free_mb) = (session_bytes >> 20, memory::available().unwrap_or(0) >> 20);
    tracing::info!(
        sessions,
        instead_of,
        "so many sessions of a model fit into memory: each takes {each_mb} MB, {free_mb} MB are free"
    );
}

/// Seconds a window when all sessions are at work, after one window each to warm up.
fn measure(sessions: &[SharedSession], signature: Signature<'_>) -> Result<f64, RuntimeError> {
    let network = |session: &SharedSession| {
        Network::on(session.clone(), None, signature.inputs, signature.outputs, Path::new(""))
    };
    let networks = sessions.iter().map(network).collect::<Result<Vec<_>, _>>()?;
    let start = Barrier::new(networks.len());
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = networks
            .into_iter()
            .map(|mut network| {
                let start = &start;
                scope.spawn(move || {
                    let _stage = Stage::Load.enter();
                    network.fill(0.1);
                    timed_runs(&mut network, start)
                })
            })
            .collect();
        let panicked = |_| Err(RuntimeError::Run("a trial panicked".to_owned()));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    });
    let speeds: f64 =
        results.into_iter().collect::<Result<Vec<f64>, _>>()?.into_iter().map(|s| 1.0 / s).sum();
    Ok(1.0 / speeds)
}

/// Seconds a run, of at least one and as many as fill [`TRIAL_TIME`].
fn timed_runs(network: &mut Network, start: &Barrier) -> Result<f64, RuntimeError> {
    let warm = network.run().map(drop);
    // Also after a failure: the others wait here.
    start.wait();
    warm?;
    let (began, mut count) = (Instant::now(), 0);
    while count == 0 || began.elapsed() < TRIAL_TIME {
        network.run()?;
        count += 1;
    }
    Ok(began.elapsed().as_secs_f64() / f64::from(count))
}

fn checksum(weights: &Weights) -> u32 {
    match weights {
        Weights::File(_) => 0,
        Weights::Packed { bytes, .. } => crc32fast::hash(bytes),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Sessions and maps: whoever panicked while holding it left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
