//! Pages of other origins that may use the API (`http.cors_origins`): by its passcodes, never by this page's cookies.
//!
//! Our own code because `tower_http`'s layer takes every OPTIONS request for a preflight, also those of tus.

use super::App;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const SENT: HeaderValue = HeaderValue::from_static(
    "content-type, range, if-none-match, if-range, last-event-id, x-track-passcode, x-admin-key, x-request-id, \
     tus-resumable, upload-length, upload-metadata, upload-offset, upload-checksum",
);
const READ: HeaderValue = HeaderValue::from_static(
    "accept-ranges, content-range, content-disposition, content-length, etag, location, retry-after, x-request-id, \
     x-track-id, x-track-passcode, tus-resumable, tus-version, tus-extension, tus-checksum-algorithm, \
     upload-offset, upload-length, upload-expires",
);
/// How long a browser need not ask again.
const REMEMBERED: HeaderValue = HeaderValue::from_static("3600");

/// Answers preflights, and lets allowed origins read the answers.
pub(super) async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(origin) = allowed(request.headers(), &app.config.cors_origins) else {
        return next.run(request).await;
    };
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match request.method() == Method::OPTIONS && asks {
        true => preflight(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

fn preflight() -> Response {
    let answers: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
    ];
    (StatusCode::NO_CONTENT, answers).into_response()
}

/// What stands for the request's origin in the answer, if it is allowed.
fn allowed(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    if origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}
