//! Folders of models, good and bad.

use super::*;
use std::time::Instant;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const ABC_MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

/// A folder with a manifest `x.toml` that has `digest`, and the file `abc` that it means.
fn folder(digest: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    add(dir.path(), "x", digest, "stems=['vocals']", 8);
    std::fs::write(dir.path().join("x.onnx"), b"abc").unwrap();
    dir
}

fn add(dir: &Path, name: &str, digest: &str, stems: &str, segment: usize) {
    let text = format!(
        "name='{name}'\ntitle='X'\nkind='waveform'\nfile='{name}.onnx'\n{digest}\nlicence='L-{name}'\n\
         restriction='R.'\nsample_rate=44100\noverlap=0.25\n{stems}\n[waveform]\nsegment={segment}\n"
    );
    std::fs::write(dir.join(format!("{name}.toml")), text).unwrap();
}

fn add_ensemble(dir: &Path, members: &str, rest: &str) {
    let text = format!(
        "name='both'\ntitle='Both'\nkind='ensemble'\nlicence=''\nsample_rate=44100\noverlap=0.5\n\
         stems=['vocals']\n{rest}\n[ensemble]\nmembers={members}\n"
    );
    std::fs::write(dir.join("both.toml"), text).unwrap();
}

fn only_broken(catalogue: &Catalogue) -> String {
    let [broken] = catalogue.broken() else { panic!("{:?}", catalogue.broken()) };
    broken.reason.clone()
}

fn sha(digits: &str) -> String {
    format!("sha256='{digits}'")
}

#[test]
fn accepts_the_right_file_and_refuses_another() {
    for digest in [sha(ABC), sha(&ABC.to_uppercase()), format!("uvr_md5='{ABC_MD5}'")] {
        let dir = folder(&digest);
        let catalogue = Catalogue::open(dir.path()).unwrap();
        let manifest = catalogue.get("x").unwrap();
        catalogue.verify(manifest).unwrap();
        assert_eq!(catalogue.bytes(manifest), Some(3));
        std::fs::write(dir.path().join("x.onnx"), b"abd").unwrap();
        assert!(matches!(catalogue.verify(manifest), Err(ModelError::Hash { .. })));
        assert!(matches!(catalogue.weights(manifest), Err(ModelError::Hash { .. })));
    }
}

#[test]
fn a_model_without_its_file_is_available_not_installed() {
    let dir = folder(&sha(ABC));
    std::fs::remove_file(dir.path().join("x.onnx")).unwrap();
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert_eq!(catalogue.installed().count(), 0);
    assert_eq!(catalogue.available().map(|m| &*m.name).collect::<Vec<_>>(), ["x"]);
    let error = catalogue.get("x").unwrap_err().to_string();
    assert!(error.contains("karaoke models pull x"), "{error}");
    assert!(matches!(catalogue.get("y"), Err(ModelError::Unknown { .. })));
    assert_eq!(catalogue.bytes(catalogue.known("x").unwrap()), None);
}

#[test]
fn a_broken_manifest_is_named() {
    let dir = folder("sha256='00'");
    add(dir.path(), "good", &sha(ABC), "stems=['vocals']", 8);
    std::fs::write(dir.path().join("good.onnx"), b"abc").unwrap();
    std::fs::write(dir.path().join("latin.toml"), b"name='\xe9'").unwrap();
    std::fs::write(dir.path().join("zip.toml"), b"PK\x03\x04").unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("gone.toml")).unwrap();
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert_eq!(catalogue.resolve("good").unwrap().name, "good", "the others are as good as before");
    let named = |file: &str| {
        let found = catalogue.broken().iter().find(|broken| broken.path.ends_with(file));
        found.unwrap_or_else(|| panic!("{file}: {:?}", catalogue.broken())).reason.clone()
    };
    assert!(named("x.toml").contains("x.toml") && named("x.toml").contains("sha256"));
    assert!(named("latin.toml").contains("UTF-8") && named("gone.toml").contains("No such file"));
    assert!(named("zip.toml").contains("zip.toml"));
    assert_eq!(catalogue.broken().len(), 4);
    let asked = catalogue.resolve("x").unwrap_err().to_string();
    assert!(asked.contains("cannot be used") && asked.contains("sha256"), "{asked}");
    let dir = folder(&sha(ABC));
    std::fs::copy(dir.path().join("x.toml"), dir.path().join("y.toml")).unwrap();
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert_eq!(catalogue.resolve("x").unwrap().name, "x");
    let error = only_broken(&catalogue);
    assert!(error.contains("y.toml") && error.contains("`x`"), "{error}");
}

