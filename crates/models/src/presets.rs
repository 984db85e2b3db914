//! Presets: what people may ask for instead of a model, and which model keeps that promise here and now.

use crate::{Catalogue, ModelError};
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
pub enum Standing<'c> {
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

impl Catalogue {
    /// The presets and what each is worth here, in the order of the file; those of which no model is known in
    /// this folder are left out.
    pub fn presets(&self) -> impl Iterator<Item = (&Preset, Standing<'_>)> {
        self.presets.iter().filter_map(|preset| Some((preset, self.standing(preset)?)))
    }

    /// What the preset of that name is worth here, if there is one.
    pub fn preset(&self, name: &str) -> Option<Standing<'_>> {
        self.presets.iter().find(|p| p.name == name).and_then(|p| self.standing(p))
    }

    /// What somebody wants who asks for `name` to be fetched: that model, or the preset's best one, installed or
    /// not.
    pub fn wanted(&self, name: &str) -> Result<&Manifest, ModelError> {
        let preset =
            || self.presets.iter().find(|p| p.name == name)?.models.iter().find_map(|m| self.known(m));
        self.known(name).or_else(preset).ok_or_else(|| self.unknown(name))
    }

    fn standing(&self, preset: &Preset) -> Option<Standing<'_>> {
        let mut known = preset.models.iter().filter_map(|name| self.known(name)).peekable();
        let first = *known.peek()?;
        let model = known.find(|m| self.is_installed(m));
        Some(model.map_or(Standing::Missing(first), Standing::Model))
    }
}
