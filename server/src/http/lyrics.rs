//! A track's lyrics: reading, replacing and removing them.

use super::auth::Owned;
use super::described::Refusal;
use super::tracks::no_store;
use super::{App, conditional};
use crate::clock::now_ms;
use crate::problem::Problem;
use crate::schema;
use crate::store::LyricsSource;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use karaoke_core::lyrics::{Line, Lyrics, any, lrc, text};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Largest text taken, in bytes: the longest lyrics there are, with a stamp on every word, are far below.
const MAX_BYTES: usize = 256 << 10;

/// Lyrics as they are told.
#[derive(Serialize, ToSchema)]
#[schema(as = Lyrics)]
pub(super) struct View {
    /// Whether the lines have times.
    synced: bool,
    /// In the order in which they are sung.
    #[schema(value_type = Vec<schema::Line>)]
    lines: Vec<Line>,
    /// `tags` or `user`.
    source: &'static str,
    /// Of a text just handed in: its lines whose time could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unread_lines: Option<Vec<usize>>,
}

impl View {
    fn new(lyrics: Lyrics, source: LyricsSource, unread_lines: Option<Vec<usize>>) -> Self {
        Self { synced: lyrics.synced, lines: lyrics.lines, source: source.name(), unread_lines }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// `json` (default) or `lrc`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Lrc,
}

/// The lyrics of a track.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}/lyrics", operation_id = "get_lyrics", tag = "lyrics",
    params(("id" = String, Path, description = "The track."), Asked),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses(
        (status = 200, description = "Its lyrics.", content((View = "application/json"), (String = "text/plain"))),
        Refusal<401>, Refusal<404>, Refusal<422>,
    ),
)]
pub(super) async fn show(
    State(app): State<App>,
    owned: Owned,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    let (source, lrc) = app.pipeline.store.lyrics(&owned.track.id).await?.ok_or_else(none)?;
    let [json_tag, lrc_tag] = tags(source, &lrc);
    let tag = match asked.format {
        Format::Json => json_tag,
        Format::Lrc => lrc_tag,
    };
    if conditional::has(&headers, &tag) {
        return Ok(conditional::not_modified(&tag));
    }
    let tag = HeaderValue::from_str(&tag).map_err(|e| Problem::internal(&e))?;
    let mut response = no_store(match asked.format {
        Format::Lrc => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lrc).into_response(),
        Format::Json => Json(View::new(lrc::parse(&lrc).lyrics, source, None)).into_response(),
    });
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// The tags of lyrics as JSON and as LRC.
fn tags(source: LyricsSource, lrc: &str) -> [String; 2] {
    ["json", "lrc"].map(|format| conditional::tag_of(format!("{format} {} {lrc}", source.name()).as_bytes()))
}

/// Refuses to change other lyrics than those that the client has seen, if it says which (`If-Match`).
async fn check_unchanged(app: &App, owned: &Owned, headers: &HeaderMap) -> Result<(), Problem> {
    let there = app.pipeline.store.lyrics(&owned.track.id).await?;
    let tags = there.map(|(source, lrc)| tags(source, &lrc).to_vec()).unwrap_or_default();
    conditional::check_unchanged(headers, &tags)
}

/// Lyrics in place of those that are there.
#[utoipa::path(
    put, path = "/api/v1/tracks/{id}/lyrics", operation_id = "put_lyrics", tag = "lyrics",
    params(("id" = String, Path, description = "The track.")),
    request_body(
        content = String, content_type = "text/plain", description = "LRC, UltraStar, SubRip, WebVTT or plain text.",
    ),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses(
        (status = 200, description = "What was made of it.", body = View), Refusal<401>, Refusal<404>, Refusal<400>,
        Refusal<412>, Refusal<413>, Refusal<422>,
    ),
)]
pub(super) async fn replace(
    State(app): State<App>,
    owned: Owned,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let too_large = |_| {
        let detail =
            format!("Lyrics may have {} kB; this is no lyrics, or more than one song's.", MAX_BYTES >> 10);
        Problem::new(413, "Lyrics too large", detail)
    };
    let bytes = to_bytes(body, MAX_BYTES).await.map_err(too_large)?;
    let no_text = || Problem::new(422, "No lyrics", "This is no text; send an LRC file or plain text.");
    let parsed = any::parse(&text::of_file(&bytes).ok_or_else(no_text)?);
    if parsed.lyrics.is_empty() {
        return Err(Problem::new(422, "No lyrics", "There is no line to sing in this text."));
    }
    check_unchanged(&app, &owned, &headers).await?;
    app.pipeline.store_lyrics(&owned.track.id, LyricsSource::User, &parsed.lyrics, now_ms()).await?;
    let view = View::new(parsed.lyrics, LyricsSource::User, Some(parsed.unread));
    Ok(no_store(Json(view).into_response()))
}

/// Removes the lyrics of a track.
#[utoipa::path(
    delete, path = "/api/v1/tracks/{id}/lyrics", operation_id = "delete_lyrics", tag = "lyrics",
    params(("id" = String, Path, description = "The track.")),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses((status = 204, description = "They are gone."), Refusal<401>, Refusal<404>, Refusal<412>),
)]
pub(super) async fn delete(
    State(app): State<App>,
    owned: Owned,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    check_unchanged(&app, &owned, &headers).await?;
    match app.pipeline.delete_lyrics(&owned.track.id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(none()),
    }
}

fn none() -> Problem {
    Problem::new(404, "No lyrics", "This track has no lyrics; PUT an LRC file or plain text here.")
}
