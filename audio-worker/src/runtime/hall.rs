//! Where the workers of a process share sessions: as many of each network as its division has.

use super::network::Subject;
use super::session::{self, Session, Setting};
use super::tuning::{self, Bounds, Division, Trial};
use super::{Network, Runtime, RuntimeError};
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
const MEASURED: Duration = Duration::from_millis(100);

/// A session, used by one worker at a time: ONNX Runtime's bound runs must not overlap.
pub(super) type Shared = Arc<Mutex<Session>>;

/// All networks of a process.
pub(super) struct Hall {
    pub(super) runtime: Runtime,
    pub(super) machine: Sharing,
    racks: Mutex<HashMap<Key, Weak<Rack>>>,
}

/// What the workers of a process share.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    /// Cores for all sessions together.
    pub(super) cores: usize,
    /// Workers, each with one window in work.
    pub(super) workers: usize,
    /// The division of every network; none: found out for each.
    pub(super) division: Option<Division>,
    /// Folder for what was found out and for compiled networks; none: nothing is kept.
    pub(super) cache: Option<PathBuf>,
}

/// A network on a provider. One archive may hold several, so its bytes count.
type Key = (PathBuf, u32, Provider);

/// The sessions of one network.
pub(super) struct Rack {
    provider: Provider,
    division: Division,
    slots: Mutex<Vec<Option<Shared>>>,
}

/// What a network is, apart from its weights.
#[derive(Clone, Copy)]
pub(super) struct Kind<'a> {
    pub(super) model: &'a Subject,
    pub(super) inputs: &'a [&'a [usize]],
    pub(super) outputs: &'a [&'a [usize]],
}

impl Hall {
    pub(super) fn new(runtime: Runtime, machine: Sharing) -> Self {
        Self { runtime, machine, racks: Mutex::default() }
    }

    /// A session for the worker in `seat`, and what keeps the others of that network.
    pub(super) fn session(
        &self,
        weights: &Weights,
        kind: Kind<'_>,
        seat: usize,
    ) -> Result<(Shared, Arc<Rack>), RuntimeError> {
        // Held while a session is opened: one model is loaded at a time, which also bounds the memory.
        let mut racks = lock(&self.racks);
        let key = (weights.path().to_owned(), checksum(weights), self.runtime.provider_of(kind.model.exact));
        let rack = match racks.get(&key).and_then(Weak::upgrade) {
            Some(rack) => rack,
            None => Arc::new(self.rack(weights, kind)?),
        };
        racks.retain(|_, rack| rack.strong_count() > 0);
        racks.insert(key, Arc::downgrade(&rack));
        let slot = seat % rack.division.sessions;
        let session = self.fill(&rack, slot, weights, kind)?;
        Ok((session, rack))
    }

    /// How the cores are divided for a network: as was set, was found out earlier, or is found out now.
    fn rack(&self, weights: &Weights, kind: Kind<'_>) -> Result<Rack, RuntimeError> {
        let provider = self.runtime.provider_of(kind.model.exact);
        let rack = |division: Division, mut slots: Vec<Option<Shared>>| {
            slots.resize(division.sessions, None);
            Rack { provider, division, slots: Mutex::new(slots) }
        };
        if let Some(division) = self.machine.division {
            return Ok(rack(division, Vec::new()));
        }
        let file = self.machine.cache.as_ref().map(|folder| folder.join("sessions.json"));
        let key = self.key(kind, provider);
        let known = file.as_ref().and_then(|file| tuning::recall(file, &key));
        if let Some(known) = known.filter(|known| self.machine.allows(known.division)) {
            return Ok(rack(known.division, Vec::new()));
        }
        let (trial, sessions) = self.tune(weights, kind, provider)?;
        if let Some(Err(error)) = file.as_ref().map(|file| tuning::remember(file, &key, trial)) {
            tracing::warn!(%error, "cannot remember how a model runs best");
        }
        self.remember_speed(kind.model, provider, trial.seconds);
        Ok(rack(trial.division, sessions.into_iter().map(Some).collect()))
    }

    /// Keeps how fast the model is here, for `karaoke models list`.
    fn remember_speed(&self, model: &Subject, provider: Provider, seconds: f64) {
        let (Some(folder), true) = (&self.machine.cache, model.audio_s > 0.0 && seconds > 0.0) else {
            return;
        };
        let speed =
            Speed { audio_seconds_per_second: model.audio_s / seconds, provider: provider.to_string() };
        if let Err(error) = speeds::remember(folder, &model.identity, speed) {
            tracing::warn!(%error, "cannot remember how fast a model is");
        }
    }

    /// Everything on which the division depends.
    fn key(&self, kind: Kind<'_>, provider: Provider) -> String {
        let Sharing { cores, workers, .. } = self.machine;
        let version = self.runtime.version();
        format!("{} {provider} {version} {cores} cores {workers} workers", kind.model.identity)
    }

