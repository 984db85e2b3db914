//! `GET /metrics` for Prometheus, and how long requests take.

use super::App;
use super::auth::{has_admin_key, is_admin};
use super::described::Refusal;
use crate::concurrency::blocking;
use crate::metrics::{DiskUse, Levels, MEDIA_TYPE};
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Instant;

/// What stands for the address of everything that no route takes: files of the page, and what there is not.
const UNMATCHED: &str = "/*";

/// What is measured of the server, in the OpenMetrics format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "system",
    security((), ("admin" = [])),
    responses(
        (status = 200, description = "For Prometheus.", content_type = "application/openmetrics-text", body = String),
        Refusal<401>,
    ),
)]
pub(super) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    check(&app, &headers)?;
    let pipeline = app.pipeline.clone();
    let tracks = pipeline.store.tracks_by_state().await?;
    let text = blocking(move || {
        let root = pipeline.files.root();
        let levels = Levels {
            tracks,
            queue: pipeline.queue_view(),
            workers: pipeline.registry.views(),
            disk: DiskUse::of(root).ok(),
            files: pipeline.metrics.store_use.of(root),
        };
        pipeline.metrics.text(&levels).map_err(std::io::Error::other)
    });
    let text = text.await.map_err(|e| Problem::internal(&e))?;
    let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

fn check(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = bearer.and_then(|value| value.strip_prefix("Bearer "));
    if app.config.public_metrics || is_admin(app, headers) || key.is_some_and(|key| has_admin_key(app, key)) {
        return Ok(());
    }
    let detail = "Metrics are for holders of the admin key (header X-Admin-Key, or as bearer token), unless the \
                  operator sets http.public_metrics.";
    Err(Problem::new(401, "Admin key needed", detail))
}

/// Measures how long it takes until an answer's header is there, by method, route and status.
pub(super) async fn measured(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = name_of(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    app.pipeline.metrics.request(method, route, response.status().as_u16(), began.elapsed());
    response
}

/// The method, one of few: a client may send any word.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
