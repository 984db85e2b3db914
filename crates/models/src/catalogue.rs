//! The models of one folder: known, installed, and proven to be what they say.

use crate::presets::{self, Preset};
use crate::weights::{Weights, unpack};
use crate::{Availability, ModelError, digest, ensemble, refined};
use karaoke_core::{Manifest, ModelName};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The models of one folder.
#[derive(Clone, Debug)]
pub struct Catalogue {
    dir: PathBuf,
    manifests: BTreeMap<ModelName, Manifest>,
    pub(crate) presets: Vec<Preset>,
    broken: Vec<Broken>,
    checked: Arc<digest::Checked>,
}

/// A file of the folder that had to be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The manifest, or the list of presets.
    pub path: PathBuf,
    /// What is wrong with it, in a sentence that names the file or the model.
    pub reason: String,
}

impl Broken {
    fn new(path: &Path, reason: &ModelError) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }
}

impl Catalogue {
    /// Reads every `*.toml` of `dir`. A model without its file is not installed; a file that cannot be read or is
    /// wrong is left out and told in [`Catalogue::broken`].
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let mut manifests = BTreeMap::new();
        let mut paths = BTreeMap::new();
        let mut broken = Vec::new();
        for path in manifest_files(dir)? {
            let manifest = match read_manifest(&path) {
                Ok(manifest) => manifest,
                Err(error) => {
                    broken.push(Broken::new(&path, &error));
                    continue;
                }
            };
            let name = manifest.name.clone();
            if manifests.contains_key(&name) {
                broken.push(Broken::new(&path, &ModelError::Twice { path: path.clone(), name }));
                continue;
            }
            paths.insert(name.clone(), path);
            manifests.insert(name, manifest);
        }
        for error in resolve_composed(&mut manifests) {
            let path = match &error {
                ModelError::Ensemble { name, .. } | ModelError::Base { name, .. } => paths.remove(name),
                _ => None,
            };
            broken.push(Broken::new(&path.unwrap_or_else(|| dir.to_owned()), &error));
        }
        let presets = presets::read(dir).unwrap_or_else(|error| {
            broken.push(Broken::new(&dir.join(presets::FILE), &error));
            Vec::new()
        });
        Ok(Self { dir: dir.to_owned(), manifests, presets, broken, checked: Arc::default() })
    }

    /// Files of the folder that are wrong or cannot be read, and why.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// The manifest of an installed model.
    pub fn get(&self, name: &str) -> Result<&Manifest, ModelError> {
        match self.known(name) {
            Some(manifest) if self.is_installed(manifest) => Ok(manifest),
            Some(_) => Err(ModelError::NotInstalled { name: name.into() }),
            None => Err(self.unknown(name)),
        }
    }

    /// The installed model that a user means: a model's name is taken at its word, a preset's stands for the
    /// best model that is there.
    pub fn resolve(&self, name: &str) -> Result<&Manifest, ModelError> {
        if self.known(name).is_some() {
            return self.get(name);
        }
        match self.preset(name) {
            Some(Availability::Model(manifest)) => Ok(manifest),
            Some(Availability::Missing(_)) => Err(ModelError::PresetMissing { name: name.into() }),
            None => Err(self.unknown(name)),
        }
    }

    /// The manifest of a model, installed or not.
    pub fn known(&self, name: &str) -> Option<&Manifest> {
        self.manifests.get(name)
    }

    /// The error for a name that nothing here has.
    pub fn unknown(&self, name: &str) -> ModelError {
        let is_named = |broken: &&Broken| broken.path.file_stem().is_some_and(|stem| stem == name);
        if let Some(Broken { reason, .. }) = self.broken.iter().find(is_named) {
            return ModelError::Broken { name: name.into(), reason: reason.clone() };
        }
        let models = self.installed().map(|m| m.name.as_str());
        let presets =
            self.presets().filter(|(_, s)| matches!(s, Availability::Model(_))).map(|(p, _)| &*p.name);
        let installed = models.chain(presets).collect::<Vec<_>>().join(", ");
        ModelError::Unknown { name: name.into(), installed }
    }

    /// All models whose file is there (of an ensemble: all files), by name.
    pub fn installed(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values().filter(|m| self.is_installed(m))
    }

    /// All models that could be fetched but are not there, by name.
    pub fn available(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values().filter(|m| !self.is_installed(m))
    }

    /// Whether a model's file is there; its contents are [`Catalogue::verify`]'s matter.
    pub fn is_installed(&self, manifest: &Manifest) -> bool {
        self.files(manifest).iter().all(|part| self.path(part).is_file())
    }

    /// The models whose files a model consists of: the members of an ensemble, of any other itself, and what it stands
    /// on.
    pub fn files<'c>(&'c self, manifest: &'c Manifest) -> Vec<&'c Manifest> {
        if let Some(ensemble) = &manifest.ensemble {
            return ensemble.members.iter().filter_map(|name| self.known(name)).collect();
        }
        let base = manifest.refined.as_ref().and_then(|refined| self.known(&refined.base));
        base.into_iter().chain([manifest]).collect()
    }

    /// Where a model's file lies. An ensemble has none.
    pub fn path(&self, manifest: &Manifest) -> PathBuf {
        self.dir.join(&manifest.file)
    }

    /// Bytes of a model's files that are there; `None` when one of them is not.
    pub fn bytes(&self, manifest: &Manifest) -> Option<u64> {
        let sizes = self.files(manifest).into_iter().map(|part| self.path(part).metadata().ok());
        sizes.map(|file| file.filter(|f| f.is_file()).map(|f| f.len())).sum()
    }

    /// Hashes a model's files and refuses them when they are not the ones its manifest means.
    pub fn verify(&self, manifest: &Manifest) -> Result<(), ModelError> {
        self.files(manifest).into_iter().try_for_each(|part| self.verify_file(part, &digest::compare))
    }

    /// The same of one file.
    fn verify_file(&self, part: &Manifest, compare: Compare<'_>) -> Result<(), ModelError> {
        let (name, path) = (part.name.clone(), self.path(part));
        match compare(&path, part) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(digest::Mismatch { digest, got, want })) => {
                Err(ModelError::Hash { name, path, digest, got, want })
            }
            Err(source) => Err(ModelError::File { name, path, source }),
        }
    }

    /// The networks of a model, one unless it is an archive, after [`Catalogue::verify`]. An ensemble has none
    /// of its own: its members are opened each for itself.
    pub fn weights(&self, manifest: &Manifest) -> Result<Vec<Weights>, ModelError> {
        if manifest.ensemble.is_some() {
            return Ok(Vec::new());
        }
        self.verify_file(manifest, &|path, part| self.checked.compare(path, part))?;
        let path = self.path(manifest);
        if manifest.networks.is_empty() {
            return Ok(vec![Weights::File(path)]);
        }
        unpack(&path, &manifest.networks).map_err(|problem| {
            let name = manifest.name.clone();
            ModelError::Archive { name, path, problem }
        })
    }
}

