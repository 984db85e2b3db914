//! Workers, the queue, and what happens to both.

use super::auth::is_admin;
use super::events::{Source, stream};
use super::{App, tracks};
use crate::events::EventLog;
use crate::events::json;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
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

pub(super) async fn workers(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    Ok(tracks::no_store(Json(object!({ "workers": app.pipeline.registry.views() })).into_response()))
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
