//! `karaoke up`: the page, the API and the workers in one process.

use crate::config::Config;
use crate::house::House;
use crate::serve::{self, Address};

pub async fn run(address: Address, config: Config) -> anyhow::Result<()> {
    crate::log::start();
    let listener = address.listen(&config.http).await?;
    let http_config = config.http.clone();
    let house = House::start(config).await?;
    serve::until_stopped(listener, &house.pipeline, http_config).await?;
    house.stop().await;
    Ok(())
}
