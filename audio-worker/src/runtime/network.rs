//! A loaded network with its inputs and outputs, on a session that it may share.

use super::RuntimeError;
use super::session::{IoBinding, SharedSession, assign, zeros};
use karaoke_stages::Stage;
use ort::value::{DynValue, Tensor};
use std::any::Any;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// A loaded network whose inputs and outputs are f32 tensors of fixed shape, and their buffers.
pub struct Network {
    session: SharedSession,
    /// Keeps alive what must live as long as the network: the sessions of the same network that others use next.
    _kept: Option<Arc<dyn Any + Send + Sync>>,
    binding: IoBinding,
    /// Names and buffers, in the order in which [`super::Loader::open`] was asked for them.
    inputs: Vec<(String, Tensor<f32>)>,
    output_names: Vec<String>,
    /// What the last run gave: the same memory in every run.
    outputs: Vec<DynValue>,
}

impl Network {
    /// Binds buffers to a session of the file `path`.
    pub(super) fn on(
        session: SharedSession,
        kept: Option<Arc<dyn Any + Send + Sync>>,
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
        Ok(Self { session, _kept: kept, binding, inputs, output_names, outputs: Vec::new() })
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
    /// The values of output `index`, in the order in which [`super::Loader::open`] was asked for them.
    pub fn samples(&self, index: usize) -> Result<&[f32], RuntimeError> {
        let missing = || RuntimeError::Run(format!("the network gave no output {index}"));
        let extracted = self.0.get(index).ok_or_else(missing)?.try_extract_tensor::<f32>();
        extracted.map(|(_, values)| values).map_err(|e| RuntimeError::Run(e.to_string()))
    }
}
