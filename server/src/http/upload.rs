//! Takes an upload: streams it to disk while hashing, and answers once it is known whether it is music.

use super::App;
use super::accepted::{Accepted, UploadForm, Wishes};
use super::auth;
use super::client::with_limits;
use super::idempotency::{self, Ticket};
use super::openapi::{Binary, Refusal};
use super::orphan::Orphan;
use crate::active_track::ActiveTrack;
use crate::client::Client;
use crate::clock::now_ms;
use crate::concurrency::blocking;
use crate::notification::{Asked, Notification};
use crate::pipeline::{Reservation, Submission};
use crate::problem::Problem;
use crate::store::TrackRecord;
use crate::uploads::metadata::{bad_deadline, display_name};
use axum::Json;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use karaoke_core::TrackId;
use karaoke_stages::Stage;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes gathered before they are hashed and written in one go.
const BATCH: usize = 1 << 20;

/// How long a refused upload is read on.
const DRAIN: Duration = Duration::from_secs(10);

/// How long an upload may say nothing before it is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// Hands in a song.
#[utoipa::path(
    post, path = "/api/v1/tracks", operation_id = "upload_track", tag = "tracks",
    params(
        Wishes,
        (
            "idempotency-key" = Option<String>, Header, nullable = false,
            description = "With the same key a lost answer is given again.", min_length = 1, max_length = 255,
        ),
    ),
    request_body(
        content((UploadForm = "multipart/form-data"), (Binary = "application/octet-stream")),
        description = "A form, or the file itself.",
    ),
    security((), ("key" = []), ("admin" = [])),
    responses(
        (
            status = 202, description = "It is taken; this opens it.", body = Accepted,
            headers(("set-cookie" = String), ("ratelimit" = String), ("ratelimit-policy" = String)),
        ),
        Refusal<400>, Refusal<401>, Refusal<403>, Refusal<408>, Refusal<409>, Refusal<413>, Refusal<415>,
        Refusal<422>, Refusal<429>, Refusal<503>, Refusal<507>,
    ),
)]
pub(super) async fn upload(
    State(app): State<App>,
    client: Result<Client, Problem>,
    wishes: Result<Query<Wishes>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let answer = take(&app, client.clone(), wishes, request).await.unwrap_or_else(Problem::into_response);
    with_limits(&app, &client.unwrap_or_default(), answer).await
}

async fn take(
    app: &App,
    client: Result<Client, Problem>,
    wishes: Result<Query<Wishes>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let accepted = async {
        let Query(wishes) = wishes.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
        let client = client?;
        app.pipeline.admit()?;
        check_length(app, &headers)?;
        let ticket = idempotency::ticket(app, &headers, &client).await?;
        // A request that came before is not another song.
        if ticket.earlier.is_none() {
            app.pipeline.check_quotas(&client).await?;
        }
        // Of who does not say how much is coming, what has come is looked at in the end.
        let room = app.pipeline.reserve(content_length(&headers).unwrap_or(0)).await?;
        Ok((wishes, Submitter { client, ticket, room }))
    };
    let (wishes, submitter) = match accepted.await {
        Ok(accepted) => accepted,
        Err(problem) => {
            drain(request.into_body().into_data_stream()).await;
            return Err(problem);
        }
    };
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        let form = Multipart::from_request(request, app)
            .await
            .map_err(|e| Problem::new(422, "Unreadable form", e.body_text()))?;
        return from_form(app, form, wishes, submitter).await;
    }
    let name = wishes.name.clone().unwrap_or_else(|| "upload".into());
    let body = request.into_body().into_data_stream().map(|part| part.map_err(|e| cut_off(&e)));
    let received = take_in(app, body, &wishes, &submitter).await?;
    submit(app, received, &name, wishes, submitter).await
}

/// Who hands a song in, what it becomes, and the room that it was promised.
struct Submitter {
    client: Client,
    ticket: Ticket,
    room: Reservation,
}

