//! The networks of a model: files, or members of an archive, which are read into memory.

use bzip2::read::MultiBzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest network read from an archive, in bytes: ONNX files end at 2 GiB.
const LARGEST: u64 = 1 << 31;
/// The most that an archive may unpack to, in bytes.
const UNPACKED: u64 = 1 << 32;
/// The most members that are looked at.
const MEMBERS: usize = 10_000;

/// One network of a model, proven to be the one its manifest means.
#[derive(Clone, Debug)]
pub enum Weights {
    /// A file of its own.
    File(PathBuf),
    /// Unpacked from an archive.
    Packed {
        /// The archive.
        archive: PathBuf,
        /// The ONNX file.
        bytes: Arc<[u8]>,
    },
}

impl Weights {
    /// The file that it is or lies in.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Packed { archive, .. } => archive,
        }
    }
}

/// Reads the networks `names` from the archive at `path`, a `.zip` or a tar packed with bzip2: of each the only
/// `.onnx` file whose name (without folders) begins like that.
pub(crate) fn unpack(path: &Path, names: &[String]) -> Result<Vec<Weights>, String> {
    let mut found = Found { names, networks: vec![None; names.len()], largest: LARGEST };
    let file = BufReader::new(File::open(path).map_err(|e| e.to_string())?);
    match path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) {
        true => unzip(file, &mut found)?,
        false => untar(MultiBzDecoder::new(file).take(UNPACKED), &mut found)?,
    }
    found.complete(path)
}

/// What has been found of the networks looked for.
struct Found<'n> {
    names: &'n [String],
    networks: Vec<Option<Arc<[u8]>>>,
    largest: u64,
}

impl Found<'_> {
    /// Which network the member at `path` of the archive is.
    fn index(&self, path: &Path) -> Option<usize> {
        let file = path.file_name()?.to_str()?;
        let matching = |name: &String| file.starts_with(name.as_str()) && file.ends_with(".onnx");
        self.names.iter().position(matching)
    }

    fn take(&mut self, index: usize, member: impl Read) -> Result<(), String> {
        let name = &self.names[index];
        if self.networks[index].is_some() {
            return Err(format!("there are several networks whose names begin with `{name}`"));
        }
        // What it says of its size is not believed: memory grows with what comes.
        let mut bytes = Vec::new();
        member.take(self.largest + 1).read_to_end(&mut bytes).map_err(|e| damaged(&e))?;
        if bytes.len() as u64 > self.largest {
            return Err(format!("the network `{name}` is larger than {} bytes", self.largest));
        }
        self.networks[index] = Some(bytes.into());
        Ok(())
    }

    fn complete(self, archive: &Path) -> Result<Vec<Weights>, String> {
        let packed = |(name, bytes): (&String, Option<Arc<[u8]>>)| match bytes {
            Some(bytes) => Ok(Weights::Packed { archive: archive.to_owned(), bytes }),
            None => Err(format!("there is no network in it whose name begins with `{name}`")),
        };
        self.names.iter().zip(self.networks).map(packed).collect()
    }
}

fn untar(archive: impl Read, found: &mut Found) -> Result<(), String> {
    let mut archive = tar::Archive::new(archive);
    for member in archive.entries().map_err(|e| damaged(&e))?.take(MEMBERS) {
        let member = member.map_err(|e| damaged(&e))?;
        let index = found.index(&member.path().map_err(|e| damaged(&e))?);
        if let Some(index) = index.filter(|_| member.header().entry_type().is_file()) {
            found.take(index, member)?;
        }
    }
    Ok(())
}

fn unzip(file: BufReader<File>, found: &mut Found) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(file).map_err(|e| format!("the archive is damaged: {e}"))?;
    for at in 0..archive.len().min(MEMBERS) {
        let member = archive.by_index(at).map_err(|e| format!("the archive is damaged: {e}"))?;
        let index = member.enclosed_name().and_then(|path| found.index(&path));
        if let Some(index) = index.filter(|_| member.is_file()) {
            found.take(index, member)?;
        }
    }
    Ok(())
}

fn damaged(error: &io::Error) -> String {
    format!("the archive is damaged: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn tar_bz2(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder =
            tar::Builder::new(bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast()));
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    const MEMBERS: [(&str, &[u8]); 5] = [
        ("some/README.md", b"no network"),
        ("some/._vocals.onnx", b"what a Mac leaves"),
        ("some/vocals.fp16.onnx", b"one"),
        ("some/vocals.txt", b"no network"),
        ("some/accompaniment.fp16.onnx", b"other"),
    ];

    fn unpacked(file: &str, bytes: &[u8], wanted: &[&str]) -> Result<Vec<Vec<u8>>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file);
        std::fs::write(&path, bytes).unwrap();
        let networks = unpack(&path, &names(wanted))?;
        Ok(networks
            .into_iter()
            .map(|w| match w {
                Weights::Packed { bytes, archive } => {
                    assert_eq!(archive, path);
                    bytes.to_vec()
                }
                Weights::File(_) => panic!("a file"),
            })
            .collect())
    }

    #[test]
    fn networks_come_in_the_order_of_the_stems() {
        for (file, bytes) in [("a.tar.bz2", tar_bz2(&MEMBERS)), ("a.zip", zipped(&MEMBERS))] {
            let found = unpacked(file, &bytes, &["vocals", "accompaniment"]).unwrap();
            assert_eq!(found, [b"one".to_vec(), b"other".to_vec()], "{file}");
            let found = unpacked(file, &bytes, &["accompaniment", "vocals"]).unwrap();
            assert_eq!(found, [b"other".to_vec(), b"one".to_vec()], "{file}");
        }
    }

    #[test]
    fn what_is_missing_double_or_damaged_is_told() {
        let whole = tar_bz2(&MEMBERS);
        let missing = unpacked("a.tar.bz2", &whole, &["drums"]).unwrap_err();
        assert!(missing.contains("drums"), "{missing}");
        let twice = tar_bz2(&[("a/vocals.onnx", b"1"), ("b/vocals.onnx", b"2")]);
        let twice = unpacked("a.tar.bz2", &twice, &["vocals"]).unwrap_err();
        assert!(twice.contains("several"), "{twice}");
        for bytes in [&whole[..whole.len() / 2], b"nothing"] {
            for file in ["a.tar.bz2", "a.zip"] {
                let error = unpacked(file, bytes, &["vocals"]).unwrap_err();
                assert!(error.contains("damaged"), "{file}: {error}");
            }
        }
    }

    #[test]
    fn a_network_without_end_ends() {
        let names = names(&["vocals"]);
        let mut found = Found { names: &names, networks: vec![None], largest: 1000 };
        let error = found.take(0, io::repeat(0)).unwrap_err();
        assert!(error.contains("larger than 1000"), "{error}");
    }
}
