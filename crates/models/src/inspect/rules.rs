//! What each operator makes of shapes, after <https://onnx.ai/onnx/operators/>.

use super::infer::{Known, Shape};
use super::onnx::{LIST, Node, Tensor};

/// The largest size that is believed: products of a few of them must not overflow.
const LARGEST: u64 = 1 << 40;

/// What is known of a tensor that lies in the file.
pub(super) fn constant(tensor: &Tensor) -> Known {
    let shape = tensor.dims.iter().map(|dim| size(*dim)).collect();
    Known { shape: Some(shape), value: tensor.integers.clone() }
}

/// What is known of a node's outputs; those of which nothing is known may be left out.
pub(super) fn outputs(node: &Node, inputs: &[Option<&Known>]) -> Vec<Known> {
    let rule = Rule { node, inputs };
    match node.op {
        "Split" => rule.split().unwrap_or_default(),
        "LSTM" | "GRU" | "RNN" => rule.recurrent().unwrap_or_default(),
        _ => rule.only().map_or_else(Vec::new, |known| vec![known]),
    }
}

pub(super) struct Rule<'n, 'b> {
    pub(super) node: &'n Node<'b>,
    inputs: &'n [Option<&'n Known>],
}

impl Rule<'_, '_> {
    pub(super) fn shape(&self, index: usize) -> Option<&Shape> {
        self.inputs.get(index).copied().flatten()?.shape.as_ref()
    }

    fn value(&self, index: usize) -> Option<&[i64]> {
        self.inputs.get(index).copied().flatten()?.value.as_deref()
    }

    /// Axes or sizes, which older operators have as attributes and newer ones as inputs.
    fn list(&self, name: &str, index: usize) -> Option<Vec<i64>> {
        let attribute = self.node.integers(name).map(<[i64]>::to_vec);
        attribute.or_else(|| self.value(index).map(<[i64]>::to_vec))
    }

    fn axis(&self, name: &str, default: i64, rank: usize) -> Option<usize> {
        place(self.node.integer(name).unwrap_or(default), rank)
    }

    /// The only output, of operators that have one.
    fn only(&self) -> Option<Known> {
        match self.node.op {
            "Constant" => self.constant(),
            "Identity" | "Cast" => self.inputs.first().copied().flatten().cloned(),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(),
            "Pow" | "Max" | "Min" | "Where" | "Mod" | "PRelu" | "And" | "Or" | "Xor" | "Equal" | "Less"
            | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "Sum" | "Mean" => {
                self.broadcast().map(Known::shaped)
            }
            "Shape" => self.shape_of(),
            "Gather" => self.gather(),
            "Concat" => self.concat(),
            "Slice" => self.slice(),
            "Unsqueeze" => self.unsqueeze(),
            "Squeeze" => self.squeeze(),
            "Conv" => self.convolution().map(Known::shaped),
            "ConvTranspose" => self.transposed().map(Known::shaped),
            "MaxPool" | "AveragePool" | "LpPool" => self.pool().map(Known::shaped),
            "GlobalAveragePool" | "GlobalMaxPool" => self.global_pool().map(Known::shaped),
            "MatMul" => self.matrix_product().map(Known::shaped),
            "Gemm" => self.gemm().map(Known::shaped),
            "Transpose" => self.transpose().map(Known::shaped),
            "Reshape" => self.reshape().map(Known::shaped),
            "Flatten" => self.flatten().map(Known::shaped),
            "Expand" => self.expand().map(Known::shaped),
            "Tile" => self.tile().map(Known::shaped),
            "Pad" => self.pad().map(Known::shaped),
            "ConstantOfShape" => Some(Known::shaped(self.value(0)?.iter().map(|d| size(*d)).collect())),
            op if op.starts_with("Reduce") => self.reduce().map(Known::shaped),
            op if KEEPS.contains(&op) => self.shape(0).cloned().map(Known::shaped),
            _ => None,
        }
    }

    fn constant(&self) -> Option<Known> {
        if let Some(tensor) = self.node.tensor("value") {
            return Some(constant(tensor));
        }
        if let Some(value) = self.node.integer("value_int") {
            return Some(Known { shape: Some(Vec::new()), value: Some(vec![value]) });
        }
        let values = self.node.integers("value_ints")?.to_vec();
        Some(Known { shape: Some(vec![Some(values.len() as u64)]), value: Some(values) })
    }

