//! Serves stems: any byte range of a WAV at once, also while the song is separated; FLAC and MP3 encoded on demand.

use super::auth::Owned;
use super::described::{Binary, Refusal};
use super::range::{Asked, parse};
use super::{App, conditional, respond};
use crate::concurrency::{blocking, lock};
use crate::encode::{Format, wav};
use crate::pipeline::{StemReader, download_name};
use crate::problem::Problem;
use crate::store::TrackRecord;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, Stream};
use karaoke_core::TrackId;
use karaoke_core::manifest::MULTITRACK;
use karaoke_stages::Stage;
use serde::Deserialize;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use utoipa::IntoParams;

/// Frames sent at a time: small enough that the first sound leaves early.
const BLOCK: u64 = 1 << 14;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Options {
    /// `16` (default), `24` or `float` (WAV only).
    pub(super) bits: Option<String>,
    /// Anything but `0`: answer as a download with a name.
    download: Option<String>,
}

/// A stem, as far as it is asked for: what is not separated yet is waited for.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}/stems/{file}", operation_id = "get_stem", tag = "stems",
    params(
        ("id" = String, Path, description = "The track."),
        (
            "file" = String, Path,
            description = "A stem, or `multitrack`, with `.wav`, `.flac` or `.mp3` behind it.",
            example = "instrumental.wav",
        ),
        Options,
        (
            "range" = Option<String>, Header, nullable = false, description = "One range of bytes.",
            example = "bytes=0-1023",
        ),
    ),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses(
        (
            status = 200, description = "The whole file.",
            content((Binary = "audio/wav"), (Binary = "audio/flac"), (Binary = "audio/mpeg"),
        ),
            headers(
                ("accept-ranges" = String), ("etag" = String, description = "The same for good."),
                ("content-disposition" = String)),
            ),
        (
            status = 206, description = "A part of it.",
            content((Binary = "audio/wav"), (Binary = "audio/flac"), (Binary = "audio/mpeg"),
        ),
            headers(("content-range" = String), ("etag" = String))),
        (status = 416, description = "There is no such part.", headers(("content-range" = String))),
        Refusal<401>, Refusal<404>, Refusal<409>, Refusal<422>, Refusal<503>, Refusal<507>,
    ),
)]
pub(super) async fn stem(
    State(app): State<App>,
    owned: Owned,
    Path((_, file)): Path<(String, String)>,
    options: Result<Query<Options>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(options) = options.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    let (stem, format) = address(&file, options.bits.as_deref())?;
    let (id, record) = (owned.track.id.clone(), owned.track.record());
    // The samples of a stem never change once they are there, so a range of it stays valid for good.
    let tag = format!("\"{id}-{stem}-{format:?}\"");
    let asked = headers.get(header::RANGE).filter(|_| conditional::range_holds(&headers, &tag));
    let asked = asked.and_then(|v| v.to_str().ok());
    let is_wav = matches!(format, Format::Wav16 | Format::Wav24 | Format::WavFloat);
    let mut readers = match stem {
        MULTITRACK if is_wav => multitrack(&app, &record, format.integer_bits()).await?,
        _ => vec![app.pipeline.stem(&id, stem, format.integer_bits()).await?],
    };
    if conditional::has(&headers, &tag) {
        return Ok(conditional::not_modified(&tag));
    }
    let mut response = match is_wav {
        true => wav_response(readers, format, asked)?,
        false => encoded_response(&app, readers.swap_remove(0), &record, stem, format, asked).await?,
    };
    describe(&mut response, &tag, format)?;
    response = response.map(|body| counted(&app, &id, body));
    if options.download.is_some_and(|d| d != "0") {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(&record, stem, format)?);
    }
    Ok(response)
}

/// What an answer with sound says of it; `tag` tells it from all other sounds of this server.
pub(super) fn describe(response: &mut Response, tag: &str, format: Format) -> Result<(), Problem> {
    let out = response.headers_mut();
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    out.insert(header::CACHE_CONTROL, respond::PRIVATE);
    out.insert(header::ETAG, HeaderValue::from_str(tag).map_err(|e| Problem::internal(&e))?);
    Ok(())
}

