//! The task that writes: acks first, then frames in the order they were handed over, and a heart-beat when
//! there is nothing to say.

use crate::Error;
use crate::request::Request;
use crate::shared::{Shared, Waiting};
use crate::transport::Output;
use bytes::Buf;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a broken write leaves the reader to find out why: the broker may have said so before it closed.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);
/// How long closing may take once the connection is over.
const CLOSING: Duration = Duration::from_secs(1);

/// The writing side of a connection.
pub(crate) struct Writer {
    pub shared: Arc<Shared>,
    pub output: Output,
    pub waiting: Waiting,
    /// How often to show that this side is alive.
    pub beat: Option<Duration>,
    /// How long a write may stand still.
    pub patience: Duration,
}

enum Next {
    Ack(Request),
    Request(Request),
    HeartBeat,
}

impl Writer {
    /// Writes until the connection ends, and closes it.
    pub async fn run(mut self) {
        let shared = self.shared.clone();
        let _end = shared.end_on_drop();
        tokio::select! {
            Err(why) = self.write_all() => {
                if let Error::Io(_) = why {
                    let _ = timeout(FLUSH_TIMEOUT, shared.over()).await;
                }
                shared.end(why);
            }
            () = shared.over() => {}
        }
        let _ = timeout(CLOSING, self.output.shutdown()).await;
    }

    async fn write_all(&mut self) -> Result<(), Error> {
        let mut last = false;
        loop {
            match self.next(last).await {
                Next::Ack(ack) => self.write(ack.into_bytes()).await?,
                Next::HeartBeat => self.write(&b"\n"[..]).await?,
                Next::Request(request) => {
                    // Whoever acked before handing this over is served in that order.
                    while let Ok(ack) = self.waiting.acks.try_recv() {
                        self.write(ack.into_bytes()).await?;
                    }
                    last = request.last;
                    self.write(request.into_bytes()).await?;
                }
            }
        }
    }

    /// What to write next. After the last frame there are only heart-beats, until the broker has answered.
    async fn next(&mut self, last: bool) -> Next {
        // Half the agreed time, so that a late timer does not make this side look dead.
        let due = self.beat.map(|beat| Instant::now() + beat / 2);
        let idle = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(ack) = self.waiting.acks.recv(), if !last => Next::Ack(ack),
            Some(request) = self.waiting.requests.recv(), if !last => Next::Request(request),
            () = idle => Next::HeartBeat,
        }
    }

    /// Writes it all. The time runs anew with every byte that is taken: a slow line is no dead one.
    async fn write(&mut self, mut bytes: impl Buf) -> Result<(), Error> {
        let stuck = |_| Error::Timeout { what: "the broker takes nothing", after: self.patience };
        while bytes.has_remaining() {
            if timeout(self.patience, self.output.write_buf(&mut bytes)).await.map_err(stuck)?? == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
        }
        Ok(timeout(self.patience, self.output.flush()).await.map_err(stuck)??)
    }
}

#[cfg(test)]
mod tests;
