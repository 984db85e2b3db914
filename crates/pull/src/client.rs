//! The HTTP client: how long it waits, through which proxy, and which redirects it follows.

use crate::PullError;
use reqwest::redirect::Policy;
use reqwest::{Client, NoProxy, Proxy, Url};
use std::time::Duration;

/// Redirects that are followed one after another.
const HOPS: usize = 10;

/// How files are fetched.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder, or an address below which all files lie by their names; empty: where the manifests say.
    pub mirror: String,
    /// A proxy's address; empty: what the environment says.
    pub proxy: String,
    /// A connection of which nothing comes for so long is given up.
    pub stall: Duration,
    /// Tries in a row that bring nothing new, after which it gives up.
    pub tries: u32,
    /// The pause after a first failure; doubles with each in a row.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mirror: String::new(),
            proxy: String::new(),
            stall: Duration::from_secs(60),
            tries: 6,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
        }
    }
}

pub(crate) fn client(options: &Options) -> Result<Client, PullError> {
    let mut builder = Client::builder()
        .user_agent(concat!("karaoke/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.stall)
        .read_timeout(options.stall)
        .redirect(Policy::custom(|attempt| {
            let came_by = attempt.previous();
            match may_follow(came_by.last(), attempt.url(), came_by.len()) {
                Ok(()) => attempt.follow(),
                Err(why) => attempt.error(why),
            }
        }));
    if !options.proxy.is_empty() {
        let wrong = |problem: String| PullError::Setup { key: "proxy", problem };
        let url = Url::parse(&options.proxy).map_err(|e| wrong(format!("it is no address: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it must begin with http:// or https://".into()));
        }
        let proxy = Proxy::all(url).map_err(|_| wrong("it is no proxy's address".into()))?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_env()));
    }
    builder.build().map_err(|e| PullError::Setup { key: "proxy", problem: e.to_string() })
}

/// Whether a redirect is followed: not for ever, and never from a secured connection to an open one.
fn may_follow(from: Option<&Url>, to: &Url, hops: usize) -> Result<(), &'static str> {
    if hops > HOPS {
        return Err("it is sent on and on, too many times");
    }
    if from.is_some_and(|from| from.scheme() == "https") && to.scheme() != "https" {
        return Err("it leads from https to an unsecured address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secured_connection_is_never_left() {
        let (open, secured) =
            (Url::parse("http://a.example/").unwrap(), Url::parse("https://a.example/").unwrap());
        assert!(may_follow(Some(&open), &open, 1).is_ok());
        assert!(may_follow(Some(&open), &secured, 1).is_ok());
        assert!(may_follow(Some(&secured), &secured, HOPS).is_ok());
        assert!(may_follow(Some(&secured), &open, 1).is_err());
        assert!(may_follow(Some(&secured), &secured, HOPS + 1).is_err());
    }

    #[test]
    fn a_proxy_that_cannot_be_is_told() {
        for proxy in ["nonsense", "ftp://p.example/"] {
            let error = client(&Options { proxy: proxy.into(), ..Options::default() }).unwrap_err();
            assert!(error.to_string().contains("models.proxy"), "{error}");
        }
    }
}
