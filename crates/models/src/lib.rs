//! The model catalogue: manifests in a folder, and the proof that a model's file is the one they mean.
//!
//! The only place that reads manifests from disk. Server and workers each open their own catalogue.

mod catalogue;
mod convert;
pub mod digest;
mod ensemble;
mod error;
pub mod graph;
pub mod inspect;
mod preset_lookup;
mod presets;
mod protobuf;
mod refined;
pub mod speeds;
mod weights;

pub use catalogue::{Broken, Catalogue};
pub use convert::{ConvertError, convert};
pub use digest::sha256;
pub use error::ModelError;
pub use presets::{Availability, Preset};
pub use weights::Weights;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[models]`: where the models are, which one those get who do not choose, and how others are fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelsConfig {
    /// Folder of manifests and ONNX files.
    pub dir: PathBuf,
    /// The model (or preset) of those who do not choose.
    pub default: String,
    /// Models (or presets) that `karaoke up` and `karaoke worker` fetch while they work, where they are not there.
    pub fetch: Vec<String>,
    /// Where `karaoke models pull` finds all files by their names instead of where the manifests say: a folder,
    /// or an http or https address; empty: nowhere.
    pub mirror: String,
    /// The proxy through which models are fetched; empty: what the environment says (`HTTPS_PROXY`, `NO_PROXY`, …).
    pub proxy: String,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("models"),
            default: "standard".into(),
            fetch: vec!["standard".into()],
            mirror: String::new(),
            proxy: String::new(),
        }
    }
}
