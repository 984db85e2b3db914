//! Execution providers on the machine at hand. A process loads one ONNX Runtime, so this is a program of its own.

#![allow(clippy::unwrap_used)] // a test

use karaoke_core::Manifest;
use karaoke_models::{Catalogue, Weights};
use karaoke_worker::{Loader, Provider, Runtime, Separator, Wanted, kinds};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Seeded noise between −0.5 and 0.5.
fn noise(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..len).map(|_| next()).collect()
}

/// What a window of noise becomes by the built-in network.
fn separated(loader: &Loader, catalogue: &Catalogue, manifest: &Manifest) -> Vec<f32> {
    let mut model: Box<dyn Separator> = kinds::open(loader, catalogue, manifest).unwrap();
    let (left, right) = (noise(1, model.window()), noise(2, model.window()));
    let mut out = vec![0.0; 2 * model.stems() * model.window()];
    model.separate([&left, &right], 1.0, &mut out).unwrap();
    out
}

fn snr(got: &[f32], want: &[f32]) -> f64 {
    let power: f64 = want.iter().map(|s| f64::from(*s).powi(2)).sum();
    let error: f64 = got.iter().zip(want).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    10.0 * (power / error.max(1e-30)).log10()
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|s| s.to_bits()).collect()
}

/// Small networks as PyTorch writes them, which are changed for OpenVINO more than for the processor.
fn files_of_every_exporter_give_nearly_the_same(runtime: &Runtime, exact: &Manifest) {
    let shape: &[usize] = &[1, 4, 24, 16];
    let folder = root().join("crates/models/src/graph/tests");
    let given = |loader: Loader, name: &str| {
        let weights = Weights::File(folder.join(name));
        let mut network = loader.open(&weights, &[shape], &[shape]).unwrap();
        network.input(0).copy_from_slice(&noise(3, shape.iter().product()));
        network.run().unwrap().samples(0).unwrap().to_vec()
    };
    let want = given(Loader::new(runtime.clone(), 1).of(exact), "training.onnx");
    for name in ["old.onnx", "training.onnx", "new.onnx"] {
        let snr = snr(&given(Loader::new(runtime.clone(), 2), name), &want);
        println!("{name}: bf16 against f32: {snr:.1} dB");
        assert!(snr > 30.0, "{name}: {snr} dB");
    }
}

#[test]
fn openvino_gives_nearly_the_same_and_the_same_bits_whatever_its_threads() {
    if !root().join(".runtime/onnxruntime-openvino").is_dir() {
        println!("skipped: this machine has no use for OpenVINO (`make runtime` did not fetch it)");
        return;
    }
    let runtime = Runtime::load(None, Wanted::Auto).unwrap();
    assert_eq!(runtime.provider(), Provider::OpenVino { bf16: true }, "{}", runtime.why());
    let catalogue = Catalogue::open(&root().join("models")).unwrap();
    let exact = catalogue.get("builtin").unwrap().clone();
    assert!(exact.exact);
    let rough = Manifest { exact: false, ..exact.clone() };
    let cache = tempfile::tempdir().unwrap();
    let shared = Loader::shared(runtime.clone(), 2, 2, 0, Some(cache.path().to_owned()));

    let want = separated(&Loader::new(runtime.clone(), 1), &catalogue, &exact);
    for loader in [Loader::new(runtime.clone(), 2), shared.at(0), shared.at(1)] {
        assert_eq!(bits(&separated(&loader, &catalogue, &exact)), bits(&want), "f32, another division");
    }
    let got = separated(&Loader::new(runtime.clone(), 1), &catalogue, &rough);
    assert!(bits(&got) != bits(&want), "it ran in f32");
    let snr = snr(&got, &want);
    println!("bf16 against f32: {snr:.1} dB");
    assert!(snr > 30.0, "{snr} dB");
    for loader in [Loader::new(runtime.clone(), 2), shared.at(0), shared.at(1)] {
        assert_eq!(bits(&separated(&loader, &catalogue, &rough)), bits(&got), "bf16, another division");
    }
    files_of_every_exporter_give_nearly_the_same(&runtime, &exact);

    let remembered = std::fs::read_to_string(cache.path().join("sessions.json")).unwrap();
    assert!(remembered.contains("openvino-bf16") && remembered.contains(" cpu "), "{remembered}");

    // What was remembered by a larger machine, or by nobody, is found out again.
    let absurd = remembered.replace("\"sessions\": ", "\"sessions\": 1000000");
    assert_ne!(absurd, remembered);
    std::fs::write(cache.path().join("sessions.json"), absurd).unwrap();
    let again = Loader::shared(runtime.clone(), 2, 2, 0, Some(cache.path().to_owned()));
    assert_eq!(bits(&separated(&again, &catalogue, &rough)), bits(&got), "absurd numbers");
    // A cache that cannot be written costs time, not the model.
    let file = cache.path().join("file");
    std::fs::write(&file, b"").unwrap();
    for nowhere in [file, PathBuf::from("/proc/nowhere")] {
        let loader = Loader::shared(runtime.clone(), 2, 2, 0, Some(nowhere.clone()));
        assert_eq!(bits(&separated(&loader, &catalogue, &rough)), bits(&got), "{}", nowhere.display());
    }

    // What is asked for by name has no substitute.
    let refused = Runtime::load(None, Wanted::Cuda);
    let no_gpu = !Path::new("/proc/driver/nvidia/version").exists();
    assert!(!no_gpu || refused.unwrap_err().to_string().contains("cuda"), "a GPU out of nothing");
}