    fn broadcast(&self) -> Option<Shape> {
        let mut shape = self.shape(0)?.clone();
        for index in 1..self.inputs.len() {
            shape = broadcast(&shape, self.shape(index)?)?;
        }
        Some(shape)
    }

    fn arithmetic(&self) -> Option<Known> {
        let shape = self.broadcast();
        Some(Known { shape, value: self.computed() })
    }

    /// Arithmetic on sizes, as exporters write it.
    fn computed(&self) -> Option<Vec<i64>> {
        let (a, b) = (self.value(0)?, self.value(1)?);
        let length = a.len().max(b.len());
        if ![1, length].contains(&a.len()) || ![1, length].contains(&b.len()) {
            return None;
        }
        let one = |at: usize| {
            let (a, b) = (a[at % a.len()], b[at % b.len()]);
            match self.node.op {
                "Add" => a.checked_add(b),
                "Sub" => a.checked_sub(b),
                "Mul" => a.checked_mul(b),
                _ => a.checked_div(b),
            }
        };
        (0..length).map(one).collect()
    }

    fn shape_of(&self) -> Option<Known> {
        let shape = self.shape(0)?;
        let bound = |name, default| {
            let at = self.node.integer(name).unwrap_or(default);
            (if at < 0 { at + shape.len() as i64 } else { at }).clamp(0, shape.len() as i64) as usize
        };
        let part = shape.get(bound("start", 0)..bound("end", shape.len() as i64))?;
        let value = part.iter().map(|d| d.and_then(|d| i64::try_from(d).ok())).collect();
        Some(Known { shape: Some(vec![Some(part.len() as u64)]), value })
    }

    fn gather(&self) -> Option<Known> {
        let (data, indices) = (self.shape(0)?, self.shape(1)?);
        let axis = self.axis("axis", 0, data.len())?;
        let shape = [&data[..axis], indices, &data[axis + 1..]].concat();
        let value = self.value(0).zip(self.value(1)).and_then(|(data, indices)| {
            indices.iter().map(|i| data.get(place(*i, data.len())?).copied()).collect()
        });
        Some(Known { shape: Some(shape), value })
    }

    fn concat(&self) -> Option<Known> {
        let mut shape = self.shape(0)?.clone();
        let axis = self.axis("axis", 0, shape.len())?;
        for index in 1..self.inputs.len() {
            let more = *self.shape(index)?.get(axis)?;
            shape[axis] = shape[axis].zip(more).and_then(|(a, b)| bounded(a.checked_add(b)?));
        }
        // More of them would be longer than any list of sizes.
        let some = self.inputs.len() <= LIST;
        let values: Option<Vec<_>> =
            (0..self.inputs.len()).map(|at| self.value(at).filter(|_| some)).collect();
        Some(Known { shape: Some(shape), value: values.map(|v| v.concat()) })
    }

    fn slice(&self) -> Option<Known> {
        let mut shape = self.shape(0)?.clone();
        let (starts, ends) = (self.list("starts", 1)?, self.list("ends", 2)?);
        let axes = self.list("axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.list("steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
        let mut value = self.value(0).filter(|_| shape.len() == 1).map(<[i64]>::to_vec);
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = place(*axis, shape.len())?;
            let taken = shape[axis].and_then(|size| span(*start, *end, *step, size));
            value = value.zip(taken).filter(|_| *step == 1).and_then(|(value, (from, count))| {
                Some(value.get(from as usize..from.checked_add(count)? as usize)?.to_vec())
            });
            shape[axis] = taken.map(|(_, count)| count);
        }
        Some(Known { shape: Some(shape), value })
    }

    fn unsqueeze(&self) -> Option<Known> {
        let (mut shape, axes) = (self.shape(0)?.clone(), self.list("axes", 1)?);
        let rank = shape.len() + axes.len();
        let mut axes: Vec<_> = axes.iter().map(|a| place(*a, rank)).collect::<Option<_>>()?;
        axes.sort_unstable();
        for axis in axes {
            if axis > shape.len() {
                return None;
            }
            shape.insert(axis, Some(1));
        }
        Some(Known { shape: Some(shape), value: self.value(0).map(<[i64]>::to_vec) })
    }

