//! Finds out whether the store can still be written.

use super::Pipeline;
use crate::concurrency::blocking;
use crate::problem::Problem;
use crate::store::Store;
use std::time::{Duration, Instant};

/// How long what was found out is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// How long a disk may take to say that it can be written: one over a network may never answer.
const PATIENCE: Duration = Duration::from_secs(5);

impl Pipeline {
    /// Refuses while the store cannot be written, with 507 where the disk is full, otherwise with 503; tries it at most
    /// once a second.
    pub async fn check_store(&self) -> Result<(), Problem> {
        let mut check = self.store_check.lock().await;
        if let Some((at, found)) = &check.0
            && at.elapsed() < BELIEVED
        {
            return found.clone();
        }
        let found = self.try_store().await;
        let before = check.0.take().is_none_or(|(_, found)| found.is_ok());
        match &found {
            Err(problem) if before => tracing::error!(reason = %problem, "the store cannot be written"),
            Ok(()) if !before => tracing::info!("the store can be written again"),
            _ => {}
        }
        check.0 = Some((Instant::now(), found.clone()));
        found
    }

    async fn try_store(&self) -> Result<(), Problem> {
        let files = self.files.clone();
        let wrote = tokio::time::timeout(PATIENCE, blocking(move || files.try_to_write())).await;
        let why = match wrote {
            Ok(Ok(())) if Store::exists(&self.disk.dir) => return Ok(()),
            Ok(Ok(())) => "its database is gone".to_owned(),
            Ok(Err(error)) if Problem::disk(&error).status == 507 => return Err(Problem::disk(&error)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its disk does not answer".to_owned(),
        };
        let detail =
            format!("The server cannot write to its store ({why}); its operator has to see to store.dir.");
        Err(Problem::new(503, "Store not usable", detail))
    }
}
