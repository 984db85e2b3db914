//! ONNX Runtime's sessions: how they are opened for each execution provider, and what their tensors must be.

use super::RuntimeError;
use crate::provider::Provider;
use karaoke_models::{Weights, graph};
use ort::environment::Environment;
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider};
use ort::memory::Allocator;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};
use std::sync::{Arc, Mutex};

pub(super) use ort::session::{IoBinding, Session};

/// A session, used by one worker at a time: ONNX Runtime's bound runs must not overlap.
pub(super) type SharedSession = Arc<Mutex<Session>>;

/// How a session is to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) provider: Provider,
    /// Threads, the caller's included; at least 1.
    pub(super) threads: usize,
    /// What the network is to take, in any order.
    pub(super) inputs: &'a [&'a [usize]],
}

/// Networks with more bytes are opened as they are: to change one, it is held in memory twice.
const CHANGED_UP_TO: u64 = 256 << 20;

/// Opens a session of the network in `weights`.
pub(super) fn open(
    environment: &Environment,
    weights: &Weights,
    setting: Setting<'_>,
) -> Result<Session, RuntimeError> {
    let refused =
        |e: ort::Error| RuntimeError::Model { path: weights.path().to_owned(), reason: e.to_string() };
    let mut builder = builder(environment, setting).map_err(refused)?;
    let changed = changed(weights, setting);
    let session = match (changed, weights) {
        (Some(bytes), _) => builder.commit_from_memory(&bytes),
        (None, Weights::File(path)) => builder.commit_from_file(path),
        (None, Weights::Packed { bytes, .. }) => builder.commit_from_memory(bytes),
    };
    session.map_err(refused)
}

/// The network as the provider is to see it, where that is another.
fn changed(weights: &Weights, setting: Setting<'_>) -> Option<Vec<u8>> {
    let openvino = matches!(setting.provider, Provider::OpenVino { .. });
    let flat_products = openvino && matches!(setting.inputs, [[1, _, _, _]]);
    let prepared = |bytes: &[u8]| graph::prepared(bytes, setting.inputs, flat_products);
    match weights {
        // What cannot be read is refused when it is opened.
        Weights::File(path) => {
            let small = std::fs::metadata(path).ok()?.len() <= CHANGED_UP_TO;
            small.then(|| std::fs::read(path).ok()).flatten().and_then(|bytes| prepared(&bytes))
        }
        Weights::Packed { bytes, .. } => prepared(bytes),
    }
}

/// Whether `provider` opens the network in `bytes`.
pub(super) fn probe(environment: &Environment, provider: Provider, bytes: &[u8]) -> ort::Result<()> {
    let setting = Setting { provider, threads: 1, inputs: &[] };
    builder(environment, setting)?.commit_from_memory(bytes).map(drop)
}

pub(super) fn builder(environment: &Environment, setting: Setting<'_>) -> ort::Result<SessionBuilder> {
    let Setting { provider, threads, .. } = setting;
    // Nodes that another provider leaves over run on the caller's thread.
    let own = if provider == Provider::Cpu { threads.max(1) } else { 1 };
    let builder = Session::builder(environment)?
        .with_intra_threads(own)?
        .with_inter_threads(1)?
        // Idle threads that spin would take the cores from the other workers.
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        // Planning all tensors into one block ahead takes nearly twice the memory of a large MDX-Net
        // (1.35 GB for 0.76) and gains no time.
        .with_memory_pattern(false)?;
    Ok(match provider {
        Provider::Cpu => builder,
        Provider::OpenVino { bf16 } => {
            // No `cache_dir`: what OpenVINO writes there (50 MB and more a network) the wheel's OpenVINO cannot
            // read again, for want of its IR frontend; it compiles anew each time, and writes again.
            let openvino = ep::OpenVINO::default()
                .with_device_type("CPU")
                .with_arbitrary_config("load_config", openvino_config(bf16, threads));
            builder.with_execution_providers([openvino.build().error_on_failure()])?
        }
        Provider::Cuda => {
            builder.with_execution_providers([ep::CUDA::default().build().error_on_failure()])?
        }
    })
}

/// OpenVINO's own settings, as JSON. Its threads are not pinned: those of several sessions would be pinned to
/// the same cores.
fn openvino_config(bf16: bool, threads: usize) -> String {
    let precision = if bf16 { "bf16" } else { "f32" };
    format!(
        r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{precision}","INFERENCE_NUM_THREADS":"{}","ENABLE_CPU_PINNING":"NO"}}}}"#,
        threads.max(1)
    )
}

/// A tensor of zeros.
pub(super) fn zeros(shape: &[usize]) -> Result<Tensor<f32>, RuntimeError> {
    let failed = |e: ort::Error| RuntimeError::Run(e.to_string());
    let mut tensor: Tensor<f32> = Tensor::new(&Allocator::default(), shape.to_vec()).map_err(failed)?;
    tensor.try_extract_tensor_mut::<f32>().map_err(failed)?.1.fill(0.0);
    Ok(tensor)
}

/// The names of the tensors in `outlets` that take the shapes `want`, in that order.
pub(super) fn assign(side: &str, outlets: &[Outlet], want: &[&[usize]]) -> Result<Vec<String>, String> {
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
