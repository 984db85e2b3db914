//! A bounded queue of messages that come back when they are not acked.

use crate::QueueError;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A bounded first-in-first-out of messages that come back when they are not acked.
pub(super) struct MessageQueue<T> {
    state: Mutex<State<T>>,
    filled: Notify,
    drained: Notify,
    capacity: usize,
    timeout: Duration,
}

pub(super) struct State<T> {
    pub(super) waiting: VecDeque<Entry<T>>,
    pub(super) unsettled: usize,
    closed: bool,
}

/// A message that waits, before all of lower priority.
pub(super) struct Entry<T> {
    message: T,
    priority: Priority,
}

/// Which message is delivered first; messages of one priority keep their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    Normal,
    Urgent,
    /// It was delivered before and came back.
    Redelivered,
}

impl<T> State<T> {
    fn insert(&mut self, message: T, priority: Priority) {
        let at =
            self.waiting.iter().position(|entry| entry.priority < priority).unwrap_or(self.waiting.len());
        self.waiting.insert(at, Entry { message, priority });
    }
}

impl<T> MessageQueue<T> {
    pub(super) fn new(capacity: usize, timeout: Duration) -> Self {
        let state = Mutex::new(State { waiting: VecDeque::new(), unsettled: 0, closed: false });
        Self { state, filled: Notify::new(), drained: Notify::new(), capacity: capacity.max(1), timeout }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }

    pub(super) async fn push(&self, message: T, priority: Priority) -> Result<(), QueueError> {
        let mut message = Some(message);
        let room = async {
            loop {
                let drained = self.drained.notified();
                tokio::pin!(drained);
                drained.as_mut().enable();
                {
                    let mut state = self.lock();
                    if state.closed {
                        return Err(QueueError::Closed);
                    }
                    if state.waiting.len() < self.capacity {
                        if let Some(message) = message.take() {
                            state.insert(message, priority);
                        }
                        break;
                    }
                }
                drained.await;
            }
            self.filled.notify_waiters();
            Ok(())
        };
        tokio::time::timeout(self.timeout, room).await.unwrap_or(Err(QueueError::Full(self.timeout)))
    }

    pub(super) async fn pop(&self, wanted: impl Fn(&T) -> bool) -> Result<(T, bool), QueueError> {
        loop {
            let filled = self.filled.notified();
            tokio::pin!(filled);
            filled.as_mut().enable();
            {
                let mut state = self.lock();
                let at = state.waiting.iter().position(|entry| wanted(&entry.message));
                if let Some(Entry { message, priority }) = at.and_then(|at| state.waiting.remove(at)) {
                    state.unsettled += 1;
                    self.drained.notify_waiters();
                    return Ok((message, priority == Priority::Redelivered));
                }
                if state.closed {
                    return Err(QueueError::Closed);
                }
            }
            filled.await;
        }
    }

    /// A message that was given back goes first; it had its place before the bound was reached.
    pub(super) fn requeue(&self, message: T) {
        {
            let mut state = self.lock();
            state.unsettled = state.unsettled.saturating_sub(1);
            state.waiting.push_front(Entry { message, priority: Priority::Redelivered });
        }
        self.filled.notify_waiters();
    }

    pub(super) fn settled(&self) {
        let mut state = self.lock();
        state.unsettled = state.unsettled.saturating_sub(1);
    }

    pub(super) fn retain(&self, keep: impl Fn(&T) -> bool) {
        self.lock().waiting.retain(|entry| keep(&entry.message));
        self.drained.notify_waiters();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_waiters();
        self.drained.notify_waiters();
    }
}

/// A poisoned lock means that a thread panicked while it held plain data: the data is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
