//! What there is to choose from, and whether the server is well.

use super::{App, tracks};
use crate::concurrency::blocking;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use karaoke_core::Manifest;
use karaoke_models::{Availability, Preset, speeds};
use serde_json::{Value, json};

pub(super) async fn models(State(app): State<App>) -> Result<Response, Problem> {
    let pipeline = app.pipeline.clone();
    // Which models are installed is asked of the disk.
    let offer = blocking(move || Ok(offer(&pipeline))).await.map_err(|e| Problem::disk(&e))?;
    Ok(Json(offer).into_response())
}

/// What there is to choose from, and what could be fetched.
fn offer(pipeline: &Pipeline) -> Value {
    let catalogue = &pipeline.catalogue;
    let default = pipeline.default_model().map(|m| &m.name);
    let shown = |m: &&Manifest| !m.hidden || default == Some(&m.name);
    let speeds = pipeline.speeds.as_deref().map(speeds::read).unwrap_or_default();
    let speed = |m: &Manifest| speeds::of(&speeds, catalogue, m).map(|speed| speed.audio_seconds_per_second);
    let models: Vec<_> =
        catalogue.installed().filter(shown).map(|m| model(m, catalogue.bytes(m), speed(m))).collect();
    let bytes = |m| catalogue.files(m).into_iter().map(|part: &Manifest| part.bytes).sum();
    let available: Vec<_> = catalogue.available().filter(shown).map(|m| model(m, bytes(m), None)).collect();
    let limits =
        json!({ "upload_bytes": pipeline.limits.upload_bytes, "duration_s": pipeline.limits.duration_s });
    json!({
        "default": default, "default_preset": pipeline.default_preset(), "models": models, "available": available,
        "fetching": pipeline.fetches.all(),
        "presets": catalogue.presets().map(preset).collect::<Vec<_>>(), "limits": limits,
        "email": pipeline.sends_mail(), "removal": pipeline.removal(),
    })
}

/// A model; `speed`: seconds of audio separated in a second on this machine.
fn model(m: &Manifest, bytes: Option<u64>, speed: Option<f64>) -> Value {
    json!({
        "name": m.name, "title": m.title, "description": m.description, "kind": m.kind,
        "stems": m.all_stems().collect::<Vec<_>>(), "bytes": bytes, "speed": speed, "sample_rate": m.sample_rate,
        "quality": m.quality, "licence": m.licence, "restriction": m.restriction, "attribution": m.attribution,
    })
}

/// A preset, with the model that it stands for or the one that is missing.
fn preset((preset, standing): (&Preset, Availability<'_>)) -> Value {
    let (key, model) = match standing {
        Availability::Model(m) => ("model", m),
        Availability::Missing(m) => ("missing", m),
    };
    json!({
        "name": preset.name, "title": preset.title, "description": preset.description, key: model.name,
    })
}

/// The process is alive.
pub(super) async fn healthz() -> Response {
    tracks::no_store(Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })).into_response())
}

/// The server can take work.
pub(super) async fn readyz(State(app): State<App>) -> Result<Response, Problem> {
    if !app.pipeline.store.is_ready().await {
        return Err(Problem::new(503, "Not ready", "The database does not answer."));
    }
    for found in [app.pipeline.check_store().await, app.pipeline.check_room().await] {
        found.map_err(|problem| Problem::new(503, "Not ready", problem.detail))?;
    }
    app.pipeline.admit()?;
    if !app.pipeline.is_connected() {
        let detail = "The broker cannot be reached; songs are taken and wait until it can.";
        return Err(Problem::new(503, "Not ready", detail));
    }
    Ok(tracks::no_store(Json(json!({ "status": "ready" })).into_response()))
}
