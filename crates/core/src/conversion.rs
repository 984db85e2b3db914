//! How a model's file is made of what its publisher offers, where that is no ONNX file.

use serde::{Deserialize, Serialize};

/// What lies at a manifest's address, and how the model's file is made of it. The manifest's digest is that of the
/// file that comes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    /// What it is.
    pub format: SourceFormat,
    /// Its file name, by which a mirror has it.
    pub file: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its size in bytes, where known.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Where the weights lie in it.
    pub member: String,
    /// FFTs that the network is to take: it could take any number.
    pub frames: usize,
}

/// In which form weights are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceFormat {
    /// A zip archive (a Python wheel is one) with a TensorFlow checkpoint of Spleeter's two-stem model.
    SpleeterCheckpoint,
}
