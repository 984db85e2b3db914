//! The models that one worker keeps loaded: opened when first needed, dropped when unused for longest.

use crate::kinds::{self, SeparateError, Separator};
use crate::runtime::Loader;
use karaoke_core::wire::Job;
use karaoke_core::{Manifest, ModelName};
use karaoke_models::Catalogue;
use karaoke_stages::Stage;
use std::sync::Arc;
use std::time::Instant;

/// A model and the files that its manifest means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelFile {
    pub(crate) name: ModelName,
    pub(crate) sha256: String,
}

/// Loads a model.
pub(crate) type Open = Arc<dyn Fn(&ModelFile) -> Result<Box<dyn Separator>, SeparateError> + Send + Sync>;

impl ModelFile {
    /// The one that `job` asks for.
    pub(crate) fn of_job(job: &Job) -> Self {
        Self { name: job.model.clone(), sha256: job.model_sha256.clone() }
    }

    /// The one that is installed here.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self { name: manifest.name.clone(), sha256: manifest.identity().to_owned() }
    }
}

/// Loads models of `catalogue`; refuses one that was asked for with other files than the manifest means.
pub(crate) fn opener(loader: Loader, catalogue: Arc<Catalogue>) -> Open {
    Arc::new(move |file| {
        let manifest = catalogue.get(&file.name)?;
        if !manifest.identity().eq_ignore_ascii_case(&file.sha256) {
            return Err(SeparateError::OtherModel {
                model: file.name.clone(),
                want: file.sha256.clone(),
                have: manifest.identity().to_owned(),
            });
        }
        kinds::open(&loader, &catalogue, manifest)
    })
}

/// One worker's loaded models.
pub(crate) struct Sessions {
    open: Open,
    capacity: usize,
    /// The last used last.
    loaded: Vec<Loaded>,
}

struct Loaded {
    file: ModelFile,
    separator: Box<dyn Separator>,
}

impl Sessions {
    /// Keeps at most `capacity` models (at least one).
    pub(crate) fn new(open: Open, capacity: usize) -> Self {
        Self { open, capacity: capacity.max(1), loaded: Vec::new() }
    }

    /// A model, loaded now when it was not.
    pub(crate) fn of(&mut self, file: &ModelFile) -> Result<&mut dyn Separator, SeparateError> {
        let last = match self.loaded.iter().position(|loaded| loaded.file == *file) {
            Some(at) => self.loaded.remove(at),
            None => self.load(file)?,
        };
        let at = self.loaded.len();
        self.loaded.push(last);
        Ok(&mut *self.loaded[at].separator)
    }

    /// Drops all models, as after a panic that may have left one half changed.
    pub(crate) fn clear(&mut self) {
        self.loaded.clear();
    }

    fn load(&mut self, file: &ModelFile) -> Result<Loaded, SeparateError> {
        // The surplus goes first: two large models may not fit into memory together.
        let surplus = (self.loaded.len() + 1).saturating_sub(self.capacity);
        self.loaded.drain(..surplus);
        let began = Instant::now();
        let separator = Stage::Load.of(|| (self.open)(file))?;
        tracing::info!(model = file.name.as_str(), seconds = began.elapsed().as_secs_f64(), "model loaded");
        Ok(Loaded { file: file.clone(), separator })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake::{Fake, job};
    use std::sync::Mutex;

    #[test]
    fn the_model_unused_for_longest_is_dropped() {
        let opened = Arc::new(Mutex::new(Vec::new()));
        let log = opened.clone();
        let open: Open = Arc::new(move |file| {
            log.lock().unwrap().push(file.name.clone());
            Ok(Box::new(Fake))
        });
        let mut sessions = Sessions::new(open, 2);
        for model in ["a", "b", "a", "c", "a", "b"] {
            sessions.of(&ModelFile::of_job(&job(model, 0))).unwrap();
        }
        assert_eq!(*opened.lock().unwrap(), ["a", "b", "c", "b"]);
        sessions.clear();
        sessions.of(&ModelFile::of_job(&job("a", 0))).unwrap();
        assert_eq!(opened.lock().unwrap().len(), 5);
    }
}