    fn squeeze(&self) -> Option<Known> {
        let shape = self.shape(0)?;
        let gone: Vec<usize> = match self.list("axes", 1) {
            Some(axes) => axes.iter().map(|a| place(*a, shape.len())).collect::<Option<_>>()?,
            None => (0..shape.len()).filter(|i| shape[*i] == Some(1)).collect(),
        };
        let kept = shape.iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, d)| *d);
        Some(Known { shape: Some(kept.collect()), value: self.value(0).map(<[i64]>::to_vec) })
    }

    fn matrix_product(&self) -> Option<Shape> {
        let (a, b) = (self.shape(0)?, self.shape(1)?);
        match (a.len(), b.len()) {
            (0, _) | (_, 0) => None,
            (1, 1) => Some(Vec::new()),
            (1, n) => Some([&b[..n - 2], &b[n - 1..]].concat()),
            (m, 1) => Some(a[..m - 1].to_vec()),
            (m, n) => {
                let mut shape = broadcast(&a[..m - 2], &b[..n - 2])?;
                shape.extend([a[m - 2], b[n - 1]]);
                Some(shape)
            }
        }
    }

    fn gemm(&self) -> Option<Shape> {
        let ([a0, a1], [b0, b1]) = (self.shape(0)?.as_slice(), self.shape(1)?.as_slice()) else {
            return None;
        };
        let turned = |name| self.node.integer(name) == Some(1);
        Some(vec![if turned("transA") { *a1 } else { *a0 }, if turned("transB") { *b0 } else { *b1 }])
    }

    fn transpose(&self) -> Option<Shape> {
        let shape = self.shape(0)?;
        let Some(order) = self.node.integers("perm") else {
            return Some(shape.iter().rev().copied().collect());
        };
        order.iter().map(|i| shape.get(usize::try_from(*i).ok()?).copied()).collect()
    }

    fn reshape(&self) -> Option<Shape> {
        let wanted = self.value(1)?;
        let of_input = |at: usize| self.shape(0).and_then(|s| s.get(at).copied()).flatten();
        let mut shape: Shape = wanted
            .iter()
            .enumerate()
            .map(|(at, d)| match *d {
                0 if self.node.integer("allowzero") != Some(1) => of_input(at),
                d => size(d),
            })
            .collect();
        if let Some(rest) = wanted.iter().position(|d| *d == -1) {
            let whole: Option<u64> = self.shape(0)?.iter().try_fold(1u64, |n, d| n.checked_mul((*d)?));
            let others = shape.iter().enumerate().filter(|(at, _)| *at != rest);
            let others: Option<u64> = others.map(|(_, d)| *d).try_fold(1u64, |n, d| n.checked_mul(d?));
            shape[rest] = whole.zip(others).and_then(|(whole, others)| bounded(whole.checked_div(others)?));
        }
        Some(shape)
    }

    fn flatten(&self) -> Option<Shape> {
        let shape = self.shape(0)?;
        let axis = self.node.integer("axis").unwrap_or(1);
        let axis = usize::try_from(if axis < 0 { axis + shape.len() as i64 } else { axis }).ok()?;
        let product =
            |part: &[Option<u64>]| part.iter().try_fold(1u64, |n, d| bounded(n.checked_mul((*d)?)?));
        let (before, after) = shape.split_at_checked(axis)?;
        Some(vec![product(before), product(after)])
    }

    fn expand(&self) -> Option<Shape> {
        let to: Shape = self.value(1)?.iter().map(|d| size(*d)).collect();
        broadcast(self.shape(0)?, &to)
    }

    fn tile(&self) -> Option<Shape> {
        let (shape, times) = (self.shape(0)?, self.value(1)?);
        let tiled = |(d, n): (&Option<u64>, &i64)| bounded((*d)?.checked_mul(u64::try_from(*n).ok()?)?);
        (shape.len() == times.len()).then(|| shape.iter().zip(times).map(tiled).collect())
    }

    fn pad(&self) -> Option<Shape> {
        let (shape, pads) = (self.shape(0)?, self.list("pads", 1)?);
        // Newer ones may name the axes that are padded.
        let axes = self.value(3).map_or_else(|| (0..shape.len() as i64).collect(), <[i64]>::to_vec);
        if pads.len() != 2 * axes.len() {
            return None;
        }
        let mut padded = shape.clone();
        for (i, axis) in axes.iter().enumerate() {
            let at = place(*axis, shape.len())?;
            let grown = |d: u64| (d as i64).checked_add(pads[i])?.checked_add(pads[i + axes.len()]);
            padded[at] = padded[at].and_then(grown).and_then(size);
        }
        Some(padded)
    }

    fn reduce(&self) -> Option<Shape> {
        let shape = self.shape(0)?;
        let gone: Vec<usize> = match self.list("axes", 1) {
            Some(axes) => axes.iter().map(|a| place(*a, shape.len())).collect::<Option<_>>()?,
            None => (0..shape.len()).collect(),
        };
        let keep = self.node.integer("keepdims") != Some(0);
        let left = |(at, d): (usize, &Option<u64>)| match gone.contains(&at) {
            true => keep.then_some(Some(1)),
            false => Some(*d),
        };
        Some(shape.iter().enumerate().filter_map(left).collect())
    }

    fn split(&self) -> Option<Vec<Known>> {
        let shape = self.shape(0)?;
        let (axis, parts) = (self.axis("axis", 0, shape.len())?, self.node.outputs.len());
        let sizes: Shape = match self.list("split", 1) {
            Some(sizes) => sizes.iter().map(|s| size(*s)).collect(),
            // Equal parts, the last one what is left.
            None => {
                let whole = shape[axis];
                let part = whole.map(|w| w.div_ceil(parts.max(1) as u64));
                let at = |i: usize| Some((whole?.saturating_sub(part? * i as u64)).min(part?));
                (0..parts.min(LARGEST_SPLIT)).map(at).collect()
            }
        };
        let one = |part: Option<u64>| {
            let mut shape = shape.clone();
            shape[axis] = part;
            Known::shaped(shape)
        };
        Some(sizes.into_iter().map(one).collect())
    }

    fn recurrent(&self) -> Option<Vec<Known>> {
        let ([steps, batch, _], hidden) = (self.shape(0)?.as_slice(), self.node.integer("hidden_size")?)
        else {
            return None;
        };
        let directions = if self.node.text("direction") == Some("bidirectional") { 2 } else { 1 };
        let (directions, hidden) = (Some(directions), size(hidden));
        let last = Known::shaped(vec![directions, *batch, hidden]);
        Some(vec![Known::shaped(vec![*steps, directions, *batch, hidden]), last.clone(), last])
    }
}

