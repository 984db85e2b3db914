//! Changes to a network before it is opened, so that a provider sees the same graph whatever wrote the file.
//!
//! PyTorch's exporters leave the batch free, share weights through `Identity` nodes, and keep batch norms (Ioffe and Szegedy
//! 2015) apart from the convolutions before them; a norm is then a scale and an offset of each channel, which are multiplied
//! into the convolution's weights here, in 64 bits. What is not understood stays as it is.

mod edit;
mod norms;
#[cfg(test)]
mod tests;

use edit::{Dimension, Graph, Node, Text};
use std::collections::{HashMap, HashSet};

/// A network whose file is `model`, for inputs of exactly those shapes (in any order), each free dimension fixed.
///
/// With `flat_products`, products that a batch norm follows are put between reshapes (for networks that take and give four
/// dimensions, the first of which is 1): OpenVINO 2025.4 would fold the norm into the product, copying its weights for every
/// channel, and a 53 MB MDX-Net takes 1.2 GB then. With a fixed batch it would undo the reshapes, so that is left free. None when the file is not understood, or nothing is to be changed.
pub fn prepared(model: &[u8], shapes: &[&[usize]], flat_products: bool) -> Option<Vec<u8>> {
    let mut graph = Graph::parse(model)?;
    // Constants are worth no new file.
    let working = |graph: &Graph<'_>| graph.nodes.iter().filter(|node| node.op != "Constant").count();
    let before = working(&graph);
    resolve(&mut graph);
    transpose(&mut graph);
    norms::fold(&mut graph);
    let changed = working(&graph) != before;
    let flattened = flat_products && norms::flatten_products(&mut graph);
    graph.drop_unused();
    let sizes = sizes(&graph, shapes);
    (changed || flattened || !sizes.is_empty()).then(|| graph.write(&sizes, flattened)).flatten()
}

/// What the free dimensions of the inputs are, by name; nothing when the shapes do not tell.
fn sizes<'b>(graph: &Graph<'b>, shapes: &[&[usize]]) -> HashMap<&'b str, u64> {
    let mut sizes = HashMap::new();
    let mut left: Vec<&[usize]> = shapes.to_vec();
    for (_, dimensions) in graph.ports() {
        let fits = |(dimension, size): (&Dimension<'_>, &usize)| match dimension {
            Dimension::Fixed(fixed) => *fixed == *size as u64,
            Dimension::Free(_) => true,
        };
        let fitting =
            |shape: &&[usize]| shape.len() == dimensions.len() && dimensions.iter().zip(*shape).all(fits);
        let Some(at) = left.iter().position(fitting) else { return HashMap::new() };
        for (dimension, size) in dimensions.iter().zip(left.remove(at)) {
            let Dimension::Free(name) = dimension else { continue };
            // Two sizes by one name: the shapes were not those of this network.
            if !name.is_empty() && *sizes.entry(*name).or_insert(*size as u64) != *size as u64 {
                return HashMap::new();
            }
        }
    }
    sizes
}

/// Takes out nodes that only hand on: constants become weights, and what `Identity` and, in inference, `Dropout` give has
/// the name of what they take.
fn resolve(graph: &mut Graph<'_>) {
    let results = graph.results();
    let mut names: HashMap<String, Text<'_>> = HashMap::new();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        for input in &mut node.inputs {
            if let Some(name) = names.get(&**input) {
                *input = name.clone();
            }
        }
        match (hands_on(&node, &results), node.op) {
            (Some((from, to)), _) => {
                names.insert(to.to_string(), from);
            }
            (None, "Constant") if node.output().is_some_and(|name| !results.contains(&**name)) => {
                match node.constant() {
                    Some(weight) => graph.add(weight),
                    None => kept.push(node),
                }
            }
            _ => kept.push(node),
        }
    }
    graph.nodes = kept;
}

/// What a node takes and gives, if those are the same.
fn hands_on<'b>(node: &Node<'b>, results: &HashSet<String>) -> Option<(Text<'b>, Text<'b>)> {
    let same = match node.op {
        "Identity" => node.inputs.len() == 1,
        // With a third input it may be training, and then it is left alone.
        "Dropout" => node.inputs.len() <= 2,
        _ => false,
    };
    let (from, to) = (node.inputs.first()?, node.output()?);
    (same && !results.contains(&**to)).then(|| (from.clone(), to.clone()))
}

/// Turns matrices of weights that a `Transpose` node turns in every run.
fn transpose(graph: &mut Graph<'_>) {
    let results = graph.results();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for node in std::mem::take(&mut graph.nodes) {
        let turned = (node.op == "Transpose").then(|| turned(graph, &node)).flatten();
        match (turned, node.output()) {
            (Some((dims, values)), Some(output)) if !results.contains(&**output) => {
                graph.put_floats(output.clone(), dims, &values);
            }
            _ => kept.push(node),
        }
    }
    graph.nodes = kept;
}

fn turned(graph: &Graph<'_>, node: &Node<'_>) -> Option<(Vec<i64>, Vec<f32>)> {
    let weight = graph.weight(node.inputs.first()?)?;
    let &[rows, columns] = weight.dims.as_slice() else { return None };
    if node.integers("perm").is_some_and(|perm| perm != [1, 0]) {
        return None;
    }
    let (values, height, width) = (weight.floats()?, rows as usize, columns as usize);
    let turned = (0..width).flat_map(|column| (0..height).map(move |row| (row, column)));
    Some((vec![columns, rows], turned.map(|(row, column)| values[row * width + column]).collect()))
}
