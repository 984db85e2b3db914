//! How spans are sent: by the same HTTP client as everything else, on the program's own runtime.

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends to a collector, and tells the log once when that begins to fail.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    runtime: Handle,
    is_failing: AtomicBool,
}

impl Client {
    /// Must be called within the runtime that shall send.
    pub(crate) fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { http, runtime: Handle::current(), is_failing: AtomicBool::new(false) })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (http, request) = (self.http.clone(), reqwest::Request::try_from(request)?);
        // Spans are gathered by a thread without a runtime.
        let sent = self.runtime.spawn(async move {
            let answer = http.execute(request).await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        let outcome = sent.await?;
        let trouble = match &outcome {
            Ok((status, _)) if status.is_success() => None,
            Ok((status, _)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let was_failing = self.is_failing.swap(trouble.is_some(), Ordering::Relaxed);
        if let Some(error) = trouble.filter(|_| !was_failing) {
            tracing::warn!(error, "traces cannot be sent to the collector (telemetry.otlp_endpoint)");
        }
        let (status, body) = outcome?;
        Ok(Response::builder().status(status).body(body)?)
    }
}
