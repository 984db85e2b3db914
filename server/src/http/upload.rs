//! Takes an upload: streams it to disk while hashing, and answers once it is known whether it is music.

use super::App;
use super::accepted::{Accepted, UploadForm, Wishes};
use super::auth;
use super::client::with_limits;
use super::described::{Binary, Refusal};
use super::idempotency::{self, Ticket};
use super::orphan::Orphan;
use super::receiving::{Received, cut_off, drain, receive_all, too_large};
use crate::active_track::ActiveTrack;
use crate::client::Client;
use crate::clock::now_ms;
use crate::fault_point;
use crate::notification::{Asked, Notification};
use crate::pipeline::{Reservation, Submission};
use crate::problem::Problem;
use crate::store::TrackRecord;
use crate::uploads::metadata::{bad_deadline, display_name};
use axum::Json;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::sync::Arc;

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
    wishes: Result<Query<Wishes>, QueryRejection>,
    request: Request,
) -> Response {
    let answer = take(&app, client.clone(), wishes, request).await.unwrap_or_else(Problem::into_response);
    with_limits(&app, &client.unwrap_or_default(), answer).await
}

async fn take(
    app: &App,
    client: Result<Client, Problem>,
    wishes: Result<Query<Wishes>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let accepted = async {
        let wishes = admitted(app, wishes, &headers)?;
        let client = client?;
        let ticket = idempotency::ticket(app, &headers, &client).await?;
        Ok((wishes, Submitter::admitted(app, client, ticket, &headers).await?))
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
pub(super) struct Submitter {
    client: Client,
    pub(super) ticket: Ticket,
    room: Reservation,
}

impl Submitter {
    /// Refuses who has used up a quota, and promises room for what a request says that is coming.
    pub(super) async fn admitted(
        app: &App,
        client: Client,
        ticket: Ticket,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        // A request that came before is not another song: it is only read through.
        let is_new = ticket.earlier.is_none();
        if is_new {
            app.pipeline.check_quotas(&client).await?;
        }
        // Of who does not say how much is coming, what has come is looked at in the end.
        let length = content_length(headers).filter(|_| is_new);
        let room = app.pipeline.reserve(length.unwrap_or(0)).await?;
        Ok(Self { client, ticket, room })
    }
}

/// What the query asks for, if the server takes an upload of that length now.
pub(super) fn admitted(
    app: &App,
    wishes: Result<Query<Wishes>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<Wishes, Problem> {
    let Query(wishes) = wishes.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    app.pipeline.admit()?;
    check_length(app, headers)?;
    Ok(wishes)
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
    if let Err(problem) = told(app, wishes, &submitter.ticket) {
        drain(body).await;
        return Err(problem);
    }
    receive_all(app, &mut body, &submitter.ticket.id).await
}

/// Makes a track of the file, with all that was wished for, be it before the file or behind it.
async fn submit(
    app: &App,
    received: Received,
    name: &str,
    wishes: Wishes,
    submitter: Submitter,
) -> Result<Response, Problem> {
    let passcode = submitter.ticket.passcode.clone();
    let notifications = told(app, &wishes, &submitter.ticket)?;
    if let Some(earlier) = &submitter.ticket.earlier {
        return again(app, earlier, &received.upload_sha256, &wishes, &passcode).await;
    }
    let song = Song { name, wishes, notifications };
    let track = become_track(app, received, song, submitter, std::future::ready(Ok(()))).await?;
    answer(app, &track, &passcode).await
}

/// What is said of a song that is handed in.
pub(super) struct Song<'n> {
    pub(super) name: &'n str,
    pub(super) wishes: Wishes,
    pub(super) notifications: Vec<Notification>,
}

/// Makes a track of what was received, and waits a while for its decoding: what is no music is refused.
///
/// `registered` is done as soon as there is a track; should it fail, or the client go away, the track is removed.
pub(super) async fn become_track(
    app: &App,
    received: Received,
    Song { name, wishes, notifications }: Song<'_>,
    Submitter { client, ticket, room }: Submitter,
    registered: impl Future<Output = Result<(), Problem>>,
) -> Result<Arc<ActiveTrack>, Problem> {
    let Received { size_bytes, upload_sha256, mut incoming } = received;
    let (id, passcode) = (ticket.id, ticket.passcode);
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
    fault_point::reach("upload.received");
    incoming.keep();
    let mut orphan = Orphan::submit(app.pipeline.clone(), submission, ticket.held);
    let track = orphan.submitted().await?;
    registered.await?;
    if let Some(failure) = app.pipeline.decoded_soon(&track).await {
        // The orphan is deleted when this returns, but who is refused should find nothing left at once.
        app.pipeline.withdraw(&id).await?;
        // Nothing is left to be removed, and another request with the same key may be on its way.
        orphan.adopted();
        return Err(failure.into());
    }
    orphan.adopted();
    fault_point::reach("upload.decoded");
    Ok(track)
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
