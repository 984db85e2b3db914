//! Reloading the page, and stopping and removing songs.

use crate::page::{Page, long_song, short_song};

#[test]
fn songs_are_restored_after_a_reload() {
    let page = Page::quick();
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    page.browser.reload();
    page.until_card("My Song", "Ready to sing");
    assert!(page.chunk_cells().iter().all(|name| name.contains("done")));
    page.browser.find("button", "Play My Song").click();
    page.browser.until("audioProbe.playing[0]?.currentTime > 0.1");
    let shifts = page.browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts < 0.01, "the page jumped while it came back: {shifts}");
}

#[test]
fn a_song_is_stopped_and_removed() {
    let page = Page::slow();
    page.upload("Long Song.wav", &long_song().wav_16());
    page.until_card("Long Song", "Taking out the singer");
    let stopped = || page.card("Long Song").text().contains("Stopped before the end");
    page.press_and_confirm("Stop Long Song", "Really stop? Long Song", stopped);
    assert!(page.browser.look_for("button", "Stop Long Song").is_none());

    let gone = || page.browser.look_for("article", "Long Song").is_none();
    page.press_and_confirm("Remove Long Song", "Remove for good? Long Song", gone);
    assert_eq!(page.browser.focused(), "Choose songs");
    karaoke_tests::wait::until_sync("nothing of it stays behind", || {
        page.program.audio_files().is_empty().then_some(())
    });
    page.browser.reload();
    assert!(page.browser.all("article").is_empty());
}
