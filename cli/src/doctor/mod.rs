//! `karaoke doctor`: what is missing or wrong here, with the remedy. Looks, and changes nothing.
//!
//! Each module looks at one thing and judges what it saw; the judging is pure.

mod broker;
mod machine;
mod models;
mod port;
mod report;
mod runtime;
mod settings;
mod store;

pub use runtime::try_configured;

use crate::config::Config;
use crate::console::{print, print_line};
use anyhow::Context;
use karaoke_models::Catalogue;
use report::{Finding, Report};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::task::spawn_blocking;

/// `karaoke doctor`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
    /// This machine is one of several, and has to reach the broker: it runs `karaoke server`, `karaoke worker`, or both.
    #[arg(long, value_name = "ROLE", num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    cluster: Option<Role>,
}

/// What runs on a machine of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    Both,
    Server,
    Worker,
}

/// Looks at everything, says what was found, and ends with 1 when something is wrong.
pub async fn run(arguments: Arguments, file: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let (mut findings, config) = settings::look(file.as_deref());
    if let Some(config) = config {
        findings.extend(look(config, arguments.cluster, file.as_deref()).await?);
    }
    let report = Report::new(findings);
    match arguments.json {
        true => print_line(serde_json::to_string_pretty(&report)?)?,
        false => print(report.text())?,
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(config: Config, role: Option<Role>, file: Option<&Path>) -> anyhow::Result<Vec<Finding>> {
    let (has_server, has_workers) = (role != Some(Role::Worker), role != Some(Role::Server));
    let mut findings = Vec::new();
    if has_workers {
        findings.extend(runtime::look(&config, file).await);
    }
    let read = config.clone();
    let (models, files) = spawn_blocking(move || (models::look(&read), layer_files(&read))).await?;
    findings.extend(models);
    if has_server {
        // The mix, the layers, and the finished stems; at most as many as there are layers.
        findings.extend(store::look(&config.store.dir, 1 + 2 * files).await);
        let host = config.http.host.parse().context("http.host must be an IP address")?;
        findings.push(port::look(host, config.http.port).await);
    }
    findings.extend(broker::look(&config.broker, config.chunking.max_message_bytes, role.is_some()).await);
    findings.extend(machine::look(&config.worker, has_workers, files));
    Ok(findings)
}

/// Layers of a track of the default model.
fn layer_files(config: &Config) -> u64 {
    let catalogue = Catalogue::open(&config.models.dir).ok();
    let manifest = catalogue.as_ref().and_then(|all| all.resolve(&config.models.default).ok());
    manifest.map_or(0, |manifest| {
        let overlap = if config.chunking.overlap == 0.0 { manifest.overlap } else { config.chunking.overlap };
        (manifest.stems.len() * manifest.windowing(overlap).max_cover()) as u64
    })
}
