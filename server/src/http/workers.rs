//! Workers, the queue, and what happens to both.

use super::auth::{admin_only, is_admin};
use super::described::{Refusal, ServerSentEvent};
use super::events::{Source, stream};
use super::{App, respond, tracks};
use crate::events::EventLog;
use crate::events::json;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::view::{Health, NodeView, QueueView, WorkerView};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use karaoke_core::WorkerId;
use karaoke_core::presence::OrderKind;
use serde::{Deserialize, Serialize};
use serde_json::json as object;
use utoipa::{IntoParams, ToSchema};

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

/// All machines.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeList {
    nodes: Vec<NodeView>,
}

/// Which workers are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those whose health that is (`alive`, `suspect`, `gone`, `left`, `crashed`), or `all` that are remembered; without
    /// it those that are there or were lately.
    state: Option<String>,
}

/// The workers.
#[utoipa::path(
    get, path = "/api/v1/workers", operation_id = "list_workers", tag = "system",
    params(Wanted),
    security((), ("admin" = [])),
    responses(
        (status = 200, description = "Those that are there, and those that were.", body = WorkerList), Refusal<401>,
        Refusal<422>,
    ),
)]
pub(super) async fn workers(
    State(app): State<App>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    check(&app, &headers)?;
    let Query(wanted) = wanted.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    let registry = &app.pipeline.registry;
    let workers = match wanted.state.as_deref() {
        None => registry.views(),
        Some("all") => registry.all_views(),
        Some(name) => {
            let health = Health::from_name(name).ok_or_else(|| {
                let all = Health::ALL.map(Health::name).join(", ");
                Problem::new(422, "Unknown parameter", format!("state is one of {all}, or all."))
            })?;
            registry.all_views().into_iter().filter(|worker| worker.health == health).collect()
        }
    };
    Ok(tracks::no_store(Json(WorkerList { workers }).into_response()))
}

/// The machines that workers run or ran on.
#[utoipa::path(
    get, path = "/api/v1/nodes", operation_id = "list_nodes", tag = "system",
    security((), ("admin" = [])),
    responses((status = 200, description = "All that are remembered.", body = NodeList), Refusal<401>),
)]
pub(super) async fn nodes(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    Ok(tracks::no_store(Json(NodeList { nodes: app.pipeline.registry.nodes() }).into_response()))
}

/// Orders a worker to do something; answers as soon as it has been told.
#[utoipa::path(
    post, path = "/api/v1/workers/{id}/{order}", operation_id = "order_worker", tag = "system",
    params(
        ("id" = String, Path, description = "The worker."),
        ("order" = String, Path, description = "`drain`, `stop` or `restart`."),
    ),
    security(("admin" = [])),
    responses(
        (status = 202, description = "It has been told.", body = WorkerView), Refusal<401>, Refusal<404>,
    ),
)]
pub(super) async fn order(
    State(app): State<App>,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    admin_only(&app, &headers, "An order to a worker")?;
    let Ok(Path((worker, order))) = path else { return Err(respond::no_such_address().await) };
    let Some(kind) = OrderKind::from_name(&order) else { return Err(respond::no_such_address().await) };
    let worker = WorkerId::from(worker);
    app.pipeline.order_worker(&worker, kind).await?;
    let view = app.pipeline.registry.all_views().into_iter().find(|view| view.id == worker);
    Ok(tracks::no_store((StatusCode::ACCEPTED, Json(view)).into_response()))
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
