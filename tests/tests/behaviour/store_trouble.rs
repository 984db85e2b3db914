//! The store goes away, fills up, may only be read, or is damaged: said in a sentence, and over when it is over.

use crate::shell::text;
use karaoke_tests::program::{can_have_own_disk, command};
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::Method;
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Runs a shell line where the program sees its store, which is `$1`.
fn within(program: &Program, line: &str) {
    let pid = program.pid().to_string();
    let run = Command::new("nsenter")
        .args(["--preserve-credentials", "-U", "-m", "-t", &pid, "sh", "-ec", line, "sh"])
        .arg(program.store())
        .output()
        .expect("nsenter");
    assert!(run.status.success(), "{line}: {}", text(&run.stderr));
}

/// Waits until the server has found out that it is not ready, and says why.
async fn not_ready(api: &Api) -> String {
    until("it is not ready", || async {
        let answer = api.request(Method::GET, "/readyz").send().await.ok()?;
        match answer.status().as_u16() {
            200 => None,
            _ => {
                let (status, title, detail) = Api::problem(answer).await;
                assert_eq!((status, title.as_str()), (503, "Not ready"));
                // Something else may meet it first.
                (!detail.contains("at the moment")).then_some(detail)
            }
        }
    })
    .await
}

async fn ready(api: &Api) {
    until("it is ready", || async {
        let answer = api.request(Method::GET, "/readyz").send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
}

/// Uploads in one go and in parts are refused with that status, in a sentence that says nothing of the machine.
async fn refused(program: &Program, status: u16) {
    let api = program.api();
    let song = song(1.0, 44_100).wav_16();
    let one = Api::problem(api.upload_raw("a.wav", song.clone(), "identity").await).await;
    let begin = api.request(Method::POST, "/api/v1/uploads").header("Tus-Resumable", "1.0.0");
    let begin = begin.header("Content-Type", "application/offset+octet-stream");
    let begin = begin.header("Upload-Length", song.len()).body(song).send().await.expect("an answer");
    for (found, title, detail) in [one, Api::problem(begin).await] {
        assert_eq!(found, status, "{title}: {detail}");
        assert!(
            detail.ends_with('.') && !detail.contains("server failed") && !detail.contains("/"),
            "{detail}"
        );
    }
}

async fn works(api: &Api) {
    let song = song(1.0, 44_100);
    let track = api.accepted("a.wav", song.wav_float(), "identity").await;
    api.until_state(&track, "done").await;
    let stem = Sound::from_wav(&api.stem(&track, "instrumental.wav?bits=float").await);
    assert!(stem.bits() == song.bits());
}

#[tokio::test]
async fn a_store_that_is_gone_is_told_and_taken_up_again() {
    let program = Program::start(Settings::default());
    let api = program.api();
    works(&api).await;
    let store = program.store();
    for gone in [store.clone(), store.join("tracks"), store.join("incoming"), store.join("karaoke.sqlite")] {
        let away = store.with_extension("away");
        std::fs::rename(&gone, &away).expect("moved");
        let detail = not_ready(&api).await;
        assert!(detail.contains("store") && !detail.contains(&store.display().to_string()), "{detail}");
        refused(&program, 503).await;
        std::fs::rename(&away, &gone).expect("moved back");
        ready(&api).await;
        works(&api).await;
    }
    let log = program.log();
    assert_eq!(log.matches("the store cannot be written").count(), 4, "once for each time");
    assert_eq!(log.matches("the store can be written again").count(), 4);
    assert!(!log.contains("panicked"));
}

#[tokio::test]
async fn a_store_that_may_only_be_read_or_is_full_is_told_and_taken_up_again() {
    if !can_have_own_disk() {
        eprintln!("skipped: this machine gives no process a disk of its own");
        return;
    }
    let program = Program::start(Settings::default().disk_mb(24));
    let api = program.api();
    works(&api).await;
    within(&program, "mount -t tmpfs -o ro tmpfs \"$1/incoming\"");
    let detail = not_ready(&api).await;
    assert!(detail.contains("Read-only"), "{detail}");
    refused(&program, 503).await;
    within(&program, "umount \"$1/incoming\"");
    ready(&api).await;

    within(&program, "cat /dev/zero > \"$1/filler\" 2> /dev/null || true");
    assert!(not_ready(&api).await.contains("full"));
    refused(&program, 507).await;
    within(&program, "rm \"$1/filler\"");
    ready(&api).await;
    works(&api).await;
}

/// What `karaoke up` says when it does not start on a store.
fn start_fails(store: &Path) -> String {
    let mut command = command(&Settings::default());
    let out =
        command.env("KARAOKE__STORE__DIR", store).args(["up", "--port", "0"]).output().expect("it runs");
    let stderr = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr.lines().last().expect("a line").to_owned()
}

#[tokio::test]
async fn a_damaged_or_lost_database_ends_the_start_with_what_to_do_and_removes_nothing() {
    let program = Program::start(Settings::default());
    works(&program.api()).await;
    let dir = program.stop();
    let store = dir.path().join("store");
    let database = store.join("karaoke.sqlite");
    let whole = std::fs::read(&database).expect("a database");
    let kept = || std::fs::read_dir(store.join("tracks")).expect("a folder").count();
    assert_eq!(kept(), 1);
    let mut torn = whole.clone();
    torn[4096..].fill(0xa5);
    for damage in
        [b"This is no database, however long one looks at it.".to_vec(), torn, whole[..9000].to_vec()]
    {
        std::fs::write(&database, damage).expect("written");
        let said = start_fails(&store);
        assert!(said.contains("damaged") && said.contains("`karaoke backup`"), "{said}");
        assert_eq!(kept(), 1);
    }
    for lost in [Some(Vec::new()), None] {
        match lost {
            Some(bytes) => std::fs::write(&database, bytes).expect("written"),
            None => std::fs::remove_file(&database).expect("removed"),
        }
        let said = start_fails(&store);
        assert!(said.contains("no database") && said.contains("`karaoke backup`"), "{said}");
        assert_eq!(kept(), 1, "songs were removed");
    }
    std::fs::write(&database, whole).expect("written");
    let doctor =
        command(&Settings::default()).env("KARAOKE__STORE__DIR", &store).args(["doctor", "--json"]).output();
    let report: serde_json::Value = serde_json::from_slice(&doctor.expect("it runs").stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings").clone();
    assert!(findings.iter().any(|f| f["name"] == "database" && f["verdict"] == json!("ok")), "{report}");
}
