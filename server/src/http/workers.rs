//! Workers, the queue, and what happens to both.

use super::auth::is_admin;
use super::events::{Source, stream};
use super::openapi::{Refusal, ServerSentEvent};
use super::{App, tracks};
use crate::events::EventLog;
use crate::events::json;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::view::{QueueView, WorkerView};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json as object;
use utoipa::ToSchema;

/// All workers.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkerList {
    workers: Vec<WorkerView>,
}

impl Source for Pipeline {
    fn log(&self) -> &EventLog {
        &self.registry.events
    }

    fn snapshot(&self) -> String {
        let (workers, events) = (self.registry.views(), self.registry.recent_events());
        json(&object!({ "workers": workers, "queue": self.queue_view(), "story": events }))
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// The workers.
#[utoipa::path(
    get, path = "/api/v1/workers", operation_id = "list_workers", tag = "system",
    security((), ("admin" = [])),
    responses(
        (status = 200, description = "Those that are there, and those that were.", body = WorkerList), Refusal<401>,
    ),
)]
pub(super) async fn workers(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    Ok(tracks::no_store(Json(WorkerList { workers: app.pipeline.registry.views() }).into_response()))
}

/// The queue.
#[utoipa::path(
    get, path = "/api/v1/queue", operation_id = "get_queue", tag = "system",
    security((), ("admin" = [])),
    responses((status = 200, description = "How much waits and is in work.", body = QueueView), Refusal<401>),
)]
pub(super) async fn queue(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    Ok(tracks::no_store(Json(app.pipeline.queue_view()).into_response()))
}

/// What happens to workers and queue.
#[utoipa::path(
    get, path = "/api/v1/workers/events", operation_id = "follow_workers", tag = "system",
    params(
        (
            "last-event-id" = Option<String>, Header, nullable = false,
            description = "The id of the last event that was heard: the stream goes on behind it.",
        ),
    ),
    security((), ("admin" = [])),
    responses(
        (
            status = 200,
            description = "Server-sent events `snapshot`, `worker`, `queue` and `happening`, each with JSON; they never end.",
            body = ServerSentEvent, content_type = "text/event-stream",
        ),
        Refusal<401>,
    ),
)]
pub(super) async fn events(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    Ok(stream(&app, app.pipeline.clone(), &headers))
}

fn check(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if app.config.public_workers || is_admin(app, headers) {
        return Ok(());
    }
    let detail =
        "The operator shows workers and queue to holders of the admin key only (header X-Admin-Key).";
    Err(Problem::new(401, "Admin key needed", detail))
}
