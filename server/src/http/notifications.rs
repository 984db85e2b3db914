//! Who is told what becomes of tracks: of one, for its owner, or of all, for the admin.

use super::auth::{Owned, admin_only, is_admin};
use super::{App, tracks};
use crate::clock::{now_ms, rfc3339};
use crate::notification::{Event, Notification};
use crate::problem::Problem;
use crate::store::{Delivery, DeliveryAttempt};
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use karaoke_core::TrackId;
use karaoke_notify::{Secret, Target};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Messages that a list shows.
const LISTED: u32 = 100;

/// The routes under `base`: a track's, if that has an `{id}`, or those of all tracks.
pub(super) fn routes(base: &str) -> Router<App> {
    let one = format!("{base}/{{notification}}");
    Router::new()
        .route(base, get(list).post(create))
        .route(&one, delete(remove))
        .route(&format!("{one}/test"), post(test))
        .route(&format!("{one}/deliveries"), get(deliveries))
        .route(&format!("{one}/deliveries/{{delivery}}/retry"), post(retry))
}

/// What a request is about, which it may be about: a track of its owner, or all of them.
struct Scope {
    track: Option<TrackId>,
    passcode: Option<String>,
    is_admin: bool,
    path: HashMap<String, String>,
}

impl Scope {
    async fn notification(&self, app: &App) -> Result<Notification, Problem> {
        let id = self.path.get("notification").map(String::as_str).unwrap_or_default();
        app.pipeline.notification(self.track.as_ref(), id).await
    }
}

impl FromRequestParts<App> for Scope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, app).await;
        let path = path.map(|Path(path)| path).unwrap_or_default();
        if !path.contains_key("id") {
            admin_only(app, &parts.headers, "What is told of all tracks")?;
            return Ok(Self { track: None, passcode: None, is_admin: true, path });
        }
        let owned = Owned::from_request_parts(parts, app).await?;
        let is_admin = is_admin(app, &parts.headers);
        Ok(Self { track: Some(owned.track.id.clone()), passcode: owned.passcode, is_admin, path })
    }
}

/// Who shall be told of what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `https://…` or `mailto:…`.
    target: String,
    /// Names of events; without them, all.
    events: Option<Vec<String>>,
    /// What signs messages to a webhook; without it, a new one.
    secret: Option<String>,
}

impl Wanted {
    fn events(&self) -> Result<Vec<Event>, Problem> {
        let Some(names) = &self.events else { return Ok(Event::OF_TRACKS.to_vec()) };
        let known = Event::OF_TRACKS;
        let read: Option<Vec<Event>> =
            names.iter().map(|name| known.into_iter().find(|event| event.name() == name)).collect();
        read.filter(|events| !events.is_empty()).ok_or_else(|| {
            let detail = format!("events are some of {}.", known.map(Event::name).join(", "));
            Problem::new(422, "No such event", detail)
        })
    }
}

async fn create(
    State(app): State<App>,
    scope: Scope,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(wanted) = wanted.map_err(|e| Problem::new(422, "Unreadable notification", e.body_text()))?;
    if !scope.is_admin && !app.pipeline.notifications.for_songs {
        let detail = "This server tells nobody else of songs (notifications.for_songs).";
        return Err(Problem::new(403, "Not offered", detail));
    }
    let events = wanted.events()?;
    let secret = wanted.secret.as_deref().map(Secret::parse).transpose();
    let secret = secret.map_err(|e| Problem::new(422, "Unusable secret", format!("{e}.")))?;
    let notification = match app.pipeline.check_target(&wanted.target)? {
        target @ Target::Webhook(_) => Notification::webhook(target.to_string(), secret, events, now_ms()),
        target @ Target::Email(_) => {
            let page =
                scope.track.as_ref().zip(scope.passcode.as_ref()).map(|(id, code)| app.page_of(id, code));
            Notification::mail(target.to_string(), page.unwrap_or_default(), events, now_ms())
        }
    };
    app.pipeline.add_notification(scope.track.as_ref(), &notification).await?;
    let body = Json(with_secret(&notification));
    Ok(tracks::no_store((StatusCode::CREATED, body).into_response()))
}

async fn list(State(app): State<App>, scope: Scope) -> Result<Response, Problem> {
    let all = app.pipeline.store.notifications(scope.track.as_ref()).await?;
    let all: Vec<Value> = all.iter().map(view).collect();
    Ok(tracks::no_store(Json(json!({ "notifications": all })).into_response()))
}

async fn remove(State(app): State<App>, scope: Scope) -> Result<StatusCode, Problem> {
    let notification = scope.notification(&app).await?;
    app.pipeline.store.delete_notification(scope.track.as_ref(), &notification.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers once the test has arrived or not.
async fn test(State(app): State<App>, scope: Scope) -> Result<Response, Problem> {
    let notification = scope.notification(&app).await?;
    let (delivery, attempt) = app.pipeline.test_notification(&notification).await?;
    Ok(tracks::no_store(Json(delivery_view(&delivery, &[attempt])).into_response()))
}

async fn deliveries(State(app): State<App>, scope: Scope) -> Result<Response, Problem> {
    let notification = scope.notification(&app).await?;
    let all = app.pipeline.store.deliveries_of(&notification.id, LISTED).await?;
    let all: Vec<Value> = all.iter().map(|(delivery, attempts)| delivery_view(delivery, attempts)).collect();
    Ok(tracks::no_store(Json(json!({ "deliveries": all })).into_response()))
}

async fn retry(State(app): State<App>, scope: Scope) -> Result<StatusCode, Problem> {
    let notification = scope.notification(&app).await?;
    let delivery = scope.path.get("delivery").map(String::as_str).unwrap_or_default();
    app.pipeline.redeliver(&notification, delivery).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A notification for its owner, with what checks the signatures.
pub(super) fn with_secret(n: &Notification) -> Value {
    let mut view = view(n);
    if !n.is_mail() {
        view["secret"] = n.secret.as_str().into();
    }
    view
}

fn view(n: &Notification) -> Value {
    let events: Vec<_> = n.events.iter().map(|event| event.name()).collect();
    json!({
        "id": n.id, "target": n.target, "events": events, "created_at": rfc3339(n.created_ms), "disabled": n.disabled,
    })
}

fn delivery_view(d: &Delivery, attempts: &[DeliveryAttempt]) -> Value {
    let attempts: Vec<_> = attempts
        .iter()
        .map(
            |a| json!({ "at": rfc3339(a.at_ms), "status": a.status, "error": a.error, "seconds": a.seconds }),
        )
        .collect();
    let arrived = attempts.iter().rev().find(|a| a["error"].is_null()).map(|a| a["at"].clone());
    json!({
        "id": d.id, "event": d.event, "created_at": rfc3339(d.created_ms), "delivered_at": arrived,
        "next_attempt_at": d.next_ms.map(rfc3339), "attempts": attempts,
    })
}
