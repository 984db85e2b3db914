//! `karaoke up`: the page, the API and the workers in one process.

use crate::config::Config;
use crate::fetch;
use crate::local_pipeline::LocalPipeline;
use crate::serve::{self, Address};
use karaoke_server::model_fetch::FetchStatus;

/// Serves page and API until stopped, with workers and queue in this process.
pub async fn run(address: Address, config: Config) -> anyhow::Result<()> {
    crate::log::start(&config.log, crate::telemetry::start(&config.telemetry, "karaoke")?);
    let listener = address.listen(&config.http).await?;
    let http_config = config.http.clone();
    let catalogue = config.catalogue()?;
    let fetches = FetchStatus::default();
    let _fetching = fetch::start(&config, &catalogue, fetches.clone())?;
    let local = LocalPipeline::start(config, catalogue, fetches).await?;
    serve::until_stopped(listener, &local.pipeline, http_config).await?;
    local.stop().await;
    Ok(())
}
