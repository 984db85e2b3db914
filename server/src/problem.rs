//! Problem documents (RFC 9457): what a user is told when something cannot be done.

use crate::store::{Failure, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

/// One clear sentence for a person, and a status for a program.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error, ToSchema)]
#[error("{detail}")]
pub struct Problem {
    /// Where the kind of trouble is explained: an address on this server, the same for every problem of its title.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of trouble, the same for every problem of its kind.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong this time, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of that status.
    pub fn new(status: u16, title: impl Into<String>, detail: impl Into<String>) -> Self {
        let title = title.into();
        Self { kind: format!("/problems.html#{}", slug(&title)), title, status, detail: detail.into() }
    }

    /// 404 for a track: also what a deleted one answers.
    pub fn no_such_track() -> Self {
        Self::new(
            404,
            "No such track",
            "There is no track of that name that this opens; it may have been deleted.",
        )
    }

    /// 507 where the disk is full, 503 where the store is gone or may only be read, or no file can be opened any more.
    pub fn disk(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::disk_full(),
            Kind::NotFound | Kind::NotADirectory | Kind::PermissionDenied => Self::store_unusable(error),
            Kind::ReadOnlyFilesystem | Kind::StaleNetworkFileHandle => Self::store_unusable(error),
            // ENFILE and EMFILE.
            _ if matches!(error.raw_os_error(), Some(23 | 24)) => {
                tracing::warn!(%error, "a request is refused");
                let detail = "The server has more connections open than it can serve; try again in a minute.";
                Self::new(503, "Server busy", detail)
            }
            _ => Self::internal(error),
        }
    }

    fn store_unusable(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "the store cannot be used");
        let detail = "The server cannot use its store at the moment; its log says why. Try again later.";
        Self::new(503, "Store not usable", detail)
    }

    fn disk_full() -> Self {
        Self::new(507, "Disk full", "The disk is full; delete tracks or free some space, and try again.")
    }

    /// 500, and the cause goes to the log: it means nothing to a user and may tell too much.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "internal error");
        Self::new(500, "Internal error", "The server failed; its log says why. Try again later.")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match () {
            () if error.is_disk_full() => Self::disk_full(),
            () if error.is_unusable() => Self::store_unusable(&error),
            () => Self::internal(&error),
        }
    }
}

impl From<Failure> for Problem {
    fn from(f: Failure) -> Self {
        Self::new(f.status, f.title, f.detail)
    }
}

impl From<Problem> for Failure {
    fn from(p: Problem) -> Self {
        Self { status: p.status, title: p.title, detail: p.detail }
    }
}

/// A title as it stands in an address: words of small letters with hyphens between them.
fn slug(title: &str) -> String {
    let small = title.to_ascii_lowercase();
    let words = small.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Every text between quotes that stands where a title of a problem does.
    fn titles(source: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (at, _) in source.match_indices("::new(") {
            let rest = source[at + 6..].trim_start();
            let Some((status, rest)) = rest.split_once(',') else { continue };
            let is_status = status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
            if let Some((title, _)) =
                rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'))
                && is_status
            {
                found.push(title.to_owned());
            }
        }
        found
    }

    fn sources(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, texts);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_problem_is_explained_on_the_page_of_problems() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(root.join("../web/problems.html")).unwrap();
        let mut texts = Vec::new();
        sources(&root.join("src"), &mut texts);
        let mut all: Vec<String> = texts.iter().flat_map(|text| titles(text)).collect();
        let refusals = std::fs::read_to_string(root.join("src/ingest/error.rs")).unwrap();
        let arms = refusals.split_once("fn title").unwrap().1.split("=> \"").skip(1);
        all.extend(arms.filter_map(|arm| Some(arm.split_once("\",")?.0.to_owned())));
        assert!(all.len() > 60, "{} were found", all.len());
        for title in all {
            let kind = Problem::new(400, title.clone(), "").kind;
            let (_, id) = kind.split_once('#').unwrap();
            assert!(page.contains(&format!("id=\"{id}\"")), "{title} is not explained");
        }
    }

    #[test]
    fn titles_become_addresses() {
        assert_eq!(slug("How many?"), "how-many");
        assert_eq!(slug("Unknown version of tus"), "unknown-version-of-tus");
    }
}
