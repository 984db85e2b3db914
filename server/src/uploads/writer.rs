//! Takes in one part of an upload: batches go to disk, and count once they are synced and the row says so.

use super::checksum::Checksum;
use super::part::Part;
use super::refusals::{longer_than_said, no_such_upload, overtaken, silent};
use super::write_lock::WriteGuard;
use crate::clock::now_ms;
use crate::concurrency::blocking;
use crate::fault_point;
use crate::ingest;
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::store::UploadRecord;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes gathered before they are written in one go.
const BATCH: usize = 1 << 20;
/// Bytes after which what was written is made safe, or else seconds: what a killed server loses at most.
const SYNC_BYTES: u64 = 8 << 20;
const SYNC_EVERY: Duration = Duration::from_secs(2);
/// How long an upload may say nothing before its connection is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// As many first bytes tell a picture or a text from a song.
const HEAD: usize = 512;

/// The part as it comes.
pub(crate) struct Piece<B> {
    /// Where it belongs.
    pub offset: u64,
    /// Its length, when the client says so.
    pub length: Option<u64>,
    /// What it must add up to.
    pub checksum: Option<Checksum>,
    /// Its bytes.
    pub body: B,
}

/// An upload that is being written.
pub(super) struct UploadWriter {
    pipeline: Arc<Pipeline>,
    record: UploadRecord,
    part: Option<Part>,
    batch: Vec<u8>,
    written: u64,
    checksum: Option<Checksum>,
    synced: Instant,
}

impl UploadWriter {
    pub(super) async fn open(
        pipeline: &Arc<Pipeline>,
        record: UploadRecord,
        checksum: Option<Checksum>,
    ) -> Result<Self, Problem> {
        let (path, at) = (pipeline.files.partial(&record.id), record.received);
        let part = blocking(move || Part::open(&path, at)).await.map_err(|e| Problem::disk(&e))?;
        let (written, batch) = (record.received, Vec::with_capacity(BATCH));
        let (pipeline, part, synced) = (pipeline.clone(), Some(part), Instant::now());
        Ok(Self { pipeline, record, part, batch, written, checksum, synced })
    }

    /// Takes in the body as far as it comes; gives the upload as it is then, and what went wrong.
    pub(super) async fn take_in(
        mut self,
        held: &WriteGuard,
        mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    ) -> (UploadRecord, Result<(), Problem>) {
        let mut outcome = self.read(held, &mut body).await;
        if let (Ok(()), Some(sum)) = (&outcome, self.checksum.take()) {
            outcome = sum.check();
        }
        let verified = outcome.is_ok() || self.checksum.is_none();
        // What only broke off is kept; what is wrong, or was perhaps not written, is not.
        let worthless = |p: &Problem| matches!(p.status, 460 | 415 | 413) || p.status >= 500;
        if verified && !outcome.as_ref().is_err_and(worthless) {
            outcome = outcome.and(self.make_safe().await);
        }
        if outcome.is_err() {
            self.give_back().await;
        }
        (self.record, outcome)
    }

    async fn read(
        &mut self,
        held: &WriteGuard,
        body: &mut (impl Stream<Item = Result<Bytes, Problem>> + Unpin),
    ) -> Result<(), Problem> {
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(SILENCE, body.next()) => next.map_err(|_| silent())?.transpose()?,
                () = held.ended() => return Err(overtaken()),
            };
            let Some(bytes) = next else { break };
            held.touch();
            self.pipeline.metrics.received(bytes.len() as u64);
            if self.written + (self.batch.len() + bytes.len()) as u64 > self.record.length {
                return Err(longer_than_said());
            }
            self.batch.extend_from_slice(&bytes);
            let waited = self.synced.elapsed() >= SYNC_EVERY && self.checksum.is_none();
            if self.batch.len() >= BATCH || waited {
                self.write().await?;
                let unsafe_bytes = self.written - self.record.received;
                if waited || (unsafe_bytes >= SYNC_BYTES && self.checksum.is_none()) {
                    self.make_safe().await?;
                }
            }
        }
        self.write().await
    }

    /// Writes what was gathered, after a look at the first of it.
    async fn write(&mut self) -> Result<(), Problem> {
        let full = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        let whole = self.written + full.len() as u64 == self.record.length;
        if self.written == 0 && (whole || full.len() >= HEAD) {
            ingest::refuse(&full[..full.len().min(8 * HEAD)]).map_err(|e| Problem::from(&e))?;
        }
        if let Some(sum) = &mut self.checksum {
            sum.add(&full);
        }
        let bytes = full.len() as u64;
        self.on_disk(move |part| part.write(&full)).await?;
        self.written += bytes;
        Ok(())
    }

    /// From here on what has come counts.
    async fn make_safe(&mut self) -> Result<(), Problem> {
        if !self.batch.is_empty() {
            self.write().await?;
        }
        self.on_disk(|part| part.sync()).await?;
        fault_point::reach("tus.synced");
        let expires_ms = self.pipeline.limits.upload_expires_ms(now_ms());
        let (id, written) = (&self.record.id, self.written);
        if !self.pipeline.store.upload_received(id, written, expires_ms).await? {
            return Err(no_such_upload());
        }
        fault_point::reach("tus.counted");
        (self.record.received, self.record.expires_ms, self.synced) = (written, expires_ms, Instant::now());
        Ok(())
    }

    /// Frees what does not count; best effort, since the next part begins with it anyway.
    async fn give_back(&mut self) {
        let received = self.record.received;
        let _ = self.on_disk(move |part| part.cut(received)).await;
    }

    async fn on_disk(
        &mut self,
        work: impl FnOnce(&mut Part) -> io::Result<()> + Send + 'static,
    ) -> Result<(), Problem> {
        let Some(mut part) = self.part.take() else { return Err(Problem::internal(&"the part is gone")) };
        let done = blocking(move || {
            let done = work(&mut part);
            Ok((part, done))
        });
        let (part, done) = done.await.map_err(|e| Problem::disk(&e))?;
        self.part = Some(part);
        done.map_err(|e| Problem::disk(&e))
    }
}
