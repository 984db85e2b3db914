//! Several songs in one file: a stored zip that is made while it is sent.
//!
//! It is asked for with the tracks' passcodes in the body, and fetched by a ticket: a browser downloads from an
//! address, and passcodes have no place in one.

use super::auth::Credentials;
use super::described::{Binary, Refusal};
use super::stems::{Wav, encoded};
use super::tickets::{Entry, VALID_MS, issue};
use super::{App, tracks};
use crate::clock::now_ms;
use crate::concurrency::lock;
use crate::encode::Format;
use crate::pipeline::download_name;
use crate::problem::Problem;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use karaoke_core::{TrackId, TrackState};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

/// Songs in one archive.
const MOST: usize = 500;
/// Blocks that wait for a slow client.
const AHEAD: usize = 4;

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArchiveRequest {
    /// 500 at most; all of them done.
    #[schema(min_items = 1, max_items = 500)]
    tracks: Vec<WantedTrack>,
    /// The stems, by name; without it all of each track.
    stems: Option<Vec<String>>,
    /// `mp3` (default), `flac` or `wav`.
    format: Option<String>,
}

/// An archive that waits to be fetched.
#[derive(Serialize, ToSchema)]
pub(super) struct ArchivePlace {
    /// Where it is.
    url: String,
    /// How many files it holds.
    files: usize,
    /// For how long it may be fetched, in seconds.
    valid_s: i64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantedTrack {
    #[schema(value_type = String)]
    id: TrackId,
    passcode: String,
}

/// Several songs as one zip, to be fetched.
#[utoipa::path(
    post, path = "/api/v1/archive", operation_id = "ask_archive", tag = "archive",
    request_body = ArchiveRequest,
    security((), ("key" = []), ("admin" = [])),
    responses(
        (status = 201, description = "Where it can be fetched.", body = ArchivePlace, headers(("location" = String))),
        Refusal<401>, Refusal<404>, Refusal<409>, Refusal<422>,
    ),
)]
pub(super) async fn ask(
    State(app): State<App>,
    headers: HeaderMap,
    request: Result<Json<ArchiveRequest>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(request) = request.map_err(|e| Problem::new(422, "Unreadable wish", e.body_text()))?;
    let files = choose(&app, &headers, request).await?;
    let ticket: String = format!("{:032x}", rand::random::<u128>());
    let place = format!("/api/v1/archive/{ticket}");
    let answer = ArchivePlace { url: place.clone(), files: files.len(), valid_s: VALID_MS / 1000 };
    issue(&app.tickets, ticket, files);
    Ok(tracks::no_store((StatusCode::CREATED, [(header::LOCATION, place)], Json(answer)).into_response()))
}

async fn choose(app: &App, headers: &HeaderMap, request: ArchiveRequest) -> Result<Vec<Entry>, Problem> {
    if request.tracks.is_empty() || request.tracks.len() > MOST {
        return Err(Problem::new(422, "How many?", format!("Ask for 1 to {MOST} songs at a time.")));
    }
    let format = match request.format.as_deref() {
        None | Some("mp3") => Format::Mp3,
        Some("flac") => Format::Flac16,
        Some("wav") => Format::Wav16,
        Some(_) => return Err(Problem::new(422, "No such format", "format is mp3, flac or wav.")),
    };
    let credentials = Credentials::of(app, headers).await?;
    let (mut files, mut names) = (Vec::new(), HashSet::new());
    for wanted in &request.tracks {
        let track = credentials.open(app, &wanted.id, Some(&wanted.passcode)).await?;
        let record = track.record();
        let song = record.song();
        if record.state != TrackState::Done {
            let detail = format!("“{song}” is not finished; leave it out or wait for it.");
            return Err(Problem::new(409, "Not finished", detail));
        }
        let has: Vec<&str> = record.manifest.all_stems().collect();
        for stem in has.iter().filter(|s| request.stems.as_ref().is_none_or(|w| w.iter().any(|w| w == *s))) {
            let name = unique(&mut names, &download_name(&song, stem, format.extension()));
            files.push(Entry { track: track.clone(), stem: (*stem).to_owned(), format, name });
        }
    }
    let none = || Problem::new(422, "No such stems", "None of these songs has a stem of that name.");
    (!files.is_empty()).then_some(files).ok_or_else(none)
}

