//! Keys that had another name in an earlier version: the old name is still read, with one warning.

use figment::value::{Dict, Map};
use figment::{Error, Metadata, Profile, Provider};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Section, old key and new key, all as they stand in `config.toml`.
const RENAMED: &[(&str, &str, &str)] = &[("limits", "living_tracks", "active_tracks")];

/// What of the old names was found, one sentence a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings(Arc<Mutex<BTreeSet<String>>>);

impl Warnings {
    /// The sentences, each once however many sources had the key.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// A source of settings, read as if it had the new names.
pub(super) struct WithNewNames<P> {
    pub(super) source: P,
    pub(super) warnings: Warnings,
}

impl<P: Provider> Provider for WithNewNames<P> {
    fn metadata(&self) -> Metadata {
        self.source.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut data = self.source.data()?;
        for sections in data.values_mut() {
            for (section, old, new) in RENAMED {
                self.rename(sections, section, old, new)?;
            }
        }
        Ok(data)
    }

    fn profile(&self) -> Option<Profile> {
        self.source.profile()
    }
}

impl<P> WithNewNames<P> {
    fn rename(&self, sections: &mut Dict, section: &str, old: &str, new: &str) -> Result<(), String> {
        let Some(figment::value::Value::Dict(_, keys)) = sections.get_mut(section) else { return Ok(()) };
        let Some(value) = keys.remove(old) else { return Ok(()) };
        if keys.insert(new.to_owned(), value).is_some() {
            return Err(format!("{section}.{old} is the old name of {section}.{new}: give only the new one"));
        }
        let sentence = format!("{section}.{old} is now called {section}.{new}; the old name is still read");
        self.warnings.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sentence);
        Ok(())
    }
}