/// Reads on for a while after a refusal: a client that is still sending would see a broken connection
/// instead of the reason.
pub(super) async fn drain<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    // Who has more to send than fits this time is cut off.
    let _ = tokio::time::timeout(DRAIN, rest).await;
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_length(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    // A form is a little longer than the file in it; the exact count follows while it arrives.
    if content_length(headers).is_some_and(|n| n > app.pipeline.limits.upload_bytes.saturating_add(1 << 16)) {
        return Err(too_large(app));
    }
    Ok(())
}

async fn from_form(
    app: &App,
    mut form: Multipart,
    mut wishes: Wishes,
    submitter: Submitter,
) -> Result<Response, Problem> {
    let broken =
        |e: axum::extract::multipart::MultipartError| Problem::new(422, "Unreadable form", e.body_text());
    let mut taken = None;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("file") if taken.is_none() => {
                let name = field.file_name().or(wishes.name.as_deref()).unwrap_or("upload").to_owned();
                taken = Some((name, take_in(app, parts(field), &wishes, &submitter).await?));
            }
            Some("model") => wishes.model = Some(field.text().await.map_err(broken)?),
            Some("deadline_s") => {
                let text = field.text().await.map_err(broken)?;
                wishes.deadline_s = Some(text.trim().parse().map_err(|_| bad_deadline())?);
            }
            Some("webhook") => wishes.webhook = Some(field.text().await.map_err(broken)?),
            Some("email") => wishes.email = Some(field.text().await.map_err(broken)?),
            _ => {}
        }
    }
    let none = || Problem::new(422, "No file", "The form has no field `file`; put the song there.");
    let (name, received) = taken.ok_or_else(none)?;
    submit(app, received, &name, wishes, submitter).await
}

