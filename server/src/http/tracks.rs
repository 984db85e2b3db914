//! A track's state, chunks and cover; cancelling and deleting; the admin's list.

use super::auth::{Credentials, Owned, admin_only, is_admin};
use super::described::{Binary, Refusal};
use super::{App, respond};
use crate::client::ApiKey;
use crate::concurrency::blocking;
use crate::problem::Problem;
use crate::receipt::Receipt;
use crate::schema;
use crate::store::TrackPage;
use crate::view::{ChunkView, TrackView};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use karaoke_core::{TrackId, TrackState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Tracks that a page of the list shows, unless another number is asked for, and at most.
const LISTED: u32 = 100;
const MOST_LISTED: u32 = 1000;

/// Which tracks are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Tracks a page; 100, unless another number is asked for.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those in that state.
    #[param(value_type = Option<schema::TrackState>)]
    state: Option<String>,
    /// Only those of that model.
    model: Option<String>,
}

/// A page of the list of tracks.
#[derive(Serialize, ToSchema)]
pub(super) struct TrackList {
    tracks: Vec<TrackView>,
    /// `cursor` of the next page; null: this is the last.
    next: Option<String>,
}

/// The chunks of a track.
#[derive(Serialize, ToSchema)]
pub(super) struct ChunkList {
    chunks: Vec<ChunkView>,
}

impl ListQuery {
    fn page(self, client: Option<String>) -> Result<TrackPage, Problem> {
        let bad = |detail: String| Problem::new(422, "Unknown parameter", detail);
        let limit = self.limit.unwrap_or(LISTED);
        if !(1..=MOST_LISTED).contains(&limit) {
            return Err(bad(format!("limit is a number from 1 to {MOST_LISTED}.")));
        }
        let cursor = |text: &str| {
            let (ms, id) = text.split_once('.')?;
            Some((ms.parse().ok()?, TrackId::parse(id).ok()?))
        };
        let after = self
            .cursor
            .map(|text| cursor(&text).ok_or_else(|| bad("cursor is the next of a page before.".into())));
        let state = self.state.map(|name| {
            TrackState::from_name(&name).ok_or_else(|| {
                let all = TrackState::ALL.map(TrackState::name).join(", ");
                bad(format!("state is one of {all}."))
            })
        });
        Ok(TrackPage {
            after: after.transpose()?,
            state: state.transpose()?,
            model: self.model,
            client,
            limit,
        })
    }
}

/// A track.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}", operation_id = "get_track", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses((status = 200, description = "The track.", body = TrackView), Refusal<401>, Refusal<404>),
)]
pub(super) async fn show(owned: Owned) -> Response {
    let mut response = no_store(Json(owned.track.view()).into_response());
    if let Some(cookie) = owned.cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// All tracks, newest first; those of an API key, or, for the admin, of everybody.
#[utoipa::path(
    get, path = "/api/v1/tracks", operation_id = "list_tracks", tag = "tracks",
    params(ListQuery),
    security(("key" = []), ("admin" = [])),
    responses((status = 200, description = "A page of the list.", body = TrackList), Refusal<401>, Refusal<422>),
)]
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let credentials = Credentials::of(&app, &headers).await?;
    let client = credentials.key.as_ref().map(ApiKey::client_name);
    if client.is_none() {
        admin_only(&app, &headers, "The list of all tracks")?;
    }
    let Query(query) = query.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    let mut page = query.page(client)?;
    let limit = page.limit as usize;
    // One more tells whether there is a next page.
    page.limit += 1;
    let records = app.pipeline.store.newest_tracks(&page).await?;
    let is_more = records.len() > limit;
    let last = records.get(limit.wrapping_sub(1)).filter(|_| is_more);
    let next = last.map(|record| format!("{}.{}", record.created_ms, record.id));
    let mut tracks = Vec::new();
    for record in records.iter().take(limit) {
        if let Some(track) = app.pipeline.find(&record.id).await? {
            tracks.push(track.view());
        }
    }
    Ok(no_store(Json(TrackList { tracks, next }).into_response()))
}

/// The chunks of a track.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}/chunks", operation_id = "get_chunks", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses((status = 200, description = "Its chunks, in order.", body = ChunkList), Refusal<401>, Refusal<404>),
)]
pub(super) async fn chunks(owned: Owned) -> Response {
    no_store(Json(ChunkList { chunks: owned.track.chunk_views() }).into_response())
}

/// What a track took and what it costs.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}/receipt", operation_id = "get_receipt", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses(
        (status = 200, description = "What there is so far, or all.", body = Receipt), Refusal<401>, Refusal<404>,
    ),
)]
pub(super) async fn receipt(State(app): State<App>, owned: Owned) -> Result<Response, Problem> {
    let receipt = app.pipeline.receipt(&owned.track).await?;
    let mut response = no_store(Json(receipt).into_response());
    if let Some(cookie) = owned.cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Calls a track off.
#[utoipa::path(
    post, path = "/api/v1/tracks/{id}/cancel", operation_id = "cancel_track", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses((status = 200, description = "The track.", body = TrackView), Refusal<401>, Refusal<404>),
)]
pub(super) async fn cancel(State(app): State<App>, owned: Owned) -> Result<Response, Problem> {
    app.pipeline.cancel(&owned.track.id).await?;
    let track = app.pipeline.find(&owned.track.id).await?.ok_or_else(Problem::no_such_track)?;
    Ok(no_store(Json(track.view()).into_response()))
}

/// The track is not removed by age or for room any more.
#[utoipa::path(
    put, path = "/api/v1/tracks/{id}/keep", operation_id = "keep_track", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses((status = 200, description = "The track.", body = TrackView), Refusal<401>, Refusal<404>, Refusal<403>),
)]
pub(super) async fn keep(
    State(app): State<App>,
    headers: HeaderMap,
    owned: Owned,
) -> Result<Response, Problem> {
    set_kept(&app, &headers, owned, true).await
}

/// The track may be removed by age or for room again.
#[utoipa::path(
    delete, path = "/api/v1/tracks/{id}/keep", operation_id = "release_track", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses((status = 200, description = "The track.", body = TrackView), Refusal<401>, Refusal<404>, Refusal<403>),
)]
pub(super) async fn release(
    State(app): State<App>,
    headers: HeaderMap,
    owned: Owned,
) -> Result<Response, Problem> {
    set_kept(&app, &headers, owned, false).await
}

async fn set_kept(app: &App, headers: &HeaderMap, owned: Owned, kept: bool) -> Result<Response, Problem> {
    if !app.pipeline.may_keep(is_admin(app, headers)) {
        let detail = "Only the operator has songs kept on this server (store.owners_keep).";
        return Err(Problem::new(403, "Not offered", detail));
    }
    app.pipeline.keep(&owned.track, kept).await?;
    Ok(no_store(Json(owned.track.view()).into_response()))
}

/// Removes a track and everything kept of it.
#[utoipa::path(
    delete, path = "/api/v1/tracks/{id}", operation_id = "delete_track", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses((status = 204, description = "It is gone."), Refusal<401>, Refusal<404>),
)]
pub(super) async fn delete(State(app): State<App>, owned: Owned) -> Result<StatusCode, Problem> {
    app.pipeline.delete(&owned.track.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The picture from the tags of a track's file.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}/cover", operation_id = "get_cover", tag = "tracks",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses(
        (status = 200, description = "The picture.", body = Binary, content_type = "image/*"), Refusal<401>,
        Refusal<404>,
    ),
)]
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
