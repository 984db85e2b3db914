//! A name for each request, in its answer and in every line that is logged for it.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use karaoke_stages::Stage;
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longer names that a client gives are replaced.
const LONGEST: usize = 64;

/// Takes the name that the client gave, if it is a plain one, or gives one; answers with it.
pub(super) async fn identified(request: Request, next: Next) -> Response {
    let given =
        request.headers().get(&HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_plain(id));
    let id = given.map_or_else(|| format!("{:016x}", rand::random::<u64>()), str::to_owned);
    let span = tracing::info_span!("request", id);
    let parent = request.headers().get(karaoke_telemetry::HEADER).and_then(|value| value.to_str().ok());
    karaoke_telemetry::follow(&span, parent);
    let (method, route) = (request.method().to_string(), request.extensions().get::<MatchedPath>().cloned());
    let mut response = next.run(request).instrument(Stage::Http.span()).instrument(span.clone()).await;
    let route = route.as_ref().map_or("/*", MatchedPath::as_str);
    let status = i64::from(response.status().as_u16());
    karaoke_telemetry::describe(
        &span,
        &format!("{method} {route}"),
        [
            ("http.request.method", method.clone().into()),
            ("http.route", route.to_owned().into()),
            ("http.response.status_code", status.into()),
        ],
    );
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// Whether a name can stand in a log without looking like something else.
fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_forge_a_line_are_replaced() {
        assert!(is_plain("3f2a-77") && is_plain(&"a".repeat(LONGEST)));
        for id in ["", "a b", "a\nb", "{x}", "ä", &"a".repeat(LONGEST + 1)] {
            assert!(!is_plain(id), "{id:?}");
        }
    }
}