/// A name that is not taken yet: `a (2).mp3` after `a.mp3`, whatever the case of its letters.
fn unique(taken: &mut HashSet<String>, name: &str) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let numbered = (2..).map(|n| format!("{stem} ({n}).{extension}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let free = names.find(|name| taken.insert(name.to_lowercase()));
    free.unwrap_or_else(|| name.to_owned())
}

/// The archive; its ticket may be used again for as long as it is valid, as by a download that is resumed.
#[utoipa::path(
    get, path = "/api/v1/archive/{ticket}", operation_id = "get_archive", tag = "archive",
    params(("ticket" = String, Path, description = "The end of the `url` that was answered.")),
    responses(
        (
            status = 200, description = "The zip, made while it is sent.", body = Binary,
            content_type = "application/zip",
        ),
        Refusal<404>,
    ),
)]
pub(super) async fn fetch(State(app): State<App>, Path(ticket): Path<String>) -> Result<Response, Problem> {
    let files = {
        let tickets = lock(&app.tickets);
        let valid = tickets.get(&ticket).filter(|t| t.valid_until_ms > now_ms());
        valid.map(|t| t.files.clone())
    };
    let detail = "This download was not begun in time; ask for it again.";
    let files = files.ok_or_else(|| Problem::new(404, "No such archive", detail))?;
    let (send, receive) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let (sink, tell) = (Sink::default(), send.clone());
        let out = Out { zip: ZipWriter::new_stream(sink.clone()), sink, send };
        if let Err(error) = out.all(&app, files).await {
            tracing::debug!(%error, "archive cut off");
            // The connection is cut: a download that ends too early must not look whole.
            let _ = tell.send(Err(error)).await;
        }
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"karaoke.zip\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(receive))).into_response())
}

/// Where the zip is written to, until it is sent.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Out {
    zip: ZipWriter<StreamWriter<Sink>>,
    sink: Sink,
    send: mpsc::Sender<Result<Bytes, Problem>>,
}

impl Out {
    async fn all(mut self, app: &App, files: Vec<Entry>) -> Result<(), Problem> {
        for entry in files {
            self.one(app, &entry).await?;
        }
        let Self { zip, sink, send } = self;
        zip.finish().map_err(|e| Problem::internal(&e))?;
        pass_on(&sink, &send).await
    }

    /// Stored, since sound does not shrink; the size stands behind the bytes, so that they can leave at once.
    async fn one(&mut self, app: &App, entry: &Entry) -> Result<(), Problem> {
        let (bytes, mut blocks) = open(app, entry).await?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(bytes >= u64::from(u32::MAX));
        self.zip.start_file(&*entry.name, options).map_err(|e| Problem::internal(&e))?;
        while let Some(block) = blocks.next().await {
            let block = block?;
            app.pipeline.count_sent(&entry.track.id, block.len() as u64);
            self.zip.write_all(&block).map_err(|e| Problem::internal(&e))?;
            pass_on(&self.sink, &self.send).await?;
        }
        Ok(())
    }
}

async fn pass_on(sink: &Sink, send: &mpsc::Sender<Result<Bytes, Problem>>) -> Result<(), Problem> {
    let bytes = std::mem::take(&mut *lock(&sink.0));
    let gone = |_| Problem::new(499, "Download ended", "Nobody fetches the archive any more.");
    if bytes.is_empty() { Ok(()) } else { send.send(Ok(bytes.into())).await.map_err(gone) }
}

type Blocks = Pin<Box<dyn Stream<Item = Result<Bytes, Problem>> + Send>>;

/// The length of a file and its bytes; MP3 and FLAC are encoded first if nobody has asked for them before.
async fn open(app: &App, entry: &Entry) -> Result<(u64, Blocks), Problem> {
    let reader = app.pipeline.stem(&entry.track.id, &entry.stem, entry.format.integer_bits()).await?;
    if matches!(entry.format, Format::Wav16) {
        let wav = Wav::new(vec![reader], entry.format)?;
        let total = wav.total;
        return Ok((total, Box::pin(Arc::new(wav).bytes(0..total))));
    }
    let path = encoded(app, reader, &entry.track.record(), &entry.stem, entry.format).await?;
    let file = tokio::fs::File::open(&path).await.map_err(|e| Problem::disk(&e))?;
    let total = file.metadata().await.map_err(|e| Problem::disk(&e))?.len();
    let blocks = tokio_util::io::ReaderStream::with_capacity(file, 1 << 16);
    Ok((total, Box::pin(blocks.map(|block| block.map_err(|e| Problem::disk(&e))))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_files_have_one_name() {
        let mut taken = HashSet::new();
        let names = ["Song (Vocals).mp3", "song (vocals).mp3", "Song (Vocals).mp3", "plain"];
        let unique: Vec<String> = names.iter().map(|name| unique(&mut taken, name)).collect();
        assert_eq!(unique, ["Song (Vocals).mp3", "song (vocals) (2).mp3", "Song (Vocals) (3).mp3", "plain"]);
    }
}
