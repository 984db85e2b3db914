//! Resumable uploads (tus 1.0.0): what has arrived stays, whatever dies, and becomes the same track.

use karaoke_tests::program::can_have_own_disk;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings, api::Track};
use reqwest::{Method, RequestBuilder, Response};
use sha1::Digest;
use std::io::Write;

const UPLOADS: &str = "/api/v1/uploads";

fn tus(api: &Api, method: Method, path: &str) -> RequestBuilder {
    api.request(method, path).header("Tus-Resumable", "1.0.0")
}

/// Sends what comes next of an upload.
pub fn patch(api: &Api, path: &str, offset: usize, bytes: &[u8]) -> RequestBuilder {
    tus(api, Method::PATCH, path)
        .header("Upload-Offset", offset)
        .header("Content-Type", "application/offset+octet-stream")
        .body(bytes.to_vec())
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

fn base64(text: &str) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, text)
}

fn creation(api: &Api, name: &str, length: usize, model: &str) -> RequestBuilder {
    let metadata = format!("filename {},model {}", base64(name), base64(model));
    tus(api, Method::POST, UPLOADS).header("Upload-Length", length).header("Upload-Metadata", metadata)
}

/// Begins an upload and gives its address.
async fn begin(api: &Api, name: &str, length: usize, model: &str) -> String {
    let created = answer(creation(api, name, length, model)).await;
    assert_eq!(created.status(), 201, "{}", created.text().await.unwrap());
    assert!(created.headers().contains_key("upload-expires"));
    created.headers()["location"].to_str().expect("an address").to_owned()
}

