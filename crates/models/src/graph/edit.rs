//! An ONNX graph (`onnx.proto`) taken apart so that it can be changed, and put together again. What is not changed is written
//! with the fields it had.

use crate::protobuf::{Fields, Malformed, Value, put_bytes, put_value, put_varint};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// `TensorProto.FLOAT` and `TensorProto.INT64`.
const FLOAT: u64 = 1;
const INT64: u64 = 7;

pub(super) type Text<'b> = Cow<'b, str>;

/// A node. Attributes are `AttributeProto`s as they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Node<'b> {
    pub(super) op: &'b str,
    pub(super) inputs: Vec<Text<'b>>,
    pub(super) outputs: Vec<Text<'b>>,
    attributes: Vec<(&'b str, &'b [u8])>,
    rest: Vec<(u64, Value<'b>)>,
}

/// A constant tensor.
#[derive(Clone, Debug)]
pub(super) struct Weight<'b> {
    pub(super) name: Text<'b>,
    pub(super) dims: Vec<i64>,
    element: u64,
    /// Its bytes, little-endian, where the file has them so.
    raw: Option<Cow<'b, [u8]>>,
    /// What else the file says of it.
    rest: Vec<(u64, Value<'b>)>,
}

/// A model's graph.
#[derive(Debug)]
pub(super) struct Graph<'b> {
    pub(super) nodes: Vec<Node<'b>>,
    weights: Vec<Weight<'b>>,
    /// Where in `weights` the one with a name lies.
    places: HashMap<String, usize>,
    inputs: Vec<&'b [u8]>,
    outputs: Vec<&'b [u8]>,
    /// What the graph and the model say besides.
    rest: Vec<(u64, Value<'b>)>,
    model: Vec<(u64, Value<'b>)>,
    made: usize,
}

impl<'b> Graph<'b> {
    /// None when it is no ONNX file, or has what changes here do not reach: graphs within graphs, functions, weights in other
    /// files.
    pub(super) fn parse(model: &'b [u8]) -> Option<Self> {
        let mut parsed = Self {
            nodes: Vec::new(),
            weights: Vec::new(),
            places: HashMap::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            rest: Vec::new(),
            model: Vec::new(),
            made: 0,
        };
        let mut graph = None;
        for field in Fields::of(model) {
            match field.ok()? {
                (7, value) => graph = Some(value.bytes().ok()?),
                (25, _) => return None,
                other => parsed.model.push(other),
            }
        }
        for field in Fields::of(graph?) {
            match field.ok()? {
                (1, value) => parsed.nodes.push(Node::parse(value.bytes().ok()?)?),
                (5, value) => parsed.add(Weight::parse(value.bytes().ok()?)?),
                (11, value) => parsed.inputs.push(value.bytes().ok()?),
                (12, value) => parsed.outputs.push(value.bytes().ok()?),
                // Shapes of what lies between: with other shapes of the inputs they are no longer true.
                (13, _) => {}
                other => parsed.rest.push(other),
            }
        }
        Some(parsed)
    }

    /// The file, with the free dimensions of those names fixed; with `free_batch`, the first of every input and output may be
    /// any, whatever it was.
    pub(super) fn write(&self, sizes: &HashMap<&str, u64>, free_batch: bool) -> Option<Vec<u8>> {
        let mut graph = Vec::new();
        for node in &self.nodes {
            put_bytes(&mut graph, 1, &node.write());
        }
        for (number, value) in &self.rest {
            put_value(&mut graph, *number, *value);
        }
        for weight in &self.weights {
            put_bytes(&mut graph, 5, &weight.write());
        }
        for (number, ports) in [(11, &self.inputs), (12, &self.outputs)] {
            for port in ports {
                put_bytes(&mut graph, number, &fixed(port, sizes, free_batch).ok()?);
            }
        }
        let mut model = Vec::with_capacity(graph.len() + 256);
        for (number, value) in &self.model {
            put_value(&mut model, *number, *value);
        }
        put_bytes(&mut model, 7, &graph);
        Some(model)
    }

    pub(super) fn weight(&self, name: &str) -> Option<&Weight<'b>> {
        self.places.get(name).map(|at| &self.weights[*at])
    }

    /// Adds a constant, or puts it in the place of the one with that name.
    pub(super) fn add(&mut self, weight: Weight<'b>) {
        match self.places.get(&*weight.name) {
            Some(at) => self.weights[*at] = weight,
            None => {
                self.places.insert(weight.name.to_string(), self.weights.len());
                self.weights.push(weight);
            }
        }
    }

    /// Adds 32-bit floats under a name of their own, which is returned.
    pub(super) fn add_floats(&mut self, dims: Vec<i64>, values: &[f32]) -> Text<'b> {
        let name = self.name("weights");
        self.put_floats(name.clone(), dims, values);
        name
    }

    /// Adds 32-bit floats under that name.
    pub(super) fn put_floats(&mut self, name: Text<'b>, dims: Vec<i64>, values: &[f32]) {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        self.add(Weight { name, dims, element: FLOAT, raw: Some(raw.into()), rest: Vec::new() });
    }

    /// Adds a list of 64-bit integers under a name of its own, which is returned.
    pub(super) fn add_integers(&mut self, values: &[i64]) -> Text<'b> {
        let name = self.name("shape");
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let dims = vec![values.len() as i64];
        self.add(Weight {
            name: name.clone(),
            dims,
            element: INT64,
            raw: Some(raw.into()),
            rest: Vec::new(),
        });
        name
    }

    /// A name that no file has.
    pub(super) fn name(&mut self, what: &str) -> Text<'b> {
        self.made += 1;
        format!("karaoke_{what}_{}", self.made).into()
    }

    /// Names of the graph's outputs.
    pub(super) fn results(&self) -> HashSet<String> {
        self.outputs.iter().filter_map(|port| port_name(port)).map(str::to_owned).collect()
    }

    /// The inputs, weights that old files list among them left out: name, and size or name of each dimension.
    pub(super) fn ports(&self) -> Vec<(&'b str, Vec<Dimension<'b>>)> {
        let real = |port: &&'b [u8]| Some((port_name(port)?, dimensions(port)?));
        self.inputs.iter().filter_map(real).filter(|(name, _)| self.weight(name).is_none()).collect()
    }

    /// How often each name is used: by nodes, and as a result.
    pub(super) fn uses(&self) -> HashMap<String, usize> {
        let mut uses = HashMap::new();
        let used = self.nodes.iter().flat_map(|node| &node.inputs).map(|name| name.to_string());
        for name in used.chain(self.results()) {
            *uses.entry(name).or_insert(0) += 1;
        }
        uses
    }

    /// Drops the constants that nothing uses.
    pub(super) fn drop_unused(&mut self) {
        let uses = self.uses();
        let listed: HashSet<&str> = self.inputs.iter().filter_map(|port| port_name(port)).collect();
        self.weights.retain(|w| uses.contains_key(&*w.name) || listed.contains(&*w.name));
        self.places = self.weights.iter().enumerate().map(|(at, w)| (w.name.to_string(), at)).collect();
    }
}

