//! `karaoke up`: the page, the API and the workers in one process.

use crate::config::Config;
use crate::house::House;
use crate::serve::{self, Address};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    address: Address,
}

pub async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    crate::log::start();
    let listener = arguments.address.listen(&config.http).await?;
    let http_config = config.http.clone();
    let house = House::start(config).await?;
    serve::until_stopped(listener, &house.pipeline, http_config).await?;
    house.stop().await;
    Ok(())
}
