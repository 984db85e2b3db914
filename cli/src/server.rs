//! `karaoke server`: the page and the API; the workers are elsewhere, behind the broker.

use crate::config::Config;
use crate::fetch;
use crate::serve::{self, Address};
use anyhow::{Context, ensure};
use karaoke_core::ChunkPlan;
use karaoke_models::Catalogue;
use karaoke_queue::rabbit::RabbitServer;
use karaoke_server::files::server_id;
use karaoke_server::model_fetch::FetchStatus;
use karaoke_server::pipeline::Pipeline;
use std::sync::Arc;
/// Serves page and API until stopped; the queue is RabbitMQ.
pub async fn run(address: Address, config: Config) -> anyhow::Result<()> {
    crate::log::start(&config.log, crate::telemetry::start(&config.telemetry, "karaoke-server")?);
    let catalogue = config.catalogue()?;
    check_sizes(&config, &catalogue)?;
    let listener = address.listen(&config.http).await?;
    let id = server_id(&config.store.dir)
        .with_context(|| format!("cannot use the folder {} (store.dir)", config.store.dir.display()))?;
    let queue = Arc::new(RabbitServer::connect(&config.broker, &id).await.context("broker")?);
    tracing::info!(server = id, "this server's results come to karaoke.results.{id}");
    let http = config.http.clone();
    let fetches = FetchStatus::default();
    let _fetching = fetch::start(&config, &catalogue, fetches.clone())?;
    let pipeline = Pipeline::start(config.parts(catalogue, queue.clone(), fetches)).await?;
    serve::until_stopped(listener, &pipeline, http).await?;
    pipeline.shutdown().await;
    queue.leave().await;
    Ok(())
}

/// A message must fit into a frame, and the default model's smallest job into a message; of other
/// models it is said which do not.
fn check_sizes(config: &Config, catalogue: &Catalogue) -> anyhow::Result<()> {
    let limit = config.chunking.max_message_bytes;
    config.broker.check_size(limit)?;
    let default = catalogue.resolve(&config.models.default).ok().map(|m| &m.name);
    for manifest in catalogue.installed() {
        let overlap = if config.chunking.overlap == 0.0 { manifest.overlap } else { config.chunking.overlap };
        let fits = ChunkPlan::largest(&manifest.windowing(overlap), limit);
        if let Err(error) = fits {
            ensure!(Some(&manifest.name) != default, "model {}: {error}", manifest.name);
            tracing::warn!(model = manifest.name.as_str(), %error, "this model cannot be used");
        }
    }
    Ok(())
}
