//! A store of the previous release goes on with this one, and one of a newer release is refused.
//!
//! `upgrade/make_store.py` had 0.1.0 make the store, and tells how.

use crate::resuming::{offset, patch, track_of};
use crate::shell::text;
use karaoke_tests::program::{command, root};
use karaoke_tests::sound::Sound;
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::io::Cursor;
use std::path::Path;

const DATABASE: &str = include_str!("upgrade/0.1.0.sql");
const FILES: &[u8] = include_bytes!("upgrade/0.1.0.zip");
const TRACKS: &str = include_str!("upgrade/0.1.0.json");

/// Bytes before the samples in a WAV file of `make_store.py`.
const WAV_HEAD: usize = 44;

/// The song of `make_store.py`.
fn song(seconds: i32) -> Sound {
    let left = |i: i32| (i % 147 - 73) * 60 * (1 + i / 11_025 % 7);
    let frames = (0..seconds * 44_100).flat_map(|i| [left(i), -left(i)]);
    Sound { rate: 44_100, samples: frames.map(|sample| sample as f32 / 32_768.0).collect() }
}

/// The database of a store, written to as no version of the program would.
pub async fn open(store: &Path) -> SqliteConnection {
    let path = store.join("karaoke.sqlite");
    // A dump has chunks before their tracks.
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(false);
    options.connect().await.expect("a database")
}

/// The store as 0.1.0 left it.
async fn old_store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    zip::ZipArchive::new(Cursor::new(FILES)).expect("a zip").extract(&store).expect("extracted");
    let mut database = open(&store).await;
    sqlx::raw_sql(DATABASE).execute(&mut database).await.expect("0.1.0's tables");
    // Its time is over long ago.
    let later = "UPDATE uploads SET expires_ms = (unixepoch() + 3600) * 1000";
    assert_eq!(sqlx::query(later).execute(&mut database).await.expect("an upload").rows_affected(), 1);
    database.close().await.expect("closed");
    dir
}

/// What the script noted at that place.
fn noted(pointer: &str) -> String {
    let tracks: Value = serde_json::from_str(TRACKS).expect("JSON");
    tracks.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned()
}

fn track(pointer: &str) -> Track {
    Track { id: noted(&format!("{pointer}/id")), passcode: noted(&format!("{pointer}/passcode")) }
}

/// Versions and checksums of the migrations that were run.
async fn migrations(store: &Path) -> Vec<(i64, Vec<u8>)> {
    let mut database = open(store).await;
    let query = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version");
    query.fetch_all(&mut database).await.expect("migrations")
}

/// The migrations of this version.
fn versions() -> Vec<i64> {
    let files = std::fs::read_dir(root().join("server/migrations")).expect("migrations").flatten();
    let version = |name: String| name.split('_').next().and_then(|n| n.parse().ok()).expect("a version");
    let mut versions: Vec<i64> =
        files.map(|file| version(file.file_name().into_string().expect("a name"))).collect();
    versions.sort_unstable();
    versions
}

async fn receipts_are_honest(api: &Api, done: &Track, half: &Track) {
    let receipt = |track| api.json(api.about(Method::GET, track, "/receipt"));
    let (done, half) = (receipt(done).await, receipt(half).await);
    // 0.1.0 did not note when steps began.
    for step in ["queue_wait_s", "decode_s", "separate_s", "worker_wait_s", "merge_s"] {
        assert_eq!(done["times"][step], Value::Null, "{step} was not noted");
        assert_eq!(half["times"][step].is_null(), step != "merge_s", "{step}: {half}");
    }
    assert!(done["times"]["total_s"].as_f64().expect("seconds") < 60.0, "{done}");
    // What it noted is told: who did which chunk in how many seconds.
    let worker = &done["compute"]["by_worker"][0];
    assert_eq!((&worker["worker"], &worker["chunks"]), (&json!("w1"), &json!(1)));
    let seconds: Vec<f64> = (0..4).map(|i| half["chunks"][i]["seconds"].as_f64().expect("seconds")).collect();
    assert!(seconds[..2].iter().all(|s| (1.0..2.0).contains(s)), "0.1.0 took a second for each: {seconds:?}");
}

