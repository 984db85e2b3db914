//! A change to networks before OpenVINO compiles them, which spares most of their memory.
//!
//! OpenVINO 2025.4 folds a batch norm into the product before it: the weights are copied for every channel, and a
//! 53 MB MDX-Net takes 1.2 GB. A product of two dimensions, reshaped before and after, is left alone. The numbers
//! are the same sums in the same order.

use std::collections::HashMap;

/// `BYTES` of the protobuf wire format: a length and so many bytes follow.
const LEN: u64 = 2;

/// A field of a protobuf message: its number, its wire type, its bytes as they stand, and the payload of those
/// that have a length.
struct Field<'a> {
    number: u64,
    whole: &'a [u8],
    payload: &'a [u8],
}

/// The same network with every product that a batch norm follows put between reshapes; none when there is no such
/// product, or when the file is not understood. For a batch of one.
pub(super) fn reshaped(model: &[u8]) -> Option<Vec<u8>> {
    let fields = fields(model)?;
    let graph = fields.iter().find(|f| f.number == 7)?;
    let new = rewritten(graph.payload)?;
    let mut out = Vec::with_capacity(model.len() + 4096);
    for field in &fields {
        if field.number == 7 { put(&mut out, 7, &new) } else { out.extend_from_slice(field.whole) }
    }
    Some(out)
}

/// The graph with its products reshaped.
fn rewritten(graph: &[u8]) -> Option<Vec<u8>> {
    let fields = fields(graph)?;
    let sizes: HashMap<&str, Vec<u64>> =
        fields.iter().filter(|f| f.number == 5).filter_map(|f| tensor(f.payload)).collect();
    // Of each batch norm, what it takes and how many channels that has.
    let nodes = fields.iter().filter(|f| f.number == 1);
    let norms: HashMap<&str, u64> = nodes.filter_map(|f| norm(f.payload, &sizes)).collect();
    let (mut out, mut count) = (Vec::with_capacity(graph.len() + 4096), 0);
    for field in &fields {
        match (field.number == 1).then(|| product(field.payload, &sizes, &norms)).flatten() {
            Some(product) => {
                product.write(&mut out, count);
                count += 1;
            }
            None => out.extend_from_slice(field.whole),
        }
    }
    (count > 0).then_some(out)
}

/// `y = x · w`, where `w` is a constant of two dimensions and `y` has `channels` channels.
struct Product<'a> {
    x: &'a str,
    w: &'a str,
    y: &'a str,
    inner: u64,
    outer: u64,
    channels: u64,
}

impl Product<'_> {
    /// Writes three nodes and two constants into a graph; `number` makes their names unique.
    fn write(&self, graph: &mut Vec<u8>, number: usize) {
        let name = |what: &str| format!("karaoke_{what}_{number}");
        let (flat, wide) = (name("flat"), name("wide"));
        let (x, y) = (name("x"), name("y"));
        put(graph, 5, &shape(&flat, &[-1, self.inner as i64]));
        put(graph, 5, &shape(&wide, &[1, self.channels as i64, -1, self.outer as i64]));
        put(graph, 1, &node("Reshape", [self.x, &flat], &x));
        put(graph, 1, &node("MatMul", [&x, self.w], &y));
        put(graph, 1, &node("Reshape", [&y, &wide], self.y));
    }
}

/// The product that a node is, if it is one of those.
fn product<'a>(
    bytes: &'a [u8],
    sizes: &HashMap<&str, Vec<u64>>,
    norms: &HashMap<&str, u64>,
) -> Option<Product<'a>> {
    let (operator, inputs, outputs) = parts(bytes)?;
    let (&[x, w], &[y]) = (inputs.as_slice(), outputs.as_slice()) else { return None };
    let (&[inner, outer], true) = (sizes.get(w)?.as_slice(), operator == "MatMul") else { return None };
    let channels = *norms.get(y)?;
    // ONNX Runtime (1.24) fuses a norm into a product in spite of a reshape between them, wrongly, where the product
    // has as many columns as the norm has channels.
    (outer != channels).then_some(Product { x, w, y, inner, outer, channels })
}

/// What a batch norm takes, and its number of channels.
fn norm<'a>(bytes: &'a [u8], sizes: &HashMap<&str, Vec<u64>>) -> Option<(&'a str, u64)> {
    let (operator, inputs, _) = parts(bytes)?;
    let (&[x, scale, ..], true) = (inputs.as_slice(), operator == "BatchNormalization") else { return None };
    let &[channels] = sizes.get(scale)?.as_slice() else { return None };
    Some((x, channels))
}

