//! Uploads over a bad connection: the page goes on by itself, and says so.

use crate::stage::{Stage, long_song, short_song};
use karaoke_tests::sound::Sound;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Api, Browser, Program, Settings};
use std::path::Path;

/// So that a song of some megabytes takes some seconds, and something can happen to it on its way.
const SLOW: f64 = 1.5e6;

fn stage() -> Stage {
    let stage = Stage::quick();
    stage.browser.throttle_uploads(SLOW);
    stage
}

fn choose(browser: &Browser, path: &Path) {
    let button = browser.find("button", "Choose songs");
    browser.choose_files(&[path], || button.click());
}

/// Waits until some of the song has reached the server's disk.
fn until_some_is_there(program: &Program) {
    until_sync("some of it is there", || {
        let parts = std::fs::read_dir(program.store().join("partial")).ok()?.flatten();
        parts.filter_map(|part| part.metadata().ok()).any(|part| part.len() > 1_000_000).then_some(())
    });
}

/// The song that the browser handed in sounds, bit for bit, as the same file handed in whole.
fn check_sound(stage: &Stage, song: &Sound) {
    let here = stage.browser.js(
        "(async () => {
            const { id, passcode } = JSON.parse(localStorage.getItem('karaoke.tracks'))[0];
            const answer = await fetch(`/api/v1/tracks/${id}/stems/instrumental.wav`, { headers: { 'X-Track-Passcode': passcode } });
            const hash = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer());
            return [...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, '0')).join('');
        })()",
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let plain = runtime.block_on(async {
        let api = Api::new(&stage.program.url);
        let track = api.accepted("plain.wav", song.wav_16(), "identity").await;
        api.until_state(&track, "done").await;
        api.stem(&track, "instrumental.wav").await
    });
    assert_eq!(here, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(plain)));
}

#[test]
fn a_connection_lost_in_mid_upload_comes_back_by_itself() {
    let stage = stage();
    let song = long_song();
    stage.hand_in("My Song.wav", &song.wav_16());
    stage.until_card("My Song", "MB/s");
    stage.until_card("My Song", " left");
    until_some_is_there(&stage.program);
    stage.browser.go_offline();
    stage.until_card("My Song", "Connection lost");
    stage.browser.picture("upload-lost");
    stage.browser.go_online();
    stage.until_card("My Song", "Ready to sing");
    assert_eq!(stage.browser.asked("POST", "/api/v1/uploads"), 1, "it went on where it was");
    check_sound(&stage, &song);
}

#[test]
fn a_server_killed_in_mid_upload_is_gone_on_with() {
    let mut stage = stage();
    let song = long_song();
    stage.hand_in("My Song.wav", &song.wav_16());
    until_some_is_there(&stage.program);
    stage.program.kill();
    stage.until_card("My Song", "Connection lost");
    stage.program.restart();
    stage.until_card("My Song", "Ready to sing");
    assert_eq!(stage.browser.asked("POST", "/api/v1/uploads"), 1, "it went on where it was");
    check_sound(&stage, &song);
}

#[test]
fn the_same_file_chosen_again_after_a_reload_goes_on() {
    let stage = stage();
    let path = stage.file("My Song.wav", &long_song().wav_16());
    choose(&stage.browser, &path);
    until_some_is_there(&stage.program);
    stage.browser.reload();
    assert!(stage.browser.all("article").is_empty());
    stage.browser.until("document.body.innerText.includes('“My Song.wav” has arrived to ')");
    choose(&stage.browser, &path);
    stage.until_card("My Song", "Uploading");
    stage.browser.go_online();
    stage.until_card("My Song", "Ready to sing");
    assert_eq!(stage.browser.asked("POST", "/api/v1/uploads"), 1, "it went on where it was");
    check_sound(&stage, &long_song());
}

