//! The parts of an ONNX file (`onnx.proto`) that tell what it is: ports, nodes, and the shapes of the weights.

use crate::protobuf::{Fields, Malformed, Value};
use std::collections::HashSet;
use std::fmt;

/// The most nodes, weights and ports that are looked at, each: the largest networks have some ten thousand.
pub(super) const MOST: usize = 1 << 19;
/// The most dimensions of a tensor, and the longest list of numbers that says something about shapes.
pub(super) const LIST: usize = 64;

/// It is no ONNX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOnnx {
    /// The bytes are not what ONNX files are made of, or end too early.
    #[error("it is no ONNX file, or a damaged one")]
    Malformed,
    /// There is nothing to run in it.
    #[error("it holds no network")]
    NoGraph,
    /// There is more in it than any network has.
    #[error("it has more parts than any network has")]
    TooLarge,
}

impl From<Malformed> for NotOnnx {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A dimension of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// So much, always.
    Fixed(u64),
    /// Anything; by this name, which may be empty.
    Free(String),
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its numbers, as ONNX counts types.
    pub element: u64,
    /// Its shape; `None` when the file does not say.
    pub dims: Option<Vec<Dim>>,
}

/// A tensor that lies in the file; its numbers only where they are a short list of integers.
#[derive(Clone, Debug, Default)]
pub(super) struct Tensor<'b> {
    pub(super) name: &'b str,
    pub(super) dims: Vec<i64>,
    pub(super) element: u64,
    pub(super) integers: Option<Vec<i64>>,
    pub(super) external: bool,
}

/// An attribute of a node.
#[derive(Clone, Debug)]
pub(super) enum Attribute<'b> {
    Integer(i64),
    Integers(Vec<i64>),
    Text(&'b str),
    Tensor(Tensor<'b>),
    /// A kind that says nothing about shapes.
    Other,
}

/// A node of the graph.
#[derive(Clone, Debug, Default)]
pub(super) struct Node<'b> {
    pub(super) op: &'b str,
    pub(super) inputs: Vec<&'b str>,
    pub(super) outputs: Vec<&'b str>,
    attributes: Vec<(&'b str, Attribute<'b>)>,
}

/// An ONNX file.
#[derive(Clone, Debug, Default)]
pub(super) struct Model<'b> {
    pub(super) producer: &'b str,
    pub(super) producer_version: &'b str,
    pub(super) opset: u64,
    pub(super) nodes: Vec<Node<'b>>,
    pub(super) weights: Vec<Tensor<'b>>,
    ports: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    pub(super) known: Vec<Port>,
}

impl<'b> Model<'b> {
    pub(super) fn parse(bytes: &'b [u8]) -> Result<Self, NotOnnx> {
        let (mut model, mut graph) = (Self::default(), None);
        for field in Fields::of(bytes) {
            match field? {
                (2, value) => model.producer = value.text()?,
                (3, value) => model.producer_version = value.text()?,
                (7, value) => graph = Some(value.bytes()?),
                (8, value) => model.opset_import(value.bytes()?)?,
                _ => {}
            }
        }
        model.graph(graph.ok_or(NotOnnx::NoGraph)?)?;
        if model.outputs.is_empty() { Err(NotOnnx::NoGraph) } else { Ok(model) }
    }

    /// The inputs, without the weights, which old files list among them.
    pub(super) fn inputs(&self) -> Vec<Port> {
        let weights: HashSet<&str> = self.weights.iter().map(|w| w.name).collect();
        self.ports.iter().filter(|p| !weights.contains(p.name.as_str())).cloned().collect()
    }

    /// Numbers in all weights and constants of floating-point types.
    pub(super) fn parameters(&self) -> u64 {
        let constants = self.nodes.iter().filter_map(|n| n.tensor("value"));
        self.weights
            .iter()
            .chain(constants)
            .filter(|t| t.is_float())
            .map(Tensor::size)
            .fold(0, u64::saturating_add)
    }

    fn opset_import(&mut self, message: &'b [u8]) -> Result<(), Malformed> {
        let (mut domain, mut version) = ("", 0);
        for field in Fields::of(message) {
            match field? {
                (1, value) => domain = value.text()?,
                (2, value) => version = value.integer()?,
                _ => {}
            }
        }
        if domain.is_empty() || domain == "ai.onnx" {
            self.opset = version;
        }
        Ok(())
    }

    fn graph(&mut self, message: &'b [u8]) -> Result<(), NotOnnx> {
        for field in Fields::of(message) {
            match field? {
                (1, value) => self.nodes.push(Node::parse(value.bytes()?)?),
                (5, value) => self.weights.push(Tensor::parse(value.bytes()?)?),
                (11, value) => self.ports.push(Port::parse(value.bytes()?)?),
                (12, value) => self.outputs.push(Port::parse(value.bytes()?)?),
                (13, value) => self.known.push(Port::parse(value.bytes()?)?),
                _ => {}
            }
            let largest = self.nodes.len().max(self.weights.len()).max(self.known.len());
            if largest.max(self.ports.len()).max(self.outputs.len()) > MOST {
                return Err(NotOnnx::TooLarge);
            }
        }
        Ok(())
    }
}

