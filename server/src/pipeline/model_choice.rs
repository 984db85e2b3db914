//! Which model somebody means by a name, and which one those get who name none.

use super::Pipeline;
use karaoke_core::Manifest;
use karaoke_models::ModelError;

impl Pipeline {
    /// The model that those get who do not choose, at present; `None` when the configured one is not installed.
    pub fn default_model(&self) -> Option<&Manifest> {
        self.resolve(&self.configured_default).ok()
    }

    /// The installed model that somebody means by the name of a model or a preset. Of those that a preset could stand
    /// for, the best that a live worker serves: one that has only come to the server's folder yet would wait.
    pub(super) fn resolve(&self, name: &str) -> Result<&Manifest, ModelError> {
        let best = self.catalogue.resolve(name)?;
        if best.name.as_str() == name {
            return Ok(best);
        }
        let served = self.registry.capacities();
        let is_served = |model: &&Manifest| served.keys().any(|route| route.model == model.name);
        Ok(self.catalogue.installed_for(name).find(is_served).unwrap_or(best))
    }

    /// Whether a model can be meant by a name: its own, or that of a preset which can stand for it.
    pub(crate) fn means(&self, name: &str, manifest: &Manifest) -> bool {
        manifest.name.as_str() == name || self.catalogue.installed_for(name).any(|m| m.name == manifest.name)
    }

    /// The preset of that name, if the configuration names one instead of a model.
    pub fn default_preset(&self) -> Option<&str> {
        let name = self.configured_default.as_str();
        self.catalogue.known(name).is_none().then(|| self.catalogue.preset(name)).flatten().map(|_| name)
    }
}