#[test]
fn a_song_whose_answer_was_lost_with_the_page_is_there_at_the_next_visit() {
    let stage = Stage::quick();
    let song = short_song();
    // The answer to the last part never reaches the page, as in a tunnel.
    stage.browser.js("(() => {
            const send = XMLHttpRequest.prototype.send;
            XMLHttpRequest.prototype.send = function (body) {
                if (body) this.onload = null;
                return send.call(this, body);
            };
        })()");
    stage.hand_in("My Song.wav", &song.wav_16());
    until_sync("it has become a track", || {
        (std::fs::read_dir(stage.program.store().join("tracks")).ok()?.count() == 1).then_some(())
    });
    stage.browser.reload();
    stage.until_card("My Song", "Ready to sing");
    check_sound(&stage, &song);
    stage.browser.reload();
    stage.until_card("My Song", "Ready to sing");
    assert_eq!(stage.browser.all("article").len(), 1);
}

#[test]
fn a_song_is_pasted() {
    let stage = Stage::quick();
    let bytes = serde_json::to_string(&short_song().wav_16()).expect("JSON");
    stage.browser.js(&format!(
        "(() => {{
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([new Uint8Array({bytes})], 'Pasted.wav', {{ type: 'audio/wav' }}));
            document.body.dispatchEvent(new ClipboardEvent('paste', {{ clipboardData, bubbles: true }}));
        }})()"
    ));
    stage.until_card("Pasted", "Ready to sing");
}

#[test]
fn an_upload_that_is_stopped_is_forgotten_everywhere() {
    let stage = stage();
    stage.hand_in("My Song.wav", &long_song().wav_16());
    stage.hand_in("Next.wav", &short_song().wav_16());
    stage.until_card("Next", "Waiting to be uploaded");
    until_some_is_there(&stage.program);
    let gone = || stage.browser.look_for("article", "My Song").is_none();
    stage.press_twice("Stop My Song", "Really stop? My Song", gone);
    stage.browser.go_online();
    stage.until_card("Next", "Ready to sing");
    until_sync("nothing of it is kept", || {
        let kept = std::fs::read_dir(stage.program.store().join("partial")).expect("a folder").count();
        (kept == 0).then_some(())
    });
    stage.browser.until(
        "!localStorage.getItem('karaoke.uploads') || localStorage.getItem('karaoke.uploads') === '[]'",
    );
}

#[test]
fn songs_in_folders_are_found_however_deep() {
    let stage = Stage::quick();
    let dir = stage.browser.folder().join("Album");
    std::fs::create_dir_all(dir.join("Disc 2")).expect("folders");
    let wav = Sound { rate: 44_100, samples: short_song().samples[..88_200].to_vec() }.wav_16();
    for song in ["10 Last.wav", "9 First.wav", "Disc 2/1 Other.wav"] {
        std::fs::write(dir.join(song), &wav).expect("written");
    }
    std::fs::write(dir.join("cover.jpg"), b"\xff\xd8\xff").expect("written");
    std::fs::write(dir.join(".hidden.wav"), b"x").expect("written");
    stage.browser.drop_file(&dir);
    for song in ["10 Last", "9 First", "1 Other"] {
        stage.until_card(song, "Ready to sing");
    }
    stage.browser.until("document.body.innerText.includes('Of the folder “Album”, one file is no song')");
    let order: Vec<String> = stage.browser.all("article").into_iter().map(|(name, _)| name).collect();
    assert_eq!(order, ["9 First", "10 Last", "1 Other"], "as a person would list them");
    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_folder_can_be_chosen() {
    let stage = Stage::quick();
    let dir = stage.browser.folder().join("Album");
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join("song.wav"), short_song().wav_16()).expect("written");
    std::fs::write(dir.join("notes.txt"), b"la la").expect("written");
    let button = stage.browser.find("button", "Choose a folder");
    stage.browser.choose_files(&[&dir], || button.click());
    stage.until_card("song", "Ready to sing");
    stage.browser.until("document.body.innerText.includes('Of the folder “Album”, one file is no song')");
}

#[test]
fn a_server_that_takes_only_forms_gets_one() {
    let stage = Stage::with(Settings::default().set("models.default", "identity"));
    // As behind a proxy that knows nothing of uploads in parts.
    stage.browser.js("(() => {
            const open = XMLHttpRequest.prototype.open;
            XMLHttpRequest.prototype.open = function (method, url, ...rest) {
                return open.call(this, method, url.replace('/api/v1/uploads', '/api/v1/nothing'), ...rest);
            };
        })()");
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Ready to sing");
    assert_eq!(stage.browser.asked("POST", "/api/v1/tracks"), 1);
}
