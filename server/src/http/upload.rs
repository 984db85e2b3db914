//! Takes an upload: streams it to disk while hashing, and answers once it is known whether it is music.

use super::App;
use super::auth;
use super::client::with_limits;
use super::idempotency::{self, Ticket};
use super::in_progress::Held;
use super::notifications;
use super::receiving::{Received, cut_off, drain, receive_all, too_large};
use crate::active_track::ActiveTrack;
use crate::client::Client;
use crate::clock::now_ms;
use crate::fault_point;
use crate::notification::{Asked, Notification};
use crate::pipeline::{Pipeline, Reservation, Submission};
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
use karaoke_core::TrackId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// What may go along with an upload: as query parameters, or as fields before the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wishes {
    /// The file's name, for a raw body.
    pub(super) name: Option<String>,
    /// The model.
    model: Option<String>,
    /// Seconds from now by which it should be done.
    deadline_s: Option<u32>,
    /// An address that is told what becomes of it.
    webhook: Option<String>,
    /// Who gets mail about it.
    email: Option<String>,
}

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
    accept(app, body, &name, wishes, submitter).await
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
        // A request that came before is not another song.
        if ticket.earlier.is_none() {
            app.pipeline.check_quotas(&client).await?;
        }
        // Of who does not say how much is coming, what has come is looked at in the end.
        let room = app.pipeline.reserve(content_length(headers).unwrap_or(0)).await?;
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
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("file") => {
                let name = field.file_name().or(wishes.name.as_deref()).unwrap_or("upload").to_owned();
                return accept(app, parts(field), &name, wishes, submitter).await;
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
    Err(Problem::new(422, "No file", "The form has no field `file`; put the song there."))
}

fn parts(field: Field<'_>) -> impl Stream<Item = Result<Bytes, Problem>> + Unpin + '_ {
    field.map(|part| part.map_err(|e| cut_off(&e)))
}

async fn accept(
    app: &App,
    mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    name: &str,
    wishes: Wishes,
    submitter: Submitter,
) -> Result<Response, Problem> {
    let passcode = submitter.ticket.passcode.clone();
    let asked = Asked { webhook: wishes.webhook.clone(), email: wishes.email.clone() };
    let told = app.pipeline.asked_for(&asked, &app.page_of(&submitter.ticket.id, &passcode));
    let notifications = match told {
        Ok(notifications) => notifications,
        Err(problem) => {
            drain(body).await;
            return Err(problem);
        }
    };
    let received = receive_all(app, &mut body, &submitter.ticket.id).await?;
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
    let mut response = (StatusCode::ACCEPTED, Json(accepted(app, track, passcode).await?)).into_response();
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

/// What is answered to who handed a song in.
pub(super) async fn accepted(app: &App, track: &ActiveTrack, passcode: &str) -> Result<Value, Problem> {
    let view = track.view();
    let told = app.pipeline.store.notifications(Some(&track.id)).await?;
    let told: Vec<_> = told.iter().map(notifications::with_secret).collect();
    Ok(json!({
        "id": view.id, "passcode": passcode, "state": view.state, "deadline": view.deadline, "links": view.links,
        "notifications": told,
    }))
}

/// A track whose passcode nobody has been told yet: if its uploader goes away now, nobody can ever reach it.
///
/// It is submitted by a task of its own, because a request that is dropped half-way through would leave half a
/// track behind.
struct Orphan {
    pipeline: Arc<Pipeline>,
    id: Option<TrackId>,
    submission: Option<JoinHandle<Result<Arc<ActiveTrack>, Problem>>>,
    /// Keeps other requests with the same key away until it is settled.
    held: Option<Held>,
}

impl Orphan {
    fn submit(pipeline: Arc<Pipeline>, submission: Submission, held: Option<Held>) -> Self {
        let id = Some(submission.id.clone());
        let me = pipeline.clone();
        let task = async move { me.submit(submission).await };
        let submission = Some(tokio::spawn(task.in_current_span()));
        Self { pipeline, id, submission, held }
    }

    async fn submitted(&mut self) -> Result<Arc<ActiveTrack>, Problem> {
        let Some(task) = &mut self.submission else { return Err(Problem::no_such_track()) };
        let submitted = task.await;
        self.submission = None;
        submitted.map_err(|e| Problem::internal(&e))?
    }

    fn adopted(mut self) {
        self.id = None;
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (pipeline, submission, held) = (self.pipeline.clone(), self.submission.take(), self.held.take());
        tokio::spawn(async move {
            let _held = held;
            if let Some(submission) = submission {
                // Whatever came of it, it has to be over before it is undone.
                let _ = submission.await;
            }
            if let Err(error) = pipeline.delete(&id).await {
                tracing::warn!(track = %id, %error, "an orphaned track could not be removed");
            }
        });
    }
}
