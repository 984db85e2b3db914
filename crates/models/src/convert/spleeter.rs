//! Deezer's Spleeter, two stems: its two U-Nets as one ONNX graph.
//!
//! Each takes magnitudes and gives those of its stem: six convolutions of 5 × 5, stride 2; batch norm and LeakyReLU
//! between them; six transposed convolutions back, each with ReLU, then batch norm, joined with the convolution of the
//! same size (before its batch norm); and a convolution of 4 × 4, dilation 2, to a sigmoid mask on the input. Source:
//! `spleeter/model/functions/unet.py` (MIT, Deezer). TensorFlow's `SAME` with stride 2 puts the odd sample behind: 1
//! before, 2 after. Names count through both networks: the accompaniment's layers come behind the vocals'.

use super::checkpoint::Tensor;
use super::graph::{Attribute, Graph};
use std::collections::BTreeMap;

/// Bins that the networks see.
const BINS: usize = 1024;
/// Convolutions down, and up.
const LEVELS: usize = 6;
/// Both axes are halved so often.
const MULTIPLE: usize = 1 << LEVELS;

const KERNEL: Attribute<'_> = Attribute::Integers(&[5, 5]);
const STRIDES: Attribute<'_> = Attribute::Integers(&[2, 2]);
const PADS: Attribute<'_> = Attribute::Integers(&[1, 1, 2, 2]);

type Checkpoint<'b> = BTreeMap<String, Tensor<'b>>;

/// The ONNX file: `magnitudes [2, 1, frames, 1024]` to `vocals` and `accompaniment` of the same shape, the channels being
/// left and right. `frames` is a multiple of 64.
///
/// # Errors
/// A sentence about what the checkpoint lacks.
pub(super) fn onnx(weights: &Checkpoint<'_>, frames: usize) -> Result<Vec<u8>, String> {
    if frames == 0 || !frames.is_multiple_of(MULTIPLE) {
        return Err(format!("`frames` must be a multiple of {MULTIPLE}"));
    }
    let (mut graph, shape) = (Graph::default(), [2, 1, frames, BINS]);
    let input = graph.input("magnitudes", &shape);
    // To one mix of two channels, as the networks take it.
    let planes = graph.node("Transpose", &[&input], &[("perm", Attribute::Integers(&[1, 0, 2, 3]))]);
    for (number, stem) in ["vocals", "accompaniment"].into_iter().enumerate() {
        let network = Network { weights, number };
        let estimate = network.write(&mut graph, &planes)?;
        graph.node_to("Transpose", &[&estimate], &[("perm", Attribute::Integers(&[1, 0, 2, 3]))], stem);
        graph.output(stem, &shape);
    }
    Ok(graph.finish("spleeter"))
}

/// One of the U-Nets of a checkpoint.
struct Network<'w> {
    weights: &'w Checkpoint<'w>,
    /// 0 for the first of them.
    number: usize,
}

impl Network<'_> {
    fn write(&self, graph: &mut Graph, input: &str) -> Result<String, String> {
        let (mut x, mut skips) = (input.to_owned(), Vec::new());
        for level in 0..LEVELS {
            let [kernel, bias] = self.layer(graph, "conv2d", LEVELS + 1, level)?;
            let attributes = [("kernel_shape", KERNEL), ("strides", STRIDES), ("pads", PADS)];
            let y = graph.node("Conv", &[&x, &kernel, &bias], &attributes);
            if level + 1 < LEVELS {
                let normal = self.batch_norm(graph, &y, level)?;
                x = graph.node("LeakyRelu", &[&normal], &[("alpha", Attribute::Float(0.2))]);
            } else {
                x.clone_from(&y);
            }
            skips.push(y);
        }
        for level in 0..LEVELS {
            let [kernel, bias] = self.layer(graph, "conv2d_transpose", LEVELS, level)?;
            let attributes = [("kernel_shape", KERNEL), ("strides", STRIDES), ("pads", PADS)];
            let y = graph.node("ConvTranspose", &[&x, &kernel, &bias], &attributes);
            let y = graph.node("Relu", &[&y], &[]);
            x = self.batch_norm(graph, &y, LEVELS + level)?;
            if level + 1 < LEVELS {
                let skip = &skips[LEVELS - 2 - level];
                x = graph.node("Concat", &[skip, &x], &[("axis", Attribute::Integer(1))]);
            }
        }
        let [kernel, bias] = self.layer(graph, "conv2d", LEVELS + 1, LEVELS)?;
        let attributes = [
            ("kernel_shape", Attribute::Integers(&[4, 4])),
            ("dilations", Attribute::Integers(&[2, 2])),
            ("pads", Attribute::Integers(&[3, 3, 3, 3])),
        ];
        let mask = graph.node("Conv", &[&x, &kernel, &bias], &attributes);
        let mask = graph.node("Sigmoid", &[&mask], &[]);
        Ok(graph.node("Mul", &[&mask, input], &[]))
    }

    /// Kernel and bias of a convolution: the `index`th of the `count` of its type that a network has.
    fn layer(
        &self,
        graph: &mut Graph,
        kind: &str,
        count: usize,
        index: usize,
    ) -> Result<[String; 2], String> {
        let name = numbered(kind, count * self.number + index);
        let kernel = self.tensor(&format!("{name}/kernel"))?;
        let [height, width, inner, outer] = *kernel.dims() else {
            return Err(format!("`{name}/kernel` does not have four dimensions"));
        };
        // TensorFlow's order is height, width, in, out (of a transposed one: out, in); ONNX's is the reverse of the last
        // two before the first two.
        let turned = permuted(kernel.bytes(), [height, width, inner, outer]);
        let bias = self.tensor(&format!("{name}/bias"))?;
        Ok([graph.weight(&[outer, inner, height, width], &turned), graph.weight(bias.dims(), bias.bytes())])
    }

    fn batch_norm(&self, graph: &mut Graph, x: &str, index: usize) -> Result<String, String> {
        let name = numbered("batch_normalization", 2 * LEVELS * self.number + index);
        let mut inputs = vec![x.to_owned()];
        for part in ["gamma", "beta", "moving_mean", "moving_variance"] {
            let tensor = self.tensor(&format!("{name}/{part}"))?;
            inputs.push(graph.weight(tensor.dims(), tensor.bytes()));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Ok(graph.node("BatchNormalization", &inputs, &[("epsilon", Attribute::Float(1e-3))]))
    }

    fn tensor(&self, name: &str) -> Result<Tensor<'_>, String> {
        self.weights.get(name).copied().ok_or_else(|| format!("there is no `{name}` in the checkpoint"))
    }
}

/// As Keras counts layers of a type: the first has no number.
fn numbered(kind: &str, index: usize) -> String {
    if index == 0 { kind.to_owned() } else { format!("{kind}_{index}") }
}

/// Numbers of four bytes of a tensor `[a, b, c, d]`, in the order of `[d, c, a, b]`.
fn permuted(bytes: &[u8], [a, b, c, d]: [usize; 4]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for outer in 0..d {
        for inner in 0..c {
            for at in 0..a * b {
                let from = 4 * ((at * c + inner) * d + outer);
                out.extend_from_slice(&bytes[from..from + 4]);
            }
        }
    }
    out
}
