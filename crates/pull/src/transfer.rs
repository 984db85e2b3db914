//! One try: asks a server for what is missing of a file, and writes what comes.

use crate::PullError;
use crate::part::{Part, Record};
use crate::progress::Progress;
use crate::source::shown;
use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Pieces that wait for the disk, of some kilobytes each.
const WAITING: usize = 64;

/// How a try ended.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// It may go better another time.
    Again {
        /// What went wrong.
        what: String,
        /// How long the server wants to be left alone.
        after: Option<Duration>,
    },
    /// It will not.
    Fatal(PullError),
}

impl From<PullError> for AttemptError {
    fn from(error: PullError) -> Self {
        Self::Fatal(error)
    }
}

fn again(what: impl Into<String>) -> AttemptError {
    AttemptError::Again { what: what.into(), after: None }
}

/// What is fetched, and how large it is or may be.
#[derive(Clone)]
pub(crate) struct Download {
    pub(crate) url: Url,
    /// Bytes of the file, where the manifest says so.
    pub(crate) bytes: Option<u64>,
    /// The most that is taken.
    pub(crate) largest: u64,
    pub(crate) stall: Duration,
    pub(crate) progress: Progress,
}

/// Fetches what is missing of `part`; gives it back in any case.
pub(crate) async fn attempt(
    client: &Client,
    download: &Download,
    part: Part,
) -> (Part, Result<(), AttemptError>) {
    // Bytes of elsewhere say nothing about what this server has.
    let from = if part.record().url == shown(&download.url) { part.length() } else { 0 };
    let mut request = client.get(download.url.clone()).header(ACCEPT_ENCODING, "identity");
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
        if let Some(validator) = &part.record().validator {
            request = request.header(IF_RANGE, validator);
        }
    }
    match request.send().await {
        Ok(response) => take(response, download, part, from).await,
        Err(error) => (part, Err(of_error(&error, download))),
    }
}

async fn take(
    response: Response,
    download: &Download,
    part: Part,
    from: u64,
) -> (Part, Result<(), AttemptError>) {
    let answer = Answer::of(&response, download);
    let (part, prepared) = blocking(part, move |part| answer.prepare(part, from)).await;
    match prepared {
        Ok(Next::Body(total)) => store(response, download, part, total).await,
        Ok(Next::Nothing) => (part, Ok(())),
        Err(trouble) => (part, Err(trouble)),
    }
}

/// What an answer's body is good for.
enum Next {
    /// It goes on where the part ends; the whole file has so many bytes, if that is known.
    Body(Option<u64>),
    /// Nothing is missing.
    Nothing,
}

/// The head of an answer.
struct Answer {
    status: StatusCode,
    url: String,
    /// First byte and size of the whole file, of a part of it.
    range: Option<(u64, Option<u64>)>,
    record: Record,
    after: Option<Duration>,
    bytes: Option<u64>,
    largest: u64,
}

impl Answer {
    fn of(response: &Response, download: &Download) -> Self {
        let headers = response.headers();
        let range = text(headers, &CONTENT_RANGE).and_then(content_range);
        let whole = (response.status() == StatusCode::OK).then(|| response.content_length()).flatten();
        let total = range.map_or(whole, |(_, total)| total);
        let after = text(headers, &RETRY_AFTER).and_then(|t| t.parse().ok()).map(Duration::from_secs);
        Self {
            status: response.status(),
            url: shown(response.url()),
            range,
            record: Record { url: shown(&download.url), validator: validator(headers), total },
            after,
            bytes: download.bytes,
            largest: download.largest,
        }
    }

    /// Makes the part ready for the body.
    fn prepare(self, part: &mut Part, from: u64) -> Result<Next, AttemptError> {
        match self.status {
            StatusCode::OK => {
                self.check_size(part)?;
                let total = self.record.total;
                part.begin(self.record)?;
                Ok(Next::Body(total.or(self.bytes)))
            }
            StatusCode::PARTIAL_CONTENT => self.go_on(part, from),
            StatusCode::RANGE_NOT_SATISFIABLE if self.range_total() == Some(from) && from > 0 => {
                Ok(Next::Nothing)
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                part.begin(Record::default())?;
                Err(again("the file there has become shorter"))
            }
            status if is_passing(status) => {
                Err(AttemptError::Again { what: format!("it answers {status}"), after: self.after })
            }
            status => Err(PullError::Refused { url: self.url, status: status.to_string() }.into()),
        }
    }