/// Operator, inputs and outputs of a NodeProto.
fn parts(node: &[u8]) -> Option<(&str, Vec<&str>, Vec<&str>)> {
    let fields = fields(node)?;
    let texts = |number| -> Option<Vec<&str>> {
        fields.iter().filter(|f| f.number == number).map(|f| std::str::from_utf8(f.payload).ok()).collect()
    };
    Some((texts(4)?.first().copied()?, texts(1)?, texts(2)?))
}

/// Name and dimensions of a TensorProto.
fn tensor(bytes: &[u8]) -> Option<(&str, Vec<u64>)> {
    let (mut name, mut dims) = ("", Vec::new());
    for field in fields(bytes)? {
        match field.number {
            8 => name = std::str::from_utf8(field.payload).ok()?,
            1 => {
                let mut rest = field.payload;
                while !rest.is_empty() {
                    dims.push(varint(&mut rest)?);
                }
            }
            _ => {}
        }
    }
    Some((name, dims))
}

/// A NodeProto.
fn node(operator: &str, inputs: [&str; 2], output: &str) -> Vec<u8> {
    let mut out = Vec::new();
    inputs.iter().for_each(|input| put(&mut out, 1, input.as_bytes()));
    put(&mut out, 2, output.as_bytes());
    put(&mut out, 4, operator.as_bytes());
    out
}

/// A TensorProto of 64-bit integers.
fn shape(name: &str, values: &[i64]) -> Vec<u8> {
    const INT64: u64 = 7;
    let mut out = Vec::new();
    put_varint(&mut out, 1 << 3);
    put_varint(&mut out, values.len() as u64);
    put_varint(&mut out, 2 << 3);
    put_varint(&mut out, INT64);
    put(&mut out, 8, name.as_bytes());
    put(&mut out, 9, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    out
}

/// The fields of a message; of a varint the payload is the varint. None when it is cut off or of an unknown form.
fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let (mut rest, mut found) = (message, Vec::new());
    while !rest.is_empty() {
        let begin = rest;
        let key = varint(&mut rest)?;
        let payload = match key & 7 {
            0 => {
                let at = rest;
                varint(&mut rest)?;
                &at[..at.len() - rest.len()]
            }
            1 => rest.split_off(..8)?,
            LEN => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest.split_off(..length)?
            }
            5 => rest.split_off(..4)?,
            _ => return None,
        };
        found.push(Field { number: key >> 3, whole: &begin[..begin.len() - rest.len()], payload });
    }
    Some(found)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put(out: &mut Vec<u8>, number: u64, payload: &[u8]) {
    put_varint(out, number << 3 | LEN);
    put_varint(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats(name: &str, dims: &[u64]) -> Vec<u8> {
        let mut out = Vec::new();
        for dim in dims {
            put_varint(&mut out, 1 << 3);
            put_varint(&mut out, *dim);
        }
        put(&mut out, 8, name.as_bytes());
        out
    }

    fn model(norm_takes: &str) -> Vec<u8> {
        model_of(norm_takes, 48)
    }

    fn model_of(norm_takes: &str, channels: u64) -> Vec<u8> {
        let mut graph = Vec::new();
        put(&mut graph, 1, &node("MatMul", ["x", "w"], "y"));
        let mut norm = node("BatchNormalization", [norm_takes, "s"], "z");
        put(&mut norm, 1, b"b");
        put(&mut graph, 1, &norm);
        put(&mut graph, 5, &floats("w", &[8, 2]));
        put(&mut graph, 5, &floats("s", &[channels]));
        let mut model = Vec::new();
        put_varint(&mut model, 1 << 3);
        put_varint(&mut model, 8);
        put(&mut model, 7, &graph);
        model
    }

    #[test]
    fn a_product_before_a_norm_is_put_between_reshapes() {
        let new = reshaped(&model("y")).unwrap();
        let graph = fields(&new).unwrap().into_iter().find(|f| f.number == 7).unwrap().payload;
        let all = fields(graph).unwrap();
        let operators: Vec<&str> =
            all.iter().filter(|f| f.number == 1).map(|f| parts(f.payload).unwrap().0).collect();
        assert_eq!(operators, ["Reshape", "MatMul", "Reshape", "BatchNormalization"]);
        let shapes: Vec<Vec<u64>> =
            all.iter().filter(|f| f.number == 5).map(|f| tensor(f.payload).unwrap().1).collect();
        assert_eq!(shapes, [vec![2], vec![4], vec![8, 2], vec![48]]);
        assert!(reshaped(&new).is_none(), "what is changed is left alone");
    }

    #[test]
    fn other_networks_are_left_alone() {
        assert!(reshaped(&model("x")).is_none());
        assert!(reshaped(&model_of("y", 2)).is_none(), "as many channels as columns");
        assert!(reshaped(include_bytes!("../../../models/identity.onnx")).is_none());
        assert!(reshaped(b"no model").is_none());
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = model("y");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = reshaped(&bytes);
        }
    }
}
