//! Resumable uploads: the tus protocol 1.0.0 (<https://tus.io/protocols/resumable-upload>) with the extensions
//! creation, creation-with-upload, checksum, expiration and termination.

use super::client::with_limits;
use super::{App, auth, respond, tracks, upload};
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
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,checksum,expiration,termination";
const BASE: &str = "/api/v1/uploads";

/// `/uploads`: what is offered, and new uploads.
pub(super) async fn uploads(State(app): State<App>, request: Request) -> Response {
    let answer = match *request.method() {
        Method::OPTIONS => Ok(offer(&app)),
        Method::POST => match check_version(request.headers()) {
            Ok(()) => create(&app, request).await,
            Err(problem) => Err(problem),
        },
        _ => Err(respond::wrong_method().await),
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
        _ => match check_version(request.headers()) {
            Err(problem) => Err(problem),
            Ok(()) => match method {
                Method::HEAD => {
                    app.uploads.find(&secret.track_id()).await.map(|s| stand(secret, StatusCode::OK, s))
                }
                Method::PATCH => {
                    append(&app, secret, request).await.map(|s| stand(secret, StatusCode::NO_CONTENT, s))
                }
                Method::DELETE => remove(&app, secret).await,
                _ => Err(respond::wrong_method().await),
            },
        },
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
            upload::drain(request.into_body().into_data_stream()).await;
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
        return Err(upload::empty());
    }
    if length > app.pipeline.limits.upload_bytes {
        return Err(upload::too_large(app));
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
            upload::drain(body).await;
            let detail = "Upload-Offset says where the part belongs.";
            return Err(refused.err().unwrap_or_else(|| Problem::new(400, "Offset needed", detail)));
        }
    };
    let body = body.map(|part| part.map_err(|e| upload::cut_off(&e)));
    let piece = Piece { offset, length, checksum, body };
    let task = tokio::spawn(append_apart(app.uploads.clone(), key(app, secret), piece, creating));
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
        upload::drain(piece.body).await;
    }
    standing
}

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
async fn show(app: &App, secret: Secret) -> Result<Response, Problem> {
    match app.uploads.settled(&secret.track_id()).await? {
        UploadStatus::Unfinished(record) => {
            let body = json!({ "state": "uploading", "offset": record.received, "length": record.length });
            Ok(Json(body).into_response())
        }
        UploadStatus::Track(track) => {
            let passcode = auth::passcode(secret.passcode_bits());
            let body = upload::accepted(app, &track, &passcode).await?;
            Ok(with_cookie(Json(body).into_response(), &track, &passcode))
        }
    }
}

fn with_cookie(mut response: Response, track: &ActiveTrack, passcode: &str) -> Response {
    if let Some(cookie) = auth::set_cookie(&track.id, passcode) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
