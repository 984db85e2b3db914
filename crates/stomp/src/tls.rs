//! TLS through rustls: whom to trust, and the handshake.

use crate::{Error, Tls};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Encrypts a connection to the broker of that name.
pub(crate) async fn connect(
    stream: TcpStream,
    settings: &Tls,
    name: &str,
) -> Result<TlsStream<TcpStream>, Error> {
    let server = ServerName::try_from(name.to_owned())
        .map_err(|_| Error::Tls(format!("{name} is no name that a certificate can have")))?;
    let ca_file = settings.ca_file.clone();
    // Certificates are files.
    let config = tokio::task::spawn_blocking(move || config(ca_file.as_deref()))
        .await
        .map_err(|e| Error::Tls(e.to_string()))??;
    TlsConnector::from(Arc::new(config)).connect(server, stream).await.map_err(refused)
}

fn config(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    let roots = match ca_file {
        Some(path) => roots_of(path)?,
        None => system_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Tls(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn roots_of(path: &Path) -> Result<RootCertStore, Error> {
    let failed = |why: String| Error::Tls(format!("{}: {why}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| failed(e.to_string()))? {
        let certificate = certificate.map_err(|e| failed(e.to_string()))?;
        roots.add(certificate).map_err(|e| failed(e.to_string()))?;
    }
    if roots.is_empty() { Err(failed("no certificate in it".into())) } else { Ok(roots) }
}

/// Certificates of the system that rustls does not understand are left out; there are some everywhere.
fn system_roots() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(Error::Tls(format!("the system has no certificate authorities: {}", why.join(", "))));
    }
    Ok(roots)
}

/// A certificate that is not accepted stays so; a connection that breaks may not break again.
fn refused(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => Error::Tls(inner.to_string()),
        None => error.into(),
    }
}
