//! How fast models have been on this machine: a small file in the cache folder, written by who measures.
//!
//! It is only ever an aid: a file that is missing or damaged is as good as an empty one.

use crate::Catalogue;
use karaoke_core::Manifest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// The file's name in the cache folder.
pub const FILE: &str = "speeds.json";

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// How fast a model was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Seconds of audio separated in a second.
    pub audio_seconds_per_second: f64,
    /// The execution provider that did it.
    pub provider: String,
}

/// Speeds by the identity of the model ([`karaoke_core::Manifest::identity`]).
pub type Speeds = BTreeMap<String, Speed>;

/// What is remembered in the cache folder `dir`; entries that make no sense are left out.
pub fn read(dir: &Path) -> Speeds {
    let path = dir.join(FILE);
    if std::fs::metadata(&path).map_or(true, |file| file.len() > LARGEST) {
        return Speeds::new();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    let sound = |(identity, value)| {
        let speed: Speed = serde_json::from_value(value).ok()?;
        let possible = speed.audio_seconds_per_second.is_finite() && speed.audio_seconds_per_second > 0.0;
        possible.then_some((identity, speed))
    };
    entries.into_iter().filter_map(sound).collect()
}

/// The speed of a model: of one that consists of several, the time of all together. None while one of them was not
/// measured.
pub fn of(speeds: &Speeds, catalogue: &Catalogue, manifest: &Manifest) -> Option<Speed> {
    let parts = catalogue.files(manifest);
    let parts: Vec<&Speed> = parts.iter().map(|part| speeds.get(part.identity())).collect::<Option<_>>()?;
    let slowest =
        parts.iter().min_by(|a, b| a.audio_seconds_per_second.total_cmp(&b.audio_seconds_per_second))?;
    let seconds: f64 = parts.iter().map(|part| 1.0 / part.audio_seconds_per_second).sum();
    Some(Speed { audio_seconds_per_second: 1.0 / seconds, provider: slowest.provider.clone() })
}

/// Remembers a speed in the cache folder `dir`, which is made if it is not there.
///
/// The file is replaced in one step; of two who write at the same moment one may lose its entry, and measures
/// again another time.
pub fn remember(dir: &Path, identity: &str, speed: Speed) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut speeds = read(dir);
    speeds.insert(identity.to_owned(), speed);
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer_pretty(&mut file, &speeds)?;
    file.flush()?;
    file.persist(dir.join(FILE)).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(audio_seconds_per_second: f64) -> Speed {
        Speed { audio_seconds_per_second, provider: "cpu".into() }
    }

    #[test]
    fn what_is_remembered_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("deep/cache");
        assert_eq!(read(&cache), Speeds::new());
        remember(&cache, "a", speed(2.5)).unwrap();
        remember(&cache, "b", speed(3.0)).unwrap();
        remember(&cache, "a", speed(4.0)).unwrap();
        assert_eq!(read(&cache), Speeds::from([("a".into(), speed(4.0)), ("b".into(), speed(3.0))]));
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn nonsense_is_nothing_and_spoils_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{", "[]", "{\"a\":", "7"] {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(read(dir.path()), Speeds::new(), "{text}");
        }
        let some = r#"{"a": {"audio_seconds_per_second": 2.0, "provider": "cpu", "more": 1}, "b": 5,
                      "c": {"audio_seconds_per_second": -1.0, "provider": "cpu"}}"#;
        std::fs::write(dir.path().join(FILE), some).unwrap();
        assert_eq!(read(dir.path()), Speeds::from([("a".into(), speed(2.0))]));
    }
}
