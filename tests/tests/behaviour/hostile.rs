//! Two thousand requests that no honest client sends: none brings the server down, out of its mind or to talk.

mod requests;

use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings, Track};
use requests::{Dice, Hostile, Known, next};
use reqwest::Method;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

const SEED: u64 = 20_261_129;
const REQUESTS: usize = 2000;
const ROUND: usize = 400;
const AT_ONCE: usize = 4;

/// What no answer may tell: of the machine, of the program, of somebody else's song.
const SECRETS: [&str; 9] = [
    "panicked",
    "RUST_BACKTRACE",
    ".rs:",
    "sqlite",
    "SQLITE",
    "/tmp/",
    "/root/",
    "root:x:0",
    "Somebody Else",
];

/// What is answered until the connection is closed, or nothing more comes.
fn ask(address: &str, hostile: &Hostile) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(if hostile.is_whole { 20 } else { 2 })))
        .expect("a timeout");
    // The server may have closed before all of it is sent.
    let _ = stream.write_all(&hostile.bytes);
    if !hostile.is_whole {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said
}

/// What an answer gives away, or what the server could not do.
fn fault(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(said);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    if status >= 500 && ![503, 507].contains(&status) {
        return Some(format!("it answers {status}"));
    }
    if head.to_lowercase().contains("\r\nx-injected") {
        return Some("a header came through".into());
    }
    SECRETS.into_iter().find(|secret| text.contains(secret)).map(|secret| format!("it tells {secret:?}"))
}

/// Removes what a request has made after all.
async fn undo(api: &Api, said: &[u8]) {
    let text = String::from_utf8_lossy(said);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return };
    if let Some(place) = head.lines().find_map(|line| line.strip_prefix("location: /api/v1/uploads/")) {
        let request = api.request(Method::DELETE, &format!("/api/v1/uploads/{place}"));
        let _ = request.header("Tus-Resumable", "1.0.0").send().await;
    }
    if head.starts_with("HTTP/1.1 202") {
        let accepted: Value = serde_json::from_str(body).expect("JSON");
        let text = |name: &str| accepted[name].as_str().expect(name).to_owned();
        let track = Track { id: text("id"), passcode: text("passcode") };
        assert_eq!(api.about(Method::DELETE, &track, "").send().await.expect("an answer").status(), 204);
    }
}

/// Sends so many of them, several at once.
async fn attack(program: &Program, known: &Known, seed: u64, count: usize) {
    let address = program.url.trim_start_matches("http://");
    let faults = std::sync::Mutex::new(Vec::new());
    let answers = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for lane in 0..AT_ONCE {
            let (faults, answers) = (&faults, &answers);
            scope.spawn(move || {
                let mut dice = Dice::new(seed + lane as u64);
                for i in 0..count / AT_ONCE {
                    let hostile = next(&mut dice, known);
                    let said = ask(address, &hostile);
                    if let Some(fault) = fault(&said) {
                        let (sent, said) =
                            (String::from_utf8_lossy(&hostile.bytes), String::from_utf8_lossy(&said));
                        let (sent, said): (String, String) =
                            (sent.chars().take(600).collect(), said.chars().take(900).collect());
                        faults
                            .lock()
                            .expect("faults")
                            .push(format!("{} {lane}.{i}: {fault}\n{sent}\n->\n{said}", hostile.kind));
                    }
                    answers.lock().expect("answers").push(said);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("faults");
    assert!(faults.is_empty(), "{} faults, the first: {}", faults.len(), faults[0]);
    let answers = answers.into_inner().expect("answers");
    let heard = answers.iter().filter(|said| said.starts_with(b"HTTP/1.1 ")).count();
    assert!(heard > count / 2, "{heard} of {count} were answered");
    for said in answers {
        undo(&program.api(), &said).await;
    }
}

/// Descriptors, and bytes of memory.
fn size(program: &Program) -> (usize, u64) {
    let proc = PathBuf::from(format!("/proc/{}", program.pid()));
    let status = std::fs::read_to_string(proc.join("status")).expect("a status");
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kb: u64 = rss.trim().trim_end_matches(" kB").parse().expect("a number");
    (std::fs::read_dir(proc.join("fd")).expect("descriptors").count(), kb << 10)
}

async fn done(api: &Api, name: &str, song: &Sound) -> Track {
    let track = api.accepted(name, song.wav_float(), "identity").await;
    api.until_state(&track, "done").await;
    track
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_hostile_requests_change_nothing() {
    let settings = Settings::default().set("http.header_timeout_s", 5).set("http.admin_key", "admin-key");
    let program = Program::start(settings.variable("RUST_LOG", "info"));
    let api = program.api();
    let song = song(1.0, 44_100);
    done(&api, "Somebody Else.wav", &song).await;
    let open = done(&api, "open.wav", &song).await;
    let known =
        Known { id: open.id.clone(), passcode: open.passcode.clone(), wav: song.wav_16()[..9000].to_vec() };
    attack(&program, &known, 1, ROUND).await;
    let slow: Vec<TcpStream> = (0..50)
        .map(|i| {
            let mut stream =
                TcpStream::connect(program.url.trim_start_matches("http://")).expect("a connection");
            let sent: &[u8] = if i % 2 == 0 {
                b"GET / HTTP/1.1\r\nX-Slow: "
            } else {
                b"POST /api/v1/tracks HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"
            };
            stream.write_all(sent).expect("sent");
            stream
        })
        .collect();
    let (descriptors, bytes) = size(&program);
    attack(&program, &known, SEED, REQUESTS).await;
    drop(slow);
    until("descriptors are given back", || async { (size(&program).0 <= descriptors).then_some(()) }).await;
    let after = size(&program).1;
    assert!(after < bytes + bytes / 2 + (64 << 20), "from {bytes} to {after} bytes");
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(program.store().join(folder)).expect("a folder").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    until("nothing is left of them", || async {
        (names("incoming").is_empty() && names("partial").is_empty() && names("tracks").len() == 2)
            .then_some(())
    })
    .await;
    let log = program.log();
    assert!(!log.contains("panicked") && !log.contains("internal error"), "{log}");
    done(&api, "after.wav", &song).await;
    let stem = Sound::from_wav(&api.stem(&open, "instrumental.wav?bits=float").await);
    assert!(stem.bits() == song.bits());
}
