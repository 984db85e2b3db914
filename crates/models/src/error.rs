//! Why a model cannot be used, in one sentence each.

use karaoke_core::ModelName;
use karaoke_core::manifest::ManifestError;
use std::io;
use std::path::PathBuf;

/// A model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The folder cannot be read.
    #[error("cannot read the models folder {path}: {source} (see `models.dir` in config.toml)")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A manifest cannot be read.
    #[error("model manifest {path}: {source}")]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A manifest is wrong.
    #[error("model manifest {path}: {source}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// Two manifests have the same name.
    #[error("model manifest {path}: there is another model named `{name}`; give one of them another name")]
    Twice {
        /// The second of them.
        path: PathBuf,
        /// The name.
        name: ModelName,
    },
    /// The models of an ensemble do not go together.
    #[error("ensemble `{name}`: {problem}")]
    Ensemble {
        /// The ensemble.
        name: ModelName,
        /// What is wrong.
        problem: String,
    },
    /// A model does not go with the one that it stands on.
    #[error("model `{name}`: {problem}")]
    Base {
        /// The model.
        name: ModelName,
        /// What is wrong.
        problem: String,
    },
    /// The list of presets is wrong.
    #[error("presets {path}: {problem}")]
    Presets {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No such model.
    #[error("there is no model `{name}`; installed are: {installed}")]
    Unknown {
        /// What was asked for.
        name: ModelName,
        /// What there is.
        installed: String,
    },
    /// Its manifest is there, but wrong.
    #[error("model `{name}` cannot be used: {reason}")]
    Broken {
        /// What was asked for.
        name: ModelName,
        /// What is wrong.
        reason: String,
    },
    /// The model is known, but its file is not there.
    #[error("model `{name}` is not installed; get it with `karaoke models pull {name}`")]
    NotInstalled {
        /// What was asked for.
        name: ModelName,
    },
    /// None of the models that a preset could stand for is there.
    #[error("nothing installed keeps what `{name}` promises; get it with `karaoke models pull {name}`")]
    PresetMissing {
        /// What was asked for.
        name: ModelName,
    },
    /// The model's file is missing or unreadable.
    #[error("model `{name}`: cannot read {path}: {source}")]
    File {
        /// The model.
        name: ModelName,
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not the one the manifest means.
    #[error("model `{name}`: {path} has {digest} {got}, its manifest says {want}; fetch the file again")]
    Hash {
        /// The model.
        name: ModelName,
        /// Its file.
        path: PathBuf,
        /// `sha256`, or what stands for it.
        digest: &'static str,
        /// What the file hashes to.
        got: String,
        /// What it should.
        want: String,
    },
    /// The archive does not hold the networks that the manifest names.
    #[error("model `{name}`: {path}: {problem}")]
    Archive {
        /// The model.
        name: ModelName,
        /// The archive.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}
