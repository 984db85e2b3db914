//! What there is to choose from, and whether the server is well.

use super::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(super) async fn models(State(app): State<App>) -> Response {
    let pipeline = &app.pipeline;
    let models: Vec<_> = pipeline
        .catalogue
        .installed()
        .filter(|m| !m.hidden || m.name == pipeline.default_model)
        .map(|m| {
            json!({
                "name": m.name, "title": m.title, "description": m.description, "kind": m.kind,
                "stems": m.all_stems().collect::<Vec<_>>(), "licence": m.licence, "attribution": m.attribution,
                "sample_rate": m.sample_rate,
            })
        })
        .collect();
    let limits =
        json!({ "upload_bytes": pipeline.limits.upload_bytes, "duration_s": pipeline.limits.duration_s });
    Json(json!({ "default": pipeline.default_model, "models": models, "limits": limits })).into_response()
}

/// The process lives.
pub(super) async fn healthz() -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], "ok\n").into_response()
}

/// The server can take work.
pub(super) async fn readyz(State(app): State<App>) -> Result<Response, Problem> {
    if !app.pipeline.store.is_ready().await {
        return Err(Problem::new(503, "Not ready", "The database does not answer."));
    }
    app.pipeline.admit()?;
    if !app.pipeline.is_connected() {
        let detail = "The broker cannot be reached; songs are taken and wait until it can.";
        return Err(Problem::new(503, "Not ready", detail));
    }
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], "ready\n").into_response())
}
