//! Sends spans to a collector, by OTLP over HTTP.

use crate::client::Client;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// How long the last spans may take to be sent.
const GOODBYE: Duration = Duration::from_secs(5);

/// Where a collector takes traces.
const PATH: &str = "/v1/traces";

/// `[telemetry]`: traces for an OpenTelemetry collector.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The collector's address for OTLP over HTTP, such as `http://127.0.0.1:4318`; empty: no traces.
    pub otlp_endpoint: String,
    /// The share of requests that are traced, unless they come with a trace of their own: 0 to 1.
    pub sample: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: String::new(), sample: 1.0 }
    }
}

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A setting cannot be.
    #[error("telemetry.{key} {problem}")]
    Setting {
        /// Which.
        key: &'static str,
        /// Why not.
        problem: &'static str,
    },
    /// The client or the exporter could not be made.
    #[error("traces cannot be sent: {0}")]
    Setup(String),
}

impl TelemetryConfig {
    /// Refuses what cannot be.
    pub fn check(&self) -> Result<(), TelemetryError> {
        let wrong = |key, problem| Err(TelemetryError::Setting { key, problem });
        if !(0.0..=1.0).contains(&self.sample) {
            return wrong("sample", "must lie between 0 and 1");
        }
        match self.otlp_endpoint.split_once("://") {
            None if self.otlp_endpoint.is_empty() => Ok(()),
            Some(("http" | "https", place)) if !place.is_empty() => Ok(()),
            _ => wrong("otlp_endpoint", "must begin with http:// or https://, or be empty"),
        }
    }
}

/// Gathers spans and sends them in the background.
#[derive(Debug)]
pub struct Exporter {
    provider: SdkTracerProvider,
}

impl Exporter {
    /// Begins to send the spans of a service of that name; none where the configuration wants no traces. Must be called
    /// within the runtime that shall send.
    pub fn start(config: &TelemetryConfig, service: &'static str) -> Result<Option<Self>, TelemetryError> {
        if config.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let setup = |error: String| TelemetryError::Setup(error);
        let base = config.otlp_endpoint.trim_end_matches('/').trim_end_matches(PATH);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new().map_err(|e| setup(e.to_string()))?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}{PATH}"))
            .build()
            .map_err(|e| setup(e.to_string()))?;
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Some(Self { provider }))
    }

    /// Listens for the spans of our own crates, whatever the log shows.
    pub fn layer<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'s> LookupSpan<'s> + Send + Sync,
    {
        let ours =
            filter_fn(|m| m.is_span() && *m.level() <= Level::INFO && m.target().starts_with("karaoke"));
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("karaoke"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
            .boxed()
    }

    /// Sends what has not been sent yet. Blocking; the runtime must be running meanwhile.
    pub fn end(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(GOODBYE) {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}
