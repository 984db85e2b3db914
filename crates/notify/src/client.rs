//! The HTTP client of webhooks: it follows no redirects, asks no proxy, and connects to public addresses alone.

use crate::address::is_public;
use crate::target::check_host;
use crate::{Refusal, Secret, SendError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, redirect};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its name, the same at every attempt, so that a receiver can tell that it has it already.
    pub id: String,
    /// JSON.
    pub body: String,
}

/// Sends webhooks.
#[derive(Clone, Debug)]
pub struct WebhookClient {
    client: Client,
    allow_private: bool,
}

/// What a name leads to, less what is not public. The connection is made to these addresses and no others, so that
/// a second answer of the name server (DNS rebinding) changes nothing.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let all = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let public: Vec<_> = all.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Refusal::Private { host }.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

impl WebhookClient {
    /// A client that gives a target so long to answer.
    pub fn new(allow_private: bool, timeout: Duration) -> Result<Self, SendError> {
        let mut builder = Client::builder()
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            // A proxy would look names up by itself.
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("karaoke/", env!("CARGO_PKG_VERSION")));
        if !allow_private {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let client = builder.build().map_err(|e| SendError::Unreachable(innermost(&e)))?;
        Ok(Self { client, allow_private })
    }

    /// Sends a message once, signed at `timestamp` (Unix seconds); returns the status of the answer (200 to 299).
    /// Of the answer no more is read than that.
    pub async fn send(
        &self,
        url: &Url,
        secret: &Secret,
        message: &Message,
        timestamp: i64,
    ) -> Result<u16, SendError> {
        if !self.allow_private {
            // Literal addresses are not looked up.
            check_host(url)?;
        }
        let signature = secret.sign(&message.id, timestamp, message.body.as_bytes())?;
        let request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(message.body.clone());
        let response = request.send().await.map_err(|e| failed(&e))?;
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(status);
        }
        let asked = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
        Err(SendError::Answer { status, retry_after: asked.map(Duration::from_secs) })
    }
}

fn failed(error: &reqwest::Error) -> SendError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return SendError::Refused(refusal.clone());
        }
        cause = error.source();
    }
    if error.is_timeout() {
        return SendError::Unreachable("the target did not answer in time".into());
    }
    SendError::Unreachable(format!("the target cannot be reached: {}", innermost(error)))
}

/// What lies at the bottom of an error: its outer layers only say that there is one.
fn innermost(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        // Past the check of the name itself, as any name would be whose server says 127.0.0.1.
        let careful = WebhookClient::new(false, Duration::from_secs(5)).unwrap();
        let error = careful.client.post(&url).send().await.unwrap_err();
        let refused = SendError::Refused(Refusal::Private { host: "localhost".into() });
        assert_eq!(failed(&error), refused);
        assert!(refused.retryable());
        assert!(listener.accept().is_err(), "nobody has connected");
    }

    #[tokio::test]
    async fn literal_addresses_are_checked_before_anything_is_sent() {
        let client = WebhookClient::new(false, Duration::from_secs(5)).unwrap();
        let message = Message { id: "msg_1".into(), body: "{}".into() };
        let url = Url::parse("http://[::ffff:127.0.0.1]:9/").unwrap();
        let error = client.send(&url, &Secret::random(), &message, 0).await.unwrap_err();
        assert!(matches!(error, SendError::Refused(Refusal::Private { .. })), "{error:?}");
    }
}
