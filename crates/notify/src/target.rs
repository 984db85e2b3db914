//! Where a message goes.

use crate::Refusal;
use crate::address::is_public;
use lettre::Address;
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// The longest target that is taken.
const LONGEST: usize = 2000;

/// Where a message goes, checked as far as that can be done without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address that is sent a signed POST.
    Webhook(Url),
    /// Somebody who gets mail.
    Email(Address),
}

impl Target {
    /// Reads `https://…`, `http://…` or `mailto:…`. Literal addresses that are not public are refused unless
    /// `allow_private`; what names lead to is only known when a message is sent.
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            return Err(Refusal::NoTarget);
        }
        if let Some(address) = text.strip_prefix("mailto:") {
            return address.parse().map(Self::Email).map_err(|_| Refusal::NoTarget);
        }
        let url = Url::parse(text).map_err(|_| Refusal::NoTarget)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::NoTarget);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        if !allow_private {
            check_host(&url)?;
        }
        Ok(Self::Webhook(url))
    }
}

/// Refuses addresses and names that are known to lead to no public network.
pub(crate) fn check_host(url: &Url) -> Result<(), Refusal> {
    let public = match url.host() {
        Some(Host::Ipv4(v4)) => is_public(IpAddr::V4(v4)),
        Some(Host::Ipv6(v6)) => is_public(IpAddr::V6(v6)),
        // Names of this machine or its network (RFC 6761, RFC 6762).
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let ends = [".localhost", ".local", ".internal", ".home.arpa"];
            name.contains('.') && !ends.iter().any(|end| name.ends_with(end))
        }
        None => return Err(Refusal::NoTarget),
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    public.then_some(()).ok_or(Refusal::Private { host })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(url) => url.fmt(f),
            Self::Email(address) => write!(f, "mailto:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_and_mail_addresses_are_told_apart_and_come_back_as_text() {
        for text in ["https://example.org/hook?a=b", "http://example.org:8080/", "mailto:me@example.org"] {
            assert_eq!(Target::parse(text, false).unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_way_to_write_this_machine_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "printer",
            "printer.local",
            "db.internal",
            "169.254.169.254",
            "metadata.google.internal",
            "0",
            "[fe80::1]",
            "①②⑦.0.0.1",
        ] {
            let refused = Target::parse(&format!("http://{host}/"), false);
            assert!(matches!(refused, Err(Refusal::Private { .. })), "{host}: {refused:?}");
            assert!(Target::parse(&format!("http://{host}/"), true).is_ok(), "{host}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        let long = format!("https://example.org/{}", "a".repeat(LONGEST));
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "file:///etc/passwd",
            "gopher://example.org",
            "mailto:",
            "mailto:me",
            "mailto:me@example.org?bcc=all@example.org",
            "mailto:a@b.org,c@d.org",
            "mailto:me@example.org\r\nBcc: all@example.org",
            "https://",
            "javascript:alert(1)",
            &long,
        ] {
            assert_eq!(Target::parse(text, true), Err(Refusal::NoTarget), "{text}");
        }
        assert_eq!(Target::parse("https://me:secret@example.org/", true), Err(Refusal::Credentials));
    }
}