#[tokio::test]
async fn a_store_of_the_previous_release_goes_on() {
    let dir = old_store().await;
    let before = migrations(&dir.path().join("store")).await;
    assert_ne!(before.last().map(|(version, _)| version), versions().last(), "there is nothing to upgrade");
    let program = Program::start_on(Settings::default(), dir);
    let api = program.api();

    // What was done is served bit for bit.
    let done = track("/done");
    assert_eq!(api.show(&done).await["state"], "done");
    let stem = Sound::from_wav(&api.stem(&done, "instrumental.wav?bits=float").await);
    assert!(stem.bits() == song(1).bits(), "the finished stem has changed");
    let vocals = Sound::from_wav(&api.stem(&done, "vocals.wav?bits=float").await);
    assert_eq!(vocals.peak(), 0.0);

    // What failed says why, whatever model it was: its manifest is as it was then.
    for model in ["identity", "centre", "builtin"] {
        let failed = api.show(&track(&format!("/failed/{model}"))).await;
        assert_eq!((&failed["state"], &failed["model"]), (&json!("failed"), &json!(model)));
        assert!(failed["error"]["detail"].as_str().expect("why").contains("nack"), "{failed}");
    }

    // What was half done is finished, of what was there and what was not.
    let half = track("/half");
    let view = api.until_state(&half, "done").await;
    assert_eq!(view["chunks_total"], 4);
    let stem = Sound::from_wav(&api.stem(&half, "instrumental.wav?bits=float").await);
    assert!(stem.bits() == song(4).bits(), "the half-done stem has changed");
    assert!(program.log().contains("missing=2"), "only the other half is separated");

    // An upload goes on where it was.
    let address = noted("/upload");
    let samples = song(1).samples.into_iter().map(|sample| (sample * 32_768.0) as i16);
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let at = offset(&api, &address).await;
    assert_eq!(at, (WAV_HEAD + data.len()) / 2);
    let rest = patch(&api, &address, at, &data[at - WAV_HEAD..]);
    assert!(rest.send().await.expect("an answer").status().is_success());
    let uploaded = track_of(&api, &address).await;
    api.until_state(&uploaded, "done").await;
    let stem = Sound::from_wav(&api.stem(&uploaded, "instrumental.wav?bits=float").await);
    assert!(stem.bits() == song(1).bits(), "the upload has changed");

    receipts_are_honest(&api, &done, &half).await;
    let dir = program.stop();
    let after = migrations(&dir.path().join("store")).await;
    assert_eq!(after.iter().map(|(version, _)| *version).collect::<Vec<_>>(), versions());
    assert_eq!(after[..before.len()], before, "what the old release wrote stays");
}

#[tokio::test]
async fn a_backup_made_before_the_upgrade_is_still_of_the_previous_release() {
    let (old, new) = (old_store().await, tempfile::tempdir().expect("a folder"));
    let (from, to) = (old.path().join("store"), new.path().join("store"));
    let before = migrations(&from).await;
    let mut command = command(&Settings::default().set("store.dir", from.display()));
    let out = command.arg("backup").arg(&to).output().expect("it runs");
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(migrations(&to).await, before);
    assert_eq!(migrations(&from).await, before);
    let program = Program::start_on(Settings::default(), new);
    let stem = program.api().stem(&track("/done"), "instrumental.wav?bits=float").await;
    assert!(Sound::from_wav(&stem).bits() == song(1).bits());
    let half = program.api().about(Method::GET, &track("/half"), "").send().await.expect("an answer");
    assert_eq!(half.status(), 404, "what was in work is not in a backup");
}

#[tokio::test]
async fn a_store_of_a_newer_release_is_refused_in_one_clear_line_and_stays_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let program = Program::start_on(Settings::default(), dir);
    let dir = program.stop();
    let store = dir.path().join("store");
    let mut database = open(&store).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9001, 'newer', 1, X'00', 0)";
    sqlx::query(newer).execute(&mut database).await.expect("a newer schema");
    database.close().await.expect("closed");
    let before = migrations(&store).await;
    for arguments in [&["up", "--port", "0"][..], &["backup", "elsewhere"]] {
        let mut command = command(&Settings::default().set("store.dir", store.display()));
        let out =
            command.args(arguments).current_dir(dir.path()).env("RUST_LOG", "off").output().expect("it runs");
        let said = text(&out.stderr);
        assert_eq!((out.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        for word in ["newer version", "9001", "restore the backup", "karaoke.sqlite"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    assert_eq!(migrations(&store).await, before);
    assert!(!dir.path().join("elsewhere").exists() && !dir.path().join("elsewhere.part").exists());
}
