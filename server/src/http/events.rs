//! Server-sent events: a snapshot first, then every change; resumable.

use super::App;
use super::auth::{Credentials, Owned};
use super::described::{Refusal, ServerSentEvent};
use crate::active_track::ActiveTrack;
use crate::events::EventLog;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::future::ready;
use futures::stream::{Stream, StreamExt, once, select_all, unfold};
use karaoke_core::TrackId;
use serde::Deserialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// What can be listened to.
pub(super) trait Source: Send + Sync + 'static {
    /// What happens to it.
    fn log(&self) -> &EventLog;
    /// How it is now, as JSON.
    fn snapshot(&self) -> String;
    /// Nothing more will happen.
    fn is_over(&self) -> bool;
}

impl Source for ActiveTrack {
    fn log(&self) -> &EventLog {
        &self.events
    }

    fn snapshot(&self) -> String {
        ActiveTrack::snapshot(self)
    }

    fn is_over(&self) -> bool {
        self.state().is_terminal()
    }
}

struct Listener<S> {
    boot: u64,
    source: Arc<S>,
    /// The last event sent; `None` before a snapshot.
    sent: Option<u64>,
    waiting: VecDeque<SentEvent>,
    ended: bool,
}

/// An event on its way to a listener.
struct SentEvent {
    id: String,
    name: &'static str,
    data: String,
}

/// What happens to a track.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}/events", operation_id = "follow_track", tag = "tracks",
    params(
        ("id" = String, Path, description = "The track."),
        (
            "last-event-id" = Option<String>, Header, nullable = false,
            description = "The id of the last event that was heard: the stream goes on behind it.",
        ),
    ),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses(
        (
            status = 200,
            description = "Server-sent events `snapshot`, `track` and `chunk`, each with JSON, until `end` or `gone`.",
            body = ServerSentEvent, content_type = "text/event-stream",
        ),
        Refusal<401>, Refusal<404>,
    ),
)]
pub(super) async fn events(State(app): State<App>, owned: Owned, headers: HeaderMap) -> Response {
    stream(&app, owned.track, &headers)
}

/// The events of a source, from where the listener says that it was.
pub(super) fn stream<S: Source>(app: &App, source: Arc<S>, headers: &HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    answer(
        listen(app, source, last).map(|sent| Event::default().id(sent.id).event(sent.name).data(sent.data)),
    )
}

/// What a listener hears of a source that has listen of it up to the event `last`.
fn listen<S: Source>(
    app: &App,
    source: Arc<S>,
    last: Option<&str>,
) -> impl Stream<Item = SentEvent> + use<S> {
    let sent = last.and_then(|id| number_of(app.boot, id));
    let listener = Listener { boot: app.boot, source, sent, waiting: VecDeque::new(), ended: false };
    unfold(listener, |mut listener| async {
        let sent = listener.next().await?;
        Some((sent, listener))
    })
}

fn answer(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let stream = events.map(Ok::<_, Infallible>);
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

/// A track to be followed with others.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Followed {
    /// The track.
    id: String,
    /// Its passcode; an API key or the admin key opens it, too.
    #[serde(default)]
    passcode: String,
    /// `event_id` of the last event of it that was heard.
    #[serde(default)]
    last_event_id: Option<String>,
}

/// The tracks that one stream follows at most.
const FOLLOWED: usize = 500;

/// What happens to many tracks, in one stream.
///
/// Of a track that is not there, or does not open, the listener hears `gone`.
#[utoipa::path(
    post, path = "/api/v1/events", operation_id = "follow_tracks", tag = "tracks",
    request_body = Vec<Followed>,
    security((), ("key" = []), ("admin" = [])),
    responses(
        (
            status = 200,
            description = "Server-sent events `of`, each with the id of a track and one of its events, until all are over.",
            body = ServerSentEvent, content_type = "text/event-stream",
        ),
        Refusal<401>, Refusal<422>,
    ),
)]
pub(super) async fn many(
    State(app): State<App>,
    headers: HeaderMap,
    followed: Result<Json<Vec<Followed>>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(followed) = followed.map_err(|e| Problem::new(422, "Unreadable list", e.body_text()))?;
    if followed.len() > FOLLOWED {
        let detail = format!("One stream follows {FOLLOWED} tracks at most; open another one.");
        return Err(Problem::new(422, "Too many tracks", detail));
    }
    let credentials = Credentials::of(&app, &headers).await?;
    let mut streams = Vec::new();
    for Followed { id, passcode, last_event_id } in followed {
        let named = id.clone();
        let track = match TrackId::parse(&id) {
            Ok(id) => credentials.open(&app, &id, Some(&passcode)).await,
            Err(_) => Err(Problem::no_such_track()),
        };
        let gone = || SentEvent { id: String::new(), name: "gone", data: "{}".into() };
        let events = match track {
            Ok(track) => listen(&app, track, last_event_id.as_deref()).boxed(),
            Err(problem) if problem.status == 404 => once(ready(gone())).boxed(),
            Err(problem) => return Err(problem),
        };
        streams.push(events.map(move |sent| of_track(&named, &sent)).boxed());
    }
    Ok(answer(select_all(streams)))
}

/// An event with the track's name; its data is JSON already.
fn of_track(id: &str, sent: &SentEvent) -> Event {
    let (id, event_id) = (Value::from(id), Value::from(sent.id.as_str()));
    let data = format!(r#"{{"id":{id},"event_id":{event_id},"event":"{}","data":{}}}"#, sent.name, sent.data);
    Event::default().event("of").data(data)
}

impl<S: Source> Listener<S> {
    async fn next(&mut self) -> Option<SentEvent> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let mut signal = self.source.log().signal();
            signal.mark_unchanged();
            let missed = self.sent.and_then(|sent| self.source.log().since(sent));
            match missed {
                None => self.snapshot(),
                Some(events) if events.is_empty() => signal.changed().await.ok()?,
                Some(events) => {
                    for event in events {
                        self.sent = Some(event.number);
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
        self.sent = Some(number);
        if ended {
            self.tell(number, "end", "{}".into());
            self.ended = true;
        }
    }

    fn tell(&mut self, number: u64, name: &'static str, data: String) {
        let id = format!("{:x}-{number}", self.boot);
        self.waiting.push_back(SentEvent { id, name, data });
    }
}

/// The number in an event id of this run; a previous run's numbers mean nothing.
fn number_of(boot: u64, id: &str) -> Option<u64> {
    let (life, number) = id.split_once('-')?;
    (u64::from_str_radix(life, 16).ok()? == boot).then(|| number.parse().ok())?
}
