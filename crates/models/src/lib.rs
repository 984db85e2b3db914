//! The model catalogue: manifests in a folder, and the proof that a model's file is the one they mean.
//!
//! The only place that reads manifests from disk. Server and workers each open their own catalogue.

use karaoke_core::Manifest;
use karaoke_core::manifest::ManifestError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `[models]`: where the models are, and which one those get who do not choose.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelsConfig {
    /// Folder of manifests and ONNX files.
    pub dir: PathBuf,
    /// The model of those who do not choose.
    pub default: String,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self { dir: PathBuf::from("models"), default: "builtin".into() }
    }
}

/// The models of one folder.
#[derive(Clone, Debug)]
pub struct Catalogue {
    dir: PathBuf,
    manifests: BTreeMap<String, Manifest>,
}

/// One network of a model, proven to be the one its manifest means.
#[derive(Clone, Debug)]
pub enum Weights {
    /// A file of its own.
    File(PathBuf),
    /// Unpacked from an archive.
    Packed {
        /// The archive.
        archive: PathBuf,
        /// The ONNX file.
        bytes: Arc<[u8]>,
    },
}

impl Weights {
    /// The file that it is or lies in.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Packed { archive, .. } => archive,
        }
    }
}

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
    /// A manifest is wrong.
    #[error("model manifest {path}: {source}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// No such model.
    #[error("there is no model `{name}`; installed are: {installed}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        installed: String,
    },
    /// The model's file is missing or unreadable.
    #[error("model `{name}`: cannot read {path}: {source}")]
    File {
        /// The model.
        name: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not the one the manifest means.
    #[error("model `{name}`: {path} has sha256 {got}, its manifest says {want}; fetch the file again")]
    Hash {
        /// The model.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What the file hashes to.
        got: String,
        /// What it should.
        want: String,
    },
}

impl Catalogue {
    /// Reads every `*.toml` of `dir`; a broken manifest is an error, a model without its file is not installed.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let folder = |source| ModelError::Folder { path: dir.to_owned(), source };
        let mut manifests = BTreeMap::new();
        for entry in std::fs::read_dir(dir).map_err(folder)? {
            let path = entry.map_err(folder)?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                let text = std::fs::read_to_string(&path).map_err(folder)?;
                let manifest = Manifest::parse(&text)
                    .map_err(|source| ModelError::Manifest { path: path.clone(), source })?;
                manifests.insert(manifest.name.clone(), manifest);
            }
        }
        Ok(Self { dir: dir.to_owned(), manifests })
    }

    /// The manifest of an installed model.
    pub fn get(&self, name: &str) -> Result<&Manifest, ModelError> {
        self.installed().find(|m| m.name == name).ok_or_else(|| ModelError::Unknown {
            name: name.to_owned(),
            installed: self.installed().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// All models whose file is there, by name.
    pub fn installed(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values().filter(|m| self.path(m).is_file())
    }

    /// Where a model's file lies.
    pub fn path(&self, manifest: &Manifest) -> PathBuf {
        self.dir.join(&manifest.file)
    }

    /// Hashes a model's file and refuses it when it is not the one its manifest means.
    pub fn verify(&self, manifest: &Manifest) -> Result<PathBuf, ModelError> {
        let path = self.path(manifest);
        let name = || manifest.name.clone();
        let got =
            sha256(&path).map_err(|source| ModelError::File { name: name(), path: path.clone(), source })?;
        if got.eq_ignore_ascii_case(&manifest.sha256) {
            return Ok(path);
        }
        Err(ModelError::Hash { name: name(), path, got, want: manifest.sha256.clone() })
    }

    /// The networks of a model, one unless it is an archive, after [`Catalogue::verify`].
    pub fn weights(&self, manifest: &Manifest) -> Result<Vec<Weights>, ModelError> {
        let path = self.verify(manifest)?;
        Ok(vec![Weights::File(path)])
    }
}

/// SHA-256 of a file, in lower-case hexadecimal.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(&block[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, sha256: &str) {
        let text = format!(
            "name='x'\ntitle='X'\nkind='waveform'\nfile='x.onnx'\nsha256='{sha256}'\nlicence='MIT'\n\
             sample_rate=44100\noverlap=0.25\nstems=['vocals']\n[waveform]\nsegment=8\n"
        );
        std::fs::write(dir.join("x.toml"), text).unwrap();
        std::fs::write(dir.join("x.onnx"), b"abc").unwrap();
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn accepts_the_right_file_and_refuses_another() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), ABC);
        let catalogue = Catalogue::open(dir.path()).unwrap();
        let manifest = catalogue.get("x").unwrap();
        catalogue.verify(manifest).unwrap();
        std::fs::write(dir.path().join("x.onnx"), b"abd").unwrap();
        assert!(matches!(catalogue.verify(manifest), Err(ModelError::Hash { .. })));
    }

    #[test]
    fn a_model_without_its_file_is_not_installed() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), ABC);
        std::fs::remove_file(dir.path().join("x.onnx")).unwrap();
        let catalogue = Catalogue::open(dir.path()).unwrap();
        assert!(matches!(catalogue.get("x"), Err(ModelError::Unknown { .. })));
    }

    #[test]
    fn a_broken_manifest_is_named() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "00");
        let error = Catalogue::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("x.toml") && error.contains("sha256"), "{error}");
    }
}
