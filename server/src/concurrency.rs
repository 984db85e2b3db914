//! Helpers for threads: blocking work off the async ones, and locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs blocking work off the async threads; a panic in it comes back as an error.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(std::io::Error::other(e)))
}

/// Plain data stays whole when a thread panics while it holds the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