impl<'b> Node<'b> {
    /// A node without attributes and with one output.
    pub(super) fn new(op: &'static str, inputs: Vec<Text<'b>>, output: Text<'b>) -> Self {
        Self { op, inputs, outputs: vec![output], ..Self::default() }
    }

    fn parse(message: &'b [u8]) -> Option<Self> {
        let mut node = Self::default();
        for field in Fields::of(message) {
            match field.ok()? {
                (1, value) => node.inputs.push(text(value)?.into()),
                (2, value) => node.outputs.push(text(value)?.into()),
                (4, value) => node.op = text(value)?,
                (5, value) => node.attributes.push(attribute(value.bytes().ok()?)?),
                other => node.rest.push(other),
            }
        }
        // An operator of another domain may be anything.
        let foreign = node
            .rest
            .iter()
            .any(|(number, value)| *number == 7 && !matches!(text(*value), Some("" | "ai.onnx")));
        if foreign {
            node.op = "";
        }
        Some(node)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.inputs.iter().for_each(|name| put_bytes(&mut out, 1, name.as_bytes()));
        self.outputs.iter().for_each(|name| put_bytes(&mut out, 2, name.as_bytes()));
        put_bytes(&mut out, 4, self.op.as_bytes());
        self.attributes.iter().for_each(|(_, attribute)| put_bytes(&mut out, 5, attribute));
        self.rest.iter().for_each(|(number, value)| put_value(&mut out, *number, *value));
        out
    }

    /// Its only output; none of a node with several.
    pub(super) fn output(&self) -> Option<&Text<'b>> {
        if let [output] = self.outputs.as_slice() { Some(output) } else { None }
    }

    fn attribute(&self, name: &str, number: u64) -> Option<Value<'b>> {
        let (_, message) = self.attributes.iter().find(|(n, _)| *n == name)?;
        Fields::of(message).filter_map(Result::ok).find(|(field, _)| *field == number).map(|(_, value)| value)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        if let Value::Fixed32(bits) = self.attribute(name, 2)? { Some(f32::from_bits(bits)) } else { None }
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.attribute(name, 3)?.integer().ok().map(|value| value as i64)
    }

    pub(super) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let (_, message) = self.attributes.iter().find(|(n, _)| *n == name)?;
        let mut found = Vec::new();
        for field in Fields::of(message) {
            if let (8, value) = field.ok()? {
                value.integers(&mut found, 64).ok()?;
            }
        }
        Some(found)
    }

    /// The constant in its attribute `value`, named as its output.
    pub(super) fn constant(&self) -> Option<Weight<'b>> {
        let mut weight = Weight::parse(self.attribute("value", 5)?.bytes().ok()?)?;
        weight.name = self.output()?.clone();
        Some(weight)
    }
}

