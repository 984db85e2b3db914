//! What each operator makes of shapes, after <https://onnx.ai/onnx/operators/>.

use super::onnx::{Node, Tensor};
use super::shape::{Known, Shape, place, size};

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
    pub(super) inputs: &'n [Option<&'n Known>],
}

impl Rule<'_, '_> {
    pub(super) fn shape(&self, index: usize) -> Option<&Shape> {
        self.inputs.get(index).copied().flatten()?.shape.as_ref()
    }

    pub(super) fn value(&self, index: usize) -> Option<&[i64]> {
        self.inputs.get(index).copied().flatten()?.value.as_deref()
    }

    /// Axes or sizes, which older operators have as attributes and newer ones as inputs.
    pub(super) fn list(&self, name: &str, index: usize) -> Option<Vec<i64>> {
        let attribute = self.node.integers(name).map(<[i64]>::to_vec);
        attribute.or_else(|| self.value(index).map(<[i64]>::to_vec))
    }

    pub(super) fn axis(&self, name: &str, default: i64, rank: usize) -> Option<usize> {
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

    pub(super) fn constant(&self) -> Option<Known> {
        if let Some(tensor) = self.node.tensor("value") {
            return Some(constant(tensor));
        }
        if let Some(value) = self.node.integer("value_int") {
            return Some(Known { shape: Some(Vec::new()), value: Some(vec![value]) });
        }
        let values = self.node.integers("value_ints")?.to_vec();
        Some(Known { shape: Some(vec![Some(values.len() as u64)]), value: Some(values) })
    }

    pub(super) fn shape_of(&self) -> Option<Known> {
        let shape = self.shape(0)?;
        let bound = |name, default| {
            let at = self.node.integer(name).unwrap_or(default);
            (if at < 0 { at + shape.len() as i64 } else { at }).clamp(0, shape.len() as i64) as usize
        };
        let part = shape.get(bound("start", 0)..bound("end", shape.len() as i64))?;
        let value = part.iter().map(|d| d.and_then(|d| i64::try_from(d).ok())).collect();
        Some(Known { shape: Some(vec![Some(part.len() as u64)]), value })
    }
}

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
