//! Batch norms: multiplied into the convolutions before them, or kept apart from the products before them.

use super::edit::{Graph, Node, Text};
use std::collections::HashMap;

/// A batch norm in inference: `y = scale · x + offset` for each channel.
struct Norm {
    scale: Vec<f64>,
    offset: Vec<f64>,
}

impl Norm {
    /// The norm that a node is; none when its numbers are not constants.
    fn of(graph: &Graph<'_>, node: &Node<'_>) -> Option<Self> {
        if node.op != "BatchNormalization"
            || node.output().is_none()
            || node.integer("training_mode") == Some(1)
        {
            return None;
        }
        let numbers = |index: usize| graph.weight(node.inputs.get(index)?)?.floats();
        let (gamma, beta, mean, variance) = (numbers(1)?, numbers(2)?, numbers(3)?, numbers(4)?);
        let same = [&beta, &mean, &variance].iter().all(|list| list.len() == gamma.len());
        let epsilon = f64::from(node.float("epsilon").unwrap_or(1e-5));
        let scale: Vec<f64> = gamma
            .iter()
            .zip(&variance)
            .map(|(g, v)| f64::from(*g) / (f64::from(*v) + epsilon).sqrt())
            .collect();
        let offset =
            beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| f64::from(*b) - f64::from(*m) * s).collect();
        same.then_some(Self { scale, offset })
    }
}

/// Multiplies norms into the convolutions that they alone follow.
pub(super) fn fold(graph: &mut Graph<'_>) {
    let uses = graph.uses();
    let makers = makers(graph);
    let mut kept = vec![true; graph.nodes.len()];
    for (at, kept) in kept.iter_mut().enumerate() {
        *kept = fold_one(graph, at, &makers, &uses).is_none();
    }
    let mut kept = kept.into_iter();
    graph.nodes.retain(|_| kept.next().unwrap_or(true));
}

/// Multiplies the norm in node `at` into the convolution before it, whose output is the norm's then; none when it is no norm,
/// or there is no such convolution.
fn fold_one(
    graph: &mut Graph<'_>,
    at: usize,
    makers: &HashMap<String, usize>,
    uses: &HashMap<String, usize>,
) -> Option<()> {
    let node = &graph.nodes[at];
    let norm = Norm::of(graph, node)?;
    let maker = *makers.get(&*node.inputs[0])?;
    // What others use, too, must stay as it is.
    if uses.get(&*node.inputs[0]) != Some(&1) {
        return None;
    }
    let (dims, weights, bias) = folded(graph, &graph.nodes[maker], &norm)?;
    let output = node.outputs[0].clone();
    let weights = graph.add_floats(dims, &weights);
    let bias = graph.add_floats(vec![bias.len() as i64], &bias);
    let convolution = &mut graph.nodes[maker];
    convolution.inputs.truncate(1);
    convolution.inputs.extend([weights, bias]);
    convolution.outputs = vec![output];
    Some(())
}

/// Which node makes a tensor.
fn makers(graph: &Graph<'_>) -> HashMap<String, usize> {
    let nodes = graph.nodes.iter().enumerate();
    nodes.filter_map(|(at, node)| Some((node.output()?.to_string(), at))).collect()
}

/// Dimensions and numbers of a convolution's weights, and its bias, with `norm` in them.
fn folded(graph: &Graph<'_>, node: &Node<'_>, norm: &Norm) -> Option<(Vec<i64>, Vec<f32>, Vec<f32>)> {
    let weight = graph.weight(node.inputs.get(1)?)?;
    let (channels, dims, mut weights) = (norm.scale.len(), weight.dims.clone(), weight.floats()?);
    let groups = usize::try_from(node.integer("group").unwrap_or(1)).ok()?;
    let (first, second) = (usize::try_from(*dims.first()?).ok()?, usize::try_from(*dims.get(1)?).ok()?);
    let inner = weights.len().checked_div(first * second)?;
    // Of each block of `inner` weights, the channel that it gives to.
    let channel = |block: usize| match node.op {
        "Conv" => Some(block / second),
        "ConvTranspose" => Some(block / second / first.checked_div(groups)? * second + block % second),
        _ => None,
    };
    let given = if node.op == "Conv" { first } else { second * groups };
    if given != channels || inner == 0 || channel(0).is_none() {
        return None;
    }
    for (block, weights) in weights.chunks_exact_mut(inner).enumerate() {
        let scale = norm.scale[channel(block)?];
        weights.iter_mut().for_each(|w| *w = (f64::from(*w) * scale) as f32);
    }
    let bias = match node.inputs.get(2).filter(|name| !name.is_empty()) {
        Some(name) => graph.weight(name)?.floats().filter(|bias| bias.len() == channels)?,
        None => vec![0.0; channels],
    };
    let bias =
        bias.iter().zip(&norm.scale).zip(&norm.offset).map(|((b, s), o)| (f64::from(*b) * s + o) as f32);
    Some((dims, weights, bias.collect()))
}

/// Puts products that a norm follows between reshapes, for a batch of one; whether there was one. The same sums in the
/// same order.
///
/// The norm stays one: written as a product and a sum, OpenVINO would move it through the reshape.
pub(super) fn flatten_products(graph: &mut Graph<'_>) -> bool {
    let makers = makers(graph);
    let products: HashMap<usize, [i64; 3]> =
        graph.nodes.iter().filter_map(|norm| product(graph, norm, &makers)).collect();
    let mut kept = Vec::with_capacity(graph.nodes.len() + 2 * products.len());
    for (at, node) in std::mem::take(&mut graph.nodes).into_iter().enumerate() {
        match products.get(&at) {
            Some(sizes) => kept.extend(between_reshapes(graph, &node, *sizes)),
            None => kept.push(node),
        }
    }
    graph.nodes = kept;
    !products.is_empty()
}

/// Of the product with a constant of two dimensions that `norm` follows: which node it is, its rows and columns, and how
/// many channels the norm has.
fn product(graph: &Graph<'_>, norm: &Node<'_>, makers: &HashMap<String, usize>) -> Option<(usize, [i64; 3])> {
    let channels = Norm::of(graph, norm)?.scale.len() as i64;
    let at = *makers.get(&**norm.inputs.first()?)?;
    let &[rows, columns] = graph.weight(graph.nodes[at].inputs.get(1)?)?.dims.as_slice() else { return None };
    // ONNX Runtime (1.24) fuses a norm into a product in spite of a reshape between them, wrongly, where the product
    // has as many columns as the norm has channels.
    (graph.nodes[at].op == "MatMul" && columns != channels).then_some((at, [rows, columns, channels]))
}

fn between_reshapes<'b>(graph: &mut Graph<'b>, node: &Node<'b>, sizes: [i64; 3]) -> [Node<'b>; 3] {
    let [rows, columns, channels] = sizes;
    let (flat, wide) = (graph.add_integers(&[-1, rows]), graph.add_integers(&[1, channels, -1, columns]));
    let (x, y): (Text<'b>, Text<'b>) = (graph.name("x"), graph.name("y"));
    [
        Node::new("Reshape", vec![node.inputs[0].clone(), flat], x.clone()),
        Node::new("MatMul", vec![x, node.inputs[1].clone()], y.clone()),
        Node::new("Reshape", vec![y, wide], node.outputs[0].clone()),
    ]
}
