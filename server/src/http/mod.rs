//! The REST API and the page: thin handlers around the pipeline.

#![allow(unused_qualifications, reason = "utoipa's macros qualify the types that they are given")]

mod accepted;
mod app;
mod archive;
mod auth;
mod classic;
mod client;
mod conditional;
mod connections;
mod cors;
mod described;
mod events;
mod idempotency;
mod in_progress;
mod lyrics;
mod metrics;
mod notification_view;
mod notifications;
mod openapi;
mod orphan;
mod page;
mod peaks;
mod range;
mod receiving;
mod request_id;
mod respond;
mod stems;
mod system;
mod tickets;
mod tracks;
mod upload;
mod uploads;
mod workers;

pub(crate) use app::App;
pub use app::HttpConfig;
pub use connections::serve;

use crate::pipeline::Pipeline;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post, put};
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

// The library for key and tempo is WebAssembly.
const CSP: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self'; \
                   script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// All routes.
pub fn router(pipeline: Arc<Pipeline>, config: HttpConfig) -> Router {
    let app = App::new(pipeline, config);
    let api = Router::new()
        .route("/tracks", post(upload::upload).get(tracks::list))
        .route("/uploads", any(uploads::uploads))
        .route("/uploads/{secret}", any(uploads::one))
        .route("/tracks/{id}", get(tracks::show).delete(tracks::delete))
        .route("/tracks/{id}/events", get(events::events))
        .route("/tracks/{id}/chunks", get(tracks::chunks))
        .route("/tracks/{id}/cover", get(tracks::cover))
        .route("/tracks/{id}/peaks", get(peaks::peaks))
        .route("/tracks/{id}/lyrics", get(lyrics::show).put(lyrics::replace).delete(lyrics::delete))
        .route("/tracks/{id}/cancel", post(tracks::cancel))
        .route("/tracks/{id}/keep", put(tracks::keep).delete(tracks::release))
        .route("/tracks/{id}/receipt", get(tracks::receipt))
        .route("/tracks/{id}/stems/{file}", get(stems::stem))
        .merge(notifications::routes("/tracks/{id}/notifications"))
        .merge(notifications::routes("/notifications"))
        .route("/events", post(events::many))
        .route("/archive", post(archive::ask))
        .route("/archive/{ticket}", get(archive::fetch))
        .route("/models", get(system::models))
        .route("/workers", get(workers::workers))
        .route("/workers/events", get(workers::events))
        .route("/workers/{id}/{order}", post(workers::order))
        .route("/nodes", get(workers::nodes))
        .route("/queue", get(workers::queue))
        .route("/openapi.json", get(openapi::openapi))
        .fallback(respond::no_such_address)
        .layer(from_fn(conditional::tagged));
    let classic = if app.config.classic_api { classic::routes() } else { Router::new() };
    // Only the page: stems do not shrink, and events must not wait for a block to fill.
    let page = Router::new().fallback(page::page).layer(CompressionLayer::new());
    Router::new()
        .nest("/api/v1", api)
        .merge(classic)
        .route("/healthz", get(system::healthz))
        .route("/metrics", get(metrics::metrics))
        .route("/readyz", get(system::readyz))
        .fallback_service(page)
        .method_not_allowed_fallback(respond::wrong_method)
        // The upload handler counts for itself, with the limit from the configuration.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(respond::panicked))
        .layer(header_layer(header::CONTENT_SECURITY_POLICY, CSP))
        .layer(header_layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_layer(header::REFERRER_POLICY, "no-referrer"))
        .layer(header_layer(
            HeaderName::from_static("permissions-policy"),
            "microphone=(self), camera=(), geolocation=()",
        ))
        .layer(TraceLayer::new_for_http())
        .layer(from_fn_with_state(app.clone(), metrics::measured))
        .layer(from_fn_with_state(app.clone(), cors::cors))
        .layer(from_fn(request_id::identified))
        .with_state(app)
}

fn header_layer(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
