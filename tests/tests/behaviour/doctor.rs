//! `karaoke doctor`: what it finds, what it advises, and that it changes nothing.

use crate::shell::{files, text};
use crate::upgrade::open;
use karaoke_tests::program::{command, root};
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Program, Settings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// What the doctor says as JSON, having checked that the exit agrees.
fn examine(settings: &Settings, dir: &Path, arguments: &[&str]) -> Value {
    let mut command = command(settings);
    let out = command.args(["doctor", "--json"]).args(arguments).current_dir(dir).output().expect("it runs");
    let report: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", text(&out.stderr)));
    let is_ok = report["ok"].as_bool().expect("a verdict");
    assert_eq!(out.status.code(), Some(i32::from(!is_ok)), "{report}");
    report
}

/// The findings of that name: verdict, what is said, remedy.
fn of<'r>(report: &'r Value, name: &str) -> Vec<[&'r str; 3]> {
    let findings = report["findings"].as_array().expect("findings").iter().filter(|f| f["name"] == name);
    findings.map(|f| ["verdict", "said", "remedy"].map(|key| f[key].as_str().expect(key))).collect()
}

/// The only finding of that name.
fn one<'r>(report: &'r Value, name: &str) -> [&'r str; 3] {
    let [found] = of(report, name)[..] else { panic!("{name}: {report}") };
    found
}

fn sound_settings(store: &Path) -> Settings {
    // Nobody else's port.
    Settings::default().set("store.dir", store.display()).set("http.port", 0)
}

/// Every file below a folder and what is in it, but SQLite's index of the log, where readers note themselves.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => all.extend(contents(&path)),
            path if path.extension().is_some_and(|e| e == "sqlite-shm") => drop(all.insert(path, Vec::new())),
            path => drop(all.insert(path.clone(), std::fs::read(path).expect("a file"))),
        }
    }
    all
}

#[test]
fn a_machine_where_all_is_well_is_told_so_line_by_line_and_nothing_is_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = sound_settings(&dir.path().join("store"));
    let report = examine(&settings, dir.path(), &[]);
    assert_eq!(report["ok"], true, "{report}");
    let runtime = one(&report, "onnxruntime")[1];
    assert!(runtime.contains("version 1.") && runtime.contains("libonnxruntime"), "{runtime}");
    assert!(one(&report, "providers")[1].starts_with("work here: cpu"));
    let installed = of(&report, "models")[0];
    assert!(installed[0] == "ok" && installed[1].contains("builtin"), "{installed:?}");
    for name in ["configuration", "default model", "store", "database", "port", "broker"] {
        assert_eq!(one(&report, name)[0], "ok", "{report}");
    }
    let out = command(&settings).arg("doctor").current_dir(dir.path()).output().expect("it runs");
    assert_eq!(out.status.code(), Some(0));
    let findings = report["findings"].as_array().expect("findings").len();
    assert_eq!(text(&out.stdout).lines().count(), findings, "a line each");
    assert_eq!(files(dir.path()), [""; 0], "something was made");
}

