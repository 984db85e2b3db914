//! A track's events, for server-sent events: numbered, kept for a while, so that a listener can resume.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// How many events are kept for listeners that were away; who was away for longer gets a new snapshot.
const KEPT: usize = 256;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number, counted from 1 in this run of the server.
    pub number: u64,
    /// `track`, `chunk`, `end` or `gone`.
    pub name: &'static str,
    /// JSON.
    pub data: String,
}

/// The events of one track.
#[derive(Debug)]
pub struct EventLog {
    kept: Mutex<VecDeque<Event>>,
    latest: watch::Sender<u64>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { kept: Mutex::default(), latest: watch::Sender::new(0) }
    }
}

impl EventLog {
    /// Tells everyone.
    pub fn push(&self, name: &'static str, data: String) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.latest.send_modify(|latest| *latest += 1);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Event { number: *self.latest.borrow(), name, data });
    }

    /// The number of the latest event; 0 before the first.
    pub fn latest(&self) -> u64 {
        *self.latest.borrow()
    }

    /// Everything after event `number`; `None` when some of that is no longer kept, or never was.
    pub fn since(&self, number: u64) -> Option<Vec<Event>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = self.latest();
        let oldest = kept.front().map_or(latest + 1, |e| e.number);
        (number <= latest && number + 1 >= oldest)
            .then(|| kept.iter().filter(|e| e.number > number).cloned().collect())
    }

    /// A signal that changes with every event.
    pub fn signal(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }
}

/// Views are plain data: writing them as JSON cannot fail.
pub(crate) fn json(view: &impl serde::Serialize) -> String {
    serde_json::to_string(view).unwrap_or_else(|_| "null".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resumes_where_the_listener_left() {
        let log = EventLog::default();
        assert_eq!(log.since(0), Some(vec![]));
        for i in 0..3 {
            log.push("chunk", i.to_string());
        }
        let data = |events: Vec<Event>| events.into_iter().map(|e| e.data).collect::<Vec<_>>();
        assert_eq!(log.since(1).map(data), Some(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(log.since(3).map(data), Some(vec![]));
    }

    #[test]
    fn who_was_away_too_long_or_comes_from_another_life_is_told_so() {
        let log = EventLog::default();
        for i in 0..KEPT + 10 {
            log.push("chunk", i.to_string());
        }
        assert_eq!(log.since(3), None);
        assert_eq!(log.since(9999), None);
        assert_eq!(log.since(10).map(|e| e.len()), Some(KEPT));
    }
}