/// The same bytes, of which those that leave are counted for the track's receipt.
pub(super) fn counted(app: &App, id: &TrackId, body: Body) -> Body {
    let (pipeline, id) = (app.pipeline.clone(), id.clone());
    Body::from_stream(
        body.into_data_stream().inspect_ok(move |bytes| pipeline.count_sent(&id, bytes.len() as u64)),
    )
}

/// All stems that add up to the song, for one WAV with all of them side by side: what a mixing desk wants.
pub(super) async fn multitrack(
    app: &App,
    record: &TrackRecord,
    bits: Option<u32>,
) -> Result<Vec<StemReader>, Problem> {
    let mut stems = Vec::new();
    for stem in record.manifest.parts() {
        stems.push(app.pipeline.stem(&record.id, stem, bits).await?);
    }
    Ok(stems)
}

/// `vocals.wav` → the stem and the format.
pub(super) fn address<'a>(file: &'a str, bits: Option<&str>) -> Result<(&'a str, Format), Problem> {
    let unknown = || {
        let detail = "A stem's address ends in .wav, .flac or .mp3; bits may be 16, 24 or (WAV only) float.";
        Problem::new(404, "No such format", detail)
    };
    let (stem, extension) = file.rsplit_once('.').ok_or_else(unknown)?;
    let format = match (extension, bits) {
        ("wav", None | Some("16")) => Format::Wav16,
        ("wav", Some("24")) => Format::Wav24,
        ("wav", Some("float" | "32")) => Format::WavFloat,
        ("flac", None | Some("16")) => Format::Flac16,
        ("flac", Some("24")) => Format::Flac24,
        ("mp3", None) => Format::Mp3,
        _ => return Err(unknown()),
    };
    Ok((stem, format))
}

/// A WAV of one stem, or of several side by side.
pub(super) fn wav_response(
    stems: Vec<StemReader>,
    format: Format,
    asked: Option<&str>,
) -> Result<Response, Problem> {
    let wav = Arc::new(Wav::new(stems, format)?);
    Ok(partial(asked, wav.total, move |range| Body::from_stream(wav.bytes(range))))
}

