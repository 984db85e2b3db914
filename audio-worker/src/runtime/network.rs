//! A loaded network with its inputs and outputs, on a session that it may share.

use super::hall::{Hall, Kind, Rack, Shared, Sharing};
use super::session::{IoBinding, assign, zeros};
use super::tuning::Division;
use super::{Runtime, RuntimeError};
use karaoke_core::Manifest;
use karaoke_models::Weights;
use karaoke_stages::Stage;
use ort::value::{DynValue, Tensor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// What networks are opened with: the library, the machine's share, and who asks.
#[derive(Clone)]
pub struct Loader {
    hall: Arc<Hall>,
    /// The worker's number among those of its process.
    seat: usize,
    /// The model that is being opened.
    model: Subject,
}

/// What of a model matters for how its networks are run.
#[derive(Clone)]
pub(super) struct Subject {
    /// What tells it from every other.
    pub(super) identity: Arc<str>,
    /// Whether it must run in f32.
    pub(super) exact: bool,
    /// Seconds of a song that a run of one of its networks stands for.
    pub(super) audio_s: f64,
}

impl Loader {
    /// For a worker on its own: networks of `runtime` that run on `threads` threads each (at least 1), the
    /// caller's included.
    pub fn new(runtime: Runtime, threads: usize) -> Self {
        let threads = threads.max(1);
        let division = Some(Division { sessions: 1, threads });
        Self::in_hall(runtime, Sharing { cores: threads, workers: 1, division, cache: None })
    }

    /// For `workers` workers of one process, which share `cores` cores and, of networks that are as fast with
    /// all cores on one window, one session.
    ///
    /// With `threads` above 0, every worker has a session of its own on so many threads. What is found out,
    /// and compiled networks, are kept in the folder `cache`.
    pub fn shared(
        runtime: Runtime,
        workers: usize,
        cores: usize,
        threads: usize,
        cache: Option<PathBuf>,
    ) -> Self {
        let (workers, cores) = (workers.max(1), cores.max(1));
        let division = (threads > 0).then_some(Division { sessions: workers, threads });
        Self::in_hall(runtime, Sharing { cores, workers, division, cache })
    }

    fn in_hall(runtime: Runtime, machine: Sharing) -> Self {
        Self {
            hall: Arc::new(Hall::new(runtime, machine)),
            seat: 0,
            model: Subject { identity: Arc::from(""), exact: false, audio_s: 0.0 },
        }
    }

    /// The same for the worker in `seat`, counted from 0.
    pub fn at(&self, seat: usize) -> Self {
        Self { seat, ..self.clone() }
    }

    /// The same for the networks of one model.
    pub fn of(&self, manifest: &Manifest) -> Self {
        let step = manifest.windowing(manifest.overlap).step as f64 / f64::from(manifest.sample_rate.get());
        let audio_s = step / manifest.networks.len().max(1) as f64;
        let model = Subject { identity: Arc::from(manifest.identity()), exact: manifest.exact, audio_s };
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
        let kind = Kind { model: &self.model, inputs, outputs };
        let (session, rack) = self.hall.session(weights, kind, self.seat)?;
        Network::on(session, Some(rack), inputs, outputs, weights.path())
    }
}

/// A loaded network whose inputs and outputs are f32 tensors of fixed shape, and their buffers.
pub struct Network {
    session: Shared,
    /// Keeps the network's other sessions for whoever comes next.
    _rack: Option<Arc<Rack>>,
    binding: IoBinding,
    /// Names and buffers, in the order in which [`Loader::open`] was asked for them.
    inputs: Vec<(String, Tensor<f32>)>,
    output_names: Vec<String>,
    /// What the last run gave: the same memory in every run.
    outputs: Vec<DynValue>,
}

impl Network {
    /// Binds buffers to a session of the file `path`.
    pub(super) fn on(
        session: Shared,
        rack: Option<Arc<Rack>>,
        inputs: &[&[usize]],
        outputs: &[&[usize]],
        path: &Path,
    ) -> Result<Self, RuntimeError> {
        let shape = |problem| RuntimeError::Shape { path: path.to_owned(), problem };
        let failed = |e: ort::Error| RuntimeError::Run(e.to_string());
        let free = session.lock().unwrap_or_else(PoisonError::into_inner);
        let input_names = assign("input", free.inputs(), inputs).map_err(shape)?;
        let output_names = assign("output", free.outputs(), outputs).map_err(shape)?;
        let mut binding = free.create_binding().map_err(failed)?;
        drop(free);
        for (name, shape) in output_names.iter().zip(outputs) {
            binding.bind_output(name, zeros(shape)?).map_err(failed)?;
        }
        let tensors = inputs.iter().map(|shape| zeros(shape)).collect::<Result<Vec<_>, _>>()?;
        let inputs = input_names.into_iter().zip(tensors).collect();
        Ok(Self { session, _rack: rack, binding, inputs, output_names, outputs: Vec::new() })
    }

    /// Input `index`, to be filled before [`Network::run`]; keeps its values from run to run.
    pub fn input(&mut self, index: usize) -> &mut [f32] {
        self.inputs[index].1.extract_tensor_mut().1
    }

    /// Fills all inputs with a value.
    pub(super) fn fill(&mut self, value: f32) {
        (0..self.inputs.len()).for_each(|index| self.input(index).fill(value));
    }

    /// Runs the network on what its inputs hold, when no other worker uses the session. Neither inputs nor
    /// outputs are copied.
    pub fn run(&mut self) -> Result<Outputs<'_>, RuntimeError> {
        let failed = |e: ort::Error| RuntimeError::Run(e.to_string());
        // Bound for every run: for a network on another device, binding is what copies the values there.
        for (name, tensor) in &self.inputs {
            self.binding.bind_input(name, tensor).map_err(failed)?;
        }
        let mut session = Stage::Wait.of(|| self.session.lock()).unwrap_or_else(PoisonError::into_inner);
        let _stage = Stage::Inference.enter();
        let mut given = session.run_binding(&self.binding).map_err(failed)?;
        self.outputs.clear();
        self.outputs.extend(self.output_names.iter().filter_map(|name| given.remove(name)));
        Ok(Outputs(&self.outputs))
    }
}

/// What a run gave, until the next run.
pub struct Outputs<'n>(&'n [DynValue]);

impl Outputs<'_> {
    /// The values of output `index`, in the order in which [`Loader::open`] was asked for them.
    pub fn samples(&self, index: usize) -> Result<&[f32], RuntimeError> {
        let missing = || RuntimeError::Run(format!("the network gave no output {index}"));
        let extracted = self.0.get(index).ok_or_else(missing)?.try_extract_tensor::<f32>();
        extracted.map(|(_, values)| values).map_err(|e| RuntimeError::Run(e.to_string()))
    }
}