    fn tune(
        &self,
        weights: &Weights,
        kind: Kind<'_>,
        provider: Provider,
    ) -> Result<(Trial, Vec<Shared>), RuntimeError> {
        let Sharing { cores, workers, .. } = self.machine;
        let mut bounds = Bounds { cores, workers, fit: workers.max(1), load_s: 0.0 };
        let (mut trials, mut winners): (Vec<Trial>, Vec<Shared>) = (Vec::new(), Vec::new());
        while let Some(division) = tuning::next(&trials, bounds) {
            let before = memory::resident();
            let (sessions, load, seconds) = match self.try_out(weights, kind, provider, division) {
                Ok(tried) => tried,
                Err(error) if trials.is_empty() => return Err(error),
                Err(error) => {
                    // One session works, so the model does: there is no room for more of them.
                    tracing::warn!(sessions = division.sessions, %error, "more sessions of a model cannot be had");
                    break;
                }
            };
            trials.push(Trial { division, seconds });
            if trials.len() == 1 {
                bounds.load_s = load.as_secs_f64();
                bounds.fit = memory::fit(memory::resident().saturating_sub(before));
            }
            if tuning::best(&trials) == trials.last().copied() {
                winners = sessions;
            }
        }
        let best =
            tuning::best(&trials).ok_or_else(|| RuntimeError::Run("no division was tried".to_owned()))?;
        tracing::info!(
            sessions = best.division.sessions, threads = best.division.threads, seconds = best.seconds,
            %provider, "found out how this model runs best"
        );
        Ok((best, winners))
    }

    /// Opens the sessions of a division and measures them: the sessions, the time to open them, and seconds a
    /// window.
    fn try_out(
        &self,
        weights: &Weights,
        kind: Kind<'_>,
        provider: Provider,
        division: Division,
    ) -> Result<(Vec<Shared>, Duration, f64), RuntimeError> {
        let began = Instant::now();
        let open = |_| self.open(weights, kind, provider, division.threads);
        let sessions = (0..division.sessions).map(open).collect::<Result<Vec<_>, _>>()?;
        let load = began.elapsed();
        let seconds = measure(&sessions, kind)?;
        Ok((sessions, load, seconds))
    }

    fn fill(
        &self,
        rack: &Rack,
        slot: usize,
        weights: &Weights,
        kind: Kind<'_>,
    ) -> Result<Shared, RuntimeError> {
        let mut slots = lock(&rack.slots);
        if let Some(session) = &slots[slot] {
            return Ok(session.clone());
        }
        let session = self.open(weights, kind, rack.provider, rack.division.threads)?;
        slots[slot] = Some(session.clone());
        Ok(session)
    }

    /// A session. A cache that cannot be used (its folder cannot be written, the disk is full) costs time at the
    /// next start, never the model.
    fn open(
        &self,
        weights: &Weights,
        kind: Kind<'_>,
        provider: Provider,
        threads: usize,
    ) -> Result<Shared, RuntimeError> {
        let planes = matches!(kind.inputs, [[1, _, _, _]]);
        let setting = Setting { provider, threads, cache: None, planes };
        let compiled = self.machine.compiled(provider);
        let session = match &compiled {
            None => session::open(&self.runtime, weights, setting),
            Some(folder) => {
                let cached =
                    session::open(&self.runtime, weights, Setting { cache: Some(folder), ..setting });
                cached.or_else(|error| {
                    let plain = session::open(&self.runtime, weights, setting)?;
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "a model was compiled without the cache, which cannot be used");
                    Ok(plain)
                })
            }
        };
        Ok(Arc::new(Mutex::new(session?)))
    }
}

impl Sharing {
    /// Whether a division that was found out once is one of this machine's.
    fn allows(&self, division: Division) -> bool {
        division.sessions <= self.workers && division.threads <= self.cores
    }

    /// The folder for networks compiled by `provider`, if that keeps any and the folder can be written.
    fn compiled(&self, provider: Provider) -> Option<PathBuf> {
        let Provider::OpenVino { .. } = provider else { return None };
        let folder = self.cache.as_ref()?.join("compiled");
        let writable = std::fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder));
        if let Err(error) = &writable {
            tracing::warn!(folder = %folder.display(), %error, "compiled models cannot be kept: set worker.cache");
        }
        writable.is_ok().then_some(folder)
    }
}

/// Seconds a window when all sessions are at work, after one window each to warm up.
fn measure(sessions: &[Shared], kind: Kind<'_>) -> Result<f64, RuntimeError> {
    let network =
        |session: &Shared| Network::on(session.clone(), None, kind.inputs, kind.outputs, Path::new(""));
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
                    laps(&mut network, start)
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

/// Seconds a run, of at least one and as many as fill [`MEASURED`].
fn laps(network: &mut Network, start: &Barrier) -> Result<f64, RuntimeError> {
    let warm = network.run().map(drop);
    // Also after a failure: the others wait here.
    start.wait();
    warm?;
    let (began, mut count) = (Instant::now(), 0);
    while count == 0 || began.elapsed() < MEASURED {
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
