//! The description of the API (OpenAPI 3.1), made of the handlers and of what they send.

use super::described::{meaning, problem};
use super::{
    archive, events, lyrics, metrics, notifications, peaks, stems, system, tracks, upload, uploads, workers,
};
use crate::problem::Problem;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use std::mem;
use std::sync::LazyLock;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ObjectBuilder, OpenApi, PathItem, Paths, Required, ResponseBuilder, Type};
use utoipa::{Modify, OpenApi as Description};

/// Every handler that there is, but those of notifications: these have two addresses.
#[derive(Description)]
#[openapi(
    info(
        title = "Karaoke", description = "Takes the voice out of songs. See docs/API.md for the whole story.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This server.")),
    tags(
        (name = "tracks", description = "Songs, from upload to removal."),
        (name = "stems", description = "What a song was taken apart into."),
        (name = "lyrics", description = "What is sung."),
        (name = "uploads", description = "Resumable uploads: the tus protocol 1.0.0."),
        (name = "notifications", description = "Who is told what becomes of tracks."),
        (name = "archive", description = "Several songs as one zip."),
        (name = "system", description = "Models, workers, the queue and the server itself."),
    ),
    paths(
        upload::upload, tracks::list, tracks::show, tracks::delete, tracks::chunks, tracks::cover, tracks::cancel,
        tracks::keep, tracks::release, tracks::receipt, events::events, events::many, peaks::peaks, stems::stem,
        lyrics::show, lyrics::replace, lyrics::delete,
        uploads::offer, uploads::create, uploads::show, uploads::head, uploads::patch, uploads::remove,
        archive::ask, archive::fetch,
        system::models, system::healthz, system::readyz, workers::workers, workers::queue, workers::events,
        workers::nodes, workers::order, metrics::metrics,
        openapi,
    ),
    components(schemas(Problem)),
    modifiers(&Security, &Notifications, &Conditional, &InternalErrors)
)]
struct Api;

/// The document, as text.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_json().unwrap_or_default());

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "get_openapi", tag = "system",
    responses(
        (status = 200, description = "An OpenAPI 3.1 document.", content_type = "application/json", body = Object),
    )
)]
pub(super) async fn openapi() -> HttpResponse {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (StatusCode::OK, headers, DOCUMENT.as_str()).into_response()
}

/// What opens tracks.
struct Security;

impl Modify for Security {
    fn modify(&self, api: &mut OpenApi) {
        let components = api.components.get_or_insert_default();
        let value = |name, description| ApiKeyValue::with_description(name, description);
        let passcode = value("X-Track-Passcode", "A track's passcode.");
        let cookie = value("karaoke_{id}", "The cookie of a track, which the upload set in a browser.");
        let admin = value("X-Admin-Key", "The admin key (`http.admin_key`): opens every track.");
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: opens the tracks that were handed in with it."));
        components.add_security_scheme("passcode", SecurityScheme::ApiKey(ApiKey::Header(passcode)));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("admin", SecurityScheme::ApiKey(ApiKey::Header(admin)));
        components.add_security_scheme("key", SecurityScheme::Http(key.build()));
    }
}

/// Adds the handlers of notifications at both of their addresses.
struct Notifications;

impl Modify for Notifications {
    fn modify(&self, api: &mut OpenApi) {
        let track = ParameterBuilder::new()
            .name("id")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("The track."))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build();
        let needs = |schemes: &[&str]| {
            let one = |scheme: &&str| SecurityRequirement::new(*scheme, Vec::<String>::new());
            schemes.iter().map(one).collect::<Vec<_>>()
        };
        let of_track =
            ("/api/v1/tracks/{id}/notifications", "of_track", needs(&["passcode", "cookie", "key", "admin"]));
        let of_all = ("/api/v1/notifications", "of_all", needs(&["admin"]));
        for (base, suffix, security) in [of_track, of_all] {
            let mut there = notifications::Description::openapi();
            for operation in there.paths.paths.values_mut().flat_map(operations) {
                operation.operation_id = operation.operation_id.take().map(|name| format!("{name}_{suffix}"));
                operation.security = Some(security.clone());
                if base.contains("{id}") {
                    operation.parameters.get_or_insert_default().insert(0, track.clone().into());
                }
            }
            *api = mem::take(api).nest(base, there.clone());
            there.paths = Paths::new();
            api.merge(there);
        }
    }
}

/// What a client has already is not sent again.
struct Conditional;

impl Modify for Conditional {
    fn modify(&self, api: &mut OpenApi) {
        let unchanged = "The client has it already (`If-None-Match`).";
        let is_tagged = |path: &str| {
            path.starts_with("/api/v1/") && !path.contains("/uploads") && !path.ends_with("events")
        };
        for (_, item) in api.paths.paths.iter_mut().filter(|(path, _)| is_tagged(path)) {
            for operation in item.get.iter_mut() {
                let response = ResponseBuilder::new().description(unchanged).build();
                operation.responses.responses.entry("304".into()).or_insert_with(|| response.into());
            }
        }
    }
}

/// The server may fail everywhere.
struct InternalErrors;

impl Modify for InternalErrors {
    fn modify(&self, api: &mut OpenApi) {
        for operation in api.paths.paths.values_mut().flat_map(operations) {
            operation.responses.responses.entry("500".into()).or_insert_with(|| problem(meaning(500)).into());
        }
    }
}

/// The operations of an address.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, .. } = item;
    [get, put, post, delete, options, head, patch].into_iter().flatten()
}

#[cfg(test)]
mod tests;
