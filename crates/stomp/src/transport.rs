//! The way to the broker: TCP, with or without TLS.

use crate::{Error, Options, Tls, tls};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub(crate) type Input = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// Opens a connection; its two directions can be used independently.
pub(crate) async fn open(options: &Options) -> Result<(Input, Output), Error> {
    let refused = |error| Error::Refused { address: options.address(), error: Arc::new(error) };
    let stream = TcpStream::connect((options.host.as_str(), options.port)).await.map_err(refused)?;
    // Frames are written whole: waiting for more to send would only delay acks.
    stream.set_nodelay(true)?;
    match &options.tls {
        None => {
            let (input, output) = stream.into_split();
            Ok((Box::new(input), Box::new(output)))
        }
        Some(settings) => secure(stream, settings, &options.host).await,
    }
}

async fn secure(stream: TcpStream, settings: &Tls, host: &str) -> Result<(Input, Output), Error> {
    let name = settings.server_name.as_deref().unwrap_or(host);
    let stream = tls::connect(stream, settings, name).await?;
    let (input, output) = tokio::io::split(stream);
    Ok((Box::new(input), Box::new(output)))
}
