//! Takes connections and serves them: how long a request's header may take, how large it may be, and how a server
//! that is stopped takes leave.

use super::client::Peer;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

/// The largest header, in bytes. Bodies are read through the same buffer.
const LARGEST_HEADER: usize = 128 << 10;

/// How long short answers are let out when the server stops; a stream that waits for a song would hold the process
/// for ever.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait when no connection can be taken, as when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long it is not told again that no connection can be taken.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Serves until `stop` is done; open streams (events, waiting stems) are then cut. A connection whose next header has not
/// arrived within `header_timeout` is closed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    header_timeout: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    let mut told: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => take(stream, Peer(peer.ip()), router.clone(), header_timeout, &graceful),
            // Whoever went away again before it was taken is no trouble of the server's.
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                if told.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
                    tracing::error!(%error, "cannot take a connection; of open files more may be allowed with `ulimit -n` or LimitNOFILE");
                    told = Some(Instant::now());
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

fn take(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    header_timeout: Duration,
    graceful: &GracefulShutdown,
) {
    let service = TowerToHyperService::new(router.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request
    }));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(LARGEST_HEADER);
    let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
