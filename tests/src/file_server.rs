//! A web server with files to fetch, over HTTP or HTTPS, that cuts connections off as often as it is told to.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What lies at a path.
#[derive(Clone, Debug)]
pub enum ServedFile {
    /// A file.
    File(Vec<u8>),
    /// The way to another address.
    Redirect(String),
}

/// A server that runs until the tests' process ends.
pub struct FileServer {
    /// Its address, without a slash at the end.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    served: Mutex<BTreeMap<String, ServedFile>>,
    /// Answers that are still to be cut off half-way.
    cuts: AtomicUsize,
    /// Files stop half-way until this is no longer so.
    held: Mutex<bool>,
    released: Condvar,
    requests: Mutex<Vec<(String, usize)>>,
}

impl FileServer {
    /// Serves HTTP.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Serves HTTPS as `localhost`, and gives the certificate of the authority that vouches for it (PEM).
    pub fn start_secured() -> (Self, String) {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a certificate");
        (Self::start_with(Some(Arc::new(config))), authority.pem())
    }

    fn start_with(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let url = if tls.is_some() {
            format!("https://localhost:{port}")
        } else {
            format!("http://127.0.0.1:{port}")
        };
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, tls) = (served.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a connection");
                        let mut stream = StreamOwned::new(connection, stream);
                        shared.serve(&mut stream);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                    None => shared.serve(&mut { stream }),
                });
            }
        });
        Self { url, shared }
    }

    /// Puts something at `path`, which begins with a slash.
    pub fn put(&self, path: &str, thing: ServedFile) {
        self.shared.served.lock().expect("served").insert(path.to_owned(), thing);
    }

    /// Cuts off the next `times` files half-way.
    pub fn cut_off(&self, times: usize) {
        self.shared.cuts.store(times, Ordering::SeqCst);
    }

    /// Lets files come half, and no further.
    pub fn hold(&self) {
        *self.shared.held.lock().expect("held") = true;
    }

    /// Lets the rest of them come.
    pub fn release(&self) {
        *self.shared.held.lock().expect("held") = false;
        self.shared.released.notify_all();
    }

    /// The paths that were asked for, each with the first byte that was wanted.
    pub fn requests(&self) -> Vec<(String, usize)> {
        self.shared.requests.lock().expect("requests").clone()
    }
}

impl Shared {
    fn serve(&self, stream: &mut (impl Read + Write)) {
        let Some((path, from)) = read(stream) else { return };
        self.requests.lock().expect("requests").push((path.clone(), from));
        let thing = self.served.lock().expect("served").get(&path).cloned();
        let (head, mut body) = match thing {
            None => ("404 Not Found\r\nContent-Length: 0".to_owned(), Vec::new()),
            Some(ServedFile::Redirect(to)) => {
                (format!("302 Found\r\nLocation: {to}\r\nContent-Length: 0"), Vec::new())
            }
            Some(ServedFile::File(bytes)) => part(&bytes, from),
        };
        let again = |left: usize| left.checked_sub(1);
        if !body.is_empty() && self.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, again).is_ok() {
            body.truncate(body.len() / 2);
        }
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        let (first, second) = body.split_at(body.len() / 2);
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(first));
        let _ = stream.flush();
        let held = self.held.lock().expect("held");
        drop(self.released.wait_while(held, |held| *held).expect("held"));
        let _ = stream.write_all(second);
        let _ = stream.flush();
    }
}

/// Head and body of an answer with a file from byte `from` on.
fn part(bytes: &[u8], from: usize) -> (String, Vec<u8>) {
    let (whole, rest) = (bytes.len(), bytes.get(from..).unwrap_or_default());
    let status = match from {
        0 => "200 OK".to_owned(),
        _ => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{whole}", whole - 1),
    };
    (format!("{status}\r\nETag: \"{whole}\"\r\nContent-Length: {}", rest.len()), rest.to_vec())
}

fn read(stream: &mut impl Read) -> Option<(String, usize)> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.take_while(|line| !line.is_empty());
    let range = headers.filter_map(|line| {
        line.to_lowercase().strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok()
    });
    Some((path, range.last().unwrap_or(0)))
}
