//! Coming back, stopping, removing.

use crate::stage::{Stage, long_song, short_song};

#[test]
fn songs_are_still_there_after_a_reload() {
    let stage = Stage::quick();
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Ready to sing");
    stage.browser.reload();
    stage.until_card("My Song", "Ready to sing");
    assert!(stage.lamps().iter().all(|name| name.contains("done")));
    stage.browser.find("button", "Play My Song").click();
    stage.browser.until("audioProbe.playing[0]?.currentTime > 0.1");
    let shifts = stage.browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts < 0.01, "the page jumped while it came back: {shifts}");
}

#[test]
fn a_song_is_stopped_halfway_and_removed_for_good() {
    let stage = Stage::slow();
    stage.hand_in("Long Song.wav", &long_song().wav_16());
    stage.until_card("Long Song", "Taking out the singer");
    let stopped = || stage.card("Long Song").text().contains("Stopped before the end");
    stage.press_twice("Stop Long Song", "Really stop? Long Song", stopped);
    assert!(stage.browser.look_for("button", "Stop Long Song").is_none());

    let gone = || stage.browser.look_for("article", "Long Song").is_none();
    stage.press_twice("Remove Long Song", "Remove for good? Long Song", gone);
    assert_eq!(stage.browser.focused(), "Choose songs");
    karaoke_tests::wait::until_sync("nothing of it stays behind", || {
        stage.program.audio_files().is_empty().then_some(())
    });
    stage.browser.reload();
    assert!(stage.browser.all("article").is_empty());
}