/// Where the upload stands, by HEAD.
pub async fn offset(api: &Api, path: &str) -> usize {
    let head = answer(tus(api, Method::HEAD, path)).await;
    assert_eq!(
        (head.status().as_u16(), &head.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    head.headers()["upload-offset"].to_str().unwrap().parse().unwrap()
}

/// The track that an upload has become.
pub async fn track_of(api: &Api, path: &str) -> Track {
    let body = api.json(api.request(Method::GET, path)).await;
    let text = |key: &str| body[key].as_str().unwrap_or_else(|| panic!("{key}: {body}")).to_owned();
    Track { id: text("id"), passcode: text("passcode") }
}

fn partials(program: &Program) -> usize {
    std::fs::read_dir(program.store().join("partial")).expect("a folder").count()
}

/// Sends the head of a PATCH and some of its body, and leaves the connection open.
fn send_some(program: &Program, path: &str, at: usize, length: usize, bytes: &[u8]) -> std::net::TcpStream {
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut socket = std::net::TcpStream::connect(program.url.trim_start_matches("http://")).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(bytes).unwrap();
    socket
}

#[tokio::test]
async fn killed_in_the_middle_of_an_upload_it_goes_on_and_the_track_is_the_same_bit_for_bit() {
    let song = song(30.0, 44_100).wav_float();
    let mut program = Program::start(Settings::default());
    let plain = program.api().accepted("song.wav", song.clone(), "centre").await;
    program.api().until_state(&plain, "done").await;
    let path = begin(&program.api(), "Größe.wav", song.len(), "centre").await;
    let mut at = 0;
    for part in [1_500_000, 4_500_000, 2_000_000] {
        // More is announced than comes before the server dies.
        let socket = send_some(&program, &path, at, song.len() - at, &song[at..at + part]);
        let api = program.api();
        let sent = std::cell::Cell::new(at + part);
        let safe = until("some of it is safe", || async {
            // Every two seconds, or eight megabytes, what has come is safe: a little more comes meanwhile.
            let more = &song[sent.get()..(sent.get() + 1000).min(song.len() - 1)];
            sent.set(sent.get() + more.len());
            let _ = (&socket).write_all(more);
            Some(offset(&api, &path).await).filter(|safe| *safe > at)
        })
        .await;
        let sent = sent.get();
        program = program.kill_and_restart();
        at = offset(&program.api(), &path).await;
        assert!(at >= safe && at <= sent, "{safe} were safe, {sent} were sent, and it stands at {at}");
    }
    let api = program.api();
    let last = answer(patch(&api, &path, at, &song[at..])).await;
    assert_eq!(last.status(), 204, "{}", last.text().await.unwrap());
    let track = track_of(&api, &path).await;
    assert_eq!(last.headers()["x-track-id"], &*track.id);
    assert_eq!(last.headers()["x-track-passcode"], &*track.passcode);
    assert!(last.headers()["set-cookie"].to_str().unwrap().starts_with(&format!("karaoke_{}=", track.id)));
    let view = api.until_state(&track, "done").await;
    assert_eq!((&view["file_name"], &view["model"]), (&"Größe.wav".into(), &"centre".into()));
    for stem in ["vocals.wav?bits=float", "instrumental.wav?bits=float"] {
        assert!(api.stem(&track, stem).await == api.stem(&plain, stem).await, "{stem} differs");
    }
    assert_eq!(partials(&program), 0);
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again_also_after_a_restart() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let wav = song(2.0, 44_100).wav_16();
    let path = begin(&api, "song.wav", wav.len(), "identity").await;
    assert_eq!(answer(patch(&api, &path, 0, &wav)).await.status(), 204);
    let first = track_of(&api, &path).await;
    let program = program.kill_and_restart();
    let api = program.api();
    let again = track_of(&api, &path).await;
    assert_eq!((&again.id, &again.passcode), (&first.id, &first.passcode));
    assert_eq!(offset(&api, &path).await, wav.len());
    assert_eq!(answer(patch(&api, &path, wav.len(), &[])).await.status(), 204, "to finish twice is fine");
    api.until_state(&again, "done").await;
    let stranger = path.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(answer(api.request(Method::GET, &stranger)).await.status(), 404);
    assert_eq!(answer(tus(&api, Method::DELETE, &path)).await.status(), 204, "withdrawn after all");
    assert_eq!(answer(api.about(Method::GET, &again, "")).await.status(), 404);
    assert_eq!(answer(tus(&api, Method::HEAD, &path)).await.status(), 404);
    assert_eq!(program.audio_files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_connection_that_breaks_off_leaves_what_came_and_one_that_hangs_makes_room() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let wav = song(20.0, 44_100).wav_16();
    let path = begin(&api, "song.wav", wav.len(), "identity").await;
    drop(send_some(&program, &path, 0, wav.len(), &wav[..700_000]));
    until("what came is safe", || async { (offset(&api, &path).await == 700_000).then_some(()) }).await;
    // A connection of which nothing comes any more, as after a tunnel; it is never closed.
    let hanging = send_some(&program, &path, 700_000, wav.len() - 700_000, &wav[700_000..900_000]);
    until("the next one may go on", || async {
        let at = offset(&api, &path).await;
        (answer(patch(&api, &path, at, &wav[at..])).await.status() == 204).then_some(())
    })
    .await;
    drop(hanging);
    let track = track_of(&api, &path).await;
    api.until_state(&track, "done").await;
    let plain = api.accepted("song.wav", wav, "identity").await;
    api.until_state(&plain, "done").await;
    let stem = "instrumental.wav?bits=float";
    assert!(api.stem(&track, stem).await == api.stem(&plain, stem).await);
}

#[tokio::test]
async fn one_writer_at_a_time() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let wav = song(20.0, 44_100).wav_16();
    let path = begin(&api, "song.wav", wav.len(), "identity").await;
    let socket = send_some(&program, &path, 0, wav.len(), &wav[..1000]);
    until("the first one writes", || async { (partials(&program) == 1).then_some(()) }).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let talking = std::thread::spawn({
        let (stop, wav, mut socket) = (stop.clone(), wav.clone(), socket.try_clone().unwrap());
        move || {
            let mut at = 1000;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) && at < wav.len() / 2 {
                socket.write_all(&wav[at..at + 100]).unwrap();
                at += 100;
                // Not to wait for anything: a slow connection.
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
        }
    });
    let problem = Api::problem(answer(patch(&api, &path, 0, &wav)).await).await;
    assert_eq!(problem.0, 423, "{problem:?}");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    talking.join().unwrap();
    drop(socket);
    until("it goes on", || async {
        let at = offset(&api, &path).await;
        (answer(patch(&api, &path, at, &wav[at..])).await.status() == 204).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_tus_asks_of_a_server_is_kept() {
    let program = Program::start(Settings::default().set("limits.upload_bytes", 1_000_000));
    let api = program.api();
    let offer = answer(api.request(Method::OPTIONS, UPLOADS)).await;
    let header = |name: &str| offer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((offer.status().as_u16(), header("tus-version")), (204, "1.0.0".into()));
    assert_eq!(header("tus-max-size"), "1000000");
    for extension in ["creation", "creation-with-upload", "checksum", "expiration", "termination"] {
        assert!(header("tus-extension").split(',').any(|e| e == extension), "{extension}");
    }
    let wav = song(2.0, 44_100).wav_16();
    let old = answer(api.request(Method::POST, UPLOADS).header("Upload-Length", 9)).await;
    assert_eq!((old.status().as_u16(), &old.headers()["tus-version"]), (412, &"1.0.0".parse().unwrap()));
    let refusal = async |request: RequestBuilder| Api::problem(answer(request).await).await.0;
    let create = |length: &'static str| tus(&api, Method::POST, UPLOADS).header("Upload-Length", length);
    assert_eq!(refusal(create("1000001")).await, 413);
    assert_eq!(refusal(create("0")).await, 422);
    assert_eq!(refusal(create("-1")).await, 400);
    assert_eq!(refusal(tus(&api, Method::POST, UPLOADS).header("Upload-Defer-Length", 1)).await, 400);
    assert_eq!(refusal(create("9").header("Upload-Metadata", "filename %%")).await, 400);
    assert_eq!(refusal(creation(&api, "a.wav", 9, "nonsense")).await, 422);

    let path = begin(&api, "a.wav", wav.len(), "identity").await;
    let head = answer(tus(&api, Method::HEAD, &path)).await;
    assert!(head.headers()["upload-metadata"].to_str().unwrap().starts_with("filename "));
    assert_eq!(refusal(patch(&api, &path, 5, &wav[5..])).await, 409);
    assert_eq!(refusal(patch(&api, &path, 0, &[&wav[..], b"more"].concat())).await, 413);
    let plain =
        tus(&api, Method::PATCH, &path).header("Upload-Offset", 0).header("Content-Type", "text/plain");
    assert_eq!(refusal(plain.body("x")).await, 415);
    assert_eq!(offset(&api, &path).await, 0, "nothing of what was refused is kept");

    let half = wav.len() / 2;
    let sum = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, sha1::Sha1::digest(&wav[..half]));
    let summed =
        |sum: &str| patch(&api, &path, 0, &wav[..half]).header("Upload-Checksum", format!("sha1 {sum}"));
    assert_eq!(refusal(summed("AAAA")).await, 460);
    assert_eq!(offset(&api, &path).await, 0, "a damaged part is not kept");
    assert_eq!(answer(summed(&sum)).await.status(), 204);
    let rest = patch(&api, &path, half, &wav[half..]).build().unwrap();
    let overridden = tus(&api, Method::POST, &path).headers(rest.headers().clone());
    let last = answer(overridden.header("X-HTTP-Method-Override", "PATCH").body(wav[half..].to_vec())).await;
    assert_eq!((last.status().as_u16(), &last.headers()["upload-offset"]), (204, &wav.len().into()));
    api.until_state(&track_of(&api, &path).await, "done").await;

    let whole = creation(&api, "b.wav", wav.len(), "identity");
    let whole = whole.header("Content-Type", "application/offset+octet-stream").body(wav.clone());
    let created = answer(whole).await;
    assert_eq!((created.status().as_u16(), &created.headers()["upload-offset"]), (201, &wav.len().into()));
    let path = created.headers()["location"].to_str().unwrap().to_owned();
    api.until_state(&track_of(&api, &path).await, "done").await;
}

#[tokio::test]
async fn what_is_no_song_is_refused_as_soon_as_that_is_known_and_leaves_nothing() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let jpeg = [b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01".as_slice(), &[7; 5000]].concat();
    let path = begin(&api, "song.mp3", 400_000_000, "identity").await;
    let problem = Api::problem(answer(patch(&api, &path, 0, &jpeg)).await).await;
    assert_eq!(problem.0, 415, "{problem:?}");
    let again = Api::problem(answer(api.request(Method::GET, &path)).await).await;
    assert_eq!(again, problem, "who missed the answer is told again");
    let cut = song(5.0, 44_100).wav_16()[..200_000].to_vec();
    let path = begin(&api, "cut.wav", cut.len(), "identity").await;
    let problem = Api::problem(answer(patch(&api, &path, 0, &cut)).await).await;
    assert_eq!(problem.0, 422, "{problem:?}");
    let program = program.kill_and_restart();
    let api = program.api();
    assert_eq!(Api::problem(answer(api.request(Method::GET, &path)).await).await, problem);
    assert_eq!((partials(&program), program.audio_files().len()), (0, 0));
}

#[tokio::test]
async fn unfinished_uploads_are_bounded_called_off_and_forgotten() {
    let settings =
        Settings::default().set("limits.unfinished_uploads", 2).set("limits.unfinished_bytes", 1000);
    let mut program = Program::start(settings);
    let api = program.api();
    let first = begin(&api, "a.wav", 600, "identity").await;
    let full = answer(creation(&api, "b.wav", 500, "identity")).await;
    assert!(full.headers().contains_key("retry-after"));
    assert_eq!(Api::problem(full).await.0, 503);
    let second = begin(&api, "b.wav", 400, "identity").await;
    assert_eq!(Api::problem(answer(creation(&api, "c.wav", 0, "identity")).await).await.0, 422);
    assert_eq!(answer(patch(&api, &first, 0, &[1; 100])).await.status(), 204);
    assert_eq!(answer(tus(&api, Method::DELETE, &first)).await.status(), 204);
    assert_eq!(answer(tus(&api, Method::HEAD, &first)).await.status(), 404);
    assert_eq!(answer(patch(&api, &second, 0, &[1; 100])).await.status(), 204);
    assert_eq!(partials(&program), 1);
    std::fs::write(program.store().join("partial/orphan"), b"x").unwrap();
    program = program.kill_and_restart();
    assert_eq!((offset(&program.api(), &second).await, partials(&program)), (100, 1));
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_expires() {
    let program = Program::start(Settings::default().set("limits.unfinished_hours", 0.0001));
    let api = program.api();
    let path = begin(&api, "a.wav", 600, "identity").await;
    assert_eq!(answer(patch(&api, &path, 0, &[1; 100])).await.status(), 204);
    until("its time is over", || async {
        (answer(tus(&api, Method::HEAD, &path)).await.status() == 404).then_some(())
    })
    .await;
    let program = program.kill_and_restart();
    until("its bytes are gone", || async { (partials(&program) == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_full_house_keeps_what_came_until_there_is_room() {
    let settings = Settings::default().set("limits.active_tracks", 1).set("simulation.window_seconds", 0.5);
    let program = Program::start(settings);
    let api = program.api();
    let wav = song(1.0, 44_100).wav_16();
    let path = begin(&api, "b.wav", wav.len(), "identity").await;
    let first = api.accepted("a.wav", song(60.0, 44_100).wav_16(), "identity").await;
    assert_eq!(Api::problem(answer(patch(&api, &path, 0, &wav)).await).await.0, 503);
    assert_eq!(offset(&api, &path).await, wav.len());
    api.json(api.about(Method::POST, &first, "/cancel")).await;
    assert_eq!(answer(patch(&api, &path, wav.len(), &[])).await.status(), 204);
    api.until_state(&track_of(&api, &path).await, "done").await;
}

#[tokio::test]
async fn a_full_disk_keeps_what_can_be_gone_on_with_and_no_more() {
    if !can_have_own_disk() {
        eprintln!("skipped: this machine gives no process a disk of its own");
        return;
    }
    let program = Program::start(Settings::default().disk_mb(24));
    let api = program.api();
    let large: Vec<u8> = Sound { rate: 44_100, samples: song(100.0, 44_100).samples }.wav_float();
    let refused = tus(&api, Method::POST, "/api/v1/uploads").header("upload-length", large.len());
    assert_eq!(Api::problem(answer(refused).await).await.1, "No room", "known at the beginning");
    // Both fit when they begin, and not together.
    let (song, other) = (&large[..16_000_000], &large[..14_000_000]);
    let path = begin(&api, "song.wav", song.len(), "centre").await;
    let half = 8_000_000;
    assert_eq!(answer(patch(&api, &path, 0, &song[..half])).await.status(), 204);
    let beside = begin(&api, "other.wav", other.len(), "centre").await;
    assert_eq!(answer(patch(&api, &beside, 0, &other[..12_000_000])).await.status(), 204);
    let problem = Api::problem(answer(patch(&api, &path, half, &song[half..])).await).await;
    assert_eq!(problem.0, 507, "{problem:?}");
    let at = offset(&api, &path).await;
    assert!(at >= half && at < song.len(), "{at}");
    // What was aborted makes room.
    for path in [&path, &beside] {
        assert_eq!(answer(tus(&api, Method::DELETE, path)).await.status(), 204);
    }
    let small = karaoke_tests::sound::song(10.0, 44_100).wav_16();
    let small = api.accepted("small.wav", small, "centre").await;
    api.until_state(&small, "done").await;
}
