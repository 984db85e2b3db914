//! A pull from its beginning to its end: tries, pauses, and what is made of the outcome.

use crate::PullError;
use crate::client::{Options, client};
use crate::part::{Part, Record};
use crate::source::{Mirror, Source, shown};
use crate::transfer::{Trouble, Wanted, attempt, blocking};
use karaoke_core::Manifest;
use karaoke_models::digest::{self, Mismatch};
use reqwest::{Client, Url};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// The largest file that is fetched when the manifest does not say how large it is, in bytes.
const LARGEST: u64 = 1 << 34;
/// Bytes copied at a time.
const BLOCK: usize = 1 << 20;

/// Is told the bytes that are there, and how many there will be if that is known.
pub type Progress = Arc<dyn Fn(u64, Option<u64>) + Send + Sync>;

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
        Ok(match Source::of(manifest, self.mirror.as_ref())? {
            Source::File(path) => path.display().to_string(),
            Source::Web(url) => shown(&url),
        })
    }

    /// Brings the file of `manifest` to `target`, unless the right one is there already.
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
        let source = Source::of(manifest, self.mirror.as_ref())?;
        let path = target.to_owned();
        let opened = spawn_blocking(move || Part::open(&path)).await;
        let part = opened.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))?;
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
        proven?.map_err(|wrong| other_file(of, wrong))?;
        Ok(Outcome::Fetched)
    }

    async fn fetch(
        &self,
        manifest: &Manifest,
        mut part: Part,
        url: Url,
        progress: Progress,
    ) -> Result<Outcome, PullError> {
        let wanted = Wanted {
            url: url.clone(),
            bytes: manifest.bytes,
            largest: LARGEST,
            stall: self.options.stall,
            progress,
        };
        let mut patience = Patience::new(&self.options, part.length());
        let mut anew = true;
        loop {
            let outcome;
            (part, outcome) = attempt(&self.client, &wanted, part).await;
            match outcome {
                Ok(()) => {}
                Err(Trouble::Fatal(error)) => return Err(tidied(part, error).await),
                Err(Trouble::Again { what, after }) => {
                    let Some(pause) = patience.pause(part.length(), after) else {
                        let (url, tries) = (shown(&url), self.options.tries);
                        return Err(tidied(part, PullError::GaveUp { url, tries, last: what }).await);
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
                Err(_) if pieced && anew => (anew, patience) = (false, Patience::new(&self.options, 0)),
                Err(wrong) => {
                    let error = other_file(shown(&url), wrong);
                    return Err(tidied(part, error).await);
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
async fn tidied(part: Part, error: PullError) -> PullError {
    let tidy = |part: &mut Part| {
        if part.is_empty() {
            part.discard();
        }
        Ok::<(), PullError>(())
    };
    let _ = blocking(part, tidy).await;
    error
}

fn other_file(url: String, Mismatch { digest, got, want }: Mismatch) -> PullError {
    PullError::Wrong { url, digest, got, want }
}

/// How long to go on: as long as tries bring something new, and some more.
struct Patience {
    tries: u32,
    first: Duration,
    longest: Duration,
    failures: u32,
    best: u64,
}

impl Patience {
    fn new(options: &Options, length: u64) -> Self {
        let Options { tries, pause, longest_pause, .. } = *options;
        Self { tries, first: pause, longest: longest_pause, failures: 0, best: length }
    }

    /// After a failure with `length` bytes there: the pause before the next try, or `None` when it is enough.
    ///
    /// Only what was never reached before counts as new: a server that begins anew each time and is cut off
    /// each time is given up.
    fn pause(&mut self, length: u64, after: Option<Duration>) -> Option<Duration> {
        if length > self.best {
            (self.best, self.failures) = (length, 0);
        }
        self.failures += 1;
        if self.failures >= self.tries {
            return None;
        }
        let grown = self.first.saturating_mul(1 << (self.failures - 1).min(16));
        Some(grown.max(after.unwrap_or_default()).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_new_bytes_give_new_patience() {
        let second = Duration::from_secs(1);
        let mut patience = Patience::new(&Options { tries: 4, ..Options::default() }, 10);
        assert_eq!(patience.pause(10, None), Some(second));
        assert_eq!(patience.pause(9, None), Some(2 * second));
        assert_eq!(patience.pause(11, None), Some(second));
        assert_eq!(patience.pause(5, Some(7 * second)), Some(7 * second));
        assert_eq!(patience.pause(11, Some(3600 * second)), Some(30 * second));
        assert_eq!(patience.pause(11, None), None);
    }
}
