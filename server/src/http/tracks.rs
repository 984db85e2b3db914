//! A track's state, chunks and cover; cancelling and deleting; the admin's list.

use super::auth::{Owned, is_admin};
use super::{App, respond};
use crate::concurrency::blocking;
use crate::problem::Problem;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Tracks that the list shows at most.
const LISTED: u32 = 1000;

pub(super) async fn show(owned: Owned) -> Response {
    let mut response = no_store(Json(owned.track.view()).into_response());
    if let Some(cookie) = owned.cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    if !is_admin(&app, &headers) {
        let detail =
            "The list of all tracks needs the admin key (header X-Admin-Key; http.admin_key in config.toml).";
        return Err(Problem::new(401, "Admin key needed", detail));
    }
    let mut tracks = Vec::new();
    for record in app.pipeline.store.newest_tracks(LISTED).await? {
        if let Some(track) = app.pipeline.find(&record.id).await? {
            tracks.push(track.view());
        }
    }
    Ok(no_store(Json(json!({ "tracks": tracks })).into_response()))
}

pub(super) async fn chunks(owned: Owned) -> Response {
    no_store(Json(json!({ "chunks": owned.track.chunk_views() })).into_response())
}

pub(super) async fn receipt(State(app): State<App>, owned: Owned) -> Result<Response, Problem> {
    let receipt = app.pipeline.receipt(&owned.track).await?;
    let mut response = no_store(Json(receipt).into_response());
    if let Some(cookie) = owned.cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(super) async fn cancel(State(app): State<App>, owned: Owned) -> Result<Response, Problem> {
    app.pipeline.cancel(&owned.track.id).await?;
    let track = app.pipeline.find(&owned.track.id).await?.ok_or_else(Problem::no_such_track)?;
    Ok(no_store(Json(track.view()).into_response()))
}

pub(super) async fn delete(State(app): State<App>, owned: Owned) -> Result<StatusCode, Problem> {
    app.pipeline.delete(&owned.track.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn cover(State(app): State<App>, owned: Owned) -> Result<Response, Problem> {
    let none = || Problem::new(404, "No cover", "This track has no cover.");
    let mime = owned.track.record().cover_mime.ok_or_else(none)?;
    let (files, id) = (app.pipeline.files.clone(), owned.track.id.clone());
    let bytes = blocking(move || std::fs::read(files.cover(&id))).await.map_err(|_| none())?;
    let mime = HeaderValue::from_str(&mime).map_err(|_| none())?;
    let headers = [(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, respond::PRIVATE)];
    Ok((headers, Body::from(bytes)).into_response())
}

pub(super) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