/// How a file is compared with its manifest.
type Compare<'c> = &'c dyn Fn(&Path, &Manifest) -> io::Result<Result<(), digest::Mismatch>>;

/// The manifests of a folder, sorted, so that an error is the same each time.
fn manifest_files(dir: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let folder = |source| ModelError::Folder { path: dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(folder)? {
        let path = entry.map_err(folder)?.path();
        if path.extension().is_some_and(|e| e == "toml") && !path.ends_with(presets::FILE) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_manifest(path: &Path) -> Result<Manifest, ModelError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })?;
    Manifest::parse(&text).map_err(|source| ModelError::Manifest { path: path.to_owned(), source })
}

/// Completes the models that stand on others; those that cannot be are taken out.
fn resolve_composed(manifests: &mut BTreeMap<ModelName, Manifest>) -> Vec<ModelError> {
    let checked: Vec<_> =
        manifests.values().map(|m| (m.name.clone(), refined::check(m, manifests))).collect();
    let mut wrong = Vec::new();
    for (name, problem) in checked {
        if let Err(problem) = problem {
            manifests.remove(&name);
            wrong.push(ModelError::Base { name, problem });
        }
    }
    let ensembles: Vec<Manifest> = manifests.values().filter(|m| m.ensemble.is_some()).cloned().collect();
    for mut manifest in ensembles {
        let name = manifest.name.clone();
        match ensemble::resolve(&mut manifest, manifests) {
            Ok(()) => drop(manifests.insert(name, manifest)),
            Err(problem) => {
                manifests.remove(&name);
                wrong.push(ModelError::Ensemble { name, problem });
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests;