    fn go_on(self, part: &mut Part, from: u64) -> Result<Next, AttemptError> {
        self.check_size(part)?;
        let known = part.record();
        let other = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        let changed = other(&self.record.validator, &known.validator)
            || (self.record.total.is_some() && known.total.is_some() && self.record.total != known.total);
        let start = self.range.map(|(start, _)| start);
        if changed || start != Some(from) || from == 0 {
            part.begin(Record::default())?;
            return Err(again("the file there has changed meanwhile"));
        }
        let total = self.record.total.or(known.total).or(self.bytes);
        part.go_on();
        Ok(Next::Body(total))
    }

    fn range_total(&self) -> Option<u64> {
        self.range.and_then(|(_, total)| total)
    }

    /// A file of another size is another file: it need not be fetched to know that.
    fn check_size(&self, part: &mut Part) -> Result<(), PullError> {
        let Some(got) = self.record.total else { return Ok(()) };
        if self.bytes.is_some_and(|want| want != got) || got > self.largest {
            part.discard();
            return Err(PullError::Size {
                url: self.url.clone(),
                got,
                want: self.bytes.unwrap_or(self.largest),
            });
        }
        Ok(())
    }
}

/// Writes the body, on a thread that may block, while more of it comes.
async fn store(
    mut response: Response,
    download: &Download,
    part: Part,
    total: Option<u64>,
) -> (Part, Result<(), AttemptError>) {
    let (limit, mut have) = (total.unwrap_or(download.largest), part.length());
    let (send, mut receive) = mpsc::channel::<Bytes>(WAITING);
    let writer = async {
        blocking(part, move |part| {
            while let Some(bytes) = receive.blocking_recv() {
                part.append(&bytes)?;
            }
            Ok(())
        })
        .await
    };
    let reader = async move {
        loop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(have),
                Err(error) => return Err(of_error(&error, download)),
            };
            have += bytes.len() as u64;
            if have > limit {
                let url = shown(&download.url);
                return Err(PullError::Size { url, got: have, want: limit }.into());
            }
            if send.send(bytes).await.is_err() {
                // The writer has ended, and says why.
                return Ok(have);
            }
            (download.progress)(have, total);
        }
    };
    let ((mut part, written), read) = tokio::join!(writer, reader);
    let outcome = match (written, read) {
        (Err(trouble), _) => Err(trouble),
        (Ok(()), Err(trouble)) => {
            if matches!(trouble, AttemptError::Fatal(PullError::Size { .. })) {
                part.discard();
            }
            Err(trouble)
        }
        (Ok(()), Ok(have)) if total.is_some_and(|total| have < total) => Err(again("it was cut off")),
        (Ok(()), Ok(_)) => Ok(()),
    };
    (part, outcome)
}

/// Works on a part off the async threads.
pub(crate) async fn blocking<T: Send + 'static, E: From<PullError> + Send + 'static>(
    mut part: Part,
    work: impl FnOnce(&mut Part) -> Result<T, E> + Send + 'static,
) -> (Part, Result<T, E>) {
    let done = spawn_blocking(move || {
        let outcome = work(&mut part);
        (part, outcome)
    });
    match done.await {
        Ok(done) => done,
        // A panic there is one here; the runtime ends no blocking work before its time.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

fn of_error(error: &reqwest::Error, download: &Download) -> AttemptError {
    let why = innermost(error);
    if error.is_redirect() {
        let url = error.url().map_or_else(|| shown(&download.url), shown);
        return AttemptError::Fatal(PullError::Redirect { url, why });
    }
    if error.is_timeout() {
        return again(format!("nothing came for {:.0} s", download.stall.as_secs_f64()));
    }
    if error.is_connect() {
        return again(format!("cannot connect: {why}"));
    }
    again(format!("it was cut off: {why}"))
}

/// The cause of causes: what the layers above say of it tells nothing more.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// What `If-Range` takes: a strong ETag, or else the date.
fn validator(headers: &HeaderMap) -> Option<String> {
    let strong = text(headers, &ETAG).filter(|etag| etag.starts_with('"'));
    strong.or_else(|| text(headers, &LAST_MODIFIED)).map(str::to_owned)
}

/// Reads `bytes 10-99/100` into (10, 100), and `bytes */100` into (0, 100).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = if range == "*" { 0 } else { range.split_once('-')?.0.parse().ok()? };
    Some((start, total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        assert_eq!(content_range("bytes 10-99/100"), Some((10, Some(100))));
        assert_eq!(content_range("bytes 10-99/*"), Some((10, None)));
        assert_eq!(content_range("bytes */100"), Some((0, Some(100))));
        for bad in ["", "bytes", "bytes 1", "10-99/100", "bytes x-9/10"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
