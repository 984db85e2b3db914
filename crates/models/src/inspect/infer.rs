//! The shapes of everything that flows through a network, as far as they can be told without running it.

use super::onnx::{MOST, Model};
use super::rules;
use super::shape::{Known, Shape, bounded};
use std::collections::HashMap;

/// What is known of every tensor of a model, by name.
pub(super) struct Shapes<'m>(HashMap<&'m str, Known>);

impl<'m> Shapes<'m> {
    /// Goes through the nodes in their order; a free first dimension of an input is the batch, and is 1.
    pub(super) fn infer(model: &'m Model<'_>, inputs: &'m [super::Port]) -> Self {
        let mut shapes = HashMap::new();
        for port in inputs {
            let mut shape = sizes(port);
            if let Some(batch) = shape.as_mut().and_then(|s| s.first_mut()) {
                batch.get_or_insert(1);
            }
            shapes.insert(port.name.as_str(), Known { shape, value: None }.bounded());
        }
        for weights in &model.weights {
            shapes.insert(weights.name, rules::constant(weights).bounded());
        }
        let declared: HashMap<&str, Shape> =
            model.known.iter().filter_map(|port| Some((port.name.as_str(), sizes(port)?))).collect();
        for node in &model.nodes {
            let of_inputs = node.inputs.iter().map(|name| shapes.get(name)).collect::<Vec<_>>();
            let mut found = rules::outputs(node, &of_inputs).into_iter();
            let room = MOST.saturating_sub(shapes.len());
            for name in node.outputs.iter().take(room) {
                let mut known = found.next().unwrap_or_default().bounded();
                if known.shape.is_none() {
                    known.shape = declared.get(name).cloned();
                }
                shapes.insert(name, known);
            }
        }
        Self(shapes)
    }

    /// The shape of a tensor, if all of it is known.
    pub(super) fn whole(&self, name: &str) -> Option<Vec<u64>> {
        self.0.get(name)?.shape.as_ref()?.iter().copied().collect()
    }
}

/// The sizes that a port says and that can be.
fn sizes(port: &super::Port) -> Option<Shape> {
    port.fixed().map(|shape| shape.into_iter().map(|size| size.and_then(bounded)).collect())
}
