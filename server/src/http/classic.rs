//! The API of 2023 (`http.classic_api`): songs, their parts and jobs by plain numbers, without passcodes.
//!
//! A thin adapter: a *music* is a track, its *tracks* are the parts that add up to the song, and a *job* is one part of
//! one chunk. It shows only songs that came by it.

use super::App;
use super::accepted::Wishes;
use super::stems::{self, Options};
use super::upload::{self, Song, Submitter};
use super::{conditional, idempotency, receiving, tracks};
use crate::active_track::ActiveTrack;
use crate::client::Client;
use crate::problem::Problem;
use crate::store::ClassicSong;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use karaoke_core::{ChunkIndex, TrackState};
use serde_json::{Value, json};
use std::sync::Arc;

/// Bits of a job's number that say which part it is of, and which chunk; the rest is the song's number. Up to 2^27 songs
/// they are 53 together, which every reader of JSON takes.
const PART_BITS: u32 = 6;
const CHUNK_BITS: u32 = 20;

/// Bytes of a choice of tracks.
const LONGEST_CHOICE: usize = 1 << 16;

/// Bytes of a frame of sound at a worker: two channels of 32-bit floats.
const FRAME_BYTES: u64 = 8;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/music", post(add).get(list))
        .route("/music/{number}", get(show).post(keep))
        .route("/music/{number}/{file}", get(sound))
        .route("/job", get(jobs))
        .route("/job/{number}", get(job))
        .route("/reset", post(reset))
}

/// A song with the track that it is.
struct Music {
    song: ClassicSong,
    track: Arc<ActiveTrack>,
}

async fn add(
    State(app): State<App>,
    client: Result<Client, Problem>,
    wishes: Result<Query<Wishes>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let mut body = request.into_body().into_data_stream();
    let admitted = async {
        let wishes = upload::admitted(&app, wishes, &headers)?;
        Ok((wishes, Submitter::admitted(&app, client?, idempotency::fresh(), &headers).await?))
    };
    let (wishes, submitter) = match admitted.await {
        Ok(admitted) => admitted,
        Err(problem) => {
            receiving::drain(body).await;
            return Err(problem);
        }
    };
    let name = wishes.name.clone().unwrap_or_else(|| "upload".into());
    let id = submitter.ticket.id.clone();
    let parts = (&mut body).map(|part| part.map_err(|e| receiving::cut_off(&e)));
    let received = receiving::receive_all(&app, parts, &id).await?;
    let store = app.pipeline.store.clone();
    let registered = async { Ok(store.add_classic_song(&id).await?) };
    let song = Song { name: &name, wishes, notifications: Vec::new() };
    upload::become_track(&app, received, song, submitter, registered).await?;
    let number = app.pipeline.store.classic_number(&id).await?.ok_or_else(no_such_music)?;
    Ok(answer(about(&find(&app, &number.to_string()).await?)))
}

async fn list(State(app): State<App>) -> Result<Response, Problem> {
    let mut all = Vec::new();
    for music in all_music(&app).await? {
        all.push(about(&music));
    }
    Ok(answer(Value::Array(all)))
}

async fn show(
    State(app): State<App>,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    status(&find(&app, &number).await?, &headers)
}

async fn keep(
    State(app): State<App>,
    Path(number): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut music = find(&app, &number).await?;
    let count = music.track.manifest.parts().count();
    let detail = format!("Send a JSON array with track_ids of this music: 1 to {count}.");
    let unknown = || Problem::new(422, "Unknown tracks", detail.clone());
    // Whatever media type a client gives to it.
    let text = to_bytes(body, LONGEST_CHOICE).await.map_err(|_| unknown())?;
    let mut kept: Vec<usize> = serde_json::from_slice(&text).map_err(|_| unknown())?;
    kept.sort_unstable();
    kept.dedup();
    if kept.is_empty() || !kept.iter().all(|place| (1..=count).contains(place)) {
        return Err(unknown());
    }
    app.pipeline.store.keep_of_classic_song(music.song.number, &kept).await?;
    music.song.kept = Some(kept);
    status(&music, &headers)
}

/// The sum of some parts as WAV. Which ones says the address, so that what lies there never changes.
async fn sound(
    State(app): State<App>,
    Path((number, file)): Path<(String, String)>,
    options: Result<Query<Options>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(options) = options.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    let music = find(&app, &number).await?;
    let (places, format) = stems::address(&file, options.bits.as_deref())?;
    let chosen = parts_of(&music, places).filter(|_| format.extension() == "wav").ok_or_else(|| {
        Problem::new(404, "No such sound", "Take the addresses from `instruments` and `final` of the music.")
    })?;
    let id = &music.track.id;
    let reader = app.pipeline.mix_of(id, chosen, format.integer_bits()).await?;
    let tag = format!("\"{id}-{places}-{format:?}\"");
    let asked = headers.get(header::RANGE).filter(|_| conditional::range_holds(&headers, &tag));
    let asked = asked.and_then(|v| v.to_str().ok());
    let mut response = stems::wav_response(vec![reader], format, asked)?;
    stems::describe(&mut response, &tag, format)?;
    Ok(response.map(|body| stems::counted(&app, id, body)))
}

