//! Resumable uploads: the tus protocol 1.0.0 (<https://tus.io/protocols/resumable-upload>) with the extensions
//! creation, creation-with-upload, checksum, expiration and termination.

use super::accepted::Accepted;
use super::client::with_limits;
use super::described::{Binary, Refusal};
use super::{App, auth, receiving, respond, tracks};
use crate::active_track::ActiveTrack;
use crate::client::Client;
use crate::problem::Problem;
use crate::store::UploadRecord;
use crate::uploads::{ALGORITHMS, Checksum, Key, Piece, Secret, UploadStatus, Uploads};
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt};
use futures::StreamExt;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tracing::Instrument;
use utoipa::ToSchema;

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,checksum,expiration,termination";
const BASE: &str = "/api/v1/uploads";

/// An upload that is not complete yet.
#[derive(Serialize, ToSchema)]
pub(super) struct Uploading {
    /// `uploading`.
    state: &'static str,
    /// Bytes that are safe on the server's disk.
    offset: u64,
    /// Bytes that there will be.
    length: u64,
}

/// Where an upload stands.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum UploadStanding {
    Uploading(Uploading),
    Track(Accepted),
}

/// `/uploads`: what is offered, and new uploads.
pub(super) async fn uploads(State(app): State<App>, request: Request) -> Response {
    let answer = match *request.method() {
        Method::OPTIONS => Ok(offer(&app)),
        Method::POST => match check_version(request.headers()) {
            Ok(()) => create(&app, request).await,
            Err(problem) => Err(problem),
        },
        _ => Ok(respond::only("POST, OPTIONS")),
    };
    tus(answer)
}

/// `/uploads/{secret}`: one upload.
pub(super) async fn one(State(app): State<App>, mut request: Request) -> Response {
    let secret = request.extract_parts::<Path<String>>().await.ok();
    let Some(secret) = secret.and_then(|Path(text)| Secret::parse(&text)) else {
        return tus(Err(crate::uploads::no_such_upload()));
    };
    let method = method(&request);
    let answer = match method {
        Method::OPTIONS => Ok(offer(&app)),
        // For people and programs without tus: where is my song?
        Method::GET => show(&app, secret).await,
        Method::HEAD | Method::PATCH | Method::DELETE => match check_version(request.headers()) {
            Err(problem) => Err(problem),
            Ok(()) => match method {
                Method::HEAD => head(&app, secret).await,
                Method::PATCH => patch(&app, secret, request).await,
                _ => remove(&app, secret).await,
            },
        },
        _ => Ok(respond::only("GET, HEAD, PATCH, DELETE, OPTIONS")),
    };
    tus(answer)
}

/// The method, or what stands for it where a proxy lets nothing but GET and POST through.
fn method(request: &Request) -> Method {
    let instead =
        request.headers().get("x-http-method-override").filter(|_| request.method() == Method::POST);
    instead.and_then(|v| Method::from_bytes(v.as_bytes()).ok()).unwrap_or_else(|| request.method().clone())
}

fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    if text(headers, "tus-resumable") == Some(VERSION) {
        return Ok(());
    }
    let detail = "Uploads here speak tus 1.0.0; send the header Tus-Resumable: 1.0.0.";
    Err(Problem::new(412, "Unknown version of tus", detail))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let read =
        value.to_str().ok().filter(|v| v.bytes().all(|b| b.is_ascii_digit())).and_then(|v| v.parse().ok());
    read.map(Some).ok_or_else(|| Problem::new(400, "Bad header", format!("{name} is a number of bytes.")))
}

/// What of the tus protocol there is.
#[utoipa::path(
    options, path = "/api/v1/uploads", operation_id = "get_upload_options", tag = "uploads",
    responses(
        (
            status = 204, description = "What of tus there is.",
            headers(
                ("tus-extension" = String), ("tus-max-size" = u64), ("tus-checksum-algorithm" = String),
                ("tus-version" = String),
            ),
        ),
    ),
)]
fn offer(app: &App) -> Response {
    let most = app.pipeline.limits.upload_bytes.to_string();
    let pairs =
        [("tus-extension", EXTENSIONS), ("tus-max-size", &most), ("tus-checksum-algorithm", ALGORITHMS)];
    with(StatusCode::NO_CONTENT.into_response(), &pairs)
}

