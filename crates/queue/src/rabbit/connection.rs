//! A connection to the broker that is made again, with its subscriptions, whenever it is lost.

use super::BrokerConfig;
use super::topology::{self, Queue};
use crate::QueueError;
use karaoke_stages::Stage;
use karaoke_stomp::{AckMode, Client, Error, Headers, Message, Options, Subscription, Tls};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::Instrument;

/// How long a start waits for the broker: enough for one that is there to accept or refuse.
const FIRST_ATTEMPT: Duration = Duration::from_secs(3);
/// How long an attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The first pause before another attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long leaving waits for the broker's answer: a broker that is short of memory may take nothing for minutes.
pub(super) const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that held so long was healthy: the next loss begins with the first pause again.
const HEALTHY: Duration = Duration::from_secs(5);

/// A connection that comes back.
pub(super) struct Connection {
    now: watch::Receiver<Option<Current>>,
    task: JoinHandle<()>,
}

/// The connection as it is at present.
#[derive(Clone)]
struct Current {
    client: Client,
    /// Counts the connections made, from 1.
    number: u64,
}

/// A message and the connection it came by.
pub(super) struct Received {
    pub(super) client: Client,
    pub(super) message: Message,
}

/// What is subscribed to on every new connection.
pub(super) struct SubscriptionSpec {
    destination: String,
    ack: AckMode,
    prefetch: u32,
    headers: Headers,
    to: mpsc::Sender<Received>,
}

impl SubscriptionSpec {
    /// The messages of a queue, each to be settled, at most `prefetch` at a time.
    pub(super) fn queue(queue: Queue, prefetch: u32, to: mpsc::Sender<Received>) -> Self {
        let Queue { destination, arguments } = queue;
        Self { destination, ack: AckMode::ClientIndividual, prefetch, headers: arguments, to }
    }

    /// Whatever is said on a topic while we listen.
    pub(super) fn topic(destination: &str, to: mpsc::Sender<Received>) -> Self {
        let (destination, headers) = (destination.to_owned(), topology::listening());
        Self { destination, ack: AckMode::Auto, prefetch: 0, headers, to }
    }
}

impl Connection {
    /// Connects, and keeps connected until it is dropped. `purpose` is for the log.
    ///
    /// A broker that cannot be reached is no error: it is tried again and again. One that refuses the login, or
    /// a configuration that cannot be, is.
    pub(super) async fn start(
        purpose: &'static str,
        config: &BrokerConfig,
        specs: Vec<SubscriptionSpec>,
    ) -> Result<Self, QueueError> {
        let options = options(config)?;
        let (current, now) = watch::channel(None);
        let max_pause = Duration::from_secs_f64(config.reconnect_s);
        let task = ConnectionTask { purpose, options, max_pause, specs, current, connections: 0 };
        let late = || Error::Timeout { what: "connect", after: FIRST_ATTEMPT };
        let first = tokio::time::timeout(FIRST_ATTEMPT, task.connect()).await.unwrap_or_else(|_| Err(late()));
        if let Err(error) = &first
            && !error.retryable()
        {
            return Err(QueueError::Refused(format!("the broker refuses: {error}")));
        }
        Ok(Self { now, task: tokio::spawn(task.run(first)) })
    }

    /// The connection, if there is one now.
    pub(super) fn client(&self) -> Option<Client> {
        self.now.borrow().as_ref().map(|current| current.client.clone()).filter(|client| !client.is_closed())
    }

    /// The number of the connection; 0 when there is none now.
    pub(super) fn number(&self) -> u64 {
        self.now
            .borrow()
            .as_ref()
            .filter(|current| !current.client.is_closed())
            .map_or(0, |current| current.number)
    }

    /// The connection, once there is one.
    pub(super) async fn connected(&self, timeout: Duration) -> Result<Client, QueueError> {
        let mut now = self.now.clone();
        let connected = async {
            loop {
                if let Some(client) = self.client() {
                    return Ok(client);
                }
                now.changed().await.map_err(|_| QueueError::Closed)?;
            }
        };
        let late = || QueueError::Unreachable(format!("no connection to the broker within {timeout:?}"));
        tokio::time::timeout(timeout, connected).await.unwrap_or_else(|_| Err(late()))
    }