impl<'b> Weight<'b> {
    fn parse(message: &'b [u8]) -> Option<Self> {
        let mut weight = Self { name: "".into(), dims: Vec::new(), element: 0, raw: None, rest: Vec::new() };
        for field in Fields::of(message) {
            match field.ok()? {
                (1, value) => value.integers(&mut weight.dims, 64).ok()?,
                (2, value) => weight.element = value.integer().ok()?,
                (8, value) => weight.name = text(value)?.into(),
                (9, value) => weight.raw = Some(value.bytes().ok()?.into()),
                // Its bytes lie in another file.
                (13, _) | (14, Value::Varint(1)) => return None,
                other => weight.rest.push(other),
            }
        }
        Some(weight)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.raw.as_ref().map_or(0, |raw| raw.len()) + 64);
        self.dims.iter().for_each(|dim| put_varint(&mut out, 1, *dim as u64));
        put_varint(&mut out, 2, self.element);
        self.rest.iter().for_each(|(number, value)| put_value(&mut out, *number, *value));
        put_bytes(&mut out, 8, self.name.as_bytes());
        if let Some(raw) = &self.raw {
            put_bytes(&mut out, 9, raw);
        }
        out
    }

    /// Its numbers; none when they are not 32-bit floats, or not as many as its dimensions say.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        let size = self.dims.iter().try_fold(1usize, |n, d| n.checked_mul(usize::try_from(*d).ok()?))?;
        if self.element != FLOAT {
            return None;
        }
        let mut values = Vec::new();
        let mut take =
            |bytes: &[u8]| values.extend(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)));
        match &self.raw {
            Some(raw) => take(raw),
            None => {
                for (number, value) in &self.rest {
                    match (number, value) {
                        (4, Value::Bytes(packed)) => take(packed),
                        (4, Value::Fixed32(bits)) => take(&bits.to_le_bytes()),
                        _ => {}
                    }
                }
            }
        }
        (values.len() == size).then_some(values)
    }
}

/// A dimension of a port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dimension<'b> {
    Fixed(u64),
    /// By this name, which may be empty.
    Free(&'b str),
}

fn text(value: Value<'_>) -> Option<&str> {
    std::str::from_utf8(value.bytes().ok()?).ok()
}

/// Name and message of an attribute; none of one that holds a graph.
fn attribute(message: &[u8]) -> Option<(&str, &[u8])> {
    let mut name = "";
    for field in Fields::of(message) {
        match field.ok()? {
            (1, value) => name = text(value)?,
            (6 | 11, _) => return None,
            _ => {}
        }
    }
    Some((name, message))
}

fn port_name(port: &[u8]) -> Option<&str> {
    Fields::of(port)
        .filter_map(Result::ok)
        .find(|(number, _)| *number == 1)
        .and_then(|(_, value)| text(value))
}

/// The dimensions of a `ValueInfoProto` (type, tensor type, shape); none when it has none.
fn dimensions(port: &[u8]) -> Option<Vec<Dimension<'_>>> {
    let inner = |message, wanted| {
        Fields::of(message).filter_map(Result::ok).find(|(number, _)| *number == wanted)?.1.bytes().ok()
    };
    let shape: &[u8] = inner(inner(inner(port, 2)?, 1)?, 2)?;
    let mut found = Vec::new();
    for field in Fields::of(shape) {
        let (1, dimension) = field.ok()? else { continue };
        let mut read = Dimension::Free("");
        for field in Fields::of(dimension.bytes().ok()?) {
            match field.ok()? {
                (1, value) => read = Dimension::Fixed(value.integer().ok()?),
                (2, value) => read = Dimension::Free(text(value)?),
                _ => {}
            }
        }
        found.push(read);
    }
    Some(found)
}

/// A `ValueInfoProto` whose dimensions with the names in `sizes` are of that size; with `free_batch`, its first may be any.
fn fixed(port: &[u8], sizes: &HashMap<&str, u64>, free_batch: bool) -> Result<Vec<u8>, Malformed> {
    /// `path`: the numbers of the fields within which the dimensions lie.
    fn copy(
        message: &[u8],
        path: &[u64],
        dimension: &mut impl FnMut(&[u8]) -> Vec<u8>,
    ) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        for field in Fields::of(message) {
            match (field?, path) {
                ((number, value), [last]) if number == *last => {
                    put_bytes(&mut out, number, &dimension(value.bytes()?))
                }
                ((number, value), [first, rest @ ..]) if number == *first => {
                    put_bytes(&mut out, number, &copy(value.bytes()?, rest, dimension)?);
                }
                ((number, value), _) => put_value(&mut out, number, value),
            }
        }
        Ok(out)
    }
    let mut first = true;
    copy(port, &[2, 1, 2, 1], &mut |dimension| {
        let mut out = Vec::new();
        let name = Fields::of(dimension).filter_map(Result::ok).find(|(number, _)| *number == 2);
        match name.and_then(|(_, name)| sizes.get(text(name)?)) {
            _ if std::mem::take(&mut first) && free_batch => put_bytes(&mut out, 2, b"karaoke_batch"),
            Some(size) => put_varint(&mut out, 1, *size),
            None => out.extend_from_slice(dimension),
        }
        out
    })
}
