//! What `up` and `server` share: an address to listen on, and serving until a signal comes.

use crate::console::print_line;
use crate::signals;
use anyhow::Context;
use karaoke_server::http::{self, HttpConfig};
use karaoke_server::pipeline::Pipeline;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where the server listens; without it, what the configuration says.
#[derive(Debug, clap::Args)]
pub struct Address {
    /// Port to listen on, instead of the configured one; 0 takes any free one.
    #[arg(long, short)]
    port: Option<u16>,
    /// Opens the page in a browser.
    #[arg(long)]
    open: bool,
}

impl Address {
    /// Begins to listen; answers come when it is served.
    pub async fn listen(&self, config: &HttpConfig) -> anyhow::Result<Listening> {
        let host: IpAddr = config.host.parse().context("http.host must be an IP address")?;
        let address = SocketAddr::new(host, self.port.unwrap_or(config.port));
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; choose another port with --port or http.port")
        })?;
        Ok(Listening { listener, open: self.open })
    }
}

/// A port that nobody answers on yet.
pub struct Listening {
    listener: TcpListener,
    open: bool,
}

/// Says where the page is, and serves it until a signal comes.
pub async fn until_stopped(
    listening: Listening,
    pipeline: &Arc<Pipeline>,
    config: HttpConfig,
) -> anyhow::Result<()> {
    let url = url(listening.listener.local_addr()?);
    // A server serves also when nobody reads this.
    let _ = print_line(format_args!("Karaoke is at {url} (Ctrl-C stops it)"));
    if listening.open {
        open(&url);
    }
    let stop = async {
        if let Err(error) = signals::stop().await {
            tracing::error!(%error, "cannot listen for signals");
        }
    };
    let header_timeout = config.header_timeout();
    let router = http::router(pipeline.clone(), config);
    http::serve(listening.listener, router, header_timeout, stop).await?;
    tracing::info!("stopping");
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
