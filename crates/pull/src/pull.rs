//! A pull from its beginning to its end: tries, pauses, and what is made of the outcome.

use crate::PullError;
use crate::client::{Options, client};
use crate::part::{Part, Record};
use crate::progress::Progress;
use crate::retry::RetryPolicy;
use crate::source::{Mirror, Source, shown};
use crate::transfer::{AttemptError, Download, attempt, blocking};
use karaoke_core::Manifest;
use karaoke_core::manifest::Conversion;
use karaoke_models::ConvertError;
use karaoke_models::digest::{self, Mismatch};
use reqwest::{Client, Url};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// The largest file that is fetched when the manifest does not say how large it is, in bytes.
const LARGEST: u64 = 1 << 34;
/// Bytes copied at a time.
const BLOCK: usize = 1 << 20;

/// How a pull ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The right file was there already.
    Already,
    /// It was fetched.
    Fetched,
}

/// Fetches files of models.
#[derive(Clone, Debug)]
pub struct Puller {
    client: Client,
    mirror: Option<Mirror>,
    options: Options,
}

impl Puller {
    /// A puller with these options, or what is wrong with them.
    pub fn new(options: &Options) -> Result<Self, PullError> {
        let (client, mirror) = (client(options)?, Mirror::parse(&options.mirror)?);
        Ok(Self { client, mirror, options: options.clone() })
    }

    /// Whence the file of `manifest` would come, for people.
    pub fn origin(&self, manifest: &Manifest) -> Result<String, PullError> {
        Ok(match Source::of(&manifest.download(), self.mirror.as_ref())? {
            Source::File(path) => path.display().to_string(),
            Source::Web(url) => shown(&url),
        })
    }

    /// Brings the file of `manifest` to `target`, unless the right one is there already; where it has to be made of
    /// what lies at the manifest's address, that is fetched beside it, and removed when the file is made.
    ///
    /// Returns only when the file is in place and proven; after an error there is at most a part beside it.
    pub async fn pull(
        &self,
        manifest: &Manifest,
        target: &Path,
        progress: Progress,
    ) -> Result<Outcome, PullError> {
        if is_there(manifest.clone(), target.to_owned()).await {
            return Ok(Outcome::Already);
        }
        let Some(conversion) = &manifest.conversion else {
            return self.bring(manifest, target, progress).await;
        };
        let download = target.with_file_name(&conversion.file);
        if !is_there(manifest.download(), download.clone()).await {
            self.bring(&manifest.download(), &download, progress).await?;
        }
        convert(manifest.clone(), conversion.clone(), download, target.to_owned()).await?;
        Ok(Outcome::Fetched)
    }

    /// Fetches or copies a file that is not there.
    async fn bring(
        &self,
        manifest: &Manifest,
        target: &Path,
        progress: Progress,
    ) -> Result<Outcome, PullError> {
        let source = Source::of(manifest, self.mirror.as_ref())?;
        let part = open(target).await?;
        match source {
            Source::File(path) => self.copy(manifest, part, path, progress).await,
            Source::Web(url) => self.fetch(manifest, part, url, progress).await,
        }
    }

    async fn copy(
        &self,
        manifest: &Manifest,
        part: Part,
        from: PathBuf,
        progress: Progress,
    ) -> Result<Outcome, PullError> {
        let (of, manifest) = (from.display().to_string(), manifest.clone());
        let work = move |part: &mut Part| {
            let copied = copy(part, &from, &*progress);
            if copied.is_err() && part.is_empty() {
                part.discard();
            }
            copied.and_then(|()| part.finish(&manifest))
        };
        let (_, proven) = blocking(part, work).await;
        proven?.map_err(|wrong| wrong_file(of, wrong))?;
        Ok(Outcome::Fetched)
    }

