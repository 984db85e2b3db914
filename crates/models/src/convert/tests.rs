use super::*;
use crate::inspect::{Dim, Numbers, inspect};
use std::path::PathBuf;

/// A wheel with a checkpoint of one or two channels a layer; `tests/make.py` writes it.
fn wheel() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/convert/tests/tiny.whl")
}

fn conversion(member: &str, frames: usize) -> Conversion {
    Conversion {
        format: SourceFormat::SpleeterCheckpoint,
        file: "tiny.whl".into(),
        sha256: String::new(),
        bytes: None,
        member: member.into(),
        frames,
    }
}

fn made(member: &str, frames: usize) -> Result<Vec<u8>, ConvertError> {
    let mut out = Vec::new();
    convert(&conversion(member, frames), &wheel(), &mut out).map(|()| out)
}

const MEMBER: &str = "spleeter/pretrained_models/2stems/model";

#[test]
fn a_checkpoint_becomes_a_network_the_same_each_time() {
    let onnx = made(MEMBER, 128).unwrap();
    assert!(onnx == made(MEMBER, 128).unwrap());
    let facts = inspect(&onnx).unwrap();
    let shape = Some([2, 1, 128, 1024].map(Dim::Fixed).to_vec());
    let ports: Vec<_> =
        facts.inputs.iter().chain(&facts.outputs).map(|p| (p.name.as_str(), p.dims.clone())).collect();
    assert_eq!(ports, ["magnitudes", "vocals", "accompaniment"].map(|name| (name, shape.clone())));
    let count = |op: &str| facts.operators.get(op).copied();
    assert_eq!(
        ["Conv", "ConvTranspose", "BatchNormalization", "Concat", "Sigmoid"].map(count),
        [14, 12, 22, 10, 2].map(Some),
        "of a batch norm behind the last convolution nothing is used"
    );
    assert_eq!(facts.family.numbers, Some(Numbers::Spleeter { dim_f: 1024, dim_t: 128, stems: 2 }));
}

#[test]
fn what_cannot_be_made_is_told() {
    for (member, frames, what) in [
        ("spleeter/pretrained_models/5stems/model", 64, "5stems/model.index"),
        (MEMBER, 100, "multiple of 64"),
        (MEMBER, 0, "multiple of 64"),
    ] {
        let error = made(member, frames).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = convert(&conversion(MEMBER, 64), &text, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("archive"), "{error}");
    let gone = convert(&conversion(MEMBER, 64), Path::new("/nowhere.whl"), &mut Vec::new());
    assert!(matches!(gone, Err(ConvertError::Io(_))));
}
