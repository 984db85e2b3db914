//! ONNX Runtime, loaded once, its execution provider, and its networks: the only module that uses `ort`.

mod error;
#[cfg(test)]
mod graph_tests;
mod loader;
mod network;
mod session;
mod session_pool;
mod tuning;

pub use error::RuntimeError;
pub use loader::Loader;
pub use network::{Network, Outputs};
pub use tuning::SessionLayout;

use crate::library::{LibraryPath, SearchPaths, version_in_name};
use crate::provider::{Candidate, Machine, Provider, Wanted};
use ort::environment::Environment;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What came of the process's only attempt to load the library.
///
/// There must never be a second one: after a failed `ort::init_from`, the next one (of ort 2.0.0-rc.14) says
/// that it succeeded and goes on with a library that was never loaded.
static LOADED: Mutex<Option<Result<Runtime, RuntimeError>>> = Mutex::new(None);

/// A network that gives back what it is given: whether a provider can start is found out with it.
const PROBE: &[u8] = include_bytes!("../../../models/identity.onnx");

/// The loaded library and the provider of its networks; clones share it.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
    version: String,
    path: PathBuf,
    machine: Machine,
    choice: Candidate,
}

impl Runtime {
    /// Loads the library at `explicit`, else at `ORT_DYLIB_PATH`, else the one of the wanted provider from
    /// `.runtime` under the working directory or a folder above the executable, else the system's; and finds
    /// out that the provider works.
    ///
    /// A provider that is asked for by name and cannot start is an error. Once a library has been tried,
    /// every further call gives what came of that.
    pub fn load(explicit: Option<&Path>, wanted: Wanted) -> Result<Self, RuntimeError> {
        let machine = Machine::this();
        let chosen = choose(&SearchPaths::of_process(explicit), wanted, &machine)?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = &*loaded {
            return earlier.clone();
        }
        loaded.insert(Self::load_file(&chosen, wanted, machine)).clone()
    }

    /// The loaded library's environment, in which sessions are opened.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Version of the loaded library.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The library's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What runs networks that need not be exact.
    pub fn provider(&self) -> Provider {
        self.choice.provider
    }

    /// Why it was chosen.
    pub fn why(&self) -> &str {
        &self.choice.why
    }

    /// What runs a network: one whose manifest says so runs in f32, whatever else there is.
    pub fn provider_of(&self, exact: bool) -> Provider {
        if exact { Provider::Cpu } else { self.choice.provider }
    }

    /// Name of the arithmetic by which a network is run: the same name gives the same bits.
    pub fn arithmetic(&self, exact: bool) -> String {
        self.provider_of(exact).arithmetic(&self.machine)
    }

    fn load_file(chosen: &Chosen, wanted: Wanted, machine: Machine) -> Result<Self, RuntimeError> {
        let path = chosen.path.canonicalize().unwrap_or_else(|_| chosen.path.clone());
        let builder = ort::init_from(&path).map_err(|e| refusal(&path, e))?;
        let environment = builder.with_name("karaoke").with_telemetry(false).build();
        let unloadable =
            |e: ort::Error| RuntimeError::Unloadable { path: path.clone(), reason: e.to_string() };
        let environment = environment.map_err(unloadable)?;
        let version = version_in_name(&path).unwrap_or_else(|| ort::info().to_owned());
        let mut runtime = Self { environment, version, path, machine, choice: chosen.candidate.clone() };
        runtime.try_provider(wanted)?;
        tracing::info!(
            provider = %runtime.choice.provider, why = runtime.choice.why, version = runtime.version,
            path = %runtime.path.display(), "ONNX Runtime loaded"
        );
        Ok(runtime)
    }

    /// Finds out whether the chosen provider works. If not, `auto` takes the processor, and nothing else does.
    fn try_provider(&mut self, wanted: Wanted) -> Result<(), RuntimeError> {
        let Candidate { provider, .. } = self.choice;
        let Err(error) = session::probe(&self.environment, provider, PROBE) else { return Ok(()) };
        if wanted != Wanted::Auto || provider == Provider::Cpu {
            let reason = format!("it does not start: {error}");
            return Err(RuntimeError::Provider { wanted: wanted.to_string(), reason });
        }
        tracing::warn!(%provider, %error, "does not start, the processor is used instead");
        self.choice =
            Candidate { provider: Provider::Cpu, why: format!("{provider} does not start: {error}") };
        Ok(())
    }
}

/// A library and what is to run on it.
struct Chosen {
    path: PathBuf,
    candidate: Candidate,
}

/// The first candidate whose library is there.
fn choose(places: &SearchPaths, wanted: Wanted, machine: &Machine) -> Result<Chosen, RuntimeError> {
    let mut missing = None;
    for mut candidate in wanted.candidates(machine) {
        let provider = candidate.provider;
        match places.find(provider) {
            LibraryPath::Named(path) if !path.is_file() => return Err(RuntimeError::NoSuchFile(path)),
            LibraryPath::Named(path) | LibraryPath::Found(path) if has_provider(&path, provider) => {
                if let Some(faster) = missing {
                    candidate.why = format!(
                        "{faster} would be faster here, but its library is missing: run `make runtime`"
                    );
                }
                return Ok(Chosen { path, candidate });
            }
            LibraryPath::Nowhere if provider == Provider::Cpu => return Err(RuntimeError::NotFound),
            _ => missing = missing.or(Some(provider)),
        }
    }
    let reason = "the library of that provider is missing: run `make runtime`, \
                  or set worker.onnxruntime to an ONNX Runtime that has it";
    Err(RuntimeError::Provider { wanted: wanted.to_string(), reason: reason.to_owned() })
}

fn has_provider(library: &Path, provider: Provider) -> bool {
    provider.library().is_none_or(|needed| library.with_file_name(needed).is_file())
}

fn refusal(path: &Path, error: ort::LoadDynamicError) -> RuntimeError {
    let path = path.to_owned();
    match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            RuntimeError::TooOld { path, found: version_str }
        }
        other => RuntimeError::Unloadable { path, reason: other.to_string() },
    }
}
