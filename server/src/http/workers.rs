//! Workers, the queue, and what happens to both.

use super::auth::{admin_only, is_admin};
use super::events::{Source, stream};
use super::{App, respond, tracks};
use crate::events::EventLog;
use crate::events::json;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::view::Health;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use karaoke_core::WorkerId;
use karaoke_core::presence::OrderKind;
use serde::Deserialize;
use serde_json::json as object;

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

/// Which workers are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those whose health that is, or `all` that are remembered; without it those that are there or were lately.
    state: Option<String>,
}

pub(super) async fn workers(
    State(app): State<App>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    check(&app, &headers)?;
    let Query(wanted) = wanted.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    let registry = &app.pipeline.registry;
    let views = match wanted.state.as_deref() {
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
    Ok(tracks::no_store(Json(object!({ "workers": views })).into_response()))
}

/// The machines that workers run or ran on.
pub(super) async fn nodes(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    Ok(tracks::no_store(Json(object!({ "nodes": app.pipeline.registry.nodes() })).into_response()))
}

/// `drain`, `stop` or `restart`: answers as soon as the worker has been told.
pub(super) async fn order(
    State(app): State<App>,
    headers: HeaderMap,
    Path((worker, order)): Path<(String, String)>,
) -> Result<Response, Problem> {
    admin_only(&app, &headers, "An order to a worker")?;
    let Some(kind) = OrderKind::from_name(&order) else { return Err(respond::no_such_address().await) };
    let worker = WorkerId::from(worker);
    app.pipeline.order_worker(&worker, kind).await?;
    let view = app.pipeline.registry.all_views().into_iter().find(|view| view.id == worker);
    Ok(tracks::no_store((StatusCode::ACCEPTED, Json(view)).into_response()))
}

pub(super) async fn queue(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    Ok(tracks::no_store(Json(app.pipeline.queue_view()).into_response()))
}

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