/// Answers 200, 206 or 416 with the body that `make` gives for a byte range.
fn partial(asked: Option<&str>, total: u64, make: impl FnOnce(Range<u64>) -> Body) -> Response {
    let (status, range) = match parse(asked, total) {
        Asked::All => (StatusCode::OK, 0..total),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Unsatisfiable => {
            let headers = [(header::CONTENT_RANGE, format!("bytes */{total}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response();
        }
    };
    let length = [(header::CONTENT_LENGTH, (range.end - range.start).to_string())];
    let content_range = format!("bytes {}-{}/{total}", range.start, range.end.saturating_sub(1));
    let mut response = (status, length, make(range)).into_response();
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&content_range)
    {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// A WAV file that exists only as far as it is asked for.
pub(super) struct Wav {
    head: Vec<u8>,
    stems: Vec<StemReader>,
    spec: wav::Spec,
    /// Its length in bytes.
    pub(super) total: u64,
}

impl Wav {
    /// Of one stem, or of several side by side.
    pub(super) fn new(stems: Vec<StemReader>, format: Format) -> Result<Self, Problem> {
        let first = stems.first().ok_or_else(Problem::no_such_track)?;
        let (frames, rate, channels) = (first.frames, first.rate, 2 * stems.len() as u16);
        let spec = wav::Spec { frames, rate, channels, format };
        Ok(Self { head: spec.header(), stems, spec, total: spec.total_len() })
    }

    /// The file's bytes in `range`, block by block; each waits until its frames are final.
    pub(super) fn bytes(self: Arc<Self>, range: Range<u64>) -> impl Stream<Item = Result<Bytes, Problem>> {
        stream::try_unfold((self, range.start), move |(wav, at)| async move {
            if at >= range.end {
                return Ok(None);
            }
            let part = wav.part(at, range.end).await?;
            let next = at + part.len() as u64;
            Ok(Some((part, (wav, next))))
        })
    }

    /// Some bytes from `at` on, not beyond `end`.
    async fn part(&self, at: u64, end: u64) -> Result<Bytes, Problem> {
        let head = self.head.len() as u64;
        if at < head {
            return Ok(Bytes::copy_from_slice(&self.head[at as usize..end.min(head) as usize]));
        }
        let frame = self.spec.frame_bytes();
        let (first, frames_end) = ((at - head) / frame, self.spec.frames);
        if first >= frames_end {
            // The pad byte that RIFF wants behind an odd number of bytes.
            return Ok(Bytes::from(vec![0; (end.min(self.total) - at) as usize]));
        }
        let last = (first + BLOCK).min((end - head).div_ceil(frame)).min(frames_end);
        let samples = self.samples(first..last).await?;
        let mut bytes = Vec::with_capacity(((last - first) * frame) as usize);
        Stage::Wav.of(|| wav::samples_to_bytes(&samples, self.spec.format, &mut bytes));
        let skip = (at - head - first * frame) as usize;
        let keep = bytes.len().min((end - head - first * frame) as usize);
        Ok(Bytes::from(bytes).slice(skip..keep))
    }

    /// Frames with the channels of every stem side by side.
    async fn samples(&self, range: Range<u64>) -> Result<Vec<f32>, Problem> {
        if let [only] = &self.stems[..] {
            return only.read(range).await;
        }
        let width = usize::from(self.spec.channels);
        let mut out = vec![0.0; (range.end - range.start) as usize * width];
        for (index, stem) in self.stems.iter().enumerate() {
            let frames = stem.read(range.clone()).await?;
            for (wide, frame) in out.chunks_exact_mut(width).zip(frames.as_chunks::<2>().0) {
                wide[2 * index..][..2].copy_from_slice(frame);
            }
        }
        Ok(out)
    }
}

async fn encoded_response(
    app: &App,
    reader: StemReader,
    record: &TrackRecord,
    stem: &str,
    format: Format,
    asked: Option<&str>,
) -> Result<Response, Problem> {
    let path = encoded(app, reader, record, stem, format).await?;
    let broken = |e: io::Error| Problem::disk(&e);
    let mut file = tokio::fs::File::open(&path).await.map_err(broken)?;
    let total = file.metadata().await.map_err(broken)?.len();
    if let Asked::Part(range) = parse(asked, total) {
        file.seek(io::SeekFrom::Start(range.start)).await.map_err(broken)?;
    }
    Ok(partial(asked, total, |range| {
        let part = file.take(range.end - range.start);
        Body::from_stream(tokio_util::io::ReaderStream::with_capacity(part, 1 << 16))
    }))
}

/// The encoded file, made now unless it is there; waits for the rest of the song first.
pub(super) async fn encoded(
    app: &App,
    reader: StemReader,
    record: &TrackRecord,
    stem: &str,
    format: Format,
) -> Result<PathBuf, Problem> {
    let name = format!("{stem}-{}.{}", format.bits().unwrap_or(320), format.extension());
    let path = app.pipeline.files.encoded(&record.id, &name);
    reader.wait_all().await?;
    let making = {
        let mut encodings = lock(&app.encodings);
        // Of those that nobody waits for any more, however they ended.
        encodings.retain(|_, making| Arc::strong_count(making) > 1);
        encodings.entry(path.clone()).or_default().clone()
    };
    let one_at_a_time = making.lock_owned().await;
    if !tokio::fs::try_exists(&path).await.unwrap_or(false) {
        let permit =
            app.pipeline.encoders.clone().acquire_owned().await.map_err(|e| Problem::internal(&e))?;
        let (to, tags, stopping) = (path.clone(), record.tags(), app.pipeline.stopping());
        let work = move || {
            // Both are held until the work ends, also when nobody waits for it any more.
            let _held = (one_at_a_time, permit);
            reader.encode_to(&to, format, &tags, &|| stopping.is_cancelled())
        };
        blocking(work).await.map_err(|e| Problem::disk(&e))?;
        app.pipeline.measure_disk(&record.id).await?;
    }
    Ok(path)
}

fn attachment(record: &TrackRecord, stem: &str, format: Format) -> Result<HeaderValue, Problem> {
    let name = download_name(&record.song(), stem, format.extension());
    let plain: String =
        name.chars().map(|c| if c.is_ascii() && !"\"\\;%".contains(c) { c } else { '_' }).collect();
    let coded: String = name
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"))
        .map_err(|e| Problem::internal(&e))
}
