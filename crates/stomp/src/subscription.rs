//! The messages of one destination, as they come.

use crate::shared::Shared;
use crate::{AckMode, Command, Error, Headers, Message, request};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Messages that may wait for a subscriber whose number the broker does not bound.
const WAITING: usize = 16;

/// The messages of one subscription.
///
/// A subscriber that does not take them stops the whole connection from being read, receipts included,
/// unless the subscription has a prefetch and acks itself: then all that can come has room. So a
/// connection with several subscriptions needs a task for each, or a prefetch on each.
///
/// Dropping a subscription with [`AckMode::Auto`] unsubscribes. One with [`AckMode::ClientIndividual`] stays
/// subscribed in silence, since the broker would refuse later acks of messages that are still in hand: its
/// messages go to others when the connection ends. To leave for good, settle what is in hand and
/// [`Client::disconnect`](crate::Client::disconnect).
pub struct Subscription {
    id: u64,
    ack: AckMode,
    messages: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
}

impl Subscription {
    /// Subscribes, without waiting for the receipt.
    pub(crate) async fn begin(
        shared: &Arc<Shared>,
        destination: &str,
        (ack, prefetch): (AckMode, u32),
        headers: &Headers,
        receipt: u64,
    ) -> Result<Self, Error> {
        let room = match ack {
            // The broker holds the prefetch against what is not acked, so it never sends more than that.
            AckMode::ClientIndividual => usize::try_from(prefetch).unwrap_or(usize::MAX).max(1),
            AckMode::Auto => WAITING,
        };
        let room = if prefetch == 0 { WAITING } else { room.min(tokio::sync::Semaphore::MAX_PERMITS) };
        let (sender, messages) = mpsc::channel(room);
        let id = shared.next_id();
        shared.add_route(id, sender)?;
        let subscription = Self { id, ack, messages, shared: shared.clone() };
        shared.request(request::subscribe(id, destination, ack, prefetch, headers, receipt)).await?;
        Ok(subscription)
    }

    /// The next message; none: the connection has ended, [`Client::closed`](crate::Client::closed) says why.
    ///
    /// Cancel-safe: dropping the future loses no message. Messages that wait when the connection ends are
    /// still given out if the broker has forgotten them, and are not if it will deliver them again.
    pub async fn next(&mut self) -> Option<Message> {
        if self.ack == AckMode::ClientIndividual && self.shared.reason().is_some() {
            return None;
        }
        self.messages.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.remove_route(self.id);
        if self.ack == AckMode::Auto {
            // If it does not get there, the connection is gone and the subscription with it.
            let _ = self.shared.urgent(request::about(Command::Unsubscribe, &self.id.to_string()));
        }
    }
}
