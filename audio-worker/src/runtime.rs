//! ONNX Runtime, loaded once, and sessions of its models: the only file that names `ort`.

use crate::library::{Place, Surroundings, version_in_name};
use karaoke_models::Weights;
use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::{IoBinding, SessionOutputs};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The oldest version whose interface this program was built for.
const NEEDED: &str = "1.24";

/// What came of the process's only attempt to load the library.
///
/// There must never be a second one: after a failed `ort::init_from`, the next one (of ort 2.0.0-rc.14) says
/// that it succeeded and goes on with a library that was never loaded.
static LOADED: Mutex<Option<Result<Runtime, RuntimeError>>> = Mutex::new(None);

/// The loaded library; clones share it.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
    version: String,
    path: PathBuf,
}

/// ONNX Runtime or one of its models cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no library anywhere we look.
    #[error("ONNX Runtime was not found: run `make runtime` or set worker.onnxruntime")]
    NotFound,
    /// The library that was asked for is not there.
    #[error(
        "ONNX Runtime was not found: there is no {0}; run `make runtime` or set worker.onnxruntime \
         (or ORT_DYLIB_PATH) to the library"
    )]
    NoSuchFile(PathBuf),
    /// The library is older than we need.
    #[error("ONNX Runtime {found} ({path}) is too old, {NEEDED} or newer is needed: run `make runtime`")]
    TooOld {
        /// The library.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// The file is no library for this machine, or another library.
    #[error("cannot load ONNX Runtime from {path}: {reason}")]
    Unloadable {
        /// The library.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The library refuses the model's file.
    #[error("ONNX Runtime cannot use {path}: {reason}")]
    Model {
        /// The model's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The network is not of the shape its manifest says.
    #[error("{path} does not fit its manifest: {problem}")]
    Shape {
        /// The model's file.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// The network did not run; memory may have run out.
    #[error("ONNX Runtime failed: {0}")]
    Run(String),
}

impl RuntimeError {
    /// Whether the same may succeed elsewhere or later. A file that is the one its manifest means may load on
    /// another machine: one with more memory, or another ONNX Runtime.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Model { .. })
    }
}

impl Runtime {
    /// Loads the library at `explicit`, else at `ORT_DYLIB_PATH`, else from `.runtime/onnxruntime` under the
    /// working directory or a folder above the executable, else the system's.
    ///
    /// Once a library has been tried, every further call gives what came of that.
    pub fn load(explicit: Option<&Path>) -> Result<Self, RuntimeError> {
        let path = match Surroundings::of_process(explicit).find() {
            Place::Named(path) if !path.is_file() => return Err(RuntimeError::NoSuchFile(path)),
            Place::Named(path) | Place::Found(path) => Some(path),
            Place::Nowhere => None,
        };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*loaded, path) {
            (Some(earlier), _) => earlier.clone(),
            (None, None) => Err(RuntimeError::NotFound),
            (None, Some(path)) => loaded.insert(Self::load_file(&path)).clone(),
        }
    }

    /// Version of the loaded library.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The library's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn load_file(path: &Path) -> Result<Self, RuntimeError> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let builder = ort::init_from(&path).map_err(|e| refusal(&path, e))?;
        let environment = builder.with_name("karaoke").with_telemetry(false).build();
        let unloadable =
            |e: ort::Error| RuntimeError::Unloadable { path: path.clone(), reason: e.to_string() };
        let environment = environment.map_err(unloadable)?;
        let version = version_in_name(&path).unwrap_or_else(|| ort::info().to_owned());
        tracing::info!(version, path = %path.display(), "ONNX Runtime loaded");
        Ok(Self { environment, version, path })
    }
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

/// What networks are opened with: the library, and how each is to run.
#[derive(Clone, Debug)]
pub struct Loader {
    runtime: Runtime,
    threads: usize,
}

impl Loader {
    /// Networks of `runtime` that run on `threads` threads each (at least 1), the caller's included.
    pub fn new(runtime: Runtime, threads: usize) -> Self {
        Self { runtime, threads: threads.max(1) }
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
        let path = weights.path();
        let model = |e: ort::Error| RuntimeError::Model { path: path.to_owned(), reason: e.to_string() };
        let session = load(&self.runtime, weights, self.threads).map_err(model)?;
        let shape = |problem| RuntimeError::Shape { path: path.to_owned(), problem };
        let input_names = assign("input", session.inputs(), inputs).map_err(shape)?;
        let output_names = assign("output", session.outputs(), outputs).map_err(shape)?;
        let tensor = |shape: &&[usize]| zeros(shape).map_err(|e| RuntimeError::Run(e.to_string()));
        let tensors = inputs.iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
        let mut binding = session.create_binding().map_err(model)?;
        for (name, shape) in output_names.into_iter().zip(outputs) {
            binding.bind_output(name, tensor(shape)?).map_err(model)?;
        }
        Ok(Network { session, binding, inputs: input_names.into_iter().zip(tensors).collect() })
    }
}

/// A loaded network whose inputs and outputs are f32 tensors of fixed shape, and its buffers.
pub struct Network {
    session: ort::session::Session,
    binding: IoBinding,
    /// Names and buffers, in the order in which [`Loader::open`] was asked for them.
    inputs: Vec<(String, Tensor<f32>)>,
}

impl Network {
    /// Input `index`, to be filled before [`Network::run`]; keeps its values from run to run.
    pub fn input(&mut self, index: usize) -> &mut [f32] {
        self.inputs[index].1.extract_tensor_mut().1
    }

    /// Runs the network on what its inputs hold. Neither inputs nor outputs are copied.
    pub fn run(&mut self) -> Result<Outputs<'_>, RuntimeError> {
        let failed = |e: ort::Error| RuntimeError::Run(e.to_string());
        // Bound for every run: for a network on another device, binding is what copies the values there.
        for (name, tensor) in &self.inputs {
            self.binding.bind_input(name, tensor).map_err(failed)?;
        }
        self.session.run_binding(&self.binding).map(Outputs).map_err(failed)
    }
}

