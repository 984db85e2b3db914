//! TLS: who is trusted, and who is not.

use crate::stub::*;
use bytes::Bytes;
use karaoke_stomp::{Client, Command, Error, Headers, Options, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that the authority vouches for under that name.
fn acceptor(authority: &Authority, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

struct Setup {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    options: Options,
    folder: tempfile::TempDir,
}

/// A server called `name`, and a client that trusts its authority and reaches it as 127.0.0.1.
async fn setup(name: &str) -> Setup {
    let authority = authority();
    let (listener, mut options) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = write(&folder, "ca.pem", &authority.pem());
    options.tls = Some(Tls { ca_file: Some(ca_file), server_name: None });
    Setup { listener, acceptor: acceptor(&authority, name), options, folder }
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

impl Setup {
    /// Both sides of an attempt.
    async fn attempt(&self) -> (Result<Client, Error>, Option<Peer>) {
        let serve = async {
            let (socket, _) = within(self.listener.accept()).await.unwrap();
            let mut peer = Peer::new(within(self.acceptor.accept(socket)).await.ok()?);
            peer.login("0,0").await;
            Some(peer)
        };
        tokio::join!(within(Client::connect(&self.options)), serve)
    }

    async fn refusal(&self) -> String {
        let error = self.attempt().await.0.err().expect("it was accepted");
        assert!(matches!(error, Error::Tls(_)) && !error.retryable(), "{error}");
        error.to_string()
    }
}

#[tokio::test]
async fn a_broker_that_the_authority_vouches_for_is_trusted() {
    let setup = setup("127.0.0.1").await;
    let (client, peer) = setup.attempt().await;
    let (client, mut peer) = (client.unwrap(), peer.unwrap());
    let body = Bytes::from((0..3_000_000_u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let (sent, ()) =
        tokio::join!(client.send_with_receipt("/queue/a", Headers::new(), body.clone()), async {
            let frame = peer.expect(Command::Send).await;
            assert!(frame.body == body);
            peer.confirm(&frame).await;
        });
    sent.unwrap();
    let subscribe = client.subscribe("/queue/a", karaoke_stomp::AckMode::Auto, 0, Headers::new());
    let (subscribed, id) = tokio::join!(subscribe, peer.subscribed());
    let (message, ()) = tokio::join!(
        async { within(subscribed.unwrap().next()).await.unwrap() },
        peer.message(&id, "1", &body)
    );
    assert!(message.body == body);
    let (left, ()) = tokio::join!(client.disconnect(), async {
        // The subscription was dropped above.
        peer.expect(Command::Unsubscribe).await;
        let goodbye = peer.expect(Command::Disconnect).await;
        peer.confirm(&goodbye).await;
    });
    left.unwrap();
    peer.expect_end().await;
}

#[tokio::test]
async fn the_name_may_be_another_than_the_address() {
    let mut setup = setup("broker.example").await;
    assert!(setup.refusal().await.contains("not valid for name"));
    setup.options.tls.as_mut().unwrap().server_name = Some("broker.example".into());
    setup.attempt().await.0.unwrap();
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let mut setup = setup("127.0.0.1").await;
    let other = write(&setup.folder, "other.pem", &authority().pem());
    setup.options.tls.as_mut().unwrap().ca_file = Some(other);
    assert!(setup.refusal().await.contains("certificate"));
}

#[tokio::test]
async fn the_systems_authorities_do_not_know_ours() {
    let mut setup = setup("127.0.0.1").await;
    setup.options.tls = Some(Tls::default());
    // Or the system has none at all; then nobody connects to the server.
    let attempt = within(Client::connect(&setup.options));
    let serve = async {
        let (socket, _) = within(setup.listener.accept()).await.unwrap();
        let _ = within(setup.acceptor.accept(socket)).await;
    };
    let (refused, ()) = tokio::join!(attempt, serve);
    assert!(matches!(refused.err().unwrap(), Error::Tls(_)));
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_named() {
    let mut setup = setup("127.0.0.1").await;
    let empty = write(&setup.folder, "empty.pem", "nothing in here\n");
    for path in [empty, setup.folder.path().join("missing.pem")] {
        setup.options.tls.as_mut().unwrap().ca_file = Some(path.clone());
        let said = setup.refusal().await;
        assert!(said.contains(path.to_str().unwrap()), "{said}");
    }
}

#[tokio::test]
async fn a_broker_without_tls_is_refused() {
    let setup = setup("127.0.0.1").await;
    let serve = async {
        let (mut socket, _) = within(setup.listener.accept()).await.unwrap();
        use tokio::io::AsyncWriteExt;
        socket.write_all(b"ERROR\nmessage:no TLS here\n\n\0").await.unwrap();
        socket
    };
    let (refused, _socket) = tokio::join!(within(Client::connect(&setup.options)), serve);
    assert!(matches!(refused.err().unwrap(), Error::Tls(_)));
}
