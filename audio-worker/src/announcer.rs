//! Announces a worker to every server, again and again, beside its work and never in its way.

use crate::worker_status::WorkerStatus;
use karaoke_core::presence::WorkerState;
use karaoke_queue::WorkerQueue;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long one announcement may take; the next one says it again.
const PATIENCE: Duration = Duration::from_secs(1);

/// The announcements of one worker's life; dropping it ends them without a last word.
pub(crate) struct Announcer {
    status: Arc<WorkerStatus>,
    queue: Arc<dyn WorkerQueue>,
    quiet: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Announcer {
    /// Announces what stands on the status: now, then every [`WorkerStatus::every`], and when there is news.
    pub(crate) fn start(status: Arc<WorkerStatus>, queue: Arc<dyn WorkerQueue>) -> Self {
        let quiet = CancellationToken::new();
        let task = tokio::spawn(repeat(status.clone(), queue.clone(), quiet.clone()));
        Self { status, queue, quiet, task: AbortOnDropHandle::new(task) }
    }

    /// Falls silent, as a frozen worker does.
    pub(crate) fn pause(&self) {
        self.quiet.cancel();
    }

    /// Says how this life ended, as the last thing of all.
    pub(crate) async fn end(self, state: WorkerState, note: Option<&str>) {
        self.quiet.cancel();
        // An earlier announcement must not come after the last one.
        let task: JoinHandle<()> = self.task.detach();
        let _ = task.await;
        self.status.over(state, note);
        announce(&self.status, &*self.queue).await;
    }
}

async fn repeat(status: Arc<WorkerStatus>, queue: Arc<dyn WorkerQueue>, quiet: CancellationToken) {
    while !quiet.is_cancelled() {
        announce(&status, &*queue).await;
        tokio::select! {
            () = quiet.cancelled() => {}
            () = status.news() => {}
            () = tokio::time::sleep(status.every()) => {}
        }
    }
}

async fn announce(status: &WorkerStatus, queue: &dyn WorkerQueue) {
    match timeout(PATIENCE, queue.announce(status.presence())).await {
        Ok(Ok(())) => status.announced().cancel(),
        Ok(Err(error)) => tracing::debug!(worker = status.name().as_str(), %error, "not announced"),
        Err(_) => tracing::debug!(worker = status.name().as_str(), "not announced in time"),
    }
}
