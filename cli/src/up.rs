//! `karaoke up`: the page, the API and the workers in one process.

use crate::config::Config;
use crate::house::House;
use crate::signals;
use anyhow::Context;
use karaoke_server::http;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Port to listen on, instead of the configured one; 0 takes any free one.
    #[arg(long, short)]
    port: Option<u16>,
    /// Opens the page in a browser.
    #[arg(long)]
    open: bool,
}

pub async fn run(arguments: Arguments, mut config: Config) -> anyhow::Result<()> {
    log();
    config.http.port = arguments.port.unwrap_or(config.http.port);
    let host: IpAddr = config.http.host.parse().context("http.host must be an IP address")?;
    let address = SocketAddr::new(host, config.http.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another port with --port or http.port")
    })?;
    let http_config = config.http.clone();
    let house = House::start(config).await?;
    let url = url(listener.local_addr()?);
    println!("Karaoke is at {url} (Ctrl-C stops it)");
    if arguments.open {
        open(&url);
    }
    let stop = async {
        if let Err(error) = signals::stop().await {
            tracing::error!(%error, "cannot listen for signals");
        }
    };
    http::serve(listener, http::router(house.pipeline.clone(), http_config), stop).await?;
    tracing::info!("stopping");
    house.stop().await;
    Ok(())
}

/// The address a browser on this machine uses.
fn url(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("http://localhost:{}", address.port()),
        false => format!("http://{address}"),
    }
}

fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if let Err(error) = std::process::Command::new(opener).arg(url).spawn() {
        tracing::warn!(%error, "cannot open a browser; open the page yourself");
    }
}

/// Logs to standard error; `RUST_LOG` chooses what.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