fn parts(field: Field<'_>) -> impl Stream<Item = Result<Bytes, Problem>> + Unpin + '_ {
    field.map(|part| part.map_err(|e| cut_off(&e)))
}

pub(super) fn cut_off(error: &dyn std::fmt::Display) -> Problem {
    tracing::debug!(%error, "upload cut off");
    Problem::new(400, "Upload cut off", "The upload ended before the file was complete; send it again.")
}

pub(super) fn empty() -> Problem {
    Problem::new(422, "Empty file", "The file is empty; choose a song.")
}

fn silent() -> Problem {
    Problem::new(408, "Upload stalled", "Nothing of the file came for a minute; send it again.")
}

pub(super) fn too_large(app: &App) -> Problem {
    let limit = app.pipeline.limits.upload_bytes;
    let detail = format!(
        "The file is larger than this server takes ({} MB); send a shorter or compressed one.",
        limit / 1_000_000
    );
    Problem::new(413, "File too large", detail)
}

/// Who is to be told of the song.
fn told(app: &App, wishes: &Wishes, ticket: &Ticket) -> Result<Vec<Notification>, Problem> {
    let asked = Asked { webhook: wishes.webhook.clone(), email: wishes.email.clone() };
    app.pipeline.asked_for(&asked, &app.page_of(&ticket.id, &ticket.passcode))
}

/// Puts the file on the disk, unless it is known already that it is refused.
async fn take_in(
    app: &App,
    mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    wishes: &Wishes,
    submitter: &Submitter,
) -> Result<Received, Problem> {
    let received = match told(app, wishes, &submitter.ticket) {
        Ok(_) => receive(app, &mut body, &submitter.ticket.id).await,
        Err(problem) => Err(problem),
    };
    if received.is_err() {
        drain(body).await;
    }
    received
}

/// Makes a track of the file, with all that was wished for, be it before the file or behind it.
async fn submit(
    app: &App,
    (size_bytes, upload_sha256, mut incoming): Received,
    name: &str,
    wishes: Wishes,
    Submitter { client, ticket, room }: Submitter,
) -> Result<Response, Problem> {
    let (id, passcode) = (ticket.id.clone(), ticket.passcode.clone());
    let notifications = told(app, &wishes, &ticket)?;
    if let Some(earlier) = &ticket.earlier {
        return again(app, earlier, &upload_sha256, &wishes, &passcode).await;
    }
    let submission = Submission {
        id: id.clone(),
        passcode_sha256: auth::hash(&passcode),
        file_name: display_name(name),
        size_bytes,
        upload_sha256,
        model: wishes.model.filter(|m| !m.is_empty()),
        deadline_ms: wishes.deadline_s.map(|s| now_ms() + i64::from(s) * 1000),
        notifications,
        client,
    };
    drop(room);
    drop(app.pipeline.reserve(size_bytes).await?);
    incoming.keep();
    let mut orphan = Orphan::submit(app.pipeline.clone(), submission, ticket.held);
    let track = orphan.submitted().await?;
    if let Some(failure) = app.pipeline.decoded_soon(&track).await {
        // The orphan is deleted when this returns, but who is refused should find nothing left at once.
        app.pipeline.withdraw(&id).await?;
        // Nothing is left to be removed, and another request with the same key may be on its way.
        orphan.adopted();
        return Err(failure.into());
    }
    orphan.adopted();
    answer(app, &track, &passcode).await
}

async fn answer(app: &App, track: &ActiveTrack, passcode: &str) -> Result<Response, Problem> {
    let mut response =
        (StatusCode::ACCEPTED, Json(Accepted::new(app, track, passcode).await?)).into_response();
    if let Some(cookie) = auth::set_cookie(&track.id, passcode) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The answer to a request that came before, as the track is now; 422 when it asks for something else.
async fn again(
    app: &App,
    earlier: &TrackRecord,
    upload_sha256: &str,
    wishes: &Wishes,
    passcode: &str,
) -> Result<Response, Problem> {
    let same_song = app.pipeline.store.upload_sha256(&earlier.id).await?.as_deref() == Some(upload_sha256);
    let wanted = wishes.model.as_deref().filter(|model| !model.is_empty());
    let same_model = wanted.is_none_or(|model| app.pipeline.means(model, &earlier.manifest));
    if !same_song || !same_model {
        return Err(idempotency::reused());
    }
    let track = app.pipeline.find(&earlier.id).await?.ok_or_else(Problem::no_such_track)?;
    answer(app, &track, passcode).await
}

/// An upload on disk that goes away again unless it is kept.
struct Incoming {
    path: PathBuf,
    kept: bool,
}

impl Incoming {
    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            // Best effort: what stays is cleared at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Its size in bytes, its SHA-256 and where it lies.
type Received = (u64, String, Incoming);

async fn receive(
    app: &App,
    mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    id: &TrackId,
) -> Result<Received, Problem> {
    let incoming = Incoming { path: app.pipeline.files.incoming(id), kept: false };
    let path = incoming.path.clone();
    let file = blocking(move || File::create(path)).await.map_err(|e| Problem::disk(&e))?;
    let mut sink = Some((file, Sha256::new()));
    let (mut size, mut batch) = (0u64, Vec::with_capacity(BATCH));
    loop {
        let part = tokio::time::timeout(SILENCE, body.next()).await.map_err(|_| silent())?.transpose()?;
        let ended = part.is_none();
        if let Some(part) = part {
            size += part.len() as u64;
            if size > app.pipeline.limits.upload_bytes {
                return Err(too_large(app));
            }
            batch.extend_from_slice(&part);
        }
        if (ended || batch.len() >= BATCH)
            && let Some((mut file, mut hash)) = sink.take()
        {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            let write = move || {
                let _stage = Stage::Http.enter();
                hash.update(&full);
                file.write_all(&full)?;
                if ended {
                    file.sync_all()?;
                }
                Ok((file, hash))
            };
            sink = Some(blocking(write).await.map_err(|e| Problem::disk(&e))?);
        }
        if ended {
            let hash = sink.map(|(_, hash)| hex::encode(hash.finalize())).unwrap_or_default();
            return match size {
                0 => Err(empty()),
                _ => Ok((size, hash, incoming)),
            };
        }
    }
}
