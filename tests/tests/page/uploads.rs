//! Uploads: interrupted connections, resumption, folders, and the fallback to a form.

use crate::page::{Page, long_song, short_song};
use karaoke_tests::sound::Sound;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Api, Browser, Program, Settings};
use std::path::Path;

/// Bytes per second: a song of a few megabytes takes seconds, so that the upload can be interrupted.
const SLOW: f64 = 1.5e6;

fn page_with_slow_upload() -> Page {
    let page = Page::quick();
    page.browser.throttle_uploads(SLOW);
    page
}

fn choose(browser: &Browser, path: &Path) {
    let button = browser.find("button", "Choose songs");
    browser.choose_files(&[path], || button.click());
}

/// Waits until a part of the song is on the server's disk.
fn until_partly_uploaded(program: &Program) {
    until_sync("a part is on the disk", || {
        let parts = std::fs::read_dir(program.store().join("partial")).ok()?.flatten();
        parts.filter_map(|part| part.metadata().ok()).any(|part| part.len() > 1_000_000).then_some(())
    });
}

/// Asserts that the uploaded song gives the same stem, bit for bit, as the same file uploaded in one piece.
fn assert_same_audio(page: &Page, song: &Sound) {
    let here = page.browser.js(
        "(async () => {
            const { id, passcode } = JSON.parse(localStorage.getItem('karaoke.tracks'))[0];
            const answer = await fetch(`/api/v1/tracks/${id}/stems/instrumental.wav`, { headers: { 'X-Track-Passcode': passcode } });
            const hash = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer());
            return [...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, '0')).join('');
        })()",
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let plain = runtime.block_on(async {
        let api = Api::new(&page.program.url);
        let track = api.accepted("plain.wav", song.wav_16(), "identity").await;
        api.until_state(&track, "done").await;
        api.stem(&track, "instrumental.wav").await
    });
    assert_eq!(here, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(plain)));
}

#[test]
fn an_upload_resumes_after_a_lost_connection() {
    let page = page_with_slow_upload();
    let song = long_song();
    page.upload("My Song.wav", &song.wav_16());
    page.until_card("My Song", "MB/s");
    page.until_card("My Song", " left");
    until_partly_uploaded(&page.program);
    page.browser.go_offline();
    page.until_card("My Song", "Connection lost");
    page.browser.picture("upload-lost");
    page.browser.go_online();
    page.until_card("My Song", "Ready to sing");
    assert_eq!(page.browser.asked("POST", "/api/v1/uploads"), 1, "the upload was resumed");
    assert_same_audio(&page, &song);
}

#[test]
fn an_upload_resumes_after_the_server_was_killed() {
    let mut page = page_with_slow_upload();
    let song = long_song();
    page.upload("My Song.wav", &song.wav_16());
    until_partly_uploaded(&page.program);
    page.program.kill();
    page.until_card("My Song", "Connection lost");
    page.program.restart();
    page.until_card("My Song", "Ready to sing");
    assert_eq!(page.browser.asked("POST", "/api/v1/uploads"), 1, "the upload was resumed");
    assert_same_audio(&page, &song);
}

#[test]
fn an_upload_resumes_when_the_file_is_chosen_again_after_a_reload() {
    let page = page_with_slow_upload();
    let path = page.file("My Song.wav", &long_song().wav_16());
    choose(&page.browser, &path);
    until_partly_uploaded(&page.program);
    page.browser.reload();
    assert!(page.browser.all("article").is_empty());
    page.browser.until("document.body.innerText.includes('“My Song.wav” has arrived to ')");
    choose(&page.browser, &path);
    page.until_card("My Song", "Uploading");
    page.browser.go_online();
    page.until_card("My Song", "Ready to sing");
    assert_eq!(page.browser.asked("POST", "/api/v1/uploads"), 1, "the upload was resumed");
    assert_same_audio(&page, &long_song());
}