#[test]
fn an_archive_gives_a_network_a_stem() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = zip::ZipWriter::new(std::fs::File::create(dir.path().join("x.zip")).unwrap());
    for name in ["other.onnx", "vocals.onnx"] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        io::Write::write_all(&mut writer, name.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    let digest = sha(&crate::sha256(&dir.path().join("x.zip")).unwrap());
    add(dir.path(), "x", &digest, "stems=['vocals','instrumental']\nnetworks=['vocals','other']", 8);
    let text = std::fs::read_to_string(dir.path().join("x.toml")).unwrap().replace("x.onnx", "x.zip");
    std::fs::write(dir.path().join("x.toml"), text).unwrap();
    let catalogue = Catalogue::open(dir.path()).unwrap();
    let networks = catalogue.weights(catalogue.get("x").unwrap()).unwrap();
    assert!(matches!(&networks[0], Weights::Packed { bytes, .. } if **bytes == *b"vocals.onnx"));
    assert!(matches!(&networks[1], Weights::Packed { bytes, .. } if **bytes == *b"other.onnx"));
}

#[test]
fn an_ensemble_is_what_its_members_are() {
    let dir = folder(&sha(ABC));
    add(dir.path(), "y", &format!("uvr_md5='{ABC_MD5}'"), "stems=['band']\ncomplement='vocals'", 8);
    add_ensemble(dir.path(), "['x', 'y']", "complement='instrumental'");
    let catalogue = Catalogue::open(dir.path()).unwrap();
    let both = catalogue.known("both").unwrap().clone();
    assert!(!catalogue.is_installed(&both));
    std::fs::write(dir.path().join("y.onnx"), b"abc").unwrap();
    catalogue.get("both").unwrap();
    assert_eq!(catalogue.bytes(&both), Some(6));
    catalogue.verify(&both).unwrap();
    assert_eq!((&*both.licence, &*both.restriction), ("L-x; L-y", "R."));
    let windowing = both.windowing(both.overlap);
    assert_eq!((windowing.window, windowing.step), (8, 4));
    assert_eq!(both.identity(), {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(format!("{ABC}\n{ABC_MD5}\n")))
    });
    std::fs::write(dir.path().join("y.onnx"), b"abd").unwrap();
    let error = catalogue.verify(&both).unwrap_err().to_string();
    assert!(error.contains("`y`"), "{error}");
}

#[test]
fn members_that_do_not_go_together_are_refused() {
    for (members, stems, segment, word) in [
        ("['x', 'gone']", "stems=['vocals']", 8, "gone"),
        ("['x', 'both']", "stems=['vocals']", 8, "stands on other models"),
        ("['x', 'y']", "stems=['vocals']", 9, "windows"),
        ("['x', 'y']", "stems=['drums']\ncomplement='rest'", 8, "neither predicts"),
    ] {
        let dir = folder(&sha(ABC));
        add(dir.path(), "y", &sha(ABC), stems, segment);
        add_ensemble(dir.path(), members, "");
        let catalogue = Catalogue::open(dir.path()).unwrap();
        assert!(catalogue.known("both").is_none() && catalogue.get("x").is_ok());
        let error = only_broken(&catalogue);
        assert!(error.contains("`both`") && error.contains(word), "{error}");
    }
    let dir = folder(&sha(ABC));
    add(dir.path(), "y", &sha(ABC), "stems=['vocals']", 8);
    let text = std::fs::read_to_string(dir.path().join("y.toml")).unwrap().replace("44100", "48000");
    std::fs::write(dir.path().join("y.toml"), text).unwrap();
    add_ensemble(dir.path(), "['x', 'y']", "");
    let error = only_broken(&Catalogue::open(dir.path()).unwrap());
    assert!(error.contains("48000 Hz") && error.contains("44100 Hz"), "{error}");
}

fn preset(dir: &Path, name: &str, models: &str) {
    let text = format!("[[preset]]\nname='{name}'\ntitle='P'\ndescription='D'\nmodels={models}\n");
    std::fs::write(dir.join("presets.toml"), text).unwrap();
}

