//! Networks that were made of other programs' weights give what those programs' definitions say.

use super::{root, runtime};
use crate::runtime::Loader;
use karaoke_core::manifest::{Conversion, SourceFormat};
use karaoke_models::{Weights, convert};
use std::collections::BTreeMap;

const FRAMES: usize = 64;
const BINS: usize = 1024;

#[test]
fn a_converted_checkpoint_gives_what_tensorflows_definitions_say() {
    let place = root().join("crates/models/src/convert/tests");
    let conversion = Conversion {
        format: SourceFormat::SpleeterCheckpoint,
        file: "tiny.whl".into(),
        sha256: String::new(),
        bytes: None,
        member: "spleeter/pretrained_models/2stems/model".into(),
        frames: FRAMES,
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    convert(&conversion, &place.join("tiny.whl"), &mut file).unwrap();
    let shape: &[usize] = &[2, 1, FRAMES, BINS];
    let weights = Weights::File(file.path().to_owned());
    let mut network = Loader::new(runtime(), 1).open(&weights, &[shape], &[shape, shape]).unwrap();
    for (index, x) in network.input(0).iter_mut().enumerate() {
        let (at, channel) = (index % (FRAMES * BINS), index / (FRAMES * BINS));
        *x = (1.0 + (0.37 * at as f64 + channel as f64).sin()) as f32;
    }
    let expected = std::fs::read(place.join("expected.json")).unwrap();
    let expected: BTreeMap<String, Vec<f64>> = serde_json::from_slice(&expected).unwrap();
    let outputs = network.run().unwrap();
    for (output, stem) in ["vocals", "accompaniment"].into_iter().enumerate() {
        for channel in 0..2 {
            for (place, want) in expected["places"].iter().zip(&expected[&format!("{stem}{channel}")]) {
                let got = outputs.samples(output).unwrap()[channel * FRAMES * BINS + *place as usize];
                assert!(
                    (f64::from(got) - want).abs() < 1e-5,
                    "{stem} {channel} at {place}: {got}, not {want}"
                );
            }
        }
    }
}
