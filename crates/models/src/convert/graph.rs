//! Writes ONNX files: a graph, node by node, as protobuf (`onnx.proto3`), the same bytes each time.

use crate::protobuf::{put_bytes, put_varint};

/// The version of the file format, and of the operators.
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;
/// `TensorProto.FLOAT`, and the types of attributes.
const FLOAT: u64 = 1;
const ATTRIBUTE_FLOAT: u64 = 1;
const ATTRIBUTE_INTS: u64 = 7;
const ATTRIBUTE_INT: u64 = 2;

/// What is said of a node besides its inputs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attribute<'a> {
    Float(f32),
    Integer(i64),
    Integers(&'a [i64]),
}

/// A graph of 32-bit floats under construction.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Fields of the `GraphProto`, by kind.
    nodes: Vec<u8>,
    weights: Vec<u8>,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    counted: usize,
}

impl Graph {
    /// Adds an input.
    pub(super) fn input(&mut self, name: &str, dims: &[usize]) -> String {
        put_bytes(&mut self.inputs, 11, &port(name, dims));
        name.to_owned()
    }

    /// Adds an output, which a node has to give.
    pub(super) fn output(&mut self, name: &str, dims: &[usize]) {
        put_bytes(&mut self.outputs, 12, &port(name, dims));
    }

    /// Adds constant numbers, little-endian; returns their name.
    pub(super) fn weight(&mut self, dims: &[usize], bytes: &[u8]) -> String {
        let name = self.name("w");
        let mut tensor = Vec::with_capacity(bytes.len() + 64);
        dims.iter().for_each(|dim| put_varint(&mut tensor, 1, *dim as u64));
        put_varint(&mut tensor, 2, FLOAT);
        put_bytes(&mut tensor, 8, name.as_bytes());
        put_bytes(&mut tensor, 9, bytes);
        put_bytes(&mut self.weights, 5, &tensor);
        name
    }

    /// Adds a node with one output; returns that output's name.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> String {
        let output = self.name("t");
        self.node_to(op, inputs, attributes, &output);
        output
    }

    /// Adds a node whose output has that name.
    pub(super) fn node_to(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute<'_>)],
        output: &str,
    ) {
        let mut node = Vec::new();
        inputs.iter().for_each(|input| put_bytes(&mut node, 1, input.as_bytes()));
        put_bytes(&mut node, 2, output.as_bytes());
        put_bytes(&mut node, 3, output.as_bytes());
        put_bytes(&mut node, 4, op.as_bytes());
        for (name, value) in attributes {
            put_bytes(&mut node, 5, &attribute(name, *value));
        }
        put_bytes(&mut self.nodes, 1, &node);
    }

    /// The whole file.
    pub(super) fn finish(self, name: &str) -> Vec<u8> {
        let mut graph = self.nodes;
        put_bytes(&mut graph, 2, name.as_bytes());
        graph.extend(self.weights);
        graph.extend(self.inputs);
        graph.extend(self.outputs);
        let mut opset = Vec::new();
        put_bytes(&mut opset, 1, b"");
        put_varint(&mut opset, 2, OPSET);
        let mut model = Vec::with_capacity(graph.len() + 64);
        put_varint(&mut model, 1, IR_VERSION);
        put_bytes(&mut model, 2, b"karaoke");
        put_bytes(&mut model, 7, &graph);
        put_bytes(&mut model, 8, &opset);
        model
    }

    fn name(&mut self, prefix: &str) -> String {
        self.counted += 1;
        format!("{prefix}{}", self.counted)
    }
}

/// A `ValueInfoProto`.
fn port(name: &str, dims: &[usize]) -> Vec<u8> {
    let (mut shape, mut tensor, mut kind, mut port) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for dim in dims {
        let mut value = Vec::new();
        put_varint(&mut value, 1, *dim as u64);
        put_bytes(&mut shape, 1, &value);
    }
    put_varint(&mut tensor, 1, FLOAT);
    put_bytes(&mut tensor, 2, &shape);
    put_bytes(&mut kind, 1, &tensor);
    put_bytes(&mut port, 1, name.as_bytes());
    put_bytes(&mut port, 2, &kind);
    port
}

/// An `AttributeProto`.
fn attribute(name: &str, value: Attribute<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1, name.as_bytes());
    let kind = match value {
        Attribute::Float(number) => {
            // Field 2, four bytes.
            out.push(2 << 3 | 5);
            out.extend(number.to_le_bytes());
            ATTRIBUTE_FLOAT
        }
        Attribute::Integer(number) => {
            put_varint(&mut out, 3, number as u64);
            ATTRIBUTE_INT
        }
        Attribute::Integers(numbers) => {
            numbers.iter().for_each(|number| put_varint(&mut out, 8, *number as u64));
            ATTRIBUTE_INTS
        }
    };
    put_varint(&mut out, 20, kind);
    out
}
