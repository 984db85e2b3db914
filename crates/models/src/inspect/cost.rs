//! What a run of a network costs: the multiplications and additions of its products and convolutions.

use super::infer::Shapes;
use super::onnx::{Model, Node};

/// The cost of a run with a batch of one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations of those nodes whose shapes are known; everything elementwise is left out.
    pub flop: f64,
    /// Nodes that are counted.
    pub counted: usize,
    /// Nodes that would count, and whose shapes cannot be told.
    pub unknown: usize,
}

/// Adds up a model.
pub(super) fn of(model: &Model<'_>) -> Cost {
    let inputs = model.inputs();
    let shapes = Shapes::infer(model, &inputs);
    let mut cost = Cost::default();
    for node in model.nodes.iter().filter(|node| COSTLY.contains(&node.op)) {
        match products(node, &shapes) {
            // A product is one multiplication and one addition.
            Some(products) => {
                cost.flop += 2.0 * products;
                cost.counted += 1;
            }
            None => cost.unknown += 1,
        }
    }
    cost
}

/// Operators that take the time.
const COSTLY: [&str; 15] = [
    "Conv",
    "ConvTranspose",
    "MatMul",
    "Gemm",
    "LSTM",
    "GRU",
    "RNN",
    "Einsum",
    "Attention",
    "MultiHeadAttention",
    "ConvInteger",
    "MatMulInteger",
    "MatMulNBits",
    "DFT",
    "STFT",
];

fn products(node: &Node<'_>, shapes: &Shapes<'_>) -> Option<f64> {
    let input = |index: usize| shapes.whole(node.inputs.get(index)?);
    let output = || shapes.whole(node.outputs.first()?);
    match node.op {
        // Each output sample takes a filter of [channels / group, kernel…].
        "Conv" => Some(volume(&output()?) * volume(input(1)?.get(1..)?)),
        // Each input sample gives to a filter of [channels / group, kernel…].
        "ConvTranspose" => Some(volume(&input(0)?) * volume(input(1)?.get(1..)?)),
        "MatMul" => Some(volume(&output()?) * *input(0)?.last()? as f64),
        "Gemm" => {
            let inner = usize::from(node.integer("transA") != Some(1));
            Some(volume(&output()?) * *input(0)?.get(inner)? as f64)
        }
        "LSTM" => recurrent(node, &input(0)?, 4.0),
        "GRU" => recurrent(node, &input(0)?, 3.0),
        "RNN" => recurrent(node, &input(0)?, 1.0),
        "Einsum" => einsum(node, shapes),
        _ => None,
    }
}

fn recurrent(node: &Node<'_>, input: &[u64], gates: f64) -> Option<f64> {
    let [steps, batch, width] = *input else { return None };
    let hidden = node.integer("hidden_size").filter(|h| *h > 0)? as f64;
    let directions = if node.text("direction") == Some("bidirectional") { 2.0 } else { 1.0 };
    Some(directions * steps as f64 * batch as f64 * gates * hidden * (width as f64 + hidden))
}

/// A sum of products runs over every index that it names.
fn einsum(node: &Node<'_>, shapes: &Shapes<'_>) -> Option<f64> {
    let terms = node.text("equation")?.split("->").next()?;
    let mut sizes: Vec<(char, u64)> = Vec::new();
    for (term, name) in terms.split(',').zip(&node.inputs) {
        let shape = shapes.whole(name)?;
        let indices: Vec<char> = term.chars().filter(|c| !c.is_whitespace()).collect();
        if indices.len() != shape.len() {
            return None;
        }
        for (index, size) in indices.into_iter().zip(shape) {
            match sizes.iter_mut().find(|(known, _)| *known == index) {
                Some((_, known)) => *known = size.max(*known),
                None => sizes.push((index, size)),
            }
        }
    }
    Some(sizes.iter().map(|(_, size)| *size as f64).product())
}

fn volume(shape: &[u64]) -> f64 {
    shape.iter().map(|size| *size as f64).product()
}
