//! Uploads that can go on after their connection was lost, and after the server's death, until they become tracks.

mod checksum;
pub(crate) mod metadata;
mod part;
mod refusals;
mod secret;
mod write_lock;
mod writer;

pub(crate) use checksum::{ALGORITHMS, Checksum};
pub(crate) use refusals::no_such_upload;
pub use secret::Secret;
pub(crate) use writer::Piece;

use crate::active_track::ActiveTrack;
use crate::client::Client;
use crate::clock::now_ms;
use crate::concurrency::blocking;
use crate::fault_point;
use crate::pipeline::{Pipeline, Submission};
use crate::problem::Problem;
use crate::store::UploadRecord;
use bytes::Bytes;
use futures::Stream;
use karaoke_core::TrackId;
use metadata::Metadata;
use refusals::{elsewhere, in_use, longer_than_said};
use std::sync::Arc;
use write_lock::{WriteGuard, WriteLocks};
use writer::UploadWriter;

/// The uploads of a server.
pub(crate) struct Uploads {
    pipeline: Arc<Pipeline>,
    locks: WriteLocks,
}

/// What an upload is about to become: chosen by its [`Secret`].
#[derive(Clone)]
pub(crate) struct Key {
    /// The track's id, and the upload's.
    pub id: TrackId,
    /// SHA-256 of the track's passcode, hexadecimal.
    pub passcode_sha256: String,
    /// Where mail says that the song is.
    pub page: String,
}

/// How far an upload is.
pub(crate) enum UploadStatus {
    /// Some of it is here.
    Unfinished(UploadRecord),
    /// All of it is here.
    Track(Arc<ActiveTrack>),
}

