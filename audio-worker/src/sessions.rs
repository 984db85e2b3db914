//! The models that one worker keeps loaded: opened when first needed, dropped when unused for longest.

use crate::kinds::{self, SeparateError, Separator};
use crate::runtime::Loader;
use karaoke_core::ModelName;
use karaoke_core::wire::Job;
use karaoke_models::Catalogue;
use karaoke_stages::Stage;
use std::sync::Arc;
use std::time::Instant;

/// Loads the model that a job asks for.
pub(crate) type Open = Arc<dyn Fn(&Job) -> Result<Box<dyn Separator>, SeparateError> + Send + Sync>;

/// Loads models of `catalogue`; refuses a job that was made for another file than the manifest means.
pub(crate) fn opener(loader: Loader, catalogue: Arc<Catalogue>) -> Open {
    Arc::new(move |job| {
        let manifest = catalogue.get(&job.model)?;
        if !manifest.identity().eq_ignore_ascii_case(&job.model_sha256) {
            return Err(SeparateError::OtherModel {
                model: job.model.clone(),
                want: job.model_sha256.clone(),
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
    model: ModelName,
    sha256: String,
    separator: Box<dyn Separator>,
}

impl Sessions {
    /// Keeps at most `capacity` models (at least one).
    pub(crate) fn new(open: Open, capacity: usize) -> Self {
        Self { open, capacity: capacity.max(1), loaded: Vec::new() }
    }

    /// The model that `job` asks for, loaded now when it was not.
    pub(crate) fn of_job(&mut self, job: &Job) -> Result<&mut dyn Separator, SeparateError> {
        let is_it = |l: &Loaded| l.model == job.model && l.sha256 == job.model_sha256;
        let last = match self.loaded.iter().position(is_it) {
            Some(at) => self.loaded.remove(at),
            None => self.load(job)?,
        };
        let at = self.loaded.len();
        self.loaded.push(last);
        Ok(&mut *self.loaded[at].separator)
    }

    /// Drops all models, as after a panic that may have left one half changed.
    pub(crate) fn clear(&mut self) {
        self.loaded.clear();
    }

    fn load(&mut self, job: &Job) -> Result<Loaded, SeparateError> {
        // The surplus goes first: two large models may not fit into memory together.
        let surplus = (self.loaded.len() + 1).saturating_sub(self.capacity);
        self.loaded.drain(..surplus);
        let began = Instant::now();
        let separator = Stage::Load.of(|| (self.open)(job))?;
        tracing::info!(model = job.model.as_str(), seconds = began.elapsed().as_secs_f64(), "model loaded");
        Ok(Loaded { model: job.model.clone(), sha256: job.model_sha256.clone(), separator })
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
        let open: Open = Arc::new(move |job| {
            log.lock().unwrap().push(job.model.clone());
            Ok(Box::new(Fake))
        });
        let mut sessions = Sessions::new(open, 2);
        for model in ["a", "b", "a", "c", "a", "b"] {
            sessions.of_job(&job(model, 0)).unwrap();
        }
        assert_eq!(*opened.lock().unwrap(), ["a", "b", "c", "b"]);
        sessions.clear();
        sessions.of_job(&job("a", 0)).unwrap();
        assert_eq!(opened.lock().unwrap().len(), 5);
    }
}