/// Names of the parts at places such as `1-3`; each place has one way to be written.
fn parts_of(music: &Music, places: &str) -> Option<Vec<String>> {
    let numbers: Vec<usize> = places.split('-').map(|place| place.parse().ok()).collect::<Option<_>>()?;
    let names: Vec<&str> = music.track.manifest.parts().collect();
    let name = |place: &usize| Some((*names.get(place.checked_sub(1)?)?).to_owned());
    numbers.is_sorted_by(|a, b| a < b).then(|| numbers.iter().map(name).collect()).flatten()
}

async fn jobs(State(app): State<App>) -> Result<Response, Problem> {
    let mut all = Vec::new();
    for music in all_music(&app).await? {
        let chunks = music.track.audio().map_or(0, |audio| audio.plan.count()).min(1 << CHUNK_BITS);
        let parts = music.track.manifest.parts().count().min((1 << PART_BITS) - 1);
        let numbers = (0..chunks)
            .flat_map(|chunk| (1..=parts).map(move |part| job_number(music.song.number, chunk, part)));
        all.extend(numbers);
    }
    Ok(answer(json!(all)))
}

async fn job(State(app): State<App>, Path(number): Path<String>) -> Result<Response, Problem> {
    let none = || {
        Problem::new(404, "No such job", "There is no job of that number; GET /job tells which there are.")
    };
    let number: u64 = number.parse().map_err(|_| none())?;
    let part = number & ((1 << PART_BITS) - 1);
    let chunk = ChunkIndex::new((number >> PART_BITS) & ((1 << CHUNK_BITS) - 1));
    let song = (number >> (PART_BITS + CHUNK_BITS)).to_string();
    let music = find(&app, &song).await.map_err(|e| if e.status == 404 { none() } else { e })?;
    let is_part = (1..=music.track.manifest.parts().count() as u64).contains(&part);
    let (Some(audio), Some(state), true) = (music.track.audio(), music.track.chunk(chunk), is_part) else {
        return Err(none());
    };
    let share = audio.plan.share(chunk);
    Ok(answer(json!({
        "job_id": number, "size": (share.end - share.start) * FRAME_BYTES, "time": state.seconds,
        "music_id": music.song.number, "track_id": part,
    })))
}

async fn reset(State(app): State<App>) -> Result<Response, Problem> {
    for song in app.pipeline.store.classic_songs().await? {
        app.pipeline.delete(&song.track).await?;
    }
    Ok(answer(json!({})))
}

async fn all_music(app: &App) -> Result<Vec<Music>, Problem> {
    let mut all = Vec::new();
    for song in app.pipeline.store.classic_songs().await? {
        // One that has just been removed is left out.
        if let Some(track) = app.pipeline.find(&song.track).await? {
            all.push(Music { song, track });
        }
    }
    Ok(all)
}

async fn find(app: &App, number: &str) -> Result<Music, Problem> {
    let number = number.parse().map_err(|_| no_such_music())?;
    let song = app.pipeline.store.classic_song(number).await?.ok_or_else(no_such_music)?;
    let track = app.pipeline.find(&song.track).await?.ok_or_else(no_such_music)?;
    Ok(Music { song, track })
}

fn no_such_music() -> Problem {
    Problem::new(404, "No such music", "There is no music of that number; GET /music tells which there is.")
}

/// What a song is and what it consists of. What its tags do not tell is made of the file's name.
fn about(music: &Music) -> Value {
    let record = music.track.record();
    let file = record.file_name.rsplit_once('.').map_or(record.file_name.as_str(), |(stem, _)| stem);
    let parts = (1..).zip(music.track.manifest.parts());
    let tracks: Vec<Value> = parts.map(|(place, name)| json!({ "name": name, "track_id": place })).collect();
    json!({
        "music_id": music.song.number, "name": record.title.as_deref().unwrap_or(file),
        "band": record.artist.unwrap_or_default(), "tracks": tracks,
    })
}

/// How far a song is, and where its sounds are once it is done; the reason why it never will be as a problem.
fn status(music: &Music, headers: &HeaderMap) -> Result<Response, Problem> {
    let state = music.track.state();
    if matches!(state, TrackState::Failed | TrackState::Cancelled) {
        return Err(music.track.end_reason());
    }
    let is_done = state == TrackState::Done;
    let base = format!("{}/music/{}", origin(headers), music.song.number);
    let place = |places: &[usize]| {
        let places: Vec<String> = places.iter().map(usize::to_string).collect();
        is_done.then(|| format!("{base}/{}.wav", places.join("-")))
    };
    let kept = music.song.kept.as_deref();
    let shown = (1..).zip(music.track.manifest.parts());
    let shown = shown.filter(|(part, _)| kept.is_none_or(|kept| kept.contains(part)));
    let instruments: Vec<Value> =
        shown.map(|(part, name)| json!({ "name": name, "track": place(&[part]) })).collect();
    let percent = (100.0 * music.track.progress().fraction(state)) as u32;
    Ok(answer(json!({ "progress": percent, "instruments": instruments, "final": kept.and_then(place) })))
}

/// Where the client has reached this server, so that addresses are whole; empty where it does not say.
fn origin(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    text("host").map(|host| format!("{scheme}://{host}")).unwrap_or_default()
}

fn job_number(song: u32, chunk: u64, part: usize) -> u64 {
    (u64::from(song) << CHUNK_BITS | chunk) << PART_BITS | part as u64
}

fn answer(value: Value) -> Response {
    tracks::no_store(Json(value).into_response())
}