    async fn fetch(
        &self,
        manifest: &Manifest,
        mut part: Part,
        url: Url,
        progress: Progress,
    ) -> Result<Outcome, PullError> {
        let download = Download {
            url: url.clone(),
            bytes: manifest.bytes,
            largest: LARGEST,
            stall: self.options.stall,
            progress,
        };
        let mut retry = RetryPolicy::new(&self.options, part.length());
        let mut may_begin_again = true;
        loop {
            let outcome;
            (part, outcome) = attempt(&self.client, &download, part).await;
            match outcome {
                Ok(()) => {}
                Err(AttemptError::Fatal(error)) => return Err(without_empty_part(part, error).await),
                Err(AttemptError::Again { what, after }) => {
                    let Some(pause) = retry.pause(part.length(), after) else {
                        let (url, tries) = (shown(&url), self.options.tries);
                        return Err(
                            without_empty_part(part, PullError::GaveUp { url, tries, last: what }).await
                        );
                    };
                    tokio::time::sleep(pause).await;
                    continue;
                }
            }
            let (pieced, meant) = (part.is_pieced(), manifest.clone());
            let proven;
            (part, proven) = blocking(part, move |part| part.finish(&meant)).await;
            match proven? {
                Ok(()) => return Ok(Outcome::Fetched),
                // The pieces did not belong together; a file in one piece will show what the server has.
                Err(_) if pieced && may_begin_again => {
                    (may_begin_again, retry) = (false, RetryPolicy::new(&self.options, 0))
                }
                Err(wrong) => {
                    let error = wrong_file(shown(&url), wrong);
                    return Err(without_empty_part(part, error).await);
                }
            }
        }
    }
}

/// Whether the right file lies at `target` already.
async fn is_there(manifest: Manifest, target: PathBuf) -> bool {
    let look = move || target.is_file() && matches!(digest::compare(&target, &manifest), Ok(Ok(())));
    spawn_blocking(look).await.unwrap_or(false)
}

async fn open(target: &Path) -> Result<Part, PullError> {
    let path = target.to_owned();
    let opened = spawn_blocking(move || Part::open(&path)).await;
    opened.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))
}

/// Makes the file of `manifest` of what was downloaded, which is removed then.
async fn convert(
    manifest: Manifest,
    conversion: Conversion,
    download: PathBuf,
    target: PathBuf,
) -> Result<(), PullError> {
    let part = open(&target).await?;
    let work = move |part: &mut Part| {
        part.begin(Record::default())?;
        let proven = match karaoke_models::convert(&conversion, &download, part) {
            Ok(()) => part.finish(&manifest)?.map_err(|Mismatch { got, want, .. }| {
                format!("what comes out has sha256 {got}, the manifest says {want}")
            }),
            // The download is right, and is not fetched again when there is room.
            Err(ConvertError::Io(source)) => {
                part.discard();
                return Err(PullError::disk(&target, source));
            }
            Err(error) => {
                part.discard();
                Err(error.to_string())
            }
        };
        // It has served, or never will.
        let _ = std::fs::remove_file(&download);
        proven.map_err(|problem| PullError::Conversion { file: conversion.file, problem })
    };
    let (_, made) = blocking(part, work).await;
    made
}

/// Copies a file of a mirror into `part`, from its beginning.
fn copy(part: &mut Part, from: &Path, progress: &dyn Fn(u64, Option<u64>)) -> Result<(), PullError> {
    let missing = |source| PullError::NotInMirror { path: from.to_owned(), source };
    let mut file = File::open(from).map_err(missing)?;
    let total = file.metadata().map_err(missing)?.len();
    part.begin(Record { url: from.display().to_string(), validator: None, total: Some(total) })?;
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block).map_err(missing)? {
            0 => return Ok(()),
            n => part.append(&block[..n])?,
        }
        progress(part.length(), Some(total));
    }
}

/// An empty part is not worth keeping.
async fn without_empty_part(part: Part, error: PullError) -> PullError {
    let tidy = |part: &mut Part| {
        if part.is_empty() {
            part.discard();
        }
        Ok::<(), PullError>(())
    };
    let _ = blocking(part, tidy).await;
    error
}

fn wrong_file(url: String, Mismatch { digest, got, want }: Mismatch) -> PullError {
    PullError::Wrong { url, digest, got, want }
}
