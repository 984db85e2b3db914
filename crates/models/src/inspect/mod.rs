//! What an ONNX file is: its ports, size and cost, the family that it looks like, and a manifest to start from.
//!
//! Pure: bytes in, facts out. Nothing of the weights is copied, and nothing is believed that the bytes do not
//! show: a hostile file ends in [`NotOnnx`] or in "unknown", never in a panic or a large allocation.

mod arithmetic;
mod arrangement;
mod cost;
mod draft;
mod family;
mod infer;
mod onnx;
mod rules;
mod shape;
mod sliding;

pub use cost::Cost;
pub use draft::{FILL_IN, draft};
pub use family::{Family, Numbers};
pub use onnx::{Dim, NotOnnx, Port};

use std::collections::BTreeMap;

/// What is known of an ONNX file.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The program that wrote it, with its version; may be empty.
    pub producer: String,
    /// Version of the operators' standard; 0 when the file does not say.
    pub opset: u64,
    /// What it takes, in order.
    pub inputs: Vec<Port>,
    /// What it gives, in order.
    pub outputs: Vec<Port>,
    /// Numbers that were learned.
    pub parameters: u64,
    /// Weights lie in files of their own, which the file needs beside it.
    pub external: bool,
    /// How often each operator is used.
    pub operators: BTreeMap<String, usize>,
    /// What a run costs, a batch of one.
    pub cost: Cost,
    /// What it looks like.
    pub family: Family,
}

/// Reads an ONNX file.
pub fn inspect(bytes: &[u8]) -> Result<Facts, NotOnnx> {
    let model = onnx::Model::parse(bytes)?;
    let mut operators = BTreeMap::new();
    for node in &model.nodes {
        *operators.entry(node.op.to_owned()).or_default() += 1;
    }
    let (inputs, outputs) = (model.inputs(), model.outputs.clone());
    Ok(Facts {
        producer: [model.producer, model.producer_version].join(" ").trim().to_owned(),
        opset: model.opset,
        parameters: model.parameters(),
        external: model.weights.iter().any(|w| w.external),
        cost: cost::of(&model),
        family: family::guess(&inputs, &outputs),
        inputs,
        outputs,
        operators,
    })
}

#[cfg(test)]
mod tests;
