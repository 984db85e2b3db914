//! Where a model's file comes from: the address in its manifest, or a mirror.

use crate::PullError;
use karaoke_core::Manifest;
use reqwest::Url;
use std::path::PathBuf;

/// Holds all files by their names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mirror {
    /// A folder.
    Folder(PathBuf),
    /// Below this address, which ends with `/`.
    Web(Url),
}

/// Where one file comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
    /// An address.
    Web(Url),
}

impl Mirror {
    /// Reads `models.mirror`; empty means that there is none.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, PullError> {
        if text.is_empty() {
            return Ok(None);
        }
        if !text.contains("://") {
            return Ok(Some(Self::Folder(PathBuf::from(text))));
        }
        let wrong = |problem: String| PullError::Setup { key: "mirror", problem };
        let mut url = web(text).map_err(wrong)?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Some(Self::Web(url)))
    }
}

impl Source {
    /// Where the file of `manifest` comes from.
    pub(crate) fn of(manifest: &Manifest, mirror: Option<&Mirror>) -> Result<Self, PullError> {
        let wrong = |problem: String| PullError::Redirect { url: manifest.url.clone(), why: problem };
        match mirror {
            Some(Mirror::Folder(folder)) => Ok(Self::File(folder.join(&manifest.file))),
            Some(Mirror::Web(base)) => {
                let mut url = base.clone();
                // As one segment: what looks like a query or a path in a name stays part of the name.
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().push(&manifest.file);
                }
                Ok(Self::Web(url))
            }
            None if manifest.url.is_empty() => {
                Err(PullError::NoAddress { name: manifest.name.clone(), file: manifest.file.clone() })
            }
            None => web(&manifest.url).map(Self::Web).map_err(wrong),
        }
    }
}

fn web(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("it is no address: {e}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("it must begin with https:// or http://, not {other}://")),
    }
}

/// The address for people, without a password that it may hold.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let hidden = url.set_password(None).and_then(|()| url.set_username(""));
    match hidden {
        Ok(()) => url.into(),
        Err(()) => url.host_str().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_folders_or_addresses() {
        assert_eq!(Mirror::parse("").unwrap(), None);
        assert_eq!(Mirror::parse("/srv/m").unwrap(), Some(Mirror::Folder("/srv/m".into())));
        for text in ["https://m.example/all", "https://m.example/all/"] {
            let url = Url::parse("https://m.example/all/").unwrap();
            assert_eq!(Mirror::parse(text).unwrap(), Some(Mirror::Web(url)));
        }
        for bad in ["ftp://m.example/", "https://", "file:///etc"] {
            let error = Mirror::parse(bad).unwrap_err().to_string();
            assert!(error.contains("models.mirror"), "{error}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown(&Url::parse("https://me:secret@m.example/x").unwrap()), "https://m.example/x");
    }
}
