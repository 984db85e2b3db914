//! Problems as HTTP responses: the one place where an error becomes a status.

use crate::problem::Problem;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::any::Any;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        response
    }
}

pub(super) async fn no_such_address() -> Problem {
    Problem::new(
        404,
        "No such address",
        "The API has no such address; see /api/v1/models and the documentation.",
    )
}

/// 405 where the router adds the methods that there are.
pub(super) async fn wrong_method() -> Problem {
    method_refused()
}

fn method_refused() -> Problem {
    Problem::new(405, "Wrong method", "This address does not take that method.")
}

/// 405 with the methods that there are, as RFC 9110 asks for.
pub(super) fn only(methods: &'static str) -> Response {
    ([(header::ALLOW, HeaderValue::from_static(methods))], method_refused()).into_response()
}

pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::internal(&"a handler panicked").into_response()
}

/// For what belongs to one person but never changes.
pub(super) const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=86400");
