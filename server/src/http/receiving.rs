//! Receives the bytes of a song: counted, hashed and written to disk.

use super::App;
use crate::concurrency::blocking;
use crate::problem::Problem;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use karaoke_core::TrackId;
use karaoke_stages::Stage;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes gathered before they are hashed and written in one go.
const BATCH: usize = 1 << 20;

/// How long a refused upload is read on.
const DRAIN: Duration = Duration::from_secs(10);

/// How long an upload may say nothing before it is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// A song as it came, on disk.
pub(super) struct Received {
    pub(super) size_bytes: u64,
    pub(super) upload_sha256: String,
    pub(super) incoming: Incoming,
}

/// Receives a song; who is refused while he is still sending is heard out, so that he learns why.
pub(super) async fn receive_all(
    app: &App,
    mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    id: &TrackId,
) -> Result<Received, Problem> {
    let received = receive(app, &mut body, id).await;
    if received.is_err() {
        drain(body).await;
    }
    received
}

/// Reads on for a while after a refusal: a client that is still sending would see a broken connection
/// instead of the reason.
pub(super) async fn drain<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    // Who has more to send than fits this time is cut off.
    let _ = tokio::time::timeout(DRAIN, rest).await;
}

pub(super) fn cut_off(error: &dyn std::fmt::Display) -> Problem {
    tracing::debug!(%error, "upload cut off");
    Problem::new(400, "Upload cut off", "The upload ended before the file was complete; send it again.")
}

pub(super) fn empty() -> Problem {
    Problem::new(422, "Empty file", "The file is empty; choose a song.")
}

fn silent() -> Problem {
    Problem::new(408, "Upload stalled", "Nothing of the file came for a minute; send it again.")
}

pub(super) fn too_large(app: &App) -> Problem {
    let limit = app.pipeline.limits.upload_bytes;
    let detail = format!(
        "The file is larger than this server takes ({} MB); send a shorter or compressed one.",
        limit / 1_000_000
    );
    Problem::new(413, "File too large", detail)
}

/// An upload on disk that goes away again unless it is kept.
pub(super) struct Incoming {
    path: PathBuf,
    kept: bool,
}

impl Incoming {
    /// It is taken over by a track.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            // Best effort: what stays is cleared at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn receive(
    app: &App,
    mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    id: &TrackId,
) -> Result<Received, Problem> {
    let incoming = Incoming { path: app.pipeline.files.incoming(id), kept: false };
    let path = incoming.path.clone();
    let file = blocking(move || File::create(path)).await.map_err(|e| Problem::disk(&e))?;
    let mut sink = Some((file, Sha256::new()));
    let (mut size, mut batch) = (0u64, Vec::with_capacity(BATCH));
    loop {
        let part = tokio::time::timeout(SILENCE, body.next()).await.map_err(|_| silent())?.transpose()?;
        let ended = part.is_none();
        if let Some(part) = part {
            size += part.len() as u64;
            app.pipeline.metrics.received(part.len() as u64);
            if size > app.pipeline.limits.upload_bytes {
                return Err(too_large(app));
            }
            batch.extend_from_slice(&part);
        }
        if (ended || batch.len() >= BATCH)
            && let Some((mut file, mut hash)) = sink.take()
        {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            let write = move || {
                let _stage = Stage::Http.enter();
                hash.update(&full);
                file.write_all(&full)?;
                if ended {
                    file.sync_all()?;
                }
                Ok((file, hash))
            };
            sink = Some(blocking(write).await.map_err(|e| Problem::disk(&e))?);
        }
        if ended {
            let upload_sha256 = sink.map(|(_, hash)| hex::encode(hash.finalize())).unwrap_or_default();
            return match size {
                0 => Err(empty()),
                _ => Ok(Received { size_bytes: size, upload_sha256, incoming }),
            };
        }
    }
}
