//! What there is to choose from, and whether the server is well.

use super::described::Refusal;
use super::{App, tracks};
use crate::concurrency::blocking;
use crate::model_fetch::Fetch;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::schema;
use crate::view::RemovalView;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use karaoke_core::manifest::{Kind, Quality};
use karaoke_core::{Manifest, ModelName, SampleRate};
use karaoke_models::{Availability, Preset, speeds};
use serde::Serialize;
use utoipa::ToSchema;

/// What there is to choose from.
#[utoipa::path(
    get, path = "/api/v1/models", operation_id = "list_models", tag = "system",
    responses((status = 200, description = "Models and presets, and the limits of uploads.", body = Offer)),
)]
pub(super) async fn models(State(app): State<App>) -> Result<Response, Problem> {
    let pipeline = app.pipeline.clone();
    // Which models are installed is asked of the disk.
    let offer = blocking(move || Ok(offer(&pipeline))).await.map_err(|e| Problem::disk(&e))?;
    Ok(Json(offer).into_response())
}

/// What there is to choose from, and what could be fetched.
#[derive(Serialize, ToSchema)]
pub(super) struct Offer {
    /// The model of an upload that names none; null: it has to name one.
    #[schema(value_type = Option<String>)]
    default: Option<ModelName>,
    /// The preset that the configuration names, if it names one.
    default_preset: Option<String>,
    /// What is installed.
    models: Vec<ModelView>,
    /// What could be fetched.
    available: Vec<ModelView>,
    /// What is fetched meanwhile.
    fetching: Vec<Fetch>,
    presets: Vec<PresetView>,
    limits: UploadLimits,
    /// Whether mail can be sent to who hands in a song.
    email: bool,
    /// Which finished songs are removed by themselves.
    removal: RemovalView,
}

/// How much an upload may be.
#[derive(Serialize, ToSchema)]
struct UploadLimits {
    upload_bytes: u64,
    duration_s: u64,
}

/// A model.
#[derive(Serialize, ToSchema)]
struct ModelView {
    #[schema(value_type = String)]
    name: ModelName,
    /// Its name for people.
    title: String,
    description: String,
    /// The family of networks that it belongs to.
    #[schema(value_type = String)]
    kind: Kind,
    stems: Vec<String>,
    /// Null: nobody knows.
    bytes: Option<u64>,
    /// Seconds of sound separated in a second by the workers of this machine; null: nobody has measured it.
    speed: Option<f64>,
    /// Hz.
    #[schema(value_type = u32)]
    sample_rate: SampleRate,
    #[schema(value_type = Vec<schema::Quality>)]
    quality: Vec<Quality>,
    licence: String,
    /// What the licence forbids or asks for; empty where that is nothing.
    restriction: String,
    /// Whom to credit.
    attribution: String,
}

/// A preset, with the model that it stands for or the one that is missing.
#[derive(Serialize, ToSchema)]
struct PresetView {
    name: String,
    title: String,
    description: String,
    /// The installed model that keeps the promise best.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    model: Option<ModelName>,
    /// The model to fetch where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    missing: Option<ModelName>,
}

/// That the process lives.
#[derive(Serialize, ToSchema)]
pub(super) struct Liveness {
    /// `ok`.
    status: &'static str,
    version: &'static str,
}

/// That the server can take work.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready`.
    status: &'static str,
}

fn offer(pipeline: &Pipeline) -> Offer {
    let catalogue = &pipeline.catalogue;
    let default = pipeline.default_model().map(|m| &m.name);
    let shown = |m: &&Manifest| !m.hidden || default == Some(&m.name);
    let speeds = pipeline.speeds.as_deref().map(speeds::read).unwrap_or_default();
    let speed = |m: &Manifest| speeds::of(&speeds, catalogue, m).map(|speed| speed.audio_seconds_per_second);
    let installed = catalogue.installed().filter(shown);
    let bytes = |m| catalogue.files(m).into_iter().map(|part: &Manifest| part.bytes).sum();
    let available = catalogue.available().filter(shown);
    Offer {
        default: default.cloned(),
        default_preset: pipeline.default_preset().map(str::to_owned),
        models: installed.map(|m| ModelView::new(m, catalogue.bytes(m), speed(m))).collect(),
        available: available.map(|m| ModelView::new(m, bytes(m), None)).collect(),
        fetching: pipeline.fetches.all(),
        presets: catalogue.presets().map(PresetView::from).collect(),
        limits: UploadLimits {
            upload_bytes: pipeline.limits.upload_bytes,
            duration_s: pipeline.limits.duration_s,
        },
        email: pipeline.sends_mail(),
        removal: pipeline.removal(),
    }
}

impl ModelView {
    /// `speed`: seconds of audio separated in a second on this machine.
    fn new(m: &Manifest, bytes: Option<u64>, speed: Option<f64>) -> Self {
        Self {
            name: m.name.clone(),
            title: m.title.clone(),
            description: m.description.clone(),
            kind: m.kind,
            stems: m.all_stems().map(str::to_owned).collect(),
            bytes,
            speed,
            sample_rate: m.sample_rate,
            quality: m.quality.clone(),
            licence: m.licence.clone(),
            restriction: m.restriction.clone(),
            attribution: m.attribution.clone(),
        }
    }
}

impl From<(&Preset, Availability<'_>)> for PresetView {
    fn from((preset, standing): (&Preset, Availability<'_>)) -> Self {
        let (model, missing) = match standing {
            Availability::Model(m) => (Some(m.name.clone()), None),
            Availability::Missing(m) => (None, Some(m.name.clone())),
        };
        let Preset { name, title, description, .. } = preset.clone();
        Self { name, title, description, model, missing }
    }
}

/// The process is alive.
#[utoipa::path(
    get, path = "/healthz", operation_id = "is_alive", tag = "system",
    responses((status = 200, description = "It lives.", body = Liveness)),
)]
pub(super) async fn healthz() -> Response {
    tracks::no_store(Json(Liveness { status: "ok", version: env!("CARGO_PKG_VERSION") }).into_response())
}

/// The server can take work.
#[utoipa::path(
    get, path = "/readyz", operation_id = "is_ready", tag = "system",
    responses((status = 200, description = "It can.", body = Readiness), Refusal<503>),
)]
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
    Ok(tracks::no_store(Json(Readiness { status: "ready" }).into_response()))
}
