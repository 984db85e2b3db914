//! Where the broker is, who logs in, and how long anything may take.

use crate::Error;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

const PORT: u16 = 61613;
const TLS_PORT: u16 = 61614;

/// How to reach a broker. [`Options::from_url`] fills it; every field may be changed afterwards.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// Name or address of the broker's machine.
    pub host: String,
    /// Its STOMP port.
    pub port: u16,
    /// Who logs in; empty: no login is sent.
    pub login: String,
    /// The login's passcode. Not printed by `Debug`.
    pub passcode: String,
    /// The virtual host, sent as `host`.
    pub virtual_host: String,
    /// Encrypt the connection.
    pub tls: Option<Tls>,
    /// How often each side shows that it is alive; zero: never. The slower side's wish wins.
    pub heartbeat: Duration,
    /// For reaching the machine, TLS and the login together.
    pub connect_timeout: Duration,
    /// For a RECEIPT, from when its frame is handed to the writer.
    pub receipt_timeout: Duration,
    /// How long a write may stand still. A slow line that moves is fine.
    pub write_timeout: Duration,
    /// The largest frame that is taken, and the largest that is sent: head and body.
    pub max_frame_bytes: usize,
}

/// How to check that the broker is who it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate authorities to trust, as PEM. None: those of the system.
    pub ca_file: Option<PathBuf>,
    /// The name that the certificate must have. None: the host.
    pub server_name: Option<String>,
}

impl Default for Options {
    /// A broker on this machine, without login.
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: PORT,
            login: String::new(),
            passcode: String::new(),
            virtual_host: "/".into(),
            tls: None,
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            receipt_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            max_frame_bytes: 16 << 20,
        }
    }
}

impl Options {
    /// Reads `stomp://login:passcode@host:port/vhost`, or `stomps://` for TLS with the system's roots.
    ///
    /// Login, passcode and virtual host are percent-decoded, so the virtual host `/` is an empty path, `/` or
    /// `/%2F`. The ports are 61613 and 61614 unless given.
    ///
    /// ```
    /// use karaoke_stomp::Options;
    ///
    /// let options = Options::from_url("stomps://worker:p%40ss@broker.lan/music").unwrap();
    /// assert_eq!((options.host.as_str(), options.port), ("broker.lan", 61614));
    /// assert_eq!((options.passcode.as_str(), options.virtual_host.as_str()), ("p@ss", "music"));
    /// assert!(Options::from_url("amqp://broker.lan").is_err());
    /// ```
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|e| bad(e.to_string()))?;
        let (tls, port) = match url.scheme() {
            "stomp" => (None, PORT),
            "stomps" => (Some(Tls::default()), TLS_PORT),
            _ => return Err(bad("it has to begin with stomp:// or stomps://")),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it may not have a query or a fragment; percent-encode ? and #"));
        }
        Ok(Self {
            host: host(&url)?,
            port: url.port().unwrap_or(port),
            login: decoded("login", url.username())?,
            passcode: decoded("passcode", url.password().unwrap_or_default())?,
            virtual_host: virtual_host(url.path())?,
            tls,
            ..Self::default()
        })
    }

    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// CONNECT knows no escapes: a line break in a value would be a header of its own.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fields = [("login", &self.login), ("passcode", &self.passcode), ("host", &self.virtual_host)];
        match fields.iter().find(|(_, value)| value.contains(['\r', '\n', '\0'])) {
            Some((name, _)) => Err(bad(format!("the {name} has a line break or a NUL in it"))),
            None => Ok(()),
        }
    }
}

fn host(url: &Url) -> Result<String, Error> {
    let host = match url.host() {
        Some(url::Host::Domain(name)) => decoded("host", name)?,
        // Without the brackets of the URL.
        Some(url::Host::Ipv6(address)) => address.to_string(),
        Some(url::Host::Ipv4(address)) => address.to_string(),
        None => String::new(),
    };
    if host.is_empty() { Err(bad("it has no host")) } else { Ok(host) }
}

fn virtual_host(path: &str) -> Result<String, Error> {
    match path.strip_prefix('/').unwrap_or(path) {
        "" => Ok("/".into()),
        name => decoded("virtual host", name),
    }
}

fn decoded(what: &str, text: &str) -> Result<String, Error> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| bad(format!("the {what} is not UTF-8")))?;
    if text.contains(['\r', '\n', '\0']) {
        return Err(bad(format!("the {what} has a line break or a NUL in it")));
    }
    Ok(text.into_owned())
}

fn bad(why: impl Into<String>) -> Error {
    Error::BadUrl(why.into())
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("login", &self.login)
            .field("virtual_host", &self.virtual_host)
            .field("tls", &self.tls)
            .field("heartbeat", &self.heartbeat)
            .field("connect_timeout", &self.connect_timeout)
            .field("receipt_timeout", &self.receipt_timeout)
            .field("write_timeout", &self.write_timeout)
            .field("max_frame_bytes", &self.max_frame_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_decoded() {
        let o = Options::from_url("stomp://us%3Aer:p%40ss%2F@broker.example:7000/my%2Fhost").unwrap();
        assert_eq!((o.host.as_str(), o.port), ("broker.example", 7000));
        assert_eq!((o.login.as_str(), o.passcode.as_str()), ("us:er", "p@ss/"));
        assert_eq!((o.virtual_host.as_str(), &o.tls), ("my/host", &None));
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        for url in ["stomp://h", "stomp://h/", "stomp://h/%2F", "stomp://h/%2f"] {
            let expected = Options { host: "h".into(), ..Options::default() };
            assert_eq!(Options::from_url(url).unwrap(), expected, "{url}");
        }
        let tls = Options::from_url("stomps://guest:guest@[::1]").unwrap();
        assert_eq!((tls.host.as_str(), tls.port, tls.tls.is_some()), ("::1", 61614, true));
        assert_eq!(tls.address(), "[::1]:61614");
    }

    #[test]
    fn wrong_urls_are_refused_without_being_quoted() {
        let wrong = ["", "h", "http://a:secret@h", "stomp://a:secret@", "stomp://a:secret@h:99999"];
        let injected = ["stomp://a:secret%0Ahost:x@h", "stomp://h/secret%00", "stomp://a:secret@h/?x=1"];
        for url in wrong.iter().chain(&injected) {
            let error = Options::from_url(url).unwrap_err();
            assert!(matches!(error, Error::BadUrl(_)) && !error.retryable(), "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_passcode_is_not_printed() {
        let options = Options::from_url("stomp://user:secret@h").unwrap();
        let printed = format!("{options:?}");
        assert!(printed.contains("user") && !printed.contains("secret"), "{printed}");
    }

    #[test]
    fn fields_set_by_hand_are_checked_too() {
        let options = Options { passcode: "a\nhost:b".into(), ..Options::default() };
        assert!(matches!(options.check(), Err(Error::BadUrl(_))));
    }
}
