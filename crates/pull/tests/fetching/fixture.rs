//! A folder and a manifest to pull into.

use karaoke_core::Manifest;
use karaoke_pull::{Options, Outcome, Progress, PullError, Puller};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const SIZE: usize = 200_000;

/// A file that no other is like.
pub(crate) fn file(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..SIZE).map(byte).collect()
}

pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) manifest: Manifest,
    pub(crate) options: Options,
}

impl Fixture {
    /// A folder without a file, and a manifest that means `file` at `url`.
    pub(crate) fn new(url: &str, file: &[u8]) -> Self {
        let text = format!(
            "name='x'\ntitle='X'\nkind='waveform'\nfile='x.onnx'\nsha256='{}'\nurl='{url}'\nlicence='MIT'\n\
             sample_rate=44100\noverlap=0.25\nstems=['vocals']\n[waveform]\nsegment=8\n",
            hex::encode(Sha256::digest(file))
        );
        let pause = Duration::from_millis(1);
        let options = Options { pause, longest_pause: 4 * pause, tries: 4, ..Options::default() };
        Self { dir: tempfile::tempdir().unwrap(), manifest: Manifest::parse(&text).unwrap(), options }
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.dir.path().join("x.onnx")
    }

    pub(crate) async fn pull(&self) -> Result<Outcome, PullError> {
        self.pull_with(Arc::new(|_, _| {})).await
    }

    pub(crate) async fn pull_with(&self, progress: Progress) -> Result<Outcome, PullError> {
        let pull = async {
            let puller = Puller::new(&self.options)?;
            puller.pull(&self.manifest, &self.target(), progress).await
        };
        tokio::time::timeout(Duration::from_secs(60), pull).await.expect("it ends in time")
    }

    /// Names of what lies in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The file is in place, whole, and nothing lies beside it.
    pub(crate) fn assert_whole(&self, file: &[u8]) {
        assert!(std::fs::read(self.target()).unwrap() == file, "the file is another");
        assert_eq!(self.files(), ["x.onnx"]);
    }
}

pub(crate) fn error_text(result: Result<Outcome, PullError>) -> String {
    let text = result.expect_err("a failure").to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}
