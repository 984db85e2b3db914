//! Which model stands for a preset in a catalogue.

use crate::presets::{Availability, Preset};
use crate::{Catalogue, ModelError};
use karaoke_core::Manifest;

impl Catalogue {
    /// The presets and what each is worth here, in the order of the file; those of which no model is known in
    /// this folder are left out.
    pub fn presets(&self) -> impl Iterator<Item = (&Preset, Availability<'_>)> {
        self.presets.iter().filter_map(|preset| Some((preset, self.availability(preset)?)))
    }

    /// What the preset of that name is worth here, if there is one.
    pub fn preset(&self, name: &str) -> Option<Availability<'_>> {
        self.presets.iter().find(|p| p.name == name).and_then(|p| self.availability(p))
    }

    /// What somebody wants who asks for `name` to be fetched: that model, or the preset's best one, installed or
    /// not.
    pub fn wanted(&self, name: &str) -> Result<&Manifest, ModelError> {
        let preset =
            || self.presets.iter().find(|p| p.name == name)?.models.iter().find_map(|m| self.known(m));
        self.known(name).or_else(preset).ok_or_else(|| self.unknown(name))
    }

    /// The installed models that keep the promise of the preset of that name, the best first.
    pub fn installed_for(&self, name: &str) -> impl Iterator<Item = &Manifest> {
        let preset = self.presets.iter().find(|p| p.name == name);
        let models = preset.into_iter().flat_map(|preset| &preset.models);
        models.filter_map(|model| self.known(model)).filter(|model| self.is_installed(model))
    }

    fn availability(&self, preset: &Preset) -> Option<Availability<'_>> {
        let mut known = preset.models.iter().filter_map(|name| self.known(name)).peekable();
        let first = *known.peek()?;
        let model = known.find(|m| self.is_installed(m));
        Some(model.map_or(Availability::Missing(first), Availability::Model))
    }
}