/// What every answer carries.
fn tus(answer: Result<Response, Problem>) -> Response {
    let response = answer.unwrap_or_else(Problem::into_response);
    tracks::no_store(with(response, &[("tus-resumable", VERSION), ("tus-version", VERSION)]))
}

fn with(mut response: Response, pairs: &[(&'static str, &str)]) -> Response {
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Begins a resumable upload.
#[utoipa::path(
    post, path = "/api/v1/uploads", operation_id = "create_upload", tag = "uploads",
    params(
        ("tus-resumable" = String, Header, description = "`1.0.0`.", pattern = "^1\\.0\\.0$", example = "1.0.0"),
        ("upload-length" = u64, Header, description = "Bytes that there will be."),
        (
            "upload-metadata" = Option<String>, Header, nullable = false,
            description = "Pairs of tus: `filename`, `model`, `deadline_s`, `webhook`, `email`.",
        ),
        (
            "upload-checksum" = Option<String>, Header, nullable = false,
            description = "`sha1` or `sha256`, and the sum of this part in Base64.",
        ),
    ),
    request_body(
        content = Binary, content_type = "application/offset+octet-stream",
        description = "The first part, if it is to go along.",
    ),
    security((), ("key" = []), ("admin" = [])),
    responses(
        (status = 201, description = "It has begun.", headers(("location" = String), ("upload-offset" = u64))),
        Refusal<400>, Refusal<401>, Refusal<403>, Refusal<408>, Refusal<409>, Refusal<412>, Refusal<413>,
        Refusal<415>, Refusal<422>, Refusal<423>, Refusal<429>, Refusal<460>, Refusal<503>, Refusal<507>,
    ),
)]
async fn create(app: &App, request: Request) -> Result<Response, Problem> {
    let secret = Secret::new();
    let (mut parts, body) = request.into_parts();
    let client = Client::from_request_parts(&mut parts, app).await;
    let request = Request::from_parts(parts, body);
    let begun = match &client {
        Ok(client) => begin(app, secret, request.headers(), client).await,
        Err(problem) => Err(problem.clone()),
    };
    let mut standing = match begun {
        Ok(record) => UploadStatus::Unfinished(record),
        Err(problem) => {
            receiving::drain(request.into_body().into_data_stream()).await;
            let client = client.unwrap_or_default();
            return Ok(with_limits(app, &client, problem.into_response()).await);
        }
    };
    if request.headers().contains_key(header::CONTENT_TYPE) {
        standing = append(app, secret, request).await?;
    }
    let place = format!("{BASE}/{}", secret.text());
    let answer = with(stand(secret, StatusCode::CREATED, standing), &[("location", &place)]);
    Ok(with_limits(app, &client.unwrap_or_default(), answer).await)
}

async fn begin(
    app: &App,
    secret: Secret,
    headers: &HeaderMap,
    client: &Client,
) -> Result<UploadRecord, Problem> {
    if headers.contains_key("upload-defer-length") {
        let detail = "Say how long the file is when you begin (Upload-Length); it cannot be told later here.";
        return Err(Problem::new(400, "Length needed", detail));
    }
    let length = number(headers, "upload-length")?.ok_or_else(|| {
        Problem::new(400, "Length needed", "Upload-Length says how many bytes the file has.")
    })?;
    if length == 0 {
        return Err(receiving::empty());
    }
    if length > app.pipeline.limits.upload_bytes {
        return Err(receiving::too_large(app));
    }
    let metadata = match headers.get("upload-metadata") {
        None => "",
        Some(value) => value.to_str().unwrap_or("?"),
    };
    app.uploads.create(&key(app, secret), length, metadata, client).await
}

fn key(app: &App, secret: Secret) -> Key {
    let (id, passcode) = (secret.track_id(), auth::passcode(secret.passcode_bits()));
    Key { page: app.page_of(&id, &passcode), passcode_sha256: auth::hash(&passcode), id }
}

/// Takes in a part in a task of its own: one that is cut off still has to be made safe.
async fn append(app: &App, secret: Secret, request: Request) -> Result<UploadStatus, Problem> {
    let read = |headers: &HeaderMap| {
        if text(headers, "content-type") != Some("application/offset+octet-stream") {
            let detail = "A part of an upload is sent as application/offset+octet-stream.";
            return Err(Problem::new(415, "Wrong content type", detail));
        }
        let checksum = text(headers, "upload-checksum").map(Checksum::parse).transpose()?;
        Ok((number(headers, "upload-offset")?, number(headers, "content-length")?, checksum))
    };
    let creating = request.method() == Method::POST && !request.headers().contains_key("upload-offset");
    let head = read(request.headers());
    let body = request.into_body().into_data_stream();
    let (offset, length, checksum) = match head {
        Ok((Some(offset), length, checksum)) => (offset, length, checksum),
        Ok((None, length, checksum)) if creating => (0, length, checksum),
        refused => {
            receiving::drain(body).await;
            let detail = "Upload-Offset says where the part belongs.";
            return Err(refused.err().unwrap_or_else(|| Problem::new(400, "Offset needed", detail)));
        }
    };
    let body = body.map(|part| part.map_err(|e| receiving::cut_off(&e)));
    let piece = Piece { offset, length, checksum, body };
    let apart = append_apart(app.uploads.clone(), key(app, secret), piece, creating);
    let task = tokio::spawn(apart.in_current_span());
    task.await.map_err(|e| Problem::internal(&e))?
}

async fn append_apart<B>(
    uploads: Arc<Uploads>,
    key: Key,
    mut piece: Piece<B>,
    creating: bool,
) -> Result<UploadStatus, Problem>
where
    B: futures::Stream<Item = Result<bytes::Bytes, Problem>> + Unpin,
{
    let standing = uploads.append(&key, &mut piece).await;
    if standing.is_err() {
        // Nobody hears of an address where the upload could go on.
        if creating && let Err(problem) = uploads.remove(&key.id).await {
            tracing::warn!(upload = %key.id, error = %problem, "a refused upload could not be removed");
        }
        receiving::drain(piece.body).await;
    }
    standing
}

/// Appends a part.
#[utoipa::path(
    patch, path = "/api/v1/uploads/{secret}", operation_id = "append_to_upload", tag = "uploads",
    params(
        ("secret" = String, Path, description = "The end of the `Location` that was answered."),
        ("tus-resumable" = String, Header, description = "`1.0.0`.", pattern = "^1\\.0\\.0$", example = "1.0.0"),
        ("upload-offset" = u64, Header, description = "Where this part begins."),
        (
            "upload-checksum" = Option<String>, Header, nullable = false,
            description = "`sha1` or `sha256`, and the sum of this part in Base64.",
        ),
    ),
    request_body(content = Binary, content_type = "application/offset+octet-stream", description = "A part."),
    responses(
        (
            status = 204, description = "It is safe; the last one also says what opens the track.",
            headers(
                ("upload-offset" = u64), ("upload-length" = u64), ("x-track-id" = String),
                ("x-track-passcode" = String),
            ),
        ),
        Refusal<404>, Refusal<400>, Refusal<401>, Refusal<403>, Refusal<408>, Refusal<409>, Refusal<412>,
        Refusal<413>, Refusal<415>, Refusal<422>, Refusal<423>, Refusal<429>, Refusal<460>, Refusal<503>,
        Refusal<507>,
    ),
)]
async fn patch(app: &App, secret: Secret, request: Request) -> Result<Response, Problem> {
    append(app, secret, request).await.map(|standing| stand(secret, StatusCode::NO_CONTENT, standing))
}

