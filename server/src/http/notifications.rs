//! Who is told what becomes of tracks: of one, for its owner, or of all, for the admin.

use super::auth::{Owned, admin_only, is_admin};
use super::described::Refusal;
use super::notification_view::{DeliveryList, DeliveryView, NotificationList, NotificationView};
use super::{App, tracks};
use crate::clock::now_ms;
use crate::notification::{Event, Notification};
use crate::problem::Problem;
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
use std::collections::HashMap;
use utoipa::{OpenApi, ToSchema};

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

/// The handlers, at addresses behind either base.
#[derive(OpenApi)]
#[openapi(paths(list, create, remove, test, deliveries, retry))]
pub(super) struct Description;

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
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedNotification)]
pub(super) struct Wanted {
    /// `https://…` or `mailto:…`.
    target: String,
    /// Some of `track.done`, `track.failed`, `track.cancelled`, `track.deadline_missed`; without it all.
    events: Option<Vec<String>>,
    /// What signs messages to a webhook: `whsec_` and 24 to 64 bytes in Base64; without it a new one.
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

/// Has somebody told, by webhook or mail.
#[utoipa::path(
    post, path = "", operation_id = "add_notification", tag = "notifications",
    request_body = Wanted,
    responses(
        (
            status = 201, description = "The notification, with its secret, which is told this once.",
            body = NotificationView,
        ),
        Refusal<401>, Refusal<404>, Refusal<403>, Refusal<409>, Refusal<422>,
    ),
)]
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
    let body = Json(NotificationView::with_secret(&notification));
    Ok(tracks::no_store((StatusCode::CREATED, body).into_response()))
}

/// Who is told.
#[utoipa::path(
    get, path = "", operation_id = "list_notifications", tag = "notifications",
    responses((status = 200, description = "All of them.", body = NotificationList), Refusal<401>, Refusal<404>),
)]
async fn list(State(app): State<App>, scope: Scope) -> Result<Response, Problem> {
    let all = app.pipeline.store.notifications(scope.track.as_ref()).await?;
    let notifications = all.iter().map(NotificationView::from).collect();
    Ok(tracks::no_store(Json(NotificationList { notifications }).into_response()))
}

/// Removes a notification.
#[utoipa::path(
    delete, path = "/{notification}", operation_id = "delete_notification", tag = "notifications",
    params(("notification" = String, Path, description = "The notification.")),
    responses((status = 204, description = "Nothing more is sent."), Refusal<401>, Refusal<404>),
)]
async fn remove(State(app): State<App>, scope: Scope) -> Result<StatusCode, Problem> {
    let notification = scope.notification(&app).await?;
    app.pipeline.store.delete_notification(scope.track.as_ref(), &notification.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test now, and answers once it has arrived or not.
#[utoipa::path(
    post, path = "/{notification}/test", operation_id = "test_notification", tag = "notifications",
    params(("notification" = String, Path, description = "The notification.")),
    responses(
        (status = 200, description = "What came of it.", body = DeliveryView), Refusal<401>, Refusal<404>,
        Refusal<409>, Refusal<422>, Refusal<429>,
    ),
)]
async fn test(State(app): State<App>, scope: Scope) -> Result<Response, Problem> {
    let notification = scope.notification(&app).await?;
    let (delivery, attempt) = app.pipeline.test_notification(&notification).await?;
    Ok(tracks::no_store(Json(DeliveryView::new(&delivery, &[attempt])).into_response()))
}

/// What was sent.
#[utoipa::path(
    get, path = "/{notification}/deliveries", operation_id = "list_deliveries", tag = "notifications",
    params(("notification" = String, Path, description = "The notification.")),
    responses(
        (status = 200, description = "The last hundred messages.", body = DeliveryList), Refusal<401>, Refusal<404>,
    ),
)]
async fn deliveries(State(app): State<App>, scope: Scope) -> Result<Response, Problem> {
    let notification = scope.notification(&app).await?;
    let all = app.pipeline.store.deliveries_of(&notification.id, LISTED).await?;
    let deliveries = all.iter().map(|(delivery, attempts)| DeliveryView::new(delivery, attempts)).collect();
    Ok(tracks::no_store(Json(DeliveryList { deliveries }).into_response()))
}

/// Sends a message again, now.
#[utoipa::path(
    post, path = "/{notification}/deliveries/{delivery}/retry", operation_id = "retry_delivery", tag = "notifications",
    params(
        ("notification" = String, Path, description = "The notification."),
        ("delivery" = String, Path, description = "The message."),
    ),
    responses((status = 202, description = "It is on its way."), Refusal<401>, Refusal<404>, Refusal<409>),
)]
async fn retry(State(app): State<App>, scope: Scope) -> Result<StatusCode, Problem> {
    let notification = scope.notification(&app).await?;
    let delivery = scope.path.get("delivery").map(String::as_str).unwrap_or_default();
    app.pipeline.redeliver(&notification, delivery).await?;
    Ok(StatusCode::ACCEPTED)
}
