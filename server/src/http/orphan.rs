//! Removes the track of an upload whose uploader goes away before he is answered.

use super::in_progress::Held;
use crate::active_track::ActiveTrack;
use crate::pipeline::{Pipeline, Submission};
use crate::problem::Problem;
use karaoke_core::TrackId;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// A track whose passcode nobody has been told yet: if its uploader goes away now, nobody can ever reach it.
///
/// It is submitted by a task of its own, because a request that is dropped half-way through would leave half a
/// track behind.
pub(super) struct Orphan {
    pipeline: Arc<Pipeline>,
    id: Option<TrackId>,
    submission: Option<JoinHandle<Result<Arc<ActiveTrack>, Problem>>>,
    /// Keeps other requests with the same key away until it is settled.
    held: Option<Held>,
}

impl Orphan {
    /// Has it submitted.
    pub(super) fn submit(pipeline: Arc<Pipeline>, submission: Submission, held: Option<Held>) -> Self {
        let id = Some(submission.id.clone());
        let me = pipeline.clone();
        let task = async move { me.submit(submission).await };
        let submission = Some(tokio::spawn(task.in_current_span()));
        Self { pipeline, id, submission, held }
    }

    /// Waits until it is.
    pub(super) async fn submitted(&mut self) -> Result<Arc<ActiveTrack>, Problem> {
        let Some(task) = &mut self.submission else { return Err(Problem::no_such_track()) };
        let submitted = task.await;
        self.submission = None;
        submitted.map_err(|e| Problem::internal(&e))?
    }

    /// Somebody has it now.
    pub(super) fn adopted(mut self) {
        self.id = None;
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (pipeline, submission, held) = (self.pipeline.clone(), self.submission.take(), self.held.take());
        tokio::spawn(async move {
            let _held = held;
            if let Some(submission) = submission {
                // Whatever came of it, it has to be over before it is undone.
                let _ = submission.await;
            }
            if let Err(error) = pipeline.delete(&id).await {
                tracing::warn!(track = %id, %error, "an orphaned track could not be removed");
            }
        });
    }
}
