//! Conditional requests (RFC 9110, section 13): what a client has already is not sent again, and what somebody else has
//! changed meanwhile is not overwritten.

use crate::problem::Problem;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Larger answers get no tag: it would have to be made of all of it before the first byte is sent.
const LARGEST: u64 = 16 << 20;

/// The tag of a text or file, with its quotes.
pub(super) fn tag_of(content: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(content)[..12]))
}

/// Whether the client has this already: `If-None-Match`.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    names(headers, &header::IF_NONE_MATCH, tag)
}

/// Whether a part of what the client had before may be sent: `If-Range` with a tag names this one. Dates are not
/// compared, since nothing here has one: then all is sent.
pub(super) fn range_holds(headers: &HeaderMap, tag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes())
}

/// 412 where the client wants to change something else than what there is (`If-Match`): `tags` of it, none where there
/// is nothing.
pub(super) fn check_unchanged(headers: &HeaderMap, tags: &[String]) -> Result<(), Problem> {
    if !headers.contains_key(header::IF_MATCH)
        || tags.iter().any(|tag| names(headers, &header::IF_MATCH, tag))
    {
        return Ok(());
    }
    let detail =
        "Somebody has changed this meanwhile; read it again and send your change for what is there now.";
    Err(Problem::new(412, "Changed meanwhile", detail))
}

/// Whether a header's list of tags holds this one, or all (`*`).
fn names(headers: &HeaderMap, header: &HeaderName, tag: &str) -> bool {
    let values = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    let mut given = values.flat_map(|value| value.split(',')).map(str::trim);
    given.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

/// 304, for who has it already.
pub(super) fn not_modified(tag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    if let Ok(value) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Gives JSON answers a tag, and sends none that the client has.
pub(super) async fn tagged(request: Request, next: Next) -> Response {
    // What tells a passcode is not to be stored at all.
    let is_secret = request.uri().path().contains("/uploads");
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD) && !is_secret;
    let headers = request.headers().clone();
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v == "application/json");
    let size = response.body().size_hint().exact();
    let fits = size.is_some_and(|size| (1..=LARGEST).contains(&size));
    let is_tagged = response.headers().contains_key(header::ETAG);
    if !is_read || !is_json || !fits || is_tagged || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match to_bytes(body, LARGEST as usize).await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let tag = tag_of(&bytes);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if parts.headers.get(header::CACHE_CONTROL).is_none_or(|value| value == "no-store") {
        // To be asked for each time, and answered with 304 if it is the same.
        parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    if has(&headers, &tag) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn lists_weak_tags_and_stars_are_read() {
        for (values, expected) in [
            (&["\"a\""][..], true),
            (&["W/\"a\""], true),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["*"], true),
            (&["\"b\""], false),
            (&["a"], false),
            (&[], false),
        ] {
            assert_eq!(has(&with(header::IF_NONE_MATCH, values), "\"a\""), expected, "{values:?}");
        }
    }

    #[test]
    fn a_change_is_for_what_is_there() {
        let tag = ["\"a\"".to_owned()];
        assert!(check_unchanged(&HeaderMap::new(), &[]).is_ok());
        assert!(check_unchanged(&with(header::IF_MATCH, &["\"a\""]), &tag).is_ok());
        assert!(check_unchanged(&with(header::IF_MATCH, &["*"]), &tag).is_ok());
        assert_eq!(check_unchanged(&with(header::IF_MATCH, &["*"]), &[]).unwrap_err().status, 412);
        assert_eq!(check_unchanged(&with(header::IF_MATCH, &["\"b\""]), &tag).unwrap_err().status, 412);
    }

    #[test]
    fn a_part_of_something_else_is_not_sent() {
        assert!(range_holds(&HeaderMap::new(), "\"a\""));
        assert!(range_holds(&with(header::IF_RANGE, &["\"a\""]), "\"a\""));
        assert!(!range_holds(&with(header::IF_RANGE, &["\"b\""]), "\"a\""));
        assert!(!range_holds(&with(header::IF_RANGE, &["Sun, 06 Nov 1994 08:49:37 GMT"]), "\"a\""));
    }
}
