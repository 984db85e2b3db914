//! Server-sent events: a snapshot first, then every change; resumable.

use super::App;
use super::auth::Owned;
use crate::events::EventLog;
use crate::live::LiveTrack;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// What can be listened to.
pub(super) trait Source: Send + Sync + 'static {
    /// What happens to it.
    fn log(&self) -> &EventLog;
    /// How it is now, as JSON.
    fn snapshot(&self) -> String;
    /// Nothing more will happen.
    fn is_over(&self) -> bool;
}

impl Source for LiveTrack {
    fn log(&self) -> &EventLog {
        &self.events
    }

    fn snapshot(&self) -> String {
        LiveTrack::snapshot(self)
    }

    fn is_over(&self) -> bool {
        self.state().is_terminal()
    }
}

struct Listener<S> {
    boot: u64,
    source: Arc<S>,
    /// The last event told; `None` before a snapshot.
    told: Option<u64>,
    waiting: VecDeque<Event>,
    ended: bool,
}

pub(super) async fn events(State(app): State<App>, owned: Owned, headers: HeaderMap) -> Response {
    stream(&app, owned.track, &headers)
}

/// The events of a source, from where the listener says that it was.
pub(super) fn stream<S: Source>(app: &App, source: Arc<S>, headers: &HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let told = last.and_then(|id| number_of(app.boot, id));
    let listener = Listener { boot: app.boot, source, told, waiting: VecDeque::new(), ended: false };
    let stream = unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

impl<S: Source> Listener<S> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let mut signal = self.source.log().signal();
            signal.mark_unchanged();
            let missed = self.told.and_then(|told| self.source.log().since(told));
            match missed {
                None => self.snapshot(),
                Some(events) if events.is_empty() => signal.changed().await.ok()?,
                Some(events) => {
                    for event in events {
                        self.told = Some(event.number);
                        self.ended |= matches!(event.name, "end" | "gone");
                        self.tell(event.number, event.name, event.data);
                    }
                }
            }
        }
    }

    fn snapshot(&mut self) {
        let number = self.source.log().latest();
        let ended = self.source.is_over();
        self.tell(number, "snapshot", self.source.snapshot());
        self.told = Some(number);
        if ended {
            self.tell(number, "end", "{}".into());
            self.ended = true;
        }
    }

    fn tell(&mut self, number: u64, name: &str, data: String) {
        let id = format!("{:x}-{number}", self.boot);
        self.waiting.push_back(Event::default().id(id).event(name).data(data));
    }
}

/// The number in an event id of this life; a former life's numbers mean nothing.
fn number_of(boot: u64, id: &str) -> Option<u64> {
    let (life, number) = id.split_once('-')?;
    (u64::from_str_radix(life, 16).ok()? == boot).then(|| number.parse().ok())?
}