impl Uploads {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline, locks: WriteLocks::default() }
    }

    /// Begins an upload of `length` bytes; refuses at once what can be known to fail.
    pub(crate) async fn create(
        &self,
        key: &Key,
        length: u64,
        metadata: &str,
        client: &Client,
    ) -> Result<UploadRecord, Problem> {
        self.pipeline.admit()?;
        self.pipeline.check_quotas(client).await?;
        let read = Metadata::parse(metadata)?;
        if let Some(model) = &read.model {
            let known = self.pipeline.catalogue.resolve(model);
            known.map_err(|e| Problem::new(422, "No such model", format!("{e}.")))?;
        }
        self.pipeline.asked_for(&read.asked, &key.page)?;
        // From here on its row counts.
        let _room = self.pipeline.reserve(length).await?;
        let record = UploadRecord {
            id: key.id.clone(),
            length,
            received: 0,
            metadata: metadata.to_owned(),
            deadline_ms: read.deadline_s.map(|s| now_ms() + i64::from(s) * 1000),
            expires_ms: self.pipeline.limits.upload_expires_ms(now_ms()),
            failure: None,
            client: client.name.clone(),
        };
        let bounds = self.pipeline.limits.upload_bounds();
        let mut taken = self.pipeline.store.insert_upload(&record, bounds).await?;
        if !taken {
            self.pipeline.expire_uploads().await?;
            taken = self.pipeline.store.insert_upload(&record, bounds).await?;
        }
        fault_point::reach("tus.created");
        let detail = "The server holds as many unfinished uploads as it takes; try again later.";
        taken.then_some(record).ok_or_else(|| Problem::new(503, "Too many uploads", detail))
    }

    /// Where an upload stands. A refused one answers with the reason, as often as it is asked.
    pub(crate) async fn find(&self, id: &TrackId) -> Result<UploadStatus, Problem> {
        if let Some(track) = self.pipeline.find(id).await? {
            return Ok(UploadStatus::Track(track));
        }
        let record = self.pipeline.store.upload(id).await?.ok_or_else(no_such_upload)?;
        if record.expires_ms <= now_ms() {
            return Err(no_such_upload());
        }
        match record.failure {
            Some(failure) => Err(failure.into()),
            None => Ok(UploadStatus::Unfinished(record)),
        }
    }

    /// Where an upload stands once nobody writes to it or makes a track of it any more.
    pub(crate) async fn settled(&self, id: &TrackId) -> Result<UploadStatus, Problem> {
        let _guard = self.locks.take(id).await.ok_or_else(in_use)?;
        self.find(id).await
    }

    /// Takes in a part; with the last one the upload becomes a track. An empty part at the end tries that again.
    ///
    /// Must run in a task of its own: what has come is made safe also when the connection is lost.
    pub(crate) async fn append<B>(&self, key: &Key, piece: &mut Piece<B>) -> Result<UploadStatus, Problem>
    where
        B: Stream<Item = Result<Bytes, Problem>> + Unpin,
    {
        let held = self.locks.take(&key.id).await.ok_or_else(in_use)?;
        let record = match self.find(&key.id).await? {
            UploadStatus::Unfinished(record) => record,
            UploadStatus::Track(track) if piece.offset == track.record().size_bytes => {
                return Ok(UploadStatus::Track(track));
            }
            UploadStatus::Track(_) => return Err(elsewhere()),
        };
        if piece.offset != record.received {
            return Err(elsewhere());
        }
        if piece.length.is_some_and(|n| n > record.length - record.received) {
            return Err(longer_than_said());
        }
        let record = self.write(&held, record, piece).await?;
        if record.received < record.length {
            return Ok(UploadStatus::Unfinished(record));
        }
        self.finish(key, &record).await.map(UploadStatus::Track)
    }

    async fn write<B>(
        &self,
        held: &WriteGuard,
        record: UploadRecord,
        piece: &mut Piece<B>,
    ) -> Result<UploadRecord, Problem>
    where
        B: Stream<Item = Result<Bytes, Problem>> + Unpin,
    {
        let intake = UploadWriter::open(&self.pipeline, record, piece.checksum.take()).await?;
        let (record, outcome) = intake.take_in(held, &mut piece.body).await;
        match outcome {
            Ok(()) => Ok(record),
            Err(problem) if problem.status == 415 => self.refuse(&record.id, problem).await,
            Err(problem) => Err(problem),
        }
    }

    /// Makes the track, and waits a little to hear whether it is music.
    async fn finish(&self, key: &Key, record: &UploadRecord) -> Result<Arc<ActiveTrack>, Problem> {
        // Asked before the file is read through; what is here stays, and can be made a track later.
        self.pipeline.admit()?;
        let track = match self.submit(key, record).await {
            Ok(track) => track,
            Err(problem) => {
                self.pipeline.delete(&key.id).await?;
                // What is busy or used up now may not be so later.
                let for_good = (400..500).contains(&problem.status) && problem.status != 429;
                return if for_good { self.refuse(&key.id, problem).await } else { Err(problem) };
            }
        };
        fault_point::reach("tus.submitted");
        self.pipeline.remove_partial(&key.id).await?;
        fault_point::reach("tus.moved");
        match self.pipeline.decoded_soon(&track).await {
            Some(failure) => self.refuse(&key.id, failure.into()).await,
            None => {
                self.pipeline.store.delete_upload(&key.id).await?;
                fault_point::reach("tus.ended");
                Ok(track)
            }
        }
    }

    async fn submit(&self, key: &Key, record: &UploadRecord) -> Result<Arc<ActiveTrack>, Problem> {
        let path = self.pipeline.files.partial(&key.id);
        let upload_sha256 = blocking(move || part::sha256(&path)).await.map_err(|e| Problem::disk(&e))?;
        let metadata = Metadata::parse(&record.metadata)?;
        let notifications = self.pipeline.asked_for(&metadata.asked, &key.page)?;
        let submission = Submission {
            id: key.id.clone(),
            passcode_sha256: key.passcode_sha256.clone(),
            file_name: metadata.file_name,
            size_bytes: record.length,
            upload_sha256,
            model: metadata.model,
            deadline_ms: record.deadline_ms,
            notifications,
            client: self.pipeline.client_named(record.client.clone()).await?,
        };
        self.pipeline.submit(submission).await
    }

    /// Keeps only the reason, for those who miss this answer.
    async fn refuse<T>(&self, id: &TrackId, why: Problem) -> Result<T, Problem> {
        self.pipeline.store.refuse_upload(id, &why.clone().into()).await?;
        fault_point::reach("tus.refused");
        self.pipeline.withdraw(id).await?;
        self.pipeline.remove_partial(id).await?;
        Err(why)
    }

    /// Calls an upload off, or removes the track that it has become.
    pub(crate) async fn remove(&self, id: &TrackId) -> Result<(), Problem> {
        let _guard = self.locks.take(id).await.ok_or_else(in_use)?;
        let upload = self.pipeline.remove_upload(id).await?;
        let track = self.pipeline.store.track(id).await?.is_some() && self.pipeline.delete(id).await?;
        (upload || track).then_some(()).ok_or_else(no_such_upload)
    }
}
