//! Presets: what people may ask for instead of a model, and which model keeps that promise here and now.

use crate::ModelError;
use karaoke_core::Manifest;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The file of the presets in a folder of models.
pub(crate) const FILE: &str = "presets.toml";

/// A promise, and the models that keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Unique name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// The promise, in a sentence.
    pub description: String,
    /// The models that keep it, in order of preference.
    pub models: Vec<String>,
}

/// What a preset is worth here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Availability<'c> {
    /// It stands for this installed model.
    Model(&'c Manifest),
    /// Nothing that is installed keeps the promise; this model is to be pulled.
    Missing(&'c Manifest),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presets {
    #[serde(default)]
    preset: Vec<Preset>,
}

/// Reads the presets of a folder; there may be none.
pub(crate) fn read(dir: &Path) -> Result<Vec<Preset>, ModelError> {
    let path = dir.join(FILE);
    let wrong = |problem: String| ModelError::Presets { path: path.clone(), problem };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(wrong(e.to_string())),
    };
    let presets: Presets = toml::from_str(&text).map_err(|e| wrong(e.message().to_owned()))?;
    for (at, preset) in presets.preset.iter().enumerate() {
        if presets.preset[..at].iter().any(|p| p.name == preset.name) {
            return Err(wrong(format!("there are two named `{}`", preset.name)));
        }
    }
    Ok(presets.preset)
}
