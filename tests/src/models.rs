//! Folders of models for tests.

use crate::program::root;
use std::path::Path;

/// Puts `identity` into `dir`, installed, and the manifest of `late`: the same by another name, whose file is to be had
/// at `url` (empty: nowhere).
pub fn identity_and_late(dir: &Path, url: &str) {
    let ours = root().join("models");
    for name in ["identity.toml", "identity.onnx"] {
        std::fs::copy(ours.join(name), dir.join(name)).expect("a model");
    }
    let late = std::fs::read_to_string(ours.join("identity.toml")).expect("a manifest");
    let late = late.replace("name = \"identity\"", "name = \"late\"").replace("identity.onnx", "late.onnx");
    let late = late.replace("url = \"\"", &format!("url = \"{url}\""));
    std::fs::write(dir.join("late.toml"), late).expect("a manifest");
}
