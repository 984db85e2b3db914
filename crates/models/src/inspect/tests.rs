//! The models of this repository, ports of every family, and files that nobody should trust.

use super::family::guess;
use super::*;
use karaoke_core::Manifest;
use karaoke_core::kind::{Branch, Kind};
use proptest::prelude::*;
use std::path::Path;

fn model(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name)).unwrap()
}

fn port(name: &str, dims: &[i64]) -> Port {
    let dim = |d: &i64| u64::try_from(*d).map_or(Dim::Free("any".into()), Dim::Fixed);
    Port { name: name.into(), element: 1, dims: Some(dims.iter().map(dim).collect()) }
}

fn family(ins: &[&[i64]], outs: &[&[i64]]) -> Family {
    let ports = |shapes: &[&[i64]]| shapes.iter().map(|s| port("p", s)).collect::<Vec<_>>();
    guess(&ports(ins), &ports(outs))
}

#[test]
fn the_models_here_are_what_their_manifests_say() {
    for name in ["builtin", "centre", "identity"] {
        let bytes = model(&format!("{name}.onnx"));
        let text = String::from_utf8(model(&format!("{name}.toml"))).unwrap();
        let (facts, manifest) = (inspect(&bytes).unwrap(), Manifest::parse(&text).unwrap());
        let numbers = facts.family.numbers.expect(name);
        assert_eq!(numbers.kind(), manifest.kind, "{name}");
        match numbers {
            Numbers::Mdx { dim_f, dim_t } => {
                let mdx = manifest.mdx.unwrap();
                assert_eq!((dim_f, dim_t), (mdx.dim_f as u64, Some(mdx.dim_t as u64)));
            }
            Numbers::Waveform { segment, stems, .. } => assert_eq!((segment, stems), (65_536, 1)),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!((facts.opset, facts.cost.unknown, facts.external), (17, 0, false), "{name}");
    }
}

#[test]
fn parameters_and_cost_of_the_built_in_model() {
    let facts = inspect(&model("builtin.onnx")).unwrap();
    assert!(facts.producer.starts_with("pytorch"), "{}", facts.producer);
    assert_eq!(facts.operators["Conv"], 25);
    assert_eq!(facts.inputs[0].to_string(), "input: f32 [batch, 4, 2048, 256]");
    assert_eq!(facts.cost.counted, 25 + 6 + 10);
    // As counted in Python, over the shapes that `onnx.shape_inference` finds.
    assert_eq!(facts.parameters, PARAMETERS);
    assert!((facts.cost.flop / FLOP - 1.0).abs() < 1e-6, "{}", facts.cost.flop);
}

const PARAMETERS: u64 = 623_213;
const FLOP: f64 = 5_948_571_648.0;

#[test]
fn every_family_is_known_by_its_shapes() {
    let numbers = |ins: &[&[i64]], outs: &[&[i64]]| family(ins, outs).numbers;
    let mdx = numbers(&[&[-1, 4, 3072, 256]], &[&[-1, 4, 3072, 256]]);
    assert_eq!(mdx, Some(Numbers::Mdx { dim_f: 3072, dim_t: Some(256) }));
    let demucs = numbers(&[&[1, 2, 343_980]], &[&[1, 4, 2, 343_980]]);
    assert_eq!(demucs, Some(Numbers::Waveform { segment: 343_980, stems: 4, spectrum: None }));
    let branches =
        numbers(&[&[1, 2, 343_980], &[1, 4, 2048, 336]], &[&[1, 4, 4, 2048, 336], &[1, 4, 2, 343_980]]);
    let spectrum = Some(Branch { n_fft: 4096, hop: 1024 });
    assert_eq!(branches, Some(Numbers::Waveform { segment: 343_980, stems: 4, spectrum }));
    let spleeter = numbers(&[&[2, -1, 512, 1024]], &[&[2, -1, 512, 1024]]);
    assert_eq!(spleeter, Some(Numbers::Spleeter { dim_f: 1024, dim_t: 512, stems: 1 }));
    let shape: &[i64] = &[2, 1, 256, 1024];
    let both = numbers(&[shape], &[shape, shape]);
    assert_eq!(both, Some(Numbers::Spleeter { dim_f: 1024, dim_t: 256, stems: 2 }));
    let umx = numbers(&[&[1, 2, 2049, -1]], &[&[1, 2, 2049, -1]]);
    assert_eq!(umx, Some(Numbers::Umx { n_fft: 4096, dim_t: None }));
    let roformer = numbers(&[&[1, 2050, 801, 2]], &[&[1, 1, 2050, 801, 2]]);
    assert_eq!(roformer, Some(Numbers::Roformer { n_fft: 2048, dim_t: 801, stems: 1 }));
}

#[test]
fn what_looks_like_nothing_known_is_said_to() {
    for (ins, outs) in [
        (&[&[1i64, 3, 224, 224][..]][..], &[&[1i64, 1000][..]][..]),
        (&[&[1, 4, 2048, 256]], &[&[1, 4, 1024, 256]]),
        (&[&[1, 2, 100], &[1, 4, 7, 9]], &[&[1, 4, 2, 100], &[1, 4, 4, 7, 9]]),
        (&[], &[&[1]]),
        (&[&[1, 4, 1 << 40, 256]], &[&[1, 4, 1 << 40, 256]]),
    ] {
        let family = family(ins, outs);
        assert!(family.numbers.is_none() && !family.why.is_empty(), "{family:?}");
    }
}

/// Facts of a file of which nothing but the family is known.
fn facts(numbers: Option<Numbers>) -> Facts {
    let family = Family { numbers, why: "because".into() };
    Facts { family, ..inspect(&model("identity.onnx")).unwrap() }
}

#[test]
fn drafts_are_manifests_but_for_what_they_mark() {
    let sha = "ab".repeat(32);
    for (numbers, kind) in [
        (Numbers::Mdx { dim_f: 3072, dim_t: Some(256) }, Kind::Mdx),
        (Numbers::Mdx { dim_f: 2048, dim_t: None }, Kind::Mdx),
        (Numbers::Mdx { dim_f: 4000, dim_t: Some(512) }, Kind::Mdx),
        (Numbers::Waveform { segment: 343_980, stems: 6, spectrum: None }, Kind::Waveform),
        (
            Numbers::Waveform {
                segment: 343_980,
                stems: 3,
                spectrum: Some(Branch { n_fft: 4096, hop: 1024 }),
            },
            Kind::Waveform,
        ),
        (Numbers::Spleeter { dim_f: 1024, dim_t: 512, stems: 1 }, Kind::Spleeter),
        (Numbers::Spleeter { dim_f: 1024, dim_t: 512, stems: 2 }, Kind::Spleeter),
        (Numbers::Umx { n_fft: 4096, dim_t: None }, Kind::Umx),
        (Numbers::Roformer { n_fft: 2048, dim_t: 801, stems: 1 }, Kind::Roformer),
        (Numbers::Roformer { n_fft: 2048, dim_t: 801, stems: 4 }, Kind::Roformer),
    ] {
        let text = draft(&facts(Some(numbers)), "My \"Model\" 2.onnx", &sha, 7);
        let manifest = Manifest::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!((manifest.kind, manifest.bytes), (kind, Some(7)));
        assert_eq!((&*manifest.name, &*manifest.file), ("my--model--2", "My \"Model\" 2.onnx"));
        assert!(text.contains(FILL_IN));
    }
    let text = draft(&facts(None), "x.onnx", &sha, 7);
    let error = Manifest::parse(&text).unwrap_err().to_string();
    assert!(error.contains("kind") || error.contains("variant"), "{error}");
}

#[test]
fn what_is_no_onnx_file_is_refused() {
    assert_eq!(inspect(b"").unwrap_err(), NotOnnx::NoGraph);
    for bytes in [&b"<html>404</html>"[..], b"PK\x03\x04zip", b"\x3a\xff\xff\xff\xff\x0fshort"] {
        assert!(inspect(bytes).is_err(), "{bytes:?}");
    }
    let whole = model("centre.onnx");
    for length in (0..whole.len()).step_by(97) {
        assert!(inspect(&whole[..length]).is_err(), "cut at {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_it_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40), which in 0..2usize) {
        let mut bytes = model(["centre.onnx", "identity.onnx"][which]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(facts) = inspect(&bytes) {
            draft(&facts, "x.onnx", "", 0);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = inspect(&bytes);
    }

    /// The numbers inside shapes and attributes are what the arithmetic works on.
    #[test]
    fn no_number_makes_it_panic(
        numbers in prop::collection::vec(prop_oneof![any::<i64>(), -3i64..6, Just(i64::MIN), Just(i64::MAX)], 1..12),
        op in 0..OPS.len(),
    ) {
        let tensor = |name: &str| tensor(name, &numbers);
        let graph = [
            field(5, &tensor("a")),
            field(5, &tensor("b")),
            field(11, &input("x", &numbers)),
            field(1, &node(OPS[op], &["a", "b", "a", "b", "a"], &["c", "d"], &numbers)),
            field(1, &node(OPS[op], &["x", "a", "b", "b", "a"], &["c", "d"], &numbers)),
            field(1, &node(OPS[op], &["a", "x"], &["c", "d"], &numbers)),
            field(1, &node("MatMul", &["c", "d"], &["e"], &[])),
            field(12, &field(1, b"e")),
        ].concat();
        let facts = inspect(&field(7, &graph)).unwrap();
        prop_assert!(facts.cost.counted + facts.cost.unknown >= 1);
    }
}

const OPS: [&str; 24] = [
    "Gemm",
    "Shape",
    "Add",
    "Div",
    "Sub",
    "Mul",
    "Reshape",
    "Slice",
    "Concat",
    "Gather",
    "Expand",
    "Tile",
    "Pad",
    "Unsqueeze",
    "Squeeze",
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "Split",
    "Transpose",
    "ConstantOfShape",
    "Flatten",
    "LSTM",
    "ReduceMean",
];

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of a message that is text, bytes or a message itself.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn integer(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value as u64)].concat()
}

/// A tensor of 64-bit integers: a list of them, and, so that shapes are wild as well, of a wild shape half the time.
fn tensor(name: &str, numbers: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let dims: Vec<u8> = match numbers[0] % 2 {
        0 => integer(1, numbers.len() as i64),
        _ => numbers.iter().flat_map(|n| integer(1, *n)).collect(),
    };
    [dims, integer(2, 7), field(8, name.as_bytes()), field(9, &raw)].concat()
}

/// An input of a wild shape.
fn input(name: &str, numbers: &[i64]) -> Vec<u8> {
    let dims: Vec<u8> = numbers.iter().flat_map(|n| field(1, &integer(1, *n))).collect();
    let tensor = [integer(1, 1), field(2, &dims)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

fn node(op: &str, inputs: &[&str], outputs: &[&str], numbers: &[i64]) -> Vec<u8> {
    let mut bytes = field(4, op.as_bytes());
    bytes.extend(inputs.iter().flat_map(|name| field(1, name.as_bytes())));
    bytes.extend(outputs.iter().flat_map(|name| field(2, name.as_bytes())));
    let lists = [
        "perm",
        "axes",
        "pads",
        "strides",
        "kernel_shape",
        "split",
        "dilations",
        "output_padding",
        "starts",
        "ends",
        "steps",
    ];
    for (at, name) in lists.iter().enumerate().filter(|_| !numbers.is_empty()) {
        // Each has a list of another length.
        let list: Vec<u8> = numbers.iter().take(at + 1).flat_map(|n| integer(8, *n)).collect();
        if numbers[at % numbers.len()] % 3 != 0 {
            bytes.extend(field(5, &[field(1, name.as_bytes()), list].concat()));
        }
    }
    if numbers.first().is_some_and(|n| n % 5 == 1) {
        bytes.extend(field(5, &[field(1, b"auto_pad"), field(4, b"SAME_UPPER")].concat()));
    }
    for (name, value) in ["axis", "group", "hidden_size", "ceil_mode", "start", "end"].iter().zip(numbers) {
        bytes.extend(field(5, &[field(1, name.as_bytes()), integer(3, *value)].concat()));
    }
    bytes
}
