//! Whether the broker lets us in: asked once, and nothing is declared or sent.

use super::BrokerConfig;
use super::connection::{DISCONNECT_TIMEOUT, options};
use crate::QueueError;
use karaoke_stomp::Client;
use tokio::time::timeout;

/// Logs in and leaves; returns what the broker calls itself, such as `RabbitMQ/3.10.8`.
///
/// # Errors
/// [`QueueError::Unreachable`] when nobody answers, [`QueueError::Refused`] when the broker does not let us in or the
/// configuration cannot be.
pub async fn probe(config: &BrokerConfig) -> Result<String, QueueError> {
    let client = Client::connect(&options(config)?).await.map_err(|error| match error.retryable() {
        true => QueueError::Unreachable(error.to_string()),
        false => QueueError::Refused(error.to_string()),
    })?;
    let server = client.server().to_owned();
    // It has let us in; how it says goodbye does not matter.
    let _ = timeout(DISCONNECT_TIMEOUT, client.disconnect()).await;
    Ok(server)
}