#[tokio::test]
async fn whatever_is_wrong_is_named_with_its_remedy() {
    let dir = tempfile::tempdir().expect("a folder");
    let models = dir.path().join("models");
    std::fs::create_dir(&models).expect("a folder");
    for name in ["identity.toml", "builtin.toml", "builtin.onnx"] {
        std::fs::copy(root().join("models").join(name), models.join(name)).expect("copied");
    }
    std::fs::write(models.join("identity.onnx"), b"something else").expect("written");
    std::fs::write(models.join("broken.toml"), b"name = 1").expect("written");
    let store = dir.path().join("store");
    std::fs::create_dir(&store).expect("a folder");
    std::fs::write(store.join("karaoke.sqlite"), b"This is no database, however long one looks at it.")
        .expect("written");
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let settings = sound_settings(&store)
        .models(&models)
        .set("models.default", "nonsense")
        .set("http.port", other.local_addr().expect("an address").port())
        .set("worker.onnxruntime", dir.path().join("nowhere").display())
        .set("broker.url", "stomp://a:secret@127.0.0.1:1/")
        .variable("KARAOKE_HTTP_HOST", "0.0.0.0");
    let report = examine(&settings, dir.path(), &[]);
    assert_eq!(report["ok"], false);
    for (name, verdict, remedy) in [
        ("onnxruntime", "wrong", "make runtime"),
        ("default model", "warning", "models.default"),
        ("database", "wrong", "backup"),
        ("port", "wrong", "http.port"),
        ("broker", "warning", "karaoke up"),
    ] {
        let found = one(&report, name);
        assert!(found[0] == verdict && found[2].contains(remedy), "{name}: {found:?}");
    }
    let [_, broken, damaged] = of(&report, "models")[..] else { panic!("{report}") };
    assert!(broken[0] == "warning" && broken[1].contains("broken.toml"), "{broken:?}");
    assert!(damaged[0] == "wrong" && damaged[1].contains("sha256"), "{damaged:?}");
    let [_, slip] = of(&report, "configuration")[..] else { panic!("{report}") };
    assert!(slip[0] == "warning" && slip[2].contains("KARAOKE__HTTP__HOST"), "{slip:?}");
    assert!(!report.to_string().contains("secret"));

    let cluster = examine(&settings, dir.path(), &["--cluster"]);
    let broker = one(&cluster, "broker");
    assert!(broker[0] == "wrong" && broker[2].contains("make broker"), "{broker:?}");
    let server = examine(&settings, dir.path(), &["--cluster=server"]);
    assert!(of(&server, "onnxruntime").is_empty() && !of(&server, "database").is_empty());
    let worker = examine(&settings, dir.path(), &["--cluster=worker"]);
    assert!(of(&worker, "database").is_empty() && !of(&worker, "onnxruntime").is_empty());

    std::fs::write(dir.path().join("config.toml"), "[http]\nprot = 1\n").expect("written");
    let misread = examine(&settings, dir.path(), &[]);
    let [wrong, _] = of(&misread, "configuration")[..] else { panic!("{misread}") };
    assert!(
        wrong[0] == "wrong" && wrong[1].contains("prot") && wrong[1].contains("config.toml"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn a_store_is_examined_while_its_server_works_and_after_its_death_and_stays_as_it_is() {
    let settings = Settings::default().set("simulation.window_seconds", 0.05).set("worker.workers", 1);
    let mut program = Program::start(settings.set("chunking.windows_per_chunk", 1));
    let api = program.api();
    let song = song(30.0, 44_100);
    let track = api.accepted("song.wav", song.wav_float(), "identity").await;
    api.until_state(&track, "separating").await;
    let dir = tempfile::tempdir().expect("a folder");
    let port = program.url.rsplit(':').next().expect("a port").to_owned();
    let report = examine(&sound_settings(&program.store()).set("http.port", port), dir.path(), &[]);
    assert!(one(&report, "port")[1].starts_with("karaoke "), "{report}");
    assert!(one(&report, "database")[1].starts_with("it is sound"), "{report}");
    assert_eq!(report["ok"], true);

    program.kill();
    let before = contents(&program.store());
    let report = examine(&sound_settings(&program.store()), dir.path(), &[]);
    assert!(one(&report, "database")[1].starts_with("it is sound"), "{report}");
    assert!(contents(&program.store()) == before, "the store has changed");

    program.restart();
    program.api().until_state(&track, "done").await;
    let stem = Sound::from_wav(&program.api().stem(&track, "instrumental.wav?bits=float").await);
    assert!(stem.bits() == song.bits());
    let stopped = program.stop();
    let store = stopped.path().join("store");
    let before = contents(&store);
    assert_eq!(one(&examine(&sound_settings(&store), dir.path(), &[]), "database")[0], "ok");
    assert!(contents(&store) == before, "the store has changed");

    let mut database = open(&store).await;
    for (change, verdict) in [
        (
            "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)",
            "warning",
        ),
        ("UPDATE _sqlx_migrations SET version = version + 9000", "wrong"),
    ] {
        sqlx::query(change).execute(&mut database).await.expect("another schema");
        let report = examine(&sound_settings(&store), dir.path(), &[]);
        assert_eq!(one(&report, "database")[0], verdict, "{report}");
    }
}
