//! The log: on standard error; `RUST_LOG` chooses what, or else `[log]`.

use crate::stages::{self, Listener};
use anyhow::ensure;
use karaoke_telemetry::Exporter;
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// `[log]`: what is written on standard error, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A line for people, or an object for programs.
    pub format: LogFormat,
    /// What is logged, as in `RUST_LOG`, which goes before it.
    pub level: String,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, with the fields of its spans.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl LogConfig {
    /// Refuses what cannot be.
    pub fn check(&self) -> anyhow::Result<()> {
        let wrong = "log.level is a level (error, warn, info, debug, trace), or several as in RUST_LOG";
        ensure!(EnvFilter::try_new(&self.level).is_ok(), wrong);
        Ok(())
    }
}

/// Begins to log, sends traces where there is an exporter, and measures stages where that is asked for.
pub fn start(config: &LogConfig, traces: Option<&Exporter>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&config.level));
    subscriber(filter, config.format, stages::folder().is_some(), traces).init();
}

/// Logs nothing, and measures stages where that is asked for.
pub fn start_quietly() {
    if stages::folder().is_some() {
        subscriber(EnvFilter::new("off"), LogFormat::Text, true, None).init();
    }
}

fn subscriber(
    filter: EnvFilter,
    format: LogFormat,
    measuring: bool,
    traces: Option<&Exporter>,
) -> Box<dyn Subscriber + Send + Sync> {
    let registry = tracing_subscriber::registry();
    if !measuring && traces.is_none() {
        // One filter for all: what nobody shows is turned away by one look at the level.
        return Box::new(registry.with(filter).with(lines(format)));
    }
    let mut layers: Layers = vec![lines(format).with_filter(filter).boxed()];
    layers.extend(traces.map(Exporter::layer));
    if measuring {
        layers.push(Listener.with_filter(Listener::filter()).boxed());
    }
    Box::new(registry.with(layers))
}

/// Listeners, each with a filter of its own.
type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

/// Writes a line for each event.
fn lines<S: Subscriber + for<'s> LookupSpan<'s>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use karaoke_stages::Stage;
    use tracing::level_filters::LevelFilter;

    #[test]
    fn stages_cost_nothing_unless_they_are_measured() {
        let usual = subscriber(EnvFilter::new("info"), LogFormat::Text, false, None);
        // What lies below is turned away by one look at the level.
        assert_eq!(usual.max_level_hint(), Some(LevelFilter::INFO));
        tracing::subscriber::with_default(usual, || assert!(Stage::Wire.span().is_disabled()));
        for filter in ["off", "info"] {
            let measuring = subscriber(EnvFilter::new(filter), LogFormat::Text, true, None);
            tracing::subscriber::with_default(measuring, || assert!(!Stage::Wire.span().is_disabled()));
        }
    }
}
