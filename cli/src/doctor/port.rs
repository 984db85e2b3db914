//! The port: free, or already served by us.

use super::report::Finding;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const NAME: &str = "port";
/// How long whoever has the port is given to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// An answer of ours is much shorter.
const ANSWER_BYTES: u64 = 4096;

/// Who has the port.
#[derive(Debug)]
enum Port {
    Free,
    /// A server of ours, of that version.
    Ours(String),
    Taken,
    /// Nobody can listen there.
    Unusable(io::Error),
}

/// Looks whether one can listen at the configured address, and who does if not.
pub async fn look(host: IpAddr, port: u16) -> Finding {
    let address = SocketAddr::new(host, port);
    let found = match TcpListener::bind(address).await {
        Ok(_) => Port::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            timeout(PATIENCE, version_at(address)).await.ok().flatten().map_or(Port::Taken, Port::Ours)
        }
        Err(error) => Port::Unusable(error),
    };
    judge(address, &found)
}

/// The version of the server at that address, if it is one of ours.
async fn version_at(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(reachable(address)).await.ok()?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).await.ok()?;
    version_in(&String::from_utf8_lossy(&answer))
}

/// The address by which one reaches who listens at `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let local = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(local, address.port())
}

/// The version that an answer of `/healthz` tells.
fn version_in(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let is_ok = head.lines().next()?.split(' ').nth(1) == Some("200");
    let health: serde_json::Value = serde_json::from_str(body.trim()).ok()?;
    let version = health["version"].as_str().filter(|_| is_ok && health["status"] == "ok");
    version.map(str::to_owned)
}

fn judge(address: SocketAddr, port: &Port) -> Finding {
    match port {
        Port::Free => Finding::ok(NAME, format!("{address} is free")),
        Port::Ours(version) => Finding::ok(NAME, format!("karaoke {version} serves at {address}")),
        Port::Taken => Finding::wrong(
            NAME,
            format!("another program listens at {address}"),
            "End it, or choose another port (http.port, or --port).",
        ),
        Port::Unusable(error) => Finding::wrong(
            NAME,
            format!("nobody can listen at {address}: {error}"),
            "Set http.host to an address of this machine and http.port to one of 1024 or above.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    #[test]
    fn only_our_health_is_ours() {
        let ours = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"status\":\"ok\",\"version\":\"0.1.0\"}";
        assert_eq!(version_in(ours).as_deref(), Some("0.1.0"));
        for other in [
            "",
            "HTTP/1.1 200 OK\r\n\r\nok",
            "HTTP/1.1 404 Not Found\r\n\r\n{\"version\":\"1\"}",
            "SSH-2.0-x\r\n",
        ] {
            assert_eq!(version_in(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_port_of_somebody_else_is_wrong_and_a_free_one_is_not() {
        let host = IpAddr::from(Ipv4Addr::LOCALHOST);
        let other = TcpListener::bind((host, 0)).await.unwrap();
        let port = other.local_addr().unwrap().port();
        let silent = tokio::spawn(async move { drop(other.accept().await) });
        assert_eq!(look(host, port).await.verdict, Verdict::Wrong);
        silent.abort();
        assert_eq!(look(host, 0).await.verdict, Verdict::Ok);
        assert_eq!(look(Ipv4Addr::new(192, 0, 2, 1).into(), 0).await.verdict, Verdict::Wrong);
    }
}