/// The most parts that are told apart.
const LARGEST_SPLIT: usize = 64;

/// Operators whose output has the shape of their first input.
const KEEPS: [&str; 44] = [
    "Abs",
    "Atan",
    "BatchNormalization",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "CumSum",
    "DequantizeLinear",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "Mish",
    "Neg",
    "Not",
    "QuantizeLinear",
    "Reciprocal",
    "Relu",
    "Round",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Tanh",
];

pub(super) fn size(dim: i64) -> Option<u64> {
    bounded(u64::try_from(dim).ok()?)
}

pub(super) fn bounded(size: u64) -> Option<u64> {
    (size <= LARGEST).then_some(size)
}

/// An index, counted from the end where it is negative.
fn place(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(length as i64)? } else { index };
    usize::try_from(index).ok().filter(|at| *at < length)
}

/// Where a slice begins, and how much it takes.
fn span(start: i64, end: i64, step: i64, size: u64) -> Option<(u64, u64)> {
    if size == 0 {
        return Some((0, 0));
    }
    let size = size as i64;
    let at =
        |index: i64, low, high| (if index < 0 { index.saturating_add(size) } else { index }).clamp(low, high);
    let count = match step {
        0 => return None,
        1.. => (at(end, 0, size) - at(start, 0, size)).max(0).checked_add(step - 1)? / step,
        _ => {
            (at(start, 0, size - 1) - at(end, -1, size - 1)).max(0).checked_sub(step.checked_add(1)?)?
                / step.checked_neg()?
        }
    };
    Some((at(start, 0, size) as u64, count as u64))
}

fn broadcast(a: &[Option<u64>], b: &[Option<u64>]) -> Option<Shape> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut shape = long.to_vec();
    for (one, other) in shape.iter_mut().rev().zip(short.iter().rev()) {
        *one = match (*one, *other) {
            (Some(1), other) => other,
            (one, Some(1)) => one,
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(_), Some(_)) => return None,
            // One that is not known may be 1; the other one, if it is more, wins.
            (known, None) | (None, known) => known,
        };
    }
    Some(shape)
}
