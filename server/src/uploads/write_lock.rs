//! One writer at a time for an upload; one whose connection has stopped announcing itself makes room for the next.

use crate::concurrency::lock;
use karaoke_core::TrackId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long a writer is given to end by itself: it may be that its client has gone and it has not noticed yet.
const TIMEOUT: Duration = Duration::from_secs(1);
/// A writer of which nothing came for so long has probably lost its client.
const SILENT: Duration = Duration::from_secs(3);
/// How long a writer may take to put down what it has, once told to.
const LEAVING: Duration = Duration::from_secs(10);

/// The uploads that are being written.
#[derive(Default)]
pub(super) struct WriteLocks(Mutex<HashMap<TrackId, Arc<WriteLock>>>);

struct WriteLock {
    busy: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<(CancellationToken, Instant)>,
}

/// The right to write, until it is dropped.
pub(super) struct WriteGuard {
    line: Arc<WriteLock>,
    ended: CancellationToken,
    _busy: OwnedMutexGuard<()>,
}

impl WriteLocks {
    /// Takes the right to write; `None` while somebody else writes.
    pub(super) async fn take(&self, id: &TrackId) -> Option<WriteGuard> {
        let line = self.line(id);
        let busy = match timeout(TIMEOUT, line.busy.clone().lock_owned()).await {
            Ok(busy) => busy,
            Err(_) => {
                line.end_if_silent()?;
                timeout(LEAVING, line.busy.clone().lock_owned()).await.ok()?
            }
        };
        let ended = CancellationToken::new();
        *lock(&line.state) = (ended.clone(), Instant::now());
        Some(WriteGuard { line, ended, _busy: busy })
    }

    fn line(&self, id: &TrackId) -> Arc<WriteLock> {
        let mut locks = lock(&self.0);
        // Those that nobody holds or waits for.
        locks.retain(|_, line| Arc::strong_count(line) > 1);
        let new = || {
            Arc::new(WriteLock {
                busy: Arc::default(),
                state: Mutex::new((CancellationToken::new(), Instant::now())),
            })
        };
        locks.entry(id.clone()).or_insert_with(new).clone()
    }
}

impl WriteLock {
    fn end_if_silent(&self) -> Option<()> {
        let state = lock(&self.state);
        (state.1.elapsed() >= SILENT).then(|| state.0.cancel())
    }
}

impl WriteGuard {
    /// Something has come.
    pub(super) fn touch(&self) {
        lock(&self.line.state).1 = Instant::now();
    }

    /// Done when somebody else goes on with the upload.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
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
        let locks = WriteLocks::default();
        let first = locks.take(&id()).await.unwrap();
        assert!(locks.take(&id()).await.is_none());
        assert!(locks.take(&TrackId::from_random(6)).await.is_some(), "another upload is another line");
        drop(first);
        assert!(locks.take(&id()).await.is_some());
    }

    #[tokio::test]
    async fn who_has_fallen_silent_is_told_to_go() {
        let locks = Arc::new(WriteLocks::default());
        let first = locks.take(&id()).await.unwrap();
        lock(&first.line.state).1 = Instant::now() - SILENT;
        let second = tokio::spawn({
            let locks = locks.clone();
            async move { locks.take(&id()).await.is_some() }
        });
        first.ended().await;
        drop(first);
        assert!(second.await.unwrap());
    }
}
