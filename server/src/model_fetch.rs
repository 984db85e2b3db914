//! What is told of models that are fetched beside the server's work. Who fetches them writes it.

use karaoke_core::{Manifest, ModelName};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// The models that are being fetched; clones share one list.
#[derive(Clone, Debug, Default)]
pub struct FetchStatus(Arc<Mutex<BTreeMap<ModelName, Fetch>>>);

/// How far one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fetch {
    /// The model.
    #[schema(value_type = String)]
    pub name: ModelName,
    /// Its name for people.
    pub title: String,
    /// Bytes that are there.
    pub have: u64,
    /// Bytes that there will be, where that is known.
    pub total: Option<u64>,
    /// Why it does not go on at present; it is tried again.
    pub waiting: Option<String>,
}

impl FetchStatus {
    /// A model is to be fetched.
    pub fn begin(&self, manifest: &Manifest) {
        let fetch = Fetch {
            name: manifest.name.clone(),
            title: manifest.title.clone(),
            have: 0,
            total: manifest.download().bytes,
            waiting: None,
        };
        self.list().insert(manifest.name.clone(), fetch);
    }

    /// So many bytes of it have come.
    pub fn progress(&self, name: &ModelName, have: u64, total: Option<u64>) {
        if let Some(fetch) = self.list().get_mut(name) {
            (fetch.have, fetch.total, fetch.waiting) = (have, total.or(fetch.total), None);
        }
    }

    /// It does not go on for this reason, and is tried again later.
    pub fn wait(&self, name: &ModelName, why: String) {
        if let Some(fetch) = self.list().get_mut(name) {
            fetch.waiting = Some(why);
        }
    }

    /// It is there, or nobody tries any more.
    pub fn end(&self, name: &ModelName) {
        self.list().remove(name);
    }

    /// All that are being fetched, by name.
    pub fn all(&self) -> Vec<Fetch> {
        self.list().values().cloned().collect()
    }

    fn list(&self) -> MutexGuard<'_, BTreeMap<ModelName, Fetch>> {
        // Plain data: whoever panicked while holding it left it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