impl<'b> Node<'b> {
    fn parse(message: &'b [u8]) -> Result<Self, Malformed> {
        let mut node = Self::default();
        for field in Fields::of(message) {
            match field? {
                (1, value) => node.inputs.push(value.text()?),
                (2, value) => node.outputs.push(value.text()?),
                (4, value) => node.op = value.text()?,
                (5, value) => node.attributes.push(attribute(value.bytes()?)?),
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute(&self, name: &str) -> Option<&Attribute<'b>> {
        self.attributes.iter().find(|(n, _)| *n == name).map(|(_, attribute)| attribute)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        if let Attribute::Integer(value) = self.attribute(name)? { Some(*value) } else { None }
    }

    pub(super) fn integers(&self, name: &str) -> Option<&[i64]> {
        if let Attribute::Integers(values) = self.attribute(name)? { Some(values) } else { None }
    }

    pub(super) fn text(&self, name: &str) -> Option<&'b str> {
        if let Attribute::Text(text) = self.attribute(name)? { Some(text) } else { None }
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor<'b>> {
        if let Attribute::Tensor(tensor) = self.attribute(name)? { Some(tensor) } else { None }
    }
}

fn attribute(message: &[u8]) -> Result<(&str, Attribute<'_>), Malformed> {
    let (mut name, mut found, mut integers) = ("", Attribute::Other, Vec::new());
    for field in Fields::of(message) {
        match field? {
            (1, value) => name = value.text()?,
            (3, value) => found = Attribute::Integer(value.integer()? as i64),
            (4, value) => found = Attribute::Text(value.text()?),
            (5, value) => found = Attribute::Tensor(Tensor::parse(value.bytes()?)?),
            (8, value) => value.integers(&mut integers, LIST)?,
            _ => {}
        }
    }
    if !integers.is_empty() {
        found = Attribute::Integers(integers);
    }
    Ok((name, found))
}

/// ONNX's number of the type of 64-bit integers.
const INT64: u64 = 7;

impl<'b> Tensor<'b> {
    fn parse(message: &'b [u8]) -> Result<Self, Malformed> {
        let (mut tensor, mut raw, mut listed) = (Self::default(), None, Vec::new());
        for field in Fields::of(message) {
            match field? {
                (1, value) => value.integers(&mut tensor.dims, LIST)?,
                (2, value) => tensor.element = value.integer()?,
                (7, value) => value.integers(&mut listed, LIST)?,
                (8, value) => tensor.name = value.text()?,
                (9, value) => raw = Some(value.bytes()?),
                (13, _) => tensor.external = true,
                (14, value) => tensor.external |= value == Value::Varint(1),
                _ => {}
            }
        }
        if tensor.element == INT64 && tensor.size() <= LIST as u64 {
            let raw =
                raw.map(|raw| raw.chunks_exact(8).filter_map(|b| b.try_into().ok()).map(i64::from_le_bytes));
            let integers = raw.map_or(listed, Iterator::collect);
            tensor.integers = Some(integers).filter(|list: &Vec<_>| list.len() as u64 == tensor.size());
        }
        Ok(tensor)
    }

    /// How many numbers it holds.
    pub(super) fn size(&self) -> u64 {
        self.dims.iter().fold(1, |size: u64, dim| size.saturating_mul(u64::try_from(*dim).unwrap_or(0)))
    }

    fn is_float(&self) -> bool {
        matches!(self.element, 1 | 10 | 11 | 16)
    }
}

impl Port {
    fn parse(message: &[u8]) -> Result<Self, Malformed> {
        let mut port = Self { name: String::new(), element: 0, dims: None };
        for field in Fields::of(message) {
            match field? {
                (1, value) => port.name = value.text()?.to_owned(),
                (2, value) => port.kind(value.bytes()?)?,
                _ => {}
            }
        }
        Ok(port)
    }

    /// Reads the type of a port, of which only tensors say something.
    fn kind(&mut self, message: &[u8]) -> Result<(), Malformed> {
        for field in Fields::of(message) {
            let (1, tensor) = field? else { continue };
            for field in Fields::of(tensor.bytes()?) {
                match field? {
                    (1, value) => self.element = value.integer()?,
                    (2, value) => self.dims = Some(dims(value.bytes()?)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The type of its numbers, for people.
    pub fn type_name(&self) -> &'static str {
        match self.element {
            1 => "f32",
            2 => "u8",
            3 => "i8",
            6 => "i32",
            7 => "i64",
            9 => "bool",
            10 => "f16",
            11 => "f64",
            16 => "bf16",
            _ => "other",
        }
    }

    /// The sizes that are fixed, dimension by dimension.
    pub(super) fn fixed(&self) -> Option<Vec<Option<u64>>> {
        let fixed = |dim: &Dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None };
        self.dims.as_ref().map(|dims| dims.iter().map(fixed).collect())
    }
}

fn dims(message: &[u8]) -> Result<Vec<Dim>, Malformed> {
    let mut dims = Vec::new();
    for field in Fields::of(message) {
        let (1, dim) = field? else { continue };
        let mut read = Dim::Free(String::new());
        for field in Fields::of(dim.bytes()?) {
            match field? {
                (1, value) => read = Dim::Fixed(value.integer()?),
                (2, value) => read = Dim::Free(value.text()?.to_owned()),
                _ => {}
            }
        }
        if dims.len() < LIST {
            dims.push(read);
        }
    }
    Ok(dims)
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ", self.name, self.type_name())?;
        let Some(dims) = &self.dims else { return f.write_str("of unknown shape") };
        let shown = dims.iter().map(|dim| match dim {
            Dim::Fixed(size) => size.to_string(),
            Dim::Free(name) if name.is_empty() => "?".to_owned(),
            Dim::Free(name) => name.clone(),
        });
        write!(f, "[{}]", shown.collect::<Vec<_>>().join(", "))
    }
}
