//! A track's server-sent events: a snapshot first, then every change; resumable.

use super::App;
use super::auth::Owned;
use crate::live::LiveTrack;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

struct Listener {
    app: App,
    track: Arc<LiveTrack>,
    /// The last event told; `None` before a snapshot.
    told: Option<u64>,
    waiting: VecDeque<Event>,
    ended: bool,
}

pub(super) async fn events(
    State(app): State<App>,
    owned: Owned,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let told = last.and_then(|id| number_of(app.boot, id));
    let listener = Listener { app, track: owned.track, told, waiting: VecDeque::new(), ended: false };
    let stream = unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let mut signal = self.track.events.signal();
            signal.mark_unchanged();
            let missed = self.told.and_then(|told| self.track.events.since(told));
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
        let number = self.track.events.latest();
        let ended = self.track.state().is_terminal();
        self.tell(number, "snapshot", self.track.snapshot());
        self.told = Some(number);
        if ended {
            self.tell(number, "end", "{}".into());
            self.ended = true;
        }
    }

    fn tell(&mut self, number: u64, name: &str, data: String) {
        let id = format!("{:x}-{number}", self.app.boot);
        self.waiting.push_back(Event::default().id(id).event(name).data(data));
    }
}

/// The number in an event id of this life; a former life's numbers mean nothing.
fn number_of(boot: u64, id: &str) -> Option<u64> {
    let (life, number) = id.split_once('-')?;
    (u64::from_str_radix(life, 16).ok()? == boot).then(|| number.parse().ok())?
}
