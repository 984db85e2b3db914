//! A track's lyrics: reading, replacing and removing them.

use super::auth::Owned;
use super::tracks::no_store;
use super::{App, conditional};
use crate::clock::now_ms;
use crate::problem::Problem;
use crate::store::LyricsSource;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use karaoke_core::lyrics::{Lyrics, any, lrc, text};
use serde::{Deserialize, Serialize};

/// Largest text taken, in bytes: the longest lyrics there are, with a stamp on every word, are far below.
const MAX_BYTES: usize = 256 << 10;

/// Lyrics as they are told.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    lyrics: Lyrics,
    /// `tags` or `user`.
    source: &'static str,
    /// Of a text just handed in: its lines whose time could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread_lines: Option<Vec<usize>>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Lrc,
}

pub(super) async fn show(
    State(app): State<App>,
    owned: Owned,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
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
        Format::Json => {
            let lyrics = lrc::parse(&lrc).lyrics;
            Json(View { lyrics, source: source.name(), unread_lines: None }).into_response()
        }
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
    let source = LyricsSource::User.name();
    let view = View { lyrics: parsed.lyrics, source, unread_lines: Some(parsed.unread) };
    Ok(no_store(Json(view).into_response()))
}

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