    /// Leaves as it should: what was handed over is written first.
    pub(super) async fn leave(&self) {
        self.task.abort();
        let Some(client) = self.client() else { return };
        let late = |_| Error::Timeout { what: "goodbye", after: DISCONNECT_TIMEOUT };
        // Dropped when it is late, `disconnect` ends the connection.
        if let Err(error) =
            tokio::time::timeout(DISCONNECT_TIMEOUT, client.disconnect()).await.map_err(late).flatten()
        {
            tracing::debug!(%error, "the broker did not say goodbye");
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects, serves and connects again.
struct ConnectionTask {
    purpose: &'static str,
    options: Options,
    max_pause: Duration,
    specs: Vec<SubscriptionSpec>,
    current: watch::Sender<Option<Current>>,
    connections: u64,
}

/// A connection with its subscriptions; dropped, it listens to nothing any more.
struct Connected {
    client: Client,
    forwarders: JoinSet<()>,
    queues: Vec<(Subscription, mpsc::Sender<Received>)>,
}

impl ConnectionTask {
    async fn run(mut self, first: Result<Connected, Error>) {
        let mut pause = FIRST_PAUSE;
        let mut attempt = first;
        loop {
            match attempt {
                Ok(connected) => {
                    let began = Instant::now();
                    self.serve(connected).await;
                    if began.elapsed() > HEALTHY {
                        pause = FIRST_PAUSE;
                    }
                }
                Err(error) => self.failed(&error, pause),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.max_pause);
            attempt = self.connect().await;
        }
    }

    /// A connection with its subscriptions.
    ///
    /// Topics are listened to from the moment they are subscribed to: nothing bounds what is said on them, and
    /// what nobody takes would stand before the receipts of the subscriptions that follow. A queue sends no more
    /// than its prefetch, for which there is room; its messages are passed on once the connection is whole.
    async fn connect(&self) -> Result<Connected, Error> {
        // The connection's tasks go on in the span in which it was made.
        let client = Client::connect(&self.options).instrument(Stage::Wire.span()).await?;
        let (mut forwarders, mut queues) = (JoinSet::new(), Vec::new());
        for w in &self.specs {
            let subscribed = client.subscribe(&w.destination, w.ack, w.prefetch, w.headers.clone());
            let (subscription, to) = (subscribed.await?, w.to.clone());
            match w.ack {
                AckMode::Auto => drop(
                    forwarders
                        .spawn(forward(client.clone(), subscription, to).instrument(Stage::Wire.span())),
                ),
                _ => queues.push((subscription, to)),
            }
        }
        Ok(Connected { client, forwarders, queues })
    }

    /// Passes messages on until the connection is lost.
    async fn serve(&mut self, connected: Connected) {
        let Connected { client, mut forwarders, queues } = connected;
        self.connections += 1;
        let (purpose, host, port) = (self.purpose, &self.options.host, self.options.port);
        tracing::info!(purpose, connection = self.connections, "connected to the broker at {host}:{port}");
        let current = Current { client: client.clone(), number: self.connections };
        self.current.send_replace(Some(current));
        for (subscription, to) in queues {
            forwarders.spawn(forward(client.clone(), subscription, to).instrument(Stage::Wire.span()));
        }
        let why = client.closed().await;
        self.current.send_replace(None);
        tracing::warn!(purpose, error = %why, "lost the broker; connecting again");
    }

    fn failed(&self, error: &Error, pause: Duration) {
        let (purpose, host, port) = (self.purpose, &self.options.host, self.options.port);
        tracing::warn!(purpose, %error, "cannot reach the broker at {host}:{port}; again in {pause:?}");
    }
}

async fn forward(client: Client, mut subscription: Subscription, to: mpsc::Sender<Received>) {
    while let Some(message) = subscription.next().await {
        if to.send(Received { client: client.clone(), message }).await.is_err() {
            return;
        }
    }
}

pub(super) fn options(config: &BrokerConfig) -> Result<Options, QueueError> {
    let mut options =
        Options::from_url(&config.url).map_err(|e| QueueError::Refused(format!("broker.url: {e}")))?;
    if !config.ca_file.as_os_str().is_empty() {
        let tls = options.tls.get_or_insert_with(Tls::default);
        tls.ca_file = Some(config.ca_file.clone());
    }
    options.heartbeat = Duration::from_millis(config.heartbeat_ms);
    options.connect_timeout = ATTEMPT;
    options.receipt_timeout = Duration::from_secs_f64(config.receipt_s);
    options.max_frame_bytes = config.max_frame_bytes;
    // A broker that is short of memory stops reading from publishers for as long as that lasts, and goes on
    // with its heart-beats: the silence of those tells a dead one.
    if config.heartbeat_ms > 0 {
        options.write_timeout = Duration::from_secs(600);
    }
    Ok(options)
}

/// The frame that RabbitMQ 3.12.2 and newer take unless `stomp.max_frame_size` says more, bytes.
pub const USUAL_FRAME: usize = 4 << 20;

/// What it means that a message of so many bytes was not taken. A broker that finds it too large closes the connection
/// without a word, as it does when it dies: then the size is the only clue.
pub(super) fn send_error(error: &Error, bytes: usize) -> QueueError {
    match queue_error(error) {
        QueueError::Unreachable(why) if bytes > USUAL_FRAME => QueueError::Unreachable(format!(
            "{why} (the message has {:.1} MB: is that more than the broker's stomp.max_frame_size or \
             max_message_size? chunking.max_message_bytes makes messages smaller)",
            bytes as f64 / 1e6
        )),
        other => other,
    }
}

/// What a failed call to the broker means to the caller.
pub(super) fn queue_error(error: &Error) -> QueueError {
    match error.retryable() {
        true => QueueError::Unreachable(format!("the broker: {error}")),
        false => QueueError::Refused(format!("the broker refuses: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_may_be_too_large_is_told_as_such() {
        let broke = Error::Io(std::sync::Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
        let [small, large] = [1000, 22 << 20].map(|bytes| send_error(&broke, bytes).to_string());
        assert!(!small.contains("max_message_size"), "{small}");
        assert!(large.contains("23.1 MB") && large.contains("chunking.max_message_bytes"), "{large}");
    }
}
