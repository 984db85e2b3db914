//! One writer at a time for an upload; one whose connection has fallen silent makes room for the next.

use crate::pipeline::lock;
use karaoke_core::TrackId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long a writer is given to end by itself: it may be that its client has gone and it has not noticed yet.
const PATIENCE: Duration = Duration::from_secs(1);
/// A writer of which nothing came for so long has probably lost its client.
const SILENT: Duration = Duration::from_secs(3);
/// How long a writer may take to put down what it has, once told to.
const LEAVING: Duration = Duration::from_secs(10);

/// The uploads that are being written.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<TrackId, Arc<Line>>>);

struct Line {
    busy: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<(CancellationToken, Instant)>,
}

/// The right to write, until it is dropped.
pub(super) struct Held {
    line: Arc<Line>,
    hung_up: CancellationToken,
    _busy: OwnedMutexGuard<()>,
}

impl Lines {
    /// Takes the right to write; `None` while somebody else writes.
    pub(super) async fn take(&self, id: &TrackId) -> Option<Held> {
        let line = self.line(id);
        let busy = match timeout(PATIENCE, line.busy.clone().lock_owned()).await {
            Ok(busy) => busy,
            Err(_) => {
                line.hang_up_if_silent()?;
                timeout(LEAVING, line.busy.clone().lock_owned()).await.ok()?
            }
        };
        let hung_up = CancellationToken::new();
        *lock(&line.state) = (hung_up.clone(), Instant::now());
        Some(Held { line, hung_up, _busy: busy })
    }

    fn line(&self, id: &TrackId) -> Arc<Line> {
        let mut lines = lock(&self.0);
        // Those that nobody holds or waits for.
        lines.retain(|_, line| Arc::strong_count(line) > 1);
        let new = || {
            Arc::new(Line {
                busy: Arc::default(),
                state: Mutex::new((CancellationToken::new(), Instant::now())),
            })
        };
        lines.entry(id.clone()).or_insert_with(new).clone()
    }
}

impl Line {
    fn hang_up_if_silent(&self) -> Option<()> {
        let state = lock(&self.state);
        (state.1.elapsed() >= SILENT).then(|| state.0.cancel())
    }
}

impl Held {
    /// Something has come.
    pub(super) fn heard(&self) {
        lock(&self.line.state).1 = Instant::now();
    }

    /// Done when somebody else goes on with the upload.
    pub(super) async fn hung_up(&self) {
        self.hung_up.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> TrackId {
        TrackId::from_random(5)
    }

    #[tokio::test]
    async fn who_writes_keeps_others_out() {
        let lines = Lines::default();
        let first = lines.take(&id()).await.unwrap();
        assert!(lines.take(&id()).await.is_none());
        assert!(lines.take(&TrackId::from_random(6)).await.is_some(), "another upload is another line");
        drop(first);
        assert!(lines.take(&id()).await.is_some());
    }

    #[tokio::test]
    async fn who_has_fallen_silent_is_told_to_go() {
        let lines = Arc::new(Lines::default());
        let first = lines.take(&id()).await.unwrap();
        lock(&first.line.state).1 = Instant::now() - SILENT;
        let second = tokio::spawn({
            let lines = lines.clone();
            async move { lines.take(&id()).await.is_some() }
        });
        first.hung_up().await;
        drop(first);
        assert!(second.await.unwrap());
    }
}
