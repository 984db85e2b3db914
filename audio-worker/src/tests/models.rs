//! The repository's models through ONNX Runtime.

use super::{bits, catalogue, noise, runtime};
use crate::kinds::{self, SeparateError, Separator};
use crate::provider::Wanted;
use crate::runtime::{Loader, Runtime, RuntimeError};
use karaoke_core::Manifest;
use karaoke_models::Weights;
use std::path::Path;

/// The built-in models that separate anything.
const SEPARATORS: [&str; 2] = ["builtin", "centre"];

fn open(name: &str, change: impl FnOnce(&mut Manifest)) -> Result<Box<dyn Separator>, SeparateError> {
    let catalogue = catalogue();
    let mut manifest = catalogue.get(name).unwrap().clone();
    change(&mut manifest);
    kinds::open(&Loader::new(runtime(), 1), &catalogue, &manifest)
}

fn separate(separator: &mut dyn Separator, left: &[f32], right: &[f32], gain: f32) -> Vec<f32> {
    let mut out = vec![f32::NAN; 2 * separator.stems() * separator.window()];
    separator.separate([left, right], gain, &mut out).unwrap();
    out
}

fn refusal(result: Result<Box<dyn Separator>, SeparateError>) -> SeparateError {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    }
}

#[test]
fn identity_gives_back_every_bit() {
    let mut identity = open("identity", |_| {}).unwrap();
    let n = identity.window();
    for seed in [1, 2] {
        let (mut left, right) = (noise(seed, n), noise(seed + 10, n));
        left[..4].copy_from_slice(&[-0.0, 0.0, 1e-40, -1e-40]);
        let out = separate(&mut *identity, &left, &right, 1.0);
        assert_eq!(bits(&out[..n]), bits(&left));
        assert_eq!(bits(&out[n..]), bits(&right));
    }
}

#[test]
fn gain_is_taken_back() {
    let mut identity = open("identity", |m| m.compensation = 3.0).unwrap();
    let n = identity.window();
    let (left, right) = (noise(1, n), noise(2, n));
    let out = separate(&mut *identity, &left, &right, 0.25);
    for (got, want) in out.iter().zip(left.iter().chain(&right)) {
        assert!((got - 3.0 * want).abs() < 1e-6);
    }
}

#[test]
fn output_that_is_not_a_number_is_an_error_of_this_window_alone() {
    let mut identity = open("identity", |_| {}).unwrap();
    let n = identity.window();
    let (mut bad, good) = (noise(1, n), noise(2, n));
    bad[7] = f32::NAN;
    let mut out = vec![0.0; 2 * n];
    let refused = identity.separate([&bad, &good], 1.0, &mut out).unwrap_err();
    assert!(matches!(refused, SeparateError::NotFinite));
    assert_eq!(bits(&separate(&mut *identity, &good, &good, 1.0)[..n]), bits(&good));
}

#[test]
fn a_window_does_not_depend_on_the_windows_before_it() {
    for name in SEPARATORS {
        let mut model = open(name, |_| {}).unwrap();
        let n = model.window();
        let (left, right) = (noise(1, n), noise(2, n));
        let first = separate(&mut *model, &left, &right, 1.0);
        separate(&mut *model, &right, &right, 0.5);
        assert_eq!(bits(&separate(&mut *model, &left, &right, 1.0)), bits(&first), "{name}");
    }
}

#[test]
fn silence_stays_silence() {
    for name in SEPARATORS {
        let mut model = open(name, |_| {}).unwrap();
        let silence = vec![0.0; model.window()];
        let out = separate(&mut *model, &silence, &silence, 1.0);
        assert!(out.iter().all(|s| s.abs() < 1e-6), "{name}");
    }
}

#[test]
fn a_quieter_input_gives_the_same_only_quieter() {
    for name in SEPARATORS {
        let mut model = open(name, |_| {}).unwrap();
        let n = model.window();
        let (left, right) = (noise(1, n), noise(2, n));
        let loud = separate(&mut *model, &left, &right, 1.0);
        let quieter = |x: &[f32]| x.iter().map(|s| s * 0.01).collect::<Vec<_>>();
        let quiet = separate(&mut *model, &quieter(&left), &quieter(&right), 1.0);
        let energy = |x: &mut dyn Iterator<Item = f32>| x.map(|s| f64::from(s).powi(2)).sum::<f64>();
        let error = energy(&mut loud.iter().zip(&quiet).map(|(l, q)| l - 100.0 * q));
        assert!(error < 1e-8 * energy(&mut loud.iter().copied()), "{name}: {error}");
    }
}

#[test]
fn a_file_that_its_manifest_does_not_mean_is_refused() {
    let refused = refusal(open("identity", |m| m.sha256 = "0".repeat(64)));
    assert!(matches!(refused, SeparateError::Model(_)) && refused.retryable(), "{refused}");
}

#[test]
fn a_network_of_another_shape_is_refused() {
    let refused = refusal(open("centre", |m| m.mdx.as_mut().unwrap().dim_f -= 1));
    assert!(matches!(refused, SeparateError::Runtime(RuntimeError::Shape { .. })), "{refused}");
    assert!(refused.to_string().contains("2048") && refused.to_string().contains("2047"), "{refused}");
    assert!(!refused.retryable());
    let refused = refusal(open("identity", |m| m.stems.push("drums".into())));
    assert!(refused.to_string().contains("output"), "{refused}");
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.onnx");
    std::fs::write(&path, b"no model").unwrap();
    let refused = Loader::new(runtime(), 1).open(&Weights::File(path), &[&[1]], &[&[1]]).err().unwrap();
    assert!(matches!(refused, RuntimeError::Model { .. }) && refused.retryable(), "{refused}");
}

#[test]
fn buffers_of_another_length_are_refused() {
    let mut identity = open("identity", |_| {}).unwrap();
    let n = identity.window();
    let (short, full) = (vec![0.0; n - 1], vec![0.0; n]);
    let mut out = vec![0.0; 2 * n];
    assert!(identity.separate([&full, &short], 1.0, &mut out).is_err());
    assert!(identity.separate([&full, &full], 1.0, &mut out[1..]).is_err());
}

#[test]
fn the_library_says_its_version() {
    let runtime = runtime();
    assert!(runtime.version().starts_with("1."), "{}", runtime.version());
    assert!(runtime.path().is_file());
}

#[test]
fn a_library_that_is_not_there_is_named() {
    let refused =
        Runtime::load(Some(Path::new("/nowhere/libonnxruntime.so")), Wanted::Auto).unwrap_err().to_string();
    assert!(refused.contains("/nowhere/") && refused.contains("make runtime"), "{refused}");
}
