//! Singing while the song is still being separated.

use crate::stage::{Stage, long_song};

#[test]
fn one_sings_while_the_rest_is_on_its_way_and_jumps_ahead() {
    let stage = Stage::slow();
    let browser = &stage.browser;
    stage.hand_in("Long Song.wav", &long_song().wav_16());
    browser.find("button", "Play Long Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.3");
    let level = browser.js("audioProbe.loudness(300)").as_f64().expect("a level");
    assert!(level > 0.005, "one hears the song: {level}");
    assert!(stage.card("Long Song").text().contains("Taking out the singer"), "while it is being separated");

    let lamps = stage.lamps();
    let far = &lamps[lamps.len() * 3 / 4];
    assert!(is_dark(far), "{far}");
    browser.find("button", far).click();
    browser.until("audioProbe.playing[0]?.currentTime > 40");
    let begun = browser.js("audioProbe.playing[0].currentTime").as_f64().expect("a time");
    browser.until(&format!("audioProbe.playing[0]?.currentTime > {begun} + 0.1"));
    let lamps = stage.lamps();
    assert!(lamps.iter().any(|name| is_dark(name)), "the part chosen came before all others: {lamps:?}");
}

/// Whether nothing of a part, or of the parts that share its lamp, is done.
fn is_dark(lamp: &str) -> bool {
    lamp.contains(": not begun") || lamp.contains(": 0 of ")
}
