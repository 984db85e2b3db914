//! Sends traces for as long as the process lives, where the configuration wants it.

use karaoke_telemetry::{Exporter, TelemetryConfig};
use std::sync::OnceLock;

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

/// Begins to send traces as a service of that name; none where nobody wants them.
pub fn start(config: &TelemetryConfig, service: &'static str) -> anyhow::Result<Option<&'static Exporter>> {
    let exporter = Exporter::start(config, service)?;
    Ok(exporter.map(|exporter| EXPORTER.get_or_init(|| exporter)))
}

/// Sends what has not been sent yet: the process is about to end.
pub async fn end() {
    if let Some(exporter) = EXPORTER.get() {
        // It can only have panicked, and then there is nothing to be saved.
        let _ = tokio::task::spawn_blocking(|| exporter.end()).await;
    }
}