#[test]
fn a_completed_upload_with_a_lost_response_is_shown_after_a_reload() {
    let page = Page::quick();
    let song = short_song();
    // The response to the last part never reaches the page.
    page.browser.js("(() => {
            const send = XMLHttpRequest.prototype.send;
            XMLHttpRequest.prototype.send = function (body) {
                if (body) this.onload = null;
                return send.call(this, body);
            };
        })()");
    page.upload("My Song.wav", &song.wav_16());
    until_sync("the server has created the track", || {
        (std::fs::read_dir(page.program.store().join("tracks")).ok()?.count() == 1).then_some(())
    });
    page.browser.reload();
    page.until_card("My Song", "Ready to sing");
    assert_same_audio(&page, &song);
    page.browser.reload();
    page.until_card("My Song", "Ready to sing");
    assert_eq!(page.browser.all("article").len(), 1);
}

#[test]
fn a_pasted_file_is_uploaded() {
    let page = Page::quick();
    let bytes = serde_json::to_string(&short_song().wav_16()).expect("JSON");
    page.browser.js(&format!(
        "(() => {{
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([new Uint8Array({bytes})], 'Pasted.wav', {{ type: 'audio/wav' }}));
            document.body.dispatchEvent(new ClipboardEvent('paste', {{ clipboardData, bubbles: true }}));
        }})()"
    ));
    page.until_card("Pasted", "Ready to sing");
}

#[test]
fn a_stopped_upload_is_removed_from_page_and_server() {
    let page = page_with_slow_upload();
    page.upload("My Song.wav", &long_song().wav_16());
    page.upload("Next.wav", &short_song().wav_16());
    page.until_card("Next", "Waiting to be uploaded");
    until_partly_uploaded(&page.program);
    let gone = || page.browser.look_for("article", "My Song").is_none();
    page.press_and_confirm("Stop My Song", "Really stop? My Song", gone);
    page.browser.go_online();
    page.until_card("Next", "Ready to sing");
    until_sync("the partial file is deleted", || {
        let kept = std::fs::read_dir(page.program.store().join("partial")).expect("a folder").count();
        (kept == 0).then_some(())
    });
    page.browser.until(
        "!localStorage.getItem('karaoke.uploads') || localStorage.getItem('karaoke.uploads') === '[]'",
    );
}

#[test]
fn songs_in_nested_folders_are_uploaded_in_natural_order() {
    let page = Page::quick();
    let dir = page.browser.folder().join("Album");
    std::fs::create_dir_all(dir.join("Disc 2")).expect("folders");
    let wav = Sound { rate: 44_100, samples: short_song().samples[..88_200].to_vec() }.wav_16();
    for song in ["10 Last.wav", "9 First.wav", "Disc 2/1 Other.wav"] {
        std::fs::write(dir.join(song), &wav).expect("written");
    }
    std::fs::write(dir.join("cover.jpg"), b"\xff\xd8\xff").expect("written");
    std::fs::write(dir.join(".hidden.wav"), b"x").expect("written");
    page.browser.drop_file(&dir);
    for song in ["10 Last", "9 First", "1 Other"] {
        page.until_card(song, "Ready to sing");
    }
    page.browser.until("document.body.innerText.includes('Of the folder “Album”, one file is no song')");
    let order: Vec<String> = page.browser.all("article").into_iter().map(|(name, _)| name).collect();
    assert_eq!(order, ["9 First", "10 Last", "1 Other"], "natural order");
    assert_eq!(page.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_chosen_folder_is_uploaded() {
    let page = Page::quick();
    let dir = page.browser.folder().join("Album");
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join("song.wav"), short_song().wav_16()).expect("written");
    std::fs::write(dir.join("notes.txt"), b"la la").expect("written");
    let button = page.browser.find("button", "Choose a folder");
    page.browser.choose_files(&[&dir], || button.click());
    page.until_card("song", "Ready to sing");
    page.browser.until("document.body.innerText.includes('Of the folder “Album”, one file is no song')");
}

#[test]
fn uploads_fall_back_to_a_form() {
    let page = Page::with(Settings::default().set("models.default", "identity"));
    // As behind a proxy without support for resumable uploads.
    page.browser.js("(() => {
            const open = XMLHttpRequest.prototype.open;
            XMLHttpRequest.prototype.open = function (method, url, ...rest) {
                return open.call(this, method, url.replace('/api/v1/uploads', '/api/v1/nothing'), ...rest);
            };
        })()");
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    assert_eq!(page.browser.asked("POST", "/api/v1/tracks"), 1);
}