/// Where a resumable upload stands.
#[utoipa::path(
    head, path = "/api/v1/uploads/{secret}", operation_id = "get_upload_offset", tag = "uploads",
    params(
        ("secret" = String, Path, description = "The end of the `Location` that was answered."),
        ("tus-resumable" = String, Header, description = "`1.0.0`.", pattern = "^1\\.0\\.0$", example = "1.0.0"),
    ),
    responses(
        (
            status = 200, description = "How much is safe.",
            headers(
                ("upload-offset" = u64), ("upload-length" = u64), ("x-track-id" = String),
                ("x-track-passcode" = String),
            ),
        ),
        (status = 404, description = "There is no such upload."),
        (status = 412, description = "Another version of tus."),
    ),
)]
async fn head(app: &App, secret: Secret) -> Result<Response, Problem> {
    app.uploads.find(&secret.track_id()).await.map(|standing| stand(secret, StatusCode::OK, standing))
}

/// Calls an upload off, or removes the track that it has become.
#[utoipa::path(
    delete, path = "/api/v1/uploads/{secret}", operation_id = "delete_upload", tag = "uploads",
    params(
        ("secret" = String, Path, description = "The end of the `Location` that was answered."),
        ("tus-resumable" = String, Header, description = "`1.0.0`.", pattern = "^1\\.0\\.0$", example = "1.0.0"),
    ),
    responses((status = 204, description = "It is gone."), Refusal<404>, Refusal<412>, Refusal<423>),
)]
async fn remove(app: &App, secret: Secret) -> Result<Response, Problem> {
    app.uploads.remove(&secret.track_id()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An answer without a body that says where the upload stands.
fn stand(secret: Secret, status: StatusCode, standing: UploadStatus) -> Response {
    match standing {
        UploadStatus::Unfinished(record) => {
            let (at, length) = (record.received.to_string(), record.length.to_string());
            let expires = UNIX_EPOCH + Duration::from_millis(record.expires_ms.max(0) as u64);
            let expires = httpdate::fmt_http_date(expires);
            let pairs = [("upload-offset", &*at), ("upload-length", &length), ("upload-expires", &expires)];
            let response = with(status.into_response(), &pairs);
            if record.metadata.is_empty() {
                response
            } else {
                with(response, &[("upload-metadata", &record.metadata)])
            }
        }
        UploadStatus::Track(track) => {
            let (size, id) = (track.record().size_bytes.to_string(), track.id.to_string());
            let passcode = auth::passcode(secret.passcode_bits());
            let pairs = [
                ("upload-offset", &*size),
                ("upload-length", &size),
                ("x-track-id", &id),
                ("x-track-passcode", &passcode),
            ];
            with_cookie(with(status.into_response(), &pairs), &track, &passcode)
        }
    }
}

/// Where the upload stands; once it is a track, what `POST /tracks` would have answered.
#[utoipa::path(
    get, path = "/api/v1/uploads/{secret}", operation_id = "get_upload", tag = "uploads",
    params(("secret" = String, Path, description = "The end of the `Location` that was answered.")),
    responses(
        (
            status = 200, description = "How far it is, or what opens the track.",
            content((UploadStanding = "application/json")),
        ),
        Refusal<404>, Refusal<409>, Refusal<413>, Refusal<415>, Refusal<422>, Refusal<507>,
    ),
)]
async fn show(app: &App, secret: Secret) -> Result<Response, Problem> {
    match app.uploads.settled(&secret.track_id()).await? {
        UploadStatus::Unfinished(record) => {
            let body = Uploading { state: "uploading", offset: record.received, length: record.length };
            Ok(Json(UploadStanding::Uploading(body)).into_response())
        }
        UploadStatus::Track(track) => {
            let passcode = auth::passcode(secret.passcode_bits());
            let body = Accepted::new(app, &track, &passcode).await?;
            Ok(with_cookie(Json(UploadStanding::Track(body)).into_response(), &track, &passcode))
        }
    }
}

fn with_cookie(mut response: Response, track: &ActiveTrack, passcode: &str) -> Response {
    if let Some(cookie) = auth::set_cookie(&track.id, passcode) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