/// What a run gave, until the next run.
pub struct Outputs<'n>(SessionOutputs<'n>);

impl Outputs<'_> {
    /// The values of output `index`, in the order in which [`Loader::open`] was asked for them.
    pub fn samples(&self, index: usize) -> Result<&[f32], RuntimeError> {
        let extracted = self.0[index].try_extract_tensor::<f32>();
        extracted.map(|(_, values)| values).map_err(|e| RuntimeError::Run(e.to_string()))
    }
}

fn load(runtime: &Runtime, weights: &Weights, threads: usize) -> ort::Result<ort::session::Session> {
    let builder = ort::session::Session::builder(&runtime.environment)?
        .with_intra_threads(threads.max(1))?
        .with_inter_threads(1)?
        // Idle threads that spin would take the cores from the other workers.
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?;
    let mut builder = builder;
    match weights {
        Weights::File(path) => builder.commit_from_file(path),
        Weights::Packed { bytes, .. } => builder.commit_from_memory(bytes),
    }
}

fn zeros(shape: &[usize]) -> ort::Result<Tensor<f32>> {
    let mut tensor = Tensor::new(&Allocator::default(), shape.to_vec())?;
    tensor.try_extract_tensor_mut::<f32>()?.1.fill(0.0);
    Ok(tensor)
}

/// The names of the tensors in `outlets` that take the shapes `want`, in that order.
fn assign(side: &str, outlets: &[Outlet], want: &[&[usize]]) -> Result<Vec<String>, String> {
    if outlets.len() != want.len() {
        let names: Vec<&str> = outlets.iter().map(Outlet::name).collect();
        let (has, needs) = (outlets.len(), want.len());
        return Err(format!("it has {has} {side}s ({}) where {needs} are needed", names.join(", ")));
    }
    if let ([outlet], [shape]) = (outlets, want) {
        return check(side, outlet, shape).map(|name| vec![name]);
    }
    let mut left: Vec<&Outlet> = outlets.iter().collect();
    let mut names = Vec::new();
    for shape in want {
        let Some(at) = left.iter().position(|outlet| check(side, outlet, shape).is_ok()) else {
            let shapes: Vec<_> = outlets.iter().map(|o| o.dtype().to_string()).collect();
            return Err(format!("no {side} has shape {shape:?}; there are {}", shapes.join(", ")));
        };
        names.push(left.remove(at).name().to_owned());
    }
    Ok(names)
}

/// The name of `outlet`, when it is an f32 tensor that can take shape `want`.
fn check(side: &str, outlet: &Outlet, want: &[usize]) -> Result<String, String> {
    let name = outlet.name();
    let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = outlet.dtype() else {
        return Err(format!("{side} `{name}` is {} where an f32 tensor is needed", outlet.dtype()));
    };
    // A negative dimension may have any size.
    let fits = |(got, want): (&i64, &usize)| *got < 0 || usize::try_from(*got) == Ok(*want);
    if shape.len() == want.len() && shape.iter().zip(want).all(fits) {
        return Ok(name.to_owned());
    }
    Err(format!("{side} `{name}` has shape {:?} where {want:?} is needed", &shape[..]))
}