#[test]
fn a_preset_stands_for_the_first_installed_of_its_models() {
    let dir = folder(&sha(ABC));
    add(dir.path(), "y", &sha(ABC), "stems=['vocals']", 8);
    preset(dir.path(), "good", "['gone', 'y', 'x']");
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert_eq!(catalogue.resolve("good").unwrap().name, "x");
    assert_eq!(catalogue.resolve("x").unwrap().name, "x");
    std::fs::write(dir.path().join("y.onnx"), b"abc").unwrap();
    assert_eq!(catalogue.resolve("good").unwrap().name, "y");
    assert_eq!(catalogue.wanted("good").unwrap().name, "y");
    assert_eq!(catalogue.wanted("x").unwrap().name, "x");
    assert!(catalogue.wanted("nonsense").is_err());
    let unknown = catalogue.resolve("nonsense").unwrap_err().to_string();
    assert!(unknown.contains("x, y, good"), "{unknown}");
}

#[test]
fn a_preset_whose_promise_nothing_keeps_says_what_to_pull() {
    let dir = folder(&sha(ABC));
    add(dir.path(), "y", &sha(ABC), "stems=['vocals']", 8);
    preset(dir.path(), "good", "['gone', 'y']");
    let catalogue = Catalogue::open(dir.path()).unwrap();
    let error = catalogue.resolve("good").unwrap_err().to_string();
    assert!(error.contains("karaoke models pull good"), "{error}");
    let (_, standing) = catalogue.presets().next().unwrap();
    assert!(matches!(standing, Availability::Missing(m) if m.name == "y"));
}

#[test]
fn presets_that_cannot_be_are_told_and_a_models_name_goes_first() {
    let dir = folder(&sha(ABC));
    std::fs::write(dir.path().join("presets.toml"), "[[preset]]\nnaem='x'\n").unwrap();
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert_eq!(catalogue.resolve("x").unwrap().name, "x");
    let error = only_broken(&catalogue);
    assert!(error.contains("presets.toml"), "{error}");
    add(dir.path(), "y", &sha(ABC), "stems=['vocals']", 8);
    preset(dir.path(), "y", "['x']");
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert!(matches!(catalogue.resolve("y"), Err(ModelError::NotInstalled { .. })));
    preset(dir.path(), "lost", "['gone']");
    assert_eq!(Catalogue::open(dir.path()).unwrap().presets().count(), 0);
}

/// The models of this repository.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

#[test]
fn every_manifest_here_is_good_and_says_what_it_must() {
    let catalogue = Catalogue::open(&shipped()).unwrap();
    assert!(catalogue.manifests.len() >= 17, "{}", catalogue.manifests.len());
    for m in catalogue.manifests.values() {
        assert!(
            !m.licence.is_empty() && !m.attribution.is_empty() && !m.description.is_empty(),
            "{}",
            m.name
        );
        assert!(
            m.url.starts_with("https://") || m.ensemble.is_some() || catalogue.is_installed(m),
            "{}",
            m.name
        );
        assert!(m.all_stems().any(|s| s == "instrumental"), "{} has no track to sing to", m.name);
        if m.url.contains("TRvlvr") {
            assert!(
                m.restriction.contains("credit") && m.peak == Some(0.9) && m.overlap == 0.25,
                "{}",
                m.name
            );
        }
        if m.name.starts_with("htdemucs") {
            assert!(m.restriction.contains("cientific"), "{}", m.name);
        }
    }
    let kara = catalogue.known("uvr-mdxnet-kara-2").unwrap();
    assert!(kara.description.contains("lead vocals out, backing vocals stay"));
    let roformer = catalogue.known("melband-roformer-kim").unwrap();
    assert_eq!(roformer.windowing(0.5).window, 8 * 44_100);
    let demucs = catalogue.known("htdemucs").unwrap();
    assert_eq!(demucs.sums["instrumental"], ["drums", "bass", "other"]);
}

#[test]
fn the_presets_here_name_models_that_are_known() {
    let catalogue = Catalogue::open(&shipped()).unwrap();
    let names: Vec<_> = catalogue.presets().map(|(p, _)| p.name.as_str()).collect();
    assert_eq!(names, ["standard", "quick", "karaoke", "best", "four-stems"]);
    for preset in &catalogue.presets {
        assert!(preset.models.iter().all(|m| catalogue.known(m).is_some()), "{}", preset.name);
    }
    assert_eq!(catalogue.resolve("quick").unwrap().name, "builtin");
}

#[test]
fn opening_hashes_nothing() {
    let dir = folder(&sha(ABC));
    // Hashing a sparse file of 64 GiB would take minutes.
    std::fs::File::create(dir.path().join("x.onnx")).unwrap().set_len(1 << 36).unwrap();
    let began = Instant::now();
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert_eq!(catalogue.installed().count(), 1);
    assert!(began.elapsed().as_secs() < 10);
}
