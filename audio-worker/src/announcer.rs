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
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(1);

/// The announcements of one worker's run; dropping it ends them without a final announcement.
pub(crate) struct Announcer {
    status: Arc<WorkerStatus>,
    queue: Arc<dyn WorkerQueue>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Announcer {
    /// Announces what stands on the status: now, then every [`WorkerStatus::every`], and when there is news.
    pub(crate) fn start(status: Arc<WorkerStatus>, queue: Arc<dyn WorkerQueue>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(repeat(status.clone(), queue.clone(), stop.clone()));
        Self { status, queue, stop, task: AbortOnDropHandle::new(task) }
    }

    /// Stops announcing itself, as a frozen worker does.
    pub(crate) fn pause(&self) {
        self.stop.cancel();
    }

    /// Says how this run ended, as the last thing of all.
    pub(crate) async fn end(self, state: WorkerState, note: Option<&str>) {
        self.stop.cancel();
        // An earlier announcement must not come after the last one.
        let task: JoinHandle<()> = self.task.detach();
        let _ = task.await;
        self.status.over(state, note);
        announce(&self.status, &*self.queue).await;
    }
}

async fn repeat(status: Arc<WorkerStatus>, queue: Arc<dyn WorkerQueue>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        announce(&status, &*queue).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = status.news() => {}
            () = tokio::time::sleep(status.every()) => {}
        }
    }
}

async fn announce(status: &WorkerStatus, queue: &dyn WorkerQueue) {
    match timeout(ANNOUNCE_TIMEOUT, queue.announce(status.presence())).await {
        Ok(Ok(())) => status.announced().cancel(),
        Ok(Err(error)) => tracing::debug!(worker = status.name().as_str(), %error, "not announced"),
        Err(_) => tracing::debug!(worker = status.name().as_str(), "not announced in time"),
    }
}
