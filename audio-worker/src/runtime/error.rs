//! What can go wrong with ONNX Runtime and its networks.

use std::path::PathBuf;

/// The oldest version whose interface this program was built for.
const NEEDED: &str = "1.24";

/// ONNX Runtime or one of its models cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no library anywhere we look.
    #[error("ONNX Runtime was not found: run `make runtime` or set worker.onnxruntime")]
    NotFound,
    /// The library that was asked for is not there.
    #[error(
        "ONNX Runtime was not found: there is no {0}; run `make runtime` or set worker.onnxruntime \
         (or ORT_DYLIB_PATH) to the library"
    )]
    NoSuchFile(PathBuf),
    /// The library is older than we need.
    #[error("ONNX Runtime {found} ({path}) is too old, {NEEDED} or newer is needed: run `make runtime`")]
    TooOld {
        /// The library.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// The file is no library for this machine, or another library.
    #[error("cannot load ONNX Runtime from {path}: {reason}")]
    Unloadable {
        /// The library.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The execution provider that was asked for cannot start.
    #[error("worker.provider = \"{wanted}\" cannot be had: {reason}")]
    Provider {
        /// What was asked for.
        wanted: String,
        /// Why not, and what helps.
        reason: String,
    },
    /// The library refuses the model's file.
    #[error("ONNX Runtime cannot use {path}: {reason}")]
    Model {
        /// The model's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The network is not of the shape its manifest says.
    #[error("{path} does not fit its manifest: {problem}")]
    Shape {
        /// The model's file.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// The network did not run; memory may have run out.
    #[error("ONNX Runtime failed: {0}")]
    Run(String),
}

impl RuntimeError {
    /// Whether the same may succeed elsewhere or later. A file that is the one its manifest means may load on
    /// another machine: one with more memory, or another ONNX Runtime.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Model { .. })
    }
}
